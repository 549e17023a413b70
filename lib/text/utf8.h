/* UTF-8 beyond decoding one character (base/utf8.h): text that arrives in pieces, cutting,
 * counting, width. */
#ifndef TEXT_UTF8_H
#define TEXT_UTF8_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

/* A validator of text in pieces. Zeroed memory is the start. */
struct text_utf8 {
	uint8_t held[4]; /* begun, but not finished, sequence */
	uint8_t nheld;
	bool bad; /* sticky */
};

/* One more piece: 0, or ERR_UTF8 as soon as no continuation could make the text valid; then for
 * ever. */
int text_utf8_put(struct text_utf8 *u, struct span s);
/* The end: 0, or ERR_UTF8 also when the last sequence is cut off. */
int text_utf8_finish(const struct text_utf8 *u);

/*
 * The longest start of s of at most n bytes that does not cut a code point in two. s must be valid;
 * of an invalid s it returns at most n bytes all the same.
 */
struct span text_utf8_truncate(struct span s, size_t n);

/* Code points; every byte of a malformed sequence counts as one. */
size_t text_utf8_count(struct span s);

/*
 * Columns on a terminal: 0 for combining and invisible ones, 2 for East Asian wide and emoji,
 * else 1. Control characters count 0. A small table of Unicode 15 ranges, not the whole standard.
 */
unsigned text_width_of(uint32_t cp);
/* Of a text; bytes of malformed sequences count one each. Grapheme clusters are not looked at. */
size_t text_width(struct span s);
/* The longest start of s that is at most columns wide. */
struct span text_width_truncate(struct span s, size_t columns);

#endif
