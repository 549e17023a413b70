/* A request of /v1/responses: a closed object, as in the original; what it says to the agent. */
#include <stdio.h>

#include "base/err.h"
#include "base/limits.h"
#include "edge_turn_ask.h"

enum member_kind { STR, BOOL, ANY, INPUT, TOOLS, CHOICE };

/* What is not used is ignored as in the original: a response is never stored under its id, so there is none to go on from. */
static const struct member {
	const char *name;
	enum member_kind kind;
} members[] = {
	{"model", STR},
	{"input", INPUT},
	{"instructions", STR},
	{"tools", TOOLS},
	{"tool_choice", CHOICE},
	{"stream", BOOL},
	{"user", STR},
	{"max_output_tokens", ANY},
	{"max_tool_calls", ANY},
	{"temperature", ANY},
	{"top_p", ANY},
	{"metadata", ANY},
	{"store", ANY},
	{"previous_response_id", ANY},
	{"reasoning", ANY},
	{"truncation", ANY},
};

struct reading {
	struct turn_ask *ask;
	const struct json_node *last; /* the item that is the prompt */
	char *message;
	size_t cap;
};

static int
refuse(struct reading *r, const char *words)
{
	(void)snprintf(r->message, r->cap, "%s", words);
	return ERR_SYNTAX;
}

static int
refuse_member(struct reading *r, const char *name, const char *words)
{
	(void)snprintf(r->message, r->cap, "%s: %s", name, words);
	return ERR_SYNTAX;
}

/* ---- items ---- */

static bool
is_type(const struct json_node *n, const char *type)
{
	struct span s;

	return json_node_str(json_get(n, SPAN("type")), &s) == 0 &&
	       span_eq(s, span_from_cstr(type));
}

static int
put_part(struct reading *r, struct buf *out, const struct json_node *part)
{
	struct span s;

	if (is_type(part, "input_image") || is_type(part, "input_file"))
		return refuse(r, "input: images and files are not taken here yet");
	if ((!is_type(part, "input_text") && !is_type(part, "output_text") &&
		    !is_type(part, "text")) ||
		json_node_str(json_get(part, SPAN("text")), &s) < 0)
		return refuse(r, "input: a part must be input_text or output_text with its text");
	if (out->len > 0)
		(void)buf_put_u8(out, '\n');
	(void)buf_put(out, s);
	return 0;
}

static int
put_content(struct reading *r, struct buf *out, const struct json_node *content)
{
	struct span s;
	int rc = 0;

	if (json_node_str(content, &s) == 0)
		return buf_put(out, s);
	if (content == NULL || content->kind != JSON_ARRAY)
		return refuse(r, "input: content must be a string or a list of parts");
	for (const struct json_node *p = json_first(content); p != NULL && rc == 0; p = p->next)
		rc = put_part(r, out, p);
	return rc == 0 ? out->err : rc;
}

static bool
is_message(const struct json_node *item)
{
	return json_get(item, SPAN("type")) == NULL || is_type(item, "message");
}

static int
check_item(struct reading *r, const struct json_node *item)
{
	static const char *const quiet[] = {"function_call", "reasoning", "item_reference"};
	static const char *const roles[] = {"user", "assistant", "system", "developer"};
	struct span role = SPAN_EMPTY;

	if (is_type(item, "function_call_output")) {
		r->last = item;
		return 0;
	}
	for (size_t i = 0; i < sizeof(quiet) / sizeof(quiet[0]); i++) {
		if (is_type(item, quiet[i]))
			return 0;
	}
	if (!is_message(item))
		return refuse(r, "input: unknown type of item");
	(void)json_node_str(json_get(item, SPAN("role")), &role);
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		if (!span_eq(role, span_from_cstr(roles[i])))
			continue;
		if (i == 0)
			r->last = item;
		return 0;
	}
	return refuse(r, "input: role must be user, assistant, system or developer");
}

static int
put_item(struct reading *r, const struct json_node *item)
{
	bool output = is_type(item, "function_call_output");
	struct buf text = {.max = CHAT_MESSAGE_MAX};
	struct span role = SPAN("tool");
	int rc;

	if (!output && !is_message(item))
		return 0;
	if (!output)
		(void)json_node_str(json_get(item, SPAN("role")), &role);
	rc = put_content(r, item == r->last ? &r->ask->prompt : &text,
		json_get(item, output ? SPAN("output") : SPAN("content")));
	if (rc == 0 && item != r->last)
		turn_ask_put(r->ask, role, buf_span(&text));
	buf_clear(&text);
	return rc;
}

/* The last message of the user (or result of a function) is the prompt; what stands before and behind it is history. */
static int
take_input(struct reading *r, const struct json_node *input)
{
	struct span s;
	unsigned n = 0;
	int rc = 0;

	if (json_node_str(input, &s) == 0)
		return buf_put(&r->ask->prompt, s);
	if (input == NULL || input->kind != JSON_ARRAY)
		return refuse(r, "input must be a string or a list of items");
	for (const struct json_node *i = json_first(input); i != NULL && rc == 0; i = i->next)
		rc = ++n > EDGE_CHAT_MESSAGES_MAX ? refuse(r, "input: too many items")
						  : check_item(r, i);
	for (const struct json_node *i = json_first(input); i != NULL && rc == 0; i = i->next)
		rc = put_item(r, i);
	return rc;
}

/* ---- members ---- */

static int
check_member(struct reading *r, const struct member *m, const struct json_node *n)
{
	struct span s;

	switch (m->kind) {
	case STR:
		return n->kind == JSON_STRING ? 0 : refuse_member(r, m->name, "must be a string");
	case BOOL:
		return n->kind == JSON_BOOL ? 0 : refuse_member(r, m->name, "must be a boolean");
	case TOOLS:
		if (n->kind != JSON_ARRAY)
			return refuse_member(r, m->name, "must be a list");
		return json_first(n) == NULL ? 0
					     : refuse_member(r, m->name,
						       "functions of the client are not called by "
						       "this gateway; its own tools need no list");
	case CHOICE:
		if (json_node_str(n, &s) == 0 &&
			(span_eq(s, SPAN("auto")) || span_eq(s, SPAN("none"))))
			return 0;
		return refuse_member(r, m->name, "must be auto or none where there are no tools");
	case INPUT:
	case ANY:
		return 0;
	}
	return ERR_SYNTAX;
}

static int
check_members(struct reading *r, const struct json_node *root)
{
	int rc = 0;

	for (const struct json_node *n = json_first(root); n != NULL && rc == 0; n = n->next) {
		const struct member *found = NULL;

		for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
			if (span_eq(n->key, span_from_cstr(members[i].name)))
				found = &members[i];
		}
		if (found == NULL)
			return refuse(r, "unknown member of the request");
		/* what may be left out may be null */
		if (n->kind != JSON_NULL || found->kind == INPUT)
			rc = check_member(r, found, n);
	}
	return rc;
}

int
responses_read(struct turn_ask *ask, const struct json_node *root, char *message, size_t cap)
{
	struct reading r = {.ask = ask, .message = message, .cap = cap};
	struct span rules = SPAN_EMPTY;
	int rc;

	if (root->kind != JSON_OBJECT)
		return refuse(&r, "expected a JSON object with `input`");
	rc = check_members(&r, root);
	if (rc < 0)
		return rc;
	(void)json_node_str(json_get(root, SPAN("model")), &ask->model);
	(void)json_node_str(json_get(root, SPAN("user")), &ask->user);
	(void)json_node_bool(json_get(root, SPAN("stream")), &ask->stream);
	(void)json_node_str(json_get(root, SPAN("instructions")), &rules);
	if (rules.len > 0)
		(void)buf_put(&ask->rules, rules);
	rc = take_input(&r, json_get(root, SPAN("input")));
	if (rc == ERR_TOOBIG || turn_ask_is_over(ask))
		return ERR_TOOBIG;
	if (rc == 0 && ask->prompt.len == 0)
		return refuse(&r, "Missing user message in `input`.");
	return rc;
}
