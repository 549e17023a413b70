/* The supervisor is told; it answers with the files that are included. The desk is asked by the one edge it was started for. */
#include "config.h"

#include "proto/config_supervisor.h"
#include "proto/config_user.h"

static const struct ipc_handler supervisor_rows[] = {
	{CONFIG_SUPERVISOR_INCLUDED, config_on_included},
};

const struct child_link config_links[] = {
	{KIND_SUPERVISOR, &config_supervisor_proto, IPC_SIDE_A, IPC_FULL_WAIT, supervisor_rows,
		sizeof(supervisor_rows) / sizeof(supervisor_rows[0])},
};
const size_t config_nlinks = sizeof(config_links) / sizeof(config_links[0]);

static const struct ipc_handler desk_supervisor_rows[] = {
	{CONFIG_SUPERVISOR_INCLUDED, config_desk_on_included},
	{CONFIG_SUPERVISOR_WRITTEN, config_desk_on_written},
	{CONFIG_SUPERVISOR_PAST, config_desk_on_past},
};
static const struct ipc_handler desk_user_rows[] = {
	{CONFIG_USER_ASK, config_desk_on_ask},
};

const struct child_link config_desk_links[2] = {
	{KIND_SUPERVISOR, &config_supervisor_proto, IPC_SIDE_A, IPC_FULL_WAIT, desk_supervisor_rows,
		sizeof(desk_supervisor_rows) / sizeof(desk_supervisor_rows[0])},
	{KIND_USER, &config_user_proto, IPC_SIDE_A, IPC_FULL_END, desk_user_rows,
		sizeof(desk_user_rows) / sizeof(desk_user_rows[0])},
};
