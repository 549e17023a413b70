/* Warrants: good once, for one thing, under one key, for a while. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/err.h"
#include "crypto/crypto.h"
#include "proto/ids.h"
#include "proto/warrant.h"

static const uint8_t key[WARRANT_KEY_LEN] = {1, 2, 3};

static struct warrant
sample(uint64_t counter)
{
	struct warrant w = {.effect = EFFECT_EXEC,
		.tool = 7,
		.executor = KIND_SANDBOX,
		.incarnation = 3,
		.run = 11,
		.call = 2,
		.counter = counter,
		.expires_ms = 1000};

	warrant_plan(7, &SPAN("args"), 1, w.plan);
	return w;
}

static void
a_warrant_works_once(void **state)
{
	struct warrant_window win = {0};
	struct warrant w = sample(1);
	uint8_t bytes[WARRANT_LEN];

	(void)state;
	warrant_issue(key, &w, bytes);
	assert_int_equal(warrant_check(key, &win, span_of(bytes, WARRANT_LEN), &w, 10), 0);
	assert_int_equal(warrant_check(key, &win, span_of(bytes, WARRANT_LEN), &w, 10), ERR_REPLAY);
}

static void
any_changed_bit_is_refused(void **state)
{
	struct warrant w = sample(1);
	uint8_t bytes[WARRANT_LEN];

	(void)state;
	warrant_issue(key, &w, bytes);
	for (size_t bit = 0; bit < WARRANT_LEN * 8; bit++) {
		struct warrant_window win = {0};

		bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		assert_int_equal(
			warrant_check(key, &win, span_of(bytes, WARRANT_LEN), &w, 10), ERR_CRYPTO);
		bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
}

static void
the_label_of_the_run_comes_with_it(void **state)
{
	struct warrant_window win = {0};
	struct warrant w = sample(1);
	const struct warrant want = w;
	uint8_t label[WARRANT_LABEL_LEN] = {0};
	uint8_t bytes[WARRANT_LEN];

	(void)state;
	memset(w.label, 0x5a, sizeof(w.label));
	warrant_issue(key, &w, bytes);
	assert_int_equal(warrant_check(key, &win, span_of(bytes, WARRANT_LEN), &want, 10), 0);
	warrant_label(span_of(bytes, WARRANT_LEN), label);
	assert_memory_equal(label, w.label, sizeof(label));
}

static void
for_something_else_too_late_or_under_another_key_is_refused(void **state)
{
	struct warrant_window win = {0};
	struct warrant w = sample(5);
	struct warrant other = w;
	uint8_t bytes[WARRANT_LEN];
	uint8_t key2[WARRANT_KEY_LEN] = {9};

	(void)state;
	warrant_issue(key, &w, bytes);
	other.run++;
	assert_int_equal(
		warrant_check(key, &win, span_of(bytes, WARRANT_LEN), &other, 10), ERR_DENIED);
	other = w;
	warrant_plan(7, &SPAN("argt"), 1, other.plan);
	assert_int_equal(
		warrant_check(key, &win, span_of(bytes, WARRANT_LEN), &other, 10), ERR_DENIED);
	other = w;
	other.incarnation++;
	assert_int_equal(
		warrant_check(key, &win, span_of(bytes, WARRANT_LEN), &other, 10), ERR_DENIED);
	assert_int_equal(
		warrant_check(key, &win, span_of(bytes, WARRANT_LEN), &w, 1000), ERR_EXPIRED);
	assert_int_equal(
		warrant_check(key2, &win, span_of(bytes, WARRANT_LEN), &w, 10), ERR_CRYPTO);
	assert_int_equal(
		warrant_check(key, &win, span_of(bytes, WARRANT_LEN - 1), &w, 10), ERR_CRYPTO);
	assert_int_equal(warrant_check(key, &win, span_of(bytes, WARRANT_LEN), &w, 10), 0);
}

static void
the_window_forgets_nothing_it_still_covers(void **state)
{
	struct warrant_window win = {0};
	uint8_t bytes[WARRANT_LEN];

	(void)state;
	for (uint64_t c = WARRANT_WINDOW * 2; c > 0; c -= 2) {
		struct warrant w = sample(c);
		int want = c == WARRANT_WINDOW * 2 || WARRANT_WINDOW * 2 - c < WARRANT_WINDOW
				   ? 0
				   : ERR_REPLAY;

		warrant_issue(key, &w, bytes);
		assert_int_equal(
			warrant_check(key, &win, span_of(bytes, WARRANT_LEN), &w, 10), want);
		assert_int_equal(
			warrant_check(key, &win, span_of(bytes, WARRANT_LEN), &w, 10), ERR_REPLAY);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_warrant_works_once),
		cmocka_unit_test(any_changed_bit_is_refused),
		cmocka_unit_test(the_label_of_the_run_comes_with_it),
		cmocka_unit_test(for_something_else_too_late_or_under_another_key_is_refused),
		cmocka_unit_test(the_window_forgets_nothing_it_still_covers),
	};

	if (crypto_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
