/* Tests of lib/url: address literals and classes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/err.h"
#include "url/addr.h"

static void
only_canonical_dotted_quads_are_ipv4(void **state)
{
	static const char *const bad[] = {"", ".", "1", "1.2", "1.2.3", "1.2.3.", ".1.2.3",
		"1..2.3", "1.2.3.4.", "1.2.3.4.5", "01.2.3.4", "1.2.3.04", "00.0.0.0", "256.1.1.1",
		"1.2.3.256", "0x1.2.3.4", "1.2.3.0x4", "1.2.3.a", "+1.2.3.4", "-1.2.3.4",
		" 1.2.3.4", "1.2.3.4 ", "1.2.3.4\n", "2130706433", "0x7f000001", "017700000001",
		"127.1", "1,2,3,4", "1.2.3.1e1"};
	struct addr a;
	char text[ADDR_TEXT_MAX];

	(void)state;
	assert_int_equal(addr_parse_v4(SPAN("0.255.10.1"), &a), 0);
	assert_int_equal(addr_format(&a, text), 10);
	assert_string_equal(text, "0.255.10.1");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(addr_parse(span_from_cstr(bad[i]), &a), ERR_SYNTAX);
		assert_int_equal(a.family, 0);
	}
	assert_int_equal(addr_parse_v4(SPAN("1.2.3.4\0"), &a), ERR_SYNTAX);
}

static void
ipv6_literals_read_and_write_canonically(void **state)
{
	static const char *const rows[][2] = {{"::", "::"}, {"::1", "::1"}, {"1::", "1::"},
		{"0:0:0:0:0:0:0:0", "::"}, {"2001:DB8::0001", "2001:db8::1"},
		{"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"}, {"1:0:0:2:0:0:0:3", "1:0:0:2::3"},
		{"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"}, {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
		{"1::3:4:5:6:7:8", "1:0:3:4:5:6:7:8"}, {"::ffff:1.2.3.4", "::ffff:1.2.3.4"},
		{"::FFFF:102:304", "::ffff:1.2.3.4"}, {"64:ff9b::1.2.3.4", "64:ff9b::102:304"},
		{"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
			"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}};
	struct addr a, b;
	char text[ADDR_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(addr_parse(span_from_cstr(rows[i][0]), &a), 0);
		assert_int_equal(addr_format(&a, text), span_from_cstr(rows[i][1]).len);
		assert_string_equal(text, rows[i][1]);
		assert_int_equal(addr_parse(span_from_cstr(text), &b), 0);
		assert_true(addr_is_equal(&a, &b));
	}
}

static void
malformed_ipv6_is_refused(void **state)
{
	static const char *const bad[] = {":", ":::", "1", "1:", ":1", "1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "1::2::3", "1:::2",
		"12345::", "::12345", "g::", "::1%eth0", "[::1]", "::1 ", " ::1", "::1.2.3",
		"::1.2.3.4.5", "::1.2.3.256", "::01.2.3.4", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3.4:5",
		"1.2.3.4::", "::0x1", "::-1", "1:2:3:4:5:6:7:", ":2:3:4:5:6:7:8", "::.", "::1."};
	struct addr a;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(addr_parse_v6(span_from_cstr(bad[i]), &a), ERR_SYNTAX);
		assert_int_equal(a.family, 0);
	}
}

static const struct {
	const char *text;
	enum addr_class class;
} classes[] = {{"8.8.8.8", ADDR_GLOBAL}, {"1.1.1.1", ADDR_GLOBAL}, {"0.0.0.0", ADDR_UNSPECIFIED},
	{"0.1.2.3", ADDR_UNSPECIFIED}, {"127.0.0.1", ADDR_LOOPBACK},
	{"127.255.255.255", ADDR_LOOPBACK}, {"128.0.0.0", ADDR_GLOBAL},
	{"126.255.255.255", ADDR_GLOBAL}, {"10.0.0.0", ADDR_PRIVATE},
	{"172.15.255.255", ADDR_GLOBAL}, {"172.16.0.1", ADDR_PRIVATE},
	{"172.31.255.255", ADDR_PRIVATE}, {"172.32.0.0", ADDR_GLOBAL},
	{"192.168.1.1", ADDR_PRIVATE}, {"169.254.169.254", ADDR_LINK_LOCAL},
	{"100.63.255.255", ADDR_GLOBAL}, {"100.64.0.0", ADDR_CGNAT},
	{"100.100.100.200", ADDR_CGNAT}, {"100.128.0.0", ADDR_GLOBAL},
	{"192.0.0.192", ADDR_PROTOCOL}, {"192.0.0.9", ADDR_ANYCAST}, {"192.0.0.171", ADDR_NAT64},
	{"192.0.2.1", ADDR_DOCUMENTATION}, {"198.51.100.1", ADDR_DOCUMENTATION},
	{"203.0.113.255", ADDR_DOCUMENTATION}, {"198.18.0.1", ADDR_BENCHMARKING},
	{"198.19.255.255", ADDR_BENCHMARKING}, {"198.20.0.0", ADDR_GLOBAL},
	{"192.88.99.1", ADDR_SIXTOFOUR}, {"224.0.0.1", ADDR_MULTICAST},
	{"239.255.255.255", ADDR_MULTICAST}, {"240.0.0.1", ADDR_RESERVED},
	{"255.255.255.254", ADDR_RESERVED}, {"255.255.255.255", ADDR_BROADCAST},
	{"2606:4700:4700::1111", ADDR_GLOBAL}, {"2000::", ADDR_GLOBAL},
	{"3ffe:ffff::", ADDR_GLOBAL}, {"::", ADDR_UNSPECIFIED}, {"::1", ADDR_LOOPBACK},
	{"::2", ADDR_COMPATIBLE}, {"::127.0.0.1", ADDR_COMPATIBLE},
	{"::ffff:127.0.0.1", ADDR_MAPPED}, {"::ffff:8.8.8.8", ADDR_MAPPED},
	{"::ffff:0:127.0.0.1", ADDR_TRANSLATED}, {"64:ff9b::7f00:1", ADDR_NAT64},
	{"64:ff9b::808:808", ADDR_NAT64}, {"64:ff9b:1::a9fe:a9fe", ADDR_NAT64},
	{"64:ff9b:2::", ADDR_RESERVED}, {"100::1", ADDR_DISCARD}, {"100:0:0:1::", ADDR_DISCARD},
	{"100:0:0:2::", ADDR_RESERVED}, {"2001::1", ADDR_TEREDO},
	{"2001:0:4136:e378:8000:63bf:3fff:fdd2", ADDR_TEREDO}, {"2001:1::1", ADDR_ANYCAST},
	{"2001:1::4", ADDR_PROTOCOL}, {"2001:2::1", ADDR_BENCHMARKING}, {"2001:3::1", ADDR_ANYCAST},
	{"2001:4:112::1", ADDR_ANYCAST}, {"2001:10::1", ADDR_ORCHID},
	{"2001:2f:ffff::1", ADDR_ORCHID}, {"2001:3f::1", ADDR_ORCHID},
	{"2001:40::1", ADDR_PROTOCOL}, {"2001:1ff:ffff::", ADDR_PROTOCOL},
	{"2001:200::", ADDR_GLOBAL}, {"2001:db8::1", ADDR_DOCUMENTATION},
	{"2002:7f00:1::1", ADDR_SIXTOFOUR}, {"2002:808:808::1", ADDR_SIXTOFOUR},
	{"2620:4f:8000::1", ADDR_ANYCAST}, {"3fff:fff::1", ADDR_DOCUMENTATION},
	{"3fff:1000::", ADDR_GLOBAL}, {"4000::", ADDR_RESERVED}, {"5f00::1", ADDR_SRV6},
	{"fc00::1", ADDR_UNIQUE_LOCAL}, {"fd00:ec2::254", ADDR_UNIQUE_LOCAL},
	{"fe80::1", ADDR_LINK_LOCAL}, {"febf::1", ADDR_LINK_LOCAL}, {"fec0::1", ADDR_SITE_LOCAL},
	{"feff::1", ADDR_SITE_LOCAL}, {"ff02::1", ADDR_MULTICAST},
	{"2606:4700::5efe:7f00:1", ADDR_ISATAP}, {"2606:4700::200:5efe:10.0.0.1", ADDR_ISATAP},
	{"2606:4700::300:5efe:8.8.8.8", ADDR_ISATAP}, {"fe80::5efe:10.0.0.1", ADDR_LINK_LOCAL}};

static void
addresses_have_the_class_of_their_registry_row(void **state)
{
	struct addr a;

	(void)state;
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		assert_int_equal(addr_parse(span_from_cstr(classes[i].text), &a), 0);
		if (addr_classify(&a) != classes[i].class)
			print_error(
				"%s: %s\n", classes[i].text, addr_class_text(addr_classify(&a)));
		assert_int_equal(addr_classify(&a), classes[i].class);
		assert_int_equal(addr_is_global(&a), classes[i].class == ADDR_GLOBAL);
	}
}

static void
no_address_is_not_global(void **state)
{
	struct addr a = {0};
	char text[ADDR_TEXT_MAX];

	(void)state;
	assert_int_equal(addr_classify(&a), ADDR_UNKNOWN);
	assert_false(addr_is_global(&a));
	assert_int_equal(addr_format(&a, text), 0);
	a.family = 5;
	a.bytes[0] = 8;
	assert_false(addr_is_global(&a));
	assert_string_equal(addr_class_text((enum addr_class)999), addr_class_text(ADDR_UNKNOWN));
}

static void
a_mapped_address_of_a_socket_is_ipv4(void **state)
{
	static const struct {
		int family;
		const char *given;
		const char *text;
	} cases[] = {{AF_INET, "192.0.2.7", "192.0.2.7"}, {AF_INET6, "2001:db8::7", "2001:db8::7"},
		{AF_INET6, "::ffff:192.0.2.7", "192.0.2.7"}, {AF_UNIX, NULL, ""}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sockaddr_storage ss = {.ss_family = (sa_family_t)cases[i].family};
		struct sockaddr_in *in = (void *)&ss;
		struct sockaddr_in6 *in6 = (void *)&ss;
		char text[ADDR_TEXT_MAX];
		uint16_t port = 1;
		struct addr a;

		in->sin_port = htons(443); /* at the same place in both */
		if (cases[i].given != NULL)
			assert_int_equal(
				inet_pton(cases[i].family, cases[i].given,
					cases[i].family == AF_INET ? (void *)&in->sin_addr
								   : (void *)&in6->sin6_addr),
				1);
		a = addr_from_socket(&ss, &port);
		(void)addr_format(&a, text);
		assert_string_equal(text, cases[i].text);
		assert_int_equal(port, cases[i].given != NULL ? 443 : 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_canonical_dotted_quads_are_ipv4),
		cmocka_unit_test(ipv6_literals_read_and_write_canonically),
		cmocka_unit_test(malformed_ipv6_is_refused),
		cmocka_unit_test(addresses_have_the_class_of_their_registry_row),
		cmocka_unit_test(no_address_is_not_global),
		cmocka_unit_test(a_mapped_address_of_a_socket_is_ipv4),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
