#include "edge_anon.h"

#include "base/err.h"
#include "base/weak.h"
#include "crypto/crypto_encode.h"
#include "edge_http.h"
#include "http/value.h"

static void
put_challenge(struct buf *out, const char *nonce)
{
	struct buf text = {.max = 512};
	struct json_out o;

	json_out_init(&o, &text, NULL);
	edge_frame_event(&o, event_rows[EVENT_CONNECT_CHALLENGE].name);
	json_out_key(&o, SPAN("payload"));
	json_out_begin_object(&o);
	json_out_member_str(&o, "nonce", span_from_cstr(nonce));
	json_out_member_u64(&o, "ts", ev_wall_ms());
	json_out_end_object(&o);
	json_out_end_object(&o);
	(void)ws_put(out, WS_TEXT, buf_span(&text), NULL);
	buf_clear(&text);
}

void
anon_ws_upgrade(struct anon_conn *a, struct buf *in, const struct http_request *req, bool secure,
	enum edge_origin origin)
{
	char accept[WS_ACCEPT_LEN];
	struct buf out = {.max = KIB(4)};
	struct anon_ask *ask = anon_ask_new(a, req, secure);
	struct span cookie;
	int rc;

	a->ask = ask;
	ask->websocket = true;
	if (origin == EDGE_ORIGIN_OWN && edge_http_credential(req, &cookie) == CRED_COOKIE &&
		cookie.len <= 128) {
		ask->has_cookie = true;
		ask->cookie = span_of(ask->store.ptr + ask->store.len, cookie.len);
		(void)buf_put(&ask->store, cookie); /* room was reserved: nothing moves */
	}
	ws_decoder_init(&ask->ws, WS_SERVER, WEAK(ANON_FRAME) ? WS_FRAME_MAX : WS_ANON_FRAME_MAX);
	crypto_uuid(ask->nonce);
	rc = ws_accept_key(req->ws_key, accept);
	if (rc == 0) {
		const struct http_field fields[] = {{SPAN("Upgrade"), SPAN("websocket")},
			{SPAN("Connection"), SPAN("Upgrade")},
			{SPAN("Sec-WebSocket-Accept"), span_of(accept, WS_ACCEPT_LEN)}};

		rc = http_response_head(&out, 101, fields, 3, HTTP_LEN_NONE);
	}
	buf_consume(in, req->head_len);
	a->phase = ANON_CONNECT;
	a->c.deadline_ms = a->born_ms + EDGE_HANDSHAKE_MS;
	if (a->c.deadline_ms < ev_now_ms(a->c.conns->ev) + EDGE_HANDSHAKE_MS / 2)
		a->c.deadline_ms = ev_now_ms(a->c.conns->ev) + EDGE_HANDSHAKE_MS;
	put_challenge(&out, ask->nonce);
	if (rc < 0 || edge_conn_send(&a->c, buf_span(&out)) < 0)
		edge_conn_close(&a->c);
	buf_clear(&out);
}

void
anon_ws_refuse(struct anon_conn *a, struct span id, const struct edge_refusal *r)
{
	struct buf text = {.max = KIB(4)};
	struct buf out = {.max = KIB(8)};

	if (id.len > 0) {
		edge_frame_refusal(&text, id, r);
		(void)ws_put(&out, WS_TEXT, buf_span(&text), NULL);
	}
	(void)ws_put_close(&out, r->close, span_sub(span_from_cstr(r->message), 0, 120), NULL);
	if (edge_conn_send(&a->c, buf_span(&out)) < 0)
		edge_conn_close(&a->c);
	buf_clear(&text);
	buf_clear(&out);
	edge_conn_finish(&a->c);
}

/* Which credential counts: what the frame says before what the browser sends by itself. */
static void
verify(struct anon_conn *a)
{
	struct anon_ask *ask = a->ask;

	if (ask->connect.token.len > 0)
		anon_ask_verify(a, CRED_TOKEN, ask->connect.token);
	else if (ask->connect.password.len > 0)
		anon_ask_verify(a, CRED_PASSWORD, ask->connect.password);
	else if (ask->has_cookie)
		anon_ask_verify(a, CRED_COOKIE, ask->cookie);
	else
		anon_ask_verify(a, CRED_NONE, SPAN_EMPTY);
}

static void
on_frame(struct anon_conn *a, struct span text)
{
	struct anon_ask *ask = a->ask;
	struct edge_refusal r = {.close = WS_CODE_NORMAL};
	struct edge_connect_door door = {.nonce = span_from_cstr(ask->nonce),
		.has_cookie = ask->has_cookie,
		.allow_insecure_auth = anon_of(a)->allow_insecure_auth,
		.now_ms = ev_wall_ms()};
	int rc;

	arena_init(&ask->arena, KIB(160));
	rc = edge_connect_parse(&ask->arena, text, &ask->connect, &r);
	if (rc == 0)
		rc = edge_connect_check(&ask->connect, &door, &r);
	if (rc < 0) {
		anon_ws_refuse(a, rc == ERR_DENIED ? ask->connect.req : SPAN_EMPTY, &r);
		return;
	}
	a->c.extra = sizeof(*ask) + ask->store.cap + ask->arena.used;
	edge_conn_account(&a->c);
	verify(a);
}

static void
on_event(struct anon_conn *a, const struct ws_event *ev)
{
	struct buf out = {.max = 256};

	switch (ev->kind) {
	case WS_TEXT:
	case WS_BINARY:
		on_frame(a, ev->data);
		return;
	case WS_PING:
		(void)ws_put(&out, WS_PONG, ev->data, NULL);
		if (edge_conn_send(&a->c, buf_span(&out)) < 0)
			edge_conn_close(&a->c);
		buf_clear(&out);
		return;
	case WS_CLOSE:
		anon_ws_refuse(a, SPAN_EMPTY,
			&(struct edge_refusal){
				.close = ev->code == WS_CODE_NONE ? WS_CODE_NORMAL : ev->code});
		return;
	case WS_PONG:
	case WS_CONTINUATION:
		return;
	}
}

void
anon_ws_bytes(struct anon_conn *a, struct buf *in)
{
	struct ws_event ev;
	int rc = 0;

	while (!a->c.is_dead && !a->c.is_finishing && a->phase == ANON_CONNECT &&
		(rc = ws_decode(&a->ask->ws, in, &ev)) == 0)
		on_event(a, &ev);
	if (a->c.is_dead || a->c.is_finishing)
		return;
	if (a->phase != ANON_CONNECT)
		buf_consume(
			in, a->ask->ws.pos); /* what follows connect is for edge/user, as it came */
	else if (rc == ERR_PROTO)
		anon_ws_refuse(a, SPAN_EMPTY, &(struct edge_refusal){.close = a->ask->ws.code});
	else if (rc != ERR_AGAIN)
		edge_conn_close(&a->c);
}
