/*
 * A strict reader of absolute URLs. It takes less than browsers do and repairs nothing that
 * concerns the host, so that what we check is what any other reader of the same bytes would connect
 * to.
 */
#ifndef URL_URL_H
#define URL_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/span.h"
#include "url/addr.h"

enum url_scheme { URL_NONE = 0, URL_HTTP, URL_HTTPS, URL_WS, URL_WSS };
enum url_host_kind { URL_HOST_NONE = 0, URL_HOST_NAME, URL_HOST_V4, URL_HOST_V6 };

#define URL_HOST_MAX 253 /* bytes of a DNS name (RFC 1035 section 2.3.4, without the final dot) */

/* Owns nothing; may be copied. Zeroed memory is no URL. */
struct url {
	enum url_scheme scheme;
	enum url_host_kind kind;
	uint16_t port;               /* never 0; the scheme's own when none is given */
	struct addr addr;            /* of V4 and V6 */
	char host[URL_HOST_MAX + 1]; /* canonical, lower-case, without brackets; NUL-terminated */
	uint16_t path_len;           /* path bytes at the start of target, at least "/" */
	uint16_t target_len;
	char target[URL_MAX]; /* canonical path and, with its '?', query: what a request line
				 carries */
};

#define URL_ALLOW_WS 1u     /* ws and wss as well */
#define URL_REFUSE_PLAIN 2u /* neither http nor ws */

/*
 * Scheme, "//", host, optional port, path, query. A fragment must be well-formed too and is
 * dropped. Refused: every byte up to 0x20, 0x7f, backslash, text that is not UTF-8; userinfo;
 * another scheme; an empty host; a host with '%', a non-ASCII byte, an underscore, an empty or
 * over-long label, a label that begins or ends with '-', a final dot, a label "xn--" that is not
 * Punycode (RFC 3492) of a non-ASCII text; a host that ends in a number but is not a canonical
 * dotted quad (127.1, 0x7f.1, 2130706433); an empty port, 0, leading zeros, above 65535. In path
 * and query: %HH must be hex and not %00. Canonical form: host in lower case; percent-encoded
 * unreserved bytes decoded, other percent-encoding in upper case; what RFC 3986 does not allow
 * there (also non-ASCII) encoded; dot segments removed; an empty path is "/". 0, ERR_TOOBIG (input
 * or canonical target above URL_MAX), ERR_UNSUPPORTED (scheme), ERR_RANGE (port) or ERR_SYNTAX,
 * with *out zeroed.
 */
int url_parse(struct span s, unsigned flags, struct url *out);

/*
 * An Origin as browsers send it (RFC 6454 section 6.1): scheme, host and port in canonical form and
 * nothing else; "null" is refused. Same codes.
 */
int url_parse_origin(struct span s, struct url *out);

/* Same scheme, host and port. False when either is no URL. */
bool url_is_same_origin(const struct url *a, const struct url *b);

struct span url_host(const struct url *u);
struct span url_path(const struct url *u);
struct span url_query(const struct url *u); /* without its '?'; ptr NULL when there is none */
struct span url_target(const struct url *u);

/* "host", "host:port" or "[v6]:port" as in a Host header; the scheme's own port is left out. 0 or
 * ERR_TOOBIG. */
int url_authority_put(struct buf *out, const struct url *u);
/* Scheme and authority; then with the target. */
int url_origin_put(struct buf *out, const struct url *u);
int url_put(struct buf *out, const struct url *u);

#endif
