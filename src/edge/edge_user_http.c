#include "edge_user_http.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/weak.h"
#include "proto/ids.h"

static uint8_t hash_key[CRYPTO_KEY_LEN];
static bool has_hash_key;

void
user_http_new(struct user_conn *u)
{
	struct user_http *h = mem_alloc(1, sizeof(*h));

	if (!has_hash_key)
		crypto_random(hash_key, sizeof(hash_key));
	has_hash_key = true;
	buf_init(&h->body, HTTP_BODY_MAX);
	buf_init(&h->tail, HTTP_TARGET_MAX);
	buf_init(&h->session_header, SESSION_KEY_MAX);
	buf_init(&h->agent_header, 64);
	u->http = h;
	user_of(u)->nhttp++;
	u->c.deadline_ms = ev_now_ms(u->c.conns->ev) + EDGE_HEAD_MS;
}

void
user_http_free(struct user_conn *u)
{
	if (u->http == NULL)
		return;
	user_turn_free(u);
	buf_clear(&u->http->body);
	buf_clear(&u->http->tail);
	buf_clear(&u->http->session_header);
	buf_clear(&u->http->agent_header);
	free(u->http);
	u->http = NULL;
	user_of(u)->nhttp--;
}

size_t
user_http_window(const struct user_conn *u)
{
	switch (u->http->phase) {
	case IN_BODY:
		return KIB(64);
	case IN_HEAD:
		return edge_conn_waiting(&u->c) > 0 ? 0 : EDGE_WINDOW_MAX;
	default:
		return EDGE_WINDOW_MAX; /* read on, to see a client leave */
	}
}

void
user_http_gone(struct user_conn *u)
{
	user_turn_abort(u);
}

/* ---- answers ---- */

struct edge_answer
user_http_answer(const struct user_conn *u, unsigned status)
{
	return (struct edge_answer){.status = status,
		.head_only = u->http->head_only,
		.keep_alive = u->http->keep_alive && !u->is_secure,
		.lasts = u->lasts};
}

void
user_http_done(struct user_conn *u)
{
	struct user_http *h = u->http;

	user_turn_free(u);
	buf_clear(&h->body);
	h->phase = IN_HEAD;
	u->c.deadline_ms = ev_now_ms(u->c.conns->ev) + EDGE_IDLE_MS;
	if (!u->c.is_dead && !u->c.is_finishing && (!h->keep_alive || u->is_secure))
		edge_conn_finish(&u->c);
	edge_conn_watch(&u->c);
}

void
user_http_fail(struct user_conn *u, unsigned status, const char *type, struct span message)
{
	struct edge_answer like = user_http_answer(u, status);

	if (u->http->phase == IN_BODY)
		like.keep_alive = u->http->keep_alive =
			false; /* the rest of it would be taken for a request */
	edge_http_error(&u->c, status, type, message, &like);
	if (!u->c.is_dead)
		user_http_done(u);
}

void
user_http_refuse(struct user_conn *u, const struct edge_refusal *r)
{
	struct edge_answer like = user_http_answer(u, r->limited ? 429 : 503);
	struct buf after = {.max = 32};
	struct http_field field;

	(void)buf_put_u64_dec(&after, (r->retry_ms + 999) / 1000);
	field = (struct http_field){SPAN("Retry-After"), buf_span(&after)};
	like.fields = &field;
	like.nfields = 1;
	edge_http_error(&u->c, like.status, r->limited ? "rate_limited" : "unavailable",
		span_from_cstr(r->message), &like);
	buf_clear(&after);
	if (!u->c.is_dead)
		user_http_done(u);
}

void
user_http_json(struct user_conn *u, unsigned status, struct json_out *o)
{
	struct edge_answer answer = user_http_answer(u, status);

	if (json_out_finish(o) < 0) {
		user_http_fail(u, 500, "api_error", SPAN("the answer is too large"));
		return;
	}
	answer.type = SPAN("application/json");
	answer.body = buf_span(o->buf);
	edge_http_send(&u->c, &answer);
	if (!u->c.is_dead)
		user_http_done(u);
}

/* ---- requests ---- */

/*
 * A connection stays with whom it was signed in for; whoever else speaks on it is a stranger again. anon has vetted the first
 * request's Host and Origin; a later one that a browser could have been made to send goes back to be vetted, too.
 */
static bool
is_same_caller(struct user_http *h, const struct http_request *req)
{
	uint8_t mac[CRYPTO_MAC_LEN];
	struct span parts[3] = {SPAN_EMPTY, SPAN_EMPTY, req->host};
	struct span origin;
	uint8_t kind = (uint8_t)edge_http_credential(req, &parts[1]);

	parts[0] = span_of(&kind, 1);
	if (kind == CRED_NONE)
		return WEAK(CREDENTIAL);
	crypto_mac(hash_key, "edge credential", parts, 3, mac);
	if (!h->has_credential) {
		h->has_credential = true;
		__builtin_memcpy(h->credential, mac, sizeof(mac));
		return true;
	}
	if (kind != CRED_TOKEN || http_field_get(req, SPAN("origin"), &origin) != ERR_MISSING)
		return false;
	return crypto_bytes_equal(h->credential, mac, sizeof(mac));
}

static void
give_back(struct user_conn *u, struct buf *in)
{
	struct ipc_chan *anon = child_peer(user_of(u)->child, KIND_ANON, 0);

	if (anon == NULL ||
		anon_user_return_send(anon,
			&(struct anon_user_return){.client = u->c.fd, .unread = buf_span(in)}) < 0)
		edge_conn_close(&u->c);
	else
		edge_conn_abandon(&u->c);
}

static void
keep_header(struct buf *to, const struct http_request *req, const struct span *names, size_t n)
{
	struct span v;

	buf_reset(to);
	for (size_t i = 0; i < n && to->len == 0; i++) {
		if (http_field_get(req, names[i], &v) == 0)
			(void)buf_put(to, v);
	}
}

static void
keep_headers(struct user_http *h, const struct http_request *req)
{
	static const struct span session[] = {SPAN("x-moltbot-session-key"),
		SPAN("x-openclaw-session-key"), SPAN("x-clawdbot-session-key")};
	static const struct span agent[] = {SPAN("x-moltbot-agent-id"), SPAN("x-openclaw-agent-id"),
		SPAN("x-clawdbot-agent-id"), SPAN("x-moltbot-agent"), SPAN("x-openclaw-agent"),
		SPAN("x-clawdbot-agent")};

	keep_header(&h->session_header, req, session, 3);
	keep_header(&h->agent_header, req, agent, 6);
}

static bool
is_method(const struct route_row *row, enum http_method method)
{
	bool read = method == HTTP_GET || method == HTTP_HEAD;

	return (read && (row->methods & ROUTE_GET) != 0) ||
	       (method == HTTP_POST && (row->methods & ROUTE_POST) != 0);
}

static void
refuse_method(struct user_conn *u, enum route route)
{
	struct edge_answer like = user_http_answer(u, 405);
	const struct http_field allow = {SPAN("Allow"), route_allow(route)};

	like.fields = &allow;
	like.nfields = 1;
	/* a body under way would be taken for a request */
	like.keep_alive = u->http->keep_alive = u->http->keep_alive && u->http->phase != IN_BODY;
	edge_http_error(&u->c, 405, "invalid_request_error", SPAN("Method Not Allowed"), &like);
	if (!u->c.is_dead)
		user_http_done(u);
}

/* What can be refused before anything of the body is read. */
static bool
is_refused(struct user_conn *u, enum route route, enum http_method method)
{
	const struct user *user = user_of(u);
	const char *denied;

	if (route == ROUTE_N) {
		user_http_fail(u, 404, "not_found", SPAN("Not Found"));
	} else if (user->route_off[route]) {
		struct buf text = {.max = 256};

		(void)buf_put_fmt(&text, "switched off: %s", route_rows[route].option);
		user_http_fail(u, 404, "not_found", buf_span(&text));
		buf_clear(&text);
	} else if (!is_method(&route_rows[route], method)) {
		refuse_method(u, route);
	} else if ((denied = method_denied(
			    user->child->instance, u->scopes, route_rows[route].method)) != NULL) {
		user_http_fail(u, 403, "forbidden", span_from_cstr(denied));
	} else {
		return false;
	}
	return true;
}

static void
on_head(struct user_conn *u, struct buf *in, const struct http_request *req)
{
	struct user_http *h = u->http;
	enum http_method method = req->method;
	struct span tail;
	enum route route = route_find(req->path, &tail);
	bool too_large;

	if ((route == ROUTE_N ? !edge_http_is_api(req->path)
			      : route_rows[route].who != ROUTE_CALL) ||
		method == HTTP_OPTIONS || !is_same_caller(h, req)) {
		give_back(u, in);
		return;
	}
	h->route = (uint8_t)route;
	h->keep_alive = req->keep_alive;
	h->head_only = method == HTTP_HEAD;
	h->expects = req->expects_continue;
	h->meta = span_eq(req->query, SPAN("meta=1"));
	keep_headers(h, req);
	buf_reset(&h->tail);
	(void)buf_put(&h->tail, tail);
	too_large = http_body_init(&h->body_reader, req,
			    route == ROUTE_N ? 0 : route_rows[route].body_max) < 0;
	h->phase = req->is_chunked || req->content_length > 0 ? IN_BODY : IN_HEAD;
	buf_consume(in, req->head_len); /* the request's spans end here */
	if (is_refused(u, route, method))
		return;
	if (too_large) {
		user_http_fail(u, 413, "invalid_request_error", SPAN("the body is too large"));
		return;
	}
	h->phase = IN_BODY;
	u->c.deadline_ms = ev_now_ms(u->c.conns->ev) + EDGE_IDLE_MS;
	if (h->expects && edge_conn_send(&u->c, SPAN("HTTP/1.1 100 Continue\r\n\r\n")) < 0)
		edge_conn_close(&u->c);
}

static void
read_head(struct user_conn *u, struct buf *in)
{
	static struct http_request req;
	unsigned status;
	int rc = http_reader_read(&u->http->reader, buf_span(in), &req, &status);

	if (rc == ERR_AGAIN) {
		if (in->len < EDGE_WINDOW_MAX)
			return;
		u->http->keep_alive = false;
		user_http_fail(
			u, 431, "invalid_request_error", SPAN("the request's head is too large"));
		return;
	}
	u->http->reader = (struct http_reader){0};
	if (rc < 0) {
		u->http->keep_alive = false;
		user_http_fail(
			u, status, "invalid_request_error", span_from_cstr(http_reason(status)));
		return;
	}
	on_head(u, in, &req);
}

static void (*const starters[ROUTE_N])(struct user_conn *u, struct span body) = {
	[ROUTE_CHAT] = user_chat_start,
	[ROUTE_RESPONSES] = user_responses_start,
	[ROUTE_MODELS] = user_models_start,
	[ROUTE_MODEL] = user_models_start,
	[ROUTE_TOOLS_INVOKE] = user_tools_start,
	[ROUTE_AVATAR] = user_avatar_start,
};

void
user_http_reply(struct user_conn *u, struct user_call *call, const struct edge_core_reply *reply,
	struct span result)
{
	(void)call;
	if (u->http->phase != IN_ANSWER)
		return;
	if (route_rows[u->http->route].method == METHOD_AGENT)
		user_turn_reply(u, reply, result);
	else if (!reply->final)
		return;
	else if (u->http->route == ROUTE_TOOLS_INVOKE)
		user_tools_reply(u, reply, result);
	else if (u->http->route == ROUTE_AVATAR)
		user_avatar_reply(u, reply, result);
	else
		user_models_reply(u, reply, result);
}

/* False when more bytes are needed. */
static bool
read_body(struct user_conn *u, struct buf *in)
{
	struct user_http *h = u->http;
	struct span rest = buf_span(in);
	struct span data;
	int rc;

	while ((rc = http_body_read(&h->body_reader, &rest, &data)) == 0) {
		if (buf_put(&h->body, data) < 0) {
			rc = ERR_TOOBIG;
			break;
		}
	}
	buf_consume(in, in->len - rest.len);
	if (rc == ERR_AGAIN)
		return false;
	if (rc != ERR_EOF) {
		user_http_fail(u, rc == ERR_TOOBIG ? 413 : 400, "invalid_request_error",
			SPAN("the body is malformed or too large"));
		return false;
	}
	h->phase = IN_ANSWER;
	u->c.deadline_ms = 0;
	starters[h->route](u, buf_span(&h->body));
	return true;
}

void
user_http_bytes(struct user_conn *u, struct buf *in)
{
	while (!u->c.is_dead && !u->c.is_finishing && u->http != NULL) {
		uint8_t phase = u->http->phase;
		size_t before = in->len;

		if (phase == IN_HEAD && in->len > 0 && edge_conn_waiting(&u->c) == 0)
			read_head(u, in);
		else if (phase == IN_ANSWER || (phase == IN_BODY && !read_body(u, in)))
			return;
		if (u->c.is_dead || (u->http->phase == phase && in->len == before))
			return;
	}
}
