/* Tests of lib/args: what is built is read back, what is malformed is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "args/args.h"
#include "base/err.h"

static void
built_lists_read_back(void **state)
{
	struct buf b = {.max = 4096};
	struct args_out out;
	struct span list;
	struct span s;
	struct args_leaf leaf;
	uint64_t n;
	bool yes;

	(void)state;
	args_out_init(&out, &b, false);
	args_out_cstr(&out, "name", "crab");
	args_out_u64(&out, "legs", 10);
	args_out_bool(&out, "wet", true);
	args_out_array(&out, "claws");
	args_out_object(&out, NULL);
	args_out_cstr(&out, "side", "left");
	args_out_end(&out);
	args_out_object(&out, NULL);
	args_out_end(&out);
	args_out_end(&out);
	args_out_array(&out, "none");
	args_out_end(&out);
	assert_int_equal(args_out_done(&out), 0);
	list = buf_span(&b);
	assert_int_equal(args_check(list), 0);
	assert_int_equal(args_get_str(list, "name", &s), 0);
	assert_true(span_eq(s, SPAN("crab")));
	assert_int_equal(args_get_u64(list, "legs", 0, 10, &n), 0);
	assert_int_equal(args_get_u64(list, "legs", 0, 9, &n), ERR_RANGE);
	assert_int_equal(args_get_u64(list, "name", 0, 9, &n), ERR_TYPE);
	assert_int_equal(args_get_bool(list, "wet", &yes), 0);
	assert_int_equal(args_get(list, "tail", &leaf), ERR_NOTFOUND);
	assert_int_equal(args_get(list, "none", &leaf), 0);
	assert_int_equal(leaf.type, ARGS_EMPTY_ARRAY);
	assert_true(args_has(list, "claws"));
	buf_clear(&b);
}

static void
every_cut_of_a_list_is_refused_or_shorter(void **state)
{
	struct buf b = {.max = 4096};
	struct args_out out;

	(void)state;
	args_out_init(&out, &b, false);
	args_out_cstr(&out, "a", "1234");
	args_out_done(&out);
	for (size_t n = 1; n < b.len; n++)
		assert_int_equal(args_check(span_of(b.ptr, n)), ERR_SYNTAX);
	buf_clear(&b);
}

static void
too_many_leaves_and_too_deep_paths_are_refused(void **state)
{
	struct buf b = {.max = 1u << 20};
	struct args_out out;

	(void)state;
	args_out_init(&out, &b, true);
	for (unsigned i = 0; i < ARGS_LEAVES_MAX; i++)
		args_out_null(&out, NULL);
	assert_int_equal(args_out_done(&out), 0);
	assert_int_equal(args_check(buf_span(&b)), 0);
	args_out_null(&out, NULL);
	assert_int_equal(args_check(buf_span(&b)), ERR_TOOBIG);
	buf_reset(&b);
	buf_put_u8(&b, ARGS_DEPTH_MAX + 1);
	assert_int_equal(args_check(buf_span(&b)), ERR_TOODEEP);
	buf_clear(&b);
}

static void
numbers_are_json_numbers(void **state)
{
	static const char *const bad[] = {
		"", "-", "01", "1.", ".5", "1e", "+1", "0x1", "NaN", "1 "};
	static const char *const good[] = {"0", "-0", "1", "12.5", "1e9", "-1.5E-3"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct buf b = {.max = 64};
		struct args_out out;

		args_out_init(&out, &b, false);
		args_out_leaf(&out, "n", ARGS_NUMBER, span_from_cstr(bad[i]));
		assert_int_equal(args_check(buf_span(&b)), ERR_SYNTAX);
		buf_clear(&b);
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct buf b = {.max = 64};
		struct args_out out;

		args_out_init(&out, &b, false);
		args_out_leaf(&out, "n", ARGS_NUMBER, span_from_cstr(good[i]));
		assert_int_equal(args_check(buf_span(&b)), 0);
		buf_clear(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(built_lists_read_back),
		cmocka_unit_test(every_cut_of_a_list_is_refused_or_shorter),
		cmocka_unit_test(too_many_leaves_and_too_deep_paths_are_refused),
		cmocka_unit_test(numbers_are_json_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
