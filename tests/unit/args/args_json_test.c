#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "args/args_json.h"
#include "base/err.h"

static void
assert_span(struct span s, const char *text)
{
	assert_int_equal(s.len, strlen(text));
	assert_memory_equal(s.ptr, text, s.len);
}

static void
round_trip(const char *text)
{
	struct buf list = {.max = KIB(64)};
	struct buf json = {.max = KIB(64)};
	struct json_out out;

	assert_int_equal(args_json_parse(&list, span_from_cstr(text)), 0);
	assert_int_equal(args_check(buf_span(&list)), 0);
	json_out_init(&out, &json, NULL);
	assert_int_equal(args_json_write(&out, buf_span(&list)), 0);
	assert_int_equal(json_out_finish(&out), 0);
	assert_span(buf_span(&json), text);
	buf_clear(&list);
	buf_clear(&json);
}

static void
documents_come_back_as_they_were(void **state)
{
	static const char *const texts[] = {"{}", "[]", "1", "-1.5e3", "\"x\"", "null", "true",
		"[1,2,[3,[]],{}]", "{\"a\":{\"b\":[{\"c\":1},{\"c\":2}],\"d\":{}}}", "[[],[],[[]]]",
		"{\"a\":[1,{\"b\":null}],\"b\":[],\"c\":false}", "{\"\":{\"\":\"\"}}",
		"[{\"a\":1,\"b\":2},{\"a\":1}]"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		round_trip(texts[i]);
}

static void
one_member_is_written_alone(void **state)
{
	struct buf list = {.max = KIB(4)};
	struct buf json = {.max = KIB(4)};
	struct json_out out;

	(void)state;
	assert_int_equal(args_json_parse(&list,
				 SPAN("{\"x\":1,\"health\":{\"ok\":true,\"n\":[1,2]},\"y\":2}")),
		0);
	json_out_init(&out, &json, NULL);
	assert_int_equal(args_json_write_member(&out, buf_span(&list), "z"), ERR_NOTFOUND);
	assert_int_equal(args_json_write_member(&out, buf_span(&list), "health"), 0);
	assert_int_equal(json_out_finish(&out), 0);
	assert_span(buf_span(&json), "{\"ok\":true,\"n\":[1,2]}");
	buf_clear(&list);
	buf_clear(&json);
}

static void
a_value_becomes_a_member(void **state)
{
	struct buf list = {.max = KIB(4)};
	struct json_node *root;
	struct arena arena;
	struct span v;

	(void)state;
	arena_init(&arena, KIB(64));
	assert_int_equal(json_parse(&arena, SPAN("\"hi\""), NULL, &root, NULL), 0);
	assert_int_equal(args_json_put(&list, "message", root), 0);
	assert_int_equal(args_get_str(buf_span(&list), "message", &v), 0);
	assert_span(v, "hi");
	arena_clear(&arena);
	buf_clear(&list);
}

static void
leaf(struct buf *list, size_t depth, const struct args_step *path)
{
	struct args_leaf l = {.depth = depth, .type = ARGS_NULL};

	for (size_t i = 0; i < depth; i++)
		l.path[i] = path[i];
	assert_int_equal(args_put_leaf(list, &l), 0);
}

#define K(name)                                                                                    \
	{                                                                                          \
		.key = {(const uint8_t *)(name), sizeof(name) - 1 }                                \
	}
#define I(n)                                                                                       \
	{                                                                                          \
		.is_index = true, .index = (n)                                                     \
	}

static void
refuses(const struct args_step *a, size_t na, const struct args_step *b, size_t nb)
{
	struct buf list = {.max = KIB(4)};
	struct buf json = {.max = KIB(4)};
	struct json_out out;

	leaf(&list, na, a);
	leaf(&list, nb, b);
	json_out_init(&out, &json, NULL);
	assert_true(args_json_write(&out, buf_span(&list)) < 0);
	buf_clear(&list);
	buf_clear(&json);
}

static void
a_list_that_is_no_document_is_refused(void **state)
{
	(void)state;
	refuses((struct args_step[]){K("a")}, 1, (struct args_step[]){K("a")}, 1);
	refuses((struct args_step[]){K("a")}, 1, (struct args_step[]){K("a"), K("b")}, 2);
	refuses((struct args_step[]){K("a"), K("b")}, 2, (struct args_step[]){K("a")}, 1);
	refuses((struct args_step[]){I(0)}, 1, (struct args_step[]){I(2)}, 1);
	refuses((struct args_step[]){I(0)}, 1, (struct args_step[]){K("a")}, 1);
	refuses((struct args_step[]){K("a"), I(0)}, 2, (struct args_step[]){K("a"), K("b")}, 2);
	refuses((struct args_step[]){I(1)}, 1, (struct args_step[]){I(2)}, 1);
}

static void
depth_and_leaves_have_limits(void **state)
{
	struct buf text = {.max = MIB(1)};
	struct buf list = {.max = MIB(1)};

	(void)state;
	for (unsigned i = 0; i < ARGS_DEPTH_MAX; i++)
		buf_put_cstr(&text, "[");
	buf_put_cstr(&text, "1");
	for (unsigned i = 0; i < ARGS_DEPTH_MAX; i++)
		buf_put_cstr(&text, "]");
	assert_int_equal(args_json_parse(&list, buf_span(&text)), 0);
	buf_reset(&text);
	for (unsigned i = 0; i <= ARGS_DEPTH_MAX; i++)
		buf_put_cstr(&text, "[");
	buf_put_cstr(&text, "1");
	for (unsigned i = 0; i <= ARGS_DEPTH_MAX; i++)
		buf_put_cstr(&text, "]");
	assert_int_equal(args_json_parse(&list, buf_span(&text)), ERR_TOODEEP);
	buf_reset(&text);
	buf_reset(&list);
	buf_put_cstr(&text, "[0");
	for (unsigned i = 1; i < ARGS_LEAVES_MAX; i++)
		buf_put_cstr(&text, ",0");
	buf_put_cstr(&text, "]");
	assert_int_equal(args_json_parse(&list, buf_span(&text)), 0);
	text.len--;
	buf_put_cstr(&text, ",0]");
	buf_reset(&list);
	assert_int_equal(args_json_parse(&list, buf_span(&text)), ERR_TOOBIG);
	buf_clear(&text);
	buf_clear(&list);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents_come_back_as_they_were),
		cmocka_unit_test(one_member_is_written_alone),
		cmocka_unit_test(a_value_becomes_a_member),
		cmocka_unit_test(a_list_that_is_no_document_is_refused),
		cmocka_unit_test(depth_and_leaves_have_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
