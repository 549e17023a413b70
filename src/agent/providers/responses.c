/*
 * OpenAI Responses (platform.openai.com/docs/api-reference/responses), with nothing stored at the provider: the whole conversation
 * goes each time, and what the model thought goes back sealed.
 */
#include "../agent_answer.h"

static void
put_text(struct json_out *o, const char *role, const char *type, struct span text)
{
	json_out_begin_object(o);
	json_out_member_str(o, "role", span_from_cstr(role));
	json_out_key(o, SPAN("content"));
	json_out_begin_array(o);
	json_out_begin_object(o);
	json_out_member_str(o, "type", span_from_cstr(type));
	json_out_member_str(o, "text", text);
	json_out_end_object(o);
	json_out_end_array(o);
	json_out_end_object(o);
}

static void
put_call(struct json_out *o, const struct agent_item *call, const struct agent_item *result)
{
	struct buf args = {.max = IPC_BODY_MAX};
	struct json_out inner;

	json_out_init(&inner, &args, NULL);
	agent_put_args(&inner, call->args);
	json_out_begin_object(o);
	json_out_member_str(o, "type", SPAN("function_call"));
	json_out_member_str(o, "call_id", call->call_id);
	json_out_member_str(o, "name", call->name);
	json_out_member_str(o, "arguments", buf_span(&args));
	json_out_end_object(o);
	json_out_begin_object(o);
	json_out_member_str(o, "type", SPAN("function_call_output"));
	json_out_member_str(o, "call_id", call->call_id);
	json_out_member_str(o, "output", result->text);
	json_out_end_object(o);
	buf_clear(&args);
}

static void
put_thought(struct json_out *o, const struct agent_item *it)
{
	json_out_begin_object(o);
	json_out_member_str(o, "type", SPAN("reasoning"));
	json_out_member_str(o, "id", it->call_id);
	json_out_key(o, SPAN("summary"));
	json_out_begin_array(o);
	json_out_end_array(o);
	json_out_member_str(o, "encrypted_content", it->seal);
	json_out_end_object(o);
}

static void
put_input(const struct agent *a, struct json_out *o)
{
	json_out_begin_array(o);
	for (size_t i = 0; i < a->nitems; i++) {
		const struct agent_item *it = &a->items[i];

		if (it->kind == ITEM_TEXT && it->role == ROLE_ASSISTANT)
			put_text(o, "assistant", "output_text", it->text);
		else if (it->kind == ITEM_TEXT)
			put_text(o, it->role == ROLE_USER ? "user" : "system", "input_text",
				it->text);
		else if (it->kind == AGENT_THOUGHT && it->seal.len > 0)
			put_thought(o, it);
		else if (agent_piece_is_call(a, i))
			put_call(o, it, &a->items[i + 1]);
	}
	json_out_end_array(o);
}

static void
put_request(const struct agent *a, struct json_out *o)
{
	static const char *const efforts[] = {
		[THINK_MINIMAL] = "minimal",
		[THINK_LOW] = "low",
		[THINK_MEDIUM] = "medium",
		[THINK_HIGH] = "high",
		[THINK_XHIGH] = "xhigh",
	};
	struct buf prompt = {.max = IPC_BODY_MAX};

	agent_prompt_put(a, &prompt);
	json_out_begin_object(o);
	json_out_member_str(o, "model", a->model);
	json_out_member_str(o, "instructions", buf_span(&prompt));
	json_out_key(o, SPAN("input"));
	put_input(a, o);
	if (a->tools != 0) {
		json_out_key(o, SPAN("tools"));
		agent_tools_put(a, TOOLS_RESPONSES, o);
	}
	if (a->max_tokens > 0)
		json_out_member_u64(o, "max_output_tokens", a->max_tokens);
	json_out_member_bool(o, "store", false);
	json_out_member_bool(o, "stream", a->stream);
	if (a->thinking != THINK_OFF) {
		json_out_key(o, SPAN("reasoning"));
		json_out_begin_object(o);
		json_out_member_str(o, "effort", span_from_cstr(efforts[a->thinking]));
		json_out_end_object(o);
		json_out_key(o, SPAN("include"));
		json_out_begin_array(o);
		json_out_str(o, SPAN("reasoning.encrypted_content"));
		json_out_end_array(o);
	}
	json_out_end_object(o);
	buf_clear(&prompt);
}

static void
take_usage(struct agent_answer *an, const struct json_node *usage)
{
	agent_answer_u64(json_get(usage, SPAN("input_tokens")), &an->turn->tokens_in);
	agent_answer_u64(json_get(usage, SPAN("output_tokens")), &an->turn->tokens_out);
}

static void
take_item(struct agent_answer *an, uint64_t index, const struct json_node *item)
{
	struct span type = SPAN_EMPTY;
	struct agent_pending *p;

	(void)json_node_str(json_get(item, SPAN("type")), &type);
	if (span_eq(type, SPAN("function_call")) && (p = agent_answer_call(an, index)) != NULL) {
		buf_reset(&p->id);
		buf_reset(&p->name);
		buf_reset(&p->args);
		agent_answer_put_str(&p->id, json_get(item, SPAN("call_id")));
		agent_answer_put_str(&p->name, json_get(item, SPAN("name")));
		agent_answer_put_json(&p->args, json_get(item, SPAN("arguments")));
	} else if (span_eq(type, SPAN("reasoning"))) {
		p = &an->thought;
		agent_answer_put_str(&p->id, json_get(item, SPAN("id")));
		agent_answer_put_str(&p->seal, json_get(item, SPAN("encrypted_content")));
		agent_answer_thought(an);
	}
}

/* The texts of a message; a refusal is told as what it is. */
static void
take_message(struct agent_answer *an, struct arena *arena, const struct json_node *item)
{
	const struct json_node *part = json_first(json_get(item, SPAN("content")));
	struct span s = SPAN_EMPTY;

	for (; part != NULL; part = part->next) {
		if (agent_answer_str(arena, json_get(part, SPAN("text")), &s))
			agent_answer_text(an, s);
		else if (agent_answer_str(arena, json_get(part, SPAN("refusal")), &s))
			agent_answer_fail(
				an, MODEL_REFUSED, "The provider refused to answer this.", s);
	}
}

static void
take_response(
	struct agent_answer *an, struct arena *arena, const struct json_node *r, bool with_output)
{
	const struct json_node *error = json_get(r, SPAN("error"));
	const struct json_node *item = json_first(json_get(r, SPAN("output")));

	if (error != NULL && error->kind != JSON_NULL)
		agent_answer_error(an, arena, error);
	for (uint64_t n = 0; with_output && item != NULL; item = item->next, n++) {
		take_message(an, arena, item);
		take_item(an, n, item);
	}
	take_usage(an, json_get(r, SPAN("usage")));
	an->done = true;
}

static void
take(struct agent_answer *an, struct arena *arena, const struct json_node *root, bool is_whole)
{
	struct span type = SPAN_EMPTY;
	struct span s = SPAN_EMPTY;
	uint64_t index = 0;

	if (is_whole) {
		take_response(an, arena, root, true);
		return;
	}
	(void)json_node_str(json_get(root, SPAN("type")), &type);
	agent_answer_u64(json_get(root, SPAN("output_index")), &index);
	if (span_eq(type, SPAN("response.output_text.delta"))) {
		if (agent_answer_str(arena, json_get(root, SPAN("delta")), &s))
			agent_answer_text(an, s);
	} else if (span_eq(type, SPAN("response.refusal.done"))) {
		(void)agent_answer_str(arena, json_get(root, SPAN("refusal")), &s);
		agent_answer_fail(an, MODEL_REFUSED, "The provider refused to answer this.", s);
	} else if (span_eq(type, SPAN("response.output_item.done"))) {
		take_item(an, index, json_get(root, SPAN("item")));
	} else if (span_eq(type, SPAN("response.completed")) ||
		   span_eq(type, SPAN("response.incomplete")) ||
		   span_eq(type, SPAN("response.failed"))) {
		take_response(an, arena, json_get(root, SPAN("response")), false);
	} else if (span_eq(type, SPAN("error"))) {
		agent_answer_error(an, arena, root);
	}
}

const struct agent_format agent_format_responses = {.name = "openai-responses",
	.put_request = put_request,
	.take = take,
	.nothing = "{\"output\":[],\"usage\":{}}"};
