/* Values of header fields and queries: cookies, ranges, entity tags, percent-encoding. */
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "http/choose.h"
#include "http/date.h"
#include "http/path.h"
#include "http/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_query(struct span query)
{
	uint8_t *dst = mem_alloc(query.len + 1, 1);
	struct span rest = query;
	struct span name;
	struct span value;

	while (http_query_next(&rest, dst, query.len, &name, &value) == 1)
		if (name.len == 0 || name.len + value.len > query.len)
			abort();
	if (http_query_get(query, SPAN("a"), dst, query.len, &value) == 0 && value.len > query.len)
		abort();
	free(dst);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span s = span_of(data, size);
	struct http_range range = {0};
	struct span value;
	time_t t;

	(void)http_path_check(s);
	(void)http_query_check(s);
	check_query(s);
	if (http_cookie_get(s, SPAN("a"), &value) == 0 && value.len > 0 &&
		(value.ptr < data || value.ptr + value.len > data + size))
		abort();
	if (http_range_parse(s, 1000, &range) == 0 &&
		(range.first > range.last || range.last >= 1000))
		abort();
	(void)http_etag_matches(s, SPAN("\"x\""));
	if (http_etag_is_listed(s, SPAN("\"x\"")) && !http_etag_matches(s, SPAN("\"x\"")))
		abort();
	(void)http_coding_accepts(s, SPAN("gzip"));
	if (http_date_parse(s, 1000000000, &t) == 0 && t < 0)
		abort();
	return 0;
}
