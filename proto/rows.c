/* The tables of proto/ as data: processes, peers, methods, events, reasons, names. */
#include "proto/ids.h"

#include <string.h>

#include "base/limits.h"
#include "base/weak.h"
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
#include "proto/user_vault.h"

const struct process_row process_rows[KIND_N] = {
#define PROCESS(KIND, name, program, instances, life, holds, may, takeover)                        \
	[KIND_##KIND] = {(name), (program), (instances), LIFE_##life, (holds), (may), (takeover)},
#include "proto/processes.def"
#undef PROCESS
};

const struct peer_row peer_rows[] = {
#define PEER(proto, A, B, a_full, b_full, why)                                                     \
	{&proto##_proto, KIND_##A, KIND_##B, #a_full, #b_full, (why)},
#include "proto/peers.def"
#undef PEER
};
const unsigned peer_rows_n = sizeof(peer_rows) / sizeof(peer_rows[0]);

#define P(name, type, required, min, max) {(name), (type), (required), (min), (max)},
#define LEFT_OUT(...)
#define LATER(...)
#define METHOD(ID, name, scope, who, where, flags, ...)                                            \
	static const struct param_row params_##ID[] = {__VA_ARGS__{NULL, PARAM_ANY, false, 0, 0}};
#include "proto/methods.def"
#undef METHOD
const struct method_row method_rows[METHOD_N] = {
#define METHOD(ID, name, scope, who, where, flags, ...)                                            \
	[METHOD_##ID] = {(name), (scope), (who), (where), (flags), params_##ID,                    \
		sizeof(params_##ID) / sizeof(params_##ID[0]) - 1, NULL, false},
#define NOT_HERE(ID, name, scope, who, feature, later)                                             \
	[METHOD_##ID] = {                                                                          \
		(name), (scope), (who), AT_NOWHERE, METHOD_HIDDEN, NULL, 0, (feature), (later)},
#define LEFT_OUT(ID, name, scope, who, feature) NOT_HERE(ID, name, scope, who, feature, false)
#define LATER(ID, name, scope, who, feature) NOT_HERE(ID, name, scope, who, feature, true)
#include "proto/methods.def"
#undef METHOD
};
#undef P

const struct event_row event_rows[EVENT_N] = {
#define EVENT(ID, name, scope) [EVENT_##ID] = {(name), (scope)},
#include "proto/events.def"
#undef EVENT
};

static const char *const reason_texts[REASON_N] = {
#define REASON(ID, text) [REASON_##ID] = (text),
#include "proto/reasons.def"
#undef REASON
};

static const char *const reason_names[REASON_N] = {
#define REASON(ID, text) [REASON_##ID] = #ID,
#include "proto/reasons.def"
#undef REASON
};

static const char *const audit_names[AUDIT_EVENT_N] = {
#define AUDIT_EVENT(ID, text) [AUDIT_##ID] = (text),
#include "proto/audit_events.def"
#undef AUDIT_EVENT
};

static const char *const effect_names[EFFECT_N] = {"none", "model", "pure", "read", "write",
	"delete", "exec", "remember", "recall", "reply", "send", "fetch"};

static const char *const code_names[RPC_CODE_N] = {
	"OK", "INVALID_REQUEST", "NOT_PAIRED", "UNAVAILABLE", "NOT_LINKED", "AGENT_TIMEOUT"};

const char *
kind_name(unsigned kind)
{
	return kind < KIND_N ? process_rows[kind].name : "unknown";
}

int
method_find(const char *name, unsigned len)
{
	for (unsigned i = 0; i < METHOD_N; i++) {
		if (strlen(method_rows[i].name) == len &&
			memcmp(method_rows[i].name, name, len) == 0)
			return (int)i;
	}
	return -1;
}

static const struct {
	const char *name;
	unsigned bit;
} scopes[] = {
	{"operator.read", SCOPE_READ},
	{"operator.write", SCOPE_WRITE},
	{"operator.approvals", SCOPE_APPROVALS},
	{"operator.pairing", SCOPE_PAIRING},
	{"operator.admin", SCOPE_ADMIN},
};

const char *
scope_name(unsigned scope)
{
	for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
		if (scopes[i].bit == scope)
			return scopes[i].name;
	}
	return NULL;
}

unsigned
scope_find(const char *name, unsigned len)
{
	for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
		if (strlen(scopes[i].name) == len && memcmp(scopes[i].name, name, len) == 0)
			return scopes[i].bit;
	}
	return 0;
}

/* ---- who may call what ---- */

static unsigned
who_of(uint64_t principal)
{
	switch (PRINCIPAL_KIND(principal)) {
	case PRINCIPAL_CONTROL:
		return WHO_OPERATOR | WHO_CONTROL;
	case PRINCIPAL_TOKEN:
	case PRINCIPAL_BROWSER:
	case PRINCIPAL_DEVICE:
		return WHO_OPERATOR;
	case PRINCIPAL_NODE:
		return WHO_NODE;
	case PRINCIPAL_AGENT:
		return WHO_AGENT;
	default:
		return 0;
	}
}

static const char *
role_error(uint64_t principal, const struct method_row *row)
{
	unsigned who = who_of(principal);

	if ((who & row->who) != 0 || WEAK(METHOD_WHO))
		return NULL;
	if ((who & WHO_NODE) != 0)
		return "unauthorized role: node";
	if ((who & WHO_AGENT) != 0)
		return "unauthorized role: agent";
	if ((row->who & WHO_CONTROL) != 0)
		return "unauthorized: only at the machine itself (control socket)";
	return (who & WHO_OPERATOR) != 0 ? "unauthorized role: operator" : "unauthorized";
}

static const char *
scope_error(unsigned have, unsigned need)
{
	if (WEAK(SCOPE_CHECK) || need == 0 || (have & SCOPE_ADMIN) != 0 || (have & need) != 0)
		return NULL;
	switch (need) {
	case SCOPE_READ:
		return (have & SCOPE_WRITE) != 0 ? NULL : "missing scope: operator.read";
	case SCOPE_WRITE:
		return "missing scope: operator.write";
	case SCOPE_APPROVALS:
		return "missing scope: operator.approvals";
	case SCOPE_PAIRING:
		return "missing scope: operator.pairing";
	default:
		return "missing scope: operator.admin";
	}
}

const char *
method_denied(uint64_t principal, unsigned have, unsigned method)
{
	const struct method_row *row = method < METHOD_N ? &method_rows[method] : NULL;
	const char *error = row == NULL ? "unknown method" : role_error(principal, row);

	return error != NULL ? error : scope_error(PRINCIPAL_SCOPES(principal) & have, row->scope);
}

const char *
reason_text(unsigned reason)
{
	return reason < REASON_N ? reason_texts[reason] : reason_texts[REASON_NONE];
}

const char *
reason_name(unsigned reason)
{
	return reason < REASON_N ? reason_names[reason] : reason_names[REASON_NONE];
}

const char *
audit_event_name(unsigned event)
{
	return event < AUDIT_EVENT_N ? audit_names[event] : "unknown";
}

const char *
effect_name(unsigned effect)
{
	return effect < EFFECT_N ? effect_names[effect] : "unknown";
}

const char *
rpc_code_name(unsigned code)
{
	return code < RPC_CODE_N ? code_names[code] : "UNAVAILABLE";
}
