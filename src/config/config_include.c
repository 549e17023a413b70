/* $include: trees of other files beneath the configuration's folder in place of the objects that name them. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"

#define OBJECTS_MERGED_MAX 100000000u /* comparisons of keys in one merge */

/* An object with the key $include; those inside of it come before it. */
struct inclusion {
	struct inclusion *next;
	struct json_node *object;
	bool begun;
	const struct json_node *name; /* the next file to put in */
	struct json_node *got;        /* what the files so far gave */
};

/* A file whose inclusions are being carried out. */
struct frame {
	unsigned file; /* 0: the configuration itself, else its place in sources plus 1 */
	struct json_node *root;
	struct inclusion *todo;
};

struct work {
	struct config *c;
	struct frame stack[CONFIG_INCLUDE_DEPTH_MAX + 1];
	size_t depth;
};

static struct span
file_name(const struct config *c, unsigned file)
{
	return file == 0 ? SPAN_EMPTY : c->in->sources->rows[file - 1].name;
}

/* The member $include of an object, and what points at it. */
static struct json_node *
include_of(const struct json_node *object, struct json_node **before)
{
	struct json_node *last = NULL;

	for (struct json_node *n = object->v.first; n != NULL; last = n, n = n->next) {
		if (span_eq(n->key, SPAN("$include"))) {
			*before = last;
			return n;
		}
	}
	return NULL;
}

static void
mark(struct json_node *node, unsigned file)
{
	node->at.off |= file << CONFIG_FILE_SHIFT;
	if (node->key.ptr != NULL)
		node->key_at.off |= file << CONFIG_FILE_SHIFT;
}

/* All nodes say of which file they are; the list of objects that include, the innermost and last first. */
static struct inclusion *
survey(struct config *c, struct json_node *root, unsigned file)
{
	struct json_node *stack[JSON_DEPTH_MAX + 2];
	struct inclusion *list = NULL;
	size_t depth = 1;

	stack[0] = root;
	while (depth > 0) {
		struct json_node *node = stack[depth - 1];
		struct json_node *before;
		struct inclusion *i;

		if (node == NULL) {
			depth--;
			continue;
		}
		stack[depth - 1] = node == root ? NULL : node->next;
		mark(node, file);
		if (node->kind == JSON_OBJECT && include_of(node, &before) != NULL) {
			i = arena_alloc(&c->arena, 1, sizeof(*i));
			if (i == NULL) {
				config_mistake(c, node->at, "too many inclusions");
				return NULL;
			}
			*i = (struct inclusion){.next = list, .object = node};
			list = i;
		}
		if ((node->kind == JSON_OBJECT || node->kind == JSON_ARRAY) &&
			node->v.first != NULL)
			stack[depth++] = node->v.first;
	}
	return list;
}

/* ---- merging ---- */

static void
take_value(struct json_node *to, const struct json_node *from)
{
	to->kind = from->kind;
	to->v = from->v;
	to->n = from->n;
	to->at = from->at;
	to->key_at = from->key_at;
}

static void
append(struct json_node *to, struct json_node *from)
{
	struct json_node **end = &to->v.first;

	while (*end != NULL)
		end = &(*end)->next;
	*end = from;
}

/* One member over what is there; a pair of objects is left to the caller. */
static bool
merge_member(struct json_node *into, struct json_node *member, struct json_node **pair)
{
	struct json_node *old = into->v.first;

	while (old != NULL && !span_eq(old->key, member->key))
		old = old->next;
	if (old == NULL) {
		member->next = NULL;
		append(into, member);
		into->n++;
		return false;
	}
	if (old->kind == JSON_OBJECT && member->kind == JSON_OBJECT) {
		*pair = old;
		return true;
	}
	if (old->kind == JSON_ARRAY && member->kind == JSON_ARRAY) {
		append(old, member->v.first);
		old->n += member->n;
	} else {
		take_value(old, member);
	}
	return false;
}

/* Both are objects: members of over go over those of into, objects are merged, lists put one behind the other. */
static void
merge(struct config *c, struct json_node *into, const struct json_node *over)
{
	struct {
		struct json_node *into;
		struct json_node *next;
	} stack[JSON_DEPTH_MAX + 1];
	uint64_t work = 0;
	size_t depth = 1;

	stack[0].into = into;
	stack[0].next = over->v.first;
	while (depth > 0) {
		struct json_node *member = stack[depth - 1].next;
		struct json_node *pair;

		if (member == NULL) {
			depth--;
			continue;
		}
		stack[depth - 1].next = member->next;
		work += stack[depth - 1].into->n;
		if (work > OBJECTS_MERGED_MAX) {
			config_mistake(c, member->at, "too many keys to put files together");
			return;
		}
		if (merge_member(stack[depth - 1].into, member, &pair) && depth <= JSON_DEPTH_MAX) {
			stack[depth].into = pair;
			stack[depth].next = member->v.first;
			depth++;
		}
	}
}

/* ---- names ---- */

static bool
has_ending(struct span name)
{
	struct span ends[] = {SPAN(".json"), SPAN(".json5")};

	for (size_t i = 0; i < 2; i++) {
		if (name.len > ends[i].len &&
			span_eq(span_sub(name, name.len - ends[i].len, ends[i].len), ends[i]))
			return true;
	}
	return false;
}

static struct span
folder_of(struct span path)
{
	size_t n = path.len;

	while (n > 0 && path.ptr[n - 1] != '/')
		n--;
	return span_sub(path, 0, n);
}

/* Drops the last step of what is in b; false when there is none. */
static bool
step_back(struct buf *b)
{
	if (b->len == 0)
		return false;
	b->len--;
	while (b->len > 0 && b->ptr[b->len - 1] != '/')
		b->len--;
	return true;
}

/* base: the folder of the file that names it, ending in '/' or empty. False: it lies outside. */
static bool
normalise(struct span base, struct span text, struct buf *out)
{
	buf_put(out, base);
	while (text.len > 0) {
		struct span step = span_cut(&text, '/');

		if (step.len == 0 || span_eq(step, SPAN(".")))
			continue;
		if (span_eq(step, SPAN(".."))) {
			if (!step_back(out))
				return false;
			continue;
		}
		buf_put(out, step);
		if (text.len > 0)
			buf_put_u8(out, '/');
	}
	return true;
}

/* The name beneath the configuration's folder, in the arena. */
static bool
resolve(struct config *c, const struct frame *f, const struct json_node *node, struct span *out)
{
	struct buf b = {.max = CONFIG_INCLUDE_NAME_MAX};
	struct span base = folder_of(file_name(c, f->file));
	struct span top = folder_of(c->in->path);
	struct span text = node->v.text;
	bool inside = true;

	if (text.len > 0 && text.ptr[0] == '/') {
		inside = top.len > 1 && span_starts_with(text, top);
		text = span_sub(text, top.len, text.len);
		base = SPAN_EMPTY;
	}
	inside = inside && normalise(base, text, &b);
	*out = config_copy(c, buf_span(&b));
	if (!inside)
		config_mistake(c, node->at,
			"$include: \"%.*s\" lies outside of the configuration's folder; only files "
			"beneath it are included",
			CONFIG_S(node->v.text));
	else if (b.err < 0 || out->len == 0 || span_find_byte(*out, 0) >= 0)
		config_mistake(c, node->at, "$include: expected a path of 1 to %u bytes",
			CONFIG_INCLUDE_NAME_MAX);
	else if (!has_ending(*out))
		config_mistake(c, node->at,
			"$include: \"%.*s\": expected a name that ends in .json or .json5",
			CONFIG_S(node->v.text));
	else {
		buf_clear(&b);
		return true;
	}
	buf_clear(&b);
	return false;
}

/* "a.json5 -> b.json5 -> a.json5" */
static bool
is_circle(const struct work *w, struct span name, const struct json_node *node)
{
	struct buf chain = {.max = KIB(4)};
	bool found = false;

	for (size_t i = 0; i < w->depth; i++) {
		struct span step = file_name(w->c, w->stack[i].file);

		if (i == 0) {
			struct span path = w->c->in->path;

			step = span_sub(path, folder_of(path).len, path.len);
		}
		found = found || span_eq(step, name);
		if (found) {
			buf_put(&chain, step);
			buf_put_cstr(&chain, " -> ");
		}
	}
	buf_put(&chain, name);
	if (found)
		config_mistake(
			w->c, node->at, "$include: a circle: %.*s", CONFIG_S(buf_span(&chain)));
	buf_clear(&chain);
	return found;
}

/* ---- files ---- */

static struct config_source *
source_get(struct config *c, struct span name, const struct json_node *node)
{
	struct config_sources *s = c->in->sources;

	for (size_t i = 0; i < s->n; i++) {
		if (span_eq(s->rows[i].name, name))
			return &s->rows[i];
	}
	if (s->n == CONFIG_INCLUDE_FILES_MAX) {
		config_mistake(
			c, node->at, "$include: more than %u files", CONFIG_INCLUDE_FILES_MAX);
		return NULL;
	}
	s->rows[s->n] = (struct config_source){
		.name = span_of(mem_copy(name), name.len), .text = {.max = CONFIG_FILE_MAX + 1}};
	return &s->rows[s->n++];
}

static void
push(struct work *w, unsigned file, struct json_node *root)
{
	w->stack[w->depth++] =
		(struct frame){.file = file, .root = root, .todo = survey(w->c, root, file)};
}

static void
parse_source(struct work *w, const struct config_source *s, const struct json_node *node)
{
	const struct json_opts opts = {.mode = JSON_JSON5};
	unsigned file = (unsigned)(s - w->c->in->sources->rows) + 1;
	struct json_pos top = {.off = file << CONFIG_FILE_SHIFT, .line = 1, .col = 1};
	struct json_node *root;
	struct json_error err;

	if (s->err != 0) {
		const char *why = strerrordesc_np(s->err);

		config_mistake(w->c, node->at, "$include: \"%.*s\" cannot be read (%s)%s",
			CONFIG_S(s->name), why == NULL ? "?" : why,
			s->err == ELOOP || s->err == EXDEV
				? "; symbolic links are not followed, and nothing outside of the "
				  "folder is read"
				: "");
	} else if (s->text.len > CONFIG_FILE_MAX) {
		config_mistake(w->c, top, "the file is longer than %u bytes", CONFIG_FILE_MAX);
	} else if (json_parse(&w->c->arena, buf_span(&s->text), &opts, &root, &err) < 0) {
		err.at.off |= file << CONFIG_FILE_SHIFT;
		config_mistake(w->c, err.at, "%s", err.msg);
	} else {
		push(w, file, root);
	}
}

/* One file that an object names: its tree comes on top of the stack, or it is asked for. */
static void
open_name(struct work *w, struct frame *f, const struct json_node *node)
{
	struct config_source *s;
	struct span name;

	if (node->kind != JSON_STRING) {
		config_mistake(w->c, node->at, "$include: expected a path \"...\", found %s",
			json_kind_name(node->kind));
		return;
	}
	if (!resolve(w->c, f, node, &name) || is_circle(w, name, node))
		return;
	if (w->depth > CONFIG_INCLUDE_DEPTH_MAX) {
		config_mistake(w->c, node->at, "$include: files in files deeper than %u",
			CONFIG_INCLUDE_DEPTH_MAX);
		return;
	}
	s = source_get(w->c, name, node);
	if (s == NULL)
		return;
	if (!s->loaded)
		w->c->wants_files = true;
	else
		parse_source(w, s, node);
}

/* What a file gave, for the object that named it. */
static void
give(struct work *w, struct inclusion *i, struct json_node *root)
{
	if (i->got == NULL) {
		i->got = root;
		return;
	}
	if (i->got->kind == JSON_OBJECT && root->kind == JSON_OBJECT)
		merge(w->c, i->got, root);
	else
		config_mistake(w->c, root->at,
			"$include: of several files each must be an object { ... }; found %s",
			json_kind_name(root->kind == JSON_OBJECT ? i->got->kind : root->kind));
}

/* The object becomes what was included, with its other members over that. */
static void
finish(struct work *w, struct inclusion *i)
{
	struct json_node *object = i->object;
	struct json_node *before;
	struct json_node *member = include_of(object, &before);

	if (before == NULL)
		object->v.first = member->next;
	else
		before->next = member->next;
	object->n--;
	if (i->got == NULL)
		return;
	if (object->n == 0) {
		struct json_pos key_at = object->key_at;

		take_value(object, i->got);
		object->key_at = key_at;
		return;
	}
	if (i->got->kind != JSON_OBJECT) {
		config_mistake(w->c, i->got->at,
			"$include: beside other keys only an object { ... } can be included; found "
			"%s",
			json_kind_name(i->got->kind));
		return;
	}
	merge(w->c, i->got, object);
	object->v = i->got->v;
	object->n = i->got->n;
}

static void
begin(struct work *w, struct inclusion *i)
{
	struct json_node *before;
	const struct json_node *member = include_of(i->object, &before);

	i->begun = true;
	if (member->kind == JSON_ARRAY && member->n == 0)
		config_mistake(w->c, member->at, "$include: the list is empty");
	i->name = member->kind == JSON_ARRAY ? json_first(member) : member;
}

static void
step(struct work *w)
{
	struct frame *f = &w->stack[w->depth - 1];
	struct inclusion *i = f->todo;
	const struct json_node *name;

	if (i == NULL) {
		w->depth--;
		if (w->depth > 0)
			give(w, w->stack[w->depth - 1].todo, f->root);
		return;
	}
	if (!i->begun)
		begin(w, i);
	name = i->name;
	if (name == NULL) {
		finish(w, i);
		f->todo = i->next;
		return;
	}
	/* a single path is a member of the object; what is beside it is no further path */
	i->name = name->key.ptr == NULL ? name->next : NULL;
	open_name(w, f, name);
}

void
config_include(struct config *c)
{
	struct work w = {.c = c};

	if (c->root == NULL)
		return;
	push(&w, 0, c->root);
	while (w.depth > 0 && c->nnotes < CONFIG_NOTES_MAX)
		step(&w);
}

void
config_sources_clear(struct config_sources *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free((void *)(uintptr_t)s->rows[i].name.ptr);
		buf_clear(&s->rows[i].text);
	}
	s->n = 0;
}
