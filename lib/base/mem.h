/*
 * Memory. Running out of memory for our own bookkeeping ends the process (it is restarted by its supervisor);
 * sizes chosen by outsiders go through a buf or an arena with a cap and an error path.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

/* Zeroed memory for n objects of size bytes; ends the process when there is none. Caller frees with free(). */
void *mem_alloc(size_t n, size_t size) __attribute__((malloc, alloc_size(1, 2), returns_nonnull));

/* Grows p to n objects of size bytes (new bytes are not zeroed); ends the process when there is none. */
void *mem_grow(void *p, size_t n, size_t size) __attribute__((alloc_size(2, 3), returns_nonnull));

/*
 * At the beginning of a program: the first bytes of the heap get their pages at once. One by one, each costs a fault, which takes
 * many times as long as the page. Beyond them the heap grows by what is needed, and a large table comes fresh from the kernel.
 */
void mem_heap_ahead(size_t bytes);

/* A copy with a NUL behind it (not counted). Caller frees. */
uint8_t *mem_copy(struct span s) __attribute__((malloc, returns_nonnull));

/* Growable bytes with a cap. Zero-initialised plus max is valid: struct buf b = {.max = N}. */
struct buf {
	uint8_t *ptr;
	size_t len;
	size_t cap;
	size_t max; /* never longer than this */
	int err;    /* sticky: the first ERR_TOOBIG; every later put does nothing */
};

void buf_init(struct buf *b, size_t max);
void buf_clear(struct buf *b); /* frees, keeps max, resets err; legal on a zeroed buf */
void buf_reset(struct buf *b); /* len 0, keeps memory, resets err */

/* Append; 0 or ERR_TOOBIG (also remembered in b->err, so a run of puts may be checked once at its end). */
int buf_put(struct buf *b, struct span s);
int buf_put_u8(struct buf *b, uint8_t v);
int buf_put_cstr(struct buf *b, const char *s);
int buf_put_u64_dec(struct buf *b, uint64_t v);
int buf_put_i64_dec(struct buf *b, int64_t v);
int buf_put_hex(struct buf *b, struct span s);
/* Formats of our own only; never a format from outside. */
int buf_put_fmt(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Room for at least n more bytes: returns where to write, NULL with ERR_TOOBIG. Follow with buf_added(). */
uint8_t *buf_room(struct buf *b, size_t n);
void buf_added(struct buf *b, size_t n);

/* Drops the first n bytes. */
void buf_consume(struct buf *b, size_t n);

static inline struct span
buf_span(const struct buf *b)
{
	return span_of(b->ptr, b->len);
}

/*
 * An arena: many small allocations freed together. Chunks come from malloc; total is capped by max, because
 * what is put into an arena mostly comes from outside.
 */
struct arena_chunk;
struct arena {
	struct arena_chunk *head;
	size_t used;
	size_t max;
};

void arena_init(struct arena *a, size_t max);
void arena_clear(struct arena *a); /* frees everything; the arena can be used again */

/* Zeroed, 16-byte aligned; NULL when the arena's max would be passed (n * size is checked). */
void *arena_alloc(struct arena *a, size_t n, size_t size);
/* A copy of s in the arena with a NUL behind it; .ptr NULL (and .len 0) when there is no room. */
struct span arena_copy(struct arena *a, struct span s);

#endif
