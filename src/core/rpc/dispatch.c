#include "core/rpc/rpc.h"

#include <stdio.h>

static rpc_fn *const handlers[METHOD_N] = {
	[METHOD_HEALTH] = rpc_health,
	[METHOD_STATUS] = rpc_status,
	[METHOD_SYSTEM_PRESENCE] = rpc_presence,
	[METHOD_LAST_HEARTBEAT] = rpc_last_heartbeat,
	[METHOD_SYSTEM_EVENT] = rpc_system_event,
	[METHOD_SET_HEARTBEATS] = rpc_set_heartbeats,
	[METHOD_WAKE] = rpc_wake,
	[METHOD_USAGE_STATUS] = rpc_usage_status,
	[METHOD_USAGE_COST] = rpc_usage_cost,
	[METHOD_CRON_LIST] = rpc_cron_list,
	[METHOD_CRON_STATUS] = rpc_cron_status,
	[METHOD_CRON_RUNS] = rpc_cron_runs,
	[METHOD_SKILLS_STATUS] = rpc_skills_status,
	[METHOD_TTS_STATUS] = rpc_tts_status,
	[METHOD_VOICEWAKE_GET] = rpc_voicewake_get,
	[METHOD_EXEC_APPROVALS_GET] = rpc_exec_approvals_get,
	[METHOD_EXEC_APPROVAL_RESOLVE] = rpc_exec_approval_resolve,
	[METHOD_AGENTS_LIST] = rpc_agents_list,
	[METHOD_AGENT_IDENTITY_GET] = rpc_agent_identity,
	[METHOD_MODELS_LIST] = rpc_models_list,
	[METHOD_NODE_LIST] = rpc_node_list,
	[METHOD_NODE_PAIR_LIST] = rpc_node_pair_list,
	[METHOD_CHANNELS_STATUS] = rpc_channels_status,
	[METHOD_SESSIONS_LIST] = rpc_sessions_list,
	[METHOD_SESSIONS_PREVIEW] = rpc_sessions_preview,
	[METHOD_SESSIONS_RESOLVE] = rpc_sessions_resolve,
	[METHOD_SESSIONS_PATCH] = rpc_sessions_patch,
	[METHOD_SESSIONS_RESET] = rpc_sessions_reset,
	[METHOD_SESSIONS_DELETE] = rpc_sessions_delete,
	[METHOD_SESSIONS_COMPACT] = rpc_sessions_compact,
	[METHOD_CHAT_INJECT] = rpc_chat_inject,
	[METHOD_CHAT_HISTORY] = rpc_chat_history,
	[METHOD_CHAT_SEND] = rpc_chat_send,
	[METHOD_CHAT_ABORT] = rpc_chat_abort,
	[METHOD_AGENT] = rpc_agent,
	[METHOD_AGENT_WAIT] = rpc_agent_wait,
	[METHOD_TOOLS_INVOKE] = rpc_tools_invoke,
	[METHOD_PROVE] = rpc_prove,
	[METHOD_AVATAR] = rpc_avatar,
	[METHOD_PROCESSES] = rpc_processes,
	[METHOD_GATEWAY_STOP] = rpc_gateway_stop,
	[METHOD_RESUME] = rpc_resume,
};

/* ---- the call ---- */

/* Left out on purpose, or not there yet. */
static void
refuse_feature(struct rpc_call *call)
{
	const struct method_row *row = &method_rows[call->method];
	struct buf text = {.max = 256};

	(void)buf_put_fmt(&text, "not available %s: %s (%s)", row->later ? "yet" : "here",
		row->feature, row->name);
	core_reply_error_with(call->caller, RPC_UNAVAILABLE, buf_span(&text), SPAN_EMPTY);
	buf_clear(&text);
}

static void
carry_out(struct rpc_call *call)
{
	const struct method_row *row = &method_rows[call->method];
	struct buf why = {.max = 1024};

	if (row->where == AT_NOWHERE) {
		refuse_feature(call);
	} else if (rpc_params_check(row, call->args, &why) < 0) {
		struct buf text = {.max = 2048};

		(void)buf_put_fmt(&text, "invalid %s params: ", row->name);
		(void)buf_put(&text, buf_span(&why));
		core_reply_error_with(
			call->caller, RPC_INVALID_REQUEST, buf_span(&text), SPAN_EMPTY);
		buf_clear(&text);
	} else if (row->where == AT_VAULT || row->where == AT_EDGE || row->where == AT_CONFIG) {
		core_reply_delegate(call->caller);
	} else if (handlers[call->method] == NULL) {
		core_reply_error(call->caller, RPC_UNAVAILABLE, "not available");
	} else {
		handlers[call->method](call);
	}
	buf_clear(&why);
}

int
core_dispatch(struct core *core, uint64_t principal, const struct edge_core_call *msg)
{
	struct rpc_call call = {.core = core,
		.principal = principal,
		.door = msg->door,
		.method = msg->method,
		.turn = msg->turn};
	const char *error = method_denied(principal, msg->scopes, msg->method);
	struct core_text args;
	int rc = core_text_open(&args, msg->args, msg->body, IPC_BODY_MAX);

	if (rc < 0)
		return rc;
	call.caller = core_caller_new(core, principal, msg->conn, msg->seq);
	call.args = args.span;
	if (error != NULL)
		core_reply_error(call.caller, RPC_INVALID_REQUEST, error);
	else
		carry_out(&call);
	core_turn_drop(core, call.turn);
	core_text_close(&args);
	return 0;
}

/* ---- help for handlers ---- */

void
rpc_invalid(struct rpc_call *call, const char *what)
{
	struct buf text = {.max = 1024};

	(void)buf_put_fmt(&text, "invalid %s params: %s", method_rows[call->method].name, what);
	core_reply_error_with(call->caller, RPC_INVALID_REQUEST, buf_span(&text), SPAN_EMPTY);
	buf_clear(&text);
}

void
rpc_result(struct rpc_call *call, struct args_out *out, struct buf *b)
{
	int rc = args_out_done(out);

	if (rc < 0) {
		log_error("result not built", LOG_C("method", method_rows[call->method].name),
			LOG_E("why", rc));
		core_reply_error(call->caller, RPC_UNAVAILABLE, "the result is over its limit");
	} else {
		core_reply_ok(call->caller, buf_span(b));
	}
	buf_clear(b);
}

struct span
rpc_clip(struct span text, size_t max)
{
	size_t n = text.len < max ? text.len : max;

	while (n < text.len && n > 0 && (text.ptr[n] & 0xc0) == 0x80)
		n--;
	return span_sub(text, 0, n);
}

static void
invalid_length(struct rpc_call *call)
{
	char what[96];

	(void)snprintf(what, sizeof(what),
		"a session key must not have more than %d bytes, agent:main: included",
		SESSION_KEY_MAX);
	rpc_invalid(call, what);
}

bool
rpc_session_key(struct rpc_call *call, const char *name, struct span *spelling, struct buf *out)
{
	int rc;

	*spelling = SPAN("main");
	(void)args_get_str(call->args, name, spelling);
	buf_init(out, SESSION_KEY_MAX);
	rc = core_session_key(*spelling, out);
	if (rc == 0)
		return true;
	buf_clear(out);
	if (rc == ERR_NOTFOUND)
		core_reply_error(
			call->caller, RPC_INVALID_REQUEST, "unknown agent id in sessionKey");
	else if (rc == ERR_TOOBIG)
		invalid_length(call);
	else
		rpc_invalid(call, "a session key must be printable ASCII without spaces or quotes");
	return false;
}

bool
rpc_agent_is_ours(struct rpc_call *call)
{
	struct span id;

	if (args_get_str(call->args, "agentId", &id) < 0 ||
		span_eq_nocase(span_trim(id), SPAN("main")))
		return true;
	core_reply_error(call->caller, RPC_INVALID_REQUEST, "unknown agent id");
	return false;
}
