#include "dial/dial.h"

#include <string.h>

#include "args/args.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/weak.h"

int
dial_host_parse(struct span host, uint64_t port, struct url *out)
{
	struct buf text = {.max = URL_HOST_MAX + 32};
	bool is_v6 = span_find_byte(host, ':') >= 0;
	int rc;

	*out = (struct url){0};
	if (port == 0 || port > UINT16_MAX)
		return ERR_RANGE;
	/* The reader of URLs is the one judge of hosts; nothing may end the host early in it. */
	for (size_t i = 0; i < host.len; i++) {
		if (host.ptr[i] == '/' || host.ptr[i] == '?' || host.ptr[i] == '#' ||
			host.ptr[i] == '@' || host.ptr[i] == '[')
			return ERR_SYNTAX;
	}
	buf_put_fmt(&text, is_v6 ? "https://[%.*s]:%u/" : "https://%.*s:%u/", (int)host.len,
		(const char *)host.ptr, (unsigned)port);
	rc = text.err < 0 ? text.err : url_parse(buf_span(&text), 0, out);
	if (rc == 0 && out->port != port)
		rc = ERR_SYNTAX;
	buf_clear(&text);
	return rc;
}

bool
dial_may_connect(const struct addr *a, bool local)
{
	enum addr_class c = addr_classify(a);

	if (c == ADDR_GLOBAL || WEAK(DIAL_ADDRESS))
		return true;
	return local && (c == ADDR_LOOPBACK || c == ADDR_PRIVATE || c == ADDR_UNIQUE_LOCAL ||
				c == ADDR_CGNAT);
}

int
dial_first_bad(const struct addr *addrs, size_t n, bool local)
{
	for (size_t i = 0; i < n; i++) {
		if (!dial_may_connect(&addrs[i], local))
			return (int)i;
	}
	return -1;
}

/* ---- the slice ---- */

struct raw_row {
	struct span host;
	uint64_t port;
	bool local;
	bool is_http;
	bool is_set;
	uint64_t tag;
};

static void
read_field(struct raw_row *r, struct span field, const struct args_leaf *leaf)
{
	r->is_set = true;
	if (span_eq(field, SPAN("host")) && leaf->type == ARGS_STRING)
		r->host = leaf->value;
	if (span_eq(field, SPAN("port")) && leaf->type == ARGS_NUMBER &&
		span_to_u64(leaf->value, 1, UINT16_MAX, &r->port) < 0)
		r->port = 0;
	if (span_eq(field, SPAN("tag")) && leaf->type == ARGS_NUMBER &&
		span_to_u64(leaf->value, 0, UINT64_MAX, &r->tag) < 0)
		r->tag = 0;
	if (span_eq(field, SPAN("local")))
		r->local = leaf->type == ARGS_TRUE;
	if (span_eq(field, SPAN("scheme")))
		r->is_http = span_eq(leaf->value, SPAN("http"));
}

static int
check_row(const struct raw_row *raw, struct dial_row *row)
{
	uint64_t port = raw->port != 0 ? raw->port : raw->is_http ? 80 : 443;
	int rc = dial_host_parse(raw->host, port, &row->url);

	row->local = raw->local;
	row->tag = raw->tag;
	if (rc < 0)
		return rc;
	/* A private address is what the owner wrote, not what a name means today. */
	if (raw->local && row->url.kind == URL_HOST_NAME)
		return ERR_DENIED;
	if (row->url.kind != URL_HOST_NAME && !dial_may_connect(&row->url.addr, raw->local))
		return ERR_DENIED;
	return 0;
}

void
dial_rows_read(struct dial *d)
{
	static struct raw_row raw[DIAL_ROWS_MAX];
	struct span rest = d->child->slice;
	struct args_leaf leaf;

	memset(raw, 0, sizeof(raw));
	d->has_web = args_get_u64(d->child->slice, "web.row", 0, UINT64_MAX, &d->web_row) == 0;
	while (args_next(&rest, &leaf) > 0) {
		struct span key =
			leaf.depth == 1 && !leaf.path[0].is_index ? leaf.path[0].key : SPAN_EMPTY;
		uint64_t n;

		if (!span_starts_with(key, SPAN("row.")))
			continue;
		key = span_sub(key, 4, key.len);
		if (span_to_u64(span_cut(&key, '.'), 0, DIAL_ROWS_MAX - 1, &n) == 0)
			read_field(&raw[n], key, &leaf);
		else
			log_error("a destination row has no good number: left out",
				LOG_S("option", leaf.path[0].key));
	}
	for (size_t i = 0; i < DIAL_ROWS_MAX; i++) {
		int rc = raw[i].is_set ? check_row(&raw[i], &d->rows[i]) : 0;

		d->rows[i].is_set = raw[i].is_set && rc == 0;
		if (rc < 0)
			log_error("a destination row is not good: left out; local rows need a "
				  "literal private address, others a public one",
				LOG_U("row", i), LOG_S("host", raw[i].host), LOG_E("why", rc));
	}
}
