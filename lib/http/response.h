/* Responses: status line, fields, body framing (RFC 9112). What could split a response is refused,
 * not repaired. */
#ifndef HTTP_RESPONSE_H
#define HTTP_RESPONSE_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/mem.h"
#include "http/http.h"

#define HTTP_LEN_CHUNKED                                                                           \
	(-1) /* Transfer-Encoding: chunked; follow with http_chunk_put and http_chunk_end */
#define HTTP_LEN_NONE (-2) /* no body and no length: 1xx, 204, 304 */

/*
 * Appends status line, the fields and the framing for length bytes of body (or one of the two
 * above), and the empty line. ERR_SYNTAX: a name that is no token, a value with CR, LF or another
 * control character, a field that is ours to write (Content-Length, Transfer-Encoding); ERR_RANGE:
 * a status without a row in the table, or a body with a status that has none (or none where one is
 * due); ERR_TOOBIG. On an error *b is as before.
 */
int http_response_head(
	struct buf *b, unsigned status, const struct http_field *fields, size_t n, int64_t length);

/* Appends data as one chunk; nothing when it is empty. ERR_TOOBIG, *b as before. */
int http_chunk_put(struct buf *b, struct span data);
/* Appends the last chunk. */
int http_chunk_end(struct buf *b);

/* The reason phrase ("Not Found"). Static; NULL for a status without a row. */
const char *http_reason(unsigned status);

#define HTTP_DATE_LEN 29
/* "Sun, 06 Nov 1994 08:49:37 GMT" and a NUL (RFC 9110, 5.6.7). ERR_RANGE before 1970 or after 9999.
 */
int http_date_format(time_t t, char out[HTTP_DATE_LEN + 1]);

#endif
