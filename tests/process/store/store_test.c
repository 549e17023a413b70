/* The store over its sockets: what it answers, in which order, and what is there after a kill. */
#include "store_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "args/args.h"
#include "base/err.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "ev/ev.h"
#include "proto/audit_writer.h"
#include "proto/tools.h"
#include "proto/warrant.h"

static void
a_message_is_accepted_once(void **state)
{
	struct kit *k = *state;
	struct core_store_accepted first = *kit_accept(k, 7, "main", "idem-1", "hello");
	struct core_store_accepted again = *kit_accept(k, 8, "main", "idem-1", "hello");

	assert_int_equal(first.rc, 0);
	assert_false(first.duplicate);
	assert_int_equal(first.run, 7);
	assert_int_equal(first.state, RUN_ACCEPTED);
	assert_true(first.session != 0);
	assert_true(again.duplicate);
	assert_int_equal(again.run, 7);
	assert_int_equal(again.session, first.session);
	assert_string_equal(kit_history(k, "main", 0, 100, 0), "u:hello");
}

static void
a_duplicate_in_the_same_commit_is_found(void **state)
{
	struct kit *k = *state;
	const struct core_store_accepted *m;

	for (uint64_t i = 1; i <= 20; i++)
		kit_send_accept(k, i, "main", "same", "x");
	for (uint64_t i = 1; i <= 20; i++) {
		m = harness_recv(
			k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_ACCEPTED, &k->in);
		assert_int_equal(m->run, 1);
		assert_int_equal(m->duplicate, i > 1);
	}
	assert_int_equal(kit_counts(k).runs, 1);
}

static void
the_same_key_in_another_session_is_another_message(void **state)
{
	struct kit *k = *state;

	assert_false(kit_accept(k, 1, "a", "idem", "x")->duplicate);
	assert_false(kit_accept(k, 2, "b", "idem", "x")->duplicate);
	assert_false(kit_accept(k, 3, "a", "", "no key")->duplicate);
	assert_false(kit_accept(k, 4, "a", "", "no key")->duplicate);
	assert_int_equal(kit_counts(k).sessions, 2);
}

static void
a_run_number_is_used_once(void **state)
{
	struct kit *k = *state;

	assert_int_equal(kit_accept(k, 1, "a", "i", "x")->rc, 0);
	assert_int_equal(kit_accept(k, 1, "a", "j", "y")->rc, ERR_EXISTS);
	assert_int_equal(kit_accept(k, 0, "a", "k", "y")->rc, ERR_RANGE);
	assert_int_equal(kit_accept(k, 2, "", "k", "y")->rc, ERR_RANGE);
	assert_string_equal(kit_history(k, "a", 0, 100, 0), "u:x");
}

static void
a_run_has_one_final_answer(void **state)
{
	struct kit *k = *state;

	kit_accept(k, 1, "a", "i", "question");
	assert_int_equal(kit_state(k, 1, RUN_RUNNING, 0), 0);
	assert_int_equal(kit_finish(k, 1, RUN_RUNNING, "not final"), ERR_STATE);
	assert_int_equal(kit_finish(k, 1, RUN_DONE, "answer"), 0);
	assert_int_equal(kit_finish(k, 1, RUN_DONE, "second"), ERR_STATE);
	assert_int_equal(kit_state(k, 1, RUN_RUNNING, 0), ERR_STATE);
	assert_int_equal(kit_item(k, 1, ROLE_TOOL, "late"), ERR_STATE);
	assert_int_equal(kit_state(k, 2, RUN_RUNNING, 0), ERR_NOTFOUND);
	assert_int_equal(kit_state(k, 1, RUN_DONE, 0), ERR_STATE);
	assert_string_equal(kit_history(k, "a", 0, 100, 0), "u:question|a:answer");
}

static void
a_failed_run_shows_its_reason(void **state)
{
	struct kit *k = *state;

	kit_accept(k, 1, "a", "i", "question");
	assert_int_equal(kit_finish(k, 1, RUN_FAILED, ""), 0);
	assert_string_equal(kit_history(k, "a", 0, 100, 0), "u:question|a:the reason");
}

static void
questions_accepted_at_once_read_in_turns(void **state)
{
	struct kit *k = *state;

	kit_accept(k, 11, "a", "1", "q1");
	kit_accept(k, 12, "a", "2", "q2");
	assert_string_equal(kit_history(k, "a", 11, 100, 0), "u:q1");
	kit_item(k, 11, ROLE_TOOL, "t1");
	assert_int_equal(kit_finish(k, 11, RUN_DONE, "a1"), 0);
	assert_string_equal(kit_history(k, "a", 12, 100, 0), "u:q1|t:t1|a:a1|u:q2");
	assert_int_equal(kit_finish(k, 12, RUN_DONE, "a2"), 0);
	assert_string_equal(kit_history(k, "a", 0, 100, 0), "u:q1|t:t1|a:a1|u:q2|a:a2");
	assert_string_equal(kit_history(k, "b", 12, 100, 0), "NOTFOUND");
	assert_string_equal(kit_history(k, "b", 0, 100, 0), "");
}

static void
history_gives_the_newest_within_its_limits(void **state)
{
	struct kit *k = *state;

	kit_accept(k, 1, "a", "1", "0123456789");
	kit_item(k, 1, ROLE_TOOL, "t1");
	kit_item(k, 1, ROLE_TOOL, "t2");
	kit_finish(k, 1, RUN_DONE, "end");
	assert_string_equal(kit_history(k, "a", 0, 2, 0), "t:t2|a:end");
	assert_string_equal(kit_history(k, "a", 0, 100, 7), "t:t1|t:t2|a:end");
	assert_string_equal(kit_history(k, "a", 0, 100, 6), "t:t2|a:end");
	assert_string_equal(kit_history(k, "a", 0, 100, 2), "");
}

static void
long_texts_travel_in_sealed_bodies(void **state)
{
	struct kit *k = *state;
	struct buf got = {.max = MIB(2u)};
	uint8_t *text = mem_alloc(1, 1000000);
	const struct core_store_item *m;
	int fd;

	for (size_t i = 0; i < 1000000; i++)
		text[i] = (uint8_t)(i * 7);
	kit_accept(k, 1, "a", "1", "q");
	fd = harness_seal(span_of(text, 1000000));
	harness_send(k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_FINISH,
		&(struct core_store_finish){
			.req = ++k->req, .run = 1, .state = RUN_DONE, .body = fd});
	assert_int_equal(kit_stored(k), 0);
	close(fd);
	kit_send_history(k, "a", 0, 1, 0);
	m = harness_recv(k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_ITEM, &k->in);
	assert_int_equal(m->text.len, 0);
	harness_body(m->body, &got);
	assert_true(span_eq(buf_span(&got), span_of(text, 1000000)));
	buf_clear(&got);
	free(text);
}

static void
a_body_that_is_not_sealed_ends_the_channel(void **state)
{
	struct kit *k = *state;
	int pipes[2];

	assert_int_equal(pipe(pipes), 0);
	harness_send(k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_ACCEPT,
		&(struct core_store_accept){
			.req = 1, .run = 1, .session_key = SPAN("a"), .body = pipes[0]});
	harness_closed(k->core, &core_store_proto, IPC_SIDE_A);
	(void)harness_expect(k->h, CHILD_PEER_BAD);
	close(pipes[0]);
	close(pipes[1]);
}

/*
 * STORE_QUEUE_MAX, STORE_READ_MS: 1,000 items of 6,000 bytes are six times what a channel holds. The list waits for its reader, does
 * not end it, and goes on as soon as there is room.
 */
static void
a_long_history_waits_for_its_reader(void **state)
{
	struct kit *k = *state;
	static char text[6001];
	uint64_t n = 0;

	memset(text, 'x', 6000);
	kit_accept(k, 1, "a", "1", "q");
	for (int i = 0; i < 1100; i++)
		assert_int_equal(kit_item(k, 1, ROLE_TOOL, text), 0);
	kit_send_history(k, "a", 0, HISTORY_LIMIT_MAX, HISTORY_BYTES_MAX);
	usleep(200000);
	kit_send_history(k, "a", 0, 1, 0); /* others are served meanwhile */
	for (uint64_t open = 2; open > 0;) {
		assert_int_equal(ipc_sync_recv(k->core, &core_store_proto, IPC_SIDE_A,
					 HARNESS_WAIT_MS, &k->in),
			0);
		if (k->in.id == CORE_STORE_DONE) {
			open--;
			n += ((const struct core_store_done *)(const void *)k->in.msg.bytes)->count;
		}
	}
	assert_int_equal(n, 1001);
}

static void
what_was_answered_survives_a_kill(void **state)
{
	struct kit *k = *state;

	for (int round = 0; round < 5; round++) {
		char idem[16];
		uint64_t number = 100u + (uint64_t)round * 2;

		snprintf(idem, sizeof(idem), "i%d", round);
		assert_int_equal(kit_accept(k, number, "a", idem, "q")->rc, 0);
		assert_int_equal(kit_finish(k, number, RUN_DONE, "r"), 0);
		assert_int_equal(kit_accept(k, number + 1, "open", idem, "q")->rc, 0);
		kit_kill(k);
		kit_start(k);
		assert_true(kit_accept(k, number + 50, "a", idem, "q")->duplicate);
	}
	assert_int_equal(kit_counts(k).items, 15);
	assert_string_equal(kit_history(k, "a", 0, 3, 0), "a:r|u:q|a:r");
}

static void
open_runs_are_listed_oldest_first(void **state)
{
	struct kit *k = *state;
	uint64_t numbers[] = {5, 3, 9};
	const struct core_store_run *m;

	for (int i = 0; i < 3; i++)
		kit_accept(k, numbers[i], "a", "", "q"); /* at: 1000 + number */
	kit_finish(k, 5, RUN_ABORTED, "");
	kit_state(k, 9, RUN_EFFECT, 77);
	kit_kill(k);
	kit_start(k);
	harness_send(k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_OPEN_RUNS,
		&(struct core_store_open_runs){.req = 1});
	m = harness_recv(k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_RUN, &k->in);
	assert_int_equal(m->run, 3);
	assert_int_equal(m->state, RUN_ACCEPTED);
	m = harness_recv(k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_RUN, &k->in);
	assert_int_equal(m->run, 9);
	assert_int_equal(m->state, RUN_EFFECT);
	assert_int_equal(m->call, 77);
	assert_true(span_eq(m->session_key, SPAN("a")));
	assert_int_equal(((const struct core_store_done *)harness_recv(
				  k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_DONE, &k->in))
				 ->count,
		2);
}

static void
a_run_is_found_by_its_idempotency_key(void **state)
{
	struct kit *k = *state;
	const struct core_store_done *d;
	struct core_store_find_run ask = {.req = 1,
		.idem = SPAN("key"),
		.principal = PRINCIPAL(PRINCIPAL_TOKEN, SCOPE_ALL, 1)};

	kit_accept(k, 5, "a", "key", "q");
	kit_finish(k, 5, RUN_DONE, "r");
	harness_send(k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_FIND_RUN, &ask);
	assert_int_equal(((const struct core_store_run *)harness_recv(
				  k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_RUN, &k->in))
				 ->state,
		RUN_DONE);
	harness_recv(k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_DONE, &k->in);
	ask.principal = PRINCIPAL(PRINCIPAL_DEVICE, SCOPE_READ, 9); /* somebody else's key */
	harness_send(k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_FIND_RUN, &ask);
	d = harness_recv(k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_DONE, &k->in);
	assert_int_equal(d->count, 0);
}

static uint64_t
list_sessions(
	struct kit *k, const char *search, uint32_t limit, uint64_t since, char *out, size_t cap)
{
	size_t len = 0;

	out[0] = 0;
	harness_send(k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_SESSIONS,
		&(struct core_store_sessions){.req = ++k->req,
			.limit = limit,
			.since = since,
			.search = span_from_cstr(search)});
	for (;;) {
		assert_int_equal(ipc_sync_recv(k->core, &core_store_proto, IPC_SIDE_A,
					 HARNESS_WAIT_MS, &k->in),
			0);
		if (k->in.id == CORE_STORE_DONE)
			return ((const struct core_store_done *)(const void *)k->in.msg.bytes)
				->count;
		const struct core_store_session *m = (const void *)k->in.msg.bytes;

		len += (size_t)snprintf(out + len, cap - len, "%.*s(%.*s) ", (int)m->key.len,
			(const char *)m->key.ptr, (int)m->title.len, (const char *)m->title.ptr);
	}
}

static void
sessions_are_listed_newest_first_and_searched(void **state)
{
	struct kit *k = *state;
	char out[512];
	int fd;

	kit_accept(k, 1, "agent:main:main", "", "Plan the trip\nto Rome");
	fd = harness_seal(SPAN("\xff\xfe not text"));
	harness_send(k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_ACCEPT,
		&(struct core_store_accept){.req = ++k->req,
			.run = 2,
			.session_key = SPAN("agent:main:work"),
			.at = 1002,
			.body = fd});
	(void)harness_recv(k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_ACCEPTED, &k->in);
	close(fd);
	kit_accept(k, 3, "agent:main:home", "", "Buy milk");
	kit_finish(k, 1, RUN_DONE, "ok");
	assert_int_equal(list_sessions(k, "", 10, 0, out, sizeof(out)), 3);
	assert_string_equal(
		out, "agent:main:main(Plan the trip) agent:main:home(Buy milk) agent:main:work() ");
	assert_int_equal(list_sessions(k, "TRIP", 10, 0, out, sizeof(out)), 1);
	assert_string_equal(out, "agent:main:main(Plan the trip) ");
	assert_int_equal(list_sessions(k, "", 1, 0, out, sizeof(out)), 1);
	assert_int_equal(list_sessions(k, "", 10, 1003, out, sizeof(out)), 2);
}

static void
gate_rows_never_go_back(void **state)
{
	struct kit *k = *state;
	struct gate_store_put put = {.req = 1,
		.table = GATE_SESSION_LABELS,
		.key = 9,
		.version = 2,
		.value = SPAN("v2"),
		.mac = SPAN("m2")};
	const struct gate_store_row *row;
	const int64_t expect[] = {0, 0, ERR_REPLAY, ERR_REPLAY, 0};

	for (int i = 0; i < 5; i++) {
		if (i == 2)
			put.value = SPAN("other"); /* the same version again, another row */
		if (i == 3)
			put.version = 1;
		if (i == 4)
			put.version = 3;
		harness_send(k->gate, &gate_store_proto, IPC_SIDE_A, GATE_STORE_PUT, &put);
		assert_int_equal(((const struct gate_store_stored *)harness_recv(k->gate,
					  &gate_store_proto, IPC_SIDE_A, GATE_STORE_STORED, &k->in))
					 ->rc,
			expect[i]);
	}
	kit_kill(k);
	kit_start(k);
	harness_send(k->gate, &gate_store_proto, IPC_SIDE_A, GATE_STORE_GET,
		&(struct gate_store_get){.req = 1, .table = 1, .key = 9});
	row = harness_recv(k->gate, &gate_store_proto, IPC_SIDE_A, GATE_STORE_ROW, &k->in);
	assert_true(row->found && row->version == 3 && span_eq(row->value, SPAN("other")));
	put = (struct gate_store_put){.req = 1, .table = 1, .key = 9, .version = 4};
	harness_send(k->gate, &gate_store_proto, IPC_SIDE_A, GATE_STORE_PUT, &put);
	harness_recv(k->gate, &gate_store_proto, IPC_SIDE_A, GATE_STORE_STORED, &k->in);
	harness_send(k->gate, &gate_store_proto, IPC_SIDE_A, GATE_STORE_GET,
		&(struct gate_store_get){.req = 1, .table = 1, .key = 9});
	row = harness_recv(k->gate, &gate_store_proto, IPC_SIDE_A, GATE_STORE_ROW, &k->in);
	assert_false(row->found);
}

/* ---- memory ---- */

static const uint8_t gate_key[WARRANT_KEY_LEN] = {1, 2, 3};

static void
make_warrant(
	enum tool tool, struct span args, uint64_t call, uint64_t counter, uint8_t out[WARRANT_LEN])
{
	struct warrant w = {.effect = tool_rows[tool].effect,
		.tool = (uint8_t)tool,
		.executor = KIND_STORE,
		.incarnation = 1,
		.run = 1,
		.call = call,
		.dest_kind = DEST_MEMORY,
		.counter = counter,
		.expires_ms = UINT64_MAX};

	warrant_dest(DEST_MEMORY, SPAN("memory"), w.dest);
	warrant_plan((uint8_t)tool, &args, 1, w.plan);
	warrant_issue(gate_key, &w, out);
}

static struct span
one_arg(struct buf *b, const char *key, const char *value)
{
	struct args_out out;

	buf_reset(b);
	args_out_init(&out, b, false);
	if (value != NULL)
		args_out_cstr(&out, key, value);
	assert_int_equal(args_out_done(&out), 0);
	return buf_span(b);
}

/* What gate does: gives a label to what is stored, and lets pass what is found. False when nothing comes within ms. */
static bool
serve_gate(struct kit *k, int ms)
{
	static const uint8_t label[10] = {2, 1};
	static const uint8_t mac[32] = {5};
	struct ipc_received *in = &k->from_gate;

	if (ipc_sync_recv(k->gate, &gate_store_proto, IPC_SIDE_A, ms, in) < 0)
		return false;
	if (in->id == GATE_STORE_SEAL) {
		const struct gate_store_seal *m = (const void *)in->msg.bytes;

		harness_send(k->gate, &gate_store_proto, IPC_SIDE_A, GATE_STORE_SEALED,
			&(struct gate_store_sealed){.req = m->req,
				.label = span_of(label, sizeof(label)),
				.version = 1,
				.mac = span_of(mac, sizeof(mac))});
	} else {
		const struct gate_store_recalled *m = (const void *)in->msg.bytes;

		assert_int_equal(in->id, GATE_STORE_RECALLED);
		assert_true(span_eq(m->label, span_of(label, sizeof(label))));
		assert_true(span_eq(m->mac, span_of(mac, sizeof(mac))));
		assert_true(m->version == 1 && m->run == 1);
		harness_send(k->gate, &gate_store_proto, IPC_SIDE_A, GATE_STORE_RECALL_OK,
			&(struct gate_store_recall_ok){.req = m->req});
	}
	return true;
}

/* The next message of core's socket, while gate does its part. */
static void
next_of_core(struct kit *k)
{
	for (int i = 0; i < HARNESS_WAIT_MS / 10; i++) {
		if (ipc_sync_recv(k->core, &core_store_proto, IPC_SIDE_A, 10, &k->in) == 0)
			return;
		while (serve_gate(k, 0))
			;
	}
	fail_msg("store does not answer");
}

static const struct audit_writer_line *
next_line(struct kit *k)
{
	return harness_recv(
		k->audit, &audit_writer_proto, IPC_SIDE_B, AUDIT_WRITER_LINE, &k->from_audit);
}

static void
send_remember(struct kit *k, struct span args, uint64_t call, const uint8_t *warrant)
{
	harness_send(k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_MEMORY_PUT,
		&(struct core_store_memory_put){.req = ++k->req,
			.run = 1,
			.call = call,
			.args = args,
			.warrant = span_of(warrant, WARRANT_LEN)});
}

static void
send_recall(struct kit *k, struct span args, uint64_t call, const uint8_t *warrant)
{
	harness_send(k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_MEMORY_FIND,
		&(struct core_store_memory_find){.req = ++k->req,
			.run = 1,
			.call = call,
			.args = args,
			.warrant = span_of(warrant, WARRANT_LEN)});
}

static int64_t
remember(struct kit *k, struct span args, uint64_t call, const uint8_t *warrant)
{
	const struct core_store_stored *m = (const void *)k->in.msg.bytes;

	send_remember(k, args, call, warrant);
	next_of_core(k);
	assert_int_equal(k->in.id, CORE_STORE_STORED);
	assert_true(m->req == k->req);
	return m->rc;
}

static const char *
recall(struct kit *k, struct span args, uint64_t call, const uint8_t *warrant)
{
	static char out[1024];
	size_t len = 0;

	out[0] = 0;
	send_recall(k, args, call, warrant);
	for (;;) {
		next_of_core(k);
		if (k->in.id == CORE_STORE_DONE) {
			int64_t rc =
				((const struct core_store_done *)(const void *)k->in.msg.bytes)->rc;

			return rc < 0 ? err_name((int)rc) : out;
		}
		const struct core_store_memory *m = (const void *)k->in.msg.bytes;

		len += (size_t)snprintf(out + len, sizeof(out) - len, "%.*s;", (int)m->text.len,
			(const char *)m->text.ptr);
	}
}

static void
memory_needs_a_warrant_for_exactly_this(void **state)
{
	struct kit *k = *state;
	struct buf b = {.max = 4096};
	struct buf other = {.max = 4096};
	struct span args = one_arg(&b, "text", "the cat is called Minou");
	uint8_t w[WARRANT_LEN];

	make_warrant(TOOL_MEMORY_SAVE, args, 1, 1, w);
	assert_int_equal(remember(k, args, 1, w), ERR_NOPEER); /* no key yet */
	harness_key(k->h, KIND_GATE, 0, 1, gate_key);
	(void)kit_counts(k);
	harness_settle(k->h);
	assert_int_equal(remember(k, one_arg(&other, "text", "the dog"), 1, w), ERR_DENIED);
	assert_int_equal(remember(k, args, 2, w), ERR_DENIED); /* another call */
	w[40] ^= 1;
	assert_int_equal(remember(k, args, 1, w), ERR_CRYPTO);
	w[40] ^= 1;
	assert_int_equal(remember(k, args, 1, w), 0);
	assert_int_equal(remember(k, args, 1, w), ERR_REPLAY);
	make_warrant(TOOL_MEMORY_SEARCH, args, 1, 2, w); /* reading is not writing */
	assert_int_equal(remember(k, args, 1, w), ERR_DENIED);
	buf_clear(&b);
	buf_clear(&other);
}

static void
with_key(struct kit *k)
{
	harness_key(k->h, KIND_GATE, 0, 1, gate_key);
	harness_settle(k->h);
}

/* Begun, carried out, and one line for each warrant that was refused. */
static void
every_call_and_every_refusal_is_a_line(void **state)
{
	struct kit *k = *state;
	struct buf b = {.max = 4096};
	struct span args = one_arg(&b, "text", "tea");
	uint8_t w[WARRANT_LEN];

	with_key(k);
	make_warrant(TOOL_MEMORY_SAVE, args, 1, 1, w);
	assert_int_equal(remember(k, args, 1, w), 0);
	assert_int_equal(next_line(k)->event, AUDIT_BEGUN);
	assert_int_equal(k->from_audit.id, AUDIT_WRITER_LINE);
	assert_int_equal(next_line(k)->event, AUDIT_EXECUTED);
	assert_int_equal(remember(k, args, 1, w), ERR_REPLAY);
	const struct audit_writer_line *line = next_line(k);

	assert_int_equal(line->event, AUDIT_REFUSED);
	assert_int_equal(line->verdict, VERDICT_DENY);
	assert_int_equal(line->reason, REASON_WARRANT);
	assert_int_equal(line->number, ERR_REPLAY);
	assert_true(line->run == 1 && line->call == 1);
	harness_quiet(k->audit, 50);
	harness_quiet(k->gate, 0);
	buf_clear(&b);
}

/* Core is told what was found when gate has lowered the run's label, and not a moment before; without gate, nothing. */
static void
no_text_before_gate_has_its_label(void **state)
{
	struct kit *k = *state;
	struct buf b = {.max = 4096};
	struct span args = one_arg(&b, "text", "tea");
	const struct core_store_done *done = (const void *)k->in.msg.bytes;
	uint8_t w[WARRANT_LEN];

	with_key(k);
	make_warrant(TOOL_MEMORY_SAVE, args, 1, 1, w);
	assert_int_equal(remember(k, args, 1, w), 0);
	args = one_arg(&b, "query", "tea");
	make_warrant(TOOL_MEMORY_SEARCH, args, 2, 2, w);
	send_recall(k, args, 2, w);
	harness_quiet(k->core, 200);
	assert_true(serve_gate(k, 100));
	next_of_core(k);
	assert_int_equal(k->in.id, CORE_STORE_MEMORY);
	next_of_core(k);
	assert_int_equal(k->in.id, CORE_STORE_DONE);
	make_warrant(TOOL_MEMORY_SEARCH, args, 3, 3, w);
	send_recall(k, args, 3, w);
	harness_quiet(k->core, 100);
	close(k->gate);
	harness_peer_gone(k->h, KIND_GATE, 0, 2);
	next_of_core(k);
	assert_int_equal(k->in.id, CORE_STORE_DONE);
	assert_int_equal(done->rc, ERR_NOPEER);
	k->gate = harness_peer(k->h, KIND_GATE, 0);
	buf_clear(&b);
}

static void
nothing_is_stored_before_its_line_is_kept(void **state)
{
	struct kit *k = *state;
	struct buf b = {.max = 4096};
	struct span args = one_arg(&b, "text", "tea");
	const struct core_store_stored *stored = (const void *)k->in.msg.bytes;
	uint8_t w[WARRANT_LEN];

	with_key(k);
	close(k->audit);
	k->audit = harness_peer(k->h, KIND_AUDIT, 0);
	make_warrant(TOOL_MEMORY_SAVE, args, 1, 1, w);
	send_remember(k, args, 1, w);
	assert_int_equal(next_line(k)->event, AUDIT_BEGUN);
	harness_quiet(k->gate, 100);
	next_of_core(k);
	assert_int_equal(stored->rc, ERR_TIMEOUT);
	assert_int_equal(next_line(k)->event, AUDIT_REFUSED);
	buf_clear(&b);
}

static void
calls_of_the_memory_are_limited(void **state)
{
	struct kit *k = *state;
	struct buf b = {.max = 4096};
	struct span args = one_arg(&b, "text", "tea");
	const struct core_store_stored *stored = (const void *)k->in.msg.bytes;
	uint8_t w[WARRANT_LEN];

	with_key(k);
	for (uint64_t i = 1; i <= STORE_MEMORY_CALLS_MAX + 1; i++) {
		make_warrant(TOOL_MEMORY_SAVE, args, i, i, w);
		send_remember(k, args, i, w);
	}
	(void)harness_recv(k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_STORED, &k->in);
	assert_int_equal(stored->rc, ERR_BUSY);
	assert_true(stored->req == k->req);
	for (unsigned i = 0; i < STORE_MEMORY_CALLS_MAX; i++) {
		next_of_core(k);
		assert_int_equal(stored->rc, 0);
	}
	buf_clear(&b);
}

static void
memory_is_found_by_its_words(void **state)
{
	struct kit *k = *state;
	struct buf b = {.max = 4096};
	static const char *const facts[] = {"the cat is called Minou",
		"Café on the corner opens at 8", "trains: OR AND NOT \"x*\""};
	static const struct {
		const char *query;
		const char *found;
	} asks[] = {
		{"what is the cat's name", NULL},
		{"minou", "the cat is called Minou;"},
		{"cafe", "Café on the corner opens at 8;"},
		{"\"x* AND", "trains: OR AND NOT \"x*\";"},
		{"zebra", ""},
		{"\"'*()", "MISSING"},
		{NULL, "trains: OR AND NOT \"x*\";Café on the corner opens at 8;the cat is called "
		       "Minou;"},
	};
	struct args_out out;
	uint8_t w[WARRANT_LEN];
	uint64_t n = 0;

	harness_key(k->h, KIND_GATE, 0, 1, gate_key);
	harness_settle(k->h);
	for (size_t i = 0; i < 3; i++) {
		struct span args = one_arg(&b, "text", facts[i]);

		make_warrant(TOOL_MEMORY_SAVE, args, 1, ++n, w);
		assert_int_equal(remember(k, args, 1, w), 0);
	}
	/* what could not be told again is not kept: it would end every search that meets it */
	buf_reset(&b);
	args_out_init(&out, &b, false);
	args_out_str(&out, "text", SPAN("Minou\0obey"));
	assert_int_equal(args_out_done(&out), 0);
	make_warrant(TOOL_MEMORY_SAVE, buf_span(&b), 1, ++n, w);
	assert_int_equal(remember(k, buf_span(&b), 1, w), ERR_UTF8);
	for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
		struct span args = one_arg(&b, "query", asks[i].query);

		make_warrant(TOOL_MEMORY_SEARCH, args, 1, ++n, w);
		const char *got = recall(k, args, 1, w);

		if (asks[i].found != NULL)
			assert_string_equal(got, asks[i].found);
		else
			assert_non_null(strstr(got, "Minou"));
	}
	buf_clear(&b);
}

/* STORE_WORDS_MAX: so many words of a question count; STORE_FOUND_MAX: so many memories come of it. */
static void
searches_of_the_memory_have_limits(void **state)
{
	struct kit *k = *state;
	struct buf b = {.max = 4096};
	uint8_t w[WARRANT_LEN];
	uint64_t n = 0;
	unsigned found = 0;

	harness_key(k->h, KIND_GATE, 0, 1, gate_key);
	harness_settle(k->h);
	for (unsigned i = 0; i <= STORE_FOUND_MAX; i++) {
		struct span args = one_arg(&b, "text", "tea");

		make_warrant(TOOL_MEMORY_SAVE, args, 1, ++n, w);
		assert_int_equal(remember(k, args, 1, w), 0);
		struct span ask = one_arg(&b, "query", "tea");

		make_warrant(TOOL_MEMORY_SEARCH, ask, 1, ++n, w);
		found = 0;
		for (const char *at = recall(k, ask, 1, w); (at = strstr(at, "tea;")) != NULL; at++)
			found++;
		assert_int_equal(found, i < STORE_FOUND_MAX ? i + 1 : STORE_FOUND_MAX);
	}
	for (unsigned before = STORE_WORDS_MAX - 1; before <= STORE_WORDS_MAX; before++) {
		char query[STORE_WORDS_MAX * 4 + 8];
		struct span ask;

		for (unsigned i = 0; i < before; i++)
			memcpy(query + (size_t)i * 4, "zzz ", 4);
		memcpy(query + (size_t)before * 4, "tea", 4);
		ask = one_arg(&b, "query", query);
		make_warrant(TOOL_MEMORY_SEARCH, ask, 1, ++n, w);
		assert_int_equal(
			strstr(recall(k, ask, 1, w), "tea;") != NULL, before < STORE_WORDS_MAX);
	}
	buf_clear(&b);
}

/* ---- plans ---- */

static const struct {
	const char *name;
	const char *text;
} statements[] = {
#define SQL(ID, text) {#ID, text},
#include "src/store/store_sql.def"
#undef SQL
};

static const char each_start[] =
#define EACH_START(text) text
#include "src/store/store_schema.def"
	;

static void
no_statement_reads_a_table_from_end_to_end(void **state)
{
	struct kit *k = *state;
	char path[128];
	char text[1024];
	sqlite3 *db = NULL;
	unsigned searches = 0;

	kit_accept(k, 1, "a", "1", "q");
	kit_stop(k);
	snprintf(path, sizeof(path), "%s/store.db", k->dir);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, each_start, NULL, NULL, NULL), SQLITE_OK);
	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++) {
		sqlite3_stmt *st = NULL;

		snprintf(text, sizeof(text), "EXPLAIN QUERY PLAN %s", statements[i].text);
		assert_int_equal(sqlite3_prepare_v2(db, text, -1, &st, NULL), SQLITE_OK);
		while (sqlite3_step(st) == SQLITE_ROW) {
			const char *plan = (const char *)sqlite3_column_text(st, 3);
			bool scan =
				strstr(plan, "SCAN") != NULL || strstr(plan, "TEMP B-TREE") != NULL;

			/* the text index is asked through MATCH; the newest memories are the end of the table, up to the limit */
			/* only runs with the same key are sorted */
			if (strcmp(statements[i].name, "RUN_FIND") == 0 &&
				strstr(plan, "SCAN") == NULL)
				scan = false;
			if (scan && (strstr(plan, "VIRTUAL TABLE INDEX") != NULL ||
					    strcmp(statements[i].name, "MEMORY_NEWEST") == 0))
				scan = false;
			if (strcmp(plan, "SCAN CONSTANT ROW") == 0) /* no table at all */
				scan = false;
			if (scan)
				fail_msg("%s: %s", statements[i].name, plan);
			searches++;
		}
		sqlite3_finalize(st);
	}
	assert_true(searches > 15);
	sqlite3_close(db);
	kit_start(k);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)
		T(a_message_is_accepted_once),
		T(a_duplicate_in_the_same_commit_is_found),
		T(the_same_key_in_another_session_is_another_message),
		T(a_run_number_is_used_once),
		T(a_run_has_one_final_answer),
		T(a_failed_run_shows_its_reason),
		T(questions_accepted_at_once_read_in_turns),
		T(history_gives_the_newest_within_its_limits),
		T(long_texts_travel_in_sealed_bodies),
		T(a_body_that_is_not_sealed_ends_the_channel),
		T(a_long_history_waits_for_its_reader),
		T(what_was_answered_survives_a_kill),
		T(open_runs_are_listed_oldest_first),
		T(a_run_is_found_by_its_idempotency_key),
		T(sessions_are_listed_newest_first_and_searched),
		T(gate_rows_never_go_back),
		T(memory_needs_a_warrant_for_exactly_this),
		T(memory_is_found_by_its_words),
		T(searches_of_the_memory_have_limits),
		T(every_call_and_every_refusal_is_a_line),
		T(no_text_before_gate_has_its_label),
		T(nothing_is_stored_before_its_line_is_kept),
		T(calls_of_the_memory_are_limited),
		T(no_statement_reads_a_table_from_end_to_end),
	};

	if (argc < 2)
		return 1;
	kit_program = argv[1];
	return crypto_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
