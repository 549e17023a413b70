#include "edge_http.h"

#include <time.h>

#include "base/err.h"
#include "http/value.h"
#include "json/json_out.h"
#include "proto/ids.h"

#define FIELDS_MAX 24

static struct span
date_now(void)
{
	static char text[HTTP_DATE_LEN + 1];
	static time_t at;
	time_t now = time(NULL);

	if (now != at && http_date_format(now, text) == 0)
		at = now;
	return span_of(text, HTTP_DATE_LEN);
}

/* In the order in which they stand in every answer. */
static const struct http_field safety[] = {
	{SPAN("Content-Security-Policy"),
		SPAN("default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action "
		     "'none'; frame-ancestors 'none'; "
		     "object-src 'none'")},
	{SPAN("X-Content-Type-Options"), SPAN("nosniff")},
	{SPAN("X-Frame-Options"), SPAN("DENY")},
	{SPAN("Referrer-Policy"), SPAN("no-referrer")},
	{SPAN("Cross-Origin-Opener-Policy"), SPAN("same-origin")},
	{SPAN("Cross-Origin-Resource-Policy"), SPAN("same-origin")},
	{SPAN("Permissions-Policy"), SPAN("camera=(), geolocation=(), microphone=()")},
};
#define SAFETY_N (sizeof(safety) / sizeof(safety[0]))

int
edge_http_head(struct buf *out, const struct edge_answer *a)
{
	struct http_field f[FIELDS_MAX];
	size_t n = 0;
	int64_t length = a->length != 0 ? a->length : (int64_t)a->body.len;

	f[n++] = (struct http_field){SPAN("Date"), date_now()};
	for (size_t i = 0; i < SAFETY_N; i++)
		f[n++] = safety[i];
	f[n++] = (struct http_field){
		SPAN("Cache-Control"), a->is_static ? SPAN("no-cache") : SPAN("no-store")};
	f[n++] = (struct http_field){
		SPAN("Connection"), a->keep_alive ? SPAN("keep-alive") : SPAN("close")};
	if (a->lasts)
		f[n++] = (struct http_field){
			SPAN("Strict-Transport-Security"), SPAN("max-age=31536000")};
	if (a->type.len > 0)
		f[n++] = (struct http_field){SPAN("Content-Type"), a->type};
	for (size_t i = 0; i < a->nfields && n < FIELDS_MAX; i++)
		f[n++] = a->fields[i];
	if (a->status == 304 || a->status == 204)
		length = HTTP_LEN_NONE;
	return http_response_head(out, a->status, f, n, length);
}

void
edge_http_send(struct edge_conn *conn, const struct edge_answer *a)
{
	struct buf out = {.max = KIB(16) + a->body.len};
	int rc = edge_http_head(&out, a);

	if (rc == 0 && !a->head_only && a->status != 304)
		rc = buf_put(&out, a->body);
	if (rc == 0)
		rc = edge_conn_send(conn, buf_span(&out));
	buf_clear(&out);
	if (rc < 0)
		edge_conn_close(conn);
	else if (!a->keep_alive)
		edge_conn_finish(conn);
}

void
edge_http_error(struct edge_conn *conn, unsigned status, const char *type, struct span message,
	const struct edge_answer *like)
{
	struct edge_answer a = *like;
	struct buf body = {.max = KIB(8)};
	struct json_out o;

	json_out_init(&o, &body, NULL);
	json_out_begin_object(&o);
	json_out_key(&o, SPAN("error"));
	json_out_begin_object(&o);
	json_out_key(&o, SPAN("message"));
	json_out_str(&o, message);
	json_out_key(&o, SPAN("type"));
	json_out_str(&o, span_from_cstr(type));
	json_out_end_object(&o);
	json_out_end_object(&o);
	a.status = status;
	a.type = SPAN("application/json");
	a.body = buf_span(&body);
	edge_http_send(conn, &a);
	buf_clear(&body);
}

static const struct span api_prefixes[] = {
	SPAN("/v1/"), SPAN("/api/"), SPAN("/tools/"), SPAN("/hooks/")};

bool
edge_http_is_api(struct span path)
{
	for (size_t i = 0; i < sizeof(api_prefixes) / sizeof(api_prefixes[0]); i++) {
		if (span_starts_with(path, api_prefixes[i]))
			return true;
	}
	return false;
}

bool
edge_http_is_api_misspelt(struct span path)
{
	for (size_t i = 0; i < sizeof(api_prefixes) / sizeof(api_prefixes[0]); i++) {
		if (span_eq_nocase(span_sub(path, 0, api_prefixes[i].len), api_prefixes[i]) &&
			!edge_http_is_api(path))
			return true;
	}
	return false;
}

unsigned
edge_http_credential(const struct http_request *req, struct span *secret)
{
	struct span v;
	int rc = http_field_get(req, SPAN("authorization"), &v);

	*secret = SPAN_EMPTY;
	if (rc == 0 && v.len > 7 && span_eq_nocase(span_sub(v, 0, 7), SPAN("bearer "))) {
		*secret = span_trim(span_sub(v, 7, v.len));
		return CRED_TOKEN;
	}
	if (rc != ERR_MISSING)
		return CRED_NONE;
	if (http_field_get(req, SPAN("cookie"), &v) == 0 &&
		http_cookie_get(v, SPAN(EDGE_COOKIE), secret) == 0)
		return CRED_COOKIE;
	*secret = SPAN_EMPTY;
	return CRED_NONE;
}
