/*
 * The one door: every call of every client ends in core_dispatch, which decides by proto/methods.def alone whether the
 * principal may, and whether the parameters are what the method takes, before a handler sees it.
 */
#ifndef CORE_RPC_RPC_H
#define CORE_RPC_RPC_H

#include "core/core.h"

struct rpc_call {
	struct core *core;
	uint64_t principal;
	unsigned door;
	unsigned method;
	/* the call's, until a run takes it (rpc_run_accept); what is left is dropped after the handler */
	uint64_t turn;
	struct span args; /* checked against the method's parameters */
	struct core_caller
		*caller; /* the handler's: it answers now, or keeps it and answers later */
};
typedef void rpc_fn(struct rpc_call *call);

/* 0, or the code with which the edge's channel ends. */
int core_dispatch(struct core *core, uint64_t principal, const struct edge_core_call *msg);

/* 0; ERR_SYNTAX with the reasons, as "at /path: what", in why. */
int rpc_params_check(const struct method_row *row, struct span args, struct buf *why);

/* "invalid <method> params: <what>" */
void rpc_invalid(struct rpc_call *call, const char *what);
/* The result is ready: done is checked, the buffer freed. */
void rpc_result(struct rpc_call *call, struct args_out *out, struct buf *b);
/* The canonical key of parameter name into out; answers and returns false when it is none. */
bool rpc_session_key(
	struct rpc_call *call, const char *name, struct span *spelling, struct buf *out);
/* Parameter agentId, when given, must be ours. */
bool rpc_agent_is_ours(struct rpc_call *call);

/* At most max bytes, whole characters. */
struct span rpc_clip(struct span text, size_t max);
/* "entry": what is known and set of a session. */
void rpc_session_entry_put(struct args_out *out, const struct core_store_session *row);
/* A word that begins a new session, alone: it begins, and the transcript says so. Takes caller. */
void rpc_session_renew(struct rpc_call *call, const struct core_run_request *rq);
/* True: answered already, as the first time. */
bool rpc_turn_is_repeated(struct rpc_call *call, struct span idem);
/* A message whose parameters are checked: it is accepted, or refused because nothing may run. Takes caller. */
void rpc_turn_take(struct rpc_call *call, struct core_run_request *rq);
/* The run begins, or is refused because too many wait. Takes caller, and the call's turn when it begins. */
void rpc_run_accept(struct rpc_call *call, struct core_run_request *rq);
/* Are there any; may the model have them (false: answered already). */
bool rpc_attachments_given(struct span args);
bool rpc_attachments_check(struct rpc_call *call);

rpc_fn rpc_health, rpc_status, rpc_presence, rpc_last_heartbeat, rpc_processes, rpc_prove;
rpc_fn rpc_system_event, rpc_set_heartbeats, rpc_wake, rpc_usage_status, rpc_usage_cost;
rpc_fn rpc_cron_list, rpc_cron_status, rpc_cron_runs, rpc_skills_status, rpc_tts_status;
rpc_fn rpc_voicewake_get, rpc_exec_approvals_get, rpc_exec_approval_resolve;
rpc_fn rpc_sessions_preview, rpc_sessions_resolve, rpc_sessions_patch, rpc_sessions_reset;
rpc_fn rpc_sessions_delete, rpc_sessions_compact, rpc_chat_inject;
rpc_fn rpc_agents_list, rpc_agent_identity, rpc_avatar, rpc_models_list, rpc_node_list,
	rpc_channels_status;
rpc_fn rpc_node_pair_list;
rpc_fn rpc_sessions_list, rpc_chat_history, rpc_chat_send, rpc_chat_abort;
rpc_fn rpc_agent, rpc_agent_wait, rpc_tools_invoke;
/* False: answered already, because nothing may begin now. */
bool rpc_is_running(struct rpc_call *call);
rpc_fn rpc_gateway_stop, rpc_resume;

#endif
