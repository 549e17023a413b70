#include "args/args_json.h"

#include <string.h>

#include "base/err.h"

/* ---- from JSON ---- */

struct walk {
	const struct json_node *stack[ARGS_DEPTH_MAX + 1]; /* the value at each depth */
	struct args_leaf leaf;                             /* the path to it */
	size_t base;                                       /* steps that were there before */
	size_t leaves;
};

static void
set_step(struct args_leaf *leaf, size_t at, const struct json_node *child)
{
	leaf->path[at] = (struct args_step){.is_index = child->key.ptr == NULL, .key = child->key};
}

static int
put_scalar(struct buf *list, struct walk *w, const struct json_node *n)
{
	w->leaf.value = SPAN_EMPTY;
	switch (n->kind) {
	case JSON_NULL:
		w->leaf.type = ARGS_NULL;
		break;
	case JSON_BOOL:
		w->leaf.type = n->v.truth ? ARGS_TRUE : ARGS_FALSE;
		break;
	case JSON_NUMBER:
	case JSON_STRING:
		w->leaf.type = n->kind == JSON_NUMBER ? ARGS_NUMBER : ARGS_STRING;
		w->leaf.value = n->v.text;
		break;
	case JSON_ARRAY:
		w->leaf.type = ARGS_EMPTY_ARRAY;
		break;
	case JSON_OBJECT:
		w->leaf.type = ARGS_EMPTY_OBJECT;
		break;
	}
	if (++w->leaves > ARGS_LEAVES_MAX)
		return ERR_TOOBIG;
	return args_put_leaf(list, &w->leaf);
}

/* To the next value after the one at the present depth. False at the end. */
static bool
advance(struct walk *w)
{
	while (w->leaf.depth > w->base) {
		size_t at = w->leaf.depth - 1;
		const struct json_node *next = w->stack[w->leaf.depth]->next;

		if (next != NULL) {
			uint32_t index = w->leaf.path[at].index;

			set_step(&w->leaf, at, next);
			if (w->leaf.path[at].is_index)
				w->leaf.path[at].index = index + 1;
			w->stack[w->leaf.depth] = next;
			return true;
		}
		w->leaf.depth--;
	}
	return false;
}

int
args_json_put(struct buf *list, const char *key, const struct json_node *value)
{
	struct walk w = {.base = key != NULL ? 1 : 0};
	int rc;

	w.leaf.depth = w.base;
	if (key != NULL)
		w.leaf.path[0] = (struct args_step){.key = span_from_cstr(key)};
	w.stack[w.base] = value;
	do {
		const struct json_node *child;

		while ((child = json_first(w.stack[w.leaf.depth])) != NULL) {
			if (w.leaf.depth == ARGS_DEPTH_MAX)
				return ERR_TOODEEP;
			set_step(&w.leaf, w.leaf.depth, child);
			w.stack[++w.leaf.depth] = child;
		}
		rc = put_scalar(list, &w, w.stack[w.leaf.depth]);
		if (rc < 0)
			return rc;
	} while (advance(&w));
	return 0;
}

int
args_json_parse(struct buf *list, struct span text)
{
	const struct json_opts opts = {
		.max_depth = ARGS_DEPTH_MAX, .max_nodes = ARGS_LEAVES_MAX * 4};
	struct json_node *root;
	struct arena arena;
	int rc;

	arena_init(&arena, text.len * 2 + KIB(1024u));
	rc = json_parse(&arena, text, &opts, &root, NULL);
	if (rc == 0)
		rc = args_json_put(list, NULL, root);
	arena_clear(&arena);
	return rc;
}

/* ---- to JSON ---- */

struct writer {
	struct json_out *out;
	struct args_leaf prev;
	struct args_leaf leaf;
	size_t base; /* leading steps that are not written */
	bool any;
};

static bool
step_eq(const struct args_step *a, const struct args_step *b)
{
	if (a->is_index != b->is_index)
		return false;
	return a->is_index ? a->index == b->index : span_eq(a->key, b->key);
}

static int
begin(struct writer *w, bool array)
{
	return array ? json_out_begin_array(w->out) : json_out_begin_object(w->out);
}

static int
end_to(struct writer *w, size_t depth)
{
	for (size_t i = w->prev.depth; w->any && i > depth; i--) {
		if (w->prev.path[i - 1].is_index)
			json_out_end_array(w->out);
		else
			json_out_end_object(w->out);
	}
	return w->out->err;
}

/* The place of a step in its container: an array has no gaps. before: the step that stood there,
 * NULL for the first. */
static int
put_key(struct writer *w, const struct args_step *step, const struct args_step *before)
{
	if (before != NULL && before->is_index != step->is_index)
		return ERR_SYNTAX;
	if (!step->is_index)
		return json_out_key(w->out, step->key);
	return step->index == (before == NULL ? 0 : before->index + 1) ? 0 : ERR_SYNTAX;
}

static int
put_value(struct writer *w)
{
	switch (w->leaf.type) {
	case ARGS_NULL:
		return json_out_null(w->out);
	case ARGS_FALSE:
	case ARGS_TRUE:
		return json_out_bool(w->out, w->leaf.type == ARGS_TRUE);
	case ARGS_NUMBER:
		return json_out_raw_number(w->out, w->leaf.value);
	case ARGS_STRING:
		return json_out_str(w->out, w->leaf.value);
	case ARGS_EMPTY_OBJECT:
		json_out_begin_object(w->out);
		return json_out_end_object(w->out);
	case ARGS_EMPTY_ARRAY:
		json_out_begin_array(w->out);
		return json_out_end_array(w->out);
	}
	return ERR_SYNTAX;
}

static int
put_leaf(struct writer *w)
{
	size_t same = w->base;
	int rc = 0;

	if (w->any) {
		while (same < w->prev.depth && same < w->leaf.depth &&
			step_eq(&w->prev.path[same], &w->leaf.path[same]))
			same++;
		if (same == w->prev.depth || same == w->leaf.depth)
			return ERR_SYNTAX; /* the same value twice, or one inside the other */
		rc = end_to(w, same + 1);
	}
	for (size_t i = same; rc == 0 && i < w->leaf.depth; i++) {
		bool open = w->any && i == same;

		if (!open)
			rc = begin(w, w->leaf.path[i].is_index);
		if (rc == 0)
			rc = put_key(w, &w->leaf.path[i], open ? &w->prev.path[i] : NULL);
	}
	if (rc == 0)
		rc = put_value(w);
	w->prev = w->leaf;
	w->any = true;
	return rc;
}

static int
write_list(struct writer *w, struct span list, const char *key)
{
	struct span want = span_from_cstr(key);
	int rc;

	while ((rc = args_next(&list, &w->leaf)) > 0) {
		if (key != NULL && (w->leaf.depth == 0 || w->leaf.path[0].is_index ||
					   !span_eq(w->leaf.path[0].key, want)))
			continue;
		rc = put_leaf(w);
		if (rc < 0)
			return rc;
	}
	return rc < 0 ? rc : end_to(w, w->base);
}

int
args_json_write(struct json_out *out, struct span list)
{
	struct writer w = {.out = out};
	int rc = write_list(&w, list, NULL);

	if (rc < 0 || w.any)
		return rc;
	json_out_begin_object(out);
	return json_out_end_object(out);
}

int
args_json_write_member(struct json_out *out, struct span list, const char *key)
{
	struct writer w = {.out = out, .base = 1};
	int rc = write_list(&w, list, key);

	return rc < 0 || w.any ? rc : ERR_NOTFOUND;
}
