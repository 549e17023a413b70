#include "store.h"

static const struct ipc_handler core_handlers[] = {
	{CORE_STORE_ACCEPT, store_run_accept},
	{CORE_STORE_RUN_STATE, store_run_state},
	{CORE_STORE_ITEM_PUT, store_run_item},
	{CORE_STORE_FINISH, store_run_finish},
	{CORE_STORE_HISTORY, store_read_history},
	{CORE_STORE_SESSIONS, store_read_sessions},
	{CORE_STORE_OPEN_RUNS, store_read_open_runs},
	{CORE_STORE_FIND_RUN, store_read_find_run},
	{CORE_STORE_COUNTS, store_read_counts},
	{CORE_STORE_SESSION_GET, store_session_get},
	{CORE_STORE_SESSION_PATCH, store_session_patch},
	{CORE_STORE_SESSION_END, store_session_end},
	{CORE_STORE_SESSION_CUT, store_session_cut},
	{CORE_STORE_INJECT, store_session_inject},
	{CORE_STORE_USAGE, store_read_usage},
	{CORE_STORE_MEMORY_PUT, store_memory_put},
	{CORE_STORE_MEMORY_FIND, store_memory_find},
};

static const struct ipc_handler gate_handlers[] = {
	{GATE_STORE_PUT, store_gate_put},
	{GATE_STORE_GET, store_gate_get},
	{GATE_STORE_SEALED, store_memory_sealed},
	{GATE_STORE_RECALL_OK, store_memory_recall_ok},
};

const struct child_link store_links[] = {
	{KIND_CORE, &core_store_proto, IPC_SIDE_B, IPC_FULL_END, core_handlers,
		sizeof(core_handlers) / sizeof(core_handlers[0])},
	{KIND_GATE, &gate_store_proto, IPC_SIDE_B, IPC_FULL_END, gate_handlers,
		sizeof(gate_handlers) / sizeof(gate_handlers[0])},
	{KIND_AUDIT, &audit_writer_proto, IPC_SIDE_A, IPC_FULL_END, witness_rows, WITNESS_ROWS_N},
};
const size_t store_links_n = sizeof(store_links) / sizeof(store_links[0]);
