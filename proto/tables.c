/* The message tables of every pair, for the codec and for `moltbot topology`. */
#include "proto/child.def.h"
#include "proto/config_supervisor.h"
#include "proto/config_user.h"
#include "proto/anon_vault.h"
#include "proto/anon_user.h"
#include "proto/user_vault.h"
#include "proto/edge_core.h"
#include "proto/edge_gate.h"
#include "proto/core_gate.h"
#include "proto/executor_gate.h"
#include "proto/gate_store.h"
#include "proto/core_store.h"
#include "proto/core_agent.h"
#include "proto/core_egress.h"
#include "proto/core_sandbox.h"
#include "proto/sandbox_cell.h"
#include "proto/egress_dial.h"
#include "proto/egress_vault.h"
#include "proto/audit_writer.h"
#include "proto/audit_vault.h"
#include "proto/tls_anon.h"
#include "proto/tls_key.h"

#define PROTO child
#define PROTO_UP CHILD
#define PROTO_A "supervisor"
#define PROTO_B "child"
#define PROTO_FILE "proto/child.def"
#include "proto/gen_table.h"

#define PROTO config_supervisor
#define PROTO_UP CONFIG_SUPERVISOR
#define PROTO_A "config"
#define PROTO_B "supervisor"
#define PROTO_FILE "proto/config_supervisor.def"
#include "proto/gen_table.h"

#define PROTO config_user
#define PROTO_UP CONFIG_USER
#define PROTO_A "config/desk"
#define PROTO_B "edge/user"
#define PROTO_FILE "proto/config_user.def"
#include "proto/gen_table.h"

#define PROTO anon_vault
#define PROTO_UP ANON_VAULT
#define PROTO_A "edge/anon"
#define PROTO_B "vault"
#define PROTO_FILE "proto/anon_vault.def"
#include "proto/gen_table.h"

#define PROTO anon_user
#define PROTO_UP ANON_USER
#define PROTO_A "edge/anon"
#define PROTO_B "edge/user"
#define PROTO_FILE "proto/anon_user.def"
#include "proto/gen_table.h"

#define PROTO user_vault
#define PROTO_UP USER_VAULT
#define PROTO_A "edge/user"
#define PROTO_B "vault"
#define PROTO_FILE "proto/user_vault.def"
#include "proto/gen_table.h"

#define PROTO edge_core
#define PROTO_UP EDGE_CORE
#define PROTO_A "edge/user"
#define PROTO_B "core"
#define PROTO_FILE "proto/edge_core.def"
#include "proto/gen_table.h"

#define PROTO edge_gate
#define PROTO_UP EDGE_GATE
#define PROTO_A "edge/user"
#define PROTO_B "gate"
#define PROTO_FILE "proto/edge_gate.def"
#include "proto/gen_table.h"

#define PROTO core_gate
#define PROTO_UP CORE_GATE
#define PROTO_A "core"
#define PROTO_B "gate"
#define PROTO_FILE "proto/core_gate.def"
#include "proto/gen_table.h"

#define PROTO executor_gate
#define PROTO_UP EXECUTOR_GATE
#define PROTO_A "executor"
#define PROTO_B "gate"
#define PROTO_FILE "proto/executor_gate.def"
#include "proto/gen_table.h"

#define PROTO gate_store
#define PROTO_UP GATE_STORE
#define PROTO_A "gate"
#define PROTO_B "store"
#define PROTO_FILE "proto/gate_store.def"
#include "proto/gen_table.h"

#define PROTO core_store
#define PROTO_UP CORE_STORE
#define PROTO_A "core"
#define PROTO_B "store"
#define PROTO_FILE "proto/core_store.def"
#include "proto/gen_table.h"

#define PROTO core_agent
#define PROTO_UP CORE_AGENT
#define PROTO_A "core"
#define PROTO_B "agent"
#define PROTO_FILE "proto/core_agent.def"
#include "proto/gen_table.h"

#define PROTO core_egress
#define PROTO_UP CORE_EGRESS
#define PROTO_A "core"
#define PROTO_B "egress"
#define PROTO_FILE "proto/core_egress.def"
#include "proto/gen_table.h"

#define PROTO core_sandbox
#define PROTO_UP CORE_SANDBOX
#define PROTO_A "core"
#define PROTO_B "sandbox"
#define PROTO_FILE "proto/core_sandbox.def"
#include "proto/gen_table.h"

#define PROTO sandbox_cell
#define PROTO_UP SANDBOX_CELL
#define PROTO_A "sandbox"
#define PROTO_B "cell"
#define PROTO_FILE "proto/sandbox_cell.def"
#include "proto/gen_table.h"

#define PROTO egress_dial
#define PROTO_UP EGRESS_DIAL
#define PROTO_A "egress"
#define PROTO_B "dial"
#define PROTO_FILE "proto/egress_dial.def"
#include "proto/gen_table.h"

#define PROTO egress_vault
#define PROTO_UP EGRESS_VAULT
#define PROTO_A "egress"
#define PROTO_B "vault"
#define PROTO_FILE "proto/egress_vault.def"
#include "proto/gen_table.h"

#define PROTO audit_writer
#define PROTO_UP AUDIT_WRITER
#define PROTO_A "writer"
#define PROTO_B "audit"
#define PROTO_FILE "proto/audit_writer.def"
#include "proto/gen_table.h"

#define PROTO audit_vault
#define PROTO_UP AUDIT_VAULT
#define PROTO_A "audit"
#define PROTO_B "vault"
#define PROTO_FILE "proto/audit_vault.def"
#include "proto/gen_table.h"

#define PROTO tls_key
#define PROTO_UP TLS_KEY
#define PROTO_A "tls"
#define PROTO_B "tls/key"
#define PROTO_FILE "proto/tls_key.def"
#include "proto/gen_table.h"

#define PROTO tls_anon
#define PROTO_UP TLS_ANON
#define PROTO_A "tls"
#define PROTO_B "edge/anon"
#define PROTO_FILE "proto/tls_anon.def"
#include "proto/gen_table.h"
