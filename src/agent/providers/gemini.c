/*
 * Gemini (ai.google.dev/api/generate-content): contents of parts. The model's name is in the path, which egress writes. A call
 * carries a signature of the thoughts before it, which goes back with it.
 */
#include "../agent_answer.h"

/* What the API takes in place of a signature when a call is of another model, or of a run before this one. */
#define NO_SIGNATURE SPAN("skip_thought_signature_validator")

static void
begin_content(struct json_out *o, const char *role)
{
	json_out_begin_object(o);
	json_out_member_str(o, "role", span_from_cstr(role));
	json_out_key(o, SPAN("parts"));
	json_out_begin_array(o);
}

static void
end_content(struct json_out *o)
{
	json_out_end_array(o);
	json_out_end_object(o);
}

static void
put_text(struct json_out *o, struct span text)
{
	json_out_begin_object(o);
	json_out_member_str(o, "text", text);
	json_out_end_object(o);
}

static void
put_call(struct json_out *o, const struct agent_item *it, bool is_first)
{
	json_out_begin_object(o);
	json_out_key(o, SPAN("functionCall"));
	json_out_begin_object(o);
	json_out_member_str(o, "name", it->name);
	json_out_key(o, SPAN("args"));
	agent_put_args(o, it->args);
	json_out_end_object(o);
	if (it->seal.len > 0)
		json_out_member_str(o, "thoughtSignature", it->seal);
	else if (is_first)
		json_out_member_str(o, "thoughtSignature", NO_SIGNATURE);
	json_out_end_object(o);
}

static void
put_result(struct json_out *o, const struct agent_item *it)
{
	json_out_begin_object(o);
	json_out_key(o, SPAN("functionResponse"));
	json_out_begin_object(o);
	json_out_member_str(o, "name", it->name);
	json_out_key(o, SPAN("response"));
	json_out_begin_object(o);
	json_out_member_str(o, it->error ? "error" : "output", it->text);
	json_out_end_object(o);
	json_out_end_object(o);
	json_out_end_object(o);
}

/* As many results as calls, in the next content. */
static void
put_turn(const struct agent *a, struct json_out *o, size_t from, size_t to)
{
	bool is_first = true;

	begin_content(o, "model");
	for (size_t i = from; i < to; i++) {
		if (a->items[i].kind == ITEM_TEXT) {
			put_text(o, a->items[i].text);
		} else if (agent_piece_is_call(a, i)) {
			put_call(o, &a->items[i], is_first);
			is_first = false;
		}
	}
	end_content(o);
	begin_content(o, "user");
	for (size_t i = from; i < to; i++) {
		if (agent_piece_is_call(a, i))
			put_result(o, &a->items[i + 1]);
	}
	end_content(o);
}

static void
put_contents(const struct agent *a, struct json_out *o)
{
	size_t from = 0;
	size_t to = 0;

	json_out_begin_array(o);
	if (!agent_begins_with_user(a)) {
		begin_content(o, "user");
		put_text(o, AGENT_EARLIER);
		end_content(o);
	}
	while (agent_piece_next(a, &from, &to)) {
		const struct agent_item *it = &a->items[from];

		if (agent_piece_has_call(a, from, to)) {
			put_turn(a, o, from, to);
		} else if (it->kind == ITEM_TEXT && it->text.len > 0) {
			begin_content(o, it->role == ROLE_ASSISTANT ? "model" : "user");
			put_text(o, it->text);
			end_content(o);
		}
	}
	json_out_end_array(o);
}

static void
put_config(const struct agent *a, struct json_out *o)
{
	static const uint32_t budgets[] = {
		[THINK_MINIMAL] = 512,
		[THINK_LOW] = 2048,
		[THINK_MEDIUM] = 8192,
		[THINK_HIGH] = 16384,
		[THINK_XHIGH] = 24576,
	};

	json_out_key(o, SPAN("generationConfig"));
	json_out_begin_object(o);
	if (a->max_tokens > 0)
		json_out_member_u64(o, "maxOutputTokens", a->max_tokens);
	if (a->thinking != THINK_OFF) {
		json_out_key(o, SPAN("thinkingConfig"));
		json_out_begin_object(o);
		json_out_member_u64(o, "thinkingBudget", budgets[a->thinking]);
		json_out_end_object(o);
	}
	json_out_end_object(o);
}

static void
put_request(const struct agent *a, struct json_out *o)
{
	struct buf prompt = {.max = IPC_BODY_MAX};

	agent_prompt_put(a, &prompt);
	json_out_begin_object(o);
	json_out_key(o, SPAN("systemInstruction"));
	json_out_begin_object(o);
	json_out_key(o, SPAN("parts"));
	json_out_begin_array(o);
	put_text(o, buf_span(&prompt));
	json_out_end_array(o);
	json_out_end_object(o);
	json_out_key(o, SPAN("contents"));
	put_contents(a, o);
	if (a->tools != 0) {
		json_out_key(o, SPAN("tools"));
		json_out_begin_array(o);
		json_out_begin_object(o);
		json_out_key(o, SPAN("functionDeclarations"));
		agent_tools_put(a, TOOLS_GEMINI, o);
		json_out_end_object(o);
		json_out_end_array(o);
	}
	put_config(a, o);
	json_out_end_object(o);
	buf_clear(&prompt);
}

/* Calls come whole, and without a number: the next one is another one. */
static void
take_call(struct agent_answer *an, const struct json_node *part, const struct json_node *call)
{
	struct agent_pending *p = agent_answer_call(an, an->calls.n);

	if (p == NULL)
		return;
	agent_answer_put_str(&p->id, json_get(call, SPAN("id")));
	agent_answer_put_str(&p->name, json_get(call, SPAN("name")));
	agent_answer_put_json(&p->args, json_get(call, SPAN("args")));
	agent_answer_put_str(&p->seal, json_get(part, SPAN("thoughtSignature")));
}

static void
take_part(struct agent_answer *an, struct arena *arena, const struct json_node *part)
{
	const struct json_node *call = json_get(part, SPAN("functionCall"));
	struct span s = SPAN_EMPTY;
	bool is_thought = false;

	(void)json_node_bool(json_get(part, SPAN("thought")), &is_thought);
	if (call != NULL)
		take_call(an, part, call);
	else if (!is_thought && agent_answer_str(arena, json_get(part, SPAN("text")), &s))
		agent_answer_text(an, s);
}

static bool
is_refusal(struct span reason)
{
	static const struct span words[] = {SPAN("SAFETY"), SPAN("RECITATION"), SPAN("BLOCKLIST"),
		SPAN("PROHIBITED_CONTENT"), SPAN("SPII"), SPAN("IMAGE_SAFETY")};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (span_eq(reason, words[i]))
			return true;
	}
	return false;
}

static void
take(struct agent_answer *an, struct arena *arena, const struct json_node *root, bool is_whole)
{
	const struct json_node *candidate = json_first(json_get(root, SPAN("candidates")));
	const struct json_node *part =
		json_first(json_get(json_get(candidate, SPAN("content")), SPAN("parts")));
	const struct json_node *usage = json_get(root, SPAN("usageMetadata"));
	struct span reason = SPAN_EMPTY;
	uint64_t thoughts = 0;

	(void)is_whole;
	for (; part != NULL; part = part->next)
		take_part(an, arena, part);
	agent_answer_u64(json_get(usage, SPAN("promptTokenCount")), &an->turn->tokens_in);
	if (json_get(usage, SPAN("candidatesTokenCount")) != NULL) {
		agent_answer_u64(
			json_get(usage, SPAN("candidatesTokenCount")), &an->turn->tokens_out);
		agent_answer_u64(json_get(usage, SPAN("thoughtsTokenCount")), &thoughts);
		an->turn->tokens_out += thoughts < UINT32_MAX ? thoughts : 0;
	}
	(void)json_node_str(
		json_get(json_get(root, SPAN("promptFeedback")), SPAN("blockReason")), &reason);
	if (reason.len > 0) {
		agent_answer_fail(
			an, MODEL_REFUSED, "The provider refused to answer this.", reason);
		return;
	}
	if (json_node_str(json_get(candidate, SPAN("finishReason")), &reason) < 0)
		return;
	an->done = true;
	if (is_refusal(reason))
		agent_answer_fail(
			an, MODEL_REFUSED, "The provider refused to answer this.", reason);
}

const struct agent_format agent_format_gemini = {.name = "google-generative-ai",
	.put_request = put_request,
	.take = take,
	.nothing = "{\"candidates\":[],\"usageMetadata\":{}}"};
