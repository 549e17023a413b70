/* A merge patch of trees, and whether two mean the same. */
#include "config_text.h"

#include "base/err.h"
#include "base/limits.h"

struct json_node *
config_without_nulls(struct arena *a, const struct json_node *value)
{
	struct {
		struct json_node *copy;
		const struct json_node *next;
		struct json_node **end;
	} stack[JSON_DEPTH_MAX + 2];
	struct json_node *root = arena_alloc(a, 1, sizeof(*root));
	size_t depth = 0;

	if (root == NULL)
		return NULL;
	*root = *value;
	root->next = NULL;
	if (root->kind != JSON_OBJECT)
		return root;
	root->n = 0;
	stack[depth].copy = root;
	stack[depth].next = root->v.first;
	root->v.first = NULL;
	stack[depth++].end = &root->v.first;
	while (depth > 0) {
		const struct json_node *m = stack[depth - 1].next;
		struct json_node *c;

		if (m == NULL) {
			depth--;
			continue;
		}
		stack[depth - 1].next = m->next;
		if (m->kind == JSON_NULL)
			continue;
		c = arena_alloc(a, 1, sizeof(*c));
		if (c == NULL)
			return NULL;
		*c = *m;
		c->next = NULL;
		*stack[depth - 1].end = c;
		stack[depth - 1].end = &c->next;
		stack[depth - 1].copy->n++;
		if (c->kind == JSON_OBJECT && depth <= JSON_DEPTH_MAX) {
			stack[depth].copy = c;
			stack[depth].next = c->v.first;
			c->v.first = NULL;
			c->n = 0;
			stack[depth].end = &c->v.first;
			depth++;
		}
	}
	return root;
}

static struct json_node **
find_link(struct json_node *object, struct span key)
{
	struct json_node **at = &object->v.first;

	while (*at != NULL && !span_eq((*at)->key, key))
		at = &(*at)->next;
	return at;
}

static void
set_member(struct json_node *object, struct json_node **at, struct json_node *fresh)
{
	if (*at == NULL)
		object->n++;
	else
		fresh->next = (*at)->next;
	*at = fresh;
}

int
config_patch_tree(struct arena *a, struct json_node *root, const struct json_node *patch)
{
	struct {
		struct json_node *into;
		const struct json_node *next;
	} stack[JSON_DEPTH_MAX + 2];
	size_t depth = 1;

	stack[0].into = root;
	stack[0].next = json_first(patch);
	while (depth > 0) {
		const struct json_node *m = stack[depth - 1].next;
		struct json_node *into = stack[depth - 1].into;
		struct json_node **at;
		struct json_node *fresh;

		if (m == NULL) {
			depth--;
			continue;
		}
		stack[depth - 1].next = m->next;
		at = find_link(into, m->key);
		if (config_is_mark(m))
			continue;
		if (m->kind == JSON_NULL) {
			into->n -= *at != NULL;
			if (*at != NULL)
				*at = (*at)->next;
			continue;
		}
		if (*at != NULL && (*at)->kind == JSON_OBJECT && m->kind == JSON_OBJECT &&
			depth <= JSON_DEPTH_MAX) {
			stack[depth].into = *at;
			stack[depth++].next = json_first(m);
			continue;
		}
		fresh = config_without_nulls(a, m);
		if (fresh == NULL)
			return ERR_TOOBIG;
		set_member(into, at, fresh);
	}
	return 0;
}

static bool
same_scalar(const struct json_node *a, const struct json_node *b)
{
	double x;
	double y;

	switch (a->kind) {
	case JSON_NULL:
		return true;
	case JSON_BOOL:
		return a->v.truth == b->v.truth;
	case JSON_STRING:
		return span_eq(a->v.text, b->v.text);
	case JSON_NUMBER:
		return span_eq(a->v.text, b->v.text) ||
		       (json_node_double(a, &x) == 0 && json_node_double(b, &y) == 0 && !(x < y) &&
			       !(y < x));
	case JSON_ARRAY:
	case JSON_OBJECT:
		break;
	}
	return a->n == b->n;
}

bool
config_same(const struct json_node *a, const struct json_node *b)
{
	struct {
		const struct json_node *next;  /* of a's children */
		const struct json_node *other; /* b's container, or its next element */
		bool object;
	} stack[JSON_DEPTH_MAX + 2];
	size_t depth = 0;

	for (;;) {
		if (b == NULL || a->kind != b->kind || !same_scalar(a, b))
			return false;
		if (json_first(a) != NULL && depth <= JSON_DEPTH_MAX) {
			stack[depth].object = a->kind == JSON_OBJECT;
			stack[depth].next = json_first(a);
			stack[depth].other = a->kind == JSON_OBJECT ? b : json_first(b);
			depth++;
		}
		while (depth > 0 && stack[depth - 1].next == NULL)
			depth--;
		if (depth == 0)
			return true;
		a = stack[depth - 1].next;
		stack[depth - 1].next = a->next;
		if (stack[depth - 1].object) {
			b = json_get(stack[depth - 1].other, a->key);
		} else {
			b = stack[depth - 1].other;
			stack[depth - 1].other = b == NULL ? NULL : b->next;
		}
	}
}
