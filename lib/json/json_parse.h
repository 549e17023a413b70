/* Private to lib/json: the state of one parse, shared by the scanners of strings, names, numbers
 * and white space. */
#ifndef JSON_JSON_PARSE_H
#define JSON_JSON_PARSE_H

#include <endian.h>
#include <string.h>

#include "base/limits.h"
#include "json/json.h"

/* Zero bytes behind the copy of the text: a scanner may load 8 bytes at any place up to end. */
#define PARSE_PAD 8

struct json_frame {
	struct json_node *node; /* the open array or object */
	struct json_node *last; /* its youngest child */
};

struct json_parser {
	uint8_t *base; /* the arena's copy; strings are decoded in place, never beyond p */
	uint8_t *end;
	uint8_t *p;     /* next byte to read */
	uint8_t *line0; /* col is p - line0 + 1: the line's begin, moved on by each continuation
			   byte */
	uint32_t line;
	bool json5;
	uint32_t depth;
	uint32_t max_depth;
	uint32_t nodes_left;
	struct json_node *slab; /* zeroed nodes not yet given out */
	uint32_t slab_left;
	uint32_t slab_n;
	struct arena *arena;
	struct json_error *err;
	struct json_frame stack[JSON_DEPTH_MAX];
};

/* The place of at, which must be on the current line. */
struct json_pos json_place(const struct json_parser *ps, const uint8_t *at);

/* Both fill the error and return code. Formats and expectations are our own text. */
int json_fail_found(struct json_parser *ps, const uint8_t *at, int code, const char *expected);
int json_fail(struct json_parser *ps, const uint8_t *at, int code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Copies s as printable ASCII into dst, at most cap - 1 bytes; a longer one ends in "...". cap
 * >= 16. */
void json_put_printable(char *dst, size_t cap, struct span s);

/* Skips white space (and comments) up to the next token or the end. 0 or an error. */
int json_skip_space(struct json_parser *ps);

/* p stands on the quote; afterwards behind the closing one. */
int json_scan_string(struct json_parser *ps, struct span *out);

/* JSON5: an unquoted key. */
int json_scan_name(struct json_parser *ps, struct span *out);

/* May c begin (or continue) an IdentifierName of ES5? */
bool json_may_begin_name(uint32_t c);
bool json_may_continue_name(uint32_t c);

/*
 * The number at p: 0 with *stop behind it, or ERR_SYNTAX with *stop where *expected was not found.
 * Reads [p, end).
 */
int json_number_scan(const uint8_t *p, const uint8_t *end, bool json5, const uint8_t **stop,
	const char **expected);

/* Writes a number of either mode as RFC 8259 has it. 0, ERR_RANGE, or the buf's error. */
int json_number_put(struct buf *out, struct span text);

/* Writes cp (no surrogate) as UTF-8; returns behind it. Room for 4 bytes, or for what cp needs. */
static inline uint8_t *
json_utf8_put(uint8_t *w, uint32_t cp)
{
	if (cp < 0x80) {
		*w++ = (uint8_t)cp;
	} else if (cp < 0x800) {
		*w++ = (uint8_t)(0xc0 | cp >> 6);
		*w++ = (uint8_t)(0x80 | (cp & 0x3f));
	} else if (cp < 0x10000) {
		*w++ = (uint8_t)(0xe0 | cp >> 12);
		*w++ = (uint8_t)(0x80 | (cp >> 6 & 0x3f));
		*w++ = (uint8_t)(0x80 | (cp & 0x3f));
	} else {
		*w++ = (uint8_t)(0xf0 | cp >> 18);
		*w++ = (uint8_t)(0x80 | (cp >> 12 & 0x3f));
		*w++ = (uint8_t)(0x80 | (cp >> 6 & 0x3f));
		*w++ = (uint8_t)(0x80 | (cp & 0x3f));
	}
	return w;
}

/* 0 to 15, or -1. */
static inline int
json_hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static inline bool
json_is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* Eight bytes in the order of memory: the first one is the lowest. */
static inline uint64_t
json_load64(const uint8_t *p)
{
	uint64_t x;

	memcpy(&x, p, sizeof(x));
	return le64toh(x);
}

#define JSON_ONES 0x0101010101010101u
#define JSON_HIGHS 0x8080808080808080u

/* Has bit 7 of each zero byte of x set; of a byte above the first zero byte it may be set without
 * reason. */
static inline uint64_t
json_zero_bytes(uint64_t x)
{
	return (x - JSON_ONES) & ~x;
}

/*
 * Of the eight bytes in x, bit 7 of the first that is the quote, a backslash, a control or not
 * ASCII; 0 when there is none. Bits above the first one set mean nothing: subtraction borrows
 * upwards, never downwards.
 */
static inline uint64_t
json_special_bytes(uint64_t x, uint8_t quote)
{
	return (json_zero_bytes(x ^ JSON_ONES * quote) | json_zero_bytes(x ^ JSON_ONES * '\\') |
		       ((x - JSON_ONES * 0x20) & ~x) | x) &
	       JSON_HIGHS;
}

/* Which of the eight bytes the lowest bit of a mask above belongs to. mask is not 0. */
static inline unsigned
json_first_byte(uint64_t mask)
{
	return (unsigned)__builtin_ctzll(mask) >> 3;
}

#endif
