/* The supervisor is told; it answers with the files that are included, and nothing else is asked of config. */
#include "config.h"

#include "proto/config_supervisor.h"

static const struct ipc_handler supervisor_rows[] = {
	{CONFIG_SUPERVISOR_INCLUDED, config_on_included},
};

const struct child_link config_links[] = {
	{KIND_SUPERVISOR, &config_supervisor_proto, IPC_SIDE_A, IPC_FULL_WAIT, supervisor_rows,
		sizeof(supervisor_rows) / sizeof(supervisor_rows[0])},
};
const size_t config_nlinks = sizeof(config_links) / sizeof(config_links[0]);
