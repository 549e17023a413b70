#include "config_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "json/json_out.h"

/* ---- places ---- */

/* Behind a comment at i, or i itself. */
static size_t
skip_comment(struct span t, size_t i)
{
	if (i + 1 >= t.len || t.ptr[i] != '/')
		return i;
	if (t.ptr[i + 1] == '/') {
		while (i < t.len && t.ptr[i] != '\n')
			i++;
		return i;
	}
	if (t.ptr[i + 1] != '*')
		return i;
	for (i += 2; i + 1 < t.len; i++) {
		if (t.ptr[i] == '*' && t.ptr[i + 1] == '/')
			return i + 2;
	}
	return t.len;
}

static size_t
skip_string(struct span t, size_t i)
{
	uint8_t quote = t.ptr[i++];

	while (i < t.len && t.ptr[i] != quote)
		i += t.ptr[i] == '\\' ? 2 : 1;
	return i < t.len ? i + 1 : t.len;
}

static bool
ends_word(uint8_t c)
{
	return c == ',' || c == ':' || c == '}' || c == ']' || c == '/' || c <= ' ' || c >= 0x80;
}

size_t
config_value_end(struct span t, size_t off)
{
	size_t depth = 0;
	size_t i = off;

	while (i < t.len) {
		uint8_t c = t.ptr[i];

		if (c == '"' || c == '\'')
			i = skip_string(t, i);
		else if (c == '{' || c == '[')
			i++, depth++;
		else if ((c == '}' || c == ']') && depth > 0)
			i++, depth--;
		else if (c == '/' && skip_comment(t, i) > i) {
			i = skip_comment(t, i);
			continue; /* never the end of a value */
		} else if (depth == 0) {
			while (i < t.len && !ends_word(t.ptr[i]))
				i++;
		} else {
			i++;
		}
		if (depth == 0)
			return i;
	}
	return t.len;
}

/* Behind white space and comments. */
static size_t
skip_blank(struct span t, size_t i)
{
	for (;;) {
		size_t next = i;

		while (next < t.len && (t.ptr[next] <= ' ' || t.ptr[next] >= 0x80))
			next++;
		next = skip_comment(t, next);
		if (next == i)
			return i;
		i = next;
	}
}

static size_t
line_start(struct span t, size_t i)
{
	while (i > 0 && t.ptr[i - 1] != '\n')
		i--;
	return i;
}

static bool
is_blank(struct span t, size_t from, size_t to)
{
	for (; from < to; from++) {
		if (t.ptr[from] != ' ' && t.ptr[from] != '\t' && t.ptr[from] != '\r')
			return false;
	}
	return true;
}

/* ---- changes ---- */

void
config_edit_add(struct config_edits *e, size_t off, size_t len, struct span text)
{
	if (e->n == CONFIG_EDITS_MAX) {
		e->full = true;
		return;
	}
	e->rows[e->n] = (struct config_edit){.off = off, .len = len, .text = text, .order = e->n};
	e->n++;
}

static int
by_place(const void *a, const void *b)
{
	const struct config_edit *x = a;
	const struct config_edit *y = b;

	if (x->off != y->off)
		return x->off < y->off ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

int
config_edits_put(struct config_edits *e, struct span text, struct buf *out)
{
	size_t at = 0;

	if (e->full)
		return ERR_FULL;
	qsort(e->rows, e->n, sizeof(e->rows[0]), by_place);
	for (size_t i = 0; i < e->n; i++) {
		if (e->rows[i].off < at || e->rows[i].off + e->rows[i].len > text.len)
			return ERR_STATE;
		buf_put(out, span_sub(text, at, e->rows[i].off - at));
		buf_put(out, e->rows[i].text);
		at = e->rows[i].off + e->rows[i].len;
	}
	buf_put(out, span_sub(text, at, text.len));
	return out->err;
}

/* ---- merge patches ---- */

bool
config_is_mark(const struct json_node *node)
{
	return node->kind == JSON_STRING &&
	       (span_eq(node->v.text, SPAN(CONFIG_MARK)) ||
		       span_eq(node->v.text, SPAN("__OPENCLAW_REDACTED__")));
}

static const struct json_node *
last_of(const struct json_node *n)
{
	const struct json_node *last = json_first(n);

	while (last != NULL && last->next != NULL)
		last = last->next;
	return last;
}

struct patch {
	struct arena *a;
	struct span text;
	struct config_edits *edits;
	int rc;
};

static struct span
made(struct patch *p, struct buf *b)
{
	struct span s = b->err < 0 ? SPAN_EMPTY : arena_copy(p->a, buf_span(b));

	if (s.ptr == NULL)
		p->rc = ERR_TOOBIG;
	buf_clear(b);
	return s;
}

/* JSON of a value, its further lines indented like the first. */
static void
put_value(struct patch *p, struct buf *b, const struct json_node *value, size_t indent)
{
	struct buf json = {.max = CONFIG_FILE_MAX};
	struct json_out o;

	json_out_init(&o, &json, &(struct json_out_opts){.pretty = true});
	if (json_out_node(&o, value) < 0 || json_out_finish(&o) < 0)
		p->rc = ERR_RANGE;
	for (size_t i = 0; i < json.len; i++) {
		buf_put_u8(b, json.ptr[i]);
		for (size_t k = 0; json.ptr[i] == '\n' && k < indent; k++)
			buf_put_u8(b, ' ');
	}
	buf_clear(&json);
}

static size_t
indent_of(const struct patch *p, size_t off)
{
	size_t start = line_start(p->text, off);
	size_t n = 0;

	while (start + n < off && (p->text.ptr[start + n] == ' ' || p->text.ptr[start + n] == '\t'))
		n++;
	return n;
}

static void
replace(struct patch *p, const struct json_node *old, const struct json_node *value)
{
	struct buf b = {.max = CONFIG_FILE_MAX};
	size_t end = config_value_end(p->text, old->at.off);

	put_value(p, &b, value, indent_of(p, old->at.off));
	config_edit_add(p->edits, old->at.off, end - old->at.off, made(p, &b));
}

/* A member with the comma behind it, and its line when nothing else is on it. */
static void
drop(struct patch *p, const struct json_node *old)
{
	struct span t = p->text;
	size_t from = old->key_at.off;
	size_t to = config_value_end(t, old->at.off);
	size_t comma = skip_blank(t, to);
	size_t start = line_start(t, from);
	size_t end;

	if (comma < t.len && t.ptr[comma] == ',')
		to = comma + 1;
	for (end = to; end < t.len && t.ptr[end] != '\n'; end++)
		;
	if (end < t.len && is_blank(t, start, from) && is_blank(t, to, end)) {
		from = start;
		to = end + 1;
	}
	config_edit_add(p->edits, from, to - from, SPAN_EMPTY);
}

/* Is there a comma behind the last member? Then its place. */
static bool
has_comma(const struct patch *p, const struct json_node *last, size_t *at)
{
	*at = skip_blank(p->text, config_value_end(p->text, last->at.off));
	return *at < p->text.len && p->text.ptr[*at] == ',';
}

static void
put_member(struct patch *p, struct buf *b, const struct json_node *member, size_t indent)
{
	struct json_out o;
	struct buf key = {.max = KIB(64)};

	json_out_init(&o, &key, NULL);
	(void)json_out_str(&o, member->key);
	buf_put(b, buf_span(&key));
	buf_put_cstr(b, ": ");
	put_value(p, b, member, indent);
	buf_clear(&key);
}

/* New members at the end of an object: lines of their own where its closing bracket has one. */
static void
insert(struct patch *p, const struct json_node *object, const struct json_node *const *members,
	size_t n)
{
	struct span t = p->text;
	size_t close = config_value_end(t, object->at.off) - 1;
	size_t start = line_start(t, close);
	bool lines = start > object->at.off && is_blank(t, start, close);
	const struct json_node *first = json_first(object);
	const struct json_node *last = last_of(object);
	size_t outer = lines ? close - start : indent_of(p, object->at.off);
	size_t indent = lines && first != NULL && indent_of(p, first->key_at.off) > outer
				? indent_of(p, first->key_at.off)
				: outer + 2;
	struct buf b = {.max = CONFIG_FILE_MAX};
	size_t comma = 0;
	bool trailing = last != NULL && has_comma(p, last, &comma);

	if (last != NULL && !trailing)
		config_edit_add(p->edits, config_value_end(t, last->at.off), 0, SPAN(","));
	for (size_t i = 0; i < n; i++) {
		if (!lines)
			buf_put_u8(&b, first == NULL && i == 0 ? '\n' : first == NULL ? '\n' : ' ');
		for (size_t k = 0; (lines || first == NULL) && k < indent; k++)
			buf_put_u8(&b, ' ');
		put_member(p, &b, members[i], indent);
		if (i + 1 < n || trailing)
			buf_put_u8(&b, ',');
		if (lines)
			buf_put_u8(&b, '\n');
	}
	if (!lines && first == NULL) {
		buf_put_u8(&b, '\n');
		for (size_t k = 0; k < outer; k++)
			buf_put_u8(&b, ' ');
	}
	if (!lines && first != NULL) {
		/* { a: 1 } keeps its space before the bracket */
		size_t at = trailing ? comma + 1 : config_value_end(t, last->at.off);

		config_edit_add(p->edits, at, 0, made(p, &b));
		return;
	}
	config_edit_add(p->edits, lines ? start : close, 0, made(p, &b));
}

/* One object of the text and what the patch says of it; pairs of objects are pushed. */
struct pair {
	const struct json_node *old;
	const struct json_node *patch;
};

static bool
has_mark(const struct json_node *value)
{
	const struct json_node *stack[JSON_DEPTH_MAX + 2] = {value};
	size_t depth = 1;

	if (config_is_mark(value))
		return true;
	stack[0] = json_first(value);
	while (depth > 0) {
		const struct json_node *n = stack[depth - 1];

		if (n == NULL) {
			depth--;
			continue;
		}
		stack[depth - 1] = n->next;
		if (config_is_mark(n))
			return true;
		if (json_first(n) != NULL && depth <= JSON_DEPTH_MAX)
			stack[depth++] = json_first(n);
	}
	return false;
}

static bool
patch_member(struct patch *p, const struct json_node *old, const struct json_node *m,
	const struct json_node **fresh, size_t *nfresh)
{
	if (old != NULL && old->kind == JSON_OBJECT && m->kind == JSON_OBJECT)
		return true;
	if (config_is_mark(m)) {
		if (old == NULL)
			p->rc = ERR_MISSING;
		return false;
	}
	if (has_mark(m)) {
		p->rc = ERR_MISSING; /* inside of a list or of something new there is nothing to keep */
		return false;
	}
	if (m->kind == JSON_NULL) {
		if (old != NULL)
			drop(p, old);
		return false;
	}
	m = config_without_nulls(p->a, m);
	if (m == NULL)
		p->rc = ERR_TOOBIG;
	else if (old != NULL)
		replace(p, old, m);
	else
		fresh[(*nfresh)++] = m;
	return false;
}

int
config_patch_put(struct arena *a, struct span text, const struct json_node *root,
	const struct json_node *patch, struct buf *out)
{
	struct config_edits *edits = mem_alloc(1, sizeof(*edits));
	struct pair *queue = arena_alloc(a, CONFIG_EDITS_MAX, sizeof(*queue));
	struct patch p = {.a = a, .text = text, .edits = edits};
	size_t head = 0;
	size_t tail = 0;

	if (queue != NULL)
		queue[tail++] = (struct pair){root, patch};
	else
		p.rc = ERR_TOOBIG;
	while (head < tail && p.rc == 0) {
		struct pair pair = queue[head++];
		const struct json_node **fresh =
			arena_alloc(a, pair.patch->n + 1, sizeof(const struct json_node *));
		size_t nfresh = 0;

		if (fresh == NULL)
			p.rc = ERR_TOOBIG;
		for (const struct json_node *m = json_first(pair.patch); m != NULL && p.rc == 0;
			m = m->next) {
			const struct json_node *old = json_get(pair.old, m->key);

			if (!patch_member(&p, old, m, fresh, &nfresh))
				continue;
			if (tail == CONFIG_EDITS_MAX)
				p.rc = ERR_TOOBIG;
			else
				queue[tail++] = (struct pair){old, m};
		}
		if (nfresh > 0 && p.rc == 0)
			insert(&p, pair.old, fresh, nfresh);
	}
	if (p.rc == 0)
		p.rc = config_edits_put(edits, text, out);
	free(edits);
	return p.rc;
}
