/*
 * Bytes that somebody else owns: a pointer and a length. The only shape in which bytes from outside travel
 * through this program. A span is not NUL-terminated and may hold NUL. An empty span may have ptr NULL.
 */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
	const uint8_t *ptr;
	size_t len;
};

/* A span over a string literal (without its NUL). */
#define SPAN(lit) ((struct span){(const uint8_t *)("" lit), sizeof(lit) - 1})
#define SPAN_EMPTY ((struct span){NULL, 0})

/* A span over a NUL-terminated string of our own (argv, environment, table text); NULL gives the empty span. */
struct span span_from_cstr(const char *s);

static inline struct span
span_of(const void *ptr, size_t len)
{
	return (struct span){(const uint8_t *)ptr, len};
}

/* Equal bytes. Not constant time: for secrets use crypto_secret_equal(). */
bool span_eq(struct span a, struct span b);

/* Equal after folding ASCII A-Z to a-z. */
bool span_eq_nocase(struct span a, struct span b);

/* <0, 0, >0 by unsigned bytes, then length. */
int span_cmp(struct span a, struct span b);

bool span_starts_with(struct span s, struct span prefix);
bool span_ends_with(struct span s, struct span suffix);

/* The part of s from off, at most len bytes long; clipped to s (never out of bounds). */
struct span span_sub(struct span s, size_t off, size_t len);

/* Index of the first byte c (or of needle) in s, or -1. */
ptrdiff_t span_find_byte(struct span s, uint8_t c);
ptrdiff_t span_find(struct span s, struct span needle);

/* s without ASCII space, tab, CR, LF at both ends. */
struct span span_trim(struct span s);

/*
 * Cuts s at the first byte sep: returns what stands before it and leaves the rest (after sep) in *s.
 * Without sep returns all and leaves *s empty with ptr NULL.
 */
struct span span_cut(struct span *s, uint8_t sep);

/*
 * Decimal numbers from outside: the whole span must be digits (a leading '-' for i64), no sign otherwise, no
 * space, no leading zero but "0" itself, within [min, max]. 0, ERR_SYNTAX or ERR_RANGE; *out only set on 0.
 */
int span_to_u64(struct span s, uint64_t min, uint64_t max, uint64_t *out);
int span_to_i64(struct span s, int64_t min, int64_t max, int64_t *out);

/* Copies s with a NUL into dst; ERR_TOOBIG when it does not fit, ERR_SYNTAX when s holds a NUL. */
int span_to_cstr(struct span s, char *dst, size_t cap);

#endif
