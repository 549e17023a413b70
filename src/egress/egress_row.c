/* The destination row of this egress: options row.<n>.* of the slice. */
#include "egress.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "url/url.h"

static struct span
option(const struct child *child, uint64_t row, const char *name)
{
	char key[64];

	snprintf(key, sizeof(key), "row.%u.%s", (unsigned)row, name);
	return child_option_str(child, key, SPAN_EMPTY);
}

static uint64_t
option_u64(const struct child *child, uint64_t row, const char *name, uint64_t fallback)
{
	char key[64];

	snprintf(key, sizeof(key), "row.%u.%s", (unsigned)row, name);
	return child_option_u64(child, key, fallback);
}

int
egress_row_read(const struct child *child, uint64_t instance, struct egress_row *row)
{
	struct span scheme = option(child, instance, "scheme");
	struct span host = option(child, instance, "host");
	struct span path = option(child, instance, "path");
	struct buf url = {.max = EGRESS_URL_MAX - 1};
	char key[64];
	bool v6 = span_find_byte(host, ':') >= 0;

	*row = (struct egress_row){.number = (uint32_t)instance};
	if (host.len == 0 || path.len == 0 || path.ptr[0] != '/') {
		log_error("no such destination row: denied", LOG_U("row", instance));
		return ERR_NOTFOUND;
	}
	row->tls = span_eq(scheme, SPAN("https"));
	if (!row->tls && !span_eq(scheme, SPAN("http")))
		return ERR_RANGE;
	row->port = (uint32_t)option_u64(child, instance, "port", row->tls ? 443 : 80);
	row->tag = option_u64(child, instance, "tag", 0);
	row->max_tokens = option_u64(child, instance, "maxTokens", 0);
	row->models = option(child, instance, "models");
	row->envelope = span_eq(option(child, instance, "envelope"), SPAN("openai-chat"))
				? ENVELOPE_OPENAI_CHAT
				: ENVELOPE_NONE;
	snprintf(key, sizeof(key), "row.%u.local", (unsigned)instance);
	row->local = child_option_bool(child, key, false);
	if (!row->tls && !row->local)
		/* clear text goes only where the owner wrote a local address down */
		return ERR_DENIED;
	buf_put(&url, row->tls ? SPAN("https://") : SPAN("http://"));
	buf_put_fmt(&url, v6 ? "[%.*s]" : "%.*s", (int)host.len, (const char *)host.ptr);
	buf_put_fmt(&url, ":%u", row->port);
	buf_put(&url, path);
	if (url.err < 0 || span_to_cstr(buf_span(&url), row->url, sizeof(row->url)) < 0 ||
		span_to_cstr(host, row->host, sizeof(row->host)) < 0) {
		buf_clear(&url);
		return ERR_TOOBIG;
	}
	buf_clear(&url);
	return 0;
}
