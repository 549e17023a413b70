#include <stdio.h>

#include "args/args_json.h"
#include "base/err.h"
#include "base/log.h"
#include "edge_user.h"

#define WORDS_MAX 128

static int
fault(char *message, size_t cap, const char *name, const char *words)
{
	(void)snprintf(message, cap, "at /%s: %s", name, words);
	return ERR_SYNTAX;
}

static int
take_str(struct buf *list, const struct param_row *p, const struct json_node *n, char *message,
	size_t cap)
{
	char words[WORDS_MAX];

	if (n->kind == JSON_NULL && p->type == PARAM_STR_OR_NULL)
		return args_json_put(list, p->name, n);
	if (n->kind != JSON_STRING)
		return fault(message, cap, p->name, "must be string");
	if ((int64_t)n->v.text.len < p->min)
		return fault(message, cap, p->name, "must NOT have fewer than 1 characters");
	if ((int64_t)n->v.text.len > p->max) {
		(void)snprintf(words, sizeof(words), "must NOT have more than %lld bytes",
			(long long)p->max);
		return fault(message, cap, p->name, words);
	}
	return args_json_put(list, p->name, n);
}

/* Numbers inside are plain decimal: 1e3 and 1000.0 become 1000. */
static int
take_int(struct buf *list, const struct param_row *p, const struct json_node *n, char *message,
	size_t cap)
{
	char words[WORDS_MAX];
	struct args_leaf leaf = {.depth = 1, .type = ARGS_NUMBER};
	int64_t v;

	if (n->kind != JSON_NUMBER || json_node_i64(n, &v) < 0)
		return fault(message, cap, p->name, "must be integer");
	if (v < p->min || v > p->max) {
		if (v < p->min)
			(void)snprintf(words, sizeof(words), "must be >= %lld", (long long)p->min);
		else
			(void)snprintf(words, sizeof(words), "must be <= %lld", (long long)p->max);
		return fault(message, cap, p->name, words);
	}
	(void)snprintf(words, sizeof(words), "%lld", (long long)v);
	leaf.path[0].key = span_from_cstr(p->name);
	leaf.value = span_from_cstr(words);
	return args_put_leaf(list, &leaf);
}

static int
take_any(struct buf *list, const struct param_row *p, const struct json_node *n, char *message,
	size_t cap)
{
	size_t before = list->len;
	int rc = args_json_put(list, p->name, n);

	if (rc == ERR_TOODEEP)
		return fault(message, cap, p->name, "nested too deeply");
	if (rc < 0 || list->len - before > (size_t)p->max)
		return fault(message, cap, p->name, "too large");
	return 0;
}

static int
take_strs(struct buf *list, const struct param_row *p, const struct json_node *n, char *message,
	size_t cap)
{
	int64_t count = 0;

	if (n->kind != JSON_ARRAY)
		return fault(message, cap, p->name, "must be array");
	for (const struct json_node *e = json_first(n); e != NULL; e = e->next) {
		if (e->kind != JSON_STRING || e->v.text.len > SESSION_KEY_MAX)
			return fault(message, cap, p->name, "must be a list of short strings");
		count++;
	}
	if (count < p->min)
		return fault(message, cap, p->name, "must NOT have fewer than 1 items");
	if (count > p->max)
		return fault(message, cap, p->name, "has too many items");
	return args_json_put(list, p->name, n);
}

static int
take_one(struct buf *list, const struct param_row *p, const struct json_node *n, char *message,
	size_t cap)
{
	switch (p->type) {
	case PARAM_STR:
	case PARAM_STR_OR_NULL:
		return take_str(list, p, n, message, cap);
	case PARAM_INT:
		return take_int(list, p, n, message, cap);
	case PARAM_NUM:
		return n->kind == JSON_NUMBER ? args_json_put(list, p->name, n)
					      : fault(message, cap, p->name, "must be number");
	case PARAM_BOOL:
		return n->kind == JSON_BOOL ? args_json_put(list, p->name, n)
					    : fault(message, cap, p->name, "must be boolean");
	case PARAM_STRS:
		return take_strs(list, p, n, message, cap);
	case PARAM_ANY:
		return take_any(list, p, n, message, cap);
	}
	return fault(message, cap, p->name, "must be valid");
}

static const struct param_row *
find(const struct method_row *row, struct span name)
{
	for (unsigned i = 0; i < row->nparams; i++) {
		if (span_eq(span_from_cstr(row->params[i].name), name))
			return &row->params[i];
	}
	return NULL;
}

static int
unexpected(char *message, size_t cap, struct span name)
{
	struct buf safe = {.max = 256};

	log_put_safe(&safe, span_sub(name, 0, 64));
	(void)snprintf(message, cap, "at root: unexpected property '%.*s'", (int)safe.len,
		(const char *)safe.ptr);
	buf_clear(&safe);
	return ERR_SYNTAX;
}

int
user_params_take(struct buf *list, const struct method_row *row, const struct json_node *params,
	char *message, size_t cap)
{
	if (params != NULL && params->kind == JSON_NULL)
		params = NULL;
	if (params != NULL && params->kind != JSON_OBJECT) {
		(void)snprintf(message, cap, "at root: must be object");
		return ERR_SYNTAX;
	}
	for (unsigned i = 0; i < row->nparams; i++) {
		if (row->params[i].required &&
			json_get(params, span_from_cstr(row->params[i].name)) == NULL)
			return fault(
				message, cap, row->params[i].name, "must have required property");
	}
	for (const struct json_node *n = json_first(params); n != NULL; n = n->next) {
		const struct param_row *p = find(row, n->key);
		int rc;

		if (p == NULL)
			return unexpected(message, cap, n->key);
		rc = take_one(list, p, n, message, cap);
		if (rc == ERR_SYNTAX)
			return rc;
		if (rc < 0)
			return fault(message, cap, p->name, "too large");
	}
	return 0;
}
