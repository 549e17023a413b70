/*
 * Request bodies: counted by Content-Length or chunked (RFC 9112, 6 and 7.1), handed on in pieces
 * without copying. Chunk extensions are refused (none is in use here, and readers have differed
 * about them); trailer fields are checked, bounded by HTTP_TRAILER_MAX bytes, and discarded.
 */
#ifndef HTTP_BODY_H
#define HTTP_BODY_H

#include "http/http.h"

/* Zero-initialised is an empty body. */
struct http_body {
	uint64_t left;    /* bytes still to come of the body or of the present chunk */
	uint64_t room;    /* bytes that may still come in all */
	uint32_t trailer; /* bytes of trailers seen */
	uint8_t digits;   /* hexadecimal digits of the present chunk size */
	uint8_t state;
};

/* The body that follows req, at most max bytes. ERR_TOOBIG (answer 413) when its length is already
 * known to be more. */
int http_body_init(struct http_body *b, const struct http_request *req, uint64_t max);

/*
 * Takes bytes from the front of *in. 0: *data is the next piece of the body (not empty; points into
 * what *in was). ERR_EOF: the body is complete, *in starts behind it. ERR_AGAIN: *in is used up.
 * ERR_TOOBIG: answer 413; ERR_SYNTAX: answer 400; after these two the connection must be closed and
 * every further call says the same.
 */
int http_body_read(struct http_body *b, struct span *in, struct span *data);

#endif
