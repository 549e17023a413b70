/* The real tls, with this test as tls/key and as edge/anon: bytes both ways, who is passed on, handshakes that do not end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../harness.h"
#include "base/err.h"
#include "proto/tls_anon.h"
#include "proto/tls_key.h"
#include "tls/tls_key.h"
#include "tls_kit.h"

#define LEN (10u << 20)

static const char *program;
static struct ipc_received in;

struct world {
	struct harness *h;
	int listener;
	uint16_t port;
	int key;
	int anon;
	struct tls_private *private;
};

static struct world
start(bool has_clock)
{
	struct world w = {.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sa);
	struct tls_chain chain = {0};
	struct buf plain = {.max = 65536};
	struct buf pem = {.max = 65536};

	assert_int_equal(bind(w.listener, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(w.listener, 4096), 0);
	assert_int_equal(getsockname(w.listener, (struct sockaddr *)&sa, &len), 0);
	w.port = ntohs(sa.sin_port);
	w.private = tls_private_make(&chain, &plain, &pem);
	assert_non_null(w.private);
	w.h = harness_new(program, NULL,
		&(struct harness_options){.kind = KIND_TLS,
			.handles = {{HANDLE_LISTEN, w.port, w.listener}},
			.nhandles = 1,
			.has_clock = has_clock});
	w.key = harness_peer(w.h, KIND_TLS_KEY, 0);
	w.anon = harness_peer(w.h, KIND_ANON, 0);
	harness_start(w.h);
	harness_send(w.key, &tls_key_proto, IPC_SIDE_B, TLS_KEY_CERT,
		&(struct tls_key_cert){
			.n = 0, .der = span_of(chain.der[0], chain.len[0]), .last = true});
	tls_chain_clear(&chain);
	buf_clear(&plain);
	buf_clear(&pem);
	return w;
}

static void
end(struct world *w)
{
	close(w->key);
	close(w->anon);
	close(w->listener);
	assert_int_equal(harness_free(w->h), 0);
	tls_private_free(w->private);
}

/* One handshake's signature. */
static void
sign_one(struct world *w)
{
	const struct tls_key_sign *m =
		harness_recv(w->key, &tls_key_proto, IPC_SIDE_B, TLS_KEY_SIGN, &in);
	uint8_t signature[TLS_SIGNATURE_MAX];
	uint64_t req = m->req;
	size_t n =
		tls_private_sign(w->private, m->scheme, m->content, signature, sizeof(signature));

	assert_int_not_equal(n, 0);
	harness_send(w->key, &tls_key_proto, IPC_SIDE_B, TLS_KEY_SIGNATURE,
		&(struct tls_key_signature){.req = req, .signature = span_of(signature, n)});
}

/* A client in a process of its own, which ends with 0 when all was as it should be. */
static pid_t
client(const struct world *w, int version, size_t len)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct kit_client *c = kit_connect(w->port, version);

		_exit(c == NULL ? 2 : kit_echo(c, len) ? 0 : 3);
	}
	assert_true(pid > 0);
	return pid;
}

static int
ended(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* Everything comes back as it came; blocks are small and large in turn. */
static void
echo(int fd)
{
	static uint8_t block[100000];
	size_t n = 0;

	for (unsigned turn = 0;; turn++) {
		ssize_t got;

		(void)poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, HARNESS_WAIT_MS);
		got = recv(fd, block, turn % 7 == 0 ? 1 : sizeof(block), 0);
		if (got <= 0)
			break;
		for (size_t at = 0; at < (size_t)got;) {
			ssize_t put = send(fd, block + at, (size_t)got - at, MSG_NOSIGNAL);

			if (put < 0)
				(void)poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1,
					HARNESS_WAIT_MS);
			else
				at += (size_t)put;
		}
		n += (size_t)got;
	}
	assert_int_equal(n, LEN);
	(void)shutdown(fd, SHUT_WR);
}

static void
carries_bytes_both_ways(void **state)
{
	struct world w = start(false);
	pid_t pid = client(&w, 0x0304, LEN);
	const struct tls_anon_client *m;

	(void)state;
	sign_one(&w);
	m = harness_recv(w.anon, &tls_anon_proto, IPC_SIDE_B, TLS_ANON_CLIENT, &in);
	assert_true(span_eq(m->source, SPAN("127.0.0.1")));
	assert_true(span_eq(m->local, SPAN("127.0.0.1")));
	assert_int_equal(m->port, w.port);
	echo(m->client);
	assert_int_equal(ended(pid), 0);
	close(m->client);
	end(&w);
}

static void
knows_nothing_before_tls_1_3(void **state)
{
	static const int versions[] = {0x0301, 0x0302, 0x0303};
	struct world w = start(false);

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(ended(client(&w, versions[i], 1)), 2);
	harness_quiet(w.key, 0);
	harness_quiet(w.anon, 0);
	end(&w);
}

/* An empty signature, and no tls/key any more: the handshake fails, the client is not passed on, tls goes on. */
static void
fails_without_a_signature(void **state)
{
	struct world w = start(false);
	pid_t pid = client(&w, 0x0304, 1);
	const struct tls_key_sign *m =
		harness_recv(w.key, &tls_key_proto, IPC_SIDE_B, TLS_KEY_SIGN, &in);
	const struct tls_anon_client *anon;

	(void)state;
	harness_send(w.key, &tls_key_proto, IPC_SIDE_B, TLS_KEY_SIGNATURE,
		&(struct tls_key_signature){.req = m->req});
	assert_int_equal(ended(pid), 2);
	pid = client(&w, 0x0304, 1);
	(void)harness_recv(w.key, &tls_key_proto, IPC_SIDE_B, TLS_KEY_SIGN, &in);
	close(w.key);
	harness_peer_gone(w.h, KIND_TLS_KEY, 0, w.h->incarnations - 1);
	assert_int_equal(ended(pid), 2);
	harness_quiet(w.anon, 0);
	w.key = harness_peer(w.h, KIND_TLS_KEY, 0);
	pid = client(&w, 0x0304, 0);
	sign_one(&w);
	anon = harness_recv(w.anon, &tls_anon_proto, IPC_SIDE_B, TLS_ANON_CLIENT, &in);
	close(anon->client);
	assert_int_equal(ended(pid), 0);
	end(&w);
}

static int
dial(const struct world *w)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons(w->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static bool
is_closed(int fd, int ms)
{
	uint8_t byte;

	return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, ms) == 1 &&
	       recv(fd, &byte, 1, 0) <= 0;
}

/* TLS_HANDSHAKES_MAX: one more, and the oldest makes room; TLS_HANDSHAKE_MS: and no longer. */
static void
bounds_handshakes(void **state)
{
	int fds[TLS_HANDSHAKES_MAX + 1];
	struct world w = start(true);

	(void)state;
	harness_freeze(w.h);
	for (size_t i = 0; i < TLS_HANDSHAKES_MAX; i++)
		fds[i] = dial(&w);
	harness_settle(w.h);
	assert_false(is_closed(fds[0], 0));
	fds[TLS_HANDSHAKES_MAX] = dial(&w);
	assert_true(is_closed(fds[0], HARNESS_WAIT_MS));
	harness_settle(w.h); /* the new one has its timer */
	assert_false(is_closed(fds[1], 0));
	harness_pass(w.h, TLS_HANDSHAKE_MS - 1000);
	harness_settle(w.h);
	assert_false(is_closed(fds[1], 0));
	harness_pass(w.h, 1001);
	for (size_t i = 1; i <= TLS_HANDSHAKES_MAX; i++)
		assert_true(is_closed(fds[i], HARNESS_WAIT_MS));
	for (size_t i = 0; i <= TLS_HANDSHAKES_MAX; i++)
		close(fds[i]);
	end(&w);
}

/* TLS_HANDSHAKES_MAX signatures are awaited, whoever is still there; beyond them a handshake fails until one has come. */
static void
asks_for_no_more_than_it_awaits(void **state)
{
	struct world w = start(true);
	uint64_t req = 0;

	(void)state;
	harness_freeze(w.h);
	for (size_t i = 0; i < TLS_HANDSHAKES_MAX; i++) {
		pid_t pid = 0;

		if (i % 64 == 0 && (pid = fork()) == 0)
			_exit(kit_rush(w.port, 64) ? 0 : 2);
		req = ((const struct tls_key_sign *)harness_recv(
			       w.key, &tls_key_proto, IPC_SIDE_B, TLS_KEY_SIGN, &in))
			      ->req;
		if (pid > 0)
			assert_int_equal(ended(pid), 0);
	}
	assert_int_equal(ended(client(&w, 0x0304, 1)), 2);
	harness_quiet(w.key, 0);
	harness_send(w.key, &tls_key_proto, IPC_SIDE_B, TLS_KEY_SIGNATURE,
		&(struct tls_key_signature){.req = req});
	{
		pid_t pid = client(&w, 0x0304, 0);
		const struct tls_anon_client *m;

		sign_one(&w);
		m = harness_recv(w.anon, &tls_anon_proto, IPC_SIDE_B, TLS_ANON_CLIENT, &in);
		close(m->client);
		assert_int_equal(ended(pid), 0);
	}
	end(&w);
}

/* TLS_CONNS_MAX: one more is closed; what nobody asked for ends whoever says it. */
static void
bounds_connections(void **state)
{
	static int fds[TLS_CONNS_MAX];
	struct rlimit files;
	struct world w;
	pid_t pid;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	files.rlim_cur = files.rlim_max;
	if (files.rlim_max < 4u * TLS_CONNS_MAX || setrlimit(RLIMIT_NOFILE, &files) < 0) {
		print_message("skipped: not as many descriptors here\n");
		skip();
	}
	w = start(false);
	pid = fork();
	if (pid == 0)
		_exit(kit_hold(w.port, TLS_CONNS_MAX) ? 0 : 2);
	for (size_t i = 0; i < TLS_CONNS_MAX; i++) {
		sign_one(&w);
		fds[i] = ((const struct tls_anon_client *)harness_recv(
				  w.anon, &tls_anon_proto, IPC_SIDE_B, TLS_ANON_CLIENT, &in))
				 ->client;
	}
	assert_int_equal(ended(pid), 0);
	for (size_t i = 0; i < TLS_CONNS_MAX; i++)
		close(fds[i]);
	harness_send(w.key, &tls_key_proto, IPC_SIDE_B, TLS_KEY_SIGNATURE,
		&(struct tls_key_signature){.req = 1});
	harness_closed(w.key, &tls_key_proto, IPC_SIDE_B);
	end(&w);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(carries_bytes_both_ways),
		cmocka_unit_test(knows_nothing_before_tls_1_3),
		cmocka_unit_test(fails_without_a_signature),
		cmocka_unit_test(bounds_handshakes),
		cmocka_unit_test(asks_for_no_more_than_it_awaits),
		cmocka_unit_test(bounds_connections),
	};

	if (argc < 2)
		return 64;
	program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
