/* Field values with a syntax of their own: cookies, ranges, entity tags. */
#ifndef HTTP_VALUE_H
#define HTTP_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

/*
 * The value of the cookie of exactly that name in a Cookie field (RFC 6265, 4.2.1). Cookies of
 * other programs on the same host are in there too: they may hold anything but ';'. ERR_MISSING;
 * ERR_DUPLICATE (somebody planted a second one); ERR_SYNTAX when its value has other characters
 * than cookie-octets.
 */
int http_cookie_get(struct span cookies, struct span name, struct span *value);

/* Bytes first to last, both included, of a file. */
struct http_range {
	uint64_t first;
	uint64_t last;
};

/*
 * One "bytes=a-b", "bytes=a-" or "bytes=-n" for a file of size bytes (RFC 9110, 14.1.2); last is
 * clipped to the file. ERR_RANGE: not satisfiable, answer 416. ERR_SYNTAX, ERR_UNSUPPORTED (another
 * unit, several ranges): answer as if the field were not there.
 */
int http_range_parse(struct span value, uint64_t size, struct http_range *out);

/*
 * Does If-None-Match ("*" or a list of entity tags) name etag (quotes included)? Weak comparison
 * (RFC 9110, 8.8.3.2). A malformed list matches nothing.
 */
bool http_etag_matches(struct span if_none_match, struct span etag);
/* The same for If-Match: strong comparison, a weak tag is never the same. */
bool http_etag_is_listed(struct span if_match, struct span etag);

#endif
