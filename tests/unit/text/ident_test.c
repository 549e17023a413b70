/* Tests of lib/text: identities and keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"
#include "text/ident.h"

static struct text_ident
ident(uint8_t channel, const char *account, uint8_t kind, const char *id)
{
	struct text_ident i;

	assert_int_equal(
		text_ident_set(&i, channel, span_from_cstr(account), kind, span_from_cstr(id)), 0);
	return i;
}

static void
identities_are_equal_in_every_field_or_not(void **state)
{
	struct text_ident a = ident(1, "default", 2, "12345"), b = ident(1, "default", 2, "12345");
	struct text_ident others[] = {ident(2, "default", 2, "12345"),
		ident(1, "other", 2, "12345"), ident(1, "default", 1, "12345"),
		ident(1, "default", 2, "1234"), ident(1, "default", 2, "123456"),
		ident(1, "default", 2, "012345"), ident(1, "default", 2, "12345 "),
		ident(1, "defaul", 2, "t12345")};

	(void)state;
	assert_true(text_ident_is_equal(&a, &b));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(text_ident_is_equal(&a, &others[i]));
	a = ident(1, "x", 1, "Alice");
	b = ident(1, "x", 1, "alice");
	assert_false(text_ident_is_equal(&a, &b)); /* letter case is the platform's business */
}

static void
no_identity_equals_nothing(void **state)
{
	struct text_ident zero = {0};

	(void)state;
	assert_false(text_ident_is_equal(&zero, &zero));
}

static void
incomplete_identities_are_refused_and_zeroed(void **state)
{
	struct text_ident i = ident(1, "a", 1, "b"), zero = {0};
	uint8_t id[IDENT_ID_MAX + 1];

	(void)state;
	memset(id, 'x', sizeof(id));
	assert_int_equal(text_ident_set(&i, 0, SPAN("a"), 1, SPAN("b")), ERR_RANGE);
	assert_memory_equal(&i, &zero, sizeof(i));
	assert_int_equal(text_ident_set(&i, 1, SPAN("a"), 0, SPAN("b")), ERR_RANGE);
	assert_int_equal(text_ident_set(&i, 1, SPAN(""), 1, SPAN("b")), ERR_SYNTAX);
	assert_int_equal(text_ident_set(&i, 1, SPAN("A"), 1, SPAN("b")), ERR_SYNTAX);
	assert_int_equal(text_ident_set(&i, 1, SPAN("a"), 1, SPAN_EMPTY), ERR_SYNTAX);
	assert_int_equal(text_ident_set(&i, 1, SPAN("a"), 1, span_of(id, sizeof(id))), ERR_TOOBIG);
	assert_memory_equal(&i, &zero, sizeof(i));
	assert_int_equal(text_ident_set(&i, 1, SPAN("a"), 1, span_of(id, IDENT_ID_MAX)), 0);
	assert_int_equal(text_ident_id(&i).len, IDENT_ID_MAX);
}

static void
ids_are_lower_case_and_short(void **state)
{
	const struct span bad[] = {SPAN(""), SPAN("-a"), SPAN("_a"), SPAN("A"), SPAN("aB"),
		SPAN("a b"), SPAN("a.b"), SPAN("a/b"), SPAN("a\0"), SPAN("\xc3\xbc"), SPAN("..")};
	uint8_t id[IDENT_ACCOUNT_MAX + 1];

	(void)state;
	memset(id, 'a', sizeof(id));
	assert_true(text_is_id(SPAN("main")));
	assert_true(text_is_id(SPAN("0-_a")));
	assert_true(text_is_id(span_of(id, IDENT_ACCOUNT_MAX)));
	assert_false(text_is_id(span_of(id, IDENT_ACCOUNT_MAX + 1)));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(text_is_id(bad[i]));
}

static void
session_keys_have_one_form(void **state)
{
	const struct span bad[] = {SPAN(""), SPAN(":a"), SPAN("a:"), SPAN("a b"), SPAN("a\n"),
		SPAN("a\0b"), SPAN("a\"b"), SPAN("a\\b"), SPAN("a`b"), SPAN("\xc3\xbc"),
		SPAN("a\x7f")};
	uint8_t key[SESSION_KEY_MAX + 1];
	struct buf b = {.max = SESSION_KEY_MAX};

	(void)state;
	assert_int_equal(
		text_session_key_put(&b, SPAN("Agent:Main:WhatsApp:Group:123-456@G.us")), 0);
	assert_true(span_eq(buf_span(&b), SPAN("agent:main:whatsapp:group:123-456@g.us")));
	buf_reset(&b);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(text_session_key_put(&b, bad[i]), ERR_SYNTAX);
	memset(key, 'K', sizeof(key));
	assert_int_equal(text_session_key_put(&b, span_of(key, SESSION_KEY_MAX + 1)), ERR_TOOBIG);
	assert_int_equal(b.len, 0);
	assert_int_equal(text_session_key_put(&b, span_of(key, SESSION_KEY_MAX)), 0);
	buf_clear(&b);
}

static void
assert_shown(struct span name, const char *want)
{
	struct buf b = {.max = 4096};

	display_name_put(&b, display_name_of(name));
	buf_put_u8(&b, 0);
	assert_string_equal((char *)b.ptr, want);
	buf_clear(&b);
}

static void
display_names_are_only_shown_and_cannot_act(void **state)
{
	uint8_t accents[4096];
	struct buf b = {.max = 8192};

	(void)state;
	assert_shown(SPAN("Ann \xe6\x97\xa5"), "Ann \xe6\x97\xa5");
	assert_shown(SPAN(""), "?");
	assert_shown(SPAN("a\x1b[2Jb\nc\xff"), "a\\x1b[2Jb\\nc\\xff");
	assert_shown(SPAN("\xe2\x80\xae"
			  "evil"),
		"\\u{202e}evil");
	for (size_t i = 0; i < sizeof(accents); i += 2)
		memcpy(accents + i, "\xcc\x81", 2);
	display_name_put(&b, display_name_of(span_of(accents, sizeof(accents))));
	assert_int_equal(b.len, 256);
	buf_clear(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identities_are_equal_in_every_field_or_not),
		cmocka_unit_test(no_identity_equals_nothing),
		cmocka_unit_test(incomplete_identities_are_refused_and_zeroed),
		cmocka_unit_test(ids_are_lower_case_and_short),
		cmocka_unit_test(session_keys_have_one_form),
		cmocka_unit_test(display_names_are_only_shown_and_cannot_act),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
