/*
 * HTTP/1.1 request heads (RFC 9112, RFC 9110), read incrementally over the caller's buffer. Nothing
 * is allocated.
 *
 * Stricter than the standard where leniency has let two readers disagree about one message: lines
 * end in CRLF only; no empty line before the request; no line folding; no white space before a
 * colon; Host exactly once (in HTTP/1.0 too); Content-Length once, without leading zeros, never
 * beside Transfer-Encoding; Transfer-Encoding only "chunked"; fields that decide about rights or
 * framing at most once; the path only in its one canonical form (http/path.h).
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/span.h"

enum http_method {
	HTTP_GET = 1,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PUT,
	HTTP_PATCH,
	HTTP_DELETE,
	HTTP_OPTIONS,
};

/* name: a token, as sent (compare with span_eq_nocase); value: without white space around it; no
 * control characters. */
struct http_field {
	struct span name;
	struct span value;
};

/* All spans point into the bytes given to http_reader_read and live as long as these. */
struct http_request {
	enum http_method method;
	unsigned minor;     /* HTTP/1.minor: 0 or 1 */
	struct span target; /* as sent */
	struct span path;   /* canonical, starts with '/'; "*" for OPTIONS * */
	struct span query;  /* behind '?', not decoded; valid percent-encoding */
	struct span host;   /* the Host field: host[:port], syntax checked */
	struct http_field fields[HTTP_HEADERS_MAX];
	size_t fields_n;
	uint64_t content_length; /* 0 without the field; at most HTTP_BODY_MAX */
	bool has_content_length;
	bool is_chunked;
	bool keep_alive;       /* the client wants the connection kept */
	bool expects_continue; /* Expect: 100-continue and a body follows: answer 100 before reading
				  it, or refuse */
	bool is_websocket;     /* a valid opening handshake (RFC 6455, 4.2.1); ws_key is set */
	struct span ws_key;    /* 24 characters: base64 of 16 bytes */
	size_t head_len;       /* bytes of the head with its empty line; the body starts there */
};

/* The little that is kept between reads. Zero-initialised is the start of a request. */
struct http_reader {
	uint32_t off;  /* bytes looked at */
	uint16_t mark; /* where the present part (method, target, version) starts */
	uint8_t fields_n;
	uint8_t state;
};

/*
 * Looks at all bytes received since the request's first one (the same bytes again plus new ones;
 * they may have moved). 0: *req is complete and req->head_len bytes are used. ERR_AGAIN: more is
 * needed (never once HTTP_HEAD_MAX bytes are there). ERR_PROTO: *status is the answer to give (400
 * 405 411 413 414 417 426 431 501 505), after which the connection must be closed. The verdict
 * depends on the bytes only, not on how they were cut. *req and *status are otherwise undefined.
 * After 0 or ERR_PROTO clear the reader before its next use. A 426 answer must name the version:
 * "Sec-WebSocket-Version: 13", "Upgrade: websocket".
 */
int http_reader_read(
	struct http_reader *rd, struct span in, struct http_request *req, unsigned *status);

/* The only field of that name (ASCII case folded). ERR_MISSING, ERR_DUPLICATE. */
int http_field_get(const struct http_request *req, struct span name, struct span *value);

/* The method's name. Static, never NULL ("?" for a value that is no method). */
const char *http_method_name(enum http_method method);

/* One token or more: letters, digits, !#$%&'*+-.^_`|~ (RFC 9110, 5.6.2). */
bool http_is_token(struct span s);

/* No control characters but tab, no white space at either end; empty is legal (RFC 9110, 5.5). */
bool http_is_value(struct span s);

/*
 * Is token (ASCII case folded) an element of the comma-separated list? ERR_SYNTAX when an element
 * is no token (a product "name/version" passes as one), 1 for yes, 0 for no.
 */
int http_list_has(struct span list, struct span token);

#endif
