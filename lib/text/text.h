/* Small things about text for people: letter case, suggestions, durations and sizes. */
#ifndef TEXT_TEXT_H
#define TEXT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/span.h"

/* ASCII only; every other byte stays. */
static inline uint8_t
text_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

/* Appends s with A-Z folded to a-z. 0 or ERR_TOOBIG. */
int text_lower_put(struct buf *out, struct span s);

/*
 * How many bytes must be inserted, deleted, replaced or swapped with their neighbour to make b of
 * a, without regard to ASCII case; max + 1 when more than max or when one is longer than
 * EDIT_DISTANCE_MAX.
 */
unsigned text_edit_distance(struct span a, struct span b, unsigned max);

/*
 * The candidate nearest to what was typed, for "did you mean": its index, or -1 when none is within
 * a third of the typed length (at least 1). The first of equals.
 */
ptrdiff_t text_nearest(struct span typed, const char *const *candidates, size_t n);

/*
 * Durations: "90s", "30m", "1h30m", "2d", "250ms", "1h 5s", units in falling order (d h m s ms),
 * each once, at least one; a plain number counts in default_unit_ms, which 0 forbids. 0, ERR_SYNTAX
 * or ERR_RANGE (above max_ms or 64 bits).
 */
int text_duration_parse(struct span s, uint64_t default_unit_ms, uint64_t max_ms, uint64_t *out_ms);
/* The same in shortest form, exact: "1h30m", "250ms", "0s". 0 or ERR_TOOBIG. */
int text_duration_put(struct buf *out, uint64_t ms);
/* For people: the two largest units, rounded down: "3d 4h", "5m", "12s", "<1s". */
int text_duration_put_short(struct buf *out, uint64_t ms);

/*
 * Sizes: a number and a unit: B, KiB, MiB, GiB, TiB (powers of 1024), KB, MB, GB, TB (powers of
 * 1000); case does not matter; k, m, g, t alone are powers of 1024; none is bytes. No fractions. 0,
 * ERR_SYNTAX or ERR_RANGE.
 */
int text_size_parse(struct span s, uint64_t max, uint64_t *out);
/* The largest unit of 1024 that divides it, exact: "512MiB", "1000B". 0 or ERR_TOOBIG. */
int text_size_put(struct buf *out, uint64_t bytes);
/* For people: one decimal, rounded down: "1.5 MiB", "999 B". */
int text_size_put_short(struct buf *out, uint64_t bytes);

#endif
