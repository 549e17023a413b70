/* What is told about processes and peers: only those who tell it carry the texts, and every table of messages with them. */
#include "proto/ids.h"

#include "proto/anon_user.h"
#include "proto/anon_vault.h"
#include "proto/audit_vault.h"
#include "proto/audit_writer.h"
#include "proto/config_supervisor.h"
#include "proto/config_user.h"
#include "proto/core_agent.h"
#include "proto/core_egress.h"
#include "proto/core_gate.h"
#include "proto/core_sandbox.h"
#include "proto/core_store.h"
#include "proto/edge_core.h"
#include "proto/edge_gate.h"
#include "proto/egress_dial.h"
#include "proto/egress_vault.h"
#include "proto/executor_gate.h"
#include "proto/gate_store.h"
#include "proto/tls_anon.h"
#include "proto/tls_key.h"
#include "proto/user_vault.h"

const struct process_about process_abouts[KIND_N] = {
#define PROCESS(KIND, name, program, instances, life, holds, may, takeover)                        \
	[KIND_##KIND] = {(instances), (holds), (may), (takeover)},
#include "proto/processes.def"
#undef PROCESS
};

const struct peer_about peer_abouts[] = {
#define PEER(proto, A, B, a_full, b_full, why) {&proto##_proto, #a_full, #b_full, (why)},
#include "proto/peers.def"
#undef PEER
};
