#include "gate/gate.h"

#include <string.h>

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

static int
on_run_close(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct core_gate_run_close *m = msg;

	(void)chan;
	gate_run_close(gate_of(arg), m->run);
	return 0;
}

static bool
executor_is_ready(struct gate *g, const struct gate_executor *e, const struct core_gate_judge *m)
{
	return e != NULL && child_peer(g->child, m->executor, m->instance) != NULL;
}

/* A yes becomes a warrant and a line in the audit log, or it is no yes. */
static struct gate_answer
judge(struct gate *g, const struct core_gate_judge *m, struct gate_run *run,
	uint8_t warrant[WARRANT_LEN])
{
	struct gate_executor *e = gate_key_find(&g->keys, m->executor, m->instance);
	const struct gate_ask ask = {.effect = m->effect,
		.tool = m->tool,
		.executor = m->executor,
		.instance = m->instance,
		.dest_kind = m->dest_kind,
		.dest = m->dest,
		.tokens = m->tokens,
		.panic = g->child->panic,
		.ready = executor_is_ready(g, e, m)};
	struct gate_answer a = {0};
	struct warrant w = {.effect = m->effect,
		.tool = m->tool,
		.run = m->run,
		.call = m->call,
		.dest_kind = m->dest_kind};

	if (!witness_has_room(g->witness) || m->plan.len != WARRANT_HASH_LEN) {
		a.reason = REASON_LIMIT;
		return a;
	}
	a = gate_judge(&g->policy, run, &ask);
	if (a.verdict != VERDICT_ALLOW)
		return a;
	memcpy(w.plan, m->plan.ptr, WARRANT_HASH_LEN);
	warrant_dest(m->dest_kind, m->dest, w.dest);
	if (gate_key_warrant(e, &w, ev_now_ms(g->child->ev), warrant) < 0)
		a = (struct gate_answer){.verdict = VERDICT_DENY, .reason = REASON_EXECUTOR};
	return a;
}

static int
on_judge(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct core_gate_judge *m = msg;
	struct gate *g = gate_of(arg);
	struct gate_run *run = gate_run_find(g, m->run);
	uint8_t warrant[WARRANT_LEN];
	struct gate_answer a = judge(g, m, run, warrant);

	if (run != NULL && run->state == GATE_RUN_OPEN)
		gate_row_put(g, &run->row, false);
	(void)witness_line(g->witness, &(struct audit_writer_line){.event = AUDIT_VERDICT,
					       .verdict = a.verdict,
					       .reason = a.reason,
					       .principal = run == NULL ? 0 : run->principal,
					       .run = m->run,
					       .call = m->call,
					       .tool = m->tool,
					       .peer = m->executor,
					       .instance = m->instance,
					       .number = m->effect,
					       .hash = m->plan});
	(void)core_gate_verdict_send(chan,
		&(struct core_gate_verdict){.run = m->run,
			.call = m->call,
			.verdict = a.verdict,
			.reason = a.reason,
			.warrant = a.verdict == VERDICT_ALLOW ? span_of(warrant, sizeof(warrant))
							      : SPAN_EMPTY});
	return 0;
}

/* ---- executors ---- */

static int
on_egress_label(struct ipc_chan *chan, const void *msg, void *arg)
{
	return gate_run_label(gate_of(arg), chan, KIND_EGRESS, msg);
}

static int
on_sandbox_label(struct ipc_chan *chan, const void *msg, void *arg)
{
	return gate_run_label(gate_of(arg), chan, KIND_SANDBOX, msg);
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

/* ---- the rows ---- */

#define ROWS(r) (r), sizeof(r) / sizeof((r)[0])

static const struct ipc_handler from_user[] = {
	{EDGE_GATE_TURN, on_turn}, {EDGE_GATE_TURN_ID, on_turn_id}};
static const struct ipc_handler from_core[] = {{CORE_GATE_RUN_OPEN, on_run_open},
	{CORE_GATE_JUDGE, on_judge}, {CORE_GATE_RUN_CLOSE, on_run_close}};
static const struct ipc_handler from_egress[] = {{EXECUTOR_GATE_LABEL, on_egress_label}};
static const struct ipc_handler from_sandbox[] = {{EXECUTOR_GATE_LABEL, on_sandbox_label}};
static const struct ipc_handler from_store[] = {
	{GATE_STORE_ROW, on_row}, {GATE_STORE_STORED, on_stored}};

const struct child_link gate_links[GATE_NLINKS] = {
	{KIND_USER, &edge_gate_proto, IPC_SIDE_B, IPC_FULL_END, ROWS(from_user)},
	{KIND_CORE, &core_gate_proto, IPC_SIDE_B, IPC_FULL_END, ROWS(from_core)},
	{KIND_EGRESS, &executor_gate_proto, IPC_SIDE_B, IPC_FULL_END, ROWS(from_egress)},
	{KIND_SANDBOX, &executor_gate_proto, IPC_SIDE_B, IPC_FULL_END, ROWS(from_sandbox)},
	{KIND_STORE, &gate_store_proto, IPC_SIDE_A, IPC_FULL_END, ROWS(from_store)},
	{KIND_AUDIT, &audit_writer_proto, IPC_SIDE_A, IPC_FULL_END, witness_rows, WITNESS_ROWS_N},
};
