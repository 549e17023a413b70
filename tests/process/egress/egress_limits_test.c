/* The limits of an answer: its bytes, those on their way to core, its silences. */
#include "egress_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "crypto/crypto.h"

/* A request whose answer the server may begin: its end of the connection. */
static int
begin(struct world *w)
{
	uint8_t warrant[WARRANT_LEN];
	struct buf got = {.max = 65536};
	int server;

	world_open(w);
	world_issue(w, BODY, warrant);
	world_request(w, 1, BODY, warrant);
	world_release(w, "127.0.0.1");
	server = world_connect(w);
	world_read(server, &got);
	buf_clear(&got);
	return server;
}

/* A process that answers with so many bytes, as fast as they are taken. */
static pid_t
answer(int server, size_t n)
{
	static uint8_t bytes[65536];
	char head[128];
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	(void)snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", n);
	memset(bytes, 'x', sizeof(bytes));
	(void)send(server, head, strlen(head), MSG_NOSIGNAL);
	while (n > 0) {
		ssize_t sent =
			send(server, bytes, n < sizeof(bytes) ? n : sizeof(bytes), MSG_NOSIGNAL);

		if (sent <= 0)
			_exit(0);
		n -= (size_t)sent;
	}
	_exit(0);
}

static void
credit(struct world *w, uint64_t bytes)
{
	harness_send(w->core, &core_egress_proto, IPC_SIDE_A, CORE_EGRESS_CREDIT,
		&(struct core_egress_credit){.id = 1, .bytes = bytes});
}

/* Chunks until none comes for a while, or the request ends (then *end is set); the bytes. */
static size_t
take_chunks(struct world *w, bool give_back, int wait_ms, int *end)
{
	size_t bytes = 0;

	while (ipc_sync_recv(w->core, &core_egress_proto, IPC_SIDE_A, wait_ms, &world_in) == 0) {
		if (world_in.id == CORE_EGRESS_END) {
			*end = (int)((const struct core_egress_end *)(const void *)
					     world_in.msg.bytes)
				       ->rc;
			return bytes;
		}
		if (world_in.id != CORE_EGRESS_CHUNK)
			continue;
		size_t n = ((const struct core_egress_chunk *)(const void *)world_in.msg.bytes)
				   ->data.len;

		bytes += n;
		if (give_back)
			credit(w, n);
	}
	return bytes;
}

static void
done(struct world *w, int server, pid_t pid)
{
	close(server);
	world_close(w);
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
}

/* IPC_CREDIT_BYTES: no more is on its way than core has given credit for; what it gives back comes. */
static void
no_more_is_in_flight_than_core_has_room_for(void **state)
{
	struct world w;
	int server = begin(&w);
	pid_t pid = answer(server, 4u * IPC_CREDIT_BYTES);
	int end = 1;
	size_t got;

	(void)state;
	got = take_chunks(&w, false, 2000, &end);
	assert_int_equal(end, 1);
	assert_in_range(got, IPC_CREDIT_BYTES * 3 / 4, IPC_CREDIT_BYTES);
	credit(&w, IPC_CREDIT_BYTES);
	got += take_chunks(&w, false, 2000, &end);
	assert_in_range(got, IPC_CREDIT_BYTES * 7 / 4, 2u * IPC_CREDIT_BYTES);
	credit(&w, 4u * IPC_CREDIT_BYTES);
	got += take_chunks(&w, false, HARNESS_WAIT_MS, &end);
	assert_int_equal(end, 0);
	assert_int_equal(got, 4u * IPC_CREDIT_BYTES);
	done(&w, server, pid);
}

/* EGRESS_BODY_MAX */
static void
an_answer_has_so_many_bytes(void **state)
{
	static const int ends[] = {0, ERR_TOOBIG};

	(void)state;
	for (unsigned over = 0; over < 2; over++) {
		struct world w;
		int server = begin(&w);
		pid_t pid = answer(server, EGRESS_BODY_MAX + over);
		int end = 1;
		size_t got = take_chunks(&w, true, HARNESS_WAIT_MS, &end);

		assert_int_equal(end, ends[over]);
		assert_true(got <= EGRESS_BODY_MAX);
		assert_true(over == 1 || got == EGRESS_BODY_MAX);
		done(&w, server, pid);
	}
}

static void
one_chunk(struct world *w, int server, const char *text)
{
	world_respond(server, text);
	(void)harness_wait(w->core, &core_egress_proto, IPC_SIDE_A, CORE_EGRESS_CHUNK, &world_in);
}

/* EGRESS_IDLE_MS: of silence, however long the answer takes as a whole. */
static void
a_silent_answer_ends(void **state)
{
	struct world w;
	int server = begin(&w);

	(void)state;
	harness_freeze(w.zygote);
	one_chunk(&w, server, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\na");
	for (unsigned i = 0; i < 3; i++) {
		harness_pass(w.zygote, EGRESS_IDLE_MS - 1);
		harness_quiet(w.core, 100);
		one_chunk(&w, server, "b");
	}
	harness_pass(w.zygote, EGRESS_IDLE_MS);
	assert_int_equal(world_end(&w)->rc, ERR_TIMEOUT);
	done(&w, server, 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_more_is_in_flight_than_core_has_room_for),
		cmocka_unit_test(an_answer_has_so_many_bytes),
		cmocka_unit_test(a_silent_answer_ends),
	};

	assert_int_equal(argc, 2);
	world_program = argv[1];
	if (crypto_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
