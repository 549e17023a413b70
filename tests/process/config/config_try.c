#include "config_try.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "args/args.h"
#include "base/err.h"
#include "config_read.h"

void
try_text(struct try *t, struct span text, const char *env)
{
	try_beneath(t, -1, text, env);
}

void
try_beneath(struct try *t, int folder, struct span text, const char *env)
{
	*t = (struct try){.notes.max = MIB(4u), .env.max = CONFIG_ENV_MAX, .folder = folder};
	buf_put_cstr(&t->env, env == NULL ? "" : env);
	for (size_t i = 0; i < t->env.len; i++) {
		if (t->env.ptr[i] == '\n')
			t->env.ptr[i] = 0;
	}
	t->in = (struct config_input){.path = SPAN("moltbot.json"),
		.text = text,
		.env = buf_span(&t->env),
		.owner_uid = 1000};
	t->in.sources = &t->sources;
	while ((t->rc = config_translate(&t->c, &t->in)) == ERR_AGAIN) {
		for (size_t i = 0; i < t->sources.n; i++) {
			if (!t->sources.rows[i].loaded)
				config_source_read(t->folder, &t->sources.rows[i]);
		}
		config_clear(&t->c);
	}
	config_notes_put(&t->c, &t->notes);
	/* what is printed never acts on a terminal */
	for (size_t i = 0; i < t->notes.len; i++)
		assert_true(t->notes.ptr[i] == '\n' ||
			    (t->notes.ptr[i] >= 0x20 && t->notes.ptr[i] != 0x7f));
	for (unsigned k = 0; k < KIND_N && t->rc == 0; k++)
		assert_int_equal(args_check(buf_span(&t->c.slices[k])), 0);
}

void
try_cstr(struct try *t, const char *text, const char *env)
{
	try_text(t, span_from_cstr(text), env);
}

void
try_clear(struct try *t)
{
	config_clear(&t->c);
	config_sources_clear(&t->sources);
	buf_clear(&t->notes);
	buf_clear(&t->env);
}

uint64_t
try_u64(struct try *t, unsigned kind, const char *name)
{
	uint64_t v = 0;

	if (args_get_u64(buf_span(&t->c.slices[kind]), name, 0, UINT64_MAX, &v) != 0)
		fail_msg("%s has no number %s", kind_name(kind), name);
	return v;
}

bool
try_bool(struct try *t, unsigned kind, const char *name)
{
	bool v = false;

	if (args_get_bool(buf_span(&t->c.slices[kind]), name, &v) != 0)
		fail_msg("%s has no bool %s", kind_name(kind), name);
	return v;
}

void
try_expect_str(struct try *t, unsigned kind, const char *name, const char *want)
{
	struct span v;

	if (args_get_str(buf_span(&t->c.slices[kind]), name, &v) != 0)
		fail_msg("%s has no text %s", kind_name(kind), name);
	if (!span_eq(v, span_from_cstr(want)))
		fail_msg(
			"%s: %s is \"%.*s\", not \"%s\"", kind_name(kind), name, CONFIG_S(v), want);
}

bool
try_has(struct try *t, unsigned kind, const char *name)
{
	struct args_leaf leaf;

	return args_get(buf_span(&t->c.slices[kind]), name, &leaf) == 0;
}

bool
try_noted(const struct try *t, bool mistake, unsigned line, unsigned col, const char *text)
{
	for (size_t i = 0; i < t->c.nnotes; i++) {
		const struct config_note *n = &t->c.notes[i];

		if (n->mistake == mistake && n->at.line == line && n->at.col == col &&
			span_find(n->text, span_from_cstr(text)) >= 0)
			return true;
	}
	return false;
}

bool
try_read(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "rbe");
	uint8_t chunk[4096];
	size_t n;

	if (f == NULL)
		return false;
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_put(out, span_of(chunk, n));
	fclose(f);
	return true;
}
