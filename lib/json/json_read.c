/* The reader's loop over values, its nodes, and what may be asked of a tree. */
#include "json/json.h"

#include <stdlib.h>

#include "base/err.h"
#include "json/json_parse.h"

#define SLAB_FIRST 8u
#define SLAB_MAX 512u
#define DUP_LINEAR_MAX 12u /* members up to which comparing all pairs beats sorting */

static struct json_node *
node_new(struct json_parser *ps, enum json_kind kind)
{
	struct json_node *n;

	if (ps->nodes_left == 0) {
		json_fail(ps, ps->p, ERR_TOOBIG, "too many values in one document");
		return NULL;
	}
	if (ps->slab_left == 0) {
		ps->slab = arena_alloc(ps->arena, ps->slab_n, sizeof(*ps->slab));
		if (ps->slab == NULL) {
			json_fail(ps, ps->p, ERR_TOOBIG, "the document needs too much memory");
			return NULL;
		}
		ps->slab_left = ps->slab_n;
		ps->slab_n = ps->slab_n < SLAB_MAX ? ps->slab_n * 2 : SLAB_MAX;
	}
	ps->nodes_left--;
	ps->slab_left--;
	n = ps->slab++;
	n->kind = kind;
	n->at = json_place(ps, ps->p);
	return n;
}

static int
fail_duplicate(
	struct json_parser *ps, const struct json_node *first, const struct json_node *second)
{
	char key[64];

	json_put_printable(key, sizeof(key), second->key);
	json_fail(ps, ps->p, ERR_DUPLICATE,
		"found the key \"%s\" again, expected it once (first at %u:%u)", key,
		first->key_at.line, first->key_at.col);
	if (ps->err != NULL)
		ps->err->at = second->key_at;
	return ERR_DUPLICATE;
}

static int
compare_members(const void *va, const void *vb)
{
	const struct json_node *a = *(const struct json_node *const *)va;
	const struct json_node *b = *(const struct json_node *const *)vb;
	int rc;

	if (a->key.len != b->key.len)
		return a->key.len < b->key.len ? -1 : 1;
	rc = span_cmp(a->key, b->key);
	if (rc != 0)
		return rc;
	return a->key_at.off < b->key_at.off ? -1 : 1;
}

/* Sorting keeps this at n log n whatever the keys are; a hash table could be driven into its worst
 * case. */
static int
refuse_duplicates_sorted(struct json_parser *ps, const struct json_node *obj)
{
	const struct json_node **v =
		arena_alloc(ps->arena, obj->n, sizeof(const struct json_node *));
	size_t i = 0;
	size_t found = 0;

	if (v == NULL)
		return json_fail(ps, ps->p, ERR_TOOBIG, "the document needs too much memory");
	for (const struct json_node *m = obj->v.first; m != NULL; m = m->next)
		v[i++] = m;
	qsort(v, i, sizeof(const struct json_node *), compare_members);
	for (size_t k = 1; k < i; k++) {
		if (span_eq(v[k - 1]->key, v[k]->key) &&
			(found == 0 || v[k]->key_at.off < v[found]->key_at.off))
			found = k;
	}
	return found == 0 ? 0 : fail_duplicate(ps, v[found - 1], v[found]);
}

static int
refuse_duplicates(struct json_parser *ps, const struct json_node *obj)
{
	if (obj->n > DUP_LINEAR_MAX)
		return refuse_duplicates_sorted(ps, obj);
	for (const struct json_node *b = obj->v.first; b != NULL; b = b->next) {
		for (const struct json_node *a = obj->v.first; a != b; a = a->next) {
			if (a->key.len == b->key.len && span_eq(a->key, b->key))
				return fail_duplicate(ps, a, b);
		}
	}
	return 0;
}

/* Hangs a new value under the innermost open container, if there is one. */
static void
attach(struct json_parser *ps, struct json_node *n)
{
	struct json_frame *f;

	if (ps->depth == 0)
		return;
	f = &ps->stack[ps->depth - 1];
	if (f->last == NULL)
		f->node->v.first = n;
	else
		f->last->next = n;
	f->last = n;
	f->node->n++;
}

static int
read_literal(struct json_parser *ps, struct json_node *n)
{
	static const struct {
		struct span word;
		enum json_kind kind;
		bool truth;
	} literals[] = {
		{SPAN("true"), JSON_BOOL, true},
		{SPAN("false"), JSON_BOOL, false},
		{SPAN("null"), JSON_NULL, false},
	};

	for (size_t i = 0; i < sizeof(literals) / sizeof(literals[0]); i++) {
		struct span w = literals[i].word;

		if (memcmp(ps->p, w.ptr, w.len) == 0) {
			ps->p += w.len;
			n->kind = literals[i].kind;
			if (n->kind == JSON_BOOL)
				n->v.truth = literals[i].truth;
			return 0;
		}
	}
	return json_fail_found(ps, ps->p, ERR_SYNTAX, "a value");
}

static int
read_number(struct json_parser *ps, struct json_node *n)
{
	const uint8_t *stop;
	const char *expected;
	int rc = json_number_scan(ps->p, ps->end, ps->json5, &stop, &expected);

	if (rc < 0)
		return json_fail_found(ps, stop, rc, expected);
	n->v.text = span_of(ps->p, (size_t)(stop - ps->p));
	ps->p += stop - ps->p;
	return 0;
}

static int
open_container(struct json_parser *ps, struct json_node *n)
{
	if (ps->depth >= ps->max_depth)
		return json_fail(ps, ps->p, ERR_TOODEEP, "more than %u nested arrays and objects",
			ps->max_depth);
	ps->stack[ps->depth++] = (struct json_frame){.node = n};
	ps->p++;
	return 0;
}

static enum json_kind
kind_at(const struct json_parser *ps)
{
	uint8_t c = *ps->p;

	if (c == '"' || (c == '\'' && ps->json5))
		return JSON_STRING;
	if (c == '{')
		return JSON_OBJECT;
	if (c == '[')
		return JSON_ARRAY;
	if (json_is_digit(c) || c == '-')
		return JSON_NUMBER;
	if (ps->json5 && (c == '+' || c == '.' || c == 'I' || c == 'N'))
		return JSON_NUMBER;
	return JSON_NULL;
}

/* One value at p (of a container: its opening bracket); key is what it is a member of, if any. */
static int
read_value(struct json_parser *ps, const struct json_node *member, struct json_node **out)
{
	struct json_node *n = node_new(ps, kind_at(ps));

	if (n == NULL)
		return ERR_TOOBIG;
	if (member != NULL) {
		n->key = member->key;
		n->key_at = member->key_at;
	}
	attach(ps, n);
	*out = n;
	switch (n->kind) {
	case JSON_STRING:
		return json_scan_string(ps, &n->v.text);
	case JSON_NUMBER:
		return read_number(ps, n);
	case JSON_ARRAY:
	case JSON_OBJECT:
		return open_container(ps, n);
	case JSON_NULL:
	case JSON_BOOL:
		return read_literal(ps, n);
	}
	return ERR_SYNTAX;
}

/* The key of a member with its colon, up to its value. */
static int
read_key(struct json_parser *ps, struct json_node *member)
{
	int rc;

	member->key_at = json_place(ps, ps->p);
	if (*ps->p == '"' || (ps->json5 && *ps->p == '\''))
		rc = json_scan_string(ps, &member->key);
	else if (ps->json5)
		rc = json_scan_name(ps, &member->key);
	else
		rc = json_fail_found(ps, ps->p, ERR_SYNTAX, "a key in double quotes");
	if (rc < 0)
		return rc;
	rc = json_skip_space(ps);
	if (rc < 0)
		return rc;
	if (*ps->p != ':')
		return json_fail_found(ps, ps->p, ERR_SYNTAX, "':' after the key");
	ps->p++;
	return json_skip_space(ps);
}

/*
 * Between values: closes what ends here, up to the place of the next value (1, p stands on it,
 * *member is its key) or the end of the root (0).
 */
static int
advance(struct json_parser *ps, bool refuse_dups, struct json_node *member, bool opened)
{
	int rc;

	while (ps->depth > 0) {
		struct json_node *n = ps->stack[ps->depth - 1].node;
		bool is_object = n->kind == JSON_OBJECT;
		uint8_t closer = is_object ? '}' : ']';
		bool may_close = true;

		rc = json_skip_space(ps);
		if (rc < 0)
			return rc;
		if (!opened && *ps->p == ',') {
			ps->p++;
			rc = json_skip_space(ps);
			if (rc < 0)
				return rc;
			may_close = ps->json5;
			opened = true;
		}
		if (may_close && *ps->p == closer) {
			if (is_object && refuse_dups && (rc = refuse_duplicates(ps, n)) < 0)
				return rc;
			ps->p++;
			ps->depth--;
			opened = false;
			continue;
		}
		if (!opened)
			return json_fail_found(
				ps, ps->p, ERR_SYNTAX, is_object ? "',' or '}'" : "',' or ']'");
		*member = (struct json_node){0};
		if (is_object && (rc = read_key(ps, member)) < 0)
			return rc;
		return 1;
	}
	return 0;
}

static int
read_document(struct json_parser *ps, bool refuse_dups, struct json_node **root)
{
	struct json_node member = {0};
	struct json_node *n = NULL;
	bool opened;
	int rc = json_skip_space(ps);

	if (rc < 0)
		return rc;
	do {
		rc = read_value(ps, member.key.ptr == NULL ? NULL : &member, &n);
		if (rc < 0)
			return rc;
		if (*root == NULL)
			*root = n;
		opened = n->kind == JSON_ARRAY || n->kind == JSON_OBJECT;
		rc = advance(ps, refuse_dups, &member, opened);
	} while (rc > 0);
	if (rc == 0)
		rc = json_skip_space(ps);
	if (rc == 0 && ps->p != ps->end)
		return json_fail_found(ps, ps->p, ERR_SYNTAX, "the end of the text");
	return rc;
}

/* The copy in the arena that strings are decoded in. */
static int
take_text(struct json_parser *ps, struct span text)
{
	if (text.len > JSON_TEXT_MAX)
		return json_fail(
			ps, ps->p, ERR_TOOBIG, "the text is longer than %u bytes", JSON_TEXT_MAX);
	ps->base = arena_alloc(ps->arena, text.len + PARSE_PAD, 1);
	if (ps->base == NULL) {
		ps->p = ps->line0 = NULL;
		return json_fail(ps, NULL, ERR_TOOBIG, "the document needs too much memory");
	}
	if (text.len > 0)
		memcpy(ps->base, text.ptr, text.len);
	ps->p = ps->line0 = ps->base;
	ps->end = ps->base + text.len;
	return 0;
}

int
json_parse(struct arena *a, struct span text, const struct json_opts *opts, struct json_node **root,
	struct json_error *err)
{
	static const struct json_opts defaults = {.mode = JSON_STRICT};
	const struct json_opts *o = opts == NULL ? &defaults : opts;
	struct json_node *tree = NULL;
	struct json_parser ps;
	int rc;

	*root = NULL;
	/* not zeroed as a whole: the stack is only read where it was written */
	ps.base = ps.end = ps.p = ps.line0 = NULL;
	ps.line = 1;
	ps.json5 = o->mode == JSON_JSON5;
	ps.depth = 0;
	ps.max_depth = o->max_depth == 0 ? JSON_DEPTH_MAX : o->max_depth;
	ps.nodes_left = o->max_nodes == 0 ? JSON_NODES_MAX : o->max_nodes;
	ps.slab = NULL;
	ps.slab_left = 0;
	ps.slab_n = SLAB_FIRST;
	ps.arena = a;
	ps.err = err;
	if (err != NULL)
		*err = (struct json_error){.code = 0};
	if (ps.max_depth > JSON_DEPTH_MAX || ps.nodes_left > JSON_NODES_MAX)
		return json_fail(
			&ps, NULL, ERR_RANGE, "the limits asked for are over those of the program");
	rc = take_text(&ps, text);
	if (rc == 0)
		rc = read_document(&ps, !o->duplicates_ok, &tree);
	if (rc == 0)
		*root = tree;
	return rc;
}

const struct json_node *
json_first(const struct json_node *n)
{
	if (n == NULL || (n->kind != JSON_ARRAY && n->kind != JSON_OBJECT))
		return NULL;
	return n->v.first;
}

const struct json_node *
json_get(const struct json_node *obj, struct span key)
{
	const struct json_node *found = NULL;

	if (obj == NULL || obj->kind != JSON_OBJECT)
		return NULL;
	for (const struct json_node *m = obj->v.first; m != NULL; m = m->next) {
		if (span_eq(m->key, key))
			found = m;
	}
	return found;
}

const char *
json_kind_name(enum json_kind kind)
{
	static const char *const names[] = {
		"null", "boolean", "number", "string", "array", "object"};

	return (size_t)kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "unknown";
}

static int
expect(const struct json_node *n, enum json_kind kind)
{
	if (n == NULL)
		return ERR_MISSING;
	return n->kind == kind ? 0 : ERR_TYPE;
}

int
json_node_bool(const struct json_node *n, bool *out)
{
	int rc = expect(n, JSON_BOOL);

	if (rc == 0)
		*out = n->v.truth;
	return rc;
}

int
json_node_str(const struct json_node *n, struct span *out)
{
	int rc = expect(n, JSON_STRING);

	if (rc == 0)
		*out = n->v.text;
	return rc;
}
