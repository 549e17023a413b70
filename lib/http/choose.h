/*
 * What a GET or HEAD of something stored is answered with: preconditions in the order of RFC 9110, 13.2.2, then one range. Several
 * ranges are answered as if none had been asked for, so that no request can be made into more bytes than the thing has.
 */
#ifndef HTTP_CHOOSE_H
#define HTTP_CHOOSE_H

#include <time.h>

#include "http/http.h"
#include "http/value.h"

struct http_stored {
	struct span etag; /* strong, with its quotes */
	time_t modified;
	uint64_t size;
};

/* 200, 206 with *range, 304, 412 or 416. A condition that is malformed, or given twice, is as if it were not there. */
unsigned http_choose(const struct http_request *req, const struct http_stored *stored, time_t now,
	struct http_range *range);

/*
 * Does Accept-Encoding take this coding ("gzip")? Its weight must not be 0; a malformed list takes nothing; "*" names nothing
 * in particular and counts for nothing.
 */
bool http_coding_accepts(struct span list, struct span coding);

#endif
