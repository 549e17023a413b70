/*
 * The members of each format that a body may have. Tools are functions only: nothing that the provider would carry out itself (search,
 * code, connectors). Pictures are given as data, never as an address for the provider to fetch. Nothing is looked up that the
 * provider has stored, and nothing is stored there.
 */
#include "egress.h"

#include "base/err.h"
#include "json/json.h"

static int
deny(const char **why, const char *text)
{
	*why = text;
	return ERR_DENIED;
}

static bool
is_string(const struct json_node *n, const char *want)
{
	struct span s;

	return json_node_str(n, &s) == 0 && span_eq(s, span_from_cstr(want));
}

/* Only names of this list, separated by spaces. */
static int
check_members(const struct json_node *object, const char *names, const char **why)
{
	for (const struct json_node *m = json_first(object); m != NULL; m = m->next) {
		struct span left = span_from_cstr(names);
		bool known = false;

		while (left.len > 0 && !known)
			known = span_eq(span_cut(&left, ' '), m->key);
		if (!known || m->key.ptr == NULL)
			return deny(why, "a member that is not in the table of allowed ones");
	}
	return 0;
}

static bool
is_data_url(const struct json_node *n)
{
	struct span url;

	return json_node_str(n, &url) == 0 && span_starts_with(url, SPAN("data:"));
}

static const char own_tools[] = "tools of the provider's own are not allowed";
static const char addresses[] = "content may hold text and images given as data, no addresses";

/* ---- chat completions ---- */

static int
check_function_tools(const struct json_node *tools, const char **why)
{
	for (const struct json_node *t = json_first(tools); t != NULL; t = t->next) {
		if (!is_string(json_get(t, SPAN("type")), "function"))
			return deny(why, own_tools);
	}
	return 0;
}

static int
check_chat_content(const struct json_node *content, const char **why)
{
	for (const struct json_node *p = json_first(content); p != NULL; p = p->next) {
		const struct json_node *type = json_get(p, SPAN("type"));

		if (is_string(type, "text"))
			continue;
		if (!is_string(type, "image_url") ||
			!is_data_url(json_get(json_get(p, SPAN("image_url")), SPAN("url"))))
			return deny(why, addresses);
	}
	return 0;
}

static int
check_chat(const struct json_node *root, const char **why)
{
	const struct json_node *m = json_first(json_get(root, SPAN("messages")));
	int rc = check_members(root,
		"model messages stream stream_options max_tokens max_completion_tokens temperature "
		"top_p stop tools tool_choice parallel_tool_calls reasoning_effort user n "
		"response_format seed presence_penalty frequency_penalty",
		why);

	for (; m != NULL && rc == 0; m = m->next)
		rc = check_chat_content(json_get(m, SPAN("content")), why);
	return rc < 0 ? rc : check_function_tools(json_get(root, SPAN("tools")), why);
}

/* ---- Responses ---- */

static int
check_input_message(const struct json_node *item, const char **why)
{
	const struct json_node *p = json_first(json_get(item, SPAN("content")));

	for (; p != NULL; p = p->next) {
		const struct json_node *type = json_get(p, SPAN("type"));

		if (is_string(type, "input_text") || is_string(type, "output_text"))
			continue;
		if (!is_string(type, "input_image") ||
			!is_data_url(json_get(p, SPAN("image_url"))) ||
			json_get(p, SPAN("file_id")) != NULL)
			return deny(why, addresses);
	}
	return 0;
}

/* Items of a conversation; none that names one that the provider keeps, or that is a tool's of its own. */
static int
check_input_item(const struct json_node *item, const char **why)
{
	const struct json_node *type = json_get(item, SPAN("type"));

	if (type == NULL || is_string(type, "message"))
		return check_input_message(item, why);
	if (is_string(type, "function_call") || is_string(type, "reasoning"))
		return 0;
	if (is_string(type, "function_call_output") &&
		json_first(json_get(item, SPAN("output"))) == NULL)
		return 0;
	return deny(why, "an item that is neither said, called nor answered here");
}

static int
check_responses(const struct json_node *root, const char **why)
{
	const struct json_node *item = json_first(json_get(root, SPAN("input")));
	const struct json_node *more = json_first(json_get(root, SPAN("include")));
	bool store = true;
	int rc = check_members(root,
		"model instructions input tools tool_choice parallel_tool_calls max_output_tokens "
		"store stream reasoning include temperature top_p text user",
		why);

	if (rc == 0 && (json_node_bool(json_get(root, SPAN("store")), &store) < 0 || store))
		rc = deny(why, "the provider is to store nothing");
	for (; item != NULL && rc == 0; item = item->next)
		rc = check_input_item(item, why);
	for (; more != NULL && rc == 0; more = more->next) {
		if (!is_string(more, "reasoning.encrypted_content"))
			rc = deny(why, "more is asked for than what goes back sealed");
	}
	return rc < 0 ? rc : check_function_tools(json_get(root, SPAN("tools")), why);
}

/* ---- Anthropic Messages ---- */

static int
check_image(const struct json_node *block, const char **why)
{
	return is_string(json_get(json_get(block, SPAN("source")), SPAN("type")), "base64")
		       ? 0
		       : deny(why, addresses);
}

static int
check_result_content(const struct json_node *content, const char **why)
{
	int rc = 0;

	for (const struct json_node *b = json_first(content); b != NULL && rc == 0; b = b->next) {
		const struct json_node *type = json_get(b, SPAN("type"));

		if (is_string(type, "image"))
			rc = check_image(b, why);
		else if (!is_string(type, "text"))
			rc = deny(why, addresses);
	}
	return rc;
}

static int
check_block(const struct json_node *block, const char **why)
{
	const struct json_node *type = json_get(block, SPAN("type"));

	if (is_string(type, "text") || is_string(type, "tool_use") || is_string(type, "thinking") ||
		is_string(type, "redacted_thinking"))
		return 0;
	if (is_string(type, "image"))
		return check_image(block, why);
	if (is_string(type, "tool_result"))
		return check_result_content(json_get(block, SPAN("content")), why);
	return deny(why, addresses);
}

static int
check_blocks(const struct json_node *content, const char **why)
{
	int rc = 0;

	for (const struct json_node *b = json_first(content); b != NULL && rc == 0; b = b->next)
		rc = check_block(b, why);
	return rc;
}

static int
check_anthropic(const struct json_node *root, const char **why)
{
	const struct json_node *m = json_first(json_get(root, SPAN("messages")));
	const struct json_node *t = json_first(json_get(root, SPAN("tools")));
	int rc = check_members(root,
		"model max_tokens system messages tools tool_choice stream thinking temperature "
		"top_p top_k stop_sequences",
		why);

	if (rc == 0)
		rc = check_blocks(json_get(root, SPAN("system")), why);
	for (; m != NULL && rc == 0; m = m->next)
		rc = check_blocks(json_get(m, SPAN("content")), why);
	for (; t != NULL && rc == 0; t = t->next) {
		const struct json_node *type = json_get(t, SPAN("type"));

		if (type != NULL && !is_string(type, "custom"))
			rc = deny(why, own_tools);
	}
	return rc;
}

/* ---- Gemini ---- */

static int
check_parts(const struct json_node *content, const char **why)
{
	const struct json_node *p = json_first(json_get(content, SPAN("parts")));
	int rc = check_members(content, "role parts", why);

	for (; p != NULL && rc == 0; p = p->next)
		if (check_members(p,
			    "text thought thoughtSignature inlineData functionCall "
			    "functionResponse",
			    why) < 0 ||
			check_members(
				json_get(p, SPAN("functionResponse")), "id name response", why) < 0)
			rc = deny(why, addresses);
	return rc;
}

static int
check_gemini(const struct json_node *root, const char **why)
{
	const struct json_node *c = json_first(json_get(root, SPAN("contents")));
	const struct json_node *t = json_first(json_get(root, SPAN("tools")));
	int rc = check_members(
		root, "systemInstruction contents tools toolConfig generationConfig", why);

	if (rc == 0)
		rc = check_members(json_get(root, SPAN("generationConfig")),
			"maxOutputTokens candidateCount temperature topP topK stopSequences "
			"thinkingConfig",
			why);
	if (rc == 0)
		rc = check_parts(json_get(root, SPAN("systemInstruction")), why);
	for (; c != NULL && rc == 0; c = c->next)
		rc = check_parts(c, why);
	for (; t != NULL && rc == 0; t = t->next)
		if (check_members(t, "functionDeclarations", why) < 0)
			rc = deny(why, own_tools);
	return rc;
}

egress_body_fn *const egress_bodies[PROVIDER_N] = {
	[PROVIDER_OPENAI] = check_chat,
	[PROVIDER_RESPONSES] = check_responses,
	[PROVIDER_ANTHROPIC] = check_anthropic,
	[PROVIDER_GEMINI] = check_gemini,
};
