/* The limits of edge that need thousands of clients, megabytes of files or minutes. argv[1]: the program. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "edge_kit.h"
#include "proto/edge_core.h"
#include "proto/tls_anon.h"
#include "proto/user_vault.h"

static const char *program;

#define OWNER PRINCIPAL(PRINCIPAL_TOKEN, SCOPE_ALL, 7)

/* Nothing more comes over it, within ms. */
static bool
is_closed(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char byte;

	return poll(&p, 1, ms) == 1 && recv(fd, &byte, 1, 0) <= 0;
}

static void
is_alive(int fd, uint16_t port)
{
	char text[128];

	(void)snprintf(
		text, sizeof(text), "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n", port);
	assert_non_null(strstr(kit_ask(fd, text), " 200 "));
}

/* ---- strangers ---- */

/* EDGE_ANON_CONNS_MAX: one more, and who has been silent for longest goes. */
static void
the_oldest_stranger_makes_room(void **state)
{
	static int fds[EDGE_ANON_CONNS_MAX + 1];
	uint16_t port;
	int vault;
	struct harness *h;

	(void)state;
	if (kit_raise_files(EDGE_ANON_CONNS_MAX + 1) <= EDGE_ANON_CONNS_MAX) {
		print_message("skipped: not as many descriptors here\n");
		skip();
	}
	h = kit_anon(program, &port, &vault, NULL);
	harness_freeze(h);
	for (size_t i = 0; i < EDGE_ANON_CONNS_MAX; i++)
		fds[i] = kit_connect(port);
	is_alive(fds[EDGE_ANON_CONNS_MAX - 1], port);
	assert_false(is_closed(fds[0], 0));
	fds[EDGE_ANON_CONNS_MAX] = kit_connect(port);
	is_alive(fds[EDGE_ANON_CONNS_MAX], port);
	assert_true(is_closed(fds[0], HARNESS_WAIT_MS));
	assert_false(is_closed(fds[1], 0));
	for (size_t i = 0; i <= EDGE_ANON_CONNS_MAX; i++)
		close(fds[i]);
	close(vault);
	assert_int_equal(harness_free(h), 0);
}

/* TLS_ANON_CONNS_MAX: the same of clients of tls, which has as many places again for those who have signed in. */
static void
the_oldest_stranger_of_tls_makes_room(void **state)
{
	static int fds[TLS_ANON_CONNS_MAX + 1];
	struct harness *h;
	int tls;

	(void)state;
	if (kit_raise_files(TLS_ANON_CONNS_MAX + 1) <= TLS_ANON_CONNS_MAX) {
		print_message("skipped: not as many descriptors here\n");
		skip();
	}
	h = harness_new(
		program, "anon", &(struct harness_options){.kind = KIND_ANON, .has_clock = true});
	tls = harness_peer(h, KIND_TLS, 0);
	harness_start(h);
	harness_freeze(h);
	for (size_t i = 0; i <= TLS_ANON_CONNS_MAX; i++) {
		int pair[2];

		if (i == TLS_ANON_CONNS_MAX) {
			is_alive(fds[i - 1], 443);
			assert_false(is_closed(fds[0], 0));
		}
		assert_int_equal(
			socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair),
			0);
		harness_send(tls, &tls_anon_proto, IPC_SIDE_A, TLS_ANON_CLIENT,
			&(struct tls_anon_client){.client = pair[1],
				.source = SPAN("192.0.2.7"),
				.local = SPAN("127.0.0.1"),
				.port = 443});
		close(pair[1]);
		fds[i] = pair[0];
	}
	is_alive(fds[TLS_ANON_CONNS_MAX], 443);
	assert_true(is_closed(fds[0], HARNESS_WAIT_MS));
	assert_false(is_closed(fds[1], 0));
	for (size_t i = 0; i <= TLS_ANON_CONNS_MAX; i++)
		close(fds[i]);
	close(tls);
	assert_int_equal(harness_free(h), 0);
}

#define HALF_HEAD 15000u
#define HALVES 600u

/* EDGE_ANON_HELD_MAX: who has been silent for longest pays for what others make the process hold. */
static void
what_strangers_make_it_hold_has_a_limit(void **state)
{
	static char half[HALF_HEAD + 1];
	static int fds[HALVES];
	uint16_t port;
	int vault;
	int last;
	size_t alive = 0;
	struct harness *h;

	(void)state;
	assert_true(HALVES * HALF_HEAD > EDGE_ANON_HELD_MAX + EDGE_ANON_HELD_MAX / 4);
	(void)kit_raise_files(HALVES);
	h = kit_anon(program, &port, &vault, NULL);
	harness_freeze(h);
	memset(half, 'a', HALF_HEAD);
	memcpy(half, "GET / HTTP/1.1\r\nX: ", 19);
	for (size_t i = 0; i < HALVES; i++) {
		fds[i] = kit_connect(port);
		kit_send(fds[i], half);
	}
	last = kit_connect(port);
	is_alive(last, port);
	is_alive(last, port);
	for (size_t i = 0; i < HALVES; i++)
		alive += !is_closed(fds[i], 0);
	/* as many as fit, with what their buffers are larger than their bytes */
	assert_in_range(alive * HALF_HEAD, EDGE_ANON_HELD_MAX / 3, EDGE_ANON_HELD_MAX);
	assert_true(is_closed(fds[0], 0));
	assert_false(is_closed(fds[HALVES - 1], 0));
	for (size_t i = 0; i < HALVES; i++)
		close(fds[i]);
	close(last);
	close(vault);
	assert_int_equal(harness_free(h), 0);
}

/* ---- files of the Control UI ---- */

struct ui {
	char path[32];
	int fd;
	unsigned n;
};

static void
ui_new(struct ui *ui)
{
	*ui = (struct ui){.path = "/tmp/edge-files-XXXXXX"};
	assert_non_null(mkdtemp(ui->path));
	ui->fd = open(ui->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(ui->fd >= 0);
}

static void
ui_add(struct ui *ui, off_t size)
{
	char name[16];
	int fd;

	(void)snprintf(name, sizeof(name), "f%u.txt", ui->n++);
	fd = openat(ui->fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
}

static void
ui_free(struct ui *ui)
{
	char name[16];

	while (ui->n > 0) {
		(void)snprintf(name, sizeof(name), "f%u.txt", --ui->n);
		(void)unlinkat(ui->fd, name, 0);
	}
	close(ui->fd);
	assert_int_equal(rmdir(ui->path), 0);
}

/* Does an edge start with it, and serve the file that was added last? */
static bool
is_served(const struct ui *ui)
{
	uint16_t port;
	int listener = kit_listen(&port);
	struct buf slice = {.max = KIB(8)};
	struct args_out out;
	struct harness *h;
	char text[128];
	bool served = false;
	uint16_t first;

	args_out_init(&out, &slice, false);
	args_out_u64(&out, "gateway.port", port);
	assert_int_equal(args_out_done(&out), 0);
	h = harness_new(program, "anon",
		&(struct harness_options){.kind = KIND_ANON,
			.keep_not_ready = true,
			.slice = buf_span(&slice),
			.nhandles = 2,
			.handles = {{HANDLE_LISTEN, port, listener}, {HANDLE_UI, 0, ui->fd}}});
	buf_clear(&slice);
	close(listener);
	assert_int_equal(
		ipc_sync_recv(h->control, &child_proto, IPC_SIDE_A, HARNESS_WAIT_MS, &h->in), 0);
	first = h->in.id;
	if (first == CHILD_READY) {
		harness_start(h);
		(void)snprintf(text, sizeof(text),
			"GET /f%u.txt HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: close\r\n\r\n",
			ui->n - 1, port);
		served = kit_status(port, text) == 200;
	} else {
		assert_int_equal(first, CHILD_FAILED);
	}
	(void)harness_free(h);
	return served;
}

/* EDGE_UI_FILES_MAX */
static void
the_control_ui_has_so_many_files(void **state)
{
	struct ui ui;

	(void)state;
	ui_new(&ui);
	while (ui.n < EDGE_UI_FILES_MAX)
		ui_add(&ui, 1);
	assert_true(is_served(&ui));
	ui_add(&ui, 1);
	assert_false(is_served(&ui));
	ui_free(&ui);
}

/* EDGE_UI_MAX */
static void
the_control_ui_has_so_many_bytes(void **state)
{
	struct ui ui;

	(void)state;
	ui_new(&ui);
	ui_add(&ui, EDGE_UI_MAX - 1);
	ui_add(&ui, 1);
	assert_true(is_served(&ui));
	ui_add(&ui, 1);
	assert_false(is_served(&ui));
	ui_free(&ui);
}

/* ---- signed-in clients ---- */

struct signed_in {
	struct harness *h;
	int anon, vault, core;
};

/* Its clock stands still. */
static void
begin(struct signed_in *w)
{
	struct buf slice = {.max = 256};
	struct args_out out;

	args_out_init(&out, &slice, false);
	args_out_cstr(&out, "version", "1");
	assert_int_equal(args_out_done(&out), 0);
	w->h = harness_new(program, "user",
		&(struct harness_options){.kind = KIND_USER,
			.instance = OWNER,
			.has_clock = true,
			.slice = buf_span(&slice)});
	buf_clear(&slice);
	w->anon = harness_peer(w->h, KIND_ANON, 0);
	w->vault = harness_peer(w->h, KIND_VAULT, 0);
	w->core = harness_peer(w->h, KIND_CORE, 0);
	harness_freeze(w->h);
	harness_start(w->h);
}

static void
finish(struct signed_in *w)
{
	close(w->anon);
	close(w->vault);
	close(w->core);
	assert_int_equal(harness_free(w->h), 0);
}

/* EDGE_CONNS_MAX: one more is closed at once, and the others stay. */
static void
one_principal_has_so_many_connections(void **state)
{
	static int fds[EDGE_CONNS_MAX];
	struct ipc_received *in = mem_alloc(1, sizeof(*in));
	struct signed_in w;
	int over;

	(void)state;
	if (kit_raise_files(EDGE_CONNS_MAX + 2) < EDGE_CONNS_MAX + 2) {
		print_message("skipped: not as many descriptors here\n");
		skip();
	}
	begin(&w);
	for (size_t i = 0; i < EDGE_CONNS_MAX; i++) {
		fds[i] = kit_hand_over(w.anon, true, "", false);
		(void)harness_recv(w.vault, &user_vault_proto, IPC_SIDE_B, USER_VAULT_REDEEM, in);
	}
	over = kit_hand_over(w.anon, true, "", false);
	assert_true(is_closed(over, HARNESS_WAIT_MS));
	harness_quiet(w.vault, 0);
	assert_false(is_closed(fds[0], 0));
	assert_false(is_closed(fds[EDGE_CONNS_MAX - 1], 0));
	close(over);
	close(fds[0]); /* one goes, and there is room again */
	over = -1;
	for (int tries = 0; over < 0 && tries < 1000; tries++) {
		struct pollfd p = {.fd = w.vault, .events = POLLIN};

		over = kit_hand_over(w.anon, true, "", false);
		if (poll(&p, 1, 10) != 1) {
			close(over);
			over = -1;
		}
	}
	assert_true(over >= 0);
	close(over);
	for (size_t i = 1; i < EDGE_CONNS_MAX; i++)
		close(fds[i]);
	free(in);
	finish(&w);
}

/* EDGE_USER_REAP_MS: counted from the last connection's end. */
static void
a_principal_without_connections_costs_no_process(void **state)
{
	struct ipc_received *in = mem_alloc(1, sizeof(*in));
	struct signed_in w;
	int client;

	(void)state;
	begin(&w);
	harness_pass(w.h, EDGE_USER_REAP_MS - 1);
	client = kit_hand_over(w.anon, true, "", false);
	(void)harness_recv(w.vault, &user_vault_proto, IPC_SIDE_B, USER_VAULT_REDEEM, in);
	harness_pass(w.h, 1);
	harness_quiet(w.h->control, 100);
	close(client);
	(void)harness_recv(w.core, &edge_core_proto, IPC_SIDE_B, EDGE_CORE_CLOSED, in);
	harness_pass(w.h, EDGE_USER_REAP_MS - 1);
	harness_quiet(w.h->control, 100);
	harness_pass(w.h, EDGE_USER_REAP_MS); /* it may have begun to count after the first */
	(void)harness_expect(w.h, CHILD_RELEASE);
	free(in);
	finish(&w);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_oldest_stranger_makes_room),
		cmocka_unit_test(the_oldest_stranger_of_tls_makes_room),
		cmocka_unit_test(what_strangers_make_it_hold_has_a_limit),
		cmocka_unit_test(the_control_ui_has_so_many_files),
		cmocka_unit_test(the_control_ui_has_so_many_bytes),
		cmocka_unit_test(one_principal_has_so_many_connections),
		cmocka_unit_test(a_principal_without_connections_costs_no_process),
	};

	if (argc < 2)
		return 2;
	program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
