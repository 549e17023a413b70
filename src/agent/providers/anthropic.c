/*
 * Anthropic Messages (docs.anthropic.com/en/api/messages): blocks of text, thoughts and calls. The instructions and the tools are
 * marked for the provider's prompt cache, and so is the end of the conversation, so that the next turn pays for what is new.
 */
#include "../agent_answer.h"

#define REDACTED "redacted_thinking"
#define THINK_LEAST 1024u /* the API takes no smaller budget */

static void
begin_block(struct json_out *o, const char *type)
{
	json_out_begin_object(o);
	json_out_member_str(o, "type", span_from_cstr(type));
}

static void
end_block(struct json_out *o, bool is_cached)
{
	if (is_cached) {
		json_out_key(o, SPAN("cache_control"));
		json_out_begin_object(o);
		json_out_member_str(o, "type", SPAN("ephemeral"));
		json_out_end_object(o);
	}
	json_out_end_object(o);
}

static void
put_text(struct json_out *o, struct span text, bool is_cached)
{
	begin_block(o, "text");
	json_out_member_str(o, "text", text);
	end_block(o, is_cached);
}

static void
begin_message(struct json_out *o, const char *role)
{
	json_out_begin_object(o);
	json_out_member_str(o, "role", span_from_cstr(role));
	json_out_key(o, SPAN("content"));
	json_out_begin_array(o);
}

static void
end_message(struct json_out *o)
{
	json_out_end_array(o);
	json_out_end_object(o);
}

/* A thought is text, which may be left out, with its signature; or only the seal of one that was cut. */
static void
put_thought(struct json_out *o, const struct agent_item *it)
{
	bool is_cut = span_eq(it->call_id, span_from_cstr(REDACTED));

	begin_block(o, is_cut ? REDACTED : "thinking");
	if (is_cut) {
		json_out_member_str(o, "data", it->seal);
	} else {
		json_out_member_str(o, "thinking", it->text);
		json_out_member_str(o, "signature", it->seal);
	}
	end_block(o, false);
}

static void
put_result(struct json_out *o, const struct agent_item *it, bool is_cached)
{
	begin_block(o, "tool_result");
	json_out_member_str(o, "tool_use_id", it->call_id);
	json_out_member_str(o, "content", it->text);
	if (it->error)
		json_out_member_bool(o, "is_error", true);
	end_block(o, is_cached);
}

/* A turn that had calls: thoughts, text and calls in one message, all their results in the next. */
static void
put_turn(const struct agent *a, struct json_out *o, size_t from, size_t to)
{
	begin_message(o, "assistant");
	for (size_t i = from; i < to; i++) {
		const struct agent_item *it = &a->items[i];

		if (it->kind == AGENT_THOUGHT && a->thinking != THINK_OFF && it->seal.len > 0) {
			put_thought(o, it);
		} else if (it->kind == ITEM_TEXT && span_trim(it->text).len > 0) {
			put_text(o, it->text, false);
		} else if (agent_piece_is_call(a, i)) {
			begin_block(o, "tool_use");
			json_out_member_str(o, "id", it->call_id);
			json_out_member_str(o, "name", it->name);
			json_out_key(o, SPAN("input"));
			agent_put_args(o, it->args);
			end_block(o, false);
		}
	}
	end_message(o);
	begin_message(o, "user");
	for (size_t i = from; i < to; i++) {
		if (agent_piece_is_call(a, i))
			put_result(o, &a->items[i + 1], i + 2 >= a->nitems);
	}
	end_message(o);
}

static void
put_messages(const struct agent *a, struct json_out *o)
{
	size_t from = 0;
	size_t to = 0;

	json_out_begin_array(o);
	if (!agent_begins_with_user(a)) {
		begin_message(o, "user");
		put_text(o, AGENT_EARLIER, false);
		end_message(o);
	}
	while (agent_piece_next(a, &from, &to)) {
		const struct agent_item *it = &a->items[from];

		if (a->tools != 0 && agent_piece_has_call(a, from, to)) {
			put_turn(a, o, from, to); /* without tools the API takes no calls */
		} else if (it->kind == ITEM_TEXT && span_trim(it->text).len > 0) {
			/* the API refuses blocks of white space */
			begin_message(o, it->role == ROLE_ASSISTANT ? "assistant" : "user");
			put_text(o, it->text, to == a->nitems);
			end_message(o);
		}
	}
	json_out_end_array(o);
}

/*
 * The API wants the thoughts of a turn back with its calls. After a run that was interrupted they are gone: then it goes on without
 * thinking.
 */
static bool
may_think(const struct agent *a)
{
	for (size_t i = a->nitems; i-- > 0;) {
		if (a->items[i].kind == ITEM_TEXT && a->items[i].role == ROLE_USER)
			return true;
		if (a->items[i].kind == ITEM_TOOL_CALL && a->items[i].turn == 0)
			return false;
	}
	return true;
}

static uint64_t
thinking_budget(const struct agent *a)
{
	static const uint32_t levels[] = {
		[THINK_MINIMAL] = THINK_LEAST,
		[THINK_LOW] = 2048,
		[THINK_MEDIUM] = 8192,
		[THINK_HIGH] = 16384,
		[THINK_XHIGH] = 32768,
	};
	uint64_t budget = levels[a->thinking];
	uint64_t most = a->max_tokens / 4 * 3; /* it counts against the answer */

	if (a->thinking == THINK_OFF || !may_think(a))
		return 0;
	if (budget > most)
		budget = most;
	return budget < THINK_LEAST ? 0 : budget;
}

static void
put_request(const struct agent *a, struct json_out *o)
{
	struct buf prompt = {.max = IPC_BODY_MAX};
	uint64_t budget = thinking_budget(a);

	agent_prompt_put(a, &prompt);
	json_out_begin_object(o);
	json_out_member_str(o, "model", a->model);
	json_out_member_u64(o, "max_tokens", a->max_tokens);
	json_out_key(o, SPAN("system"));
	json_out_begin_array(o);
	put_text(o, buf_span(&prompt), true);
	json_out_end_array(o);
	json_out_key(o, SPAN("messages"));
	put_messages(a, o);
	if (a->tools != 0) {
		json_out_key(o, SPAN("tools"));
		agent_tools_put(a, TOOLS_ANTHROPIC, o);
	}
	if (budget > 0) {
		json_out_key(o, SPAN("thinking"));
		json_out_begin_object(o);
		json_out_member_str(o, "type", SPAN("enabled"));
		json_out_member_u64(o, "budget_tokens", budget);
		json_out_end_object(o);
	}
	json_out_member_bool(o, "stream", a->stream);
	json_out_end_object(o);
	buf_clear(&prompt);
}

/* What was written to the cache and read from it was read by the model all the same. */
static void
take_usage(struct agent_answer *an, const struct json_node *usage)
{
	static const char *const in[] = {
		"input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"};
	uint64_t sum = 0;

	for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++) {
		uint64_t v = 0;

		agent_answer_u64(json_get(usage, span_from_cstr(in[i])), &v);
		sum += v < UINT32_MAX ? v : 0;
	}
	if (sum > 0)
		an->turn->tokens_in = sum;
	agent_answer_u64(json_get(usage, SPAN("output_tokens")), &an->turn->tokens_out);
}

static void
take_stop(struct agent_answer *an, const struct json_node *reason)
{
	struct span s = SPAN_EMPTY;

	(void)json_node_str(reason, &s);
	if (span_eq(s, SPAN("refusal")))
		agent_answer_fail(
			an, MODEL_REFUSED, "The provider refused to answer this.", SPAN_EMPTY);
	else if (span_eq(s, SPAN("model_context_window_exceeded")))
		agent_answer_fail(an, MODEL_CONTEXT, "The conversation is too long for this model.",
			SPAN_EMPTY);
}

/* A block as it begins in a stream, or whole. */
static void
take_block(struct agent_answer *an, struct arena *arena, uint64_t index,
	const struct json_node *block, bool is_whole)
{
	struct span type = SPAN_EMPTY;
	struct span s = SPAN_EMPTY;
	struct agent_pending *p;

	(void)json_node_str(json_get(block, SPAN("type")), &type);
	if (span_eq(type, SPAN("text"))) {
		if (agent_answer_str(arena, json_get(block, SPAN("text")), &s))
			agent_answer_text(an, s);
	} else if (span_eq(type, SPAN("tool_use"))) {
		p = agent_answer_call(an, index);
		if (p == NULL)
			return;
		agent_answer_put_str(&p->id, json_get(block, SPAN("id")));
		agent_answer_put_str(&p->name, json_get(block, SPAN("name")));
		if (is_whole)
			agent_answer_put_json(&p->args, json_get(block, SPAN("input")));
	} else if (span_eq(type, SPAN("thinking")) || span_eq(type, span_from_cstr(REDACTED))) {
		p = &an->thought;
		if (span_eq(type, span_from_cstr(REDACTED)))
			buf_put_cstr(&p->id, REDACTED);
		agent_answer_put_str(&p->args, json_get(block, SPAN("thinking")));
		agent_answer_put_str(&p->seal, json_get(block, SPAN("signature")));
		agent_answer_put_str(&p->seal, json_get(block, SPAN("data")));
		if (is_whole)
			agent_answer_thought(an);
	}
}

static void
take_delta(
	struct agent_answer *an, struct arena *arena, uint64_t index, const struct json_node *delta)
{
	struct span type = SPAN_EMPTY;
	struct span s = SPAN_EMPTY;
	struct agent_pending *p;

	(void)json_node_str(json_get(delta, SPAN("type")), &type);
	if (span_eq(type, SPAN("text_delta"))) {
		if (agent_answer_str(arena, json_get(delta, SPAN("text")), &s))
			agent_answer_text(an, s);
	} else if (span_eq(type, SPAN("input_json_delta"))) {
		p = agent_answer_call(an, index);
		if (p != NULL)
			agent_answer_put_json(&p->args, json_get(delta, SPAN("partial_json")));
	} else if (span_eq(type, SPAN("thinking_delta"))) {
		agent_answer_put_str(&an->thought.args, json_get(delta, SPAN("thinking")));
	} else if (span_eq(type, SPAN("signature_delta"))) {
		agent_answer_put_str(&an->thought.seal, json_get(delta, SPAN("signature")));
	}
}

static void
take_message(struct agent_answer *an, struct arena *arena, const struct json_node *message)
{
	const struct json_node *block = json_first(json_get(message, SPAN("content")));

	for (uint64_t n = 0; block != NULL; block = block->next, n++)
		take_block(an, arena, n, block, true);
	take_usage(an, json_get(message, SPAN("usage")));
	take_stop(an, json_get(message, SPAN("stop_reason")));
}

static void
take(struct agent_answer *an, struct arena *arena, const struct json_node *root, bool is_whole)
{
	struct span type = SPAN_EMPTY;
	uint64_t index = 0;

	if (is_whole) {
		take_message(an, arena, root);
		return;
	}
	(void)json_node_str(json_get(root, SPAN("type")), &type);
	agent_answer_u64(json_get(root, SPAN("index")), &index);
	if (span_eq(type, SPAN("message_start"))) {
		take_message(an, arena, json_get(root, SPAN("message")));
	} else if (span_eq(type, SPAN("content_block_start"))) {
		take_block(an, arena, index, json_get(root, SPAN("content_block")), false);
	} else if (span_eq(type, SPAN("content_block_delta"))) {
		take_delta(an, arena, index, json_get(root, SPAN("delta")));
	} else if (span_eq(type, SPAN("content_block_stop"))) {
		agent_answer_thought(an);
	} else if (span_eq(type, SPAN("message_delta"))) {
		take_usage(an, json_get(root, SPAN("usage")));
		take_stop(an, json_get(json_get(root, SPAN("delta")), SPAN("stop_reason")));
	} else if (span_eq(type, SPAN("message_stop"))) {
		an->done = true;
	}
}

const struct agent_format agent_format_anthropic = {.name = "anthropic-messages",
	.put_request = put_request,
	.take = take,
	.nothing = "{\"content\":[{\"type\":\"text\",\"text\":\"\"}],\"usage\":{}}"};
