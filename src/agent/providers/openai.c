/*
 * OpenAI-compatible chat completions (platform.openai.com/docs/api-reference/chat): the request, and the answer as an event
 * stream of chunks or as one document, whichever the server sends.
 */
#include "../agent_answer.h"

static void
put_text_message(struct json_out *o, const char *role, struct span text)
{
	json_out_begin_object(o);
	json_out_member_str(o, "role", span_from_cstr(role));
	json_out_member_str(o, "content", text);
	json_out_end_object(o);
}

static void
put_call(struct json_out *o, const struct agent_item *it)
{
	struct buf args = {.max = IPC_BODY_MAX};
	struct json_out inner;

	json_out_init(&inner, &args, NULL);
	agent_put_args(&inner, it->args);
	json_out_begin_object(o);
	json_out_member_str(o, "id", it->call_id);
	json_out_member_str(o, "type", SPAN("function"));
	json_out_key(o, SPAN("function"));
	json_out_begin_object(o);
	json_out_member_str(o, "name", it->name);
	json_out_member_str(o, "arguments", buf_span(&args));
	json_out_end_object(o);
	json_out_end_object(o);
	buf_clear(&args);
}

static void
put_result(struct json_out *o, const struct agent_item *it)
{
	json_out_begin_object(o);
	json_out_member_str(o, "role", SPAN("tool"));
	json_out_member_str(o, "tool_call_id", it->call_id);
	json_out_member_str(o, "content", it->text);
	json_out_end_object(o);
}

/* A turn that had calls: the protocol wants them beside their text, and every result next. */
static void
put_turn(const struct agent *a, struct json_out *o, size_t from, size_t to)
{
	struct span text = SPAN_EMPTY;

	for (size_t i = from; i < to; i++) {
		if (a->items[i].kind == ITEM_TEXT)
			text = a->items[i].text;
	}
	json_out_begin_object(o);
	json_out_member_str(o, "role", SPAN("assistant"));
	json_out_key(o, SPAN("content"));
	if (text.len > 0)
		json_out_str(o, text);
	else
		json_out_null(o);
	json_out_key(o, SPAN("tool_calls"));
	json_out_begin_array(o);
	for (size_t i = from; i < to; i++) {
		if (agent_piece_is_call(a, i))
			put_call(o, &a->items[i]);
	}
	json_out_end_array(o);
	json_out_end_object(o);
	for (size_t i = from; i < to; i++) {
		if (agent_piece_is_call(a, i))
			put_result(o, &a->items[i + 1]);
	}
}

static void
put_messages(const struct agent *a, struct json_out *o)
{
	struct buf prompt = {.max = IPC_BODY_MAX};
	size_t from = 0;
	size_t to = 0;

	agent_prompt_put(a, &prompt);
	json_out_begin_array(o);
	put_text_message(o, "system", buf_span(&prompt));
	while (agent_piece_next(a, &from, &to)) {
		const struct agent_item *it = &a->items[from];

		if (agent_piece_has_call(a, from, to))
			put_turn(a, o, from, to);
		else if (it->kind == ITEM_TEXT)
			put_text_message(o,
				it->role == ROLE_USER        ? "user"
				: it->role == ROLE_ASSISTANT ? "assistant"
							     : "system",
				it->text);
	}
	json_out_end_array(o);
	buf_clear(&prompt);
}

static void
put_request(const struct agent *a, struct json_out *o)
{
	json_out_begin_object(o);
	json_out_member_str(o, "model", a->model);
	json_out_key(o, SPAN("messages"));
	put_messages(a, o);
	if (a->tools != 0) {
		json_out_key(o, SPAN("tools"));
		agent_tools_put(a, TOOLS_CHAT, o);
	}
	if (a->max_tokens > 0)
		json_out_member_u64(o, "max_tokens", a->max_tokens);
	json_out_member_bool(o, "stream", a->stream);
	if (a->stream) {
		json_out_key(o, SPAN("stream_options"));
		json_out_begin_object(o);
		json_out_member_bool(o, "include_usage", true);
		json_out_end_object(o);
	}
	json_out_end_object(o);
}

static void
take_calls(struct agent_answer *an, const struct json_node *calls)
{
	uint64_t n = 0;

	for (const struct json_node *c = json_first(calls); c != NULL; c = c->next, n++) {
		const struct json_node *f = json_get(c, SPAN("function"));
		uint64_t index = n;
		struct agent_pending *p;

		agent_answer_u64(json_get(c, SPAN("index")), &index);
		p = agent_answer_call(an, index);
		if (p == NULL)
			return;
		if (p->id.len == 0)
			agent_answer_put_str(&p->id, json_get(c, SPAN("id")));
		agent_answer_put_str(&p->name, json_get(f, SPAN("name")));
		agent_answer_put_json(&p->args, json_get(f, SPAN("arguments")));
	}
}

/* One chunk (delta) or the whole document (message): the same members below choices[0]. */
static void
take(struct agent_answer *an, struct arena *arena, const struct json_node *root, bool is_whole)
{
	const struct json_node *choice = json_first(json_get(root, SPAN("choices")));
	const struct json_node *part = json_get(choice, SPAN("delta"));
	const struct json_node *usage = json_get(root, SPAN("usage"));
	struct span s = SPAN_EMPTY;

	(void)is_whole;
	if (part == NULL)
		part = json_get(choice, SPAN("message"));
	if (agent_answer_str(arena, json_get(part, SPAN("content")), &s))
		agent_answer_text(an, s);
	take_calls(an, json_get(part, SPAN("tool_calls")));
	agent_answer_u64(json_get(usage, SPAN("prompt_tokens")), &an->turn->tokens_in);
	agent_answer_u64(json_get(usage, SPAN("completion_tokens")), &an->turn->tokens_out);
}

const struct agent_format agent_format_openai = {.name = "openai-completions",
	.put_request = put_request,
	.take = take,
	.nothing = "{\"choices\":[{\"message\":{\"content\":\"\"}}],\"usage\":{}}"};
