#include "core/rpc/rpc.h"

static const struct param_row *
find(const struct method_row *row, struct span name)
{
	for (unsigned i = 0; i < row->nparams; i++) {
		if (span_eq(span_from_cstr(row->params[i].name), name))
			return &row->params[i];
	}
	return NULL;
}

static const char *
check_string(const struct param_row *p, struct span v)
{
	if (v.len == 0 && p->min > 0)
		return "must not be empty";
	if (v.len > (uint64_t)p->max)
		return "is too long";
	return span_find_byte(v, 0) >= 0 ? "must not have the character U+0000" : NULL;
}

static const char *
check_number(const struct param_row *p, struct span v)
{
	int64_t n;
	int rc = span_to_i64(v, p->min, p->max, &n);

	if (p->type == PARAM_NUM || rc == 0)
		return NULL;
	return rc == ERR_RANGE ? "is out of range" : "must be integer";
}

/* One of a list's strings, or the list when it is empty. */
static const char *
check_strs(const struct param_row *p, const struct args_leaf *leaf)
{
	if (leaf->depth == 1 && leaf->type == ARGS_EMPTY_ARRAY)
		return p->min > 0 ? "must not be empty" : NULL;
	if (leaf->depth != 2 || !leaf->path[1].is_index || leaf->type != ARGS_STRING)
		return "must be a list of strings";
	if (leaf->path[1].index >= (uint64_t)p->max)
		return "has too many entries";
	return leaf->value.len > SESSION_KEY_MAX ? "is too long" : NULL;
}

/* NULL, or what is wrong with a leaf of this parameter. */
static const char *
check_leaf(const struct param_row *p, const struct args_leaf *leaf)
{
	bool is_null = leaf->depth == 1 && leaf->type == ARGS_NULL;

	if (p->type == PARAM_ANY || (is_null && p->type == PARAM_STR_OR_NULL))
		return NULL;
	switch (p->type) {
	case PARAM_STR:
	case PARAM_STR_OR_NULL:
		return leaf->depth > 1 || leaf->type != ARGS_STRING ? "must be string"
								    : check_string(p, leaf->value);
	case PARAM_INT:
		return leaf->depth > 1 || leaf->type != ARGS_NUMBER ? "must be integer"
								    : check_number(p, leaf->value);
	case PARAM_NUM:
		return leaf->depth > 1 || leaf->type != ARGS_NUMBER ? "must be number"
								    : check_number(p, leaf->value);
	case PARAM_BOOL:
		return leaf->depth > 1 || (leaf->type != ARGS_TRUE && leaf->type != ARGS_FALSE)
			       ? "must be boolean"
			       : NULL;
	case PARAM_STRS:
		return check_strs(p, leaf);
	case PARAM_ANY:
		return NULL;
	}
	return "is of an unknown type";
}

static void
complain(struct buf *why, struct span name, const char *what)
{
	(void)buf_put_cstr(why, why->len > 0 ? "; at /" : "at /");
	log_put_safe(why, span_sub(name, 0, 64));
	(void)buf_put_fmt(why, ": %s", what);
}

static void
check_leaves(const struct method_row *row, struct span args, uint64_t *seen, struct buf *why)
{
	struct args_leaf leaf;
	int rc;

	while ((rc = args_next(&args, &leaf)) > 0 && why->err == 0) {
		const struct param_row *p = leaf.depth == 0 || leaf.path[0].is_index
						    ? NULL
						    : find(row, leaf.path[0].key);
		uint64_t bit = p == NULL ? 0 : 1ull << (p - row->params);
		const char *what;

		if (leaf.depth == 0 && leaf.type == ARGS_EMPTY_OBJECT)
			continue;
		if (p == NULL) {
			complain(why, leaf.depth == 0 ? SPAN_EMPTY : leaf.path[0].key,
				"unexpected property");
			continue;
		}
		what = leaf.depth == 1 && (*seen & bit) != 0 ? "given twice" : check_leaf(p, &leaf);
		if (what != NULL)
			complain(why, leaf.path[0].key, what);
		*seen |= bit;
	}
	if (rc < 0)
		complain(why, SPAN_EMPTY, "malformed");
}

int
rpc_params_check(const struct method_row *row, struct span args, struct buf *why)
{
	uint64_t seen = 0;

	check_leaves(row, args, &seen, why);
	for (unsigned i = 0; i < row->nparams; i++) {
		if (row->params[i].required && (seen >> i & 1) == 0)
			complain(why, span_from_cstr(row->params[i].name), "required");
	}
	return why->len > 0 || why->err < 0 ? ERR_SYNTAX : 0;
}
