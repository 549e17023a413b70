#include "base/err.h"
#include "base/log.h"
#include "crypto/crypto_encode.h"
#include "edge_http.h"
#include "edge_user.h"
#include "label/label.h"

/* ---- out ---- */

static void
send_frame(struct user_conn *u, enum ws_opcode opcode, struct span payload)
{
	uint8_t head[WS_HEAD_MAX];
	struct buf out = {.max = WS_HEAD_MAX + payload.len};
	size_t n = ws_head_format(head, opcode, true, payload.len, NULL);

	user_cast_catch_up(u);
	(void)buf_put(&out, span_of(head, n));
	(void)buf_put(&out, payload);
	if (edge_conn_send(&u->c, buf_span(&out)) < 0)
		edge_conn_close(&u->c);
	buf_clear(&out);
}

void
user_ws_send(struct user_conn *u, struct span json)
{
	send_frame(u, WS_TEXT, json);
}

void
user_ws_refuse(struct user_conn *u, struct span id, const struct edge_refusal *r)
{
	struct buf text = {.max = KIB(8)};

	edge_frame_refusal(&text, id, r);
	user_ws_send(u, buf_span(&text));
	buf_clear(&text);
	if (r->close != 0)
		user_ws_close(u, r->close, r->message);
}

void
user_ws_close(struct user_conn *u, uint16_t code, const char *reason)
{
	struct buf out = {.max = 256};

	user_cast_catch_up(u);
	(void)ws_put_close(&out, code, span_sub(span_from_cstr(reason), 0, 120), NULL);
	if (edge_conn_send(&u->c, buf_span(&out)) < 0)
		edge_conn_close(&u->c);
	buf_clear(&out);
	edge_conn_finish(&u->c);
}

/* ---- requests ---- */

/* Rights are looked at before names: who may not call everything does not hear what there is. */
static void
unknown_method(struct user_conn *u, struct span id, struct span method)
{
	struct edge_refusal r = {0};
	struct buf name = {.max = 256};

	log_put_safe(&name, span_sub(method, 0, 64));
	if (u->is_node)
		edge_refuse(&r, RPC_INVALID_REQUEST, 0, "unauthorized role: node");
	else if ((u->scopes & SCOPE_ADMIN) == 0)
		edge_refuse(&r, RPC_INVALID_REQUEST, 0, "missing scope: operator.admin");
	else
		edge_refuse(&r, RPC_INVALID_REQUEST, 0, "unknown method: %.*s", (int)name.len,
			(const char *)name.ptr);
	user_ws_refuse(u, id, &r);
	buf_clear(&name);
}

/* What the signed-in owner typed in this very frame; a node or another member's device types nothing for the owner. */
static uint8_t
integrity_of(const struct user_conn *u)
{
	if (u->is_node || PRINCIPAL_KIND(user_of(u)->child->instance) == PRINCIPAL_NODE)
		return LABEL_MEMBER;
	return LABEL_OWNER_TYPED;
}

static void
call(struct user_conn *u, struct span id, unsigned method, const struct json_node *params)
{
	const struct method_row *row = &method_rows[method];
	struct buf args = {.max = IPC_BODY_MAX};
	struct edge_refusal r = {0};
	char what[160];
	const char *denied = method_denied(user_of(u)->child->instance, u->scopes, method);

	if (row->where == AT_NOWHERE)
		params = NULL;
	if (denied != NULL) {
		edge_refuse(&r, RPC_INVALID_REQUEST, 0, "%s", denied);
	} else if (user_params_take(&args, row, params, what, sizeof(what)) < 0) {
		edge_refuse(&r, RPC_INVALID_REQUEST, 0, "invalid %s params: %s", row->name, what);
	} else if (user_call_start(u, method, id, &args, integrity_of(u), &r) != NULL) {
		return;
	}
	buf_clear(&args);
	if (!u->c.is_dead)
		user_ws_refuse(u, id, &r);
}

static const struct edge_field frame_fields[] = {{"type", EDGE_STR, true}, {"id", EDGE_STR1, true},
	{"method", EDGE_STR1, true}, {"params", EDGE_ANY, false}};

static void
on_request(struct user_conn *u, const struct json_node *root)
{
	struct span id = SPAN("invalid");
	struct span type = SPAN_EMPTY;
	struct span method = SPAN_EMPTY;
	struct edge_refusal r = {0};
	char what[160];
	int found;

	(void)json_node_str(json_get(root, SPAN("id")), &id);
	(void)json_node_str(json_get(root, SPAN("type")), &type);
	if (id.len == 0 || id.len > 256)
		id = SPAN("invalid");
	if (edge_object_check(root, "", frame_fields, 4, what, sizeof(what)) < 0 ||
		!span_eq(type, SPAN("req"))) {
		edge_refuse(&r, RPC_INVALID_REQUEST, 0, "invalid request frame: %s",
			type.len > 0 && !span_eq(type, SPAN("req")) ? "at /type: must be req"
								    : what);
		user_ws_refuse(u, id, &r);
		return;
	}
	(void)json_node_str(json_get(root, SPAN("method")), &method);
	if (span_eq(method, SPAN("connect"))) {
		edge_refuse(
			&r, RPC_INVALID_REQUEST, 0, "connect is only valid as the first request");
		user_ws_refuse(u, id, &r);
		return;
	}
	found = method.len <= 64 ? method_find((const char *)method.ptr, (unsigned)method.len) : -1;
	if (found < 0)
		unknown_method(u, id, method);
	else
		call(u, id, (unsigned)found, json_get(root, SPAN("params")));
}

/* Clients of protocol 3 hear nothing of it. The log does, at the 1st, 2nd, 4th, 8th ... of a connection: it cannot be filled. */
static void
not_json(struct user_conn *u, struct span text)
{
	u->not_json++;
	if ((u->not_json & (u->not_json - 1)) == 0)
		log_warn("frame that is no JSON ignored", LOG_U("conn", u->id),
			LOG_U("bytes", text.len), LOG_U("count", u->not_json));
}

static void
on_text(struct user_conn *u, struct span text)
{
	const struct json_opts opts = {
		.max_depth = ARGS_DEPTH_MAX + 2, .max_nodes = ARGS_LEAVES_MAX * 4};
	struct json_node *root;
	struct arena arena;

	arena_init(&arena, text.len * 2 + MIB(4));
	if (json_parse(&arena, text, &opts, &root, NULL) == 0)
		on_request(u, root);
	else
		not_json(u, text);
	arena_clear(&arena);
}

static void
on_event(struct user_conn *u, const struct ws_event *ev)
{
	switch (ev->kind) {
	case WS_TEXT:
	case WS_BINARY:
		on_text(u, ev->data);
		return;
	case WS_PING:
		send_frame(u, WS_PONG, ev->data);
		return;
	case WS_CLOSE:
		user_ws_close(u, ev->code == WS_CODE_NONE ? WS_CODE_NORMAL : ev->code, "");
		return;
	case WS_PONG:
	case WS_CONTINUATION:
		return;
	}
}

void
user_ws_bytes(struct user_conn *u, struct buf *in)
{
	struct ws_event ev;
	int rc = ERR_AGAIN;

	for (unsigned n = 0; !u->c.is_dead && !u->c.is_finishing; n++) {
		if (n == EDGE_TURN_FRAMES) {
			edge_conn_yield(&u->c);
			return;
		}
		rc = ws_decode(&u->ws, in, &ev);
		if (rc != 0)
			break;
		on_event(u, &ev);
	}
	if (!u->c.is_dead && !u->c.is_finishing && rc == ERR_PROTO)
		user_ws_close(u, u->ws.code, "");
}

/* ---- the control socket's handshake ---- */

static void
upgrade(struct user_conn *u, struct buf *in)
{
	static struct http_request req;
	struct http_reader reader = {0};
	struct buf out = {.max = KIB(4)};
	struct buf text = {.max = 512};
	struct json_out o;
	char accept[WS_ACCEPT_LEN];
	unsigned status;
	int rc = http_reader_read(&reader, buf_span(in), &req, &status);

	if (rc == ERR_AGAIN)
		return;
	if (rc < 0 || !req.is_websocket || ws_accept_key(req.ws_key, accept) < 0) {
		edge_http_send(&u->c, &(struct edge_answer){.status = rc < 0 ? status : 426,
					      .type = SPAN("text/plain"),
					      .body = SPAN("this socket speaks WebSocket\n")});
		return;
	}
	const struct http_field fields[] = {{SPAN("Upgrade"), SPAN("websocket")},
		{SPAN("Connection"), SPAN("Upgrade")},
		{SPAN("Sec-WebSocket-Accept"), span_of(accept, WS_ACCEPT_LEN)}};

	(void)http_response_head(&out, 101, fields, 3, HTTP_LEN_NONE);
	buf_consume(in, req.head_len);
	u->greet = mem_alloc(1, sizeof(*u->greet));
	crypto_uuid(u->greet->nonce);
	ws_decoder_init(&u->ws, WS_SERVER, WS_ANON_FRAME_MAX);
	u->phase = USER_CONNECT;
	json_out_init(&o, &text, NULL);
	edge_frame_event(&o, event_rows[EVENT_CONNECT_CHALLENGE].name);
	json_out_key(&o, SPAN("payload"));
	json_out_begin_object(&o);
	json_out_member_str(&o, "nonce", span_from_cstr(u->greet->nonce));
	json_out_member_u64(&o, "ts", ev_wall_ms());
	json_out_end_object(&o);
	json_out_end_object(&o);
	(void)ws_put(&out, WS_TEXT, buf_span(&text), NULL);
	if (edge_conn_send(&u->c, buf_span(&out)) < 0)
		edge_conn_close(&u->c);
	buf_clear(&text);
	buf_clear(&out);
}

static void
control_connect(struct user_conn *u, struct span text)
{
	struct user_greet *g = u->greet;
	struct edge_connect_door door = {
		.control = true, .nonce = span_from_cstr(g->nonce), .now_ms = ev_wall_ms()};
	struct edge_refusal r = {.close = WS_CODE_NORMAL};
	struct edge_connect c;
	int rc;

	arena_init(&g->arena, KIB(160));
	rc = edge_connect_parse(&g->arena, text, &c, &r);
	if (rc == 0)
		rc = edge_connect_check(&c, &door, &r);
	if (rc == ERR_DENIED) {
		user_ws_refuse(u, c.req, &r);
		return;
	}
	if (rc < 0) {
		user_ws_close(u, r.close, r.message);
		return;
	}
	g->connect_id = c.req;
	g->client_id = c.client_id;
	g->client_mode = c.client_mode;
	g->client_version = c.client_version;
	g->platform = c.platform;
	g->display = c.display;
	g->instance_id = c.instance_id;
	g->role = SPAN("operator");
	g->source = SPAN("control");
	u->epoch = UINT64_MAX;
	user_greet(u);
}

void
user_control_bytes(struct user_conn *u, struct buf *in)
{
	struct ws_event ev;
	int rc = 0;

	if (u->phase == USER_UPGRADE)
		upgrade(u, in);
	while (u->phase == USER_CONNECT && in->len > 0 && !u->c.is_dead && !u->c.is_finishing &&
		(rc = ws_decode(&u->ws, in, &ev)) == 0) {
		size_t used = u->ws.pos;

		if (ev.kind == WS_PING || ev.kind == WS_PONG)
			continue;
		if (ev.kind != WS_TEXT && ev.kind != WS_BINARY) {
			user_ws_close(u, WS_CODE_NORMAL, "");
			return;
		}
		control_connect(u, ev.data);
		if (u->c.is_dead || u->c.is_finishing)
			return;
		buf_consume(in, used); /* what follows is for the decoder of a signed-in client */
	}
	if (rc < 0 && rc != ERR_AGAIN)
		user_ws_close(u, rc == ERR_PROTO ? u->ws.code : WS_CODE_NORMAL, "");
}
