/* Other people's collections through the whole translation: nothing ends the process, messages stay printable. */
#include "config_try.h"

#include <fts.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "json/json_out.h"

/* Files below a folder, each as a whole configuration: .json and .json5 parse, .js and .txt do not. */
static void
test_json5(void **state)
{
	static char root[] = CORPORA "/json5-tests";
	char *const roots[] = {root, NULL};
	size_t n = 0;
	FTS *fts;
	FTSENT *e;

	(void)state;
	if (access(root, R_OK) != 0) {
		print_message("skipped: no json5-tests\n");
		skip();
	}
	fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	assert_non_null(fts);
	while ((e = fts_read(fts)) != NULL) {
		struct span name = span_from_cstr(e->fts_name);
		struct buf text = {.max = MIB(2u)};
		struct try t;
		bool json =
			span_ends_with(name, SPAN(".json")) || span_ends_with(name, SPAN(".json5"));
		/* a key given twice is a mistake here, whatever JSON5 says */
		bool good = json && !span_eq(name, SPAN("duplicate-keys.json"));

		if (e->fts_info != FTS_F || strstr(e->fts_path, "/todo/") != NULL)
			continue;
		if (!json && !span_ends_with(name, SPAN(".js")) &&
			!span_ends_with(name, SPAN(".txt")))
			continue;
		assert_true(try_read(e->fts_accpath, &text));
		try_text(&t, buf_span(&text), NULL);
		if (good != (t.c.root != NULL))
			fail_msg("%s: %.*s", e->fts_path, (int)t.notes.len,
				(const char *)t.notes.ptr);
		if (!good)
			assert_int_equal(t.rc, ERR_SYNTAX);
		try_clear(&t);
		buf_clear(&text);
		n++;
	}
	fts_close(fts);
	assert_true(n > 80);
}

static void
one_string(struct span s)
{
	struct buf text = {.max = MIB(1u)};
	struct json_out o;
	struct try t;

	/* as a key, as a text, as a word, as a tool, as a name, as a secret */
	json_out_init(&o, &text, NULL);
	json_out_begin_object(&o);
	json_out_key(&o, s);
	json_out_u64(&o, 1);
	json_out_key(&o, SPAN("gateway"));
	json_out_begin_object(&o);
	json_out_key(&o, SPAN("bind"));
	json_out_str(&o, s);
	json_out_key(&o, SPAN("publicDomain"));
	json_out_str(&o, s);
	json_out_key(&o, SPAN("allowedOrigins"));
	json_out_begin_array(&o);
	json_out_str(&o, s);
	json_out_end_array(&o);
	json_out_end_object(&o);
	json_out_key(&o, SPAN("tools"));
	json_out_begin_object(&o);
	json_out_key(&o, SPAN("deny"));
	json_out_begin_array(&o);
	json_out_str(&o, s);
	json_out_end_array(&o);
	json_out_end_object(&o);
	json_out_key(&o, SPAN("agents"));
	json_out_begin_object(&o);
	json_out_key(&o, SPAN("defaults"));
	json_out_begin_object(&o);
	json_out_key(&o, SPAN("model"));
	json_out_str(&o, s);
	json_out_end_object(&o);
	json_out_end_object(&o);
	json_out_key(&o, SPAN("models"));
	json_out_begin_object(&o);
	json_out_key(&o, SPAN("providers"));
	json_out_begin_object(&o);
	json_out_key(&o, s);
	json_out_begin_object(&o);
	json_out_key(&o, SPAN("baseUrl"));
	json_out_str(&o, s);
	json_out_key(&o, SPAN("apiKey"));
	json_out_str(&o, s);
	json_out_end_object(&o);
	json_out_end_object(&o);
	json_out_end_object(&o);
	json_out_end_object(&o);
	if (json_out_finish(&o) == 0) {
		struct json_out data;
		struct buf out = {.max = MIB(1u)};

		try_text(&t, buf_span(&text), NULL);
		config_notes_put_json(&t.c, &out);
		json_out_init(&data, &out, NULL);
		assert_int_equal(out.err, 0);
		/* a strange text is never a good configuration: at least the unknown key is said */
		if (s.len > 0)
			assert_int_equal(t.rc, ERR_SYNTAX);
		try_clear(&t);
		buf_clear(&out);
	}
	buf_clear(&text);
}

static void
test_naughty(void **state)
{
	struct buf file = {.max = MIB(4u)};
	struct arena arena;
	struct json_node *root;
	size_t n = 0;

	(void)state;
	if (!try_read(CORPORA "/naughty-strings/blns.json", &file)) {
		print_message("skipped: no naughty-strings\n");
		skip();
	}
	arena_init(&arena, MIB(16u));
	assert_int_equal(json_parse(&arena, buf_span(&file), NULL, &root, NULL), 0);
	for (const struct json_node *e = json_first(root); e != NULL; e = e->next, n++) {
		struct span s;

		if (json_node_str(e, &s) == 0)
			one_string(s);
	}
	assert_true(n > 400);
	arena_clear(&arena);
	buf_clear(&file);
}

/* Bytes that a terminal would act on, in every place where text is repeated. */
static void
test_escapes(void **state)
{
	(void)state;
	one_string(SPAN("\x1b]0;owned\x07"));
	one_string(SPAN("\x1b[2J\r\n\x00"));
	one_string(SPAN("\xe2\x80\xae"
			"gpj.exe"));
	one_string(SPAN("%s%n%d"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json5),
		cmocka_unit_test(test_naughty),
		cmocka_unit_test(test_escapes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
