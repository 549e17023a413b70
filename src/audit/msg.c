#include "audit.h"

/* Who writes is known by the socket, not by the message. */
#define WRITER(KIND, name)                                                                         \
	static int name(struct ipc_chan *chan, const void *m, void *arg)                           \
	{                                                                                          \
		struct audit *a = ((struct child *)arg)->ctx;                                      \
		int rc = audit_line_add(a, KIND_##KIND, ipc_chan_tag(chan), m);                    \
                                                                                                   \
		return rc < 0 ? rc : audit_kept_take(a, chan);                                     \
	}
WRITER(GATE, on_gate)
WRITER(VAULT, on_vault)
WRITER(EGRESS, on_egress)
WRITER(SANDBOX, on_sandbox)
WRITER(STORE, on_store)
WRITER(SUPERVISOR, on_supervisor)

static const struct ipc_handler gate_rows[] = {{AUDIT_WRITER_LINE, on_gate}};
static const struct ipc_handler vault_rows[] = {{AUDIT_WRITER_LINE, on_vault}};
static const struct ipc_handler egress_rows[] = {{AUDIT_WRITER_LINE, on_egress}};
static const struct ipc_handler sandbox_rows[] = {{AUDIT_WRITER_LINE, on_sandbox}};
static const struct ipc_handler store_rows[] = {{AUDIT_WRITER_LINE, on_store}};
static const struct ipc_handler supervisor_rows[] = {{AUDIT_WRITER_LINE, on_supervisor}};
static const struct ipc_handler key_rows[] = {
	{AUDIT_VAULT_SEALED, audit_epoch_sealed},
	{AUDIT_VAULT_SEED, audit_epoch_seed},
};

/* vault has two sockets; the first row is the one that child_peer() finds. */
const struct child_link audit_links[] = {
	{KIND_VAULT, &audit_vault_proto, IPC_SIDE_A, IPC_FULL_END, key_rows, 2},
	{KIND_VAULT, &audit_writer_proto, IPC_SIDE_B, IPC_FULL_END, vault_rows, 1},
	{KIND_GATE, &audit_writer_proto, IPC_SIDE_B, IPC_FULL_END, gate_rows, 1},
	{KIND_EGRESS, &audit_writer_proto, IPC_SIDE_B, IPC_FULL_END, egress_rows, 1},
	{KIND_SANDBOX, &audit_writer_proto, IPC_SIDE_B, IPC_FULL_END, sandbox_rows, 1},
	{KIND_STORE, &audit_writer_proto, IPC_SIDE_B, IPC_FULL_END, store_rows, 1},
	{KIND_SUPERVISOR, &audit_writer_proto, IPC_SIDE_B, IPC_FULL_END, supervisor_rows, 1},
};
const size_t audit_links_n = sizeof(audit_links) / sizeof(audit_links[0]);
