/* Request heads: whole and byte by byte give the same verdict; what is accepted keeps its promises.
 */
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "http/http.h"
#include "http/path.h"
#include "http/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check(bool ok)
{
	if (!ok)
		abort();
}

static bool
is_inside(struct span part, struct span whole)
{
	return part.len == 0 ||
	       (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len);
}

static void
check_query(struct span query)
{
	static uint8_t dst[HTTP_TARGET_MAX];
	struct span n;
	struct span v;
	int rc;

	while ((rc = http_query_next(&query, dst, sizeof(dst), &n, &v)) == 1)
		check(n.len > 0);
	check(rc != ERR_TOOBIG);
}

static void
check_request(const struct http_request *r, struct span in)
{
	struct http_range range;
	struct span v;

	check(r->head_len <= in.len && r->head_len <= HTTP_HEAD_MAX &&
		r->fields_n <= HTTP_HEADERS_MAX);
	in.len = r->head_len;
	check(span_ends_with(in, SPAN("\r\n\r\n")));
	check(is_inside(r->target, in) && is_inside(r->path, in) && is_inside(r->query, in));
	check(is_inside(r->host, in) && r->host.len > 0 && r->target.len <= HTTP_TARGET_MAX);
	check(span_eq(r->path, SPAN("*")) || http_path_check(r->path) == 0);
	check(!r->is_chunked || !r->has_content_length);
	check(r->content_length <= HTTP_BODY_MAX);
	check(!r->is_websocket || (r->method == HTTP_GET && r->ws_key.len == 24));
	for (size_t i = 0; i < r->fields_n; i++) {
		check(is_inside(r->fields[i].value, in) && is_inside(r->fields[i].name, in));
		check(http_is_token(r->fields[i].name) && http_is_value(r->fields[i].value));
	}
	check_query(r->query);
	if (http_field_get(r, SPAN("cookie"), &v) == 0)
		(void)http_cookie_get(v, SPAN("s"), &v);
	if (http_field_get(r, SPAN("range"), &v) == 0 && http_range_parse(v, 1000, &range) == 0)
		check(range.first <= range.last && range.last < 1000);
	if (http_field_get(r, SPAN("if-none-match"), &v) == 0)
		(void)http_etag_matches(v, SPAN("\"a\""));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct http_request req;
	struct span in = span_of(data, len);
	struct http_reader whole = {0};
	struct http_reader bytes = {0};
	unsigned status;
	unsigned status2 = 0;
	int rc = http_reader_read(&whole, in, &req, &status);
	int rc2 = ERR_AGAIN;

	check(rc == 0 || rc == ERR_AGAIN || rc == ERR_PROTO);
	check(rc != ERR_AGAIN || len < HTTP_HEAD_MAX);
	if (rc == 0)
		check_request(&req, in);
	for (size_t n = 0; n <= len && rc2 == ERR_AGAIN; n++)
		rc2 = http_reader_read(&bytes, span_sub(in, 0, n), &req, &status2);
	check(rc == rc2 && (rc != ERR_PROTO || status == status2));
	(void)http_path_check(in);
	return 0;
}
