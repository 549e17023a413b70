/* Tests of lib/url: the URL reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/limits.h"
#include "url/url.h"

static void
assert_canonical(struct span in, const char *want)
{
	struct buf b = {.max = 2 * URL_MAX};
	struct url u, again;

	if (url_parse(in, URL_ALLOW_WS, &u) < 0)
		print_error("refused: %.*s\n", (int)in.len, (const char *)in.ptr);
	assert_int_equal(url_parse(in, URL_ALLOW_WS, &u), 0);
	assert_int_equal(url_put(&b, &u), 0);
	buf_put_u8(&b, 0);
	assert_string_equal((char *)b.ptr, want);
	/* canonical form is a fixed point */
	assert_int_equal(url_parse(span_of(b.ptr, b.len - 1), URL_ALLOW_WS, &again), 0);
	assert_memory_equal(&u, &again, sizeof(u));
	buf_clear(&b);
}

static void
urls_have_one_canonical_form(void **state)
{
	static const char *const rows[][2] = {{"http://example.com", "http://example.com/"},
		{"HTTPS://EXAMPLE.com:443/A", "https://example.com/A"},
		{"http://example.com:8080?q", "http://example.com:8080/?q"},
		{"http://example.com#frag", "http://example.com/"},
		{"http://e.com/a#b?c", "http://e.com/a"}, {"http://e.com/?", "http://e.com/?"},
		{"http://e.com/a/./b/../c", "http://e.com/a/c"},
		{"http://e.com/../../x", "http://e.com/x"},
		{"http://e.com/a/%2e%2E/b", "http://e.com/b"},
		{"http://e.com/a/..", "http://e.com/"}, {"http://e.com/a/b/..", "http://e.com/a/"},
		{"http://e.com/a//../b", "http://e.com/a/b"},
		{"http://e.com/%7euser/%41%2f%3a", "http://e.com/~user/A%2F%3A"},
		{"http://e.com/\xc3\xbc?\xe2\x82\xac", "http://e.com/%C3%BC?%E2%82%AC"},
		{"http://e.com/{a}|\"<>^`[]", "http://e.com/%7Ba%7D%7C%22%3C%3E%5E%60%5B%5D"},
		{"http://e.com/?a/b?c=d&e=%0a", "http://e.com/?a/b?c=d&e=%0A"},
		{"http://1.2.3.4:80/", "http://1.2.3.4/"},
		{"http://[2001:DB8:0::1]:80/", "http://[2001:db8::1]/"},
		{"http://[::ffff:7f00:1]:8/", "http://[::ffff:127.0.0.1]:8/"},
		{"wss://gateway.example:18789/ws", "wss://gateway.example:18789/ws"},
		{"ws://a:80", "ws://a/"}, {"https://a-b.c1.d", "https://a-b.c1.d/"},
		{"http://xn--mnchen-3ya.de/", "http://xn--mnchen-3ya.de/"},
		{"http://e.com/a..b/.c/...", "http://e.com/a..b/.c/..."},
		{"http://3com.com/", "http://3com.com/"}, {"http://1.2.3.com", "http://1.2.3.com/"},
		{"http://0x7f.example", "http://0x7f.example/"}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_canonical(span_from_cstr(rows[i][0]), rows[i][1]);
}

static void
parts_are_told_apart(void **state)
{
	struct url u;

	(void)state;
	assert_int_equal(url_parse(SPAN("https://Example.com:8443/a/b?c=d#e"), 0, &u), 0);
	assert_int_equal(u.scheme, URL_HTTPS);
	assert_int_equal(u.kind, URL_HOST_NAME);
	assert_int_equal(u.port, 8443);
	assert_true(span_eq(url_host(&u), SPAN("example.com")));
	assert_true(span_eq(url_path(&u), SPAN("/a/b")));
	assert_true(span_eq(url_query(&u), SPAN("c=d")));
	assert_true(span_eq(url_target(&u), SPAN("/a/b?c=d")));
	assert_int_equal(url_parse(SPAN("http://[::1]"), 0, &u), 0);
	assert_int_equal(u.kind, URL_HOST_V6);
	assert_int_equal(u.port, 80);
	assert_int_equal(addr_classify(&u.addr), ADDR_LOOPBACK);
	assert_null(url_query(&u).ptr);
}

/* Loopback and the metadata service, spelled as attackers do; each must be refused as text. */
static void
disguised_addresses_are_refused(void **state)
{
	static const char *const hosts[] = {"127.1", "127.0.1", "2130706433", "0x7f000001",
		"0x7f.1", "0x7f.0.0.1", "0X7F.0.0.1", "017700000001", "0177.0.0.1", "0177.0.0.01",
		"127.0.0.01", "127.000.000.001", "0", "0x0", "0x", "00000000", "1", "127.0.0.1.",
		"127.0.0.1..", "127..0.1", "2852039166", "0xa9fea9fe", "0xa9.0xfe.0xa9.0xfe",
		"0251.0376.0251.0376", "169.254.43518", "169.16689662", "0251.254.169.254",
		"425.510.425.510", "4294967296", "99999999999999999999", "256.256.256.256",
		"127.0.0.1%00.example.com", "127.0.0.1%2eexample.com", "%31%32%37.0.0.1",
		"\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1", "a\xe3\x80\x82.127.0.0.1",
		"x.127\xe3\x80\x82.0.0.1", "\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1",
		"l\xc2\xadocalhost", "\xf0\x9d\x93\x81ocalhost", "localhost.", "[::1", "::1",
		"[::1]a", "[127.0.0.1]", "[::1%lo]", "[::1%25lo]", "[::127.1]", "[::0x7f.0.0.1]",
		"[]", "[::ffff:127.1]", "[::ffff:0177.0.0.1]", "a@127.0.0.1", "a:b@127.0.0.1",
		"@127.0.0.1", "example.com@127.0.0.1", "example.com:80@127.0.0.1",
		"127.0.0.1\\@example.com", "127.0.0.1\t", "127.0.0.1\n", "127.0.0.1 ",
		"\t127.0.0.1", "1.2.3.4.5", "a.1", "a.0x1", "example.com.0", "0.0.0.0.0x7f000001",
		"1e3.0x0", ".127.0.0.1", "-127.0.0.1", "+127.0.0.1"};
	struct url u;

	(void)state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		char text[256];

		snprintf(text, sizeof(text), "http://%s/", hosts[i]);
		if (url_parse(span_from_cstr(text), URL_ALLOW_WS, &u) == 0)
			print_error("accepted: %s\n", text);
		assert_int_equal(url_parse(span_from_cstr(text), URL_ALLOW_WS, &u), ERR_SYNTAX);
		assert_int_equal(u.scheme, URL_NONE);
		assert_int_equal(u.target_len, 0);
	}
}

/* What is read as an address shows its class. */
static void
plain_local_addresses_show_their_class(void **state)
{
	static const char *const urls[] = {"http://127.0.0.1", "http://169.254.169.254/latest",
		"http://0.0.0.0", "http://[::]", "http://[::1]", "http://[::ffff:127.0.0.1]",
		"http://[::ffff:a9fe:a9fe]", "http://[0:0:0:0:0:ffff:7f00:1]",
		"http://[64:ff9b::7f00:1]", "http://[2002:7f00:1::]", "http://[::127.0.0.1]",
		"http://[fe80::1]", "http://[fd00:ec2::254]", "http://10.0.0.1",
		"http://100.100.100.200", "http://192.168.0.1"};
	struct url u;

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		assert_int_equal(url_parse(span_from_cstr(urls[i]), 0, &u), 0);
		assert_true(u.kind == URL_HOST_V4 || u.kind == URL_HOST_V6);
		assert_false(addr_is_global(&u.addr));
	}
}

static void
malformed_urls_are_refused(void **state)
{
	const struct span bad[] = {SPAN(""), SPAN("http"), SPAN("http:"), SPAN("http:/"),
		SPAN("http://"), SPAN("http:///a"), SPAN("http:a.com"), SPAN("http:/a.com"),
		SPAN("http:\\\\a.com"), SPAN("//a.com"), SPAN(" http://a.com"),
		SPAN("http://a.com "), SPAN("http://a.com/\n"), SPAN("ht\ttp://a.com"),
		SPAN("http://a.com/\\b"), SPAN("http://a.com?\\"), SPAN("http://a.com#\\"),
		SPAN("http://a.com# "), SPAN("http://a.com/\0"), SPAN("http://a.com/\x7f"),
		SPAN("http://a.com/\xff"), SPAN("http://a.com/\xc0\xaf"), SPAN("http://a.com/%"),
		SPAN("http://a.com/%4"), SPAN("http://a.com/%zz"), SPAN("http://a.com/%00"),
		SPAN("http://a.com/?%0"), SPAN("http://a..com"), SPAN("http://.a.com"),
		SPAN("http://a.com."), SPAN("http://a_b.com"), SPAN("http://-a.com"),
		SPAN("http://a-.com"), SPAN("http://a*.com"), SPAN("http://a,b"),
		SPAN("http://a;b"), SPAN("http://a!b"), SPAN("http://\xc3\xbc.de"),
		SPAN("http://xn--.de"), SPAN("http://XN--a-.de"), SPAN("http://a.com:/"),
		SPAN("http://[::1]:"), SPAN("http://a.com:80:80"), SPAN("http://a.com:a"),
		SPAN("http://a.com:+80"), SPAN("http://a.com:080"), SPAN("http://a.com:8 0"),
		SPAN("http://[::1]80")};
	const struct span bad_ports[] = {SPAN("http://a.com:0"), SPAN("http://a.com:65536"),
		SPAN("http://a.com:4294967376"), SPAN("http://a.com:99999999999999999999")};
	const struct span schemes[] = {SPAN("ftp://a.com"), SPAN("file:///etc/passwd"),
		SPAN("gopher://a.com"), SPAN("data:,x"), SPAN("javascript:alert(1)"),
		SPAN("blob:http://a.com"), SPAN("httpx://a.com"), SPAN("://a.com"),
		SPAN("ws://a.com"), SPAN("wss://a.com")};
	struct url u;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (url_parse(bad[i], 0, &u) != ERR_SYNTAX)
			print_error("case %zu: %s\n", i, (const char *)bad[i].ptr);
		assert_int_equal(url_parse(bad[i], 0, &u), ERR_SYNTAX);
	}
	for (size_t i = 0; i < sizeof(bad_ports) / sizeof(bad_ports[0]); i++)
		assert_int_equal(url_parse(bad_ports[i], 0, &u), ERR_RANGE);
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		assert_int_equal(url_parse(schemes[i], 0, &u), ERR_UNSUPPORTED);
	assert_int_equal(url_parse(SPAN("http://a.com"), URL_REFUSE_PLAIN, &u), ERR_UNSUPPORTED);
	assert_int_equal(url_parse(SPAN("ws://a.com"), URL_REFUSE_PLAIN | URL_ALLOW_WS, &u),
		ERR_UNSUPPORTED);
	assert_int_equal(url_parse(SPAN("wss://a.com"), URL_REFUSE_PLAIN | URL_ALLOW_WS, &u), 0);
	assert_int_equal(url_parse(SPAN("http://a.com:65535"), 0, &u), 0);
}

static void
lengths_end_at_their_limits(void **state)
{
	char text[URL_MAX + 64];
	struct url u;
	const char *head = "http://";

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, head, 7);
	assert_int_equal(url_parse(span_of(text, 7 + 63), 0, &u), 0);
	assert_int_equal(url_parse(span_of(text, 7 + 64), 0, &u), ERR_SYNTAX);
	for (size_t i = 7 + 50; i < sizeof(text); i += 51)
		text[i] = '.';
	assert_int_equal(url_parse(span_of(text, 7 + URL_HOST_MAX), 0, &u), 0);
	assert_int_equal(url_host(&u).len, URL_HOST_MAX);
	assert_int_equal(url_parse(span_of(text, 7 + URL_HOST_MAX + 1), 0, &u), ERR_SYNTAX);
	memset(text, 'a', sizeof(text));
	memcpy(text, "http://b/", 9);
	assert_int_equal(url_parse(span_of(text, URL_MAX), 0, &u), 0);
	assert_int_equal(url_parse(span_of(text, URL_MAX + 1), 0, &u), ERR_TOOBIG);
	memset(text + 9, '"', URL_MAX / 2); /* grows threefold */
	assert_int_equal(url_parse(span_of(text, 9 + URL_MAX / 2), 0, &u), ERR_TOOBIG);
	assert_int_equal(u.scheme, URL_NONE);
}

static void
origins_compare_by_scheme_host_and_port(void **state)
{
	struct url a, b, none = {0};

	(void)state;
	assert_int_equal(url_parse(SPAN("https://a.com/x"), 0, &a), 0);
	assert_int_equal(url_parse(SPAN("https://A.com:443/y?z"), 0, &b), 0);
	assert_true(url_is_same_origin(&a, &b));
	assert_int_equal(url_parse(SPAN("http://a.com:443/"), 0, &b), 0);
	assert_false(url_is_same_origin(&a, &b));
	assert_int_equal(url_parse(SPAN("https://a.com:444/"), 0, &b), 0);
	assert_false(url_is_same_origin(&a, &b));
	assert_int_equal(url_parse(SPAN("https://b.com/"), 0, &b), 0);
	assert_false(url_is_same_origin(&a, &b));
	assert_false(url_is_same_origin(&none, &none));
}

static void
origin_headers_are_exact(void **state)
{
	const struct span good[] = {SPAN("http://localhost:18789"), SPAN("https://a.com"),
		SPAN("http://[::1]:18789"), SPAN("http://127.0.0.1")};
	const struct span bad[] = {SPAN("null"), SPAN(""), SPAN("https://a.com/"),
		SPAN("https://A.com"), SPAN("https://a.com:443"), SPAN("https://a.com?"),
		SPAN("https://a.com#"), SPAN("HTTPS://a.com"), SPAN("https://a.com, https://b.com"),
		SPAN("https://u@a.com"), SPAN("chrome-extension://abc"), SPAN("file://")};
	struct url u;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(url_parse_origin(good[i], &u), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_true(url_parse_origin(bad[i], &u) < 0);
		assert_int_equal(u.scheme, URL_NONE);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls_have_one_canonical_form),
		cmocka_unit_test(parts_are_told_apart),
		cmocka_unit_test(disguised_addresses_are_refused),
		cmocka_unit_test(plain_local_addresses_show_their_class),
		cmocka_unit_test(malformed_urls_are_refused),
		cmocka_unit_test(lengths_end_at_their_limits),
		cmocka_unit_test(origins_compare_by_scheme_host_and_port),
		cmocka_unit_test(origin_headers_are_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
