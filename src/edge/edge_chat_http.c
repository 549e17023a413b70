/* POST /v1/chat/completions: OpenAI's shape of a turn. */
#include <stdio.h>

#include "base/err.h"
#include "edge_user_http.h"

#define JSON_MAX MIB(4)

/* ---- the request ---- */

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

static int
last_prompt(const struct json_node *list, const struct json_node **last)
{
	unsigned n = 0;

	*last = NULL;
	for (const struct json_node *m = json_first(list); m != NULL; m = m->next) {
		struct span role;

		if (++n > EDGE_CHAT_MESSAGES_MAX ||
			json_node_str(json_get(m, SPAN("role")), &role) < 0)
			return ERR_SYNTAX;
		if (is_prompt(role))
			*last = m;
	}
	return 0;
}

/* The last user or tool message is the prompt; what stands before it is history, what the client calls system is extra. */
static int
take_messages(struct turn_ask *ask, const struct json_node *list)
{
	const struct json_node *last;
	int rc = last_prompt(list, &last);

	for (const struct json_node *m = json_first(list); m != NULL && rc == 0; m = m->next) {
		struct buf text = {.max = CHAT_MESSAGE_MAX};
		struct span role = SPAN_EMPTY;

		(void)json_node_str(json_get(m, SPAN("role")), &role);
		put_parts(m == last ? &ask->prompt : &text, json_get(m, SPAN("content")));
		if (m != last)
			turn_ask_put(ask, role, buf_span(&text));
		rc = text.err;
		buf_clear(&text);
	}
	if (rc < 0)
		return rc;
	return last != NULL && ask->prompt.len > 0 ? 0 : ERR_MISSING;
}

static int
read_request(struct turn_ask *ask, const struct json_node *root, char *words, size_t cap)
{
	int rc;

	if (root->kind != JSON_OBJECT || json_get(root, SPAN("messages")) == NULL)
		return ERR_SYNTAX;
	(void)json_node_str(json_get(root, SPAN("model")), &ask->model);
	(void)json_node_str(json_get(root, SPAN("user")), &ask->user);
	(void)json_node_bool(json_get(root, SPAN("stream")), &ask->stream);
	(void)json_node_bool(
		json_get(json_get(root, SPAN("stream_options")), SPAN("include_usage")),
		&ask->usage);
	rc = take_messages(ask, json_get(root, SPAN("messages")));
	if (rc == ERR_MISSING)
		(void)snprintf(words, cap, "Missing user message in `messages`.");
	return rc;
}

/* ---- the answer ---- */

static void
begin_object(struct json_out *o, const struct user_turn *turn, const char *object)
{
	json_out_begin_object(o);
	json_out_member_str(o, "id", span_from_cstr(turn->id));
	json_out_member_str(o, "object", span_from_cstr(object));
	json_out_member_u64(o, "created", turn->created);
	json_out_member_str(o, "model", buf_span(&turn->model));
	json_out_key(o, SPAN("choices"));
	json_out_begin_array(o);
}

static void
put_whole(const struct user_turn *turn, struct json_out *o, struct span text, struct span result)
{
	begin_object(o, turn, "chat.completion");
	json_out_begin_object(o);
	json_out_member_u64(o, "index", 0);
	json_out_key(o, SPAN("message"));
	json_out_begin_object(o);
	json_out_member_str(o, "role", SPAN("assistant"));
	json_out_member_str(o, "content", text);
	json_out_end_object(o);
	json_out_member_str(o, "finish_reason", SPAN("stop"));
	json_out_end_object(o);
	json_out_end_array(o);
	user_turn_put_usage(o, result, "prompt_tokens", "completion_tokens");
	json_out_end_object(o);
}

enum delta { DELTA_ROLE, DELTA_TEXT, DELTA_STOP, DELTA_USAGE };

static void
put_choice(struct json_out *o, enum delta what, struct span text)
{
	json_out_begin_object(o);
	json_out_member_u64(o, "index", 0);
	json_out_key(o, SPAN("delta"));
	json_out_begin_object(o);
	if (what == DELTA_ROLE)
		json_out_member_str(o, "role", SPAN("assistant"));
	if (what == DELTA_ROLE || what == DELTA_TEXT)
		json_out_member_str(o, "content", text);
	json_out_end_object(o);
	json_out_key(o, SPAN("finish_reason"));
	if (what == DELTA_STOP)
		json_out_str(o, SPAN("stop"));
	else
		json_out_null(o);
	json_out_end_object(o);
}

static void
send_delta(struct user_conn *u, enum delta what, struct span text, struct span result)
{
	struct buf json = {.max = JSON_MAX};
	struct json_out o;

	json_out_init(&o, &json, NULL);
	begin_object(&o, u->http->turn, "chat.completion.chunk");
	if (what != DELTA_USAGE)
		put_choice(&o, what, text);
	json_out_end_array(&o);
	if (what == DELTA_USAGE)
		user_turn_put_usage(&o, result, "prompt_tokens", "completion_tokens");
	json_out_end_object(&o);
	if (json_out_finish(&o) == 0)
		user_turn_event(u, "", buf_span(&json));
	buf_clear(&json);
}

static void
begin(struct user_conn *u)
{
	send_delta(u, DELTA_ROLE, SPAN_EMPTY, SPAN_EMPTY);
}

static void
delta(struct user_conn *u, struct span text)
{
	send_delta(u, DELTA_TEXT, text, SPAN_EMPTY);
}

static void
end(struct user_conn *u, struct span whole, struct span result)
{
	(void)whole;
	send_delta(u, DELTA_STOP, SPAN_EMPTY, SPAN_EMPTY);
	if (!u->c.is_dead && u->http->turn != NULL && u->http->turn->usage)
		send_delta(u, DELTA_USAGE, SPAN_EMPTY, result);
}

static void
failed(struct user_conn *u, struct span message)
{
	struct buf json = {.max = KIB(8)};
	struct json_out o;

	json_out_init(&o, &json, NULL);
	json_out_begin_object(&o);
	json_out_key(&o, SPAN("error"));
	json_out_begin_object(&o);
	json_out_member_str(&o, "message", message);
	json_out_member_str(&o, "type", SPAN("api_error"));
	json_out_end_object(&o);
	json_out_end_object(&o);
	user_turn_event(u, "", buf_span(&json));
	buf_clear(&json);
}

static const struct turn_shape shape = {.id = "chatcmpl",
	.space = "openai",
	.read = read_request,
	.expected = "expected a JSON object with `messages`",
	.begin = begin,
	.delta = delta,
	.end = end,
	.failed = failed,
	.whole = put_whole};

void
user_chat_start(struct user_conn *u, struct span body)
{
	user_turn_post(u, &shape, body);
}
