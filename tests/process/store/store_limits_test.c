/* The limits of store: one commit, one search, the write-ahead log. What a list may leave in a channel is store_test's. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "store_kit.h"

static int
setup(void **state)
{
	struct kit *k = mem_alloc(1, sizeof(*k));

	kit_dir(k);
	k->has_clock = true;
	kit_start(k);
	*state = k;
	return 0;
}

static void
halt(struct kit *k)
{
	int status;

	assert_int_equal(kill(k->h->pid, SIGSTOP), 0);
	assert_int_equal(waitpid(k->h->pid, &status, WUNTRACED), k->h->pid);
	assert_true(WIFSTOPPED(status));
}

static void
go_on(struct kit *k)
{
	assert_int_equal(kill(k->h->pid, SIGCONT), 0);
}

/* Answers and timers of all that was asked before are behind us. */
static void
settle(struct kit *k)
{
	for (int i = 0; i < 3; i++)
		(void)kit_counts(k);
}

static void
await_accepted(struct kit *k, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(
			((const struct core_store_accepted *)harness_recv(k->core,
				 &core_store_proto, IPC_SIDE_A, CORE_STORE_ACCEPTED, &k->in))
				->rc,
			0);
}

static void
put_row(struct kit *k, uint64_t key)
{
	static const uint8_t mac[32] = {1};

	harness_send(k->gate, &gate_store_proto, IPC_SIDE_A, GATE_STORE_PUT,
		&(struct gate_store_put){.req = key,
			.table = GATE_SESSION_LABELS,
			.key = key,
			.version = 1,
			.durable = true,
			.value = SPAN("v"),
			.mac = span_of(mac, sizeof(mac))});
}

/* STORE_BATCH_MAX: as many statements that are there at once are one commit, and one sync; one more makes it two. */
static void
one_commit_has_a_limit(void **state)
{
	static const unsigned sizes[] = {STORE_BATCH_MAX, STORE_BATCH_MAX + 1};
	struct kit *k = *state;
	char idem[32];
	uint64_t n = 0;

	harness_freeze(k->h); /* nothing is done for want of something else to do */
	for (unsigned round = 0; round < 2; round++) {
		uint64_t had = harness_syncs(k->h);
		unsigned of_gate = sizes[round] / 2;

		halt(k);
		for (unsigned i = of_gate; i < sizes[round]; i++) {
			(void)snprintf(idem, sizeof(idem), "%llu", (unsigned long long)++n);
			kit_send_accept(k, n, "a", idem, "q");
		}
		for (unsigned i = 0; i < of_gate; i++)
			put_row(k, ++n);
		go_on(k);
		await_accepted(k, sizes[round] - of_gate);
		for (unsigned i = 0; i < of_gate; i++)
			(void)harness_recv(k->gate, &gate_store_proto, IPC_SIDE_A,
				GATE_STORE_STORED, &k->from_gate);
		assert_int_equal(harness_syncs(k->h) - had, round + 1);
	}
}

/* STORE_SYNC_MS: the end of a run is answered without a sync, and on the disk then. */
static void
the_end_of_a_run_is_on_the_disk_soon(void **state)
{
	struct kit *k = *state;
	uint64_t had;

	harness_freeze(k->h);
	(void)kit_accept(k, 1, "a", "sync", "q");
	had = harness_syncs(k->h);
	assert_int_equal(kit_finish(k, 1, RUN_DONE, "answer"), 0);
	harness_pass(k->h, STORE_SYNC_MS - 1);
	assert_int_equal(harness_syncs(k->h), had);
	harness_pass(k->h, 1);
	assert_int_equal(harness_syncs(k->h), had + 1);
	harness_pass(k->h, 10 * STORE_SYNC_MS); /* once is enough */
	assert_int_equal(harness_syncs(k->h), had + 1);
}

/* Accepted, an effect that begins, a row of gate's: the answer comes after the sync. An item of a transcript asks for none. */
static void
what_is_told_as_stored_is_on_the_disk(void **state)
{
	struct kit *k = *state;
	uint64_t had;

	harness_freeze(k->h);
	had = harness_syncs(k->h);
	(void)kit_accept(k, 1, "a", "first", "q");
	assert_int_equal(harness_syncs(k->h), ++had);
	assert_int_equal(kit_item(k, 1, ITEM_TOOL_CALL, "call"), 0);
	assert_int_equal(harness_syncs(k->h), had);
	assert_int_equal(kit_state(k, 1, RUN_EFFECT, 1), 0);
	assert_int_equal(harness_syncs(k->h), ++had);
	put_row(k, 7);
	(void)harness_recv(
		k->gate, &gate_store_proto, IPC_SIDE_A, GATE_STORE_STORED, &k->from_gate);
	assert_int_equal(harness_syncs(k->h), ++had);
	/* the end of a run waits for no sync, and what is accepted behind it brings it to the disk */
	assert_int_equal(kit_finish(k, 1, RUN_DONE, "answer"), 0);
	assert_int_equal(harness_syncs(k->h), had);
	(void)kit_accept(k, 2, "a", "second", "q");
	assert_int_equal(harness_syncs(k->h), ++had);
	harness_pass(k->h, 10 * STORE_SYNC_MS);
	assert_int_equal(harness_syncs(k->h), had);
}

/* ---- searches ---- */

/* Sessions n of them, the newest first; the key of number i is what name says, or s<i>. */
static void
add_sessions(struct kit *k, unsigned n)
{
	char path[128];
	char text[512];
	char *why = NULL;
	sqlite3 *db = NULL;

	kit_stop(k);
	(void)snprintf(path, sizeof(path), "%s/store.db", k->dir);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	(void)snprintf(text, sizeof(text),
		"DELETE FROM session;"
		"WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < %u)"
		" INSERT INTO session(id, key, session_id, created, updated, turns, items, "
		"tokens_in,"
		" tokens_out, model, title, label)"
		" SELECT i, 'session ' || i || ' ', 'x' || i, 1, 1000000 - i, 0, 0, 0, 0, '', '', "
		"x''"
		" FROM c;",
		n);
	if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s", why);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	kit_start(k);
}

static void
send_search(struct kit *k, const char *what)
{
	harness_send(k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_SESSIONS,
		&(struct core_store_sessions){.req = ++k->req, .search = span_from_cstr(what)});
}

static uint64_t
search(struct kit *k, const char *what)
{
	send_search(k, what);
	return ((const struct core_store_done *)harness_wait(
			k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_DONE, &k->in))
		->count;
}

/* STORE_SEARCH_MAX */
static void
a_search_looks_at_the_newest_sessions_only(void **state)
{
	struct kit *k = *state;
	char key[32];

	add_sessions(k, STORE_SEARCH_MAX + 1);
	(void)snprintf(key, sizeof(key), "session %u ", STORE_SEARCH_MAX);
	assert_int_equal(search(k, key), 1);
	(void)snprintf(key, sizeof(key), "session %u ", STORE_SEARCH_MAX + 1);
	assert_int_equal(search(k, key), 0);
}

/* True when somebody who asks just behind a search that finds nothing is served before it has ended. */
static bool
lets_others_go_first(struct kit *k)
{
	uint16_t first = 0;

	halt(k);
	send_search(k, "nowhere");
	harness_send(k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_COUNTS,
		&(struct core_store_counts){.req = ++k->req});
	go_on(k);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ipc_sync_recv(k->core, &core_store_proto, IPC_SIDE_A,
					 HARNESS_WAIT_MS, &k->in),
			0);
		if (i == 0)
			first = k->in.id;
	}
	assert_true(first == CORE_STORE_COUNTED || first == CORE_STORE_DONE);
	return first == CORE_STORE_COUNTED;
}

/* STORE_SEARCH_TURN */
static void
a_long_search_lets_others_have_their_turn(void **state)
{
	struct kit *k = *state;

	add_sessions(k, STORE_SEARCH_TURN - 1);
	assert_false(lets_others_go_first(k));
	add_sessions(k, STORE_SEARCH_TURN);
	assert_true(lets_others_go_first(k));
}

/* ---- the write-ahead log ---- */

#define FRAME 4120 /* a page and its head in the log */

static long
size_of(const struct kit *k, const char *name)
{
	struct stat st = {0};

	assert_int_equal(fstatat(k->dirfd, name, &st, 0), 0);
	return (long)st.st_size;
}

static void
put_mebibyte(struct kit *k, uint64_t run)
{
	static uint8_t text[MIB(1)];
	int fd = harness_seal(span_of(text, sizeof(text)));

	harness_send(k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_ITEM_PUT,
		&(struct core_store_item_put){.req = ++k->req,
			.run = run,
			.role = ROLE_TOOL,
			.kind = ITEM_TEXT,
			.at = 2000,
			.label = SPAN("\3\1\0\0\0\0\0\0\0\0"),
			.body = fd});
	close(fd);
	assert_int_equal(kit_stored(k), 0);
}

/* STORE_WAL_PAGES: until then nothing is moved while there is something to write, then all of it is. */
static void
a_long_log_is_moved_into_the_database(void **state)
{
	struct kit *k = *state;
	long had;
	long pages = 0;

	kit_accept(k, 1, "a", "1", "q");
	harness_freeze(k->h); /* never idle */
	settle(k);
	had = size_of(k, "store.db");
	while (size_of(k, "store.db") == had) {
		assert_in_range(pages, 0, STORE_WAL_PAGES + 100); /* with those of the start */
		put_mebibyte(k, 1);
		settle(k);
		pages = size_of(k, "store.db-wal") / FRAME;
	}
	assert_in_range(pages, STORE_WAL_PAGES, STORE_WAL_PAGES + 600);
}

/* STORE_IDLE_MS: the same for a short log, when nobody has written for so long. */
static void
an_idle_store_moves_its_log_into_the_database(void **state)
{
	struct kit *k = *state;
	long had;

	kit_accept(k, 1, "a", "1", "q");
	harness_freeze(k->h);
	put_mebibyte(k, 1);
	settle(k);
	had = size_of(k, "store.db");
	harness_pass(k->h, STORE_IDLE_MS - 1);
	settle(k);
	assert_int_equal(size_of(k, "store.db"), had);
	put_mebibyte(k, 1); /* from now on anew */
	settle(k);
	harness_pass(k->h, STORE_IDLE_MS - 1);
	settle(k);
	assert_int_equal(size_of(k, "store.db"), had);
	harness_pass(k->h, 1);
	for (int i = 0; i < HARNESS_WAIT_MS / 10 && size_of(k, "store.db") == had; i++)
		usleep(10000);
	assert_true(size_of(k, "store.db") > had + (long)MIB(1));
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, kit_teardown)
		T(one_commit_has_a_limit),
		T(the_end_of_a_run_is_on_the_disk_soon),
		T(what_is_told_as_stored_is_on_the_disk),
		T(a_search_looks_at_the_newest_sessions_only),
		T(a_long_search_lets_others_have_their_turn),
		T(a_long_log_is_moved_into_the_database),
		T(an_idle_store_moves_its_log_into_the_database),
	};

	if (argc < 2)
		return 1;
	kit_program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
