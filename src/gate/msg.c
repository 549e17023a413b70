#include "gate/gate.h"

#include "base/err.h"
#include "base/log.h"

static struct gate *
gate_of(void *arg)
{
	const struct child *child = arg;

	return child->ctx;
}

/* ---- edge/user: the channel's tag is the principal ---- */

static int
answer_turn(struct ipc_chan *chan, uint64_t turn, int rc)
{
	if (rc < 0)
		log_warn("turn refused", LOG_U("principal", ipc_chan_tag(chan)), LOG_E("why", rc));
	(void)edge_gate_turn_ok_send(
		chan, &(struct edge_gate_turn_ok){.turn = turn, .ok = rc == 0});
	return 0;
}

static int
on_turn(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct edge_gate_turn *m = msg;

	return answer_turn(chan, m->turn,
		gate_turn_add(gate_of(arg), ipc_chan_tag(chan), m->turn, m->integrity));
}

static int
on_turn_id(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct edge_gate_turn_id *m = msg;

	return answer_turn(chan, m->turn, gate_turn_add_id(gate_of(arg), ipc_chan_tag(chan), m));
}

/* ---- core ---- */

static int
on_run_open(struct ipc_chan *chan, const void *msg, void *arg)
{
	(void)chan;
	return gate_run_open(gate_of(arg), msg);
}

/* Whoever takes core over can only take rights away with it. */
static int
on_turn_drop(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct core_gate_turn_drop *m = msg;

	(void)chan;
	gate_turn_drop(gate_of(arg), m->turn);
	return 0;
}

static int
on_run_close(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct core_gate_run_close *m = msg;

	(void)chan;
	gate_run_close(gate_of(arg), m->run);
	return 0;
}

static int
on_judge(struct ipc_chan *chan, const void *msg, void *arg)
{
	gate_verdict_judge(gate_of(arg), chan, msg);
	return 0;
}

/* ---- executors ---- */

static int
take_label(struct ipc_chan *chan, uint8_t kind, const struct executor_gate_label *m, void *arg)
{
	struct gate_result r = {.from = chan, .kind = kind, .run = m->run, .call = m->call};

	if (label_unpack(m->label, &r.label) < 0)
		return ERR_PROTO;
	return gate_run_result(gate_of(arg), &r);
}

static int
on_egress_label(struct ipc_chan *chan, const void *msg, void *arg)
{
	return take_label(chan, KIND_EGRESS, msg, arg);
}

static int
on_sandbox_label(struct ipc_chan *chan, const void *msg, void *arg)
{
	return take_label(chan, KIND_SANDBOX, msg, arg);
}

/* ---- store ---- */

static int
on_row(struct ipc_chan *chan, const void *msg, void *arg)
{
	(void)chan;
	gate_row_got(gate_of(arg), msg);
	return 0;
}

static int
on_stored(struct ipc_chan *chan, const void *msg, void *arg)
{
	(void)chan;
	gate_row_stored(gate_of(arg), msg);
	return 0;
}

static int
on_seal(struct ipc_chan *chan, const void *msg, void *arg)
{
	return gate_memory_seal(gate_of(arg), chan, msg);
}

static int
on_recalled(struct ipc_chan *chan, const void *msg, void *arg)
{
	return gate_memory_recalled(gate_of(arg), chan, msg);
}

/* ---- the rows ---- */

#define ROWS(r) (r), sizeof(r) / sizeof((r)[0])

static const struct ipc_handler from_user[] = {
	{EDGE_GATE_TURN, on_turn}, {EDGE_GATE_TURN_ID, on_turn_id}};
static const struct ipc_handler from_core[] = {{CORE_GATE_RUN_OPEN, on_run_open},
	{CORE_GATE_JUDGE, on_judge}, {CORE_GATE_RUN_CLOSE, on_run_close},
	{CORE_GATE_TURN_DROP, on_turn_drop}};
static const struct ipc_handler from_egress[] = {{EXECUTOR_GATE_LABEL, on_egress_label}};
static const struct ipc_handler from_sandbox[] = {{EXECUTOR_GATE_LABEL, on_sandbox_label}};
static const struct ipc_handler from_store[] = {{GATE_STORE_ROW, on_row},
	{GATE_STORE_STORED, on_stored}, {GATE_STORE_SEAL, on_seal},
	{GATE_STORE_RECALLED, on_recalled}};

const struct child_link gate_links[GATE_NLINKS] = {
	{KIND_USER, &edge_gate_proto, IPC_SIDE_B, IPC_FULL_END, ROWS(from_user)},
	{KIND_CORE, &core_gate_proto, IPC_SIDE_B, IPC_FULL_END, ROWS(from_core)},
	{KIND_EGRESS, &executor_gate_proto, IPC_SIDE_B, IPC_FULL_END, ROWS(from_egress)},
	{KIND_SANDBOX, &executor_gate_proto, IPC_SIDE_B, IPC_FULL_END, ROWS(from_sandbox)},
	{KIND_STORE, &gate_store_proto, IPC_SIDE_A, IPC_FULL_END, ROWS(from_store)},
	{KIND_AUDIT, &audit_writer_proto, IPC_SIDE_A, IPC_FULL_END, witness_rows, WITNESS_ROWS_N},
};
