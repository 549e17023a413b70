/* The tables of proto/ as data: processes, peers, events, reasons, names. */
#include "proto/ids.h"

/* the second NUL makes a name that does not fit an error */
const struct process_row process_rows[KIND_N] = {
#define PROCESS(KIND, name, program, instances, life, holds, may, takeover)                        \
	[KIND_##KIND] = {name "\0", program "\0", LIFE_##life},
#include "proto/processes.def"
#undef PROCESS
};

const struct peer_row peer_rows[] = {
#define PEER(proto, A, B, a_full, b_full, why) {#proto "\0", KIND_##A, KIND_##B},
#include "proto/peers.def"
#undef PEER
};
const unsigned peer_rows_n = sizeof(peer_rows) / sizeof(peer_rows[0]);

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
