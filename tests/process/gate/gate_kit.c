#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "gate_kit.h"

const char *kit_program;
struct ipc_received kit_in;
const uint8_t kit_sandbox_key[WARRANT_KEY_LEN] = {1};

static struct buf slice = {.max = 4096};

void
kit_launch(struct kit *k)
{
	struct harness_options o = {.kind = KIND_GATE,
		.slice = buf_span(&slice),
		.handles = {{HANDLE_LABELS, 0, k->seen}, {HANDLE_BOX_KEY, 0, k->row_key}},
		.nhandles = 2};

	if (k->no_key)
		o.nhandles = 1;
	if (k->seen < 0)
		o.handles[0] = o.handles[--o.nhandles];
	k->h = harness_new(kit_program, NULL, &o);
	k->user = harness_peer(k->h, KIND_USER, OWNER);
	k->core = harness_peer(k->h, KIND_CORE, 0);
	k->store = harness_peer(k->h, KIND_STORE, 0);
	harness_key(k->h, KIND_SANDBOX, 0, 3, kit_sandbox_key);
	k->sandbox = harness_peer(k->h, KIND_SANDBOX, 0);
	k->audit = harness_peer(k->h, KIND_AUDIT, 0);
	if (!k->mute)
		k->audit = harness_keep(k->audit);
	harness_start(k->h);
}

void
kit_end(struct kit *k)
{
	close(k->user);
	close(k->core);
	close(k->store);
	close(k->sandbox);
	close(k->audit);
	assert_int_equal(harness_free(k->h), 0);
}

void
kit_begin(struct kit *k)
{
	struct args_out out;

	memset(k, 0, sizeof(*k));
	buf_reset(&slice);
	args_out_init(&out, &slice, false);
	args_out_u64(&out, "provider.rows", 8);
	args_out_u64(&out, "run.tool_calls", 5);
	assert_int_equal(args_out_done(&out), 0);
	k->seen = memfd_create("seen", MFD_CLOEXEC);
	k->row_key = memfd_create("key", MFD_CLOEXEC);
	assert_int_equal(write(k->row_key, "0123456789abcdef0123456789abcdef", 32), 32);
	kit_launch(k);
}

struct kit_stored *
kit_row(struct kit *k, uint8_t table, uint64_t key, bool make)
{
	for (size_t i = 0; i < k->nrows; i++) {
		if (k->rows[i].table == table && k->rows[i].key == key)
			return &k->rows[i];
	}
	if (!make)
		return NULL;
	assert_true(k->nrows < KIT_ROWS_MAX);
	k->rows[k->nrows] = (struct kit_stored){.table = table, .key = key};
	return &k->rows[k->nrows++];
}

void
kit_store_put(struct kit *k, const struct gate_store_put *m, int64_t rc)
{
	struct kit_stored *s;

	if (rc == 0) {
		s = kit_row(k, m->table, m->key, true);
		assert_true(m->version > s->version);
		s->version = m->version;
		s->len = m->value.len;
		if (m->value.len > 0)
			memcpy(s->value, m->value.ptr, m->value.len);
		memcpy(s->mac, m->mac.ptr, sizeof(s->mac));
	}
	harness_send(k->store, &gate_store_proto, IPC_SIDE_B, GATE_STORE_STORED,
		&(struct gate_store_stored){.req = m->req, .rc = rc});
}

void
kit_store_get(struct kit *k, const struct gate_store_get *m)
{
	const struct kit_stored *s = kit_row(k, m->table, m->key, false);
	struct gate_store_row row = {.req = m->req, .key = m->key};

	if (s != NULL && s->len > 0)
		row = (struct gate_store_row){.req = m->req,
			.found = true,
			.key = m->key,
			.version = s->version,
			.value = span_of(s->value, s->len),
			.mac = span_of(s->mac, sizeof(s->mac))};
	harness_send(k->store, &gate_store_proto, IPC_SIDE_B, GATE_STORE_ROW, &row);
}

void
kit_store_serve(struct kit *k)
{
	while (ipc_sync_recv(k->store, &gate_store_proto, IPC_SIDE_B, 50, &kit_in) == 0) {
		if (kit_in.id == GATE_STORE_PUT)
			kit_store_put(k, (const void *)kit_in.msg.bytes, 0);
		else
			kit_store_get(k, (const void *)kit_in.msg.bytes);
	}
}

void
kit_turn(struct kit *k, uint64_t number, uint8_t integrity, bool ok)
{
	const struct edge_gate_turn_ok *m;

	harness_send(k->user, &edge_gate_proto, IPC_SIDE_A, EDGE_GATE_TURN,
		&(struct edge_gate_turn){.turn = number, .integrity = integrity});
	m = harness_recv(k->user, &edge_gate_proto, IPC_SIDE_A, EDGE_GATE_TURN_OK, &kit_in);
	assert_int_equal(m->ok, ok);
}

void
kit_drop_turn(struct kit *k, uint64_t number)
{
	harness_send(k->core, &core_gate_proto, IPC_SIDE_A, CORE_GATE_TURN_DROP,
		&(struct core_gate_turn_drop){.turn = number});
	harness_send(k->core, &core_gate_proto, IPC_SIDE_A, CORE_GATE_JUDGE,
		&(struct core_gate_judge){.run = 987654, .call = 1});
	(void)harness_recv(k->core, &core_gate_proto, IPC_SIDE_A, CORE_GATE_VERDICT, &kit_in);
}

struct label
kit_open_run(struct kit *k, struct core_gate_run_open m, bool ok, enum reason reason)
{
	const struct core_gate_run_ready *ready;
	struct label label;

	if (m.session == 0)
		m.session = SESSION;
	if (m.principal == 0)
		m.principal = OWNER;
	harness_send(k->core, &core_gate_proto, IPC_SIDE_A, CORE_GATE_RUN_OPEN, &m);
	kit_store_serve(k);
	ready = harness_wait(k->core, &core_gate_proto, IPC_SIDE_A, CORE_GATE_RUN_READY, &kit_in);
	assert_true(ready->run == m.run);
	assert_int_equal(ready->ok, ok);
	assert_string_equal(reason_name(ready->reason), reason_name(reason));
	assert_int_equal(label_unpack(ready->label, &label), 0);
	return label;
}

void
kit_close_run(struct kit *k, uint64_t run)
{
	harness_send(k->core, &core_gate_proto, IPC_SIDE_A, CORE_GATE_RUN_CLOSE,
		&(struct core_gate_run_close){.run = run});
	kit_store_serve(k);
}

void
kit_send_judge(struct kit *k, uint64_t run, uint64_t call, uint8_t tool, uint8_t effect)
{
	static const uint8_t plan[WARRANT_HASH_LEN] = {42};
	uint8_t dest[WARRANT_NUMBER_LEN];

	warrant_number(0, dest);
	harness_send(k->core, &core_gate_proto, IPC_SIDE_A, CORE_GATE_JUDGE,
		&(struct core_gate_judge){.run = run,
			.call = call,
			.effect = effect,
			.tool = tool,
			.executor = KIND_SANDBOX,
			.dest_kind = DEST_WORKSPACE,
			.plan = span_of(plan, sizeof(plan)),
			.dest = span_of(dest, sizeof(dest))});
}

enum verdict
kit_judge(struct kit *k, uint64_t run, uint8_t tool, uint8_t effect, uint8_t warrant[WARRANT_LEN])
{
	const struct core_gate_verdict *v;
	enum verdict got;

	kit_send_judge(k, run, 9, tool, effect);
	v = harness_wait(k->core, &core_gate_proto, IPC_SIDE_A, CORE_GATE_VERDICT, &kit_in);
	got = (enum verdict)v->verdict;
	assert_int_equal(v->warrant.len, got == VERDICT_ALLOW ? WARRANT_LEN : 0);
	if (warrant != NULL && v->warrant.len == WARRANT_LEN)
		memcpy(warrant, v->warrant.ptr, WARRANT_LEN);
	kit_store_serve(k);
	return got;
}

enum verdict
kit_verdict_of(struct kit *k, uint64_t run, uint8_t tool, uint8_t effect)
{
	return kit_judge(k, run, tool, effect, NULL);
}

void
kit_send_label(struct kit *k, uint64_t run, uint8_t integrity, uint8_t readers)
{
	uint8_t packed[LABEL_PACKED_LEN];

	label_pack((struct label){.integrity = integrity, .readers_kind = readers}, packed);
	harness_send(k->sandbox, &executor_gate_proto, IPC_SIDE_A, EXECUTOR_GATE_LABEL,
		&(struct executor_gate_label){
			.run = run, .call = 9, .label = span_of(packed, sizeof(packed))});
}

void
kit_expect_labeled(struct kit *k, uint64_t run)
{
	const struct executor_gate_labeled *m = harness_recv(
		k->sandbox, &executor_gate_proto, IPC_SIDE_A, EXECUTOR_GATE_LABELED, &kit_in);

	assert_true(m->run == run && m->call == 9);
}

void
kit_expect_verdict(struct kit *k, uint64_t call, enum verdict verdict, enum reason reason)
{
	const struct core_gate_verdict *v =
		harness_recv(k->core, &core_gate_proto, IPC_SIDE_A, CORE_GATE_VERDICT, &kit_in);

	assert_true(v->call == call);
	assert_int_equal(v->verdict, verdict);
	assert_string_equal(reason_name(v->reason), reason_name(reason));
	assert_int_equal(v->warrant.len, verdict == VERDICT_ALLOW ? WARRANT_LEN : 0);
}
