#include "edge.h"
#include "edge_anon.h"
#include "edge_user.h"
#include "proto/config_user.h"
#include "proto/tls_anon.h"

#define ROWS(r) (r), sizeof(r) / sizeof((r)[0])

/*
 * What clients make an edge send may be more than a peer takes that is slow: then the client is refused (ERR_AGAIN), and the peer
 * is not taken for one that breaks the protocol.
 */

/* ---- edge/anon ---- */

static const struct ipc_handler anon_vault_rows[] = {
	{ANON_VAULT_VERDICT, anon_on_verdict},
	{ANON_VAULT_CLAIMED, anon_on_claimed},
};
static const struct ipc_handler anon_tls_rows[] = {
	{TLS_ANON_CLIENT, anon_on_tls_client},
};
static const struct ipc_handler anon_user_rows[] = {
	{ANON_USER_RETURN, anon_on_return},
};

const struct child_link edge_anon_links[] = {
	{KIND_VAULT, &anon_vault_proto, IPC_SIDE_A, IPC_FULL_WAIT, ROWS(anon_vault_rows)},
	{KIND_TLS, &tls_anon_proto, IPC_SIDE_B, IPC_FULL_END, ROWS(anon_tls_rows)},
	{KIND_USER, &anon_user_proto, IPC_SIDE_A, IPC_FULL_WAIT, ROWS(anon_user_rows)},
};
const size_t edge_anon_nlinks = sizeof(edge_anon_links) / sizeof(edge_anon_links[0]);

/* ---- edge/user ---- */

static const struct ipc_handler user_anon_rows[] = {
	{ANON_USER_HANDOVER, user_on_handover},
};
static const struct ipc_handler user_vault_rows[] = {
	{USER_VAULT_PRINCIPAL, user_on_principal},
	{USER_VAULT_REVOKED, user_on_revoked},
	{USER_VAULT_CLAIM_CODE, user_on_claim_code},
	{USER_VAULT_SECRET_SHOWN, user_on_secret_shown},
	{USER_VAULT_PAIRING, user_on_pairing},
	{USER_VAULT_DEVICE, user_on_device},
	{USER_VAULT_DEVICE_DID, user_on_device_did},
};
static const struct ipc_handler user_core_rows[] = {
	{EDGE_CORE_REPLY, user_on_reply},
	{EDGE_CORE_EVENT, user_on_event},
	{EDGE_CORE_SNAPSHOT, user_on_snapshot},
};
static const struct ipc_handler user_desk_rows[] = {
	{CONFIG_USER_ANSWER, user_on_desk_answer},
};
static const struct ipc_handler user_gate_rows[] = {
	{EDGE_GATE_TURN_OK, user_on_turn_ok},
};

const struct child_link edge_user_links[] = {
	{KIND_ANON, &anon_user_proto, IPC_SIDE_B, IPC_FULL_WAIT, ROWS(user_anon_rows)},
	{KIND_VAULT, &user_vault_proto, IPC_SIDE_A, IPC_FULL_WAIT, ROWS(user_vault_rows)},
	{KIND_CORE, &edge_core_proto, IPC_SIDE_A, IPC_FULL_WAIT, ROWS(user_core_rows)},
	{KIND_DESK, &config_user_proto, IPC_SIDE_B, IPC_FULL_END, ROWS(user_desk_rows)},
	{KIND_GATE, &edge_gate_proto, IPC_SIDE_A, IPC_FULL_WAIT, ROWS(user_gate_rows)},
};
const size_t edge_user_nlinks = sizeof(edge_user_links) / sizeof(edge_user_links[0]);
