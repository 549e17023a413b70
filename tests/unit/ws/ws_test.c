/* WebSocket frames: the standard's examples, each refusal, each limit reached and passed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"
#include "ws/ws.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define MAX 65536

static const uint8_t key[4] = {0x37, 0xfa, 0x21, 0x3d};

/*
 * What a stream of bytes comes to, as text: a line an event, then "more", "closed" or the close
 * code. Bytes are given step at a time, in a buffer that may not grow past WS_BUFFER_MAX.
 */
static void
transcript(struct buf *out, enum ws_role role, struct span in, size_t step, size_t max)
{
	struct buf b = {.max = WS_BUFFER_MAX(max) + step};
	struct ws_decoder d;
	struct ws_event ev;
	int rc = ERR_AGAIN;

	buf_reset(out);
	ws_decoder_init(&d, role, max);
	for (size_t at = 0; at < in.len && rc == ERR_AGAIN; at += step) {
		assert_int_equal(buf_put(&b, span_sub(in, at, step)), 0);
		while ((rc = ws_decode(&d, &b, &ev)) == 0) {
			buf_put_fmt(out, "%d %d ", (int)ev.kind, ev.code);
			buf_put(out, ev.data);
			buf_put_u8(out, '\n');
		}
		assert_true(rc != ERR_AGAIN || b.len <= WS_BUFFER_MAX(max));
	}
	assert_true(in.len == 0 || rc == ws_decode(&d, &b, &ev));
	if (rc == ERR_PROTO)
		buf_put_fmt(out, "%d", d.code);
	else
		buf_put_cstr(out, rc == ERR_CLOSED ? "closed" : "more");
	buf_clear(&b);
}

static void
expect_sized(enum ws_role role, struct span in, size_t max, struct span want)
{
	struct buf out = {.max = MIB(4u)};

	for (size_t step = 1; step <= in.len + 1; step = step < 4 ? step + 1 : step * 3) {
		transcript(&out, role, in, step, max);
		if (!span_eq(buf_span(&out), want))
			fail_msg("step %zu: got \"%.*s\" instead of \"%.*s\"", step,
				(int)(out.len < 200 ? out.len : 200), (const char *)out.ptr,
				(int)(want.len < 200 ? want.len : 200), (const char *)want.ptr);
	}
	transcript(&out, role, in, in.len + 1, max);
	assert_true(span_eq(buf_span(&out), want));
	buf_clear(&out);
}

#define EXPECT(role, in, want) expect_sized((role), SPAN(in), MAX, SPAN(want))

static void
the_examples_of_the_standard_are_read(void **state)
{
	struct buf in = {.max = MAX * 2};
	struct buf want = {.max = MAX * 2};

	(void)state;
	EXPECT(WS_CLIENT, "\x81\x05Hello", "1 0 Hello\nmore");
	EXPECT(WS_SERVER, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", "1 0 Hello\nmore");
	EXPECT(WS_CLIENT, "\x01\x03Hel\x80\x02lo", "1 0 Hello\nmore");
	EXPECT(WS_CLIENT, "\x89\x05Hello", "9 0 Hello\nmore");
	EXPECT(WS_SERVER, "\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", "10 0 Hello\nmore");
	for (size_t len = 256; len <= MAX; len *= 256) {
		buf_reset(&in);
		buf_reset(&want);
		buf_put(&in,
			len == 256 ? SPAN("\x82\x7e\x01\x00") : SPAN("\x82\x7f\0\0\0\0\0\x01\0\0"));
		buf_put_cstr(&want, "2 0 ");
		for (size_t i = 0; i < len; i++) {
			buf_put_u8(&in, (uint8_t)i);
			buf_put_u8(&want, (uint8_t)i);
		}
		buf_put_cstr(&want, "\nmore");
		expect_sized(WS_CLIENT, buf_span(&in), MAX, buf_span(&want));
	}
	buf_clear(&in);
	buf_clear(&want);
}

static void
control_frames_may_stand_between_fragments(void **state)
{
	(void)state;
	EXPECT(WS_CLIENT,
		"\x01\x02"
		"ab"
		"\x89\x01p"
		"\x00\x01"
		"c"
		"\x8a\x00"
		"\x00\x00"
		"\x80\x01"
		"d"
		"\x81\x01"
		"e",
		"9 0 p\n10 0 \n1 0 abcd\n1 0 e\nmore");
	EXPECT(WS_CLIENT,
		"\x01\x02"
		"ab"
		"\x88\x00"
		"\x80\x01"
		"c",
		"8 1005 \nclosed");
}

static void
frames_that_break_the_protocol_are_1002(void **state)
{
	(void)state;
	EXPECT(WS_SERVER, "\x81\x05Hello", "1002");                                /* not masked */
	EXPECT(WS_CLIENT, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", "1002"); /* masked */
	EXPECT(WS_CLIENT, "\xc1\x05Hello", "1002");
	EXPECT(WS_CLIENT, "\xa1\x05Hello", "1002");
	EXPECT(WS_CLIENT, "\x91\x05Hello", "1002");
	EXPECT(WS_CLIENT, "\x83\x00", "1002");
	EXPECT(WS_CLIENT, "\x87\x00", "1002");
	EXPECT(WS_CLIENT, "\x8b\x00", "1002");
	EXPECT(WS_CLIENT, "\x8f\x00", "1002");
	EXPECT(WS_CLIENT, "\x80\x00", "1002"); /* nothing to continue */
	EXPECT(WS_CLIENT,
		"\x01\x01"
		"a"
		"\x81\x01"
		"b",
		"1002"); /* not continued */
	EXPECT(WS_CLIENT,
		"\x01\x01"
		"a"
		"\x02\x01"
		"b",
		"1002");
	EXPECT(WS_CLIENT,
		"\x81\x01"
		"a"
		"\x80\x01"
		"b",
		"1 0 a\n1002");
	EXPECT(WS_CLIENT, "\x09\x00", "1002"); /* fragmented control frames */
	EXPECT(WS_CLIENT, "\x08\x00", "1002");
	EXPECT(WS_CLIENT, "\x89\x7e\x00\x7e", "1002"); /* control frame over 125 */
	EXPECT(WS_CLIENT, "\x88\x7f", "1002");
	EXPECT(WS_CLIENT, "\x82\x7e\x00\x7d", "1002"); /* lengths longer than they need to be */
	EXPECT(WS_CLIENT, "\x82\x7f\0\0\0\0\0\0\xff\xff", "1002");
	EXPECT(WS_CLIENT, "\x82\x7f\x80\0\0\0\0\0\0\0", "1002");
}

static void
close_frames_are_checked(void **state)
{
	(void)state;
	EXPECT(WS_CLIENT, "\x88\x00", "8 1005 \nclosed");
	EXPECT(WS_CLIENT, "\x88\x02\x03\xe8", "8 1000 \nclosed");
	EXPECT(WS_CLIENT,
		"\x88\x05\x03\xe9"
		"bye"
		"\x81\x01"
		"x",
		"8 1001 bye\nclosed");
	EXPECT(WS_CLIENT, "\x88\x02\x0b\xb8", "8 3000 \nclosed");
	EXPECT(WS_CLIENT, "\x88\x02\x13\x87", "8 4999 \nclosed");
	EXPECT(WS_CLIENT, "\x88\x01\x03", "1002");
	EXPECT(WS_CLIENT, "\x88\x02\x03\xe7", "1002"); /* 999 */
	EXPECT(WS_CLIENT, "\x88\x02\x03\xec", "1002"); /* 1004 */
	EXPECT(WS_CLIENT, "\x88\x02\x03\xed", "1002"); /* 1005 */
	EXPECT(WS_CLIENT, "\x88\x02\x03\xee", "1002"); /* 1006 */
	EXPECT(WS_CLIENT, "\x88\x02\x03\xf7", "1002"); /* 1015 */
	EXPECT(WS_CLIENT, "\x88\x02\x0b\xb7", "1002"); /* 2999 */
	EXPECT(WS_CLIENT, "\x88\x02\x13\x88", "1002"); /* 5000 */
	EXPECT(WS_CLIENT, "\x88\x04\x03\xe8\xc3\x28", "1007");
}

static void
text_must_be_utf_8(void **state)
{
	(void)state;
	EXPECT(WS_CLIENT, "\x81\x09\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
		"1 0 \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\nmore");
	/* cut inside a character */
	EXPECT(WS_CLIENT, "\x01\x01\xf0\x00\x01\x9f\x00\x00\x00\x01\x98\x80\x01\x80",
		"1 0 \xf0\x9f\x98\x80\nmore");
	EXPECT(WS_CLIENT, "\x82\x02\xff\xfe", "2 0 \xff\xfe\nmore");
	EXPECT(WS_CLIENT, "\x81\x01\xff", "1007");
	EXPECT(WS_CLIENT, "\x81\x02\xc0\xaf", "1007");
	EXPECT(WS_CLIENT, "\x81\x03\xed\xa0\x80", "1007");
	EXPECT(WS_CLIENT, "\x81\x04\xf4\x90\x80\x80", "1007");
	EXPECT(WS_CLIENT, "\x81\x02\xe2\x82", "1007");
	EXPECT(WS_CLIENT, "\x01\x02\xe2\x82\x80\x00", "1007");
	/* known before the message is complete */
	EXPECT(WS_CLIENT, "\x01\x02\xe2\x28", "1007");
	EXPECT(WS_CLIENT, "\x01\x02\xe0\x9f", "1007");
	EXPECT(WS_CLIENT, "\x01\x02\xe0\xa0", "more");
	EXPECT(WS_CLIENT, "\x01\x02\xed\xa0", "1007");
	EXPECT(WS_CLIENT, "\x01\x02\xed\x9f", "more");
	EXPECT(WS_CLIENT, "\x01\x02\xf0\x8f", "1007");
	EXPECT(WS_CLIENT, "\x01\x02\xf0\x90", "more");
	EXPECT(WS_CLIENT, "\x01\x03\xf4\x8f\xbf", "more");
	EXPECT(WS_CLIENT, "\x01\x02\xf4\x90", "1007");
	EXPECT(WS_CLIENT, "\x01\x01\xff", "1007");
	EXPECT(WS_CLIENT,
		"\x01\x05\xff"
		"abcd",
		"1007");
	EXPECT(WS_CLIENT,
		"\x81\x7e\x10\x00"
		"abcdefgh\xff"
		"abcdefgh",
		"1007");
}

static void
a_message_over_the_limit_is_refused_by_its_header(void **state)
{
	(void)state;
	expect_sized(WS_CLIENT,
		SPAN("\x82\x04"
		     "abcd"),
		4, SPAN("2 0 abcd\nmore"));
	expect_sized(WS_CLIENT, SPAN("\x82\x05"), 4, SPAN("1009"));
	expect_sized(WS_CLIENT,
		SPAN("\x02\x02"
		     "ab"
		     "\x80\x02"
		     "cd"),
		4, SPAN("2 0 abcd\nmore"));
	expect_sized(WS_CLIENT,
		SPAN("\x02\x02"
		     "ab"
		     "\x80\x03"),
		4, SPAN("1009"));
	/* a full message and the longest control frame behind it fit into the buffer */
	expect_sized(WS_CLIENT,
		SPAN("\x02\x04"
		     "abcd"
		     "\x89\x05"
		     "12345"
		     "\x80\x00"),
		4, SPAN("9 0 12345\n2 0 abcd\nmore"));
	/* 2^63 - 1 bytes */
	EXPECT(WS_CLIENT, "\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", "1009");
	/* before and after authentication */
	expect_sized(WS_SERVER, SPAN("\x81\xfe\x40\x00"), WS_ANON_FRAME_MAX, SPAN("more"));
	expect_sized(WS_SERVER, SPAN("\x81\xfe\x40\x01"), WS_ANON_FRAME_MAX, SPAN("1009"));
	expect_sized(WS_SERVER, SPAN("\x81\xff\0\0\0\0\0\x08\0\0"), WS_FRAME_MAX, SPAN("more"));
	expect_sized(WS_SERVER, SPAN("\x81\xff\0\0\0\0\0\x08\0\x01"), WS_FRAME_MAX, SPAN("1009"));
}

static void
a_message_may_have_ws_fragments_max_frames(void **state)
{
	struct buf in = {.max = MAX};

	(void)state;
	for (size_t over = 0; over < 2; over++) {
		buf_reset(&in);
		buf_put(&in, SPAN("\x02\x00"));
		for (size_t i = 2; i < WS_FRAGMENTS_MAX + over; i++)
			buf_put(&in, SPAN("\x00\x00"));
		buf_put(&in, SPAN("\x80\x01x"));
		expect_sized(WS_CLIENT, buf_span(&in), MAX,
			over == 0 ? SPAN("2 0 x\nmore") : SPAN("1008"));
	}
	buf_clear(&in);
}

static void
a_message_in_one_frame_is_not_copied(void **state)
{
	struct buf b = {.max = MAX};
	struct ws_decoder d;
	struct ws_event ev;

	(void)state;
	buf_put(&b, SPAN("\x81\x01"
			 "a"
			 "\x81\x02"
			 "bc"));
	ws_decoder_init(&d, WS_CLIENT, 100);
	assert_int_equal(ws_decode(&d, &b, &ev), 0);
	assert_ptr_equal(ev.data.ptr, b.ptr + 2);
	assert_int_equal(ws_decode(&d, &b, &ev), 0);
	assert_ptr_equal(ev.data.ptr, b.ptr + 5);
	assert_int_equal(ws_decode(&d, &b, &ev), ERR_AGAIN);
	assert_int_equal(b.len, 0);
	buf_clear(&b);
}

static void
masking_is_the_same_at_every_length(void **state)
{
	uint8_t p[64];

	(void)state;
	for (size_t off = 0; off < 8; off++) {
		for (size_t len = 0; len + off <= sizeof(p); len++) {
			memset(p, 0x55, sizeof(p));
			ws_mask(p + off, len, key);
			for (size_t i = 0; i < sizeof(p); i++)
				assert_int_equal(p[i], i >= off && i < off + len
							       ? 0x55 ^ key[(i - off) & 3]
							       : 0x55);
		}
	}
}

static void
what_one_side_writes_the_other_reads(void **state)
{
	static const size_t lens[] = {0, 1, 125, 126, 65535, 65536};
	static uint8_t payload[MAX];
	struct buf wire = {.max = 2 * MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 7);
	for (size_t i = 0; i < 2 * COUNT(lens); i++) {
		bool masked = i % 2 == 1;
		struct span sent = span_of(payload, lens[i / 2]);
		struct ws_decoder d;
		struct ws_event ev;

		buf_reset(&wire);
		assert_int_equal(ws_put(&wire, WS_BINARY, sent, masked ? key : NULL), 0);
		ws_decoder_init(&d, masked ? WS_SERVER : WS_CLIENT, MAX);
		assert_int_equal(ws_decode(&d, &wire, &ev), 0);
		assert_int_equal(ev.kind, WS_BINARY);
		assert_true(span_eq(ev.data, sent));
	}
	buf_clear(&wire);
}

static void
the_writer_makes_no_bad_frame(void **state)
{
	static const char e[] = "\xc3\xa9";
	struct buf b = {.max = 140};
	struct buf reason = {.max = 200};

	(void)state;
	buf_put_cstr(&b, "x");
	assert_int_equal(ws_put_close(&b, 1005, SPAN("x"), NULL), ERR_RANGE);
	assert_int_equal(ws_put_close(&b, 1006, SPAN(""), NULL), ERR_RANGE);
	assert_int_equal(ws_put_close(&b, 1000, SPAN("\xff"), NULL), ERR_UTF8);
	assert_int_equal(b.len, 1);
	assert_int_equal(ws_put_close(&b, 1005, SPAN(""), NULL), 0);
	assert_true(span_eq(buf_span(&b), SPAN("x\x88\x00")));
	buf_reset(&b);
	/* 124 bytes: the 62nd character would pass 123 */
	for (size_t i = 0; i < 62; i++)
		buf_put_cstr(&reason, e);
	assert_int_equal(ws_put_close(&b, 1008, buf_span(&reason), NULL), 0);
	assert_int_equal(b.len, 2 + 2 + 122);
	assert_true(span_eq(span_sub(buf_span(&b), 4, 122), span_sub(buf_span(&reason), 0, 122)));
	buf_reset(&b);
	buf_put(&reason, SPAN("ab"));
	assert_int_equal(ws_put(&b, WS_PING, buf_span(&reason), NULL), ERR_RANGE);
	assert_int_equal(ws_put(&b, WS_PING, span_sub(buf_span(&reason), 1, 125), NULL), 0);
	assert_int_equal(ws_put(&b, WS_TEXT, SPAN("0123456789abcdef"), NULL), ERR_TOOBIG);
	assert_int_equal(b.len, 127);
	assert_int_equal(ws_put(&b, WS_TEXT, SPAN("0123456789a"), NULL), 0);
	buf_clear(&b);
	buf_clear(&reason);
}

static void
the_accept_key_is_that_of_the_standard(void **state)
{
	char out[WS_ACCEPT_LEN];

	(void)state;
	assert_int_equal(ws_accept_key(SPAN("dGhlIHNhbXBsZSBub25jZQ=="), out), 0);
	assert_memory_equal(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", WS_ACCEPT_LEN);
	assert_int_equal(ws_accept_key(SPAN("x3JJHMbDL1EzLkh9GBhXDw=="), out), 0);
	assert_memory_equal(out, "HSmrc0sMlYUkAGmm5OPpG2HaGWk=", WS_ACCEPT_LEN);
	assert_int_equal(ws_accept_key(SPAN("x"), out), ERR_RANGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_examples_of_the_standard_are_read),
		cmocka_unit_test(control_frames_may_stand_between_fragments),
		cmocka_unit_test(frames_that_break_the_protocol_are_1002),
		cmocka_unit_test(close_frames_are_checked),
		cmocka_unit_test(text_must_be_utf_8),
		cmocka_unit_test(a_message_over_the_limit_is_refused_by_its_header),
		cmocka_unit_test(a_message_may_have_ws_fragments_max_frames),
		cmocka_unit_test(a_message_in_one_frame_is_not_copied),
		cmocka_unit_test(masking_is_the_same_at_every_length),
		cmocka_unit_test(what_one_side_writes_the_other_reads),
		cmocka_unit_test(the_writer_makes_no_bad_frame),
		cmocka_unit_test(the_accept_key_is_that_of_the_standard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
