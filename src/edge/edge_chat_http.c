/* POST /v1/chat/completions: a call of the method agent, and its events as an answer or a stream of OpenAI's shape. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args/args_json.h"
#include "base/err.h"
#include "base/log.h"
#include "crypto/crypto_encode.h"
#include "edge_user_http.h"
#include "label/label.h"
#include "sse/sse.h"

#define CHUNK_MAX MIB(4)

/* ---- the request ---- */

struct ask {
	struct buf rules; /* what the client calls system or developer messages */
	struct buf history;
	struct span role; /* of the last message that is the prompt */
	struct buf prompt;
	struct span agent;
};

static void
put_parts(struct buf *out, const struct json_node *content)
{
	struct span s;

	if (json_node_str(content, &s) == 0) {
		(void)buf_put(out, s);
		return;
	}
	for (const struct json_node *p = json_first(content); p != NULL; p = p->next) {
		if (json_node_str(json_get(p, SPAN("text")), &s) < 0)
			continue;
		if (out->len > 0)
			(void)buf_put_cstr(out, "\n");
		(void)buf_put(out, s);
	}
}

static bool
is_prompt(struct span role)
{
	return span_eq(role, SPAN("user")) || span_eq(role, SPAN("tool")) ||
	       span_eq(role, SPAN("function"));
}

/* The last user or tool message is the prompt; what stands before it is history, what the client calls system is extra. */
static int
take_messages(struct ask *ask, const struct json_node *list)
{
	const struct json_node *last = NULL;
	unsigned n = 0;

	for (const struct json_node *m = json_first(list); m != NULL; m = m->next) {
		struct span role;

		if (++n > EDGE_CHAT_MESSAGES_MAX ||
			json_node_str(json_get(m, SPAN("role")), &role) < 0)
			return ERR_SYNTAX;
		if (is_prompt(role))
			last = m;
	}
	for (const struct json_node *m = json_first(list); m != NULL; m = m->next) {
		struct span role = SPAN_EMPTY;
		struct buf *to = &ask->history;

		(void)json_node_str(json_get(m, SPAN("role")), &role);
		if (m == last) {
			put_parts(&ask->prompt, json_get(m, SPAN("content")));
			continue;
		}
		if (span_eq(role, SPAN("system")) || span_eq(role, SPAN("developer")))
			to = &ask->rules;
		if (to->len > 0)
			(void)buf_put_cstr(to, "\n\n");
		if (to == &ask->history) {
			(void)buf_put(to, role);
			(void)buf_put_cstr(to, ": ");
		}
		put_parts(to, json_get(m, SPAN("content")));
	}
	return last != NULL && ask->prompt.len > 0 ? 0 : ERR_MISSING;
}

/* "moltbot:main", "openclaw/main", "agent:main": the agent in a model's name. */
static struct span
agent_of(struct span model)
{
	static const struct span prefixes[] = {SPAN("moltbot:"), SPAN("moltbot/"),
		SPAN("openclaw:"), SPAN("openclaw/"), SPAN("clawdbot:"), SPAN("clawdbot/"),
		SPAN("agent:")};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (span_starts_with(model, prefixes[i]))
			return span_sub(model, prefixes[i].len, 64);
	}
	return SPAN_EMPTY;
}

static void
name_session(struct user_conn *u, const struct ask *ask, struct span client_user)
{
	struct user_chat *chat = u->http->chat;
	struct span agent = ask->agent.len > 0 ? ask->agent : SPAN("main");
	char uuid[CRYPTO_UUID_LEN + 1];

	if (u->http->session_header.err < 0 || u->http->agent_header.err < 0) {
		chat->session.err =
			ERR_TOOBIG; /* never another session than the one that was meant */
		return;
	}
	if (u->http->session_header.len > 0) {
		(void)buf_put(&chat->session, buf_span(&u->http->session_header));
		return;
	}
	crypto_uuid(uuid);
	(void)buf_put_cstr(&chat->session, "agent:");
	(void)buf_put(&chat->session, agent);
	(void)buf_put_cstr(&chat->session, client_user.len > 0 ? ":openai-user:" : ":openai:");
	(void)buf_put(&chat->session, client_user.len > 0 ? client_user : span_from_cstr(uuid));
}

static void
put_args(const struct user_conn *u, const struct ask *ask, struct buf *args)
{
	const struct user_chat *chat = u->http->chat;
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
	args_out_cstr(&out, "idempotencyKey", chat->run);
	args_out_str(&out, "sessionKey", buf_span(&chat->session));
	if (ask->agent.len > 0)
		args_out_str(&out, "agentId", ask->agent);
	if (ask->rules.len > 0)
		args_out_str(&out, "extraSystemPrompt", buf_span(&ask->rules));
	if (args_out_done(&out) < 0)
		args->err = ERR_TOOBIG;
	buf_clear(&text);
}

static int
read_request(struct user_conn *u, struct ask *ask, const struct json_node *root)
{
	struct user_chat *chat = u->http->chat;
	struct span model = SPAN("moltbot");
	struct span client_user = SPAN_EMPTY;

	if (root->kind != JSON_OBJECT || json_get(root, SPAN("messages")) == NULL)
		return ERR_SYNTAX;
	(void)json_node_str(json_get(root, SPAN("model")), &model);
	(void)json_node_str(json_get(root, SPAN("user")), &client_user);
	(void)json_node_bool(json_get(root, SPAN("stream")), &chat->stream);
	(void)json_node_bool(
		json_get(json_get(root, SPAN("stream_options")), SPAN("include_usage")),
		&chat->usage);
	(void)buf_put(&chat->model, span_sub(model, 0, 256));
	ask->agent =
		u->http->agent_header.len > 0 ? buf_span(&u->http->agent_header) : agent_of(model);
	name_session(u, ask, span_sub(client_user, 0, 256));
	return take_messages(ask, json_get(root, SPAN("messages")));
}

static struct user_chat *
chat_new(void)
{
	struct user_chat *chat = mem_alloc(1, sizeof(*chat));
	char uuid[CRYPTO_UUID_LEN + 1];

	crypto_uuid(uuid);
	(void)snprintf(chat->run, sizeof(chat->run), "%s", uuid);
	(void)snprintf(chat->id, sizeof(chat->id), "chatcmpl_%s", uuid);
	buf_init(&chat->session, SESSION_KEY_MAX);
	buf_init(&chat->model, 256);
	chat->created = ev_wall_ms() / 1000;
	return chat;
}

static void
start_call(struct user_conn *u, const struct ask *ask)
{
	struct buf args = {.max = IPC_BODY_MAX};
	struct edge_refusal r = {0};

	put_args(u, ask, &args);
	if (args.err < 0 || u->http->chat->session.err < 0) {
		user_http_fail(
			u, 413, "invalid_request_error", SPAN("the conversation is too large"));
	} else if (user_call_start(u, METHOD_AGENT, SPAN_EMPTY, &args, LABEL_OWNER, &r) == NULL) {
		user_http_fail(
			u, r.retry_ms > 1000 ? 429 : 503, "api_error", span_from_cstr(r.message));
	}
	buf_clear(&args);
}

void
user_chat_start(struct user_conn *u, struct span body)
{
	struct ask ask = {.rules = {.max = CHAT_MESSAGE_MAX},
		.history = {.max = CHAT_MESSAGE_MAX},
		.prompt = {.max = CHAT_MESSAGE_MAX}};
	struct json_node *root;
	struct arena arena;
	int rc;

	u->http->chat = chat_new();
	arena_init(&arena, body.len * 2 + MIB(12));
	rc = json_parse(&arena, body, NULL, &root, NULL);
	if (rc == 0)
		rc = read_request(u, &ask, root);
	if (rc == 0 && (ask.rules.err < 0 || ask.history.err < 0 || ask.prompt.err < 0))
		rc = ERR_TOOBIG;
	if (rc == 0)
		start_call(u, &ask);
	else if (rc == ERR_TOOBIG)
		user_http_fail(
			u, 413, "invalid_request_error", SPAN("the conversation is too large"));
	else if (rc == ERR_MISSING)
		user_http_fail(u, 400, "invalid_request_error",
			SPAN("Missing user message in `messages`."));
	else
		user_http_fail(u, 400, "invalid_request_error",
			SPAN("expected a JSON object with `messages`"));
	arena_clear(&arena);
	buf_clear(&ask.rules);
	buf_clear(&ask.history);
	buf_clear(&ask.prompt);
}

void
user_chat_free(struct user_conn *u)
{
	struct user_chat *chat = u->http->chat;

	if (chat == NULL)
		return;
	buf_clear(&chat->session);
	buf_clear(&chat->model);
	free(chat);
	u->http->chat = NULL;
}

/* Nobody reads the answer any more: the run need not go on. The connection may be gone already, so core is told directly. */
void
user_chat_abort(struct user_conn *u)
{
	struct user_chat *chat = u->http != NULL ? u->http->chat : NULL;
	struct user *user = user_of(u);
	struct ipc_chan *core = child_peer(user->child, KIND_CORE, 0);
	struct buf args = {.max = KIB(4)};
	struct args_out out;

	if (chat == NULL || core == NULL || u->calls == NULL) {
		if (chat != NULL)
			user_chat_free(u);
		return;
	}
	args_out_init(&out, &args, false);
	args_out_str(&out, "sessionKey", buf_span(&chat->session));
	args_out_cstr(&out, "runId", chat->run);
	if (args_out_done(&out) == 0)
		(void)edge_core_call_send(core, &(struct edge_core_call){.conn = u->id,
							.seq = ++user->next_seq,
							.door = DOOR_HTTP,
							.method = METHOD_CHAT_ABORT,
							.scopes = u->scopes,
							.args = buf_span(&args),
							.body = -1});
	buf_clear(&args);
	user_chat_free(u);
}

/* ---- the answer ---- */

/* The leaf at result.payloads[*].text, or under agentMeta.usage. */
static void
put_text(struct buf *out, struct span result)
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

static void
put_usage(struct json_out *o, struct span result)
{
	uint64_t in = usage_of(result, SPAN("input"));
	uint64_t out = usage_of(result, SPAN("output"));

	json_out_key(o, SPAN("usage"));
	json_out_begin_object(o);
	edge_put_u64(o, "prompt_tokens", in);
	edge_put_u64(o, "completion_tokens", out);
	edge_put_u64(o, "total_tokens", in + out);
	json_out_end_object(o);
}

static void
begin_object(struct json_out *o, const struct user_chat *chat, const char *object)
{
	json_out_begin_object(o);
	edge_put_str(o, "id", span_from_cstr(chat->id));
	edge_put_str(o, "object", span_from_cstr(object));
	edge_put_u64(o, "created", chat->created);
	edge_put_str(o, "model", buf_span(&chat->model));
	json_out_key(o, SPAN("choices"));
	json_out_begin_array(o);
}

static void
send_whole(struct user_conn *u, struct span text, struct span result)
{
	struct buf body = {.max = CHUNK_MAX};
	struct edge_answer answer = user_http_answer(u, 200);
	struct json_out o;

	json_out_init(&o, &body, NULL);
	begin_object(&o, u->http->chat, "chat.completion");
	json_out_begin_object(&o);
	edge_put_u64(&o, "index", 0);
	json_out_key(&o, SPAN("message"));
	json_out_begin_object(&o);
	edge_put_str(&o, "role", SPAN("assistant"));
	edge_put_str(&o, "content", text);
	json_out_end_object(&o);
	edge_put_str(&o, "finish_reason", SPAN("stop"));
	json_out_end_object(&o);
	json_out_end_array(&o);
	put_usage(&o, result);
	json_out_end_object(&o);
	if (json_out_finish(&o) < 0) {
		user_http_fail(u, 500, "api_error", SPAN("the answer is too large"));
	} else {
		answer.type = SPAN("application/json");
		answer.body = buf_span(&body);
		edge_http_send(&u->c, &answer);
		if (!u->c.is_dead)
			user_http_done(u);
	}
	buf_clear(&body);
}

/* One event of the stream as one chunk of the body. */
static void
send_event(struct user_conn *u, struct span data)
{
	struct buf event = {.max = CHUNK_MAX};
	struct buf chunk = {.max = CHUNK_MAX + 64};

	if (sse_put(&event, SPAN_EMPTY, SPAN_EMPTY, data) < 0 ||
		http_chunk_put(&chunk, buf_span(&event)) < 0 ||
		edge_conn_waiting(&u->c) > WS_BUFFERED_MAX ||
		edge_conn_send(&u->c, buf_span(&chunk)) < 0) {
		if (!u->c.is_dead) {
			user_chat_abort(u);
			edge_conn_close(&u->c);
		}
	}
	buf_clear(&event);
	buf_clear(&chunk);
}

enum delta { DELTA_ROLE, DELTA_TEXT, DELTA_STOP, DELTA_USAGE };

static void
send_delta(struct user_conn *u, enum delta what, struct span text, struct span result)
{
	struct buf json = {.max = CHUNK_MAX};
	struct json_out o;

	json_out_init(&o, &json, NULL);
	begin_object(&o, u->http->chat, "chat.completion.chunk");
	if (what != DELTA_USAGE) {
		json_out_begin_object(&o);
		edge_put_u64(&o, "index", 0);
		json_out_key(&o, SPAN("delta"));
		json_out_begin_object(&o);
		if (what == DELTA_ROLE)
			edge_put_str(&o, "role", SPAN("assistant"));
		if (what == DELTA_ROLE || what == DELTA_TEXT)
			edge_put_str(&o, "content", text);
		json_out_end_object(&o);
		json_out_key(&o, SPAN("finish_reason"));
		if (what == DELTA_STOP)
			json_out_str(&o, SPAN("stop"));
		else
			json_out_null(&o);
		json_out_end_object(&o);
	}
	json_out_end_array(&o);
	if (what == DELTA_USAGE)
		put_usage(&o, result);
	json_out_end_object(&o);
	if (json_out_finish(&o) == 0)
		send_event(u, buf_span(&json));
	buf_clear(&json);
}

static void
begin_stream(struct user_conn *u)
{
	struct edge_answer answer = user_http_answer(u, 200);
	struct buf head = {.max = KIB(8)};

	if (u->http->chat->is_begun)
		return;
	u->http->chat->is_begun = true;
	answer.type = SPAN("text/event-stream; charset=utf-8");
	answer.length = HTTP_LEN_CHUNKED;
	if (edge_http_head(&head, &answer) < 0 || edge_conn_send(&u->c, buf_span(&head)) < 0)
		edge_conn_close(&u->c);
	buf_clear(&head);
	if (!u->c.is_dead)
		send_delta(u, DELTA_ROLE, SPAN_EMPTY, SPAN_EMPTY);
}

static void
end_stream(struct user_conn *u, struct span text, struct span result)
{
	struct user_chat *chat = u->http->chat;
	struct buf end = {.max = 64};

	begin_stream(u);
	if (!u->c.is_dead && chat->told < text.len)
		send_delta(u, DELTA_TEXT, span_sub(text, chat->told, text.len), SPAN_EMPTY);
	if (!u->c.is_dead)
		send_delta(u, DELTA_STOP, SPAN_EMPTY, SPAN_EMPTY);
	if (!u->c.is_dead && chat->usage)
		send_delta(u, DELTA_USAGE, SPAN_EMPTY, result);
	if (!u->c.is_dead)
		send_event(u, SPAN("[DONE]"));
	if (!u->c.is_dead) {
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
	struct buf json = {.max = KIB(8)};
	struct json_out o;

	json_out_init(&o, &json, NULL);
	json_out_begin_object(&o);
	json_out_key(&o, SPAN("error"));
	json_out_begin_object(&o);
	edge_put_str(&o, "message", message);
	edge_put_str(&o, "type", SPAN("api_error"));
	json_out_end_object(&o);
	json_out_end_object(&o);
	send_event(u, buf_span(&json));
	buf_clear(&json);
	if (!u->c.is_dead) {
		u->http->keep_alive = false;
		user_http_done(u);
	}
}

void
user_http_reply(struct user_conn *u, struct user_call *call, const struct edge_core_reply *reply,
	struct span result)
{
	struct user_chat *chat = u->http->chat;
	struct buf text = {.max = RUN_TEXT_MAX + KIB(4)};

	(void)call;
	if (chat == NULL)
		return;
	if (!reply->final && reply->ok) {
		if (chat->stream)
			begin_stream(u);
		return;
	}
	if (!reply->ok) {
		if (chat->is_begun)
			break_stream(u, reply->message);
		else
			user_http_fail(u, reply->code == RPC_INVALID_REQUEST ? 400 : 500,
				reply->code == RPC_INVALID_REQUEST ? "invalid_request_error"
								   : "api_error",
				reply->message);
		return;
	}
	put_text(&text, result);
	if (chat->stream)
		end_stream(u, buf_span(&text), result);
	else
		send_whole(u, buf_span(&text), result);
	buf_clear(&text);
}

void
user_http_event(struct user_conn *u, const struct edge_core_event *event, struct span payload)
{
	struct user_chat *chat = u->http->chat;
	struct span stream = SPAN_EMPTY;
	struct span text = SPAN_EMPTY;
	struct args_leaf leaf;
	size_t told;

	if (chat == NULL || !chat->stream || event->event != EVENT_AGENT ||
		!span_eq(event->run, span_from_cstr(chat->run)))
		return;
	if (args_get_str(payload, "stream", &stream) < 0 || !span_eq(stream, SPAN("assistant")))
		return;
	while (args_next(&payload, &leaf) > 0) {
		if (leaf.depth == 2 && leaf.type == ARGS_STRING &&
			span_eq(leaf.path[0].key, SPAN("data")) &&
			span_eq(leaf.path[1].key, SPAN("text")))
			text = leaf.value;
	}
	begin_stream(u);
	if (u->c.is_dead || text.len <= chat->told)
		return;
	told = chat->told;
	chat->told = text.len;
	send_delta(u, DELTA_TEXT, span_sub(text, told, text.len), SPAN_EMPTY);
}
