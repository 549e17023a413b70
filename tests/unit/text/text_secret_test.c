/* Tests of lib/text: what looks like a credential, and how good one is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "text/text_secret.h"

/* Put together here, so that no file of ours looks as if it held one. */
#define TAIL "Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MGFiY2RlZg"

static void
credentials_are_found_by_their_shape(void **state)
{
	static const struct span texts[] = {SPAN("key=sk-" TAIL), SPAN("ghp_" TAIL " here"),
		SPAN("\"xoxb-" TAIL "\""), SPAN("AIza" TAIL), SPAN("gsk_" TAIL),
		SPAN("authorization: Bearer " TAIL), SPAN("123456789:" TAIL),
		SPAN("-----BEGIN EC PRIVATE KEY-----"), SPAN("x sk-ant-" TAIL)};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const char *kind;

		assert_true(text_secret_find(texts[i], &kind).len > 0);
		assert_non_null(kind);
	}
}

static void
ordinary_text_holds_no_credential(void **state)
{
	static const struct span texts[] = {SPAN(""), SPAN("task-sk-" TAIL), SPAN("sk-short"),
		SPAN("2026-11-22T16:56:11.868Z info supervisor listening address=127.0.0.1:28790"),
		SPAN("12345:" TAIL), SPAN("Bearer token"), SPAN("maxTokens: 4096")};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const char *kind;

		assert_true(text_secret_find(texts[i], &kind).len == 0);
		assert_null(kind);
	}
}

static void
settings_that_hold_secrets_are_known_by_name(void **state)
{
	(void)state;
	assert_true(text_secret_is_name(SPAN("token")));
	assert_true(text_secret_is_name(SPAN("botToken")));
	assert_true(text_secret_is_name(SPAN("signingSecret")));
	assert_true(text_secret_is_name(SPAN("apiKey")));
	assert_false(text_secret_is_name(SPAN("maxTokens")));
	assert_false(text_secret_is_name(SPAN("tokenFile")));
	assert_false(text_secret_is_name(SPAN("")));
}

static void
a_reference_is_the_whole_value(void **state)
{
	(void)state;
	assert_true(span_eq(text_secret_reference(SPAN("${A_TOKEN}")), SPAN("A_TOKEN")));
	assert_true(text_secret_reference(SPAN("${}")).len == 0);
	assert_true(text_secret_reference(SPAN("x${A}")).len == 0);
	assert_true(text_secret_reference(SPAN("${A}x")).len == 0);
	assert_true(text_secret_reference(SPAN("${A}${B}")).len == 0);
	assert_true(text_secret_reference(SPAN("")).len == 0);
}

static void
weak_secrets_have_few_bits(void **state)
{
	(void)state;
	assert_int_equal(text_secret_bits(SPAN("")), 0);
	assert_int_equal(text_secret_bits(SPAN("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")), 0);
	assert_int_equal(text_secret_bits(SPAN("my-password-is-long-enough")), 0);
	assert_true(text_secret_bits(SPAN("abababababababababababababababab")) < 40);
	assert_true(text_secret_bits(SPAN("4f2a9c81d07be365aa10ff93e2c84d57")) >= 100);
	assert_true(text_secret_bits(SPAN(TAIL)) >= 128);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(credentials_are_found_by_their_shape),
		cmocka_unit_test(ordinary_text_holds_no_credential),
		cmocka_unit_test(settings_that_hold_secrets_are_known_by_name),
		cmocka_unit_test(a_reference_is_the_whole_value),
		cmocka_unit_test(weak_secrets_have_few_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
