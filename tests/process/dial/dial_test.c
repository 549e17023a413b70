/* The real dial: what it connects to, what it refuses, and names that lie. Listeners are on loopback; no public address is asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../harness.h"
#include "args/args.h"
#include "base/err.h"
#include "dial/dial.h"

#define WEB 40u

static const char *program;
static struct ipc_received in;
static struct buf slice = {.max = 65536};
static struct args_out out;

static int
listener(uint16_t *port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	*port = ntohs(sa.sin_port);
	return fd;
}

static void
rows_begin(void)
{
	buf_reset(&slice);
	args_out_init(&out, &slice, false);
	args_out_u64(&out, "web.row", WEB);
}

#define TAG(n) (UINT64_C(0xfedcba9876543210) + (n))

static void
row(unsigned n, const char *host, uint16_t port, bool local)
{
	char key[64];

	(void)snprintf(key, sizeof(key), "row.%u.host", n);
	args_out_cstr(&out, key, host);
	(void)snprintf(key, sizeof(key), "row.%u.tag", n);
	args_out_u64(&out, key, TAG(n));
	(void)snprintf(key, sizeof(key), "row.%u.scheme", n);
	args_out_cstr(&out, key, "http");
	(void)snprintf(key, sizeof(key), "row.%u.port", n);
	args_out_u64(&out, key, port);
	(void)snprintf(key, sizeof(key), "row.%u.local", n);
	args_out_bool(&out, key, local);
}

static struct harness *
launch(void)
{
	struct harness *h;

	assert_int_equal(args_out_done(&out), 0);
	h = harness_new(program, NULL,
		&(struct harness_options){.kind = KIND_DIAL, .slice = buf_span(&slice)});
	harness_start(h);
	return h;
}

/* The answer's code; the descriptor, when there is one, in *fd. */
static int
connect_row(int egress, uint32_t n, int *fd)
{
	const struct egress_dial_connected *c;

	harness_send(egress, &egress_dial_proto, IPC_SIDE_A, EGRESS_DIAL_CONNECT,
		&(struct egress_dial_connect){.req = n, .row = n, .tag = TAG(n)});
	c = harness_recv(egress, &egress_dial_proto, IPC_SIDE_A, EGRESS_DIAL_CONNECTED, &in);
	assert_int_equal(c->req, n);
	assert_int_equal(c->socket >= 0, c->rc == 0);
	*fd = c->socket;
	return (int)c->rc;
}

static int
connect_web(int egress, const char *host, uint32_t port)
{
	const struct egress_dial_connected *c;

	harness_send(egress, &egress_dial_proto, IPC_SIDE_A, EGRESS_DIAL_CONNECT_WEB,
		&(struct egress_dial_connect_web){
			.req = 1, .host = span_from_cstr(host), .port = port});
	c = harness_recv(egress, &egress_dial_proto, IPC_SIDE_A, EGRESS_DIAL_CONNECTED, &in);
	assert_int_equal(c->socket, -1);
	return (int)c->rc;
}

static void
nobody_came(int listen_fd)
{
	assert_int_equal(accept(listen_fd, NULL, NULL), -1);
	assert_int_equal(errno, EAGAIN);
}

static void
an_exact_local_row_is_connected_and_the_descriptor_carries_bytes(void **state)
{
	uint16_t port;
	int listen_fd = listener(&port);
	struct harness *h;
	char got[5] = "";
	int egress;
	int ours;
	int fd;

	(void)state;
	rows_begin();
	row(2, "127.0.0.1", port, true);
	h = launch();
	egress = harness_peer(h, KIND_EGRESS, 2);
	assert_int_equal(connect_row(egress, 2, &fd), 0);
	ours = accept(listen_fd, NULL, NULL);
	assert_true(ours >= 0);
	assert_int_equal(write(fd, "hello", 5), 5);
	assert_int_equal(read(ours, got, 5), 5);
	assert_memory_equal(got, "hello", 5);
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	close(fd);
	close(ours);
	close(egress);
	assert_int_equal(harness_free(h), 0);
	close(listen_fd);
}

static void
an_egress_gets_its_own_row_only(void **state)
{
	uint16_t port;
	int listen_fd = listener(&port);
	struct harness *h;
	int egress;
	int fd;

	(void)state;
	rows_begin();
	row(2, "127.0.0.1", port, true);
	row(3, "127.0.0.1", port, true);
	h = launch();
	egress = harness_peer(h, KIND_EGRESS, 3);
	assert_int_equal(connect_row(egress, 2, &fd), ERR_DENIED);
	assert_int_equal(connect_row(egress, 4, &fd), ERR_DENIED);
	assert_int_equal(connect_row(egress, UINT32_MAX, &fd), ERR_DENIED);
	assert_int_equal(connect_web(egress, "127.0.0.1", port), ERR_DENIED);
	nobody_came(listen_fd);
	close(egress);
	assert_int_equal(harness_free(h), 0);
	close(listen_fd);
}

/* The configuration was changed: its number stands for another destination now. */
static void
an_egress_that_knows_another_destination_is_refused(void **state)
{
	const struct egress_dial_connected *c;
	uint16_t port;
	int listen_fd = listener(&port);
	struct harness *h;
	int egress;

	(void)state;
	rows_begin();
	row(2, "127.0.0.1", port, true);
	h = launch();
	egress = harness_peer(h, KIND_EGRESS, 2);
	harness_send(egress, &egress_dial_proto, IPC_SIDE_A, EGRESS_DIAL_CONNECT,
		&(struct egress_dial_connect){.req = 1, .row = 2, .tag = TAG(2) + 1});
	c = harness_recv(egress, &egress_dial_proto, IPC_SIDE_A, EGRESS_DIAL_CONNECTED, &in);
	assert_int_equal(c->rc, ERR_NOPEER);
	assert_int_equal(c->socket, -1);
	nobody_came(listen_fd);
	close(egress);
	assert_int_equal(harness_free(h), 0);
	close(listen_fd);
}

/* Addresses of this machine and of networks that are nobody's business, in every spelling. */
static const char *const bad_hosts[] = {"127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.0.0.1",
	"127.0.0.1.", "0.0.0.0", "0", "10.0.0.1", "192.168.0.1", "172.16.0.1", "169.254.169.254",
	"100.100.100.200", "::1", "::", "::ffff:127.0.0.1", "::ffff:7f00:1", "64:ff9b::7f00:1",
	"2002:7f00:1::", "fe80::1", "fd00::1", "fec0::1", "ff02::1", "224.0.0.1", "255.255.255.255",
	"192.0.2.1", "2001:db8::1", "[::1]", "localhost", "LOCALHOST", "127.0.0.1/", "127.0.0.1?",
	"127.0.0.1#", "x@127.0.0.1", "127.0.0.1:80", "127.0.0.1%20", "", " ", "a b", "a..b",
	"\xe2\x91\xa0.0.0.1"};

static void
no_spelling_of_a_private_address_is_connected_to(void **state)
{
	uint16_t port;
	int listen_fd = listener(&port);
	struct harness *h;
	int egress;
	int web;
	int fd;

	(void)state;
	rows_begin();
	for (unsigned i = 0; i < sizeof(bad_hosts) / sizeof(bad_hosts[0]); i++) {
		if (i != WEB && bad_hosts[i][0] != '\xe2')
			row(i, bad_hosts[i], port, false);
	}
	h = launch();
	web = harness_peer(h, KIND_EGRESS, WEB);
	for (unsigned i = 0; i < sizeof(bad_hosts) / sizeof(bad_hosts[0]); i++) {
		assert_true(connect_web(web, bad_hosts[i], port) < 0);
		if (i == WEB)
			continue;
		egress = harness_peer(h, KIND_EGRESS, i);
		assert_true(connect_row(egress, i, &fd) < 0);
		close(egress);
	}
	nobody_came(listen_fd);
	close(web);
	assert_int_equal(harness_free(h), 0);
	close(listen_fd);
}

static void
a_local_row_is_a_literal_private_address_and_never_a_name_or_a_metadata_service(void **state)
{
	static const char *const hosts[] = {"localhost", "169.254.169.254", "0.0.0.0",
		"::ffff:127.0.0.1", "224.0.0.1", "fe80::1"};
	uint16_t port;
	int listen_fd = listener(&port);
	struct harness *h;
	int fd;

	(void)state;
	rows_begin();
	for (unsigned i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		row(i, hosts[i], port, true);
	h = launch();
	for (unsigned i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		int egress = harness_peer(h, KIND_EGRESS, i);

		assert_int_equal(connect_row(egress, i, &fd), ERR_DENIED);
		close(egress);
	}
	nobody_came(listen_fd);
	assert_int_equal(harness_free(h), 0);
	close(listen_fd);
}

static void
a_port_where_nobody_listens_is_an_error_with_words(void **state)
{
	uint16_t port;
	int listen_fd = listener(&port);
	const struct egress_dial_connected *c;
	struct harness *h;
	int egress;
	int fd;

	(void)state;
	close(listen_fd);
	rows_begin();
	row(2, "127.0.0.1", port, true);
	h = launch();
	egress = harness_peer(h, KIND_EGRESS, 2);
	assert_int_equal(connect_row(egress, 2, &fd), ERR_SYS);
	c = (const void *)in.msg.bytes;
	assert_true(span_eq(c->detail, SPAN("Connection refused")));
	close(egress);
	assert_int_equal(harness_free(h), 0);
}

static void
an_egress_that_goes_leaves_nothing_behind(void **state)
{
	struct harness *h;

	(void)state;
	rows_begin();
	row(2, "unreachable.invalid", 80, false);
	h = launch();
	for (unsigned i = 0; i < 3 * DIAL_RESOLVERS_MAX; i++) {
		int egress = harness_peer(h, KIND_EGRESS, 2);

		harness_send(egress, &egress_dial_proto, IPC_SIDE_A, EGRESS_DIAL_CONNECT,
			&(struct egress_dial_connect){.req = 1, .row = 2, .tag = TAG(2)});
		close(egress);
	}
	/* still there, and with room for another */
	{
		int egress = harness_peer(h, KIND_EGRESS, 2);
		int fd;

		assert_int_not_equal(connect_row(egress, 2, &fd), ERR_BUSY);
		close(egress);
	}
	assert_int_equal(harness_free(h), 0);
}

static void
no_more_names_are_resolved_at_once_than_the_limit_says(void **state)
{
	const struct egress_dial_connected *c;
	struct harness *h;
	unsigned busy = 0;
	int egress;

	(void)state;
	rows_begin();
	row(2, "unreachable.invalid", 80, false);
	h = launch();
	egress = harness_peer(h, KIND_EGRESS, 2);
	for (unsigned i = 0; i < 200; i++)
		harness_send(egress, &egress_dial_proto, IPC_SIDE_A, EGRESS_DIAL_CONNECT,
			&(struct egress_dial_connect){.req = i, .row = 2, .tag = TAG(2)});
	for (unsigned i = 0; i < 200; i++) {
		c = harness_recv(
			egress, &egress_dial_proto, IPC_SIDE_A, EGRESS_DIAL_CONNECTED, &in);
		assert_true(c->rc < 0);
		busy += c->rc == ERR_BUSY;
	}
	assert_in_range(busy, 1, 200 - DIAL_RESOLVERS_MAX);
	close(egress);
	assert_int_equal(harness_free(h), 0);
}

/* A listener whose queue is full answers nobody: connections stay under way. */
static void
no_more_connections_are_made_at_once_than_the_limit_says(void **state)
{
	const struct egress_dial_connected *c;
	struct harness *h;
	uint16_t port;
	int listen_fd = listener(&port);
	unsigned busy = 0;
	int egress;

	(void)state;
	assert_int_equal(listen(listen_fd, 0), 0);
	rows_begin();
	row(2, "127.0.0.1", port, true);
	h = launch();
	egress = harness_peer(h, KIND_EGRESS, 2);
	for (unsigned i = 0; i < DIAL_CALLS_MAX + 20; i++)
		harness_send(egress, &egress_dial_proto, IPC_SIDE_A, EGRESS_DIAL_CONNECT,
			&(struct egress_dial_connect){.req = i, .row = 2, .tag = TAG(2)});
	while (ipc_sync_recv(egress, &egress_dial_proto, IPC_SIDE_A, 500, &in) == 0) {
		c = (const void *)in.msg.bytes;
		busy += c->rc == ERR_BUSY;
		if (c->socket >= 0)
			close(c->socket);
	}
	assert_in_range(busy, 1, 20);
	close(egress);
	assert_int_equal(harness_free(h), 0);
	close(listen_fd);
}

static void
a_row_beyond_the_last_number_does_not_exist(void **state)
{
	struct harness *h;
	uint16_t port;
	int listen_fd = listener(&port);
	int egress;
	int fd;

	(void)state;
	rows_begin();
	row(DIAL_ROWS_MAX - 1, "127.0.0.1", port, true);
	row(DIAL_ROWS_MAX, "127.0.0.1", port, true);
	h = launch();
	egress = harness_peer(h, KIND_EGRESS, DIAL_ROWS_MAX);
	assert_int_equal(connect_row(egress, DIAL_ROWS_MAX, &fd), ERR_DENIED);
	close(egress);
	egress = harness_peer(h, KIND_EGRESS, DIAL_ROWS_MAX - 1);
	assert_int_equal(connect_row(egress, DIAL_ROWS_MAX - 1, &fd), 0);
	close(fd);
	close(egress);
	assert_int_equal(harness_free(h), 0);
	close(listen_fd);
}

/* ---- names that mean what somebody else wants: in a mount namespace with a hosts file of ours ---- */

static const char hosts_file[] = "127.0.0.1 plain.test\n"
				 "93.184.216.34 mixed.test\n127.0.0.1 mixed.test\n"
				 "::1 six.test\n"
				 "::ffff:127.0.0.1 mapped.test\n"
				 "169.254.169.254 metadata.test\n";

static int
write_all(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

	if (fd >= 0)
		close(fd);
	return n == (ssize_t)strlen(text) ? 0 : -1;
}

static bool
enter_own_hosts(void)
{
	char dir[] = "/tmp/dial_test.XXXXXX";
	char hosts[64];
	char conf[64];

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mkdtemp(dir) == NULL)
		return false;
	(void)snprintf(hosts, sizeof(hosts), "%s/hosts", dir);
	(void)snprintf(conf, sizeof(conf), "%s/nsswitch.conf", dir);
	if (write_all(hosts, hosts_file) < 0 || write_all(conf, "hosts: files\n") < 0)
		return false;
	if (mount(hosts, "/etc/hosts", NULL, MS_BIND, NULL) < 0 ||
		mount(conf, "/etc/nsswitch.conf", NULL, MS_BIND, NULL) < 0)
		return false;
	return true;
}

static void
a_name_with_one_answer_that_is_not_public_is_refused_whole(void **state)
{
	static const struct {
		const char *name;
		const char *detail;
	} rows[] = {{"plain.test", "the address 127.0.0.1 is not public: loopback"},
		{"mixed.test", "the address 127.0.0.1 is not public: loopback"},
		{"six.test", "the address ::1 is not public: loopback"}, {"mapped.test", NULL},
		{"metadata.test", "the address 169.254.169.254 is not public: link-local"}};
	uint16_t port;
	int listen_fd;
	struct harness *h;
	int web;

	(void)state;
	if (!enter_own_hosts()) {
		print_message("skipped: a mount namespace with a hosts file of its own is not to "
			      "be had here\n");
		skip();
	}
	listen_fd = listener(&port);
	rows_begin();
	h = launch();
	web = harness_peer(h, KIND_EGRESS, WEB);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(connect_web(web, rows[i].name, port), ERR_DENIED);
		if (rows[i].detail != NULL)
			assert_true(span_eq(
				((const struct egress_dial_connected *)(const void *)in.msg.bytes)
					->detail,
				span_from_cstr(rows[i].detail)));
	}
	assert_int_equal(connect_web(web, "absent.test", port), ERR_NOTFOUND);
	nobody_came(listen_fd);
	close(web);
	assert_int_equal(harness_free(h), 0);
	close(listen_fd);
}

static void
one_bad_address_among_good_ones_is_found_wherever_it_stands(void **state)
{
	struct addr addrs[DIAL_ANSWERS_MAX];

	(void)state;
	for (size_t bad = 0; bad < DIAL_ANSWERS_MAX; bad++) {
		for (size_t i = 0; i < DIAL_ANSWERS_MAX; i++)
			assert_int_equal(
				addr_parse(i == bad ? SPAN("10.0.0.1") : SPAN("93.184.216.34"),
					&addrs[i]),
				0);
		assert_int_equal(dial_first_bad(addrs, DIAL_ANSWERS_MAX, false), (int)bad);
		assert_int_equal(dial_first_bad(addrs, DIAL_ANSWERS_MAX, true), -1);
	}
	assert_false(dial_may_connect(&(struct addr){0}, true));
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_exact_local_row_is_connected_and_the_descriptor_carries_bytes),
		cmocka_unit_test(an_egress_gets_its_own_row_only),
		cmocka_unit_test(an_egress_that_knows_another_destination_is_refused),
		cmocka_unit_test(no_spelling_of_a_private_address_is_connected_to),
		cmocka_unit_test(
			a_local_row_is_a_literal_private_address_and_never_a_name_or_a_metadata_service),
		cmocka_unit_test(a_port_where_nobody_listens_is_an_error_with_words),
		cmocka_unit_test(an_egress_that_goes_leaves_nothing_behind),
		cmocka_unit_test(no_more_names_are_resolved_at_once_than_the_limit_says),
		cmocka_unit_test(no_more_connections_are_made_at_once_than_the_limit_says),
		cmocka_unit_test(a_row_beyond_the_last_number_does_not_exist),
		cmocka_unit_test(one_bad_address_among_good_ones_is_found_wherever_it_stands),
		cmocka_unit_test(a_name_with_one_answer_that_is_not_public_is_refused_whole),
	};

	assert_true(argc > 1);
	program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
