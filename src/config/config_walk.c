/* The tree against the table: every key is an option, known and ignored, or a mistake. */
#include "config.h"

#include <string.h>

#include "base/err.h"
#include "text/text.h"

#define ALIAS_CHAIN_MAX 4

/* An open object or array. */
struct frame {
	const struct json_node *next; /* the child that comes next */
	const struct json_node *self;
	int warned; /* row of option_laters about which a warning was given here; -1: none */
};

struct walk {
	struct config *c;
	struct frame stack[OPTION_STEPS_MAX];
	struct option_step raw[OPTION_STEPS_MAX]; /* raw[i] leads to stack[i + 1] */
	size_t depth;
};

/* "a.b[].c" for messages, of the spelling in the file. */
static struct span
path_text(struct walk *w, const struct option_step *steps, size_t n)
{
	struct buf b = {.max = 1024};
	struct span s;

	for (size_t i = 0; i < n; i++) {
		if (steps[i].is_index) {
			buf_put_cstr(&b, "[]");
			continue;
		}
		if (i > 0)
			buf_put_u8(&b, '.');
		buf_put(&b, span_sub(steps[i].key, 0, 64));
	}
	s = config_copy(w->c, buf_span(&b));
	buf_clear(&b);
	return s;
}

static struct json_pos
place(const struct json_node *node)
{
	return node->key.ptr == NULL ? node->at : node->key_at;
}

static void
unknown(struct walk *w, const struct option_step *raw, size_t n, const struct option_step *steps,
	size_t m, const struct json_node *node)
{
	static const char *candidates[OPTION_NAMES_MAX];
	struct span names[OPTION_NAMES_MAX];
	size_t count = option_names(steps, m - 1, names);
	struct span path = path_text(w, raw, n);
	struct option_step other[OPTION_STEPS_MAX];
	ptrdiff_t best;

	if (raw[n - 1].is_index) {
		config_mistake(w->c, place(node), "%.*s: a list has no place here", CONFIG_S(path));
		return;
	}
	/* an alias may have led elsewhere; what stands beside the written spelling counts as well */
	memcpy(other, raw, n * sizeof(raw[0]));
	if (count == 0)
		count = option_names(other, n - 1, names);
	for (size_t i = 0; i < count; i++)
		candidates[i] = (const char *)config_copy(w->c, names[i]).ptr;
	best = count == 0 ? -1 : text_nearest(raw[n - 1].key, candidates, count);
	if (best >= 0)
		config_mistake(w->c, place(node),
			"%.*s: unknown key; the nearest that is known is \"%s\"", CONFIG_S(path),
			candidates[best]);
	else
		config_mistake(w->c, place(node),
			"%.*s: unknown key; docs/options.md lists those that are known",
			CONFIG_S(path));
}

static void
later(struct walk *w, const struct option_match *m, const struct option_step *raw, size_t n,
	const struct json_node *node)
{
	const struct option_later *row = &option_laters[m->later];
	size_t at = m->later_len < w->depth ? m->later_len : w->depth - 1;
	struct frame *frame = &w->stack[at];
	struct span path = path_text(w, raw, n);

	if (frame->warned == m->later)
		return;
	frame->warned = m->later;
	config_warn(w->c, place(node),
		"%.*s: ignored, with what belongs to it; not in this version: %s", CONFIG_S(path),
		row->feature);
}

static void
keep(struct walk *w, enum option option, const struct option_step *steps, size_t n,
	const struct config_setting *v, const struct json_node *node, struct span path)
{
	struct config *c = w->c;
	struct span pattern = span_from_cstr(option_rows[option].path);
	struct config_hit *hit;

	if (span_find_byte(pattern, '*') < 0 && span_find_byte(pattern, '[') < 0) {
		if (c->values[option].set)
			config_mistake(c, place(node),
				"%.*s: the same option is already set in line %u", CONFIG_S(path),
				c->values[option].at.line);
		else
			c->values[option] = *v;
		return;
	}
	hit = arena_alloc(&c->arena, 1, sizeof(*hit));
	if (hit == NULL)
		return;
	*hit = (struct config_hit){
		.option = option, .v = *v, .parent = w->stack[w->depth - 1].self};
	for (size_t i = 0; i < n; i++) {
		if (span_eq(span_cut(&pattern, '.'), SPAN("*"))) {
			hit->name = steps[i].key;
			break;
		}
	}
	if (c->last_hit == NULL)
		c->hits = hit;
	else
		c->last_hit->next = hit;
	c->last_hit = hit;
}

static void
expected(struct walk *w, struct span path, const struct json_node *node, bool list)
{
	config_mistake(w->c, node->at, "%.*s: expected %s, found %s", CONFIG_S(path),
		list ? "a list [ ... ]" : "an object { ... }", json_kind_name(node->kind));
}

/* One value; opens it when there are options beneath. */
static void
visit(struct walk *w, const struct json_node *node)
{
	struct option_step steps[OPTION_STEPS_MAX];
	size_t n = w->depth;
	size_t m = n;
	const struct option_alias *alias;
	const struct option_alias *legacy = NULL;
	struct option_match match;
	struct config_setting v;
	struct span path;

	w->raw[n - 1] = (struct option_step){.is_index = node->key.ptr == NULL, .key = node->key};
	memcpy(steps, w->raw, n * sizeof(steps[0]));
	for (size_t i = 0; i < ALIAS_CHAIN_MAX && (alias = option_alias_apply(steps, &m)) != NULL;
		i++)
		legacy = alias->legacy ? alias : legacy;
	option_match(steps, m, &match);
	path = path_text(w, w->raw, n);
	if (n < OPTION_STEPS_MAX && ((node->kind == JSON_OBJECT && match.is_parent) ||
					    (node->kind == JSON_ARRAY && match.is_list))) {
		w->stack[w->depth++] =
			(struct frame){.next = json_first(node), .self = node, .warned = -1};
		return;
	}
	if (match.option < 0 && match.later < 0) {
		if (match.is_parent || match.is_list)
			expected(w, path, node, match.is_list);
		else
			unknown(w, w->raw, n, steps, m, node);
		return;
	}
	if (match.later >= 0) {
		later(w, &match, w->raw, n, node);
		return;
	}
	if (legacy != NULL) {
		struct span now = path_text(w, steps, m);

		config_warn(w->c, place(node), "%.*s: an old name; write %.*s", CONFIG_S(path),
			CONFIG_S(now));
	}
	if (config_value_read(w->c, (enum option)match.option, path, node, &v))
		keep(w, (enum option)match.option, steps, m, &v, node, path);
}

void
config_walk(struct config *c)
{
	struct walk w = {.c = c};

	if (c->root == NULL)
		return;
	if (c->root->kind != JSON_OBJECT) {
		config_mistake(c, c->root->at, "expected an object { ... }, found %s",
			json_kind_name(c->root->kind));
		return;
	}
	w.stack[w.depth++] =
		(struct frame){.next = json_first(c->root), .self = c->root, .warned = -1};
	while (w.depth > 0) {
		struct frame *top = &w.stack[w.depth - 1];
		const struct json_node *node = top->next;

		if (node == NULL) {
			w.depth--;
			continue;
		}
		top->next = node->next;
		visit(&w, node);
	}
}
