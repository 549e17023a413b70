/*
 * JSON writer: streams RFC 8259 into a struct buf. Commas, indentation and escapes come by
 * themselves; calls in an order that would not give JSON are refused. The first error is kept:
 * every later call does nothing and returns it, so a run of calls may be checked once, by
 * json_out_finish().
 *
 * Keys are not compared with one another: writing a key twice is the caller's mistake.
 */
#ifndef JSON_JSON_OUT_H
#define JSON_JSON_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/span.h"
#include "json/json.h"

struct json_out_opts {
	bool pretty;    /* a line for each value, two spaces a level */
	bool html_safe; /* '<' leaves as \u003c, so that the text may stand inside a script element
			 */
	bool shown; /* to a person: what a terminal obeys, hides or turns around leaves as \uXXXX */
};

struct json_out {
	struct buf *buf; /* not owned */
	struct json_out_opts opts;
	int err;   /* sticky */
	int depth; /* open arrays and objects */
	uint8_t level[JSON_DEPTH_MAX + 1];
};

/* opts NULL: compact, not html_safe. What buf already holds stays in front. */
void json_out_init(struct json_out *o, struct buf *buf, const struct json_out_opts *opts);

/*
 * All return 0 or the first error: ERR_STATE (a value in an object without its key, a key outside
 * of an object or twice, the wrong end, a second value at the top), ERR_TOODEEP beyond
 * JSON_DEPTH_MAX, ERR_TOOBIG from the buf.
 */
int json_out_begin_object(struct json_out *o);
int json_out_end_object(struct json_out *o);
int json_out_begin_array(struct json_out *o);
int json_out_end_array(struct json_out *o);
int json_out_key(struct json_out *o, struct span key);

/*
 * In keys and strings each byte that is no part of valid UTF-8 becomes U+FFFD; control characters,
 * U+2028 and U+2029 are escaped.
 */
int json_out_str(struct json_out *o, struct span s);
int json_out_u64(struct json_out *o, uint64_t v);
int json_out_i64(struct json_out *o, int64_t v);
int json_out_bool(struct json_out *o, bool v);
int json_out_null(struct json_out *o);

/* A member of an object: its key and its value. */
int json_out_member_str(struct json_out *o, const char *key, struct span v);
int json_out_member_u64(struct json_out *o, const char *key, uint64_t v);
int json_out_member_bool(struct json_out *o, const char *key, bool v);

/* A number that is already text. ERR_SYNTAX when it is no number of RFC 8259. */
int json_out_raw_number(struct json_out *o, struct span text);

/*
 * A parsed value with all below it. Numbers of JSON5 are rewritten to what RFC 8259 has (+.5 is
 * 0.5, 0x10 is 16); ERR_RANGE for Infinity, NaN and hexadecimal numbers over 64 bits. n NULL is
 * ERR_MISSING.
 */
int json_out_node(struct json_out *o, const struct json_node *n);

/* 0 when exactly one complete value has been written, else the first error, or ERR_STATE for an
 * unfinished one. */
int json_out_finish(struct json_out *o);

#endif
