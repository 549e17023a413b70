/* Request heads: what is accepted, what is refused with which status, and that cutting the bytes
 * changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "http/http.h"

/* The verdict on a whole input: 0 accepted, 1 more needed, else the status. */
static unsigned
verdict_at_once(struct span in, struct http_request *req)
{
	struct http_reader rd = {0};
	unsigned status;
	int rc = http_reader_read(&rd, in, req, &status);

	if (rc == ERR_AGAIN)
		return 1;
	if (rc == 0)
		assert_int_equal(status, 0);
	else
		assert_int_equal(rc, ERR_PROTO);
	return status;
}

/* The same, one more byte at a time, each time in memory of exactly that size at a new place. */
static unsigned
verdict_by_bytes(struct span in)
{
	static struct http_request req;
	struct http_reader rd = {0};
	unsigned status = 0;
	int rc = ERR_AGAIN;

	for (size_t n = 0; n <= in.len && rc == ERR_AGAIN; n++) {
		uint8_t *copy = mem_copy(span_sub(in, 0, n));

		rc = http_reader_read(&rd, span_of(copy, n), &req, &status);
		free(copy);
	}
	return rc == ERR_AGAIN ? 1 : rc == 0 ? 0 : status;
}

static unsigned
verdict(struct span in, struct http_request *req)
{
	unsigned status = verdict_at_once(in, req);

	assert_int_equal(verdict_by_bytes(in), status);
	return status;
}

#define H "Host: a.example\r\n"
#define WS "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define V13 "Sec-WebSocket-Version: 13\r\n"

static const struct {
	struct span in;
	unsigned status; /* 0: accepted, 1: more needed */
} rows[] = {
	/* plain */
	{SPAN("GET / HTTP/1.1\r\n" H "\r\n"), 0},
	{SPAN("GET / HTTP/1.0\r\n" H "\r\n"), 0},
	{SPAN("GET /a/b?c=d HTTP/1.1\r\nHost: a.example:8080\r\n\r\nrest"), 0},
	{SPAN("GET / HTTP/1.1\r\n" H "\r"), 1},
	{SPAN(""), 1},
	/* line ends */
	{SPAN("GET / HTTP/1.1\n" H "\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\nHost: a.example\n\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\n" H "\n"), 400},
	{SPAN("GET / HTTP/1.1\r\r\n" H "\r\n"), 400},
	{SPAN("GET / HTTP/1.1\rHost: a.example\r\n\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\n" H "X: a\rb\r\n\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\n" H "\rX"), 400},
	{SPAN("\r\nGET / HTTP/1.1\r\n" H "\r\n"), 400},
	{SPAN("\nGET / HTTP/1.1\r\n" H "\r\n"), 400},
	/* request line */
	{SPAN("GET  / HTTP/1.1\r\n" H "\r\n"), 400},
	{SPAN("GET / HTTP/1.1 \r\n" H "\r\n"), 400},
	{SPAN("GET /  HTTP/1.1\r\n" H "\r\n"), 400},
	{SPAN("GET\t/ HTTP/1.1\r\n" H "\r\n"), 400},
	{SPAN(" GET / HTTP/1.1\r\n" H "\r\n"), 400},
	{SPAN("GET /\r\n\r\n"), 400},
	{SPAN("GET / x HTTP/1.1\r\n" H "\r\n"), 400},
	{SPAN("GET /\0 HTTP/1.1\r\n" H "\r\n"), 400},
	{SPAN("GET /\x7f HTTP/1.1\r\n" H "\r\n"), 400},
	{SPAN("GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n"), 400},
	{SPAN("GET / HTTP/1.11\r\n"), 400},
	{SPAN("GET / HTTP/11\r\n" H "\r\n"), 400},
	{SPAN("GET / http/1.1\r\n" H "\r\n"), 400},
	{SPAN("GET / HTTPS/1.\r\n" H "\r\n"), 400},
	{SPAN("GET / HTTP/x.1\r\n" H "\r\n"), 400},
	{SPAN("GET / HTTP/1,1\r\n" H "\r\n"), 400},
	{SPAN("GET / HTTP/2.0\r\n" H "\r\n"), 505},
	{SPAN("GET / HTTP/0.9\r\n" H "\r\n"), 505},
	{SPAN("GET / HTTP/1.2\r\n" H "\r\n"), 505},
	{SPAN("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505},
	{SPAN("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), 400},
	/* methods */
	{SPAN("get / HTTP/1.1\r\n" H "\r\n"), 501},
	{SPAN("BREW / HTTP/1.1\r\n" H "\r\n"), 501},
	{SPAN("ABCDEFGHIJKLMNOP / HTTP/1.1\r\n" H "\r\n"), 501},
	{SPAN("ABCDEFGHIJKLMNOPQ"), 501},
	{SPAN("G(T / HTTP/1.1\r\n" H "\r\n"), 400},
	{SPAN("TRACE / HTTP/1.1\r\n" H "\r\n"), 405},
	{SPAN("CONNECT a.example:80 HTTP/1.1\r\n" H "\r\n"), 405},
	{SPAN("DELETE /x HTTP/1.1\r\n" H "\r\n"), 0},
	{SPAN("HEAD /x HTTP/1.1\r\n" H "\r\n"), 0},
	/* target forms */
	{SPAN("OPTIONS * HTTP/1.1\r\n" H "\r\n"), 0},
	{SPAN("GET * HTTP/1.1\r\n" H "\r\n"), 400},
	{SPAN("OPTIONS *x HTTP/1.1\r\n" H "\r\n"), 400},
	{SPAN("GET http://a.example/x HTTP/1.1\r\n" H "\r\n"), 0},
	{SPAN("GET HTTPS://A.EXAMPLE/x?y HTTP/1.1\r\n" H "\r\n"), 0},
	{SPAN("GET http://b.example/x HTTP/1.1\r\n" H "\r\n"), 400},
	{SPAN("GET http://a.example:80/x HTTP/1.1\r\n" H "\r\n"), 400},
	{SPAN("GET http://u@a.example/x HTTP/1.1\r\n" H "\r\n"), 400},
	{SPAN("GET http://a.example HTTP/1.1\r\n" H "\r\n"), 400},
	{SPAN("GET http://a.example?/ HTTP/1.1\r\n" H "\r\n"), 400},
	{SPAN("GET ftp://a.example/ HTTP/1.1\r\n" H "\r\n"), 400},
	{SPAN("GET ://a.example/ HTTP/1.1\r\n" H "\r\n"), 400},
	{SPAN("GET x HTTP/1.1\r\n" H "\r\n"), 400},
	{SPAN("GET ?x HTTP/1.1\r\n" H "\r\n"), 400},
	{SPAN("GET //x HTTP/1.1\r\n" H "\r\n"), 400},
	{SPAN("GET /../x HTTP/1.1\r\n" H "\r\n"), 400},
	{SPAN("GET /%2e%2e/x HTTP/1.1\r\n" H "\r\n"), 400},
	{SPAN("GET http://a.example//x HTTP/1.1\r\n" H "\r\n"), 400},
	{SPAN("GET /#x HTTP/1.1\r\n" H "\r\n"), 400},
	{SPAN("GET /?a#x HTTP/1.1\r\n" H "\r\n"), 400},
	{SPAN("GET /?a=%zz HTTP/1.1\r\n" H "\r\n"), 400},
	{SPAN("GET /?a=%2 HTTP/1.1\r\n" H "\r\n"), 400},
	/* Host */
	{SPAN("GET / HTTP/1.1\r\n\r\n"), 400},
	{SPAN("GET / HTTP/1.0\r\n\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\n" H H "\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\nHost:\r\n\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\nHost: a,b\r\n\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\nHost: a:\r\n\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\nHost: a:0\r\n\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\nHost: a:65535\r\n\r\n"), 0},
	{SPAN("GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\nHost: :80\r\n\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"), 0},
	{SPAN("GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n"), 0},
	{SPAN("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\nHost: [::g]\r\n\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\nHost: []\r\n\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\nHost: \xc3\xa9\r\n\r\n"), 400},
	/* fields */
	{SPAN("GET / HTTP/1.1\r\n" H "X : a\r\n\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\nHost : a\r\n\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\n X: a\r\n" H "\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\n" H "X: a\r\n\tb\r\n\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\n" H ": a\r\n\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\n" H "X\r\n\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\n" H "X\0: a\r\n\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\n" H "X: a\0b\r\n\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\n" H "X: a\x1b[2J\r\n\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\n" H "X: a\x7f\r\n\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\n" H "X(y): a\r\n\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\n" H "X\xc3\xa9: a\r\n\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\n" H "X: \xc3\xa9\ta b\r\n\r\n"), 0},
	{SPAN("GET / HTTP/1.1\r\n" H "Authorization: a\r\nauthorization: b\r\n\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\n" H "Cookie: a=1\r\nCookie: b=2\r\n\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\n" H "Origin: http://a\r\nOrigin: http://b\r\n\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\n" H "X: a\r\nX: b\r\n\r\n"), 0},
	/* framing: every way two readers could see two lengths */
	{SPAN("POST / HTTP/1.1\r\n" H "\r\n"), 411},
	{SPAN("PUT / HTTP/1.1\r\n" H "\r\n"), 411},
	{SPAN("PATCH / HTTP/1.1\r\n" H "\r\n"), 411},
	{SPAN("POST / HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n"), 0},
	{SPAN("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello"), 0},
	{SPAN("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"), 400},
	{SPAN("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"), 400},
	{SPAN("POST / HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\n"), 400},
	{SPAN("POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\n"), 400},
	{SPAN("POST / HTTP/1.1\r\n" H "Content-Length: -5\r\n\r\n"), 400},
	{SPAN("POST / HTTP/1.1\r\n" H "Content-Length: 05\r\n\r\n"), 400},
	{SPAN("POST / HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\n"), 400},
	{SPAN("POST / HTTP/1.1\r\n" H "Content-Length: 5 \r\n\r\n"), 0},
	{SPAN("POST / HTTP/1.1\r\n" H "Content-Length: 5 5\r\n\r\n"), 400},
	{SPAN("POST / HTTP/1.1\r\n" H "Content-Length: 5;\r\n\r\n"), 400},
	{SPAN("POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n"), 400},
	{SPAN("POST / HTTP/1.1\r\n" H "Content-Length: 2097152\r\n\r\n"), 0},
	{SPAN("POST / HTTP/1.1\r\n" H "Content-Length: 2097153\r\n\r\n"), 413},
	{SPAN("POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551621\r\n\r\n"), 413},
	{SPAN("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"), 0},
	{SPAN("POST / HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n"), 0},
	{SPAN("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
		400},
	{SPAN("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"),
		400},
	{SPAN("POST / HTTP/1.1\r\n" H
	      "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
		400},
	{SPAN("POST / HTTP/1.1\r\n" H
	      "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n"),
		400},
	{SPAN("POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n"), 400},
	{SPAN("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked;x\r\n\r\n"), 400},
	{SPAN("POST / HTTP/1.1\r\n" H "Transfer-Encoding: \x0b"
	      "chunked\r\n\r\n"),
		400},
	{SPAN("POST / HTTP/1.1\r\n" H "Transfer-Encoding: \"chunked\"\r\n\r\n"), 400},
	{SPAN("POST / HTTP/1.1\r\n" H "Transfer-Encoding : chunked\r\n\r\n"), 400},
	{SPAN("POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n chunked\r\n\r\n"), 400},
	{SPAN("POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n"), 400},
	{SPAN("POST / HTTP/1.1\r\n" H "X: y\nTransfer-Encoding: chunked\r\n\r\n"), 400},
	{SPAN("POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n"), 400},
	{SPAN("POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\n\r\n"), 400},
	{SPAN("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, gzip\r\n\r\n"), 400},
	{SPAN("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, chunked\r\n\r\n"), 400},
	{SPAN("POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n"), 501},
	{SPAN("POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n"), 400},
	/* connection, expectation */
	{SPAN("GET / HTTP/1.1\r\n" H "Connection: close\r\nConnection: x\r\n\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\n" H "Connection: a b\r\n\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\n" H "Connection:\r\n\r\n"), 400},
	{SPAN("GET / HTTP/1.1\r\n" H "Connection: close,\r\n\r\n"), 400},
	{SPAN("POST / HTTP/1.1\r\n" H "Expect: 200-ok\r\nContent-Length: 1\r\n\r\n"), 417},
	/* upgrades */
	{SPAN("GET /ws HTTP/1.1\r\n" H WS KEY V13 "\r\n"), 0},
	{SPAN("GET /ws HTTP/1.1\r\n" H WS V13 "\r\n"), 400},
	{SPAN("GET /ws HTTP/1.1\r\n" H WS KEY "\r\n"), 426},
	{SPAN("GET /ws HTTP/1.1\r\n" H WS KEY "Sec-WebSocket-Version: 8\r\n\r\n"), 426},
	{SPAN("GET /ws HTTP/1.1\r\n" H WS KEY KEY V13 "\r\n"), 400},
	{SPAN("GET /ws HTTP/1.1\r\n" H WS V13
	      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==\r\n\r\n"),
		400},
	{SPAN("GET /ws HTTP/1.1\r\n" H WS V13
	      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ===\r\n\r\n"),
		400},
	{SPAN("GET /ws HTTP/1.1\r\n" H WS V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\n\r\n"), 400},
	{SPAN("POST /ws HTTP/1.1\r\n" H WS KEY V13 "Content-Length: 0\r\n\r\n"), 400},
	{SPAN("GET /ws HTTP/1.1\r\n" H WS KEY V13 "Content-Length: 1\r\n\r\n"), 400},
	{SPAN("GET /ws HTTP/1.1\r\n" H WS KEY V13 "Transfer-Encoding: chunked\r\n\r\n"), 400},
	{SPAN("GET /ws HTTP/1.1\r\n" H "Upgrade: websocket\r\n" KEY V13 "\r\n"), 400},
	{SPAN("GET /ws HTTP/1.1\r\n" H "Upgrade: websocket\r\nConnection: close\r\n" KEY V13
	      "\r\n"),
		400},
	{SPAN("GET / HTTP/1.1\r\n" H "Upgrade: h2c, TLS/1.0\r\nConnection: Upgrade\r\n\r\n"), 0},
	{SPAN("GET / HTTP/1.1\r\n" H "Upgrade: ;\r\nConnection: Upgrade\r\n\r\n"), 400},
};

static void
each_row_gets_its_status_whole_and_by_bytes(void **state)
{
	static struct http_request req;
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned status = verdict(rows[i].in, &req);

		if (status == rows[i].status)
			continue;
		wrong++;
		print_error("row %zu: %u instead of %u: %.*s\n", i, status, rows[i].status,
			(int)rows[i].in.len, (const char *)rows[i].in.ptr);
	}
	assert_int_equal(wrong, 0);
}

static void
a_request_is_taken_apart(void **state)
{
	static const struct span in =
		SPAN("POST /a/b%20c?x=%31&y HTTP/1.1\r\nhOST:  h.example:1 \t\r\nX-A:\r\nB: "
		     "1\r\nb: 2\r\n"
		     "Content-Length: 3\r\nExpect: 100-Continue\r\n\r\nabcGET ");
	static struct http_request r;
	struct span v;

	(void)state;
	assert_int_equal(verdict(in, &r), 0);
	assert_true(span_starts_with(span_sub(in, r.head_len, in.len), SPAN("abcGET")));
	assert_int_equal(r.method, HTTP_POST);
	assert_string_equal(http_method_name(r.method), "POST");
	assert_int_equal(r.minor, 1);
	assert_true(span_eq(r.target, SPAN("/a/b%20c?x=%31&y")));
	assert_true(span_eq(r.path, SPAN("/a/b%20c")));
	assert_true(span_eq(r.query, SPAN("x=%31&y")));
	assert_true(span_eq(r.host, SPAN("h.example:1")));
	assert_int_equal(r.fields_n, 6);
	assert_int_equal(r.content_length, 3);
	assert_true(r.has_content_length && r.keep_alive && r.expects_continue);
	assert_false(r.is_chunked || r.is_websocket);
	assert_int_equal(
		r.fields[0]
			.name.ptr[r.head_len - (size_t)(r.fields[0].name.ptr - r.target.ptr) - 5],
		'a');
	assert_int_equal(http_field_get(&r, SPAN("HOST"), &v), 0);
	assert_int_equal(http_field_get(&r, SPAN("x-a"), &v), 0);
	assert_int_equal(v.len, 0);
	assert_int_equal(http_field_get(&r, SPAN("b"), &v), ERR_DUPLICATE);
	assert_int_equal(http_field_get(&r, SPAN("c"), &v), ERR_MISSING);
}

static void
absolute_targets_give_the_same_path(void **state)
{
	static struct http_request r;

	(void)state;
	assert_int_equal(verdict(SPAN("GET http://a.example/x?y HTTP/1.1\r\n" H "\r\n"), &r), 0);
	assert_true(span_eq(r.path, SPAN("/x")));
	assert_true(span_eq(r.query, SPAN("y")));
}

static void
persistence_follows_version_and_connection(void **state)
{
	static const struct {
		struct span in;
		bool keep;
	} cases[] = {
		{SPAN("GET / HTTP/1.1\r\n" H "\r\n"), true},
		{SPAN("GET / HTTP/1.1\r\n" H "Connection: x, CLOSE\r\n\r\n"), false},
		{SPAN("GET / HTTP/1.1\r\n" H "Connection: keep-alive, close\r\n\r\n"), false},
		{SPAN("GET / HTTP/1.0\r\n" H "\r\n"), false},
		{SPAN("GET / HTTP/1.0\r\n" H "Connection: Keep-Alive\r\n\r\n"), true},
	};
	static struct http_request r;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(verdict(cases[i].in, &r), 0);
		assert_int_equal(r.keep_alive, cases[i].keep);
	}
}

static void
the_handshake_of_the_standard_is_an_upgrade(void **state)
{
	static struct http_request r;

	(void)state;
	assert_int_equal(verdict(SPAN("GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: "
				      "WebSocket\r\n"
				      "Connection: keep-alive, Upgrade\r\n" KEY
				      "Origin: http://example.com\r\nSec-WebSocket-Protocol: chat, "
				      "superchat\r\n" V13 "\r\n"),
				 &r),
		0);
	assert_true(r.is_websocket);
	assert_true(span_eq(r.ws_key, SPAN("dGhlIHNhbXBsZSBub25jZQ==")));
	assert_int_equal(verdict(SPAN("GET / HTTP/1.0\r\n" H WS KEY V13 "\r\n"), &r), 0);
	assert_false(r.is_websocket);
}

static void
expectation_needs_a_body_and_http_1_1(void **state)
{
	static struct http_request r;

	(void)state;
	assert_int_equal(
		verdict(SPAN("GET / HTTP/1.1\r\n" H "Expect: 100-continue\r\n\r\n"), &r), 0);
	assert_false(r.expects_continue);
	assert_int_equal(verdict(SPAN("POST / HTTP/1.0\r\n" H
				      "Content-Length: 1\r\nExpect: 100-continue\r\n\r\n"),
				 &r),
		0);
	assert_false(r.expects_continue);
	assert_int_equal(verdict(SPAN("POST / HTTP/1.1\r\n" H
				      "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"),
				 &r),
		0);
	assert_true(r.expects_continue);
}

static void
put_repeated(struct buf *b, uint8_t c, size_t n)
{
	memset(buf_room(b, n), c, n);
	buf_added(b, n);
}

static void
a_target_may_have_http_target_max_bytes(void **state)
{
	static struct http_request r;
	struct buf b = {.max = MIB(1u)};

	(void)state;
	for (size_t over = 0; over < 2; over++) {
		buf_reset(&b);
		buf_put_cstr(&b, "GET /");
		put_repeated(&b, 'a', HTTP_TARGET_MAX - 1 + over);
		buf_put_cstr(&b, " HTTP/1.1\r\n" H "\r\n");
		assert_int_equal(verdict(buf_span(&b), &r), over == 0 ? 0 : 414);
	}
	buf_clear(&b);
}

static void
there_may_be_http_headers_max_fields(void **state)
{
	static struct http_request r;
	struct buf b = {.max = MIB(1u)};

	(void)state;
	for (size_t over = 0; over < 2; over++) {
		buf_reset(&b);
		buf_put_cstr(&b, "GET / HTTP/1.1\r\n" H);
		for (size_t i = 1; i < HTTP_HEADERS_MAX + over; i++)
			buf_put_cstr(&b, "a: b\r\n");
		buf_put_cstr(&b, "\r\n");
		assert_int_equal(verdict(buf_span(&b), &r), over == 0 ? 0 : 431);
	}
	buf_clear(&b);
}

static void
a_head_may_have_http_head_max_bytes(void **state)
{
	static const char line[] = "GET / HTTP/1.1\r\n" H "X: ";
	static struct http_request r;
	struct buf b = {.max = MIB(1u)};

	(void)state;
	for (size_t over = 0; over < 2; over++) {
		buf_reset(&b);
		buf_put_cstr(&b, line);
		put_repeated(&b, 'a', HTTP_HEAD_MAX - (sizeof(line) - 1) - 4 + over);
		buf_put_cstr(&b, "\r\n\r\n");
		assert_int_equal(verdict_at_once(buf_span(&b), &r), over == 0 ? 0 : 431);
	}
	/* no verdict may be waited for once the buffer is full */
	b.len = HTTP_HEAD_MAX;
	assert_int_equal(verdict_at_once(buf_span(&b), &r), 431);
	b.len = HTTP_HEAD_MAX - 1;
	assert_int_equal(verdict_at_once(buf_span(&b), &r), 1);
	buf_clear(&b);
}

static void
a_host_may_have_http_host_max_bytes(void **state)
{
	static struct http_request r;
	struct buf b = {.max = MIB(1u)};

	(void)state;
	for (size_t over = 0; over < 2; over++) {
		buf_reset(&b);
		buf_put_cstr(&b, "GET / HTTP/1.1\r\nHost: ");
		put_repeated(&b, 'a', HTTP_HOST_MAX + over);
		buf_put_cstr(&b, "\r\n\r\n");
		assert_int_equal(verdict(buf_span(&b), &r), over == 0 ? 0 : 400);
	}
	buf_clear(&b);
}

static bool
has_control(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if ((s.ptr[i] < 0x20 && s.ptr[i] != '\t') || s.ptr[i] == 0x7f)
			return true;
	}
	return false;
}

/* Each line of the corpus file (a JSON string with its escapes, as it stands) as a value, and as a
 * path. */
static void
naughty_strings_are_kept_exactly_or_refused(void **state)
{
	static struct http_request r;
	static uint8_t text[KIB(256u)];
	struct buf b = {.max = MIB(1u)};
	int fd = open("../shared/corpora/naughty-strings/blns.json", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));
	struct span rest = span_of(text, n < 0 ? 0 : (size_t)n);
	unsigned seen = 0;

	(void)state;
	if (fd >= 0)
		close(fd);
	if (rest.len == 0) {
		print_message("../shared/corpora/naughty-strings is not there\n");
		skip();
	}
	while (rest.len > 0) {
		struct span line = span_trim(span_cut(&rest, '\n'));

		buf_reset(&b);
		buf_put_cstr(&b, "GET / HTTP/1.1\r\n" H "X: ");
		buf_put(&b, line);
		buf_put_cstr(&b, "\r\n\r\n");
		if (b.len > HTTP_HEAD_MAX || line.len == 0)
			continue;
		seen++;
		assert_int_equal(verdict(buf_span(&b), &r), has_control(line) ? 400 : 0);
		if (!has_control(line))
			assert_true(span_eq(r.fields[1].value, line));
		buf_reset(&b);
		buf_put_cstr(&b, "GET /");
		buf_put(&b, line);
		buf_put_cstr(&b, " HTTP/1.1\r\n" H "\r\n");
		/* every line of the file starts with a quote, a bracket or is empty: no path */
		assert_int_equal(verdict(buf_span(&b), &r), 400);
	}
	assert_true(seen > 500);
	buf_clear(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_gets_its_status_whole_and_by_bytes),
		cmocka_unit_test(a_request_is_taken_apart),
		cmocka_unit_test(absolute_targets_give_the_same_path),
		cmocka_unit_test(persistence_follows_version_and_connection),
		cmocka_unit_test(the_handshake_of_the_standard_is_an_upgrade),
		cmocka_unit_test(expectation_needs_a_body_and_http_1_1),
		cmocka_unit_test(a_target_may_have_http_target_max_bytes),
		cmocka_unit_test(there_may_be_http_headers_max_fields),
		cmocka_unit_test(a_head_may_have_http_head_max_bytes),
		cmocka_unit_test(a_host_may_have_http_host_max_bytes),
		cmocka_unit_test(naughty_strings_are_kept_exactly_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
