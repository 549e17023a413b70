#include "edge_anon.h"

#include "base/err.h"
#include "base/weak.h"
#include "edge_http.h"
#include "edge_static.h"

struct request {
	struct anon_conn *a;
	struct buf *in;
	struct http_request *req;
	bool secure;
	bool has_body;
	enum edge_origin origin;
	enum route route;
};

/* The answer's common part. A body nobody reads ends the connection: its bytes must not become the next request. */
static struct edge_answer
answer_for(const struct request *r, unsigned status)
{
	return (struct edge_answer){.status = status,
		.head_only = r->req->method == HTTP_HEAD,
		.keep_alive = r->req->keep_alive && (!r->has_body || WEAK(UNREAD_BODY)),
		.lasts = edge_host_lasts(r->secure, r->req->host)};
}

static void
done(const struct request *r)
{
	if (r->a->c.is_dead || r->a->c.is_finishing)
		return;
	buf_consume(r->in, r->req->head_len);
	r->a->c.deadline_ms = ev_now_ms(r->a->c.conns->ev) + EDGE_IDLE_MS;
	r->a->partial = false;
}

static void
say_text(const struct request *r, unsigned status, struct span text)
{
	struct edge_answer a = answer_for(r, status);

	a.type = SPAN("text/plain; charset=utf-8");
	a.body = text;
	edge_http_send(&r->a->c, &a);
	done(r);
}

static void
say_error(const struct request *r, unsigned status, const char *type, struct span message)
{
	struct edge_answer a = answer_for(r, status);
	const struct http_field ask = {SPAN("WWW-Authenticate"), SPAN("Bearer")};

	if (status == 401) {
		a.fields = &ask;
		a.nfields = 1;
	}
	edge_http_error(&r->a->c, status, type, message, &a);
	done(r);
}

static void
say_allowed(const struct request *r, struct span methods)
{
	const struct http_field allow = {SPAN("Allow"), methods};
	struct edge_answer a = answer_for(r, 405);

	a.type = SPAN("text/plain; charset=utf-8");
	a.body = SPAN("Method Not Allowed\n");
	a.fields = &allow;
	a.nfields = 1;
	edge_http_send(&r->a->c, &a);
	done(r);
}

static bool
is_read(const struct request *r)
{
	return r->req->method == HTTP_GET || r->req->method == HTTP_HEAD;
}

/* ---- routes ---- */

static void
health(const struct request *r)
{
	struct edge_answer a = answer_for(r, 200);

	a.type = SPAN("application/json");
	a.body = SPAN("{\"ok\":true}");
	edge_http_send(&r->a->c, &a);
	done(r);
}

/* The code of a claim's body; empty when it is not one. */
static struct span
claim_code(struct arena *arena, struct span body)
{
	static const struct edge_field fields[] = {{"code", EDGE_STR1, true}};
	const struct json_opts opts = {.max_depth = 2, .max_nodes = 4};
	struct json_node *root;
	struct span code = SPAN_EMPTY;
	char what[160];

	if (json_parse(arena, body, &opts, &root, NULL) == 0 &&
		edge_object_check(root, "", fields, 1, what, sizeof(what)) == 0)
		(void)json_node_str(json_get(root, SPAN("code")), &code);
	return code.len <= 128 ? code : SPAN_EMPTY;
}

static void
claim(const struct request *r)
{
	struct arena arena;
	struct span code;
	size_t len = (size_t)r->req->content_length;

	if (r->origin != EDGE_ORIGIN_OWN) {
		say_error(r, 403, "forbidden", SPAN("Forbidden"));
		return;
	}
	if (!r->req->has_content_length || len > HTTP_ANON_BODY_MAX) {
		say_error(r, r->req->has_content_length ? 413 : 411, "invalid_request_error",
			SPAN("a short JSON body is expected"));
		return;
	}
	if (r->in->len - r->req->head_len < len) {
		r->a->partial = true; /* the head is read again with the body */
		return;
	}
	arena_init(&arena, KIB(16));
	code = claim_code(&arena, span_of(r->in->ptr + r->req->head_len, len));
	if (code.len == 0) {
		say_error(r, 400, "invalid_request_error", SPAN("expected {\"code\": string}"));
	} else {
		r->a->ask = anon_ask_new(r->a, r->req, r->secure);
		buf_consume(r->in, r->req->head_len + len);
		anon_ask_claim(r->a, code);
	}
	arena_clear(&arena);
}

/* Somebody who presents nothing, or presents a cookie from elsewhere than our own page, gets no further. */
static void
api(const struct request *r)
{
	struct span secret;
	unsigned credential = edge_http_credential(r->req, &secret);

	if (credential == CRED_COOKIE && !is_read(r) && r->origin != EDGE_ORIGIN_OWN)
		credential = CRED_NONE;
	if (!WEAK(CREDENTIAL) &&
		(credential == CRED_NONE || secret.len == 0 || secret.len > 4096)) {
		say_error(r, 401, "unauthorized", SPAN("Unauthorized"));
		return;
	}
	if (r->in->len > EDGE_WINDOW_MAX) {
		say_error(r, 431, "invalid_request_error", SPAN("the request's head is too large"));
		return;
	}
	r->a->ask = anon_ask_new(r->a, r->req, r->secure);
	anon_ask_verify(r->a, (uint8_t)credential,
		secret); /* the request stays unread: its edge/user serves it */
}

static void
send_file(const struct request *r, const struct edge_file *f)
{
	struct edge_answer a = answer_for(r, 200);

	if (edge_file_send(&r->a->c, r->req, f, &a))
		done(r);
}

static void
redirect(const struct request *r, struct span base)
{
	struct edge_answer a = answer_for(r, 302);
	struct buf to = {.max = KIB(8)};
	struct http_field location;

	buf_put(&to, base);
	buf_put_u8(&to, '/');
	if (r->req->query.len > 0) {
		buf_put_u8(&to, '?');
		buf_put(&to, r->req->query);
	}
	location = (struct http_field){SPAN("Location"), buf_span(&to)};
	a.fields = &location;
	a.nfields = 1;
	edge_http_send(&r->a->c, &a);
	buf_clear(&to);
	done(r);
}

static void
page(const struct request *r)
{
	const struct anon *anon = anon_of(r->a);
	struct span path = r->req->path;
	const struct edge_file *f;

	if (!is_read(r)) {
		say_allowed(r, SPAN("GET, HEAD, OPTIONS"));
		return;
	}
	if (anon->base.len > 0) {
		if (span_eq(path, anon->base)) {
			redirect(r, anon->base);
			return;
		}
		if (!span_starts_with(path, anon->base) || path.ptr[anon->base.len] != '/') {
			say_text(r, 404, SPAN("Not Found\n"));
			return;
		}
		path = span_sub(path, anon->base.len, path.len);
	}
	f = anon->ui ? edge_static_find(path) : NULL;
	if (f == NULL)
		say_text(r, 404, SPAN("Not Found\n"));
	else
		send_file(r, f);
}

/* One bit to whoever asks: what is missing is in the log, and for those who have signed in. */
static void
readiness(const struct request *r)
{
	bool ready = anon_of(r->a)->ready;
	struct edge_answer a = answer_for(r, ready ? 200 : 503);

	a.type = SPAN("application/json");
	a.body = ready ? SPAN("{\"ready\":true}") : SPAN("{\"ready\":false}");
	edge_http_send(&r->a->c, &a);
	done(r);
}

/* Which methods there are is in the published table, so it is no secret; a preflight gets no permission with it. */
static void
options(const struct request *r)
{
	struct edge_answer a = answer_for(r, 204);
	const struct http_field allow = {SPAN("Allow"), r->route != ROUTE_N ? route_allow(r->route)
							: span_eq(r->req->path, SPAN("*"))
								? SPAN("GET, HEAD, POST, OPTIONS")
								: SPAN("GET, HEAD, OPTIONS")};

	a.fields = &allow;
	a.nfields = 1;
	edge_http_send(&r->a->c, &a);
	done(r);
}

static void (*const public_routes[ROUTE_N])(const struct request *r) = {
	[ROUTE_HEALTHZ] = health,
	[ROUTE_READYZ] = readiness,
	[ROUTE_CLAIM] = claim,
};

static void
serve_public(const struct request *r)
{
	bool reads = (route_rows[r->route].methods & ROUTE_GET) != 0;

	if (reads ? is_read(r) : r->req->method == HTTP_POST)
		public_routes[r->route](r);
	else
		say_allowed(r, route_allow(r->route));
}

/*
 * What is no row of routes.def is a file of the Control UI or nothing. A row's path in other letters is nobody's: two
 * spellings of one place must not be judged differently by anybody before or behind us.
 */
static void
serve(struct request *r)
{
	struct span path = r->req->path;
	struct span tail;

	r->route = route_find(path, &tail);
	if (route_is_misspelt(path) || edge_http_is_api_misspelt(path))
		say_text(r, 400, SPAN("Bad Request\n"));
	else if (r->req->method == HTTP_OPTIONS)
		options(r);
	else if (r->route != ROUTE_N && route_rows[r->route].who == ROUTE_PUBLIC)
		serve_public(r);
	else if (r->route != ROUTE_N || edge_http_is_api(path))
		api(r);
	else
		page(r);
}

static void
refuse_head(struct anon_conn *a, unsigned status)
{
	static const struct http_field version[] = {
		{SPAN("Upgrade"), SPAN("websocket")}, {SPAN("Sec-WebSocket-Version"), SPAN("13")}};
	struct edge_answer answer = {.status = status,
		.type = SPAN("text/plain; charset=utf-8"),
		.body = span_from_cstr(http_reason(status))};

	if (status == 426) {
		answer.fields = version;
		answer.nfields = 2;
	}
	edge_http_send(&a->c, &answer);
}

static void
admit(struct request *r)
{
	const struct anon *anon = anon_of(r->a);

	r->has_body = r->req->is_chunked || r->req->content_length > 0;
	r->secure = r->a->port != 0;
	if ((r->secure ? edge_host_check_tls(&anon->hosts, r->req, &r->a->local, r->a->port)
		       : edge_host_check(&anon->hosts, r->req, r->a->c.fd, &r->secure)) < 0) {
		r->has_body = true; /* not this connection again */
		say_text(r, 421,
			SPAN("Misdirected Request: this host is not in gateway.allowedHosts\n"));
		return;
	}
	if (edge_host_is_plain(&anon->hosts, r->req, &r->a->peer)) {
		r->has_body = true;
		say_text(r, 403, SPAN("HTTPS required\n"));
		return;
	}
	r->origin = edge_origin_check(&anon->hosts, r->req, r->secure);
	if (r->origin == EDGE_ORIGIN_FOREIGN && (r->req->is_websocket || !is_read(r))) {
		r->has_body = true;
		say_text(r, 403, SPAN("Forbidden: this origin is not in gateway.allowedOrigins\n"));
		return;
	}
	if (r->req->is_websocket)
		anon_ws_upgrade(r->a, r->in, r->req, r->secure, r->origin);
	else
		serve(r);
}

void
anon_http_bytes(struct anon_conn *a, struct buf *in)
{
	static struct http_request req; /* large; used until the next request only */
	struct request r = {.a = a, .in = in, .req = &req};
	unsigned status;
	int rc = http_reader_read(&a->reader, buf_span(in), &req, &status);

	if (rc == ERR_AGAIN) {
		if (!a->partial)
			a->c.deadline_ms = ev_now_ms(a->c.conns->ev) + EDGE_HEAD_MS;
		a->partial = true;
		return;
	}
	a->reader = (struct http_reader){0};
	if (rc < 0) {
		refuse_head(a, status);
		return;
	}
	if (!a->partial)
		a->c.deadline_ms = ev_now_ms(a->c.conns->ev) + EDGE_HEAD_MS;
	admit(&r);
}
