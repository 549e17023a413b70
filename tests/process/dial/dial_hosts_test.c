/*
 * Every host that the standard input names (hexadecimal, one a line), asked of the real dial as a host of the web. dial_hosts.py runs it
 * in a network namespace where every address there is is this machine: one listener on all of them sees each connection and the address
 * that it was for, no other than a global one. Names are answered by the machine's own hosts file only.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../harness.h"
#include "args/args.h"
#include "base/err.h"
#include "base/utf8.h"
#include "dial/dial.h"
#include "url/addr.h"

#define WEB 40u
#define HOST_MAX 512

static const char *program;

static int
listener(uint16_t *port)
{
	struct sockaddr_in6 sa = {.sin6_family = AF_INET6};
	socklen_t len = sizeof(sa);
	int no = 0;
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	*port = ntohs(sa.sin6_port);
	return fd;
}

/* Whoever came: to a global address, each of them. Returns how many. */
static unsigned
came(int listen_fd, const char *host)
{
	unsigned n = 0;
	int fd;

	while ((fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		struct sockaddr_in6 sa;
		socklen_t len = sizeof(sa);
		struct addr to = {.family = 6};
		static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
		char text[ADDR_TEXT_MAX];

		assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
		memcpy(to.bytes, &sa.sin6_addr, 16);
		if (memcmp(to.bytes, mapped, sizeof(mapped)) == 0) { /* how IPv4 looks here */
			to = (struct addr){.family = 4};
			memcpy(to.bytes, (const uint8_t *)&sa.sin6_addr + 12, 4);
		}
		(void)addr_format(&to, text);
		if (!addr_is_global(&to))
			print_message("\"%s\" led to %s\n", host, text);
		assert_true(addr_is_global(&to));
		n++;
		close(fd);
	}
	return n;
}

static size_t
read_host(char out[HOST_MAX])
{
	char line[4 * HOST_MAX];
	size_t len;
	size_t n = 0;

	if (fgets(line, sizeof(line), stdin) == NULL)
		return SIZE_MAX;
	len = strcspn(line, "\n");
	for (; n < len / 2 && n < HOST_MAX - 1; n++) {
		unsigned v = 0;

		if (sscanf(line + 2 * n, "%2x", &v) != 1) /* NOLINT(cert-err34-c) */
			break;
		out[n] = (char)v;
	}
	out[n] = '\0';
	return n;
}

static void
no_host_leads_to_an_address_that_is_not_global(void **state)
{
	static struct ipc_received in;
	struct buf slice = {.max = 4096};
	struct args_out out;
	struct harness *h;
	unsigned asked = 0, connected = 0;
	char host[HOST_MAX];
	size_t len;
	uint16_t port;
	int listen_fd;
	int web;

	(void)state;
	listen_fd = listener(&port);
	args_out_init(&out, &slice, false);
	args_out_u64(&out, "web.row", WEB);
	assert_int_equal(args_out_done(&out), 0);
	h = harness_new(program, NULL,
		&(struct harness_options){.kind = KIND_DIAL, .slice = buf_span(&slice)});
	harness_start(h);
	web = harness_peer(h, KIND_EGRESS, WEB);
	while ((len = read_host(host)) != SIZE_MAX) {
		const struct egress_dial_connected *c;

		/* a text that the message cannot carry does not come this far */
		if (len > URL_HOST_MAX || strlen(host) != len || !utf8_is_valid(span_of(host, len)))
			continue;
		(void)poll(NULL, 0, 2); /* no more in a second than the message's row allows */
		harness_send(web, &egress_dial_proto, IPC_SIDE_A, EGRESS_DIAL_CONNECT_WEB,
			&(struct egress_dial_connect_web){
				.req = ++asked, .host = span_of(host, len), .port = port});
		c = harness_recv(web, &egress_dial_proto, IPC_SIDE_A, EGRESS_DIAL_CONNECTED, &in);
		assert_int_equal(c->req, asked);
		if (c->socket >= 0)
			close(c->socket);
		connected += came(listen_fd, host);
	}
	print_message(
		"%u hosts asked for, %u connections, all to global addresses\n", asked, connected);
	assert_true(asked > 400);
	assert_true(connected >= 1);
	close(web);
	assert_int_equal(harness_free(h), 0);
	close(listen_fd);
	buf_clear(&slice);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_host_leads_to_an_address_that_is_not_global),
	};

	assert_true(argc > 1);
	program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
