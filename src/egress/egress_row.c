/* The destination row of this egress: options row.<n>.* of the slice. */
#include "egress.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "proto/apis.h"

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
	uint64_t api = option_u64(child, instance, "api", PROVIDER_OFFLINE);
	char key[64];

	*row = (struct egress_row){.number = (uint32_t)instance};
	if (host.len == 0 || api == PROVIDER_OFFLINE || api >= PROVIDER_N) {
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
	row->api = (enum provider)api;
	row->path = option(child, instance, "path");
	row->organization = option(child, instance, "organization");
	snprintf(key, sizeof(key), "row.%u.local", (unsigned)instance);
	row->local = child_option_bool(child, key, false);
	if (!row->tls && !row->local)
		/* clear text goes only where the owner wrote a local address down */
		return ERR_DENIED;
	return span_to_cstr(host, row->host, sizeof(row->host)) < 0 ? ERR_TOOBIG : 0;
}

int
egress_row_url(
	const struct egress_row *row, struct span model, bool stream, char url[EGRESS_URL_MAX])
{
	struct buf b = {.max = EGRESS_URL_MAX - 1};
	bool v6 = strchr(row->host, ':') != NULL;
	int rc;

	buf_put(&b, row->tls ? SPAN("https://") : SPAN("http://"));
	buf_put_fmt(&b, v6 ? "[%s]" : "%s", row->host);
	buf_put_fmt(&b, ":%u", row->port);
	rc = api_path_put(row->api, row->path, model, stream, &b);
	if (rc == 0)
		rc = span_to_cstr(buf_span(&b), url, EGRESS_URL_MAX) < 0 ? ERR_TOOBIG : 0;
	buf_clear(&b);
	return rc;
}
