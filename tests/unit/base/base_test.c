/* Tests of lib/base. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/span.h"
#include "base/utc.h"

static void
numbers_are_strict(void **state)
{
	uint64_t u = 0;
	int64_t i = 0;

	(void)state;
	assert_int_equal(span_to_u64(SPAN("0"), 0, 10, &u), 0);
	assert_int_equal(span_to_u64(SPAN("18446744073709551615"), 0, UINT64_MAX, &u), 0);
	assert_true(u == UINT64_MAX);
	assert_int_equal(span_to_u64(SPAN("18446744073709551616"), 0, UINT64_MAX, &u), ERR_RANGE);
	assert_int_equal(span_to_u64(SPAN("01"), 0, 10, &u), ERR_SYNTAX);
	assert_int_equal(span_to_u64(SPAN("+1"), 0, 10, &u), ERR_SYNTAX);
	assert_int_equal(span_to_u64(SPAN(" 1"), 0, 10, &u), ERR_SYNTAX);
	assert_int_equal(span_to_u64(SPAN(""), 0, 10, &u), ERR_SYNTAX);
	assert_int_equal(span_to_u64(SPAN("11"), 0, 10, &u), ERR_RANGE);
	assert_int_equal(span_to_i64(SPAN("-9223372036854775808"), INT64_MIN, INT64_MAX, &i), 0);
	assert_true(i == INT64_MIN);
	assert_int_equal(span_to_i64(SPAN("-0"), INT64_MIN, INT64_MAX, &i), ERR_SYNTAX);
}

static void
buffers_keep_their_cap(void **state)
{
	struct buf b = {.max = 8};

	(void)state;
	assert_int_equal(buf_put(&b, SPAN("12345678")), 0);
	assert_int_equal(buf_put_u8(&b, 'x'), ERR_TOOBIG);
	assert_int_equal(b.err, ERR_TOOBIG);
	assert_int_equal(b.len, 8);
	buf_clear(&b);
}

static void
arenas_keep_their_cap(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 16);
	assert_non_null(arena_alloc(&a, 100, 16));
	assert_non_null(arena_alloc(&a, 1, 40000));
	assert_null(arena_alloc(&a, 1, 40000));
	assert_null(arena_alloc(&a, SIZE_MAX / 2, 4));
	arena_clear(&a);
	assert_non_null(arena_alloc(&a, 1, 40000));
	arena_clear(&a);
}

static void
unsafe_bytes_never_reach_a_terminal(void **state)
{
	struct buf b = {.max = 1024};

	(void)state;
	log_put_safe(&b, SPAN("a\x1b[2J\xe2\x80\xae\xff\xc2\x9b z\n\xc3\xa9"));
	assert_true(span_eq(buf_span(&b), SPAN("a\\x1b[2J\\u{202e}\\xff\\x9b z\\n\xc3\xa9")));
	buf_clear(&b);
}

/* timegm is its inverse, and normalises the days of the week and of the year. */
static void
times_are_split_as_the_calendar_says(void **state)
{
	struct tm tm;

	(void)state;
	for (int64_t s = 0; s <= 253402300799; s += 86400 * 5 + 3599) {
		struct tm back;

		assert_int_equal(utc_split(s, &tm), 0);
		back = tm;
		assert_true(timegm(&back) == s);
		assert_int_equal(back.tm_wday, tm.tm_wday);
		assert_int_equal(back.tm_yday, tm.tm_yday);
		assert_int_equal(back.tm_mon, tm.tm_mon);
		assert_int_equal(back.tm_mday, tm.tm_mday);
	}
	assert_int_equal(utc_split(951782400, &tm), 0); /* 2000-02-29, a Tuesday */
	assert_true(tm.tm_year == 100 && tm.tm_mon == 1 && tm.tm_mday == 29 && tm.tm_wday == 2);
	assert_int_equal(utc_split(253402300800, &tm), ERR_RANGE);
	assert_int_equal(utc_split(-1, &tm), ERR_RANGE);
	assert_true(tm.tm_year == 70 && tm.tm_mon == 0 && tm.tm_mday == 1);
}

static void
secrets_are_copied_and_cleared(void **state)
{
	struct secret s = {0};

	(void)state;
	assert_int_equal(secret_set(&s, SPAN("hunter2")), 0);
	assert_true(span_eq(secret_get(&s), SPAN("hunter2")));
	secret_clear(&s);
	assert_int_equal(secret_get(&s).len, 0);
	secret_clear(&s);
	secret_wipe(NULL, 0); /* as the sanitizers see it */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_strict),
		cmocka_unit_test(buffers_keep_their_cap),
		cmocka_unit_test(arenas_keep_their_cap),
		cmocka_unit_test(unsafe_bytes_never_reach_a_terminal),
		cmocka_unit_test(times_are_split_as_the_calendar_says),
		cmocka_unit_test(secrets_are_copied_and_cleared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
