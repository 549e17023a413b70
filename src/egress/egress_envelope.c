/*
 * What a body may ask of a provider. The agent that wrote it may be hijacked: a request may choose words, not abilities. Known
 * members only; a model of the row's; one answer; tools are functions only (no search, no code, no connectors at the provider), no
 * address for the provider to fetch, and a limit of tokens that is not above the row's.
 */
#include "egress.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/weak.h"
#include "json/json.h"

static const char *const members[] = {"model", "messages", "stream", "stream_options", "max_tokens",
	"max_completion_tokens", "temperature", "top_p", "stop", "tools", "tool_choice",
	"parallel_tool_calls", "reasoning_effort", "user", "n", "response_format", "seed",
	"presence_penalty", "frequency_penalty"};

static bool
is_known(struct span key)
{
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		if (span_eq(key, span_from_cstr(members[i])))
			return true;
	}
	return false;
}

static bool
is_string(const struct json_node *n, struct span want)
{
	struct span s;

	return json_node_str(n, &s) == 0 && span_eq(s, want);
}

static int
check_tools(const struct json_node *tools, const char **why)
{
	for (const struct json_node *t = json_first(tools); t != NULL; t = t->next) {
		if (!is_string(json_get(t, SPAN("type")), SPAN("function"))) {
			*why = "tools of the provider's own are not allowed";
			return ERR_DENIED;
		}
	}
	return 0;
}

/* Content is text, or parts of type text, or images given as data. */
static int
check_content(const struct json_node *content, const char **why)
{
	for (const struct json_node *p = json_first(content); p != NULL; p = p->next) {
		const struct json_node *type = json_get(p, SPAN("type"));
		struct span url;

		if (is_string(type, SPAN("text")))
			continue;
		if (!is_string(type, SPAN("image_url")) ||
			json_node_str(json_get(json_get(p, SPAN("image_url")), SPAN("url")), &url) <
				0 ||
			!span_starts_with(url, SPAN("data:"))) {
			*why = "content may hold text and images given as data, no addresses";
			return ERR_DENIED;
		}
	}
	return 0;
}

static int
check_tokens(const struct egress_row *row, const struct json_node *root, const char **why)
{
	static const char *const names[] = {"max_tokens", "max_completion_tokens"};
	bool limited = row->max_tokens == 0;

	for (size_t i = 0; i < 2; i++) {
		const struct json_node *n = json_get(root, span_from_cstr(names[i]));
		uint64_t v;

		if (n == NULL)
			continue;
		if (json_node_u64(n, &v) < 0 || (row->max_tokens != 0 && v > row->max_tokens)) {
			*why = "more tokens than the configuration allows";
			return ERR_DENIED;
		}
		limited = true;
	}
	if (!limited)
		*why = "no limit of tokens, and the configuration has one";
	return limited ? 0 : ERR_DENIED;
}

/* What is paid for: which model, and how many answers of it. */
static int
check_model(const struct egress_row *row, const struct json_node *root, const char **why)
{
	const struct json_node *answers = json_get(root, SPAN("n"));
	struct span left = row->models;
	struct span model;
	uint64_t n = 1;

	if (answers != NULL && (json_node_u64(answers, &n) < 0 || n > 1)) {
		*why = "more than one answer";
		return ERR_DENIED;
	}
	if (json_node_str(json_get(root, SPAN("model")), &model) == 0) {
		while (left.len > 0)
			if (span_eq(span_cut(&left, '\n'), model))
				return 0;
	}
	*why = "a model that the configuration does not name for this provider";
	return ERR_DENIED;
}

static int
check_chat(const struct egress_row *row, const struct json_node *root, const char **why)
{
	int rc = 0;

	for (const struct json_node *m = json_first(root); m != NULL; m = m->next) {
		if (!is_known(m->key)) {
			*why = "a member that is not in the table of allowed ones";
			return ERR_DENIED;
		}
	}
	for (const struct json_node *m = json_first(json_get(root, SPAN("messages")));
		m != NULL && rc == 0; m = m->next)
		rc = check_content(json_get(m, SPAN("content")), why);
	if (rc == 0)
		rc = check_tools(json_get(root, SPAN("tools")), why);
	if (rc == 0 && !WEAK(ENVELOPE))
		rc = check_model(row, root, why);
	return rc < 0 || WEAK(ENVELOPE) ? rc : check_tokens(row, root, why);
}

int
egress_envelope_check(const struct egress_row *row, struct span body, const char **why)
{
	struct arena arena;
	struct json_node *root = NULL;
	int rc;

	*why = "the body is not what this destination takes";
	if (row->envelope != ENVELOPE_OPENAI_CHAT)
		return ERR_DENIED;
	arena_init(&arena, IPC_BODY_MAX * 4ul);
	rc = json_parse(&arena, body, NULL, &root, NULL);
	if (rc == 0 && root->kind != JSON_OBJECT)
		rc = ERR_TYPE;
	if (rc == 0)
		rc = check_chat(row, root, why);
	arena_clear(&arena);
	return rc;
}
