/*
 * The request target's path and query. Authentication and routing use the same, undecoded path
 * bytes, so a path must have only one spelling: whatever has two is refused before anybody looks at
 * it.
 */
#ifndef HTTP_PATH_H
#define HTTP_PATH_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

/*
 * 0 for a canonical absolute path, else ERR_SYNTAX (ERR_UTF8 for percent-encoded bytes that are not
 * UTF-8). Canonical: starts with '/'; only characters of RFC 3986's pchar; no "//"; no segment "."
 * or ".."; percent-encoding with upper case digits, and never of a letter, digit, "-._~", '/', '\',
 * '%', NUL, a control character.
 */
int http_path_check(struct span path);

/* 0 when the query has visible ASCII characters but '#' only and every '%' has two hexadecimal
 * digits; else ERR_SYNTAX. */
int http_query_check(struct span query);

/*
 * Strict percent-decoding of s into dst (cap bytes; in may not overlap). plus: '+' means space, as
 * in forms. *out is what was written. ERR_SYNTAX for a bad escape, NUL or other control character
 * (raw or encoded), ERR_UTF8, ERR_TOOBIG. s.len bytes of room are always enough.
 */
int http_percent_decode(struct span s, bool plus, uint8_t *dst, size_t cap, struct span *out);

/*
 * Takes the next "name=value" (or "name", value empty) from *rest, decoded into dst; '+' means
 * space. 1: a pair; 0: no more; else the errors of http_percent_decode, ERR_SYNTAX also for an
 * empty name or an empty piece ("a=1&&b=2").
 */
int http_query_next(
	struct span *rest, uint8_t *dst, size_t cap, struct span *name, struct span *value);

/*
 * The only parameter of that (decoded) name, decoded into dst (cap bytes: query.len is always
 * enough). Reads the whole query: ERR_MISSING, ERR_DUPLICATE, and the errors of http_query_next
 * wherever they are.
 */
int http_query_get(
	struct span query, struct span name, uint8_t *dst, size_t cap, struct span *value);

#endif
