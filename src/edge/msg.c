#include "edge.h"
#include "edge_anon.h"

static const struct ipc_handler anon_vault_rows[] = {
	{ANON_VAULT_VERDICT, anon_on_verdict},
	{ANON_VAULT_CLAIMED, anon_on_claimed},
};
static const struct ipc_handler anon_user_rows[] = {
	{ANON_USER_RETURN, anon_on_return},
};

#define ROWS(r) (r), sizeof(r) / sizeof((r)[0])

const struct child_link edge_anon_links[] = {
	{KIND_VAULT, &anon_vault_proto, IPC_SIDE_A, IPC_FULL_END, ROWS(anon_vault_rows)},
	{KIND_USER, &anon_user_proto, IPC_SIDE_A, IPC_FULL_END, ROWS(anon_user_rows)},
};
const size_t edge_anon_nlinks = sizeof(edge_anon_links) / sizeof(edge_anon_links[0]);
