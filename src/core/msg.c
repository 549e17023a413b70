#include "core/core.h"

#include <unistd.h>

#include "core/rpc/rpc.h"

#define ROWS(rows) (rows), sizeof(rows) / sizeof((rows)[0])

static struct core *
core_of(void *arg)
{
	return ((struct child *)arg)->ctx;
}

/* The run that an agent's channel belongs to; NULL when it is over: what such an agent still says counts for nothing. */
static struct core_run *
run_of(struct ipc_chan *agent, void *arg)
{
	struct core_run *run = core_run_by_id(core_of(arg), ipc_chan_tag(agent));

	return run != NULL && run->phase == PHASE_RUNNING ? run : NULL;
}

/* ---- edge/user ---- */

static int
on_call(struct ipc_chan *edge, const void *m, void *arg)
{
	return core_dispatch(core_of(arg), ipc_chan_tag(edge), m);
}

static int
on_closed(struct ipc_chan *edge, const void *m, void *arg)
{
	const struct edge_core_closed *msg = m;

	core_callers_drop(core_of(arg), ipc_chan_tag(edge), &msg->conn);
	return 0;
}

static int
on_client(struct ipc_chan *edge, const void *m, void *arg)
{
	core_presence_client(core_of(arg), ipc_chan_tag(edge), m);
	return 0;
}

static const struct ipc_handler from_edge[] = {
	{EDGE_CORE_CALL, on_call},
	{EDGE_CORE_CLOSED, on_closed},
	{EDGE_CORE_CLIENT, on_client},
};

/* ---- gate ---- */

static int
on_run_ready(struct ipc_chan *gate, const void *m, void *arg)
{
	const struct core_gate_run_ready *msg = m;
	struct core_run *run = core_run_by_id(core_of(arg), msg->run);

	(void)gate;
	if (run != NULL)
		core_run_opened(run, msg);
	return 0;
}

static int
on_verdict(struct ipc_chan *gate, const void *m, void *arg)
{
	const struct core_gate_verdict *msg = m;
	struct core_run *run = core_run_by_id(core_of(arg), msg->run);

	(void)gate;
	if (run == NULL || run->call.number != msg->call || run->call.stage != STAGE_JUDGE)
		return 0;
	if (run->call.kind == CALL_MODEL)
		core_model_verdict(run, msg);
	else if (run->call.kind == CALL_TOOL)
		core_tool_verdict(run, msg);
	return 0;
}

static int
on_run_label(struct ipc_chan *gate, const void *m, void *arg)
{
	const struct core_gate_run_label *msg = m;
	struct core_run *run = core_run_by_id(core_of(arg), msg->run);

	(void)gate;
	if (msg->label.len != LABEL_PACKED_LEN)
		return ERR_PROTO;
	for (size_t i = 0; run != NULL && i < LABEL_PACKED_LEN; i++)
		run->label[i] = msg->label.ptr[i];
	return 0;
}

static const struct ipc_handler from_gate[] = {
	{CORE_GATE_RUN_READY, on_run_ready},
	{CORE_GATE_VERDICT, on_verdict},
	{CORE_GATE_RUN_LABEL, on_run_label},
};

/* ---- store: every answer carries the number of its statement first ---- */

#define STORE_HANDLER(name, id)                                                                    \
	static int on_store_##name(struct ipc_chan *store, const void *m, void *arg)               \
	{                                                                                          \
		(void)store;                                                                       \
		return core_ask_answer(                                                            \
			core_of(arg), ((const struct core_store_##name *)m)->req, (id), m);        \
	}
STORE_HANDLER(accepted, CORE_STORE_ACCEPTED)
STORE_HANDLER(stored, CORE_STORE_STORED)
STORE_HANDLER(item, CORE_STORE_ITEM)

/* Several items of one answer; what they are to an agent goes on together as well. */
static int
on_store_items(struct ipc_chan *store, const void *m, void *arg)
{
	const struct core_store_items *msg = m;
	const struct ipc_message *row = ipc_message_find(&core_store_proto, CORE_STORE_ITEM);
	struct core *core = core_of(arg);
	struct core_store_item item;
	struct span data = msg->data;
	int rc;

	(void)store;
	core->packing = true;
	while ((rc = ipc_pack_next(&data, row, &item)) == 1) {
		rc = item.req == msg->req ? core_ask_answer(core, item.req, CORE_STORE_ITEM, &item)
					  : ERR_PROTO;
		if (rc < 0)
			break;
	}
	core->packing = false;
	core_run_send_pack(core);
	return rc;
}

STORE_HANDLER(session, CORE_STORE_SESSION)
STORE_HANDLER(run, CORE_STORE_RUN)
STORE_HANDLER(done, CORE_STORE_DONE)
STORE_HANDLER(counted, CORE_STORE_COUNTED)
STORE_HANDLER(memory, CORE_STORE_MEMORY)
STORE_HANDLER(usage_day, CORE_STORE_USAGE_DAY)

static const struct ipc_handler from_store[] = {
	{CORE_STORE_ACCEPTED, on_store_accepted},
	{CORE_STORE_STORED, on_store_stored},
	{CORE_STORE_ITEM, on_store_item},
	{CORE_STORE_ITEMS, on_store_items},
	{CORE_STORE_SESSION, on_store_session},
	{CORE_STORE_RUN, on_store_run},
	{CORE_STORE_DONE, on_store_done},
	{CORE_STORE_COUNTED, on_store_counted},
	{CORE_STORE_MEMORY, on_store_memory},
	{CORE_STORE_USAGE_DAY, on_store_usage_day},
};

/* ---- agent ---- */

static int
on_delta(struct ipc_chan *agent, const void *m, void *arg)
{
	const struct core_agent_delta *msg = m;
	struct core_run *run = run_of(agent, arg);

	if (run == NULL)
		return 0;
	core_event_delta(run, msg->text);
	core_run_produced(run, msg->text.len);
	return 0;
}

static int
on_note(struct ipc_chan *agent, const void *m, void *arg)
{
	const struct core_agent_note *msg = m;
	struct core_run *run = run_of(agent, arg);

	return run == NULL ? 0 : core_run_note(run, msg);
}

static int
on_model_call(struct ipc_chan *agent, const void *m, void *arg)
{
	const struct core_agent_model_call *msg = m;
	struct core_run *run = run_of(agent, arg);

	return run == NULL ? 0 : core_model_call(run, msg, ipc_fd_steal(agent, msg->body));
}

static int
on_tool_call(struct ipc_chan *agent, const void *m, void *arg)
{
	const struct core_agent_tool_call *msg = m;
	struct core_run *run = run_of(agent, arg);

	return run == NULL ? 0
			   : core_tool_call(run, msg,
				     msg->body >= 0 ? ipc_fd_steal(agent, msg->body) : -1);
}

static int
on_agent_credit(struct ipc_chan *agent, const void *m, void *arg)
{
	const struct core_agent_credit *msg = m;
	struct core_run *run = run_of(agent, arg);

	if (run != NULL)
		core_model_credit(run, msg->bytes);
	return 0;
}

static int
on_finish(struct ipc_chan *agent, const void *m, void *arg)
{
	struct core_run *run = run_of(agent, arg);

	ipc_chan_set_state(agent, IPC_S_OVER);
	return run == NULL ? 0 : core_run_agent_finish(run, m);
}

static const struct ipc_handler from_agent[] = {
	{CORE_AGENT_DELTA, on_delta},
	{CORE_AGENT_NOTE, on_note},
	{CORE_AGENT_TOOL_CALL, on_tool_call},
	{CORE_AGENT_MODEL_CALL, on_model_call},
	{CORE_AGENT_CREDIT, on_agent_credit},
	{CORE_AGENT_FINISH, on_finish},
};

/* ---- egress ---- */

static int
on_status(struct ipc_chan *egress, const void *m, void *arg)
{
	const struct core_egress_status *msg = m;
	struct core_run *run = core_model_of(core_of(arg), egress, msg->id);
	struct ipc_chan *agent = run == NULL ? NULL : child_peer(arg, KIND_AGENT, run->id);

	if (agent == NULL)
		return 0;
	run->call.status_sent = true;
	(void)core_agent_model_status_send(
		agent, &(struct core_agent_model_status){
			       .status = msg->status, .retry_ms = msg->retry_ms});
	return 0;
}

static int
on_chunk(struct ipc_chan *egress, const void *m, void *arg)
{
	const struct core_egress_chunk *msg = m;
	struct core_run *run = core_model_of(core_of(arg), egress, msg->id);
	struct ipc_chan *agent = run == NULL ? NULL : child_peer(arg, KIND_AGENT, run->id);

	if (agent != NULL)
		(void)core_agent_model_chunk_send(
			agent, &(struct core_agent_model_chunk){.data = msg->data});
	return 0;
}

static int
on_end(struct ipc_chan *egress, const void *m, void *arg)
{
	const struct core_egress_end *msg = m;
	struct core_run *run = core_model_of(core_of(arg), egress, msg->id);

	if (run != NULL)
		core_model_end(run, msg->rc, msg->detail);
	return 0;
}

static const struct ipc_handler from_egress[] = {
	{CORE_EGRESS_STATUS, on_status},
	{CORE_EGRESS_CHUNK, on_chunk},
	{CORE_EGRESS_END, on_end},
};

/* ---- sandbox ---- */

static int
on_output(struct ipc_chan *sandbox, const void *m, void *arg)
{
	const struct core_sandbox_output *msg = m;
	struct core_run *run = core_tool_of(core_of(arg), msg->call);

	(void)sandbox;
	if (run != NULL)
		core_tool_output(run, msg->data);
	return 0;
}

static int
on_done(struct ipc_chan *sandbox, const void *m, void *arg)
{
	const struct core_sandbox_done *msg = m;
	struct core_run *run = core_tool_of(core_of(arg), msg->call);

	(void)sandbox;
	if (run != NULL)
		core_tool_done(run, msg);
	return 0;
}

static int
on_probe(struct ipc_chan *sandbox, const void *m, void *arg)
{
	(void)sandbox;
	return core_prove_probe(core_of(arg), m);
}

static int
on_proved(struct ipc_chan *sandbox, const void *m, void *arg)
{
	(void)sandbox;
	return core_prove_done(core_of(arg), m);
}

static int
on_picture_is(struct ipc_chan *sandbox, const void *m, void *arg)
{
	(void)sandbox;
	return core_picture_is(core_of(arg), m);
}

static int
on_tier(struct ipc_chan *sandbox, const void *m, void *arg)
{
	(void)sandbox;
	core_prove_tier(core_of(arg), m);
	return 0;
}

static const struct ipc_handler from_sandbox[] = {
	{CORE_SANDBOX_OUTPUT, on_output},
	{CORE_SANDBOX_DONE, on_done},
	{CORE_SANDBOX_PROBE, on_probe},
	{CORE_SANDBOX_PROVED, on_proved},
	{CORE_SANDBOX_TIER, on_tier},
	{CORE_SANDBOX_PICTURE_IS, on_picture_is},
};

const struct child_link core_links[CORE_NLINKS] = {
	{KIND_USER, &edge_core_proto, IPC_SIDE_B, IPC_FULL_DROP, ROWS(from_edge)},
	{KIND_GATE, &core_gate_proto, IPC_SIDE_A, IPC_FULL_END, ROWS(from_gate)},
	{KIND_STORE, &core_store_proto, IPC_SIDE_A, IPC_FULL_END, ROWS(from_store)},
	{KIND_AGENT, &core_agent_proto, IPC_SIDE_A, IPC_FULL_END, ROWS(from_agent)},
	{KIND_EGRESS, &core_egress_proto, IPC_SIDE_A, IPC_FULL_END, ROWS(from_egress)},
	{KIND_SANDBOX, &core_sandbox_proto, IPC_SIDE_A, IPC_FULL_END, ROWS(from_sandbox)},
};
