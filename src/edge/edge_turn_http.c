/* A request over HTTP that makes the agent take a turn, whatever its shape: the call, its events, its end. */
#include <stdio.h>
#include <stdlib.h>

#include "args/args_json.h"
#include "base/err.h"
#include "base/log.h"
#include "crypto/crypto_encode.h"
#include "edge_user_http.h"
#include "label/label.h"
#include "sse/sse.h"

#define CHUNK_MAX MIB(4)

/* ---- the call ---- */

static void
name_session(struct user_conn *u, const struct turn_ask *ask)
{
	struct user_turn *turn = u->http->turn;
	struct span agent = ask->agent.len > 0 ? ask->agent : SPAN("main");
	char uuid[CRYPTO_UUID_LEN + 1];

	if (u->http->session_header.err < 0 || u->http->agent_header.err < 0) {
		turn->session.err =
			ERR_TOOBIG; /* never another session than the one that was meant */
		return;
	}
	if (u->http->session_header.len > 0) {
		(void)buf_put(&turn->session, buf_span(&u->http->session_header));
		return;
	}
	crypto_uuid(uuid);
	(void)buf_put_cstr(&turn->session, "agent:");
	(void)buf_put(&turn->session, agent);
	(void)buf_put_u8(&turn->session, ':');
	(void)buf_put_cstr(&turn->session, turn->shape->space);
	(void)buf_put_cstr(&turn->session, ask->user.len > 0 ? "-user:" : ":");
	(void)buf_put(&turn->session, ask->user.len > 0 ? ask->user : span_from_cstr(uuid));
}

static void
put_args(const struct user_turn *turn, const struct turn_ask *ask, struct buf *args)
{
	struct buf text = {.max = CHAT_MESSAGE_MAX};
	struct args_out out;

	if (ask->history.len > 0) {
		(void)buf_put_cstr(&text, "Earlier in this conversation:\n\n");
		(void)buf_put(&text, buf_span(&ask->history));
		(void)buf_put_cstr(&text, "\n\nThe message to answer now:\n\n");
	}
	(void)buf_put(&text, buf_span(&ask->prompt));
	args_out_init(&out, args, false);
	if (text.err < 0)
		args->err = ERR_TOOBIG;
	args_out_str(&out, "message", buf_span(&text));
	args_out_cstr(&out, "idempotencyKey", turn->run);
	args_out_str(&out, "sessionKey", buf_span(&turn->session));
	if (ask->agent.len > 0)
		args_out_str(&out, "agentId", ask->agent);
	if (ask->rules.len > 0)
		args_out_str(&out, "extraSystemPrompt", buf_span(&ask->rules));
	if (args_out_done(&out) < 0)
		args->err = ERR_TOOBIG;
	buf_clear(&text);
}

void
user_turn_new(struct user_conn *u, const struct turn_shape *shape, const struct turn_ask *ask)
{
	struct user_turn *turn = mem_alloc(1, sizeof(*turn));
	char uuid[CRYPTO_UUID_LEN + 1];

	crypto_uuid(uuid);
	turn->shape = shape;
	(void)snprintf(turn->run, sizeof(turn->run), "%s", uuid);
	(void)snprintf(turn->id, sizeof(turn->id), "%s_%s", shape->id, uuid);
	(void)snprintf(turn->item, sizeof(turn->item), "msg_%s", uuid);
	buf_init(&turn->session, SESSION_KEY_MAX);
	buf_init(&turn->model, 256);
	(void)buf_put(&turn->model, span_sub(ask->model, 0, 256));
	turn->created = ev_wall_ms() / 1000;
	turn->stream = ask->stream;
	turn->usage = ask->usage;
	u->http->turn = turn;
}

static void
start(struct user_conn *u, const struct turn_shape *shape, const struct turn_ask *asked)
{
	struct turn_ask ask = *asked;
	struct buf args = {.max = IPC_BODY_MAX};
	struct edge_refusal r = {0};

	ask.agent = u->http->agent_header.len > 0 ? buf_span(&u->http->agent_header)
						  : turn_agent_of(ask.model);
	ask.user = span_sub(ask.user, 0, 256);
	user_turn_new(u, shape, &ask);
	name_session(u, &ask);
	put_args(u->http->turn, &ask, &args);
	if (args.err < 0 || u->http->turn->session.err < 0)
		user_http_fail(
			u, 413, "invalid_request_error", SPAN("the conversation is too large"));
	else if (user_call_start(u, METHOD_AGENT, SPAN_EMPTY, &args, LABEL_OWNER, &r) == NULL)
		user_http_refuse(u, &r);
	buf_clear(&args);
}

void
user_turn_post(struct user_conn *u, const struct turn_shape *shape, struct span body)
{
	char words[160];
	struct turn_ask ask;
	struct json_node *root;
	struct arena arena;
	int rc;

	(void)snprintf(words, sizeof(words), "%s", shape->expected);
	turn_ask_init(&ask);
	arena_init(&arena, body.len * 2 + MIB(12));
	rc = json_parse(&arena, body, NULL, &root, NULL);
	if (rc == 0)
		rc = shape->read(&ask, root, words, sizeof(words));
	if (rc == 0 && turn_ask_is_over(&ask))
		rc = ERR_TOOBIG;
	if (rc == 0)
		start(u, shape, &ask);
	else if (rc == ERR_TOOBIG)
		user_http_fail(
			u, 413, "invalid_request_error", SPAN("the conversation is too large"));
	else
		user_http_fail(u, 400, "invalid_request_error", span_from_cstr(words));
	arena_clear(&arena);
	turn_ask_clear(&ask);
}

void
user_turn_free(struct user_conn *u)
{
	struct user_turn *turn = u->http->turn;

	if (turn == NULL)
		return;
	ev_timer_cancel(u->c.conns->ev, turn->silence);
	buf_clear(&turn->session);
	buf_clear(&turn->model);
	free(turn);
	u->http->turn = NULL;
}

/* Nobody reads the answer any more: the run need not go on. The connection may be gone already, so core is told directly. */
void
user_turn_abort(struct user_conn *u)
{
	struct user_turn *turn = u->http != NULL ? u->http->turn : NULL;
	struct user *user = user_of(u);
	struct ipc_chan *core = child_peer(user->child, KIND_CORE, 0);
	struct buf args = {.max = KIB(4)};
	struct args_out out;

	if (turn == NULL || core == NULL || u->calls == NULL) {
		if (turn != NULL)
			user_turn_free(u);
		return;
	}
	args_out_init(&out, &args, false);
	args_out_str(&out, "sessionKey", buf_span(&turn->session));
	args_out_cstr(&out, "runId", turn->run);
	if (args_out_done(&out) == 0)
		(void)edge_core_call_send(core, &(struct edge_core_call){.conn = u->id,
							.seq = ++user->next_seq,
							.door = DOOR_HTTP,
							.method = METHOD_CHAT_ABORT,
							.scopes = u->scopes,
							.args = buf_span(&args),
							.body = -1});
	buf_clear(&args);
	user_turn_free(u);
}

/* ---- the stream ---- */

static void on_silence(struct ev *ev, void *arg);

/* Bytes of the stream as one chunk of the body. */
static void
send_chunk(struct user_conn *u, struct span bytes)
{
	struct buf chunk = {.max = CHUNK_MAX + 64};
	struct user_turn *turn = u->http->turn;

	if (bytes.len == 0 || http_chunk_put(&chunk, bytes) < 0 ||
		edge_conn_waiting(&u->c) > WS_BUFFERED_MAX ||
		edge_conn_send(&u->c, buf_span(&chunk)) < 0) {
		if (!u->c.is_dead) {
			user_turn_abort(u);
			edge_conn_close(&u->c);
		}
	} else {
		ev_timer_cancel(u->c.conns->ev, turn->silence);
		turn->silence = ev_timer_start(u->c.conns->ev, EDGE_SSE_SILENCE_MS, on_silence, u);
	}
	buf_clear(&chunk);
}

/* Whoever stands between us and the client must not take a long thought for a dead connection. */
static void
on_silence(struct ev *ev, void *arg)
{
	struct user_conn *u = arg;
	struct buf comment = {.max = 64};

	(void)ev;
	u->http->turn->silence = 0;
	(void)sse_put_comment(&comment, SPAN("keep-alive"));
	send_chunk(u, buf_span(&comment));
	buf_clear(&comment);
}

void
user_turn_event(struct user_conn *u, const char *name, struct span data)
{
	struct buf event = {.max = CHUNK_MAX};

	if (u->c.is_dead || u->http->turn == NULL)
		return;
	u->http->turn->events++;
	if (sse_put(&event, span_from_cstr(name), SPAN_EMPTY, data) < 0)
		buf_reset(&event);
	send_chunk(u, buf_span(&event));
	buf_clear(&event);
}

static void
begin_stream(struct user_conn *u)
{
	struct edge_answer answer = user_http_answer(u, 200);
	struct buf head = {.max = KIB(8)};

	if (u->http->turn->is_begun)
		return;
	u->http->turn->is_begun = true;
	answer.type = SPAN("text/event-stream; charset=utf-8");
	answer.length = HTTP_LEN_CHUNKED;
	if (edge_http_head(&head, &answer) < 0 || edge_conn_send(&u->c, buf_span(&head)) < 0)
		edge_conn_close(&u->c);
	buf_clear(&head);
	if (!u->c.is_dead)
		u->http->turn->shape->begin(u);
}

static bool
is_over(const struct user_conn *u)
{
	return u->c.is_dead || u->http == NULL || u->http->turn == NULL;
}

static void
end_stream(struct user_conn *u, struct span text, struct span result)
{
	struct buf end = {.max = 64};

	begin_stream(u);
	if (!is_over(u) && u->http->turn->told < text.len)
		u->http->turn->shape->delta(u, span_sub(text, u->http->turn->told, text.len));
	if (!is_over(u))
		u->http->turn->shape->end(u, text, result);
	if (!is_over(u))
		user_turn_event(u, "", SPAN("[DONE]"));
	if (!is_over(u)) {
		(void)http_chunk_end(&end);
		if (edge_conn_send(&u->c, buf_span(&end)) < 0)
			edge_conn_close(&u->c);
		else
			user_http_done(u);
	}
	buf_clear(&end);
}

/* The stream has begun: its status can no longer say it. */
static void
break_stream(struct user_conn *u, struct span message)
{
	u->http->turn->shape->failed(u, message);
	if (is_over(u))
		return;
	u->http->keep_alive = false;
	user_http_done(u);
}

/* ---- answers of core ---- */

/* The leaves at result.payloads[*].text. */
void
user_turn_text(struct buf *out, struct span result)
{
	struct args_leaf leaf;

	while (args_next(&result, &leaf) > 0) {
		if (leaf.depth != 4 || leaf.type != ARGS_STRING || leaf.path[2].key.ptr != NULL ||
			!span_eq(leaf.path[1].key, SPAN("payloads")) ||
			!span_eq(leaf.path[3].key, SPAN("text")))
			continue;
		if (out->len > 0)
			(void)buf_put_cstr(out, "\n");
		(void)buf_put(out, leaf.value);
	}
}

static uint64_t
usage_of(struct span result, struct span name)
{
	struct args_leaf leaf;
	uint64_t v = 0;

	while (args_next(&result, &leaf) > 0) {
		if (leaf.depth >= 2 && span_eq(leaf.path[leaf.depth - 2].key, SPAN("usage")) &&
			span_eq(leaf.path[leaf.depth - 1].key, name) && leaf.type == ARGS_NUMBER &&
			span_to_u64(leaf.value, 0, UINT64_MAX / 4, &v) == 0)
			return v;
	}
	return 0;
}

void
user_turn_put_usage(
	struct json_out *o, struct span result, const char *in_name, const char *out_name)
{
	uint64_t in = usage_of(result, SPAN("input"));
	uint64_t out = usage_of(result, SPAN("output"));

	json_out_key(o, SPAN("usage"));
	json_out_begin_object(o);
	json_out_member_u64(o, in_name, in);
	json_out_member_u64(o, out_name, out);
	json_out_member_u64(o, "total_tokens", in + out);
	json_out_end_object(o);
}

static void
send_whole(struct user_conn *u, struct span text, struct span result)
{
	struct buf body = {.max = CHUNK_MAX};
	struct json_out o;

	json_out_init(&o, &body, NULL);
	u->http->turn->shape->whole(u->http->turn, &o, text, result);
	user_http_json(u, 200, &o);
	buf_clear(&body);
}

static void
fail(struct user_conn *u, const struct edge_core_reply *reply)
{
	bool client = reply->code == RPC_INVALID_REQUEST;

	if (u->http->turn->is_begun)
		break_stream(u, reply->message);
	else
		user_http_fail(u, client ? 400 : 500,
			client ? "invalid_request_error" : "api_error", reply->message);
}

void
user_turn_reply(struct user_conn *u, const struct edge_core_reply *reply, struct span result)
{
	struct user_turn *turn = u->http->turn;
	struct buf text = {.max = RUN_TEXT_MAX + KIB(4)};

	if (turn == NULL)
		return;
	if (!reply->ok) {
		fail(u, reply);
		return;
	}
	if (!reply->final) {
		if (turn->stream)
			begin_stream(u);
		return;
	}
	user_turn_text(&text, result);
	if (turn->stream)
		end_stream(u, buf_span(&text), result);
	else
		send_whole(u, buf_span(&text), result);
	buf_clear(&text);
}

/* The assistant's whole text so far. */
static struct span
text_of(struct span payload)
{
	struct args_leaf leaf;

	while (args_next(&payload, &leaf) > 0) {
		if (leaf.depth == 2 && leaf.type == ARGS_STRING &&
			span_eq(leaf.path[0].key, SPAN("data")) &&
			span_eq(leaf.path[1].key, SPAN("text")))
			return leaf.value;
	}
	return SPAN_EMPTY;
}

void
user_http_event(struct user_conn *u, const struct edge_core_event *event, struct span payload)
{
	struct user_turn *turn = u->http->turn;
	struct span stream = SPAN_EMPTY;
	struct span text;
	size_t told;

	if (turn == NULL || !turn->stream || event->event != EVENT_AGENT ||
		!span_eq(event->run, span_from_cstr(turn->run)))
		return;
	if (args_get_str(payload, "stream", &stream) < 0 || !span_eq(stream, SPAN("assistant")))
		return;
	text = text_of(payload);
	begin_stream(u);
	if (is_over(u) || text.len <= turn->told)
		return;
	told = turn->told;
	turn->told = text.len;
	turn->shape->delta(u, span_sub(text, told, text.len));
}
