/* The real gate between the peers that the test plays: turns, runs, labels that fall, warrants, restarts, a lying store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../harness.h"
#include "args/args.h"
#include "base/err.h"
#include "crypto/crypto.h"
#include "gate/gate.h"

#define OWNER PRINCIPAL((uint64_t)PRINCIPAL_TOKEN, (uint64_t)SCOPE_ALL, 1u)
#define SESSION 500u
#define ROWS_MAX 256

static const char *program;
static struct ipc_received in;
static struct buf slice = {.max = 4096};
static uint8_t sandbox_key[WARRANT_KEY_LEN] = {1};

/* What the test's store holds; it survives restarts of gate. */
struct stored {
	uint8_t table;
	uint64_t key;
	uint64_t version;
	uint8_t value[64];
	size_t len;
	uint8_t mac[CRYPTO_MAC_LEN];
};

struct fixture {
	struct harness *h;
	int row_key;
	int seen; /* negative: none */
	int user;
	int core;
	int store;
	int sandbox;
	int audit;
	bool no_key;
	bool mute; /* audit answers when the test does */
	struct stored rows[ROWS_MAX];
	size_t nrows;
};

static void
launch(struct fixture *f)
{
	struct harness_options o = {.kind = KIND_GATE,
		.slice = buf_span(&slice),
		.handles = {{HANDLE_LABELS, 0, f->seen}, {HANDLE_BOX_KEY, 0, f->row_key}},
		.nhandles = 2};

	if (f->no_key)
		o.nhandles = 1;
	if (f->seen < 0)
		o.handles[0] = o.handles[--o.nhandles];
	f->h = harness_new(program, NULL, &o);
	f->user = harness_peer(f->h, KIND_USER, OWNER);
	f->core = harness_peer(f->h, KIND_CORE, 0);
	f->store = harness_peer(f->h, KIND_STORE, 0);
	harness_key(f->h, KIND_SANDBOX, 0, 3, sandbox_key);
	f->sandbox = harness_peer(f->h, KIND_SANDBOX, 0);
	f->audit = harness_peer(f->h, KIND_AUDIT, 0);
	if (!f->mute)
		f->audit = harness_keep(f->audit);
	harness_start(f->h);
}

static void
end(struct fixture *f)
{
	close(f->user);
	close(f->core);
	close(f->store);
	close(f->sandbox);
	close(f->audit);
	assert_int_equal(harness_free(f->h), 0);
}

static void
begin(struct fixture *f)
{
	struct args_out out;

	memset(f, 0, sizeof(*f));
	buf_reset(&slice);
	args_out_init(&out, &slice, false);
	args_out_u64(&out, "provider.rows", 8);
	args_out_u64(&out, "run.tool_calls", 5);
	assert_int_equal(args_out_done(&out), 0);
	f->seen = memfd_create("seen", MFD_CLOEXEC);
	f->row_key = memfd_create("key", MFD_CLOEXEC);
	assert_int_equal(write(f->row_key, "0123456789abcdef0123456789abcdef", 32), 32);
	launch(f);
}

static struct stored *
stored_at(struct fixture *f, uint8_t table, uint64_t key, bool make)
{
	for (size_t i = 0; i < f->nrows; i++) {
		if (f->rows[i].table == table && f->rows[i].key == key)
			return &f->rows[i];
	}
	if (!make)
		return NULL;
	assert_true(f->nrows < ROWS_MAX);
	f->rows[f->nrows] = (struct stored){.table = table, .key = key};
	return &f->rows[f->nrows++];
}

static void
store_put(struct fixture *f, const struct gate_store_put *m, int64_t rc)
{
	struct stored *s;

	if (rc == 0) {
		s = stored_at(f, m->table, m->key, true);
		assert_true(m->version > s->version);
		s->version = m->version;
		s->len = m->value.len;
		if (m->value.len > 0)
			memcpy(s->value, m->value.ptr, m->value.len);
		memcpy(s->mac, m->mac.ptr, sizeof(s->mac));
	}
	harness_send(f->store, &gate_store_proto, IPC_SIDE_B, GATE_STORE_STORED,
		&(struct gate_store_stored){.req = m->req, .rc = rc});
}

static void
store_get(struct fixture *f, const struct gate_store_get *m)
{
	const struct stored *s = stored_at(f, m->table, m->key, false);
	struct gate_store_row row = {.req = m->req, .key = m->key};

	if (s != NULL && s->len > 0)
		row = (struct gate_store_row){.req = m->req,
			.found = true,
			.key = m->key,
			.version = s->version,
			.value = span_of(s->value, s->len),
			.mac = span_of(s->mac, sizeof(s->mac))};
	harness_send(f->store, &gate_store_proto, IPC_SIDE_B, GATE_STORE_ROW, &row);
}

/* Answers what gate asks of store until nothing more comes for a moment. */
static void
store_serve(struct fixture *f)
{
	while (ipc_sync_recv(f->store, &gate_store_proto, IPC_SIDE_B, 50, &in) == 0) {
		if (in.id == GATE_STORE_PUT)
			store_put(f, (const void *)in.msg.bytes, 0);
		else
			store_get(f, (const void *)in.msg.bytes);
	}
}

static void
turn(struct fixture *f, uint64_t number, uint8_t integrity, bool ok)
{
	const struct edge_gate_turn_ok *m;

	harness_send(f->user, &edge_gate_proto, IPC_SIDE_A, EDGE_GATE_TURN,
		&(struct edge_gate_turn){.turn = number, .integrity = integrity});
	m = harness_recv(f->user, &edge_gate_proto, IPC_SIDE_A, EDGE_GATE_TURN_OK, &in);
	assert_int_equal(m->ok, ok);
}

/* core is done with it; gate has heard so. */
static void
drop_turn(struct fixture *f, uint64_t number)
{
	harness_send(f->core, &core_gate_proto, IPC_SIDE_A, CORE_GATE_TURN_DROP,
		&(struct core_gate_turn_drop){.turn = number});
	harness_send(f->core, &core_gate_proto, IPC_SIDE_A, CORE_GATE_JUDGE,
		&(struct core_gate_judge){.run = 987654, .call = 1});
	(void)harness_recv(f->core, &core_gate_proto, IPC_SIDE_A, CORE_GATE_VERDICT, &in);
}

static struct label
open_run(struct fixture *f, struct core_gate_run_open m, bool ok, enum reason reason)
{
	const struct core_gate_run_ready *ready;
	struct label label;

	if (m.session == 0)
		m.session = SESSION;
	if (m.principal == 0)
		m.principal = OWNER;
	harness_send(f->core, &core_gate_proto, IPC_SIDE_A, CORE_GATE_RUN_OPEN, &m);
	store_serve(f);
	ready = harness_wait(f->core, &core_gate_proto, IPC_SIDE_A, CORE_GATE_RUN_READY, &in);
	assert_true(ready->run == m.run);
	assert_int_equal(ready->ok, ok);
	assert_string_equal(reason_name(ready->reason), reason_name(reason));
	assert_int_equal(label_unpack(ready->label, &label), 0);
	return label;
}

static void
close_run(struct fixture *f, uint64_t run)
{
	harness_send(f->core, &core_gate_proto, IPC_SIDE_A, CORE_GATE_RUN_CLOSE,
		&(struct core_gate_run_close){.run = run});
	store_serve(f);
}

/* Asks for a tool of the workspace; the verdict, and the warrant's bytes when there is one. */
static enum verdict
judge(struct fixture *f, uint64_t run, uint8_t tool, uint8_t effect, uint8_t warrant[WARRANT_LEN])
{
	static const uint8_t plan[WARRANT_HASH_LEN] = {42};
	uint8_t dest[WARRANT_NUMBER_LEN];
	struct core_gate_judge m = {.run = run,
		.call = 9,
		.effect = effect,
		.tool = tool,
		.executor = KIND_SANDBOX,
		.dest_kind = DEST_WORKSPACE,
		.plan = span_of(plan, sizeof(plan)),
		.dest = span_of(dest, sizeof(dest))};
	const struct core_gate_verdict *v;
	enum verdict got;

	warrant_number(0, dest);
	harness_send(f->core, &core_gate_proto, IPC_SIDE_A, CORE_GATE_JUDGE, &m);
	v = harness_wait(f->core, &core_gate_proto, IPC_SIDE_A, CORE_GATE_VERDICT, &in);
	got = (enum verdict)v->verdict;
	assert_int_equal(v->warrant.len, got == VERDICT_ALLOW ? WARRANT_LEN : 0);
	if (warrant != NULL && v->warrant.len == WARRANT_LEN)
		memcpy(warrant, v->warrant.ptr, WARRANT_LEN);
	store_serve(f);
	return got;
}

static enum verdict
verdict_of(struct fixture *f, uint64_t run, uint8_t tool, uint8_t effect)
{
	return judge(f, run, tool, effect, NULL);
}

static void
send_label(struct fixture *f, uint64_t run, uint8_t integrity, uint8_t readers)
{
	uint8_t packed[LABEL_PACKED_LEN];

	label_pack((struct label){.integrity = integrity, .readers_kind = readers}, packed);
	harness_send(f->sandbox, &executor_gate_proto, IPC_SIDE_A, EXECUTOR_GATE_LABEL,
		&(struct executor_gate_label){
			.run = run, .call = 9, .label = span_of(packed, sizeof(packed))});
}

static void
expect_labeled(struct fixture *f, uint64_t run)
{
	const struct executor_gate_labeled *m = harness_recv(
		f->sandbox, &executor_gate_proto, IPC_SIDE_A, EXECUTOR_GATE_LABELED, &in);

	assert_true(m->run == run && m->call == 9);
}

/* ---- the tests ---- */

static void
an_owners_turn_gets_a_warrant_that_its_executor_accepts_once(void **state)
{
	struct fixture f;
	struct warrant_window window = {0};
	struct warrant want = {.effect = EFFECT_READ,
		.tool = TOOL_FILE_READ,
		.executor = KIND_SANDBOX,
		.incarnation = 3,
		.run = 1,
		.call = 9,
		.dest_kind = DEST_WORKSPACE,
		.plan = {42}};
	uint8_t number[WARRANT_NUMBER_LEN];
	uint8_t warrant[WARRANT_LEN];
	uint64_t now;
	struct ev *ev = ev_new();
	struct label l;

	(void)state;
	begin(&f);
	turn(&f, 7, LABEL_OWNER_TYPED, true);
	l = open_run(&f, (struct core_gate_run_open){.run = 1, .turn = 7}, true, REASON_ALLOWED);
	assert_int_equal(l.integrity, LABEL_OWNER);
	assert_int_equal(l.readers_kind, LABEL_READ_OWNER);
	assert_int_equal(judge(&f, 1, TOOL_FILE_READ, EFFECT_READ, warrant), VERDICT_ALLOW);
	warrant_number(0, number);
	warrant_dest(DEST_WORKSPACE, span_of(number, sizeof(number)), want.dest);
	now = ev_now_ms(
		ev); /* of the loop's birth: before the warrant was made, so it has not expired */
	assert_int_equal(
		warrant_check(sandbox_key, &window, span_of(warrant, sizeof(warrant)), &want, now),
		0);
	assert_int_equal(
		warrant_check(sandbox_key, &window, span_of(warrant, sizeof(warrant)), &want, now),
		ERR_REPLAY);
	ev_free(ev);
	close_run(&f, 1);
	assert_int_equal(verdict_of(&f, 1, TOOL_FILE_READ, EFFECT_READ), VERDICT_DENY);
	end(&f);
}

static uint8_t
integrity_in(const uint8_t warrant[WARRANT_LEN])
{
	uint8_t packed[WARRANT_LABEL_LEN];
	struct label l;

	warrant_label(span_of(warrant, WARRANT_LEN), packed);
	assert_int_equal(label_unpack(span_of(packed, sizeof(packed)), &l), 0);
	assert_int_equal(l.readers_kind, LABEL_READ_OWNER);
	return l.integrity;
}

static void
a_warrant_carries_the_label_that_the_run_has_now(void **state)
{
	struct fixture f;
	uint8_t warrant[WARRANT_LEN];

	(void)state;
	begin(&f);
	turn(&f, 7, LABEL_OWNER_TYPED, true);
	(void)open_run(&f, (struct core_gate_run_open){.run = 1, .turn = 7}, true, REASON_ALLOWED);
	assert_int_equal(judge(&f, 1, TOOL_FILE_WRITE, EFFECT_WRITE, warrant), VERDICT_ALLOW);
	assert_int_equal(integrity_in(warrant), LABEL_OWNER);
	send_label(&f, 1, LABEL_UNTRUSTED, LABEL_READ_OWNER);
	store_serve(&f);
	expect_labeled(&f, 1);
	assert_int_equal(judge(&f, 1, TOOL_FILE_WRITE, EFFECT_WRITE, warrant), VERDICT_ALLOW);
	assert_int_equal(integrity_in(warrant), LABEL_UNTRUSTED);
	close_run(&f, 1);
	end(&f);
}

static void
a_turn_is_for_one_run_of_its_own_principal(void **state)
{
	struct fixture f;
	uint64_t other = PRINCIPAL((uint64_t)PRINCIPAL_DEVICE, (uint64_t)SCOPE_WRITE, 9u);
	uint64_t reader = PRINCIPAL((uint64_t)PRINCIPAL_DEVICE, (uint64_t)SCOPE_READ, 10u);
	int user = -1;

	(void)state;
	begin(&f);
	turn(&f, 7, LABEL_OWNER_TYPED, true);
	turn(&f, 7, LABEL_OWNER_TYPED, false);
	turn(&f, 0, LABEL_OWNER_TYPED, false);
	(void)open_run(&f, (struct core_gate_run_open){.run = 1, .turn = 7, .principal = other},
		false, REASON_SCOPE);
	assert_int_equal(
		open_run(&f, (struct core_gate_run_open){.run = 2, .turn = 7}, true, REASON_ALLOWED)
			.integrity,
		LABEL_OWNER);
	/* a run without a turn of its own, and one with a turn that was used */
	assert_int_equal(
		open_run(&f, (struct core_gate_run_open){.run = 3, .turn = 7, .session = 501}, true,
			REASON_ALLOWED)
			.integrity,
		LABEL_UNTRUSTED);
	assert_int_equal(open_run(&f, (struct core_gate_run_open){.run = 4, .session = 502}, true,
				 REASON_ALLOWED)
				 .integrity,
		LABEL_UNTRUSTED);
	(void)open_run(&f, (struct core_gate_run_open){.run = 4}, false, REASON_RUN_UNKNOWN);
	/* one that core is done with is for no run */
	turn(&f, 9, LABEL_OWNER_TYPED, true);
	drop_turn(&f, 9);
	assert_int_equal(
		open_run(&f, (struct core_gate_run_open){.run = 6, .turn = 9, .session = 504}, true,
			REASON_ALLOWED)
			.integrity,
		LABEL_UNTRUSTED);
	/* a credential that may not write does not speak as the owner, whatever its edge says */
	user = harness_peer(f.h, KIND_USER, reader);
	close(f.user);
	f.user = user;
	turn(&f, 8, LABEL_OWNER_TYPED, true);
	assert_int_equal(open_run(&f,
				 (struct core_gate_run_open){
					 .run = 5, .turn = 8, .principal = reader, .session = 503},
				 true, REASON_ALLOWED)
				 .integrity,
		LABEL_UNTRUSTED);
	end(&f);
}

static void
a_result_is_acknowledged_only_when_its_label_is_on_disk(void **state)
{
	struct fixture f;
	const struct core_gate_run_label *label;
	struct label l;
	unsigned puts = 0;

	(void)state;
	begin(&f);
	turn(&f, 7, LABEL_OWNER_TYPED, true);
	(void)open_run(&f, (struct core_gate_run_open){.run = 1, .turn = 7}, true, REASON_ALLOWED);
	assert_int_equal(verdict_of(&f, 1, TOOL_FILE_DELETE, EFFECT_DELETE), VERDICT_ALLOW);
	/* nothing falls: at once */
	send_label(&f, 1, LABEL_OWNER, LABEL_READ_OWNER);
	expect_labeled(&f, 1);
	send_label(&f, 1, LABEL_UNTRUSTED, LABEL_PUBLIC);
	label = harness_recv(f.core, &core_gate_proto, IPC_SIDE_A, CORE_GATE_RUN_LABEL, &in);
	assert_int_equal(label_unpack(label->label, &l), 0);
	assert_int_equal(l.integrity, LABEL_UNTRUSTED);
	assert_int_equal(l.readers_kind, LABEL_READ_OWNER);
	harness_quiet(f.sandbox, 100);
	/* the disk is full: still nothing, and gate tries again */
	while (puts < 2) {
		(void)ipc_sync_recv(f.store, &gate_store_proto, IPC_SIDE_B, HARNESS_WAIT_MS, &in);
		assert_int_equal(in.id, GATE_STORE_PUT);
		store_put(&f, (const void *)in.msg.bytes, ERR_IO);
		puts++;
	}
	harness_quiet(f.sandbox, 100);
	(void)harness_wait(f.store, &gate_store_proto, IPC_SIDE_B, GATE_STORE_PUT, &in);
	store_put(&f, (const void *)in.msg.bytes, 0);
	store_serve(&f);
	expect_labeled(&f, 1);
	assert_int_equal(verdict_of(&f, 1, TOOL_FILE_DELETE, EFFECT_DELETE), VERDICT_ASK);
	assert_int_equal(verdict_of(&f, 1, TOOL_FILE_WRITE, EFFECT_WRITE), VERDICT_ALLOW);
	/* a better label raises nothing */
	send_label(&f, 1, LABEL_OWNER_TYPED, LABEL_PUBLIC);
	expect_labeled(&f, 1);
	assert_int_equal(verdict_of(&f, 1, TOOL_FILE_DELETE, EFFECT_DELETE), VERDICT_ASK);
	/* and the next run of the session begins where this one ended */
	close_run(&f, 1);
	turn(&f, 8, LABEL_OWNER_TYPED, true);
	assert_int_equal(
		open_run(&f, (struct core_gate_run_open){.run = 2, .turn = 8}, true, REASON_ALLOWED)
			.integrity,
		LABEL_UNTRUSTED);
	end(&f);
}

static void
a_result_of_a_run_that_just_ended_still_taints_its_session(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	turn(&f, 7, LABEL_OWNER_TYPED, true);
	(void)open_run(&f, (struct core_gate_run_open){.run = 1, .turn = 7}, true, REASON_ALLOWED);
	close_run(&f, 1);
	send_label(&f, 1, LABEL_UNTRUSTED, LABEL_PUBLIC);
	store_serve(&f);
	expect_labeled(&f, 1);
	send_label(&f, 99, LABEL_OWNER, LABEL_READ_OWNER);
	harness_quiet(f.sandbox, 100); /* of no run: no acknowledgement */
	turn(&f, 8, LABEL_OWNER_TYPED, true);
	assert_int_equal(
		open_run(&f, (struct core_gate_run_open){.run = 2, .turn = 8}, true, REASON_ALLOWED)
			.integrity,
		LABEL_UNTRUSTED);
	end(&f);
}

/* One tainted session and one open run, before gate dies. */
static void
taint(struct fixture *f)
{
	turn(f, 7, LABEL_OWNER_TYPED, true);
	(void)open_run(f, (struct core_gate_run_open){.run = 1, .turn = 7}, true, REASON_ALLOWED);
	assert_int_equal(verdict_of(f, 1, TOOL_FILE_READ, EFFECT_READ), VERDICT_ALLOW);
	assert_int_equal(verdict_of(f, 1, TOOL_FILE_READ, EFFECT_READ), VERDICT_ALLOW);
	assert_int_equal(verdict_of(f, 1, TOOL_FILE_READ, EFFECT_READ), VERDICT_ALLOW);
	send_label(f, 1, LABEL_MEMBER, LABEL_PUBLIC);
	store_serve(f);
	expect_labeled(f, 1);
}

static void
labels_and_budgets_survive_a_restart(void **state)
{
	struct fixture f;
	struct label l;

	(void)state;
	begin(&f);
	taint(&f);
	end(&f);
	launch(&f);
	l = open_run(&f, (struct core_gate_run_open){.run = 1, .turn = 7, .resumed = true}, true,
		REASON_ALLOWED);
	assert_int_equal(l.integrity, LABEL_MEMBER);
	/* three of five calls were made before */
	assert_int_equal(verdict_of(&f, 1, TOOL_FILE_READ, EFFECT_READ), VERDICT_ALLOW);
	assert_int_equal(verdict_of(&f, 1, TOOL_FILE_DELETE, EFFECT_DELETE), VERDICT_ASK);
	assert_int_equal(verdict_of(&f, 1, TOOL_FILE_READ, EFFECT_READ), VERDICT_DENY);
	turn(&f, 8, LABEL_OWNER_TYPED, true);
	assert_int_equal(
		open_run(&f, (struct core_gate_run_open){.run = 2, .turn = 8}, true, REASON_ALLOWED)
			.integrity,
		LABEL_MEMBER);
	end(&f);
}

static void
rows_that_were_changed_exchanged_or_lost_count_as_untrusted(void **state)
{
	(void)state;
	for (unsigned what = 0; what < 6; what++) {
		struct fixture f;
		struct stored *session;
		struct stored *run;
		struct label l;

		begin(&f);
		taint(&f);
		end(&f);
		session = stored_at(&f, GATE_SESSION_LABELS, SESSION, false);
		run = stored_at(&f, GATE_SPEND, 1, false);
		assert_non_null(session);
		assert_non_null(run);
		switch (what) {
		case 0: /* somebody writes a better label */
			session->value[0] = LABEL_OWNER_TYPED;
			break;
		case 1:
			session->version++;
			break;
		case 2: /* a good row, but of another table */
			session->len = run->len;
			memcpy(session->value, run->value, run->len);
			memcpy(session->mac, run->mac, sizeof(run->mac));
			break;
		case 3:
			session->mac[5] ^= 1;
			break;
		case 4: /* without a key nothing that is stored can be believed */
			f.no_key = true;
			break;
		default: /* the run's own row is gone */
			run->len = 0;
			run->version = 0;
			break;
		}
		launch(&f);
		if (what == 5) {
			l = open_run(&f,
				(struct core_gate_run_open){
					.run = 1, .turn = 7, .session = 999, .resumed = true},
				true, REASON_ALLOWED);
		} else {
			turn(&f, 8, LABEL_OWNER_TYPED, true);
			l = open_run(&f, (struct core_gate_run_open){.run = 2, .turn = 8}, true,
				REASON_ALLOWED);
		}
		assert_int_equal(l.integrity, LABEL_UNTRUSTED);
		end(&f);
	}
}

/* What a new run of the session begins with after a restart. */
static uint8_t
integrity_after_restart(struct fixture *f, uint64_t run)
{
	uint8_t integrity;

	launch(f);
	turn(f, run, LABEL_OWNER_TYPED, true);
	integrity = open_run(
		f, (struct core_gate_run_open){.run = run, .turn = run}, true, REASON_ALLOWED)
			    .integrity;
	end(f);
	return integrity;
}

static void
a_row_that_store_hides_or_gives_an_older_one_of_counts_as_untrusted(void **state)
{
	struct fixture f;
	struct stored older;
	struct stored *session;
	uint8_t written[8];

	(void)state;
	begin(&f);
	turn(&f, 7, LABEL_OWNER_TYPED, true);
	(void)open_run(&f, (struct core_gate_run_open){.run = 1, .turn = 7}, true, REASON_ALLOWED);
	send_label(&f, 1, LABEL_OWNER, LABEL_SECRET);
	store_serve(&f);
	session = stored_at(&f, GATE_SESSION_LABELS, SESSION, false);
	assert_non_null(session);
	older = *session;
	send_label(&f, 1, LABEL_UNTRUSTED, LABEL_SECRET);
	store_serve(&f);
	assert_true(session->version > older.version);
	end(&f);
	assert_int_equal(pread(f.seen, written, sizeof(written), SESSION * 8), 8);
	assert_int_equal(written[0], session->version);

	*session = older; /* gate's own bytes, MAC and all */
	assert_int_equal(integrity_after_restart(&f, 21), LABEL_UNTRUSTED);
	assert_true(session->version > older.version); /* and the doubt is written down */
	*session = (struct stored){.table = GATE_SESSION_LABELS, .key = SESSION};
	assert_int_equal(integrity_after_restart(&f, 22), LABEL_UNTRUSTED);
}

static void
a_session_that_cannot_be_remembered_counts_as_untrusted(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	for (uint64_t i = 0; i < 2; i++) {
		turn(&f, 7 + i, LABEL_OWNER_TYPED, true);
		assert_int_equal(open_run(&f,
					 (struct core_gate_run_open){.run = 1 + i,
						 .turn = 7 + i,
						 .session = GATE_SEEN_MAX - 1 + i},
					 true, REASON_ALLOWED)
					 .integrity,
			i == 0 ? LABEL_OWNER : LABEL_UNTRUSTED);
	}
	end(&f);
	f.seen = -1;
	assert_int_equal(integrity_after_restart(&f, 21), LABEL_UNTRUSTED);
}

static void
send_judge(struct fixture *f, uint64_t run, uint64_t call, uint8_t tool, uint8_t effect)
{
	static const uint8_t plan[WARRANT_HASH_LEN] = {42};
	uint8_t dest[WARRANT_NUMBER_LEN];

	warrant_number(0, dest);
	harness_send(f->core, &core_gate_proto, IPC_SIDE_A, CORE_GATE_JUDGE,
		&(struct core_gate_judge){.run = run,
			.call = call,
			.effect = effect,
			.tool = tool,
			.executor = KIND_SANDBOX,
			.dest_kind = DEST_WORKSPACE,
			.plan = span_of(plan, sizeof(plan)),
			.dest = span_of(dest, sizeof(dest))});
}

static void
expect_verdict(struct fixture *f, uint64_t call, enum verdict verdict, enum reason reason)
{
	const struct core_gate_verdict *v =
		harness_recv(f->core, &core_gate_proto, IPC_SIDE_A, CORE_GATE_VERDICT, &in);

	assert_true(v->call == call);
	assert_int_equal(v->verdict, verdict);
	assert_string_equal(reason_name(v->reason), reason_name(reason));
	assert_int_equal(v->warrant.len, verdict == VERDICT_ALLOW ? WARRANT_LEN : 0);
}

static void
the_kill_switch_and_a_missing_executor_stop_everything(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	turn(&f, 7, LABEL_OWNER_TYPED, true);
	(void)open_run(&f, (struct core_gate_run_open){.run = 1, .turn = 7}, true, REASON_ALLOWED);
	harness_panic(f.h, true);
	harness_settle(f.h);
	assert_int_equal(verdict_of(&f, 1, TOOL_FILE_READ, EFFECT_READ), VERDICT_DENY);
	(void)open_run(&f, (struct core_gate_run_open){.run = 2}, false, REASON_PANIC);
	harness_panic(f.h, false);
	harness_settle(f.h);
	assert_int_equal(verdict_of(&f, 1, TOOL_FILE_READ, EFFECT_READ), VERDICT_ALLOW);
	close(f.sandbox);
	harness_settle(f.h);
	send_judge(&f, 1, 9, TOOL_FILE_READ, EFFECT_READ);
	harness_quiet(f.core, PEER_WAIT_MS / 2); /* it may be restarting */
	expect_verdict(&f, 9, VERDICT_DENY, REASON_EXECUTOR);
	end(&f);
}

/* core may hear of an executor, and ask for it, before gate does. */
static void
an_executor_that_is_being_wired_is_waited_for(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	turn(&f, 7, LABEL_OWNER_TYPED, true);
	(void)open_run(&f, (struct core_gate_run_open){.run = 1, .turn = 7}, true, REASON_ALLOWED);
	close(f.sandbox);
	harness_settle(f.h);
	send_judge(&f, 1, 1, TOOL_FILE_READ, EFFECT_READ);
	harness_quiet(f.core, 100);
	harness_key(f.h, KIND_SANDBOX, 0, 4, sandbox_key);
	harness_quiet(f.core, 100); /* a key alone is nobody who could carry it out */
	f.sandbox = harness_peer(f.h, KIND_SANDBOX, 0);
	expect_verdict(&f, 1, VERDICT_ALLOW, REASON_ALLOWED);
	close(f.sandbox);
	harness_settle(f.h);
	for (uint64_t call = 2; call < 2 + GATE_ASKED_N; call++)
		send_judge(&f, 1, call, TOOL_FILE_READ, EFFECT_READ);
	harness_quiet(f.core, 100);
	send_judge(&f, 1, 2 + GATE_ASKED_N, TOOL_FILE_READ, EFFECT_READ); /* no room to wait */
	expect_verdict(&f, 2 + GATE_ASKED_N, VERDICT_DENY, REASON_EXECUTOR);
	close_run(&f, 1);
	f.sandbox = harness_peer(f.h, KIND_SANDBOX, 0);
	expect_verdict(&f, 2, VERDICT_DENY, REASON_RUN_UNKNOWN);
	end(&f);
}

static void
every_verdict_is_a_line_in_the_audit_log(void **state)
{
	static const struct {
		uint8_t event, verdict, reason;
	} want[] = {{AUDIT_RUN_OPEN, 0, 0}, {AUDIT_VERDICT, VERDICT_ALLOW, REASON_ALLOWED},
		{AUDIT_VERDICT, VERDICT_DENY, REASON_TOOL_UNKNOWN}, {AUDIT_LABEL, 0, 0},
		{AUDIT_VERDICT, VERDICT_ASK, REASON_TAINTED}, {AUDIT_RUN_CLOSE, 0, 0},
		{AUDIT_VERDICT, VERDICT_DENY, REASON_RUN_UNKNOWN}};
	struct fixture f;

	(void)state;
	begin(&f);
	turn(&f, 7, LABEL_OWNER_TYPED, true);
	(void)open_run(&f, (struct core_gate_run_open){.run = 1, .turn = 7}, true, REASON_ALLOWED);
	(void)verdict_of(&f, 1, TOOL_FILE_READ, EFFECT_READ);
	(void)verdict_of(&f, 1, TOOL_FILE_DELETE, EFFECT_READ); /* core calls a deletion a look */
	send_label(&f, 1, LABEL_UNTRUSTED, LABEL_PUBLIC);
	store_serve(&f);
	expect_labeled(&f, 1);
	(void)verdict_of(&f, 1, TOOL_FILE_DELETE, EFFECT_DELETE);
	close_run(&f, 1);
	(void)verdict_of(&f, 1, TOOL_FILE_READ, EFFECT_READ);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		const struct audit_writer_line *line = harness_recv(
			f.audit, &audit_writer_proto, IPC_SIDE_B, AUDIT_WRITER_LINE, &in);

		assert_int_equal(line->event, want[i].event);
		assert_int_equal(line->verdict, want[i].verdict);
		assert_int_equal(line->reason, want[i].reason);
		assert_true(line->run == 1);
	}
	end(&f);
}

static const struct audit_writer_line *
next_line(struct fixture *f)
{
	return harness_recv(f->audit, &audit_writer_proto, IPC_SIDE_B, AUDIT_WRITER_LINE, &in);
}

static void
say_kept(struct fixture *f, uint64_t count)
{
	harness_send(f->audit, &audit_writer_proto, IPC_SIDE_B, AUDIT_WRITER_KEPT,
		&(struct audit_writer_kept){.count = count});
}

static void
begin_mute(struct fixture *f)
{
	begin(f);
	end(f);
	f->mute = true;
	launch(f);
	turn(f, 7, LABEL_OWNER_TYPED, true);
	(void)open_run(f, (struct core_gate_run_open){.run = 1, .turn = 7}, true, REASON_ALLOWED);
	assert_int_equal(next_line(f)->event, AUDIT_RUN_OPEN);
	say_kept(f, 1);
}

/* A warrant without a line in the file would be an effect without a witness when gate and audit die now. */
static void
a_verdict_waits_until_its_line_is_kept(void **state)
{
	struct fixture f;

	(void)state;
	begin_mute(&f);
	send_judge(&f, 1, 1, TOOL_FILE_READ, EFFECT_READ);
	send_judge(&f, 1, 2, TOOL_FILE_DELETE, EFFECT_READ);
	assert_int_equal(next_line(&f)->verdict, VERDICT_ALLOW);
	assert_int_equal(next_line(&f)->verdict, VERDICT_DENY);
	harness_quiet(f.core, 200);
	say_kept(&f, 2);
	expect_verdict(&f, 1, VERDICT_ALLOW, REASON_ALLOWED);
	harness_quiet(f.core, 100);
	say_kept(&f, 3);
	expect_verdict(&f, 2, VERDICT_DENY, REASON_TOOL_UNKNOWN);
	end(&f);
}

/* audit dies with the line: the next one gets it again, and only then there is a warrant. */
static void
a_line_that_died_with_audit_is_sent_again_before_the_verdict(void **state)
{
	struct fixture f;

	(void)state;
	begin_mute(&f);
	send_judge(&f, 1, 1, TOOL_FILE_READ, EFFECT_READ);
	assert_int_equal(next_line(&f)->event, AUDIT_VERDICT);
	close(f.audit);
	harness_peer_gone(f.h, KIND_AUDIT, 0, 0);
	harness_quiet(f.core, 100);
	f.audit = harness_peer(f.h, KIND_AUDIT, 0);
	assert_int_equal(next_line(&f)->event, AUDIT_VERDICT);
	say_kept(&f, 1);
	expect_verdict(&f, 1, VERDICT_ALLOW, REASON_ALLOWED);
	end(&f);
}

/* Without audit nothing is allowed: after WITNESS_KEEP_MS a yes becomes a no, and says so behind itself. */
static void
without_audit_a_yes_becomes_a_no(void **state)
{
	struct fixture f;

	(void)state;
	begin_mute(&f);
	send_judge(&f, 1, 1, TOOL_FILE_READ, EFFECT_READ);
	assert_int_equal(next_line(&f)->verdict, VERDICT_ALLOW);
	harness_quiet(f.core, WITNESS_KEEP_MS / 2);
	expect_verdict(&f, 1, VERDICT_DENY, REASON_AUDIT);
	assert_int_equal(next_line(&f)->verdict, VERDICT_DENY);
	say_kept(&f, 3); /* too late: nothing comes of it */
	harness_quiet(f.core, 100);
	end(&f);
}

/* What ended while the line was on its way: the kill switch, the run, its label. */
static void
what_was_true_when_judged_must_be_true_when_kept(void **state)
{
	struct fixture f;

	(void)state;
	begin_mute(&f);
	send_judge(&f, 1, 1, TOOL_FILE_READ, EFFECT_READ);
	(void)next_line(&f);
	harness_panic(f.h, true);
	harness_settle(f.h);
	say_kept(&f, 2);
	expect_verdict(&f, 1, VERDICT_DENY, REASON_PANIC);
	(void)next_line(&f);
	harness_panic(f.h, false);
	harness_settle(f.h);
	send_judge(&f, 1, 2, TOOL_FILE_READ, EFFECT_READ);
	(void)next_line(&f);
	close_run(&f, 1);
	say_kept(&f, 4);
	expect_verdict(&f, 2, VERDICT_DENY, REASON_RUN_UNKNOWN);
	turn(&f, 8, LABEL_OWNER_TYPED, true);
	(void)open_run(&f, (struct core_gate_run_open){.run = 2, .turn = 8}, true, REASON_ALLOWED);
	say_kept(&f, 7); /* the no, the end of a run, the beginning of another */
	send_judge(&f, 2, 3, TOOL_FILE_DELETE, EFFECT_DELETE);
	store_serve(&f);
	send_label(&f, 2, LABEL_UNTRUSTED, LABEL_PUBLIC);
	store_serve(&f);
	expect_labeled(&f, 2);
	(void)harness_recv(f.core, &core_gate_proto, IPC_SIDE_A, CORE_GATE_RUN_LABEL, &in);
	say_kept(&f, 8);
	expect_verdict(&f, 3, VERDICT_DENY, REASON_TAINTED);
	end(&f);
}

/* ---- memory ---- */

static const uint8_t text_hash[32] = {7, 7};

static void
judge_memory(struct fixture *f, uint64_t run, uint64_t call, uint8_t tool, uint8_t effect)
{
	static const uint8_t plan[WARRANT_HASH_LEN] = {43};

	harness_send(f->core, &core_gate_proto, IPC_SIDE_A, CORE_GATE_JUDGE,
		&(struct core_gate_judge){.run = run,
			.call = call,
			.effect = effect,
			.tool = tool,
			.executor = KIND_STORE,
			.dest_kind = DEST_MEMORY,
			.plan = span_of(plan, sizeof(plan)),
			.dest = SPAN("memory")});
	store_serve(f);
	expect_verdict(f, call, VERDICT_ALLOW, REASON_ALLOWED);
}

static int64_t
seal(struct fixture *f, uint64_t run, uint64_t call, uint64_t id, struct gate_store_recalled *row)
{
	static uint8_t label[LABEL_PACKED_LEN];
	static uint8_t mac[CRYPTO_MAC_LEN];
	const struct gate_store_sealed *m;

	harness_send(f->store, &gate_store_proto, IPC_SIDE_B, GATE_STORE_SEAL,
		&(struct gate_store_seal){.req = 1,
			.run = run,
			.call = call,
			.id = id,
			.hash = span_of(text_hash, sizeof(text_hash))});
	m = harness_recv(f->store, &gate_store_proto, IPC_SIDE_B, GATE_STORE_SEALED, &in);
	if (m->rc < 0)
		return m->rc;
	memcpy(label, m->label.ptr, sizeof(label));
	memcpy(mac, m->mac.ptr, sizeof(mac));
	*row = (struct gate_store_recalled){.id = id,
		.hash = span_of(text_hash, sizeof(text_hash)),
		.label = span_of(label, sizeof(label)),
		.version = m->version,
		.mac = span_of(mac, sizeof(mac))};
	return 0;
}

/* Shows the row to gate for this run; what the run's label is when gate says OK. */
static struct label
recalled(struct fixture *f, uint64_t run, struct gate_store_recalled row)
{
	static uint64_t req = 100;
	const struct core_gate_run_label *m;
	struct label label = {.integrity = LABEL_OWNER, .readers_kind = LABEL_READ_OWNER};
	bool ok = false;

	row.req = ++req;
	row.run = run;
	row.call = 5;
	harness_send(f->store, &gate_store_proto, IPC_SIDE_B, GATE_STORE_RECALLED, &row);
	while (ipc_sync_recv(f->store, &gate_store_proto, IPC_SIDE_B, 200, &in) == 0) {
		if (in.id == GATE_STORE_PUT)
			store_put(f, (const void *)in.msg.bytes, 0);
		else if (in.id == GATE_STORE_RECALL_OK)
			ok = true;
	}
	assert_true(ok);
	while (ipc_sync_recv(f->core, &core_gate_proto, IPC_SIDE_A, 50, &in) == 0) {
		assert_int_equal(in.id, CORE_GATE_RUN_LABEL);
		m = (const void *)in.msg.bytes;
		assert_int_equal(label_unpack(m->label, &label), 0);
	}
	return label;
}

static const uint8_t store_key[WARRANT_KEY_LEN] = {9};

static void
open_with_store(struct fixture *f, uint64_t run, uint64_t turn_number, uint64_t session)
{
	harness_key(f->h, KIND_STORE, 0, 4, store_key);
	turn(f, turn_number, LABEL_OWNER_TYPED, true);
	(void)open_run(f,
		(struct core_gate_run_open){.run = run, .turn = turn_number, .session = session},
		true, REASON_ALLOWED);
}

/* The attack: what a tainted run had remembered must not come back clean, though core says nothing of it. */
static void
a_memory_of_a_tainted_run_taints_the_run_that_recalls_it(void **state)
{
	struct gate_store_recalled row;
	struct fixture f;

	(void)state;
	begin(&f);
	open_with_store(&f, 1, 7, SESSION);
	judge_memory(&f, 1, 5, TOOL_MEMORY_SAVE, EFFECT_REMEMBER);
	/* what a stranger wrote arrives between the verdict and the row */
	send_label(&f, 1, LABEL_UNTRUSTED, LABEL_PUBLIC);
	store_serve(&f);
	expect_labeled(&f, 1);
	assert_int_equal(seal(&f, 1, 5, 40, &row), 0);
	while (ipc_sync_recv(f.core, &core_gate_proto, IPC_SIDE_A, 50, &in) == 0)
		;
	open_with_store(&f, 2, 8, SESSION + 1);
	assert_int_equal(recalled(&f, 2, row).integrity, LABEL_UNTRUSTED);
	assert_int_equal(verdict_of(&f, 2, TOOL_FILE_DELETE, EFFECT_DELETE), VERDICT_ASK);
	/* its session keeps it, whoever dies */
	end(&f);
	launch(&f);
	open_with_store(&f, 3, 9, SESSION + 1);
	assert_int_equal(verdict_of(&f, 3, TOOL_FILE_DELETE, EFFECT_DELETE), VERDICT_ASK);
	end(&f);
}

static void
a_clean_memory_taints_nothing_and_a_changed_one_everything(void **state)
{
	static const uint8_t clean[LABEL_PACKED_LEN] = {LABEL_OWNER_TYPED, LABEL_PUBLIC};
	static const uint8_t none[1] = {0};
	static const uint8_t other_hash[32] = {8};
	struct gate_store_recalled row;
	struct gate_store_recalled bad[5];
	struct fixture f;

	(void)state;
	begin(&f);
	open_with_store(&f, 1, 7, SESSION);
	judge_memory(&f, 1, 5, TOOL_MEMORY_SAVE, EFFECT_REMEMBER);
	assert_int_equal(seal(&f, 1, 5, 40, &row), 0);
	open_with_store(&f, 2, 8, SESSION + 1);
	assert_int_equal(recalled(&f, 2, row).integrity, LABEL_OWNER);
	assert_int_equal(verdict_of(&f, 2, TOOL_FILE_DELETE, EFFECT_DELETE), VERDICT_ALLOW);
	for (size_t i = 0; i < 5; i++)
		bad[i] = row;
	bad[0].label = span_of(clean, sizeof(clean));          /* a better label */
	bad[1].hash = span_of(other_hash, sizeof(other_hash)); /* another text */
	bad[2].id = 41;                                        /* another memory's place */
	bad[3].mac = span_of(none, 0); /* a row from before there were MACs */
	bad[4].version = 2;
	for (uint64_t i = 0; i < 5; i++) {
		open_with_store(&f, 10 + i, 10 + i, SESSION + 10 + i);
		assert_int_equal(recalled(&f, 10 + i, bad[i]).integrity, LABEL_UNTRUSTED);
		assert_int_equal(
			verdict_of(&f, 10 + i, TOOL_FILE_DELETE, EFFECT_DELETE), VERDICT_ASK);
	}
	end(&f);
}

/* Store gets one row sealed for one call that was allowed. */
static void
a_memory_is_sealed_once_for_an_allowed_call(void **state)
{
	struct gate_store_recalled row;
	struct fixture f;

	(void)state;
	begin(&f);
	open_with_store(&f, 1, 7, SESSION);
	assert_int_equal(seal(&f, 1, 5, 40, &row), ERR_DENIED);
	judge_memory(&f, 1, 5, TOOL_MEMORY_SAVE, EFFECT_REMEMBER);
	assert_int_equal(seal(&f, 1, 6, 40, &row), ERR_DENIED);
	assert_int_equal(seal(&f, 2, 5, 40, &row), ERR_DENIED);
	assert_int_equal(seal(&f, 1, 5, 40, &row), 0);
	assert_int_equal(seal(&f, 1, 5, 41, &row), ERR_DENIED);
	end(&f);
}

static void
without_a_policy_it_does_not_start(void **state)
{
	struct harness *h = harness_new(program, NULL,
		&(struct harness_options){.kind = KIND_GATE, .keep_not_ready = true});

	(void)state;
	(void)harness_expect(h, CHILD_FAILED);
	assert_int_equal(harness_free(h), 1);
}

static void
runs_and_turns_are_limited(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	for (uint64_t i = 1; i <= GATE_TURNS_MAX; i++)
		turn(&f, i, LABEL_OWNER_TYPED, true);
	turn(&f, GATE_TURNS_MAX + 1, LABEL_OWNER_TYPED, false);
	drop_turn(&f, 2); /* and makes room */
	turn(&f, GATE_TURNS_MAX + 1, LABEL_OWNER_TYPED, true);
	for (unsigned i = 0; i <= GATE_TURN_IDS_MAX; i++) {
		const struct edge_gate_turn_ok *ok;

		harness_send(f.user, &edge_gate_proto, IPC_SIDE_A, EDGE_GATE_TURN_ID,
			&(struct edge_gate_turn_id){.turn = 1,
				.verb = EFFECT_FETCH,
				.kind = DEST_HOST,
				.id = SPAN("example.com")});
		ok = harness_recv(f.user, &edge_gate_proto, IPC_SIDE_A, EDGE_GATE_TURN_OK, &in);
		assert_int_equal(ok->ok, i < GATE_TURN_IDS_MAX);
	}
	for (uint64_t i = 1; i <= GATE_RUNS_MAX + 1; i++) {
		const struct core_gate_run_ready *ready;

		harness_send(f.core, &core_gate_proto, IPC_SIDE_A, CORE_GATE_RUN_OPEN,
			&(struct core_gate_run_open){
				.run = i, .session = SESSION, .principal = OWNER});
		if (i == 1) {
			(void)harness_recv(
				f.store, &gate_store_proto, IPC_SIDE_B, GATE_STORE_GET, &in);
			store_get(&f, (const void *)in.msg.bytes);
		}
		ready = harness_recv(
			f.core, &core_gate_proto, IPC_SIDE_A, CORE_GATE_RUN_READY, &in);
		assert_int_equal(ready->ok, i <= GATE_RUNS_MAX);
		(void)ready;
		if (i <= GATE_RUNS_MAX)
			(void)harness_recv(
				f.store, &gate_store_proto, IPC_SIDE_B, GATE_STORE_PUT, &in);
	}
	end(&f);
}

static void
a_label_that_is_none_ends_the_executors_channel(void **state)
{
	static const uint8_t bad[LABEL_PACKED_LEN] = {9, 9};
	struct fixture f;

	(void)state;
	begin(&f);
	harness_send(f.sandbox, &executor_gate_proto, IPC_SIDE_A, EXECUTOR_GATE_LABEL,
		&(struct executor_gate_label){
			.run = 1, .call = 9, .label = span_of(bad, sizeof(bad))});
	(void)harness_expect(f.h, CHILD_PEER_BAD);
	harness_closed(f.sandbox, &executor_gate_proto, IPC_SIDE_A);
	end(&f);
}

static void
labels_that_wait_for_the_store_are_limited(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	turn(&f, 7, LABEL_OWNER_TYPED, true);
	(void)open_run(&f, (struct core_gate_run_open){.run = 1, .turn = 7}, true, REASON_ALLOWED);
	for (unsigned i = 0; i < GATE_ACKS_MAX + 5; i++)
		send_label(&f, 1, LABEL_UNTRUSTED, LABEL_PUBLIC);
	harness_quiet(f.sandbox, 100);
	store_serve(&f);
	for (unsigned i = 0; i < GATE_ACKS_MAX; i++)
		expect_labeled(&f, 1);
	harness_quiet(f.sandbox, 100);
	end(&f);
}

/* Opens and closes a run of a session, playing the store by hand. */
static struct label
visit(struct fixture *f, uint64_t run, uint64_t session, bool fetched)
{
	const struct core_gate_run_ready *ready;
	struct label label;

	turn(f, run, LABEL_OWNER_TYPED, true);
	harness_send(f->core, &core_gate_proto, IPC_SIDE_A, CORE_GATE_RUN_OPEN,
		&(struct core_gate_run_open){
			.run = run, .session = session, .turn = run, .principal = OWNER});
	if (fetched) {
		(void)harness_recv(f->store, &gate_store_proto, IPC_SIDE_B, GATE_STORE_GET, &in);
		store_get(f, (const void *)in.msg.bytes);
	}
	ready = harness_wait(f->core, &core_gate_proto, IPC_SIDE_A, CORE_GATE_RUN_READY, &in);
	assert_true(ready->ok);
	assert_int_equal(label_unpack(ready->label, &label), 0);
	(void)harness_recv(f->store, &gate_store_proto, IPC_SIDE_B, GATE_STORE_PUT, &in);
	harness_send(f->core, &core_gate_proto, IPC_SIDE_A, CORE_GATE_RUN_CLOSE,
		&(struct core_gate_run_close){.run = run});
	(void)harness_recv(f->store, &gate_store_proto, IPC_SIDE_B, GATE_STORE_PUT, &in);
	return label;
}

static void
a_session_that_had_to_give_way_comes_back_with_its_label(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	turn(&f, 7, LABEL_OWNER_TYPED, true);
	(void)open_run(&f, (struct core_gate_run_open){.run = 1, .turn = 7}, true, REASON_ALLOWED);
	send_label(&f, 1, LABEL_UNTRUSTED, LABEL_PUBLIC);
	store_serve(&f);
	expect_labeled(&f, 1);
	close_run(&f, 1);
	assert_int_equal(visit(&f, 2, SESSION, false).integrity, LABEL_UNTRUSTED);
	for (uint64_t i = 0; i < GATE_SESSIONS_MAX; i++)
		assert_int_equal(visit(&f, 100 + i, 10000 + i, true).integrity, LABEL_OWNER);
	assert_int_equal(visit(&f, 3, SESSION, true).integrity, LABEL_UNTRUSTED);
	end(&f);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_owners_turn_gets_a_warrant_that_its_executor_accepts_once),
		cmocka_unit_test(a_warrant_carries_the_label_that_the_run_has_now),
		cmocka_unit_test(a_turn_is_for_one_run_of_its_own_principal),
		cmocka_unit_test(a_result_is_acknowledged_only_when_its_label_is_on_disk),
		cmocka_unit_test(a_result_of_a_run_that_just_ended_still_taints_its_session),
		cmocka_unit_test(labels_and_budgets_survive_a_restart),
		cmocka_unit_test(rows_that_were_changed_exchanged_or_lost_count_as_untrusted),
		cmocka_unit_test(
			a_row_that_store_hides_or_gives_an_older_one_of_counts_as_untrusted),
		cmocka_unit_test(a_session_that_cannot_be_remembered_counts_as_untrusted),
		cmocka_unit_test(the_kill_switch_and_a_missing_executor_stop_everything),
		cmocka_unit_test(an_executor_that_is_being_wired_is_waited_for),
		cmocka_unit_test(every_verdict_is_a_line_in_the_audit_log),
		cmocka_unit_test(without_a_policy_it_does_not_start),
		cmocka_unit_test(runs_and_turns_are_limited),
		cmocka_unit_test(labels_that_wait_for_the_store_are_limited),
		cmocka_unit_test(a_session_that_had_to_give_way_comes_back_with_its_label),
		cmocka_unit_test(a_label_that_is_none_ends_the_executors_channel),
		cmocka_unit_test(a_verdict_waits_until_its_line_is_kept),
		cmocka_unit_test(a_line_that_died_with_audit_is_sent_again_before_the_verdict),
		cmocka_unit_test(without_audit_a_yes_becomes_a_no),
		cmocka_unit_test(what_was_true_when_judged_must_be_true_when_kept),
		cmocka_unit_test(a_memory_of_a_tainted_run_taints_the_run_that_recalls_it),
		cmocka_unit_test(a_clean_memory_taints_nothing_and_a_changed_one_everything),
		cmocka_unit_test(a_memory_is_sealed_once_for_an_allowed_call),
	};

	assert_true(argc > 1);
	program = argv[1];
	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
