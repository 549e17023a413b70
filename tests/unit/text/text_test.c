/* Tests of lib/text: UTF-8 in pieces, width, suggestions, durations, sizes, tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "text/text.h"
#include "text/text_table.h"
#include "text/utf8.h"

static const struct span valid[] = {SPAN(""), SPAN("a"), SPAN("a\0b"), SPAN("\xc3\xbc"),
	SPAN("\xe2\x82\xac"), SPAN("\xf0\x9f\x98\x80"), SPAN("\xed\x9f\xbf\xee\x80\x80"),
	SPAN("\xf4\x8f\xbf\xbf"), SPAN("\xc2\x80\xdf\xbf\xe0\xa0\x80\xf0\x90\x80\x80"),
	SPAN("z\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80z")};
static const struct span invalid[] = {SPAN("\x80"), SPAN("\xbf"), SPAN("\xc0\x80"),
	SPAN("\xc1\xbf"), SPAN("\xc3"), SPAN("\xc3\x28"), SPAN("\xe0\x80\x80"),
	SPAN("\xe0\x9f\xbf"), SPAN("\xe2\x82"), SPAN("\xe2\x28\xa1"), SPAN("\xed\xa0\x80"),
	SPAN("\xed\xbf\xbf"), SPAN("\xf0\x80\x80\x80"), SPAN("\xf0\x8f\xbf\xbf"),
	SPAN("\xf0\x9f\x98"), SPAN("\xf4\x90\x80\x80"), SPAN("\xf5\x80\x80\x80"), SPAN("\xff"),
	SPAN("a\xfe"), SPAN("\xf8\x88\x80\x80\x80"), SPAN("\xc3\xbc\xc3")};

/* All ways to cut s into three pieces. */
static int
check_in_pieces(struct span s, bool want)
{
	for (size_t i = 0; i <= s.len; i++) {
		for (size_t j = i; j <= s.len; j++) {
			struct text_utf8 u = {0};

			(void)text_utf8_put(&u, span_sub(s, 0, i));
			(void)text_utf8_put(&u, span_sub(s, i, j - i));
			(void)text_utf8_put(&u, span_sub(s, j, s.len));
			if ((text_utf8_finish(&u) == 0) != want)
				return -1;
		}
	}
	return 0;
}

static void
utf8_in_pieces_is_judged_like_the_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(valid) / sizeof(valid[0]); i++) {
		assert_true(utf8_is_valid(valid[i]));
		assert_int_equal(check_in_pieces(valid[i], true), 0);
	}
	for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
		assert_false(utf8_is_valid(invalid[i]));
		assert_int_equal(check_in_pieces(invalid[i], false), 0);
	}
}

static void
bad_utf8_is_reported_at_the_first_impossible_byte(void **state)
{
	const struct span rows[] = {SPAN("\x80"), SPAN("\xc0"), SPAN("\xe0\x9f"), SPAN("\xed\xa0"),
		SPAN("\xf0\x8f"), SPAN("\xf4\x90"), SPAN("\xf5"), SPAN("\xe2\x82\x28")};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct text_utf8 u = {0};

		assert_int_equal(text_utf8_put(&u, span_sub(rows[i], 0, rows[i].len - 1)), 0);
		assert_int_equal(
			text_utf8_put(&u, span_sub(rows[i], rows[i].len - 1, 1)), ERR_UTF8);
		assert_int_equal(text_utf8_put(&u, SPAN("a")), ERR_UTF8);
	}
}

static void
every_code_point_decodes_and_surrogates_do_not(void **state)
{
	(void)state;
	for (uint32_t cp = 0x80; cp <= 0x10ffff; cp++) {
		uint8_t b[4];
		uint32_t got = 0;
		size_t n = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;

		for (size_t i = n; i-- > 1;)
			b[i] = (uint8_t)(0x80 | (cp >> (6 * (n - 1 - i)) & 0x3f));
		b[0] = (uint8_t)((0xf00 >> n & 0xff) | cp >> (6 * (n - 1)));
		if (cp >= 0xd800 && cp < 0xe000)
			assert_int_equal(utf8_decode(span_of(b, n), &got), 0);
		else if (utf8_decode(span_of(b, n), &got) != n || got != cp)
			fail_msg("U+%04X", cp);
	}
}

static void
truncation_keeps_whole_characters(void **state)
{
	struct span s = SPAN("z\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80z");
	static const size_t want[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};

	(void)state;
	for (size_t n = 0; n < sizeof(want) / sizeof(want[0]); n++)
		assert_int_equal(text_utf8_truncate(s, n).len, want[n]);
	assert_true(text_utf8_truncate(SPAN("\x80\x80\x80\x80\x80\x80"), 5).len <= 5);
	assert_int_equal(text_utf8_count(s), 5);
	assert_int_equal(text_utf8_count(SPAN("\xff\xffz")), 3);
}

static void
width_is_in_columns(void **state)
{
	(void)state;
	assert_int_equal(text_width(SPAN("abc")), 3);
	assert_int_equal(text_width(SPAN("\xc3\xbc")), 1);
	assert_int_equal(text_width(SPAN("u\xcc\x88")), 1);
	assert_int_equal(text_width(SPAN("\xe6\x97\xa5\xe6\x9c\xac")), 4);
	assert_int_equal(text_width(SPAN("\xf0\x9f\x98\x80")), 2);
	assert_int_equal(
		text_width(SPAN("\xef\xbc\xa1\xef\xbd\xb1")), 3); /* full-width A, half-width a */
	assert_int_equal(text_width(SPAN("\xe2\x80\x8b\x1b\n")), 0);
	assert_int_equal(text_width_truncate(SPAN("a\xe6\x97\xa5\xe6\x9c\xac"), 4).len, 4);
	assert_int_equal(text_width_truncate(SPAN("abc"), 10).len, 3);
}

static void
edit_distance_counts_single_mistakes(void **state)
{
	uint8_t a[EDIT_DISTANCE_MAX + 1];

	(void)state;
	memset(a, 'a', sizeof(a));
	assert_int_equal(text_edit_distance(SPAN("port"), SPAN("Port"), 3), 0);
	assert_int_equal(text_edit_distance(SPAN("port"), SPAN("prot"), 3), 1);
	assert_int_equal(text_edit_distance(SPAN("kitten"), SPAN("sitting"), 5), 3);
	assert_int_equal(text_edit_distance(SPAN(""), SPAN("abc"), 5), 3);
	assert_int_equal(text_edit_distance(SPAN("abc"), SPAN(""), 5), 3);
	assert_int_equal(text_edit_distance(SPAN("abcdef"), SPAN("uvwxyz"), 3), 4);
	assert_int_equal(
		text_edit_distance(span_of(a, EDIT_DISTANCE_MAX), span_of(a, EDIT_DISTANCE_MAX), 3),
		0);
	assert_int_equal(text_edit_distance(span_of(a, EDIT_DISTANCE_MAX + 1),
				 span_of(a, EDIT_DISTANCE_MAX + 1), 3),
		4);
}

static void
suggestions_are_near_or_none(void **state)
{
	static const char *const names[] = {"bind", "port", "mode", "token", "rateLimit"};

	(void)state;
	assert_int_equal(text_nearest(SPAN("prt"), names, 5), 1);
	assert_int_equal(text_nearest(SPAN("tokne"), names, 5), 3);
	assert_int_equal(text_nearest(SPAN("ratelimits"), names, 5), 4);
	assert_int_equal(text_nearest(SPAN("zzz"), names, 5), -1);
	assert_int_equal(text_nearest(SPAN(""), names, 5), -1);
	assert_int_equal(text_nearest(SPAN("port"), names, 0), -1);
}

static void
durations_read_and_write(void **state)
{
	static const struct {
		const char *text;
		uint64_t ms;
		const char *exact, *shown;
	} rows[] = {{"0s", 0, "0s", "0s"}, {"90s", 90000, "1m30s", "1m 30s"},
		{"30m", 1800000, "30m", "30m"}, {"1h30m", 5400000, "1h30m", "1h 30m"},
		{"1h 30m", 5400000, "1h30m", "1h 30m"}, {"250ms", 250, "250ms", "<1s"},
		{"2d", 172800000, "2d", "2d"}, {"1d1ms", 86400001, "1d1ms", "1d"},
		{"5", 300000, "5m", "5m"}, {"1d2h3m4s5ms", 93784005, "1d2h3m4s5ms", "1d 2h"},
		{"1500ms", 1500, "1s500ms", "1s"}};
	static const char *const bad[] = {"", " ", "m", "1x", "1.5h", "-1s", "+1s", "1h30", "30m1h",
		"1m1m", "1 m", "1h  2m", "1h ", "1H", "01m", "1hm", "h1", "5m "};
	struct buf b = {.max = 256};
	uint64_t ms;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(
			text_duration_parse(span_from_cstr(rows[i].text), 60000, UINT64_MAX, &ms),
			0);
		assert_true(ms == rows[i].ms);
		buf_reset(&b);
		text_duration_put(&b, ms);
		assert_true(span_eq(buf_span(&b), span_from_cstr(rows[i].exact)));
		buf_reset(&b);
		text_duration_put_short(&b, ms);
		assert_true(span_eq(buf_span(&b), span_from_cstr(rows[i].shown)));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(
			text_duration_parse(span_from_cstr(bad[i]), 60000, UINT64_MAX, &ms),
			ERR_SYNTAX);
	assert_int_equal(text_duration_parse(SPAN("5"), 0, UINT64_MAX, &ms), ERR_SYNTAX);
	assert_int_equal(text_duration_parse(SPAN("61s"), 0, 60000, &ms), ERR_RANGE);
	assert_int_equal(text_duration_parse(SPAN("213503982335d"), 0, UINT64_MAX, &ms), ERR_RANGE);
	assert_int_equal(
		text_duration_parse(SPAN("99999999999999999999d"), 0, UINT64_MAX, &ms), ERR_RANGE);
	buf_clear(&b);
}

static void
sizes_read_and_write(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
		const char *exact, *shown;
	} rows[] = {{"0", 0, "0B", "0 B"}, {"512MiB", 536870912, "512MiB", "512.0 MiB"},
		{"1000", 1000, "1000B", "1000 B"}, {"1.5k", 0, NULL, NULL},
		{"1536 B", 1536, "1536B", "1.5 KiB"}, {"2g", 2147483648, "2GiB", "2.0 GiB"},
		{"1MB", 1000000, "1000000B", "976.5 KiB"}, {"1kib", 1024, "1KiB", "1.0 KiB"},
		{"16777215TiB", 0xffffff0000000000, "16777215TiB", "16777215.0 TiB"}};
	static const char *const bad[] = {"", "MiB", "1.5MiB", "-1", "1 ", " 1", "1  B", "1MiBs",
		"1M iB", "1e3", "0x10", "1B1B"};
	struct buf b = {.max = 256};
	uint64_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].exact == NULL) {
			assert_int_equal(
				text_size_parse(span_from_cstr(rows[i].text), UINT64_MAX, &n),
				ERR_SYNTAX);
			continue;
		}
		assert_int_equal(text_size_parse(span_from_cstr(rows[i].text), UINT64_MAX, &n), 0);
		assert_true(n == rows[i].bytes);
		buf_reset(&b);
		text_size_put(&b, n);
		assert_true(span_eq(buf_span(&b), span_from_cstr(rows[i].exact)));
		buf_reset(&b);
		text_size_put_short(&b, n);
		assert_true(span_eq(buf_span(&b), span_from_cstr(rows[i].shown)));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(
			text_size_parse(span_from_cstr(bad[i]), UINT64_MAX, &n), ERR_SYNTAX);
	assert_int_equal(text_size_parse(SPAN("2KiB"), 2047, &n), ERR_RANGE);
	assert_int_equal(text_size_parse(SPAN("16777216TiB"), UINT64_MAX, &n), ERR_RANGE);
	buf_clear(&b);
}

static void
assert_table(const struct text_table *t, unsigned columns, const char *want)
{
	struct buf b = {.max = 4096};

	assert_int_equal(text_table_put(t, columns, &b), 0);
	buf_put_u8(&b, 0);
	assert_string_equal((char *)b.ptr, want);
	buf_clear(&b);
}

static void
tables_align_what_is_shown(void **state)
{
	static const char *const titles[] = {"NAME", ">SIZE", "NOTE"};
	struct text_table *t = text_table_new(titles, 3);

	(void)state;
	assert_int_equal(text_table_add(t, (const struct span[]){SPAN("\xe6\x97\xa5\xe6\x9c\xac"),
						   SPAN("5"), SPAN("wide")}),
		0);
	assert_int_equal(text_table_add(t, (const struct span[]){SPAN("u\xcc\x88"
								      "bung"),
						   SPAN("12345"), SPAN("")}),
		0);
	assert_int_equal(
		text_table_add(t, (const struct span[]){SPAN("a\nb"), SPAN(""), SPAN("\x1b[31m")}),
		0);
	assert_table(t, 0,
		"NAME    SIZE  NOTE\n"
		"\xe6\x97\xa5\xe6\x9c\xac       5  wide\n"
		"u\xcc\x88"
		"bung  12345\n"
		"a\\nb          \\x1b[31m\n");
	text_table_free(t);
	text_table_free(NULL);
}

static void
tables_fit_the_terminal(void **state)
{
	static const char *const titles[] = {"ID", "TEXT"};
	struct text_table *t = text_table_new(titles, 2);

	(void)state;
	assert_int_equal(text_table_add(t, (const struct span[]){SPAN("1"),
						   SPAN("abcdefghijklmnopqrstuvwxyz")}),
		0);
	assert_table(t, 16, "ID  TEXT\n1   abcdefghijk~\n");
	assert_table(t, 3, "ID  TEXT\n1   abcdefg~\n");
	text_table_free(t);
}

static void
tables_keep_their_limits(void **state)
{
	static const char *const titles[TABLE_COLUMNS_MAX + 1] = {[0 ... TABLE_COLUMNS_MAX] = "x"};
	struct span row[TABLE_COLUMNS_MAX] = {{0}};
	struct text_table *t = text_table_new(titles, TABLE_COLUMNS_MAX);
	struct buf b = {.max = 16};

	(void)state;
	assert_non_null(t);
	assert_null(text_table_new(titles, TABLE_COLUMNS_MAX + 1));
	assert_null(text_table_new(titles, 0));
	for (unsigned i = 1; i < TABLE_CELLS_MAX / TABLE_COLUMNS_MAX; i++)
		assert_int_equal(text_table_add(t, row), 0);
	assert_int_equal(text_table_add(t, row), ERR_FULL);
	assert_int_equal(text_table_put(t, 0, &b), ERR_TOOBIG);
	buf_clear(&b);
	text_table_free(t);
}

static void
case_folding_is_ascii_only(void **state)
{
	struct buf b = {.max = 16};

	(void)state;
	assert_int_equal(text_lower_put(&b, SPAN("A\xc3\x9cz[@Z")), 0);
	assert_true(span_eq(buf_span(&b), SPAN("a\xc3\x9cz[@z")));
	buf_clear(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(utf8_in_pieces_is_judged_like_the_whole),
		cmocka_unit_test(bad_utf8_is_reported_at_the_first_impossible_byte),
		cmocka_unit_test(every_code_point_decodes_and_surrogates_do_not),
		cmocka_unit_test(truncation_keeps_whole_characters),
		cmocka_unit_test(width_is_in_columns),
		cmocka_unit_test(edit_distance_counts_single_mistakes),
		cmocka_unit_test(suggestions_are_near_or_none),
		cmocka_unit_test(durations_read_and_write),
		cmocka_unit_test(sizes_read_and_write),
		cmocka_unit_test(tables_align_what_is_shown),
		cmocka_unit_test(tables_fit_the_terminal),
		cmocka_unit_test(tables_keep_their_limits),
		cmocka_unit_test(case_folding_is_ascii_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
