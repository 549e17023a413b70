/* Tests of the reader of lib/json. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "json/json.h"

static struct arena arena;
static struct json_error err;

static const struct json_node *
parse(struct span text, enum json_mode mode)
{
	struct json_opts opts = {.mode = mode};
	struct json_node *root = NULL;

	arena_clear(&arena);
	arena.max = MIB(64u);
	(void)json_parse(&arena, text, &opts, &root, &err);
	return root;
}

static void
expect_error(struct span text, enum json_mode mode, int code, uint32_t line, uint32_t col,
	const char *msg)
{
	assert_null(parse(text, mode));
	assert_string_equal(err.msg, msg);
	assert_int_equal(err.code, code);
	assert_int_equal(err.at.line, line);
	assert_int_equal(err.at.col, col);
}

static void
expect_text(struct span text, enum json_mode mode, struct span want)
{
	const struct json_node *n = parse(text, mode);
	struct span got = SPAN_EMPTY;

	assert_int_equal(json_node_str(n, &got), 0);
	assert_true(span_eq(got, want));
}

static void
a_document_becomes_a_tree(void **state)
{
	const struct json_node *root =
		parse(SPAN(" {\"a\": [1, \"x\", null], \"b\": {\"c\": true}, \"\": false} "),
			JSON_STRICT);
	const struct json_node *a = json_get(root, SPAN("a"));
	bool b = false;

	(void)state;
	assert_non_null(root);
	assert_int_equal(root->kind, JSON_OBJECT);
	assert_int_equal(root->n, 3);
	assert_int_equal(a->kind, JSON_ARRAY);
	assert_int_equal(a->n, 3);
	assert_int_equal(json_first(a)->kind, JSON_NUMBER);
	assert_int_equal(json_first(a)->next->kind, JSON_STRING);
	assert_int_equal(json_first(a)->next->next->kind, JSON_NULL);
	assert_null(json_first(a)->next->next->next);
	assert_null(json_first(a)->key.ptr);
	assert_int_equal(json_node_bool(json_get(json_get(root, SPAN("b")), SPAN("c")), &b), 0);
	assert_true(b);
	assert_int_equal(json_node_bool(json_get(root, SPAN("")), &b), 0);
	assert_false(b);
	assert_null(json_get(root, SPAN("x")));
	assert_null(json_get(a, SPAN("a")));
	assert_null(json_get(NULL, SPAN("a")));
	assert_null(json_first(json_first(a)));
	assert_int_equal(json_node_bool(NULL, &b), ERR_MISSING);
	assert_int_equal(json_node_bool(a, &b), ERR_TYPE);
	assert_string_equal(json_kind_name(a->kind), "array");
}

static void
the_tree_outlives_the_text(void **state)
{
	uint8_t text[] = "{\"key\":\"value\",\"n\":12}";
	const struct json_node *root = parse(span_of(text, sizeof(text) - 1), JSON_STRICT);
	struct span s;
	int64_t v = 0;

	(void)state;
	memset(text, 'X', sizeof(text));
	assert_int_equal(json_node_str(json_get(root, SPAN("key")), &s), 0);
	assert_true(span_eq(s, SPAN("value")));
	assert_int_equal(json_node_i64(json_get(root, SPAN("n")), &v), 0);
	assert_int_equal(v, 12);
}

static void
strings_are_decoded(void **state)
{
	(void)state;
	expect_text(SPAN("\"\""), JSON_STRICT, SPAN(""));
	expect_text(
		SPAN("\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\""), JSON_STRICT, SPAN("a\"\\/\b\f\n\r\tz"));
	expect_text(SPAN("\"\\u0041\\u00e9\\u20AC\\uD834\\udd1e\""), JSON_STRICT,
		SPAN("A\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e"));
	expect_text(SPAN("\"a\\u0000b\""), JSON_STRICT, SPAN("a\0b"));
	expect_text(
		SPAN("\"long enough for several words \\u0041 and again as long \xc3\xa9 end\""),
		JSON_STRICT,
		SPAN("long enough for several words A and again as long \xc3\xa9 end"));
	expect_text(SPAN("\"\x7f\xe2\x80\xa8\""), JSON_STRICT, SPAN("\x7f\xe2\x80\xa8"));
}

/* A wrong byte must be found at each place of a machine word, whatever stands beside it. */
static void
special_bytes_are_found_at_every_place(void **state)
{
	uint8_t text[64];

	(void)state;
	for (size_t at = 1; at < 40; at++) {
		for (unsigned c = 0; c < 256; c++) {
			bool plain = c >= 0x20 && c < 0x80 && c != '\\' && c != '"';
			uint8_t around = (uint8_t)(c ^ 1);

			if (around < 0x20 || around >= 0x80 || around == '"' || around == '\\')
				around = 'a';
			memset(text, around, sizeof(text));
			text[0] = '"';
			text[41] = '"';
			text[at] = (uint8_t)c;
			assert_true((parse(span_of(text, 42), JSON_STRICT) != NULL) == plain);
			if (!plain && c != '\\' && c != '"')
				assert_int_equal(err.at.off, at);
		}
	}
}

static void
json5_is_read(void **state)
{
	const struct json_node *root =
		parse(SPAN("\xef\xbb\xbf// c\n{unquoted: 'it\\'s', $_1: \"\\x41\\v\\0\\q\", /* b "
			   "*/ 'k': [+1, .5, 5., 0xfF, "
			   "-Infinity, NaN,],\xc2\xa0sig\\u03A3ma: 1, \xc3\xbcml: 2, null: 3, "
			   "}\xe2\x80\xa8//"),
			JSON_JSON5);
	struct span s;

	(void)state;
	assert_non_null(root);
	assert_int_equal(root->n, 6);
	assert_int_equal(json_node_str(json_get(root, SPAN("unquoted")), &s), 0);
	assert_true(span_eq(s, SPAN("it's")));
	assert_int_equal(json_node_str(json_get(root, SPAN("$_1")), &s), 0);
	assert_true(span_eq(s, SPAN("A\v\0q")));
	assert_int_equal(json_get(root, SPAN("k"))->n, 6);
	assert_non_null(json_get(root, SPAN("sig\xce\xa3ma")));
	assert_non_null(json_get(root, SPAN("\xc3\xbcml")));
	assert_non_null(json_get(root, SPAN("null")));
	expect_text(SPAN("'a\\\nb\\\r\nc\\\rd\\\xe2\x80\xa8"
			 "e\xe2\x80\xa9'"),
		JSON_JSON5, SPAN("abcde\xe2\x80\xa9"));
	expect_text(SPAN("'\"\t'"), JSON_JSON5, SPAN("\"\t"));
	assert_null(parse(SPAN("{\xf0\x90\x90\x80: 1}"), JSON_JSON5)); /* no letter in ES5 */
	assert_null(parse(SPAN("{a\\u002d: 1}"), JSON_JSON5));
	assert_null(parse(SPAN("{1a: 1}"), JSON_JSON5));
	assert_null(parse(SPAN("'\\1'"), JSON_JSON5));
	assert_null(parse(SPAN("'\\01'"), JSON_JSON5));
	assert_null(parse(SPAN("+ 1"), JSON_JSON5));
	assert_null(parse(SPAN("+'a'"), JSON_JSON5));
	assert_null(parse(SPAN("[,]"), JSON_JSON5));
	assert_null(parse(SPAN("[1,,]"), JSON_JSON5));
	assert_null(parse(SPAN("/"), JSON_JSON5));
	assert_null(parse(SPAN("1 /* *"), JSON_JSON5));
}

static void
errors_say_what_was_found_and_expected(void **state)
{
	(void)state;
	expect_error(SPAN(""), JSON_STRICT, ERR_SYNTAX, 1, 1,
		"found the end of the text, expected a value");
	expect_error(
		SPAN("[1 2]"), JSON_STRICT, ERR_SYNTAX, 1, 4, "found '2', expected ',' or ']'");
	expect_error(SPAN("{\n  \"a\": tru\n}"), JSON_STRICT, ERR_SYNTAX, 2, 8,
		"found 'tru', expected a value");
	expect_error(SPAN("{a: 1}"), JSON_STRICT, ERR_SYNTAX, 1, 2,
		"found 'a', expected a key in double quotes");
	expect_error(SPAN("{\"a\" 1}"), JSON_STRICT, ERR_SYNTAX, 1, 6,
		"found '1', expected ':' after the key");
	expect_error(SPAN("[1,]"), JSON_STRICT, ERR_SYNTAX, 1, 4, "found ']', expected a value");
	expect_error(SPAN("01"), JSON_STRICT, ERR_SYNTAX, 1, 2,
		"found '1', expected no digit after a leading zero");
	expect_error(SPAN("1 x"), JSON_STRICT, ERR_SYNTAX, 1, 3,
		"found 'x', expected the end of the text");
	expect_error(SPAN("\xef\xbb\xbf{}"), JSON_STRICT, ERR_SYNTAX, 1, 1,
		"found a byte order mark (U+FEFF), expected a value");
	expect_error(SPAN("\"a\xff\""), JSON_STRICT, ERR_UTF8, 1, 3,
		"found the byte 0xFF, which is not UTF-8, expected valid UTF-8");
	expect_error(SPAN("[\"\\ud800\"]"), JSON_STRICT, ERR_SYNTAX, 1, 3,
		"found half of a surrogate pair, expected a whole character");
	expect_error(SPAN("'\\udc00'"), JSON_JSON5, ERR_SYNTAX, 1, 2,
		"found half of a surrogate pair, expected a whole character");
	expect_error(
		SPAN("\x1b[2J"), JSON_STRICT, ERR_SYNTAX, 1, 1, "found U+001B, expected a value");
	expect_error(SPAN("[\n\n \"ab"), JSON_STRICT, ERR_SYNTAX, 3, 5,
		"found the end of the text, expected the closing quote of the string that begins "
		"at 3:2");
	expect_error(SPAN("1 /*\n"), JSON_JSON5, ERR_SYNTAX, 2, 1,
		"found the end of the text, expected '*/' of the comment that begins at 1:3");
	expect_error(SPAN("[aaaaaaaaaaaaaaaaaaaaaaaaaaa"), JSON_STRICT, ERR_SYNTAX, 1, 2,
		"found 'aaaaaaaaaaaaaaaaaaaa...', expected a value");
}

static void
places_count_code_points(void **state)
{
	const struct json_node *root =
		parse(SPAN("{\r\n\"\xc3\xa9\xf0\x9d\x84\x9e\": /* \xe2\x82\xac\n\xe2\x82\xac */ "
			   "'a\\\r\nb', x: 1}"),
			JSON_JSON5);
	const struct json_node *a = json_first(root);
	const struct json_node *x = json_get(root, SPAN("x"));

	(void)state;
	assert_non_null(x);
	assert_int_equal(a->key_at.line, 2);
	assert_int_equal(a->key_at.col, 1);
	assert_int_equal(a->at.line, 3);
	assert_int_equal(a->at.col, 6);
	assert_int_equal(x->key_at.line, 4);
	assert_int_equal(x->key_at.col, 5);
	assert_int_equal(x->at.col, 8);
	assert_int_equal(x->at.off, 39);
	root = parse(SPAN("[\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\", 7]"), JSON_STRICT);
	assert_int_equal(json_first(root)->next->at.col, 10);
	assert_int_equal(json_first(root)->next->at.off, 13);
	expect_error(SPAN("\r\r[\"\xe2\x82\xac\" x"), JSON_STRICT, ERR_SYNTAX, 3, 6,
		"found 'x', expected ',' or ']'");
}

static void
a_key_given_twice_is_refused(void **state)
{
	struct json_opts opts = {.duplicates_ok = true};
	struct json_node *root;
	int64_t v = 0;

	(void)state;
	expect_error(SPAN("{\"a\": 1,\n \"\\u0061\": 2}"), JSON_STRICT, ERR_DUPLICATE, 2, 2,
		"found the key \"a\" again, expected it once (first at 1:2)");
	expect_error(SPAN("{a: {b: 1, 'b': 2}}"), JSON_JSON5, ERR_DUPLICATE, 1, 12,
		"found the key \"b\" again, expected it once (first at 1:6)");
	expect_error(SPAN("{\"\\u001b[2J\\\"\xe2\x80\xae\": 1, \"\\u001b[2J\\\"\xe2\x80\xae\": 2}"),
		JSON_STRICT, ERR_DUPLICATE, 1, 21,
		"found the key \"\\x1b[2J\\x22\\xe2\\x80\\xae\" again, expected it once (first at "
		"1:2)");
	assert_int_equal(json_parse(&arena, SPAN("{\"a\":1,\"a\":2}"), &opts, &root, NULL), 0);
	assert_int_equal(json_node_i64(json_get(root, SPAN("a")), &v), 0);
	assert_int_equal(v, 2);
	assert_non_null(parse(SPAN("[{\"a\":1},{\"a\":1}]"), JSON_STRICT));
}

/* Beyond a few members the keys are sorted: the place reported stays that of the first repetition.
 */
static void
large_objects_are_searched_for_duplicates(void **state)
{
	struct buf b = {.max = MIB(4u)};

	(void)state;
	for (int twice = 0; twice < 2; twice++) {
		buf_reset(&b);
		buf_put_u8(&b, '{');
		for (int i = 0; i < 20000; i++)
			buf_put_fmt(&b, "\"key%d\":%d,\n", i * 7919 % 20000, i);
		buf_put_cstr(&b, twice ? "\"key7919\":0,\n\"key0\":0}" : "\"last\":0}");
		if (twice)
			expect_error(buf_span(&b), JSON_STRICT, ERR_DUPLICATE, 20001, 1,
				"found the key \"key7919\" again, expected it once (first at 2:1)");
		else
			assert_non_null(parse(buf_span(&b), JSON_STRICT));
	}
	buf_clear(&b);
}

static void
depth_is_capped(void **state)
{
	struct buf b = {.max = KIB(4u)};
	struct json_opts opts = {.max_depth = 2};
	struct json_node *root;

	(void)state;
	for (int over = 0; over < 2; over++) {
		buf_reset(&b);
		for (int i = 0; i < JSON_DEPTH_MAX + over; i++)
			buf_put_cstr(&b, i % 2 ? "{\"a\":" : "[");
		buf_put_cstr(&b, "1");
		for (int i = JSON_DEPTH_MAX + over - 1; i >= 0; i--)
			buf_put_cstr(&b, i % 2 ? "}" : "]");
		assert_true((parse(buf_span(&b), JSON_STRICT) != NULL) == (over == 0));
		assert_true((parse(buf_span(&b), JSON_JSON5) != NULL) == (over == 0));
	}
	assert_int_equal(err.code, ERR_TOODEEP);
	assert_string_equal(err.msg, "more than 64 nested arrays and objects");
	assert_int_equal(json_parse(&arena, SPAN("[[1]]"), &opts, &root, NULL), 0);
	assert_int_equal(json_parse(&arena, SPAN("[[[]]]"), &opts, &root, NULL), ERR_TOODEEP);
	opts.max_depth = JSON_DEPTH_MAX + 1;
	assert_int_equal(json_parse(&arena, SPAN("1"), &opts, &root, NULL), ERR_RANGE);
	buf_clear(&b);
}

static void
values_are_counted(void **state)
{
	struct buf b = {.max = MIB(1u)};
	struct json_opts opts = {.max_nodes = 3};
	struct json_node *root;

	(void)state;
	assert_int_equal(json_parse(&arena, SPAN("[1,{}]"), &opts, &root, NULL), 0);
	assert_int_equal(json_parse(&arena, SPAN("[1,{\"a\":1}]"), &opts, &root, NULL), ERR_TOOBIG);
	assert_null(root);
	opts.max_nodes = JSON_NODES_MAX + 1;
	assert_int_equal(json_parse(&arena, SPAN("1"), &opts, &root, NULL), ERR_RANGE);
	buf_put_cstr(&b, "[1");
	for (uint32_t i = 2; i < JSON_NODES_MAX; i++)
		buf_put_cstr(&b, ",1");
	buf_put_cstr(&b, "]");
	assert_non_null(parse(buf_span(&b), JSON_STRICT));
	b.len--;
	buf_put_cstr(&b, ",1]");
	assert_null(parse(buf_span(&b), JSON_STRICT));
	assert_int_equal(err.code, ERR_TOOBIG);
	buf_clear(&b);
}

static void
length_and_memory_are_capped(void **state)
{
	uint8_t *text = mem_alloc(JSON_TEXT_MAX + 1, 1);
	struct json_node *root;
	struct arena small;

	(void)state;
	memset(text, ' ', JSON_TEXT_MAX + 1);
	text[0] = '1';
	assert_non_null(parse(span_of(text, JSON_TEXT_MAX), JSON_STRICT));
	assert_null(parse(span_of(text, JSON_TEXT_MAX + 1), JSON_STRICT));
	assert_int_equal(err.code, ERR_TOOBIG);
	arena_init(&small, 100);
	assert_int_equal(json_parse(&small, span_of(text, 200), NULL, &root, &err), ERR_TOOBIG);
	arena_clear(&small);
	arena_init(&small, 300);
	assert_int_equal(json_parse(&small, span_of(text, 200), NULL, &root, &err), ERR_TOOBIG);
	assert_int_equal(err.at.line, 1);
	arena_clear(&small);
	free(text);
}

#define UNTOUCHED 77777

static void
integers_are_never_rounded(void **state)
{
	static const struct {
		struct span text;
		int rc;
		int64_t v;
	} rows[] = {
		{SPAN("0"), 0, 0},
		{SPAN("-0"), 0, 0},
		{SPAN("-0.0e5"), 0, 0},
		{SPAN("1.0"), 0, 1},
		{SPAN("1e3"), 0, 1000},
		{SPAN("1.50e1"), 0, 15},
		{SPAN("100000000000000000000e-18"), 0, 100},
		{SPAN("0.00001e5"), 0, 1},
		{SPAN("9223372036854775807"), 0, INT64_MAX},
		{SPAN("-9223372036854775808"), 0, INT64_MIN},
		{SPAN("9223372036854775808"), ERR_RANGE, 0},
		{SPAN("-9223372036854775809"), ERR_RANGE, 0},
		{SPAN("9007199254740993"), 0, 9007199254740993},
		{SPAN("1e19"), ERR_RANGE, 0},
		{SPAN("1e999999999999999999999999"), ERR_RANGE, 0},
		{SPAN("0e999999999999999999999999"), 0, 0},
		{SPAN("1e-999999999999999999999999"), ERR_TYPE, 0},
		{SPAN("1.5"), ERR_TYPE, 0},
		{SPAN("0.1"), ERR_TYPE, 0},
		{SPAN("1.00000000000000000000000000001"), ERR_TYPE, 0},
		{SPAN("5."), 0, 5},
		{SPAN("+.5e1"), 0, 5},
		{SPAN("-0x10"), 0, -16},
		{SPAN("0X7fffffffffffffff"), 0, INT64_MAX},
		{SPAN("0x10000000000000000"), ERR_RANGE, 0},
		{SPAN("0x00000000000000000001"), 0, 1},
		{SPAN("Infinity"), ERR_RANGE, 0},
		{SPAN("NaN"), ERR_RANGE, 0},
		{SPAN("'1'"), ERR_TYPE, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t v = UNTOUCHED;
		const struct json_node *n = parse(rows[i].text, JSON_JSON5);

		assert_non_null(n);
		assert_int_equal(json_node_i64(n, &v), rows[i].rc);
		assert_true(v == (rows[i].rc == 0 ? rows[i].v : UNTOUCHED));
	}
}

static void
unsigned_integers_use_all_bits(void **state)
{
	uint64_t v = 7;

	(void)state;
	assert_int_equal(json_node_u64(parse(SPAN("18446744073709551615"), JSON_STRICT), &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(
		json_node_u64(parse(SPAN("18446744073709551616"), JSON_STRICT), &v), ERR_RANGE);
	assert_int_equal(json_node_u64(parse(SPAN("-1"), JSON_STRICT), &v), ERR_RANGE);
	assert_int_equal(json_node_u64(parse(SPAN("-0"), JSON_STRICT), &v), 0);
	assert_true(v == 0);
	assert_int_equal(json_node_u64(NULL, &v), ERR_MISSING);
}

static void
doubles_are_finite(void **state)
{
	double v = 0;

	(void)state;
	assert_int_equal(
		json_node_double(json_first(parse(SPAN("[-1.5e-3,1]"), JSON_STRICT)), &v), 0);
	assert_true(v == -1.5e-3);
	assert_int_equal(json_node_double(parse(SPAN("5."), JSON_JSON5), &v), 0);
	assert_true(v == 5);
	assert_int_equal(json_node_double(parse(SPAN("-0xff"), JSON_JSON5), &v), 0);
	assert_true(v == -255);
	assert_int_equal(json_node_double(parse(SPAN("0e-999"), JSON_JSON5), &v), 0);
	assert_true(v == 0);
	assert_int_equal(json_node_double(parse(SPAN("1e400"), JSON_STRICT), &v), ERR_RANGE);
	assert_int_equal(json_node_double(parse(SPAN("1e-400"), JSON_STRICT), &v), ERR_RANGE);
	assert_int_equal(json_node_double(parse(SPAN("NaN"), JSON_JSON5), &v), ERR_RANGE);
	assert_int_equal(json_node_double(parse(SPAN("-Infinity"), JSON_JSON5), &v), ERR_RANGE);
	assert_int_equal(json_node_double(parse(SPAN("true"), JSON_STRICT), &v), ERR_TYPE);
}

static int
drop_arena(void **state)
{
	(void)state;
	arena_clear(&arena);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_document_becomes_a_tree),
		cmocka_unit_test(the_tree_outlives_the_text),
		cmocka_unit_test(strings_are_decoded),
		cmocka_unit_test(special_bytes_are_found_at_every_place),
		cmocka_unit_test(json5_is_read),
		cmocka_unit_test(errors_say_what_was_found_and_expected),
		cmocka_unit_test(places_count_code_points),
		cmocka_unit_test(a_key_given_twice_is_refused),
		cmocka_unit_test(large_objects_are_searched_for_duplicates),
		cmocka_unit_test(depth_is_capped),
		cmocka_unit_test(values_are_counted),
		cmocka_unit_test(length_and_memory_are_capped),
		cmocka_unit_test(integers_are_never_rounded),
		cmocka_unit_test(unsigned_integers_use_all_bits),
		cmocka_unit_test(doubles_are_finite),
	};

	return cmocka_run_group_tests(tests, NULL, drop_arena);
}
