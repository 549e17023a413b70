/*
 * The messages that a cell accepts, each blocking and each once: SETUP first, then one RUN, PROVE or SCAN. Anything else on the
 * socket, the end of it included, is the end of the cell.
 */
#include "cell.h"

#include "base/err.h"
#include "ipc/ipc.h"

static struct ipc_received in; /* what was received last; bodies and spans point into it */

int
cell_msg_send(unsigned id, const void *msg)
{
	return ipc_sync_send(CELL_SOCKET_FD, &sandbox_cell_proto, IPC_SIDE_B, (uint16_t)id, msg);
}

void
cell_msg_send_failed(const char *step, int err)
{
	(void)cell_msg_send(SANDBOX_CELL_FAILED,
		&(struct sandbox_cell_failed){.step = span_from_cstr(step), .err = (uint32_t)err});
}

int
cell_msg_get_setup(struct cell_setup *setup)
{
	const struct sandbox_cell_setup *m = (const void *)in.msg.bytes;

	if (ipc_sync_recv(CELL_SOCKET_FD, &sandbox_cell_proto, IPC_SIDE_B, -1, &in) < 0 ||
		in.id != SANDBOX_CELL_SETUP)
		return ERR_PROTO;
	*setup = (struct cell_setup){
		.tier = (enum jail_tier)m->tier,
		.landlock_max = m->landlock_max == UINT32_MAX ? -1 : (int)m->landlock_max,
		.memory = m->memory,
		.output = m->output,
		.file = m->file,
		.pids = m->pids,
		.cpu_s = m->cpu_s,
		.own_uid = m->own_uid,
		.cgroup = m->cgroup,
		.omit = m->omit,
	};
	return 0;
}

static int
on_run(const struct cell_setup *setup, const void *m)
{
	return cell_serve_run(setup, m);
}

static int
on_prove(const struct cell_setup *setup, const void *m)
{
	return cell_serve_prove(setup, m);
}

static int
on_scan(const struct cell_setup *setup, const void *m)
{
	(void)setup;
	return cell_serve_scan(m);
}

static const struct {
	unsigned id;
	int (*fn)(const struct cell_setup *setup, const void *msg);
} rows[] = {
	{SANDBOX_CELL_RUN, on_run},
	{SANDBOX_CELL_PROVE, on_prove},
	{SANDBOX_CELL_SCAN, on_scan},
};

int
cell_msg_serve(const struct cell_setup *setup)
{
	int rc = ipc_sync_recv(CELL_SOCKET_FD, &sandbox_cell_proto, IPC_SIDE_B, -1, &in);

	for (size_t i = 0; rc == 0 && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].id == in.id)
			return rows[i].fn(setup, in.msg.bytes);
	return rc < 0 ? rc : ERR_PROTO;
}
