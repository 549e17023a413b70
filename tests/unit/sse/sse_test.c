/* Event streams: the standard's examples, line ends, limits, and that the writer's text is read
 * back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"
#include "sse/sse.h"

/* "event|data|id;" for each event, given step bytes at a time; returns the last code. */
static int
transcript(struct buf *out, struct span in, size_t step)
{
	struct sse_reader r;
	struct sse_event ev;
	int rc = ERR_AGAIN;

	buf_reset(out);
	sse_reader_init(&r);
	for (size_t at = 0; at < in.len && rc == ERR_AGAIN; at += step) {
		struct span piece = span_sub(in, at, step);

		while ((rc = sse_reader_read(&r, &piece, &ev)) == 0) {
			buf_put(out, ev.event);
			buf_put_u8(out, '|');
			buf_put(out, ev.data);
			buf_put_u8(out, '|');
			buf_put(out, ev.id);
			buf_put_u8(out, ';');
		}
	}
	sse_reader_clear(&r);
	return rc;
}

static const struct {
	struct span in;
	struct span want;
} rows[] = {
	/* the standard's examples */
	{SPAN("data: This is the first message.\n\ndata: This is the second message, it\ndata: has "
	      "two lines.\n\n"
	      "data: This is the third message.\n\n"),
		SPAN("message|This is the first message.|;message|This is the second message, "
		     "it\nhas two lines.|;"
		     "message|This is the third message.|;")},
	{SPAN("event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\nevent: add\ndata: "
	      "113411\n\n"),
		SPAN("add|73857293|;remove|2153|;add|113411|;")},
	{SPAN("data: YHOO\ndata: +2\ndata: 10\n\n"), SPAN("message|YHOO\n+2\n10|;")},
	{SPAN(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third "
	      "event\n\n"),
		SPAN("message|first event|1;message|second event|;message| third event|;")},
	{SPAN("data\n\ndata\ndata\n\ndata:"), SPAN("message||;message|\n|;")},
	{SPAN("data:test\n\ndata: test\n\n"), SPAN("message|test|;message|test|;")},
	/* line ends */
	{SPAN("data: a\r\ndata: b\r\n\r\n"), SPAN("message|a\nb|;")},
	{SPAN("data: a\rdata: b\r\r"), SPAN("message|a\nb|;")},
	{SPAN("data: a\n\rdata: b\r\n\n"), SPAN("message|a|;message|b|;")},
	{SPAN("data: a\r\n\ndata: b\n\r\n"), SPAN("message|a|;message|b|;")},
	/* byte order mark, once */
	{SPAN("\xef\xbb\xbf"
	      "data: a\n\n"),
		SPAN("message|a|;")},
	{SPAN("\xef\xbb\xbf\xef\xbb\xbf"
	      "data: a\n\n"),
		SPAN("")},
	{SPAN("\n\xef\xbb\xbf"
	      "data: a\n\n"),
		SPAN("")},
	/* fields */
	{SPAN("event: x\n\ndata: a\n\n"), SPAN("message|a|;")},
	{SPAN("event: x\nevent: y\ndata: a\n\n"), SPAN("y|a|;")},
	{SPAN("event: x\nevent:\ndata: a\n\n"), SPAN("message|a|;")},
	{SPAN("id: 1\n\ndata: a\n\n"), SPAN("message|a|1;")},
	{SPAN("id: 1\nid: a\0b\ndata: a\n\n"), SPAN("message|a|1;")},
	{SPAN("Data: a\n data: b\ndata : c\nfoo: d\ndatax: e\n\n"), SPAN("")},
	{SPAN("data: a:b: c\n\n"), SPAN("message|a:b: c|;")},
	{SPAN("data: \0\xff\n\n"), SPAN("message|\0\xff|;")},
	{SPAN("data: a\n"), SPAN("")},
	{SPAN("\n\n\r\n\r"), SPAN("")},
};

static void
streams_are_read_as_the_standard_says_however_cut(void **state)
{
	struct buf out = {.max = 4096};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t step = 1; step <= rows[i].in.len; step++) {
			assert_int_equal(transcript(&out, rows[i].in, step), ERR_AGAIN);
			if (!span_eq(buf_span(&out), rows[i].want))
				fail_msg("row %zu, step %zu: %.*s", i, step, (int)out.len,
					(const char *)out.ptr);
		}
	}
	buf_clear(&out);
}

static void
reconnection_time_is_digits_only(void **state)
{
	struct span in = SPAN("retry: 250\n");
	struct span bad = SPAN("retry: 1x\nretry\nretry: -1\nretry: \n");
	struct span big = SPAN("retry: 99999999999999999999999\n");
	struct sse_reader r;
	struct sse_event ev;

	(void)state;
	sse_reader_init(&r);
	assert_int_equal(sse_reader_read(&r, &bad, &ev), ERR_AGAIN);
	assert_false(r.has_retry);
	assert_int_equal(sse_reader_read(&r, &in, &ev), ERR_AGAIN);
	assert_true(r.has_retry && r.retry_ms == 250);
	assert_int_equal(sse_reader_read(&r, &big, &ev), ERR_AGAIN);
	assert_true(r.retry_ms == UINT32_MAX);
	sse_reader_clear(&r);
}

/* field, then n times 'a' in all on the line, then its end. */
static void
put_line(struct buf *b, const char *field, size_t n)
{
	size_t start = b->len;

	buf_put_cstr(b, field);
	while (b->len - start < n)
		buf_put_u8(b, 'a');
	buf_put_u8(b, '\n');
}

static void
each_limit_may_be_reached_and_not_passed(void **state)
{
	struct buf in = {.max = MIB(8u)};
	struct buf out = {.max = MIB(8u)};

	(void)state;
	for (size_t over = 0; over < 2; over++) {
		int want = over == 0 ? ERR_AGAIN : ERR_TOOBIG;

		buf_reset(&in);
		put_line(&in, "x", SSE_LINE_MAX + over);
		assert_int_equal(transcript(&out, buf_span(&in), 65536), want);
		assert_int_equal(transcript(&out, buf_span(&in), in.len), want);
		/* five lines, with the LF between them */
		buf_reset(&in);
		for (size_t i = 0; i < 4; i++)
			put_line(&in, "data:", SSE_EVENT_MAX / 4);
		put_line(&in, "data:", 5 + 4 * 5 - 4 + over);
		assert_int_equal(transcript(&out, buf_span(&in), 65536), want);
		buf_reset(&in);
		put_line(&in, "event:", 6 + SSE_NAME_MAX + over);
		assert_int_equal(transcript(&out, buf_span(&in), 100), want);
		buf_reset(&in);
		put_line(&in, "id:", 3 + SSE_NAME_MAX + over);
		assert_int_equal(transcript(&out, buf_span(&in), 100), want);
	}
	buf_clear(&in);
	buf_clear(&out);
}

static void
what_is_written_is_read_back(void **state)
{
	struct buf b = {.max = 4096};
	struct buf out = {.max = 4096};

	(void)state;
	assert_int_equal(sse_put(&b, SPAN("delta"), SPAN("7"), SPAN("a\nb\r\nc\rd\n")), 0);
	assert_true(span_eq(buf_span(&b),
		SPAN("event: delta\nid: 7\ndata: a\ndata: b\ndata: c\ndata: d\ndata: \n\n")));
	assert_int_equal(sse_put_comment(&b, SPAN("still here")), 0);
	assert_int_equal(sse_put(&b, SPAN(""), SPAN(""), SPAN("")), 0);
	assert_int_equal(sse_put(&b, SPAN(""), SPAN(""), SPAN(" {\"a\":1}")), 0);
	assert_int_equal(transcript(&out, buf_span(&b), 3), ERR_AGAIN);
	assert_true(span_eq(
		buf_span(&out), SPAN("delta|a\nb\nc\nd\n|7;message||7;message| {\"a\":1}|7;")));
	buf_clear(&b);
	buf_clear(&out);
}

static void
the_writer_lets_nothing_be_inserted(void **state)
{
	struct buf b = {.max = 20};

	(void)state;
	buf_put_cstr(&b, "before");
	assert_int_equal(sse_put(&b, SPAN("a\ndata: x"), SPAN(""), SPAN("")), ERR_SYNTAX);
	assert_int_equal(sse_put(&b, SPAN("a\rb"), SPAN(""), SPAN("")), ERR_SYNTAX);
	assert_int_equal(sse_put(&b, SPAN(""), SPAN("a\0b"), SPAN("")), ERR_SYNTAX);
	assert_int_equal(sse_put_comment(&b, SPAN("a\n\ndata: x")), ERR_SYNTAX);
	assert_int_equal(sse_put(&b, SPAN(""), SPAN(""), SPAN("0123456789")), ERR_TOOBIG);
	assert_true(span_eq(buf_span(&b), SPAN("before")));
	buf_clear(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams_are_read_as_the_standard_says_however_cut),
		cmocka_unit_test(reconnection_time_is_digits_only),
		cmocka_unit_test(each_limit_may_be_reached_and_not_passed),
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(the_writer_lets_nothing_be_inserted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
