/* Conditional and partial requests (RFC 9110, 13 and 14), their dates, and content codings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "http/choose.h"
#include "http/date.h"

#define MODIFIED 784111777 /* Sun, 06 Nov 1994 08:49:37 GMT */
#define NOW 1000000000
#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"
#define LATER "Sun, 06 Nov 1994 08:49:38 GMT"
#define EARLIER "Sun, 06 Nov 1994 08:49:36 GMT"

static unsigned
choose(enum http_method method, const char *fields, struct http_range *range)
{
	static struct http_request req;
	const struct http_stored stored = {SPAN("\"a\""), MODIFIED, 100};
	struct span rest = span_from_cstr(fields);

	memset(&req, 0, sizeof(req));
	req.method = method;
	while (rest.len > 0) {
		struct span line = span_cut(&rest, '\n');
		struct span name = span_cut(&line, ':');

		req.fields[req.fields_n++] = (struct http_field){name, span_trim(line)};
	}
	return http_choose(&req, &stored, NOW, range);
}

static void
preconditions_come_in_the_order_of_the_standard(void **state)
{
	static const struct {
		const char *fields;
		unsigned status;
	} rows[] = {
		{"", 200},
		{"If-None-Match: \"a\"", 304},
		{"If-None-Match: W/\"a\"", 304},
		{"If-None-Match: \"x\", \"a\"", 304},
		{"If-None-Match: *", 304},
		{"If-None-Match: \"b\"", 200},
		{"If-None-Match: a", 200},
		{"If-None-Match: \"a\"\nIf-None-Match: \"a\"", 200},
		{"If-None-Match: \"b\"\nIf-Modified-Since: " DATE, 200}, /* the tag goes before */
		{"If-Modified-Since: " DATE, 304},
		{"If-Modified-Since: " LATER, 304},
		{"If-Modified-Since: " EARLIER, 200},
		{"If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT", 304},
		{"If-Modified-Since: Sun Nov  6 08:49:37 1994", 304},
		{"If-Modified-Since: 784111777", 200},
		{"If-Match: \"a\"", 200},
		{"If-Match: *", 200},
		{"If-Match: \"b\"", 412},
		{"If-Match: W/\"a\"", 412}, /* strong */
		{"If-Match: \"a\"\nIf-Unmodified-Since: " EARLIER, 200},
		{"If-Unmodified-Since: " EARLIER, 412},
		{"If-Unmodified-Since: " DATE, 200},
		{"If-Match: \"b\"\nIf-None-Match: \"a\"", 412},
	};
	struct http_range range;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (choose(HTTP_GET, rows[i].fields, &range) != rows[i].status ||
			choose(HTTP_HEAD, rows[i].fields, &range) != rows[i].status)
			fail_msg("%s", rows[i].fields);
	}
}

static void
one_part_is_sent_when_it_is_still_the_same(void **state)
{
	static const struct {
		const char *fields;
		unsigned status;
		uint64_t first, last;
	} rows[] = {
		{"Range: bytes=0-9", 206, 0, 9},
		{"Range: bytes=90-", 206, 90, 99},
		{"Range: bytes=-5", 206, 95, 99},
		{"Range: bytes=0-999", 206, 0, 99},
		{"Range: bytes=100-", 416, 0, 0},
		{"Range: bytes=0-1,5-6", 200, 0, 0},
		{"Range: lines=0-1", 200, 0, 0},
		{"Range: bytes=9-1", 200, 0, 0},
		{"Range: bytes=0-9\nIf-Range: \"a\"", 206, 0, 9},
		{"Range: bytes=0-9\nIf-Range: \"b\"", 200, 0, 0},
		{"Range: bytes=0-9\nIf-Range: W/\"a\"", 200, 0, 0},
		{"Range: bytes=0-9\nIf-Range: " DATE, 206, 0, 9},
		{"Range: bytes=0-9\nIf-Range: " LATER, 200, 0, 0},
		{"Range: bytes=0-9\nIf-None-Match: \"a\"", 304, 0, 0},
		{"Range: bytes=0-9\nRange: bytes=0-9", 200, 0, 0},
	};
	struct http_range range;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (choose(HTTP_GET, rows[i].fields, &range) != rows[i].status)
			fail_msg("%s", rows[i].fields);
		if (rows[i].status == 206)
			assert_true(range.first == rows[i].first && range.last == rows[i].last);
	}
	assert_int_equal(choose(HTTP_HEAD, "Range: bytes=0-9", &range), 200);
}

static void
dates_are_read_in_three_forms(void **state)
{
	static const struct {
		const char *text;
		time_t t;
	} good[] = {
		{DATE, MODIFIED},
		{"Sunday, 06-Nov-94 08:49:37 GMT", MODIFIED},
		{"Sun Nov  6 08:49:37 1994", MODIFIED},
		{"Thu, 01 Jan 1970 00:00:00 GMT", 0},
		{"Tue, 29 Feb 2000 23:59:59 GMT", 951868799},
		{"Fri, 31 Dec 9999 23:59:59 GMT", 253402300799},
		{"Wednesday, 01-Jan-70 00:00:00 GMT", 0},
	};
	static const char *const bad[] = {"", "now", "Sun, 6 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 GMT ",
		"Sun, 30 Feb 1994 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 1969 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
		"Sun, 06 nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
		"Wed, 29 Feb 1995 00:00:00 GMT", "Sun Nov 6 08:49:37 1994"};
	time_t t;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (http_date_parse(span_from_cstr(good[i].text), NOW, &t) != 0 || t != good[i].t)
			fail_msg("%s", good[i].text);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (http_date_parse(span_from_cstr(bad[i]), NOW, &t) == 0)
			fail_msg("%s", bad[i]);
	}
}

static void
codings_are_taken_by_name_and_weight(void **state)
{
	static const struct {
		const char *list;
		bool takes;
	} rows[] = {
		{"gzip", true},
		{"gzip, deflate, br", true},
		{"deflate,\tGZIP ;q=0.5", true},
		{"gzip;q=1.000", true},
		{"gzip;q=0", false},
		{"gzip;q=0.000", false},
		{"br, *", false},
		{"", false},
		{"xgzip", false},
		{"gzip;q=2", false},
		{"gzip;q=", false},
		{"gzip;x=1", false},
		{"gzip, ;", false},
		{"gzip,", true}, /* an empty element at the end */
		{"identity, gzip;q=0.001", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (http_coding_accepts(span_from_cstr(rows[i].list), SPAN("gzip")) !=
			rows[i].takes)
			fail_msg("%s", rows[i].list);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(preconditions_come_in_the_order_of_the_standard),
		cmocka_unit_test(one_part_is_sent_when_it_is_still_the_same),
		cmocka_unit_test(dates_are_read_in_three_forms),
		cmocka_unit_test(codings_are_taken_by_name_and_weight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
