/* JSON Schema draft-07 and hints for forms, from the table of options. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "config_show.h"

#define NODES_MAX 2048

/* One step of some path: the tree of all options, built once. */
struct spot {
	struct span step;
	size_t first; /* child, 0: none */
	size_t next;  /* sibling */
	int option;   /* -1: none ends here */
	bool later;   /* a known key that is ignored */
	bool open;    /* anything may be beneath */
};
struct tree {
	struct spot spots[NODES_MAX];
	size_t n;
};

static size_t
spot_get(struct tree *t, size_t parent, struct span step)
{
	size_t *at = &t->spots[parent].first;

	while (*at != 0 && !span_eq(t->spots[*at].step, step))
		at = &t->spots[*at].next;
	if (*at == 0 && t->n < NODES_MAX) {
		*at = t->n;
		t->spots[t->n++] = (struct spot){.step = step, .option = -1};
	}
	return *at;
}

static size_t
path_get(struct tree *t, size_t at, struct span path)
{
	while (path.len > 0) {
		struct span step = span_cut(&path, '.');

		if (span_eq(step, SPAN("**"))) {
			t->spots[at].open = true;
			return at;
		}
		at = spot_get(t, at, step);
	}
	return at;
}

static void
build(struct tree *t)
{
	t->n = 1;
	t->spots[0] = (struct spot){.option = -1};
	for (size_t i = 0; i < OPT_N; i++)
		t->spots[path_get(t, 0, span_from_cstr(option_rows[i].path))].option = (int)i;
	for (size_t i = 0; i < option_laters_n; i++) {
		size_t root = path_get(t, 0, span_from_cstr(option_laters[i].root));
		struct span keys = span_from_cstr(option_laters[i].keys);

		while (keys.len > 0) {
			struct span key = span_cut(&keys, ' ');

			if (key.len > 0)
				t->spots[path_get(t, root, key)].later = true;
		}
	}
}

static void
put_enum(struct json_out *o, const char *values)
{
	struct span rest = span_from_cstr(values);

	json_out_key(o, SPAN("enum"));
	json_out_begin_array(o);
	while (rest.len > 0)
		json_out_str(o, span_cut(&rest, ' '));
	json_out_end_array(o);
}

static void
put_default(struct json_out *o, const struct option_row *row)
{
	struct span v = span_from_cstr(row->fallback);

	if (row->fallback == NULL || row->type == OPTION_LIST)
		return;
	json_out_key(o, SPAN("default"));
	if (row->type == OPTION_BOOL)
		json_out_bool(o, span_eq(v, SPAN("true")));
	else if (row->type == OPTION_INT)
		json_out_raw_number(o, v);
	else
		json_out_str(o, v);
}

/* What a value of an option looks like, inside of an open object. */
static void
put_option(struct json_out *o, const struct option_row *row)
{
	switch (row->type) {
	case OPTION_BOOL:
		json_out_member_str(o, "type", SPAN("boolean"));
		break;
	case OPTION_INT:
		json_out_member_str(o, "type", SPAN("integer"));
		json_out_member_u64(o, "minimum", row->min);
		json_out_member_u64(o, "maximum", row->max);
		break;
	case OPTION_ENUM:
		json_out_member_str(o, "type", SPAN("string"));
		put_enum(o, row->values);
		break;
	case OPTION_LIST:
		json_out_member_str(o, "type", SPAN("array"));
		json_out_key(o, SPAN("items"));
		json_out_begin_object(o);
		json_out_member_str(o, "type", SPAN("string"));
		json_out_end_object(o);
		break;
	case OPTION_SIZE:
	case OPTION_DURATION:
		json_out_key(o, SPAN("type"));
		json_out_begin_array(o);
		json_out_str(o, SPAN("string"));
		json_out_str(o, SPAN("integer"));
		json_out_end_array(o);
		break;
	case OPTION_STR:
	case OPTION_SECRET:
		json_out_member_str(o, "type", SPAN("string"));
		break;
	case OPTION_TYPE_N:
		break;
	}
	json_out_member_str(o, "description", span_from_cstr(row->help));
	put_default(o, row);
}

enum stage { NAMED, WILD, DONE };

/* A spot whose object is open. */
struct open {
	const struct spot *self;
	size_t next;
	enum stage stage;
};

static bool
is_named(const struct spot *s)
{
	return !span_eq(s->step, SPAN("*")) && !span_eq(s->step, SPAN("[]"));
}

static const struct spot *
wildcard(const struct tree *t, const struct spot *s)
{
	for (size_t i = s->first; i != 0; i = t->spots[i].next) {
		if (!is_named(&t->spots[i]))
			return &t->spots[i];
	}
	return NULL;
}

static bool
is_list(const struct tree *t, const struct spot *s)
{
	const struct spot *wild = wildcard(t, s);

	return wild != NULL && span_eq(wild->step, SPAN("[]"));
}

/* An option that has others beneath it may be either, so its type is not said. */
static void
open_spot(const struct tree *t, struct json_out *o, struct open *e, const struct spot *s)
{
	*e = (struct open){.next = s->first, .self = s, .stage = DONE};
	json_out_begin_object(o);
	if (s == &t->spots[0])
		json_out_member_str(o, "$schema", SPAN("http://json-schema.org/draft-07/schema#"));
	if (s->option >= 0 && s->first == 0)
		put_option(o, &option_rows[s->option]);
	if (s->first == 0)
		return;
	if (s->option >= 0)
		json_out_member_str(o, "description", span_from_cstr(option_rows[s->option].help));
	else
		json_out_member_str(o, "type", span_from_cstr(is_list(t, s) ? "array" : "object"));
	e->stage = is_list(t, s) ? WILD : NAMED;
	if (is_list(t, s))
		return;
	json_out_key(o, SPAN("properties"));
	json_out_begin_object(o);
}

/* The next child that is open to be written, its key already put; NULL: the object ends. */
static const struct spot *
next_child(const struct tree *t, struct json_out *o, struct open *e)
{
	const struct spot *wild = wildcard(t, e->self);

	while (e->stage == NAMED && e->next != 0) {
		const struct spot *s = &t->spots[e->next];

		e->next = s->next;
		if (!is_named(s))
			continue;
		json_out_key(o, s->step);
		return s;
	}
	if (e->stage == NAMED) {
		json_out_end_object(o);
		if (wild == NULL && e->self->option < 0) {
			json_out_key(o, SPAN("additionalProperties"));
			json_out_bool(o, e->self->open);
		}
		e->stage = WILD;
	}
	if (e->stage == DONE || wild == NULL)
		return NULL;
	e->stage = DONE;
	json_out_key(o, is_list(t, e->self) ? SPAN("items") : SPAN("additionalProperties"));
	return wild;
}

static void
put_schema(const struct tree *t, struct json_out *o)
{
	struct open stack[OPTION_STEPS_MAX + 2];
	size_t depth = 0;

	open_spot(t, o, &stack[depth++], &t->spots[0]);
	while (depth > 0) {
		const struct spot *child = next_child(t, o, &stack[depth - 1]);

		if (child == NULL) {
			json_out_end_object(o);
			depth--;
		} else if (depth < OPTION_STEPS_MAX + 2) {
			open_spot(t, o, &stack[depth++], child);
		} else {
			json_out_bool(o, true);
		}
	}
}

/* Words of paths that people write in another way. */
static const struct {
	struct span word;
	const char *written;
} words[] = {
	{SPAN("api"), "API"},
	{SPAN("cpu"), "CPU"},
	{SPAN("env"), "environment"},
	{SPAN("http"), "HTTP"},
	{SPAN("id"), "ID"},
	{SPAN("pids"), "PIDs"},
	{SPAN("tls"), "TLS"},
	{SPAN("ui"), "UI"},
	{SPAN("uid"), "UID"},
	{SPAN("url"), "URL"},
	{SPAN("vars"), "variables"},
};

static void
put_word(struct buf *b, struct span word)
{
	struct span written = word;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (span_eq_nocase(word, words[i].word))
			written = span_from_cstr(words[i].written);
	for (size_t i = 0; i < written.len; i++) {
		uint8_t c = written.ptr[i];
		bool is_lower = c >= 'a' && c <= 'z';
		bool is_upper = c >= 'A' && c <= 'Z';

		if (i == 0 && b->len == 0 && is_lower)
			c = (uint8_t)(c - 'a' + 'A');
		else if (is_upper && b->len > 0 && written.ptr == word.ptr)
			c = (uint8_t)(c - 'A' + 'a');
		buf_put_u8(b, c);
	}
}

/* "maxRequestsPerMinute" as "Max requests per minute". */
static void
put_label(struct json_out *o, struct span path)
{
	struct buf b = {.max = 256};
	struct span last = SPAN_EMPTY;
	size_t from = 0;

	while (path.len > 0) {
		struct span step = span_cut(&path, '.');

		if (!span_eq(step, SPAN("*")) && !span_eq(step, SPAN("[]")))
			last = step;
	}
	for (size_t i = 1; i <= last.len; i++) {
		if (i < last.len && (last.ptr[i] < 'A' || last.ptr[i] > 'Z'))
			continue;
		if (from > 0)
			buf_put_u8(&b, ' ');
		put_word(&b, span_sub(last, from, i - from));
		from = i;
	}
	json_out_key(o, SPAN("label"));
	json_out_str(o, buf_span(&b));
	buf_clear(&b);
}

static void
put_hint(struct json_out *o, const struct option_row *row, uint64_t order)
{
	struct span path = span_from_cstr(row->path);

	json_out_key(o, span_from_cstr(row->path));
	json_out_begin_object(o);
	put_label(o, path);
	json_out_member_str(o, "help", span_from_cstr(row->help));
	json_out_key(o, SPAN("group"));
	json_out_str(o, span_cut(&path, '.'));
	json_out_member_u64(o, "order", order);
	json_out_key(o, SPAN("sensitive"));
	json_out_bool(o, row->type == OPTION_SECRET);
	json_out_member_str(o, "reload", span_from_cstr(option_reload_name(row->reload)));
	if (row->type == OPTION_SECRET)
		json_out_member_str(o, "placeholder", SPAN("${VARIABLE}"));
	json_out_end_object(o);
}

void
config_schema_put(struct json_out *o)
{
	struct tree *t = mem_alloc(1, sizeof(*t));

	build(t);
	json_out_key(o, SPAN("schema"));
	put_schema(t, o);
	json_out_key(o, SPAN("uiHints"));
	json_out_begin_object(o);
	for (size_t i = 0; i < OPT_N; i++)
		put_hint(o, &option_rows[i], i);
	json_out_end_object(o);
	json_out_member_str(o, "version", span_from_cstr(MOLTBOT_VERSION));
	free(t);
}
