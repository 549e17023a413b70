/* The supervisor is told; nothing is asked of config. */
#include "config.h"

#include "proto/config_supervisor.h"

const struct child_link config_links[] = {
	{KIND_SUPERVISOR, &config_supervisor_proto, IPC_SIDE_A, IPC_FULL_WAIT, NULL, 0},
};
const size_t config_nlinks = sizeof(config_links) / sizeof(config_links[0]);
