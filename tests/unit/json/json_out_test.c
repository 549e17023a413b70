/* Tests of the writer of lib/json. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "json/json_out.h"

static struct arena arena;
static struct buf buf = {.max = MIB(1u)};

static void
start(struct json_out *o, bool pretty, bool html_safe)
{
	buf_reset(&buf);
	json_out_init(o, &buf, &(struct json_out_opts){.pretty = pretty, .html_safe = html_safe});
}

static void
expect(struct json_out *o, struct span want)
{
	assert_int_equal(json_out_finish(o), 0);
	if (!span_eq(buf_span(&buf), want))
		print_message("%.*s\n", (int)buf.len, (const char *)buf.ptr);
	assert_true(span_eq(buf_span(&buf), want));
}

static const struct json_node *
parse(struct span text, enum json_mode mode)
{
	struct json_opts opts = {.mode = mode};
	struct json_node *root;

	arena_clear(&arena);
	arena.max = MIB(16u);
	assert_int_equal(json_parse(&arena, text, &opts, &root, NULL), 0);
	return root;
}

static void
write_sample(struct json_out *o)
{
	json_out_begin_object(o);
	json_out_key(o, SPAN("a"));
	json_out_begin_array(o);
	json_out_u64(o, UINT64_MAX);
	json_out_i64(o, INT64_MIN);
	json_out_begin_array(o);
	json_out_end_array(o);
	json_out_end_array(o);
	json_out_key(o, SPAN("b"));
	json_out_bool(o, true);
	json_out_key(o, SPAN("c"));
	json_out_begin_object(o);
	json_out_end_object(o);
	json_out_key(o, SPAN("d"));
	json_out_null(o);
	json_out_key(o, SPAN("e"));
	json_out_raw_number(o, SPAN("-1.5e+3"));
	json_out_end_object(o);
}

static void
commas_and_colons_come_by_themselves(void **state)
{
	struct json_out o;

	(void)state;
	start(&o, false, false);
	write_sample(&o);
	expect(&o, SPAN("{\"a\":[18446744073709551615,-9223372036854775808,[]],\"b\":true,\"c\":{},"
			"\"d\":null,"
			"\"e\":-1.5e+3}"));
	start(&o, false, false);
	json_out_str(&o, SPAN("x"));
	expect(&o, SPAN("\"x\""));
}

static void
pretty_text_has_a_line_for_each_value(void **state)
{
	struct json_out o;

	(void)state;
	start(&o, true, false);
	write_sample(&o);
	expect(&o, SPAN("{\n  \"a\": [\n    18446744073709551615,\n    -9223372036854775808,\n    "
			"[]\n  ],\n"
			"  \"b\": true,\n  \"c\": {},\n  \"d\": null,\n  \"e\": -1.5e+3\n}"));
}

static void
strings_are_escaped(void **state)
{
	struct json_out o;

	(void)state;
	start(&o, false, false);
	json_out_str(
		&o, SPAN("a\"\\/"
			 "\b\f\n\r\t\0\x1f\x7f<\xc3\xa9\xf0\x9d\x84\x9e\xe2\x80\xa8\xe2\x80\xa9"));
	expect(&o,
		SPAN("\"a\\\"\\\\/"
		     "\\b\\f\\n\\r\\t\\u0000\\u001f\x7f<\xc3\xa9\xf0\x9d\x84\x9e\\u2028\\u2029\""));
	start(&o, false, true);
	json_out_begin_object(&o);
	json_out_key(&o, SPAN("<!--"));
	json_out_str(&o, SPAN("</script>"));
	json_out_end_object(&o);
	expect(&o, SPAN("{\"\\u003c!--\":\"\\u003c/script>\"}"));
}

static void
invalid_utf8_is_replaced(void **state)
{
	struct json_out o;

	(void)state;
	start(&o, false, false);
	json_out_str(&o, SPAN("\xff"
			      "a\xc3\xed\xa0\x80z\xf0\x9d\x84"));
	expect(&o, SPAN("\"\xef\xbf\xbd"
			"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd\xef\xbf\xbd"
			"\xef\xbf\xbd\""));
}

/* A byte that needs care must be seen at each place of a machine word, whatever stands beside it.
 */
static void
special_bytes_are_escaped_at_every_place(void **state)
{
	(void)state;
	for (size_t at = 0; at < 20; at++) {
		for (unsigned c = 0; c < 0x100; c++) {
			uint8_t text[20];
			struct json_out o;
			bool plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\' && c != '<';

			/* the neighbour by one bit, where that is a plain byte itself */
			memset(text,
				plain && c != '#' && c != ']' && c != '=' && c != 0x7f
					? (int)(c ^ 1)
					: 'a',
				sizeof(text));
			text[at] = (uint8_t)c;
			start(&o, false, true);
			assert_int_equal(json_out_str(&o, span_of(text, sizeof(text))), 0);
			assert_true((buf.len == sizeof(text) + 2) == plain);
			assert_memory_equal(buf.ptr + 1, text, at);
		}
	}
}

enum step { KEY, STR, OBJ, END_OBJ, ARR, END_ARR };

static int
take_step(struct json_out *o, enum step step)
{
	switch (step) {
	case KEY:
		return json_out_key(o, SPAN("k"));
	case STR:
		return json_out_str(o, SPAN("s"));
	case OBJ:
		return json_out_begin_object(o);
	case END_OBJ:
		return json_out_end_object(o);
	case ARR:
		return json_out_begin_array(o);
	case END_ARR:
		return json_out_end_array(o);
	}
	return 0;
}

static void
calls_out_of_order_are_refused_for_good(void **state)
{
	static const struct {
		int n;
		enum step steps[4]; /* the last one is wrong */
	} rows[] = {
		{1, {KEY}},
		{1, {END_OBJ}},
		{1, {END_ARR}},
		{2, {STR, STR}},
		{2, {STR, OBJ}},
		{2, {STR, KEY}},
		{2, {OBJ, STR}},
		{2, {OBJ, ARR}},
		{2, {OBJ, END_ARR}},
		{3, {OBJ, KEY, KEY}},
		{3, {OBJ, KEY, END_OBJ}},
		{4, {OBJ, KEY, STR, STR}},
		{2, {ARR, KEY}},
		{2, {ARR, END_OBJ}},
		{3, {ARR, END_ARR, END_ARR}},
		{3, {ARR, END_ARR, ARR}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct json_out o;
		size_t len;

		start(&o, false, false);
		for (int k = 0; k < rows[i].n - 1; k++)
			assert_int_equal(take_step(&o, rows[i].steps[k]), 0);
		len = buf.len;
		assert_int_equal(take_step(&o, rows[i].steps[rows[i].n - 1]), ERR_STATE);
		for (enum step s = KEY; s <= END_ARR; s++)
			assert_int_equal(take_step(&o, s), ERR_STATE);
		assert_int_equal(json_out_null(&o), ERR_STATE);
		assert_int_equal(json_out_raw_number(&o, SPAN("1")), ERR_STATE);
		assert_int_equal(json_out_finish(&o), ERR_STATE);
		assert_int_equal(buf.len, len);
	}
}

static void
unfinished_text_is_an_error(void **state)
{
	struct json_out o;

	(void)state;
	start(&o, false, false);
	assert_int_equal(json_out_finish(&o), ERR_STATE);
	start(&o, false, false);
	json_out_begin_array(&o);
	assert_int_equal(json_out_finish(&o), ERR_STATE);
}

static void
depth_and_length_are_capped(void **state)
{
	struct buf small = {.max = 4};
	struct json_out o;

	(void)state;
	start(&o, false, false);
	for (int i = 0; i < JSON_DEPTH_MAX; i++)
		assert_int_equal(json_out_begin_array(&o), 0);
	assert_int_equal(json_out_begin_array(&o), ERR_TOODEEP);
	json_out_init(&o, &small, NULL);
	assert_int_equal(json_out_str(&o, SPAN("abc")), ERR_TOOBIG);
	assert_int_equal(json_out_finish(&o), ERR_TOOBIG);
	buf_clear(&small);
}

static void
raw_numbers_are_checked(void **state)
{
	static const struct span bad[] = {SPAN(""), SPAN("-"), SPAN("01"), SPAN("+1"), SPAN("1."),
		SPAN(".5"), SPAN("0x1"), SPAN("NaN"), SPAN("1 "), SPAN("1,2"), SPAN("1e"),
		SPAN("\"1\"")};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct json_out o;

		start(&o, false, false);
		assert_int_equal(json_out_raw_number(&o, bad[i]), ERR_SYNTAX);
		assert_int_equal(buf.len, 0);
	}
}

static void
json5_leaves_as_json(void **state)
{
	struct json_out o;

	(void)state;
	start(&o, false, false);
	json_out_node(&o,
		parse(SPAN("{a:[+1,-.5,5.,5.e3,0xFf,-0x10,+.0,],'b':\"'\",c:{d:{}},e:[[[]],[]],}"),
			JSON_JSON5));
	expect(&o, SPAN("{\"a\":[1,-0.5,5,5e3,255,-16,0.0],\"b\":\"'\",\"c\":{\"d\":{}},\"e\":[[[]]"
			",[]]}"));
	start(&o, false, false);
	assert_int_equal(json_out_node(&o, parse(SPAN("[Infinity]"), JSON_JSON5)), ERR_RANGE);
	start(&o, false, false);
	assert_int_equal(json_out_node(&o, parse(SPAN("-NaN"), JSON_JSON5)), ERR_RANGE);
	start(&o, false, false);
	assert_int_equal(
		json_out_node(&o, parse(SPAN("0x10000000000000000"), JSON_JSON5)), ERR_RANGE);
	start(&o, false, false);
	assert_int_equal(json_out_node(&o, NULL), ERR_MISSING);
}

static void
a_part_of_a_tree_is_written_alone(void **state)
{
	const struct json_node *root = parse(SPAN("[{\"a\":[1,2]},{\"b\":3},4]"), JSON_STRICT);
	struct json_out o;

	(void)state;
	start(&o, false, false);
	json_out_begin_array(&o);
	json_out_node(&o, json_first(root));
	json_out_node(&o, json_first(root)->next);
	json_out_end_array(&o);
	expect(&o, SPAN("[{\"a\":[1,2]},{\"b\":3}]"));
	start(&o, false, false);
	json_out_node(&o, json_get(json_first(root)->next, SPAN("b")));
	expect(&o, SPAN("3"));
}

static void
naughty_strings_come_back_unchanged(void **state)
{
	int fd = open(CORPORA "/naughty-strings/blns.json", O_RDONLY | O_CLOEXEC);
	static uint8_t text[KIB(256u)];
	const struct json_node *root;
	ssize_t n;

	(void)state;
	if (fd < 0) {
		print_message("no naughty-strings here, skipped\n");
		skip();
	}
	n = read(fd, text, sizeof(text));
	close(fd);
	assert_true(n > 0);
	root = parse(span_of(text, (size_t)n), JSON_STRICT);
	assert_true(root->n > 500);
	for (int i = 0; i < 4; i++) {
		struct json_opts strict = {.mode = i & 1 ? JSON_JSON5 : JSON_STRICT};
		struct json_node *again;
		struct json_out o;
		struct arena a;

		start(&o, i & 1, i & 2);
		assert_int_equal(json_out_node(&o, root), 0);
		assert_int_equal(json_out_finish(&o), 0);
		assert_true(utf8_is_valid(buf_span(&buf)));
		assert_true(!(i & 2) || span_find_byte(buf_span(&buf), '<') < 0);
		arena_init(&a, MIB(4u));
		assert_int_equal(json_parse(&a, buf_span(&buf), &strict, &again, NULL), 0);
		assert_int_equal(again->n, root->n);
		for (const struct json_node *x = json_first(root), *y = json_first(again);
			x != NULL; x = x->next, y = y->next)
			assert_true(span_eq(x->v.text, y->v.text));
		arena_clear(&a);
	}
}

static int
drop_all(void **state)
{
	(void)state;
	arena_clear(&arena);
	buf_clear(&buf);
	return 0;
}

static void
what_is_shown_moves_no_cursor_and_turns_no_text_around(void **state)
{
	static const char text[] =
		"a\x1b[2J \x7f \xc2\x9b \xe2\x80\xae \xe2\x80\x8b \xf3\xa0\x81\x81 "
		"\xf0\x9f\x98\x80 \xc3\xa9";
	struct json_out o;

	(void)state;
	buf_reset(&buf);
	json_out_init(&o, &buf, &(struct json_out_opts){.shown = true});
	json_out_str(&o, span_from_cstr(text));
	expect(&o, SPAN("\"a\\u001b[2J \\u007f \\u009b \\u202e \\u200b \\udb40\\udc41 "
			"\xf0\x9f\x98\x80 \xc3\xa9\""));
	start(&o, false, false);
	json_out_str(&o, SPAN("\xc2\x9b\x7f"));
	expect(&o, SPAN("\"\xc2\x9b\x7f\""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_shown_moves_no_cursor_and_turns_no_text_around),
		cmocka_unit_test(commas_and_colons_come_by_themselves),
		cmocka_unit_test(pretty_text_has_a_line_for_each_value),
		cmocka_unit_test(strings_are_escaped),
		cmocka_unit_test(special_bytes_are_escaped_at_every_place),
		cmocka_unit_test(invalid_utf8_is_replaced),
		cmocka_unit_test(calls_out_of_order_are_refused_for_good),
		cmocka_unit_test(unfinished_text_is_an_error),
		cmocka_unit_test(depth_and_length_are_capped),
		cmocka_unit_test(raw_numbers_are_checked),
		cmocka_unit_test(json5_leaves_as_json),
		cmocka_unit_test(a_part_of_a_tree_is_written_alone),
		cmocka_unit_test(naughty_strings_come_back_unchanged),
	};

	return cmocka_run_group_tests(tests, NULL, drop_all);
}
