/* The messages that sandbox accepts: calls and proofs from core, acknowledged labels from gate. */
#include "sandbox.h"

#include "proto/audit_writer.h"
#include "proto/witness.h"
#include "proto/executor_gate.h"

static struct sandbox *
sandbox_of(void *arg)
{
	return ((struct child *)arg)->ctx;
}

static int
on_run(struct ipc_chan *chan, const void *m, void *arg)
{
	(void)chan;
	return sandbox_call_start(sandbox_of(arg), m);
}

static int
on_cancel(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct core_sandbox_cancel *msg = m;

	(void)chan;
	sandbox_call_cancel(sandbox_of(arg), msg->call);
	return 0;
}

static int
on_prove(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct core_sandbox_prove *msg = m;

	(void)chan;
	sandbox_proof_start(sandbox_of(arg), msg->req, msg->level);
	return 0;
}

static int
on_picture(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct core_sandbox_picture *msg = m;

	(void)chan;
	sandbox_picture_ask(sandbox_of(arg), msg->req);
	return 0;
}

static int
on_labeled(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct executor_gate_labeled *msg = m;

	(void)chan;
	sandbox_call_labeled(sandbox_of(arg), msg->run, msg->call);
	return 0;
}

static const struct ipc_handler core_rows[] = {
	{CORE_SANDBOX_RUN, on_run},
	{CORE_SANDBOX_CANCEL, on_cancel},
	{CORE_SANDBOX_PROVE, on_prove},
	{CORE_SANDBOX_PICTURE, on_picture},
};
static const struct ipc_handler gate_rows[] = {{EXECUTOR_GATE_LABELED, on_labeled}};

const struct child_link sandbox_links[] = {
	{KIND_CORE, &core_sandbox_proto, IPC_SIDE_B, IPC_FULL_END, core_rows, 4},
	{KIND_GATE, &executor_gate_proto, IPC_SIDE_A, IPC_FULL_END, gate_rows, 1},
	{KIND_AUDIT, &audit_writer_proto, IPC_SIDE_A, IPC_FULL_END, witness_rows, WITNESS_ROWS_N},
};
const size_t sandbox_nlinks = sizeof(sandbox_links) / sizeof(sandbox_links[0]);
