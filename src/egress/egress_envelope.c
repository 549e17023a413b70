/*
 * What a body may ask of a provider. The agent that wrote it may be hijacked: a request may choose words, not abilities. Known
 * members only; the model that the request is for, which is one of the row's; one answer; and a limit of tokens that is not above
 * the row's. What the members may hold is in egress_bodies.c.
 */
#include "egress.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/weak.h"
#include "json/json.h"

/* Where a format says what is paid for. */
struct envelope {
	const char *inside;    /* the object that the limits are in; NULL: the body itself */
	const char *tokens[3]; /* the limit's names */
	const char *answers;   /* how many; NULL: always one */
	bool has_model;        /* else it is in the path alone */
};
static const struct envelope envelopes[PROVIDER_N] = {
	[PROVIDER_OPENAI] = {NULL, {"max_tokens", "max_completion_tokens", NULL}, "n", true},
	[PROVIDER_RESPONSES] = {NULL, {"max_output_tokens", NULL}, NULL, true},
	[PROVIDER_ANTHROPIC] = {NULL, {"max_tokens", NULL}, NULL, true},
	[PROVIDER_GEMINI] = {"generationConfig", {"maxOutputTokens", NULL}, "candidateCount",
		false},
};

static int
check_tokens(const struct egress_row *row, const struct envelope *env,
	const struct json_node *where, const char **why)
{
	bool limited = row->max_tokens == 0;

	for (size_t i = 0; env->tokens[i] != NULL; i++) {
		const struct json_node *n = json_get(where, span_from_cstr(env->tokens[i]));
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

static bool
is_of_row(const struct egress_row *row, struct span model)
{
	struct span left = row->models;

	while (left.len > 0) {
		if (span_eq(span_cut(&left, '\n'), model))
			return true;
	}
	return false;
}

/* What is paid for: which model, how many answers of it, and how long they may be. */
static int
check_price(const struct egress_row *row, struct span model, const struct json_node *root,
	const char **why)
{
	const struct envelope *env = &envelopes[row->api];
	const struct json_node *where =
		env->inside == NULL ? root : json_get(root, span_from_cstr(env->inside));
	const struct json_node *answers =
		env->answers == NULL ? NULL : json_get(where, span_from_cstr(env->answers));
	struct span named = model;
	uint64_t n = 1;

	if (answers != NULL && (json_node_u64(answers, &n) < 0 || n > 1)) {
		*why = "more than one answer";
		return ERR_DENIED;
	}
	if (env->has_model && json_node_str(json_get(root, SPAN("model")), &named) < 0)
		named = SPAN_EMPTY;
	if (!span_eq(named, model) || !is_of_row(row, model)) {
		*why = "a model that the configuration does not name for this provider";
		return ERR_DENIED;
	}
	return check_tokens(row, env, where, why);
}

int
egress_envelope_check(
	const struct egress_row *row, struct span model, struct span body, const char **why)
{
	struct arena arena;
	struct json_node *root = NULL;
	int rc;

	*why = "the body is not what this destination takes";
	if (row->api >= PROVIDER_N || egress_bodies[row->api] == NULL)
		return ERR_DENIED;
	arena_init(&arena, IPC_BODY_MAX * 4ul);
	rc = json_parse(&arena, body, NULL, &root, NULL);
	if (rc == 0 && root->kind != JSON_OBJECT)
		rc = ERR_TYPE;
	if (rc == 0)
		rc = egress_bodies[row->api](root, why);
	if (rc == 0 && !WEAK(ENVELOPE))
		rc = check_price(row, model, root, why);
	arena_clear(&arena);
	return rc;
}
