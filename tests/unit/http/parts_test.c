/* Paths, queries, bodies, field values, responses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "http/body.h"
#include "http/chars.h"
#include "http/path.h"
#include "http/response.h"
#include "http/value.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool
is_in(int c, const char *set)
{
	return c != 0 && strchr(set, c) != NULL;
}

static void
character_classes_are_those_of_the_grammars(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		bool digit = c >= '0' && c <= '9';
		bool alnum = digit || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		bool unreserved = alnum || is_in(c, "-._~");
		unsigned want = 0;

		want |= alnum || is_in(c, "!#$%&'*+-.^_`|~") ? CHAR_TOKEN : 0;
		want |= c > 0x20 && c < 0x7f ? CHAR_VISIBLE : 0;
		want |= c == '\t' || (c >= 0x20 && c != 0x7f) ? CHAR_VALUE : 0;
		want |= unreserved || is_in(c, "!$&'()*+,;=:@/") ? CHAR_PATH : 0;
		want |= unreserved ? CHAR_UNRESERVED : 0;
		want |= digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') ? CHAR_HEX : 0;
		want |= alnum || is_in(c, "-._") ? CHAR_HOST : 0;
		want |= c > 0x20 && c < 0x7f && !is_in(c, "\",;\\") ? CHAR_COOKIE : 0;
		assert_int_equal(http_chars[c], want);
	}
}

static void
paths_have_one_spelling(void **state)
{
	static const struct {
		struct span path;
		int rc;
	} rows[] = {
		{SPAN("/"), 0},
		{SPAN("/a/b.c/~d-_"), 0},
		{SPAN("/a/"), 0},
		{SPAN("/a:b@c!$&'()*+,;="), 0},
		{SPAN("/a%3Ab%20%40"), 0},
		{SPAN("/%C3%A9%E2%82%AC%F0%9F%98%80"), 0},
		{SPAN("/..."), 0},
		{SPAN("/.a"), 0},
		{SPAN("/a."), 0},
		{SPAN(""), ERR_SYNTAX},
		{SPAN("a"), ERR_SYNTAX},
		{SPAN("//"), ERR_SYNTAX},
		{SPAN("/a//b"), ERR_SYNTAX},
		{SPAN("/a//"), ERR_SYNTAX},
		{SPAN("/."), ERR_SYNTAX},
		{SPAN("/.."), ERR_SYNTAX},
		{SPAN("/./a"), ERR_SYNTAX},
		{SPAN("/a/../b"), ERR_SYNTAX},
		{SPAN("/a/.."), ERR_SYNTAX},
		{SPAN("/a\\b"), ERR_SYNTAX},
		{SPAN("/a%5Cb"), ERR_SYNTAX},
		{SPAN("/a%2Fb"), ERR_SYNTAX},
		{SPAN("/a%2fb"), ERR_SYNTAX},
		{SPAN("/%2E%2E/b"), ERR_SYNTAX},
		{SPAN("/%2e"), ERR_SYNTAX},
		{SPAN("/%61pi"), ERR_SYNTAX},
		{SPAN("/%7E"), ERR_SYNTAX},
		{SPAN("/%3a"), ERR_SYNTAX},
		{SPAN("/%25"), ERR_SYNTAX},
		{SPAN("/%252F"), ERR_SYNTAX},
		{SPAN("/%00"), ERR_SYNTAX},
		{SPAN("/%0A"), ERR_SYNTAX},
		{SPAN("/%7F"), ERR_SYNTAX},
		{SPAN("/%C2%85"), ERR_SYNTAX},
		{SPAN("/%"), ERR_SYNTAX},
		{SPAN("/%4"), ERR_SYNTAX},
		{SPAN("/%G0"), ERR_SYNTAX},
		{SPAN("/%u0041"), ERR_SYNTAX},
		{SPAN("/%C0%AF"), ERR_UTF8},
		{SPAN("/%C3"), ERR_UTF8},
		{SPAN("/%C3a"), ERR_UTF8},
		{SPAN("/%C3%28"), ERR_UTF8},
		{SPAN("/%80"), ERR_UTF8},
		{SPAN("/%ED%A0%80"), ERR_UTF8},
		{SPAN("/%F4%90%80%80"), ERR_UTF8},
		{SPAN("/\xc3\xa9"), ERR_SYNTAX},
		{SPAN("/a b"), ERR_SYNTAX},
		{SPAN("/a\tb"), ERR_SYNTAX},
		{SPAN("/a\0b"), ERR_SYNTAX},
		{SPAN("/a?b"), ERR_SYNTAX},
		{SPAN("/a#b"), ERR_SYNTAX},
		{SPAN("/[a]|^`{}\"<>"), ERR_SYNTAX},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (http_path_check(rows[i].path) != rows[i].rc)
			print_error("row %zu: %.*s\n", i, (int)rows[i].path.len,
				(const char *)rows[i].path.ptr);
		assert_int_equal(http_path_check(rows[i].path), rows[i].rc);
	}
}

static void
queries_are_decoded_strictly(void **state)
{
	uint8_t dst[64];
	struct span q = SPAN("a=1&b=%26+%c3%a9&c&d=");
	struct span n;
	struct span v;

	(void)state;
	assert_int_equal(http_query_next(&q, dst, sizeof(dst), &n, &v), 1);
	assert_true(span_eq(n, SPAN("a")) && span_eq(v, SPAN("1")));
	assert_int_equal(http_query_next(&q, dst, sizeof(dst), &n, &v), 1);
	assert_true(span_eq(n, SPAN("b")) && span_eq(v, SPAN("& \xc3\xa9")));
	assert_int_equal(http_query_next(&q, dst, sizeof(dst), &n, &v), 1);
	assert_true(span_eq(n, SPAN("c")) && v.len == 0);
	assert_int_equal(http_query_next(&q, dst, sizeof(dst), &n, &v), 1);
	assert_true(span_eq(n, SPAN("d")) && v.len == 0);
	assert_int_equal(http_query_next(&q, dst, sizeof(dst), &n, &v), 0);
	q = SPAN("&&");
	assert_int_equal(http_query_next(&q, dst, sizeof(dst), &n, &v), ERR_SYNTAX);
	q = SPAN("=x");
	assert_int_equal(http_query_next(&q, dst, sizeof(dst), &n, &v), ERR_SYNTAX);
	q = SPAN("a=%00");
	assert_int_equal(http_query_next(&q, dst, sizeof(dst), &n, &v), ERR_SYNTAX);
	q = SPAN("a=%0d%0a");
	assert_int_equal(http_query_next(&q, dst, sizeof(dst), &n, &v), ERR_SYNTAX);
	q = SPAN("a=%4");
	assert_int_equal(http_query_next(&q, dst, sizeof(dst), &n, &v), ERR_SYNTAX);
	q = SPAN("a=%ff");
	assert_int_equal(http_query_next(&q, dst, sizeof(dst), &n, &v), ERR_UTF8);
	q = SPAN("ab=cd");
	assert_int_equal(http_query_next(&q, dst, 4, &n, &v), 1);
	q = SPAN("ab=cd");
	assert_int_equal(http_query_next(&q, dst, 3, &n, &v), ERR_TOOBIG);
}

static void
a_query_parameter_is_there_once_or_not_given(void **state)
{
	uint8_t dst[64];
	struct span v;

	(void)state;
	assert_int_equal(
		http_query_get(SPAN("x=1&name=ab&y=longer"), SPAN("name"), dst, sizeof(dst), &v),
		0);
	assert_true(span_eq(v, SPAN("ab")));
	assert_int_equal(
		http_query_get(SPAN("a=1&%61=2"), SPAN("a"), dst, sizeof(dst), &v), ERR_DUPLICATE);
	assert_int_equal(http_query_get(SPAN("a=1"), SPAN("b"), dst, sizeof(dst), &v), ERR_MISSING);
	assert_int_equal(http_query_get(SPAN(""), SPAN("b"), dst, sizeof(dst), &v), ERR_MISSING);
	assert_int_equal(
		http_query_get(SPAN("b=1&a=%f"), SPAN("b"), dst, sizeof(dst), &v), ERR_SYNTAX);
}

/* Feeds in pieces of step bytes; returns the last code, the body in *out, what stands behind it in
 * *rest. */
static int
read_body(struct http_body *b, struct span in, size_t step, struct buf *out, size_t *used)
{
	struct span data;
	size_t at = 0;
	int rc = ERR_AGAIN;

	while (rc == ERR_AGAIN || rc == 0) {
		struct span piece = span_sub(in, at, step);

		rc = http_body_read(b, &piece, &data);
		if (rc == 0) {
			assert_true(data.len > 0);
			buf_put(out, data);
		}
		at = piece.ptr != NULL ? (size_t)(piece.ptr - in.ptr) : at;
		if (rc == ERR_AGAIN && at >= in.len)
			break;
	}
	*used = at;
	return rc;
}

static void
chunked_bodies_are_read_strictly(void **state)
{
	static const struct {
		struct span in;
		int rc;
		struct span body;
		size_t rest; /* bytes behind the body */
	} rows[] = {
		{SPAN("5\r\nhello\r\n0\r\n\r\n"), ERR_EOF, SPAN("hello"), 0},
		{SPAN("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET"), ERR_EOF, SPAN("hello world"),
			3},
		{SPAN("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n"), ERR_EOF,
			SPAN("01234567890123456789"), 0},
		{SPAN("0\r\n\r\n"), ERR_EOF, SPAN(""), 0},
		{SPAN("000\r\n\r\n"), ERR_EOF, SPAN(""), 0},
		{SPAN("1\r\na\r\n0\r\nX-T: v\r\nY:\r\n\r\n"), ERR_EOF, SPAN("a"), 0},
		{SPAN("5\r\nhel"), ERR_AGAIN, SPAN("hel"), 0},
		{SPAN("0\r\n"), ERR_AGAIN, SPAN(""), 0},
		{SPAN("14\r\n01234567890123456789\r\n0\r\n\r\n"), ERR_EOF,
			SPAN("01234567890123456789"), 0},
		{SPAN("15\r\n"), ERR_TOOBIG, SPAN(""), 0},
		{SPAN("14\r\n01234567890123456789\r\n1\r\n"), ERR_TOOBIG,
			SPAN("01234567890123456789"), 0},
		{SPAN("ffffffffffffffff\r\n"), ERR_TOOBIG, SPAN(""), 0},
		{SPAN("00000000000000001\r\na"), ERR_SYNTAX, SPAN(""), 0},
		{SPAN("\r\n"), ERR_SYNTAX, SPAN(""), 0},
		{SPAN("1;x\r\na\r\n0\r\n\r\n"), ERR_SYNTAX, SPAN(""), 0},
		{SPAN("1 \r\na\r\n0\r\n\r\n"), ERR_SYNTAX, SPAN(""), 0},
		{SPAN(" 1\r\na"), ERR_SYNTAX, SPAN(""), 0},
		{SPAN("0x1\r\na"), ERR_SYNTAX, SPAN(""), 0},
		{SPAN("+1\r\na"), ERR_SYNTAX, SPAN(""), 0},
		{SPAN("-1\r\na"), ERR_SYNTAX, SPAN(""), 0},
		{SPAN("1\na\r\n"), ERR_SYNTAX, SPAN(""), 0},
		{SPAN("1\rxa\r\n"), ERR_SYNTAX, SPAN(""), 0},
		{SPAN("1\r\nab\r\n"), ERR_SYNTAX, SPAN("a"), 0},
		{SPAN("1\r\na\n0\r\n\r\n"), ERR_SYNTAX, SPAN("a"), 0},
		{SPAN("1\r\na\r0\r\n\r\n"), ERR_SYNTAX, SPAN("a"), 0},
		{SPAN("0\r\n X: v\r\n\r\n"), ERR_SYNTAX, SPAN(""), 0},
		{SPAN("0\r\nX : v\r\n\r\n"), ERR_SYNTAX, SPAN(""), 0},
		{SPAN("0\r\n: v\r\n\r\n"), ERR_SYNTAX, SPAN(""), 0},
		{SPAN("0\r\nX: \0\r\n\r\n"), ERR_SYNTAX, SPAN(""), 0},
		{SPAN("0\r\nX: v\n\r\n"), ERR_SYNTAX, SPAN(""), 0},
		{SPAN("0\r\n\n"), ERR_SYNTAX, SPAN(""), 0},
		{SPAN("0\r\n\r\r"), ERR_SYNTAX, SPAN(""), 0},
	};
	static const struct http_request req = {.is_chunked = true};
	struct buf out = {.max = 4096};
	struct http_body b;
	size_t used;

	(void)state;
	for (size_t i = 0; i < 2 * COUNT(rows); i++) {
		size_t row = i / 2;

		buf_reset(&out);
		assert_int_equal(http_body_init(&b, &req, 20), 0);
		if (read_body(&b, rows[row].in, i % 2 == 0 ? 1 : 4096, &out, &used) != rows[row].rc)
			fail_msg("row %zu", row);
		assert_true(span_eq(buf_span(&out), rows[row].body));
		if (rows[row].rc == ERR_EOF)
			assert_int_equal(rows[row].in.len - used, rows[row].rest);
	}
	buf_clear(&out);
}

static void
trailers_may_have_http_trailer_max_bytes(void **state)
{
	static const struct http_request req = {.is_chunked = true};
	struct buf in = {.max = MIB(1u)};
	struct buf out = {.max = 4096};
	struct http_body b;
	size_t used;

	(void)state;
	for (size_t over = 0; over < 2; over++) {
		buf_reset(&in);
		buf_put_cstr(&in, "0\r\nX:");
		while (in.len < 3 + HTTP_TRAILER_MAX - 4 + over)
			buf_put_u8(&in, 'a');
		buf_put_cstr(&in, "\r\n\r\n");
		http_body_init(&b, &req, 0);
		assert_int_equal(read_body(&b, buf_span(&in), 7, &out, &used),
			over == 0 ? ERR_EOF : ERR_TOOBIG);
	}
	buf_clear(&in);
	buf_clear(&out);
}

static void
counted_bodies_end_where_they_said(void **state)
{
	struct http_request req = {.has_content_length = true, .content_length = 5};
	struct http_body b = {0};
	struct buf out = {.max = 4096};
	struct span in = SPAN("hello world");
	struct span data;
	size_t used;

	(void)state;
	assert_int_equal(http_body_read(&b, &in, &data), ERR_EOF);
	assert_int_equal(http_body_init(&b, &req, 5), 0);
	assert_int_equal(read_body(&b, in, 2, &out, &used), ERR_EOF);
	assert_true(span_eq(buf_span(&out), SPAN("hello")));
	assert_int_equal(used, 5);
	assert_int_equal(http_body_init(&b, &req, 4), ERR_TOOBIG);
	assert_int_equal(http_body_read(&b, &in, &data), ERR_TOOBIG);
	buf_clear(&out);
}

static void
cookies_are_found_by_exact_name_once(void **state)
{
	static const struct {
		struct span in;
		int rc;
		struct span value;
	} rows[] = {
		{SPAN("s=abc"), 0, SPAN("abc")},
		{SPAN("a=1; s=abc; b=2"), 0, SPAN("abc")},
		{SPAN("a=\"x,y\"; {json}; s=abc"), 0, SPAN("abc")},
		{SPAN("s="), 0, SPAN("")},
		{SPAN("S=abc"), ERR_MISSING, SPAN("")},
		{SPAN("ss=abc"), ERR_MISSING, SPAN("")},
		{SPAN("s"), ERR_MISSING, SPAN("")},
		{SPAN("a=s=abc"), ERR_MISSING, SPAN("")},
		{SPAN(""), ERR_MISSING, SPAN("")},
		{SPAN("s=a; s=b"), ERR_DUPLICATE, SPAN("")},
		{SPAN("s=a;s=a"), ERR_DUPLICATE, SPAN("")},
		{SPAN("s=\"abc\""), ERR_SYNTAX, SPAN("")},
		{SPAN("s=a b"), ERR_SYNTAX, SPAN("")},
		{SPAN("s=a,b"), ERR_SYNTAX, SPAN("")},
		{SPAN("s=\xc3\xa9"), ERR_SYNTAX, SPAN("")},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct span v = SPAN_EMPTY;

		assert_int_equal(http_cookie_get(rows[i].in, SPAN("s"), &v), rows[i].rc);
		assert_true(span_eq(v, rows[i].value));
	}
}

static void
ranges_are_single_and_inside_the_file(void **state)
{
	static const struct {
		struct span in;
		uint64_t size;
		int rc;
		uint64_t first;
		uint64_t last;
	} rows[] = {
		{SPAN("bytes=0-499"), 10000, 0, 0, 499},
		{SPAN("bytes=500-999"), 10000, 0, 500, 999},
		{SPAN("bytes=-500"), 10000, 0, 9500, 9999},
		{SPAN("bytes=9500-"), 10000, 0, 9500, 9999},
		{SPAN("BYTES=0-0"), 1, 0, 0, 0},
		{SPAN("bytes=0-99999999999999999999"), 10, 0, 0, 9},
		{SPAN("bytes=-99999999999999999999"), 10, 0, 0, 9},
		{SPAN("bytes=10-"), 10, ERR_RANGE, 0, 0},
		{SPAN("bytes=99999999999999999999-"), 10, ERR_RANGE, 0, 0},
		{SPAN("bytes=-0"), 10, ERR_RANGE, 0, 0},
		{SPAN("bytes=0-"), 0, ERR_RANGE, 0, 0},
		{SPAN("bytes=-1"), 0, ERR_RANGE, 0, 0},
		{SPAN("bytes=2-1"), 10, ERR_SYNTAX, 0, 0},
		{SPAN("bytes=-"), 10, ERR_SYNTAX, 0, 0},
		{SPAN("bytes="), 10, ERR_SYNTAX, 0, 0},
		{SPAN("bytes"), 10, ERR_SYNTAX, 0, 0},
		{SPAN("bytes=1"), 10, ERR_SYNTAX, 0, 0},
		{SPAN("bytes=a-b"), 10, ERR_SYNTAX, 0, 0},
		{SPAN("bytes=1-2-3"), 10, ERR_SYNTAX, 0, 0},
		{SPAN("bytes= 1-2"), 10, ERR_SYNTAX, 0, 0},
		{SPAN("bytes=0-1,3-4"), 10, ERR_UNSUPPORTED, 0, 0},
		{SPAN("lines=0-1"), 10, ERR_UNSUPPORTED, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct http_range r = {0};

		assert_int_equal(http_range_parse(rows[i].in, rows[i].size, &r), rows[i].rc);
		assert_true(r.first == rows[i].first && r.last == rows[i].last);
	}
}

static void
entity_tags_compare_weakly(void **state)
{
	static const struct {
		struct span list;
		bool match;
	} rows[] = {
		{SPAN("\"a\""), true},
		{SPAN("W/\"a\""), true},
		{SPAN("*"), true},
		{SPAN("\"b\", \"a\" ,W/\"c\""), true},
		{SPAN("\"b\",W/\"a\""), true},
		{SPAN("\"b\""), false},
		{SPAN("\"b,\"a\""), false},
		{SPAN("\"a\" x"), false},
		{SPAN("\"a\", b"), false},
		{SPAN("\"a\","), false},
		{SPAN("a"), false},
		{SPAN("w/\"a\""), false},
		{SPAN("\"a"), false},
		{SPAN("\"A\""), false},
		{SPAN("\"a \""), false},
		{SPAN(""), false},
		{SPAN("*, \"a\""), false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(http_etag_matches(rows[i].list, SPAN("\"a\"")), rows[i].match);
		assert_int_equal(http_etag_matches(rows[i].list, SPAN("W/\"a\"")), rows[i].match);
	}
	assert_false(http_etag_matches(SPAN("a"), SPAN("a")));
}

static void
responses_are_framed(void **state)
{
	static const struct http_field fields[] = {
		{SPAN("Content-Type"), SPAN("text/plain")}, {SPAN("X"), SPAN("")}};
	struct buf b = {.max = 4096};

	(void)state;
	assert_int_equal(http_response_head(&b, 200, fields, 2, 12), 0);
	assert_true(span_eq(buf_span(&b), SPAN("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX: "
					       "\r\nContent-Length: 12\r\n\r\n")));
	buf_reset(&b);
	assert_int_equal(http_response_head(&b, 200, NULL, 0, HTTP_LEN_CHUNKED), 0);
	assert_int_equal(http_chunk_put(&b, SPAN("0123456789abcdefg")), 0);
	assert_int_equal(http_chunk_put(&b, SPAN_EMPTY), 0);
	assert_int_equal(http_chunk_end(&b), 0);
	assert_true(
		span_eq(buf_span(&b), SPAN("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
					   "11\r\n0123456789abcdefg\r\n0\r\n\r\n")));
	buf_reset(&b);
	assert_int_equal(http_response_head(&b, 304, NULL, 0, HTTP_LEN_NONE), 0);
	assert_true(span_eq(buf_span(&b), SPAN("HTTP/1.1 304 Not Modified\r\n\r\n")));
	buf_clear(&b);
}

static void
a_response_cannot_be_split(void **state)
{
	static const struct http_field bad[] = {
		{SPAN("X"), SPAN("a\r\nSet-Cookie: b")},
		{SPAN("X"), SPAN("a\nb")},
		{SPAN("X"), SPAN("a\rb")},
		{SPAN("X"), SPAN("a\0b")},
		{SPAN("X"), SPAN(" a")},
		{SPAN("X"), SPAN("a\x7f")},
		{SPAN("X:"), SPAN("a")},
		{SPAN("X\r\nY"), SPAN("a")},
		{SPAN(""), SPAN("a")},
		{SPAN("content-Length"), SPAN("5")},
		{SPAN("transfer-encoding"), SPAN("chunked")},
	};
	struct buf b = {.max = 4096};

	(void)state;
	buf_put_cstr(&b, "before");
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(http_response_head(&b, 200, &bad[i], 1, 0), ERR_SYNTAX);
	assert_int_equal(http_response_head(&b, 299, NULL, 0, 0), ERR_RANGE);
	assert_int_equal(http_response_head(&b, 204, NULL, 0, 0), ERR_RANGE);
	assert_int_equal(http_response_head(&b, 101, NULL, 0, HTTP_LEN_CHUNKED), ERR_RANGE);
	assert_int_equal(http_response_head(&b, 200, NULL, 0, HTTP_LEN_NONE), ERR_RANGE);
	assert_int_equal(http_response_head(&b, 200, NULL, 0, -3), ERR_RANGE);
	assert_true(span_eq(buf_span(&b), SPAN("before")));
	b.max = 20;
	assert_int_equal(http_response_head(&b, 200, NULL, 0, 0), ERR_TOOBIG);
	assert_int_equal(http_chunk_put(&b, SPAN("0123456789")), ERR_TOOBIG);
	assert_true(span_eq(buf_span(&b), SPAN("before")));
	assert_int_equal(http_chunk_end(&b), 0);
	buf_clear(&b);
}

static void
dates_are_those_of_the_standard(void **state)
{
	char text[HTTP_DATE_LEN + 1];

	(void)state;
	assert_int_equal(http_date_format(784111777, text), 0);
	assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT");
	assert_int_equal(http_date_format(253402300799, text), 0);
	assert_string_equal(text, "Fri, 31 Dec 9999 23:59:59 GMT");
	assert_int_equal(http_date_format(253402300800, text), ERR_RANGE);
	assert_int_equal(http_date_format(-1, text), ERR_RANGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(character_classes_are_those_of_the_grammars),
		cmocka_unit_test(paths_have_one_spelling),
		cmocka_unit_test(queries_are_decoded_strictly),
		cmocka_unit_test(a_query_parameter_is_there_once_or_not_given),
		cmocka_unit_test(chunked_bodies_are_read_strictly),
		cmocka_unit_test(trailers_may_have_http_trailer_max_bytes),
		cmocka_unit_test(counted_bodies_end_where_they_said),
		cmocka_unit_test(cookies_are_found_by_exact_name_once),
		cmocka_unit_test(ranges_are_single_and_inside_the_file),
		cmocka_unit_test(entity_tags_compare_weakly),
		cmocka_unit_test(responses_are_framed),
		cmocka_unit_test(a_response_cannot_be_split),
		cmocka_unit_test(dates_are_those_of_the_standard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
