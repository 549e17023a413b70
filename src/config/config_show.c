#include "config_show.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/weak.h"
#include "config_text.h"
#include "text/text.h"

#define STEPS_MAX (JSON_DEPTH_MAX + 2)

/* A walk over a tree that knows the path of where it is. */
struct walk {
	const struct json_node *next[STEPS_MAX];
	const struct json_node *self[STEPS_MAX]; /* the open containers */
	struct option_step steps[STEPS_MAX];
	uint32_t index[STEPS_MAX];
	size_t depth; /* steps */
};

static bool
ends_with(struct span s, struct span end)
{
	return s.len >= end.len && span_eq_nocase(span_sub(s, s.len - end.len, end.len), end);
}

/* Names that hold secrets wherever they stand; what is left out of this version has them too. */
static bool
is_secret_name(struct span key)
{
	static const struct span ends[] = {
		{(const uint8_t *)"token", 5},
		{(const uint8_t *)"password", 8},
		{(const uint8_t *)"passphrase", 10},
		{(const uint8_t *)"secret", 6},
		{(const uint8_t *)"apikey", 6},
		{(const uint8_t *)"private_key", 11},
		{(const uint8_t *)"privatekey", 10},
		{(const uint8_t *)"credentials", 11},
		{(const uint8_t *)"webhookurl", 10},
		{(const uint8_t *)"authorization", 13},
		{(const uint8_t *)"cookie", 6},
		{(const uint8_t *)"sshidentity", 11},
	};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (ends_with(key, ends[i]))
			return true;
	}
	return option_env_is_secret(key);
}

/* Everything beneath these may be one. */
static bool
is_secret_folder(struct span key)
{
	return span_eq(key, SPAN("headers")) || span_eq(key, SPAN("serviceAccount"));
}

static bool
is_reference(struct span s)
{
	size_t i = 2;

	if (!span_starts_with(s, SPAN("${")) || s.len < 4 || s.ptr[s.len - 1] != '}')
		return false;
	for (; i + 1 < s.len; i++) {
		uint8_t b = s.ptr[i];

		if (!((b >= 'A' && b <= 'Z') || b == '_' || (i > 2 && b >= '0' && b <= '9')))
			return false;
	}
	return true;
}

/* "scheme://user:secret@host" */
static bool
has_userinfo(struct span s)
{
	ptrdiff_t at = span_find(s, SPAN("://"));
	struct span rest = at < 0 ? SPAN_EMPTY : span_sub(s, (size_t)at + 3, s.len);

	return span_find_byte(span_cut(&rest, '/'), '@') >= 0;
}

static bool
is_secret(const struct walk *w, const struct json_node *node)
{
	struct option_step steps[OPTION_STEPS_MAX];
	struct option_match match = {.option = -1};
	size_t n = w->depth;

	if (node->kind == JSON_NULL || node->kind == JSON_BOOL || json_first(node) != NULL ||
		WEAK(CONFIG_SECRETS))
		return false;
	if (node->kind == JSON_STRING &&
		(node->v.text.len == 0 || is_reference(node->v.text) || config_is_mark(node)))
		return false;
	if (node->kind == JSON_STRING && has_userinfo(node->v.text))
		return true;
	for (size_t i = 0; i < n; i++) {
		if (!w->steps[i].is_index && is_secret_folder(w->steps[i].key))
			return true;
		/* a list of tokens is as secret as a token */
		if (!w->steps[i].is_index && node->kind == JSON_STRING &&
			is_secret_name(w->steps[i].key))
			return true;
	}
	if (n == 0 || n > OPTION_STEPS_MAX)
		return false;
	memcpy(steps, w->steps, n * sizeof(steps[0]));
	while (option_alias_apply(steps, &n) != NULL)
		if (n == 0)
			return true;
	option_match(steps, n, &match);
	return (match.option >= 0 && option_rows[match.option].type == OPTION_SECRET) ||
	       (!w->steps[w->depth - 1].is_index && is_secret_name(w->steps[w->depth - 1].key) &&
		       node->kind == JSON_NUMBER && match.option < 0);
}

/* Makes node the place of the walk: its step is known afterwards. */
static void
enter(struct walk *w, const struct json_node *node, uint32_t index)
{
	w->steps[w->depth] =
		(struct option_step){.is_index = node->key.ptr == NULL, .key = node->key};
	w->index[w->depth] = index;
}

/* ---- trees ---- */

static void
put_scalar(struct json_out *o, const struct walk *w, const struct json_node *node)
{
	struct json_out before = *o;

	if (is_secret(w, node)) {
		json_out_str(o, SPAN(CONFIG_MARK));
		return;
	}
	if (json_out_node(o, node) == ERR_RANGE) {
		*o = before; /* nothing was written */
		json_out_null(o);
	}
}

static void
put_begin(struct json_out *o, const struct json_node *node)
{
	if (node->kind == JSON_ARRAY)
		json_out_begin_array(o);
	else
		json_out_begin_object(o);
}

static void
put_end(struct json_out *o, const struct json_node *node)
{
	if (node->kind == JSON_ARRAY)
		json_out_end_array(o);
	else
		json_out_end_object(o);
}

void
config_show_tree(struct json_out *o, const struct json_node *root)
{
	struct walk w = {0};
	const struct json_node *open[STEPS_MAX];
	size_t depth = 0;

	if (root == NULL || (root->kind != JSON_OBJECT && root->kind != JSON_ARRAY)) {
		json_out_null(o);
		return;
	}
	put_begin(o, root);
	open[depth] = root;
	w.next[depth++] = json_first(root);
	while (depth > 0) {
		const struct json_node *node = w.next[depth - 1];

		if (node == NULL) {
			put_end(o, open[--depth]);
			continue;
		}
		w.next[depth - 1] = node->next;
		w.depth = depth - 1;
		enter(&w, node, 0);
		w.depth = depth;
		if (node->key.ptr != NULL)
			json_out_key(o, node->key);
		if ((node->kind == JSON_OBJECT || node->kind == JSON_ARRAY) && depth < STEPS_MAX) {
			put_begin(o, node);
			open[depth] = node;
			w.next[depth++] = json_first(node);
		} else {
			put_scalar(o, &w, node);
		}
	}
}

/* ---- texts ---- */

/* Calls fn for every value that holds no others, with its path. */
static int
each_leaf(const struct json_node *root,
	int (*fn)(struct walk *w, const struct json_node *node, void *arg), void *arg)
{
	struct walk *w = mem_alloc(1, sizeof(*w));
	size_t depth = 0;
	int rc = 0;

	w->self[0] = root;
	w->next[depth++] = json_first(root);
	while (depth > 0 && rc == 0) {
		const struct json_node *node = w->next[depth - 1];

		if (node == NULL) {
			depth--;
			continue;
		}
		w->next[depth - 1] = node->next;
		w->depth = depth - 1;
		w->index[depth - 1] =
			node == json_first(w->self[depth - 1]) ? 0 : w->index[depth - 1] + 1;
		enter(w, node, w->index[depth - 1]);
		w->depth = depth;
		if (json_first(node) != NULL && depth < STEPS_MAX) {
			w->self[depth] = node;
			w->next[depth++] = json_first(node);
		} else {
			rc = fn(w, node, arg);
		}
	}
	free(w);
	return rc;
}

struct texts {
	struct span text;
	struct span old_text;
	const struct json_node *old;
	struct config_edits *edits;
	struct json_pos *at;
};

static int
hide(struct walk *w, const struct json_node *node, void *arg)
{
	struct texts *t = arg;

	if (is_secret(w, node))
		config_edit_add(t->edits, node->at.off,
			config_value_end(t->text, node->at.off) - node->at.off,
			SPAN("\"" CONFIG_MARK "\""));
	return 0;
}

int
config_show_text(struct span text, const struct json_node *root, struct buf *out)
{
	struct config_edits *edits = mem_alloc(1, sizeof(*edits));
	struct texts t = {.text = text, .edits = edits};
	int rc = each_leaf(root, hide, &t);

	rc = rc < 0 ? rc : config_edits_put(edits, text, out);
	free(edits);
	return rc;
}

/* The value at the same path; in a list only when it is as long as it was, so that nothing takes its neighbour's secret. */
static const struct json_node *
same_place(const struct walk *w, const struct json_node *old)
{
	for (size_t i = 0; i < w->depth && old != NULL; i++) {
		const struct json_node *container = w->self[i];

		if (!w->steps[i].is_index) {
			old = json_get(old, w->steps[i].key);
			continue;
		}
		if (old->kind != JSON_ARRAY || old->n != container->n)
			return NULL;
		old = json_first(old);
		for (uint32_t k = 0; k < w->index[i] && old != NULL; k++)
			old = old->next;
	}
	return old;
}

static int
restore(struct walk *w, const struct json_node *node, void *arg)
{
	struct texts *t = arg;
	const struct json_node *old;
	size_t end;

	if (!config_is_mark(node))
		return 0;
	old = same_place(w, t->old);
	*t->at = node->at;
	if (old == NULL || json_first(old) != NULL || old->kind == JSON_OBJECT ||
		old->kind == JSON_ARRAY || config_is_mark(old))
		return ERR_MISSING;
	end = config_value_end(t->old_text, old->at.off);
	config_edit_add(t->edits, node->at.off,
		config_value_end(t->text, node->at.off) - node->at.off,
		span_sub(t->old_text, old->at.off, end - old->at.off));
	return 0;
}

int
config_show_restore(struct span text, const struct json_node *root, struct span old_text,
	const struct json_node *old, struct buf *out, struct json_pos *at)
{
	struct config_edits *edits = mem_alloc(1, sizeof(*edits));
	struct texts t = {.text = text, .old_text = old_text, .old = old, .edits = edits, .at = at};
	int rc = each_leaf(root, restore, &t);

	rc = rc < 0 ? rc : config_edits_put(edits, text, out);
	free(edits);
	return rc;
}
