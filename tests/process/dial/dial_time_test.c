/*
 * What dial waits for, and how long: a name, an address, the next address. In a network of its own in which every public address is
 * this machine: one name server that says nothing, one port whose queue is full.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../harness.h"
#include "args/args.h"
#include "base/err.h"
#include "base/limits.h"
#include "proto/egress_dial.h"

#define ROW 2u
#define TAG UINT64_C(77)

static const char *program;
static bool has_network;
static struct ipc_received in;

/* ---- the network ---- */

static bool
put_file(const char *dir, const char *name, const char *text)
{
	char path[96];
	char target[64];
	int fd;
	bool ok;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	(void)snprintf(target, sizeof(target), "/etc/%s", name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return false;
	ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return ok && mount(path, target, NULL, MS_BIND, NULL) == 0;
}

static bool
set_up_loopback(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq up = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	struct ifreq public = {.ifr_name = "lo:1"};
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x5db8d822)};
	bool ok;

	memcpy(&public.ifr_addr, &sa, sizeof(sa)); /* 93.184.216.34, and with its class all of 93 */
	ok = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &up) == 0 && ioctl(fd, SIOCSIFADDR, &public) == 0;
	close(fd);
	return ok;
}

static bool
enter_network(void)
{
	char dir[] = "/tmp/dial_time.XXXXXX";

	return unshare(CLONE_NEWNS | CLONE_NEWNET) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && mkdtemp(dir) != NULL &&
	       mount("none", dir, "tmpfs", 0, NULL) == 0 &&
	       put_file(dir, "hosts", "93.184.216.34 two.test\n93.184.216.35 two.test\n") &&
	       put_file(dir, "nsswitch.conf", "hosts: files dns\n") &&
	       put_file(dir, "resolv.conf", "nameserver 127.0.0.1\noptions timeout:30\n") &&
	       set_up_loopback();
}

static int
bind_here(int type, uint16_t *port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(*port)};
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	*port = ntohs(sa.sin_port);
	return fd;
}

/* Connections under way in this network: they have asked and were not answered. */
static unsigned
under_way(void)
{
	FILE *f = fopen("/proc/thread-self/net/tcp", "re");
	char line[512];
	unsigned n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
		n += strstr(line, " 02 ") == line + 33;
	(void)fclose(f);
	return n;
}

#define FILLERS 3

/* A listener whose queue is full answers nobody. */
static int
deaf_listener(uint16_t *port, int fillers[FILLERS])
{
	int fd = bind_here(SOCK_STREAM, port);
	struct sockaddr_in sa = {.sin_family = AF_INET,
		.sin_port = htons(*port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	assert_int_equal(listen(fd, 0), 0);
	for (int i = 0; i < FILLERS; i++) {
		struct pollfd p = {.events = POLLOUT};

		fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)connect(fillers[i], (struct sockaddr *)&sa, sizeof(sa));
		p.fd = fillers[i];
		(void)poll(&p, 1, 200);
	}
	assert_true(under_way() > 0);
	return fd;
}

static void
no_longer_deaf(int fd, const int fillers[FILLERS])
{
	for (int i = 0; i < FILLERS; i++)
		close(fillers[i]);
	close(fd);
}

/* ---- dial ---- */

/* Started, its clock stopped, with one row; the row's egress. */
static int
launch(struct harness **h, const char *host, uint16_t port)
{
	struct buf slice = {.max = 4096};
	struct args_out out;

	if (!has_network) {
		print_message("skipped: a network of its own is not to be had here\n");
		skip();
	}
	args_out_init(&out, &slice, false);
	args_out_cstr(&out, "row.2.host", host);
	args_out_u64(&out, "row.2.tag", TAG);
	args_out_cstr(&out, "row.2.scheme", "http");
	args_out_u64(&out, "row.2.port", port);
	assert_int_equal(args_out_done(&out), 0);
	*h = harness_new(program, NULL,
		&(struct harness_options){
			.kind = KIND_DIAL, .slice = buf_span(&slice), .has_clock = true});
	buf_clear(&slice);
	harness_freeze(*h);
	harness_start(*h);
	return harness_peer(*h, KIND_EGRESS, ROW);
}

static void
ask(int egress, uint32_t req, uint32_t row)
{
	harness_send(egress, &egress_dial_proto, IPC_SIDE_A, EGRESS_DIAL_CONNECT,
		&(struct egress_dial_connect){.req = req, .row = row, .tag = TAG});
}

static int
answer(int egress, uint32_t req)
{
	const struct egress_dial_connected *c =
		harness_recv(egress, &egress_dial_proto, IPC_SIDE_A, EGRESS_DIAL_CONNECTED, &in);

	assert_int_equal(c->req, req);
	return (int)c->rc;
}

/* Its timers have been looked at since the last pass, and the call that is under way has not ended. */
static void
still_under_way(int egress)
{
	for (int i = 0; i < 3; i++) {
		ask(egress, 99, ROW + 1); /* not this egress's row */
		assert_int_equal(answer(egress, 99), ERR_DENIED);
	}
}

static void
wait_under_way(unsigned n)
{
	for (int i = 0; i < HARNESS_WAIT_MS / 5 && under_way() != n; i++)
		usleep(5000);
	assert_int_equal(under_way(), n);
}

/* DIAL_RESOLVE_MS */
static void
a_name_that_nobody_answers_is_given_up(void **state)
{
	uint16_t port = 53;
	int server = has_network ? bind_here(SOCK_DGRAM, &port) : -1;
	struct pollfd p = {.fd = server, .events = POLLIN};
	struct harness *h;
	int egress = launch(&h, "silent.test", 80);

	(void)state;
	ask(egress, 1, ROW);
	assert_int_equal(poll(&p, 1, HARNESS_WAIT_MS), 1);
	still_under_way(egress);
	harness_pass(h, DIAL_RESOLVE_MS - 1);
	still_under_way(egress);
	harness_pass(h, 1);
	assert_int_equal(answer(egress, 1), ERR_TIMEOUT);
	close(egress);
	assert_int_equal(harness_free(h), 0);
	close(server);
}

/* DIAL_STAGGER_MS, DIAL_CONNECT_MS: the second address a little later, each for its time. */
static void
addresses_that_do_not_answer_are_tried_side_by_side_and_given_up(void **state)
{
	int fillers[FILLERS];
	uint16_t port = 0;
	int deaf = has_network ? deaf_listener(&port, fillers) : -1;
	struct harness *h;
	int egress = launch(&h, "two.test", port);
	unsigned had = under_way();

	(void)state;
	ask(egress, 1, ROW);
	wait_under_way(had + 1);
	still_under_way(egress);
	harness_pass(h, DIAL_STAGGER_MS - 1);
	still_under_way(egress);
	assert_int_equal(under_way(), had + 1);
	harness_pass(h, 1);
	wait_under_way(had + 2);
	still_under_way(egress);
	harness_pass(h, DIAL_CONNECT_MS - DIAL_STAGGER_MS - 1);
	still_under_way(egress);
	assert_int_equal(under_way(), had + 2);
	harness_pass(h, 1);
	wait_under_way(had + 1);
	harness_pass(h, DIAL_STAGGER_MS - 1);
	still_under_way(egress);
	harness_pass(h, 1);
	assert_int_equal(answer(egress, 1), ERR_TIMEOUT);
	assert_int_equal(under_way(), had);
	close(egress);
	assert_int_equal(harness_free(h), 0);
	no_longer_deaf(deaf, fillers);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_that_nobody_answers_is_given_up),
		cmocka_unit_test(addresses_that_do_not_answer_are_tried_side_by_side_and_given_up),
	};

	if (argc < 2)
		return 2;
	program = argv[1];
	has_network = enter_network();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
