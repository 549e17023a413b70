#include "core/rpc/rpc.h"

#include "base/weak.h"

static rpc_fn *const handlers[METHOD_N] = {
	[METHOD_HEALTH] = rpc_health,
	[METHOD_STATUS] = rpc_status,
	[METHOD_SYSTEM_PRESENCE] = rpc_presence,
	[METHOD_LAST_HEARTBEAT] = rpc_last_heartbeat,
	[METHOD_AGENTS_LIST] = rpc_agents_list,
	[METHOD_AGENT_IDENTITY_GET] = rpc_agent_identity,
	[METHOD_MODELS_LIST] = rpc_models_list,
	[METHOD_NODE_LIST] = rpc_node_list,
	[METHOD_CHANNELS_STATUS] = rpc_channels_status,
	[METHOD_SESSIONS_LIST] = rpc_sessions_list,
	[METHOD_CHAT_HISTORY] = rpc_chat_history,
	[METHOD_CHAT_SEND] = rpc_chat_send,
	[METHOD_CHAT_ABORT] = rpc_chat_abort,
	[METHOD_AGENT] = rpc_agent,
	[METHOD_AGENT_WAIT] = rpc_agent_wait,
	[METHOD_PROVE] = rpc_prove,
	[METHOD_PROCESSES] = rpc_processes,
	[METHOD_GATEWAY_STOP] = rpc_gateway_stop,
	[METHOD_PANIC] = rpc_panic,
	[METHOD_RESUME] = rpc_resume,
};

/* ---- who ---- */

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

/* ---- the call ---- */

static void
carry_out(struct rpc_call *call)
{
	const struct method_row *row = &method_rows[call->method];
	struct buf why = {.max = 1024};

	if (rpc_params_check(row, call->args, &why) < 0) {
		struct buf text = {.max = 2048};

		(void)buf_put_fmt(&text, "invalid %s params: ", row->name);
		(void)buf_put(&text, buf_span(&why));
		core_reply_error_with(
			call->caller, RPC_INVALID_REQUEST, buf_span(&text), SPAN_EMPTY);
		buf_clear(&text);
	} else if (row->where == AT_VAULT) {
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
	unsigned scopes = PRINCIPAL_SCOPES(principal) & msg->scopes;
	const struct method_row *row = msg->method < METHOD_N ? &method_rows[msg->method] : NULL;
	const char *error = row == NULL ? "unknown method" : role_error(principal, row);
	struct core_text args;
	int rc = core_text_open(&args, msg->args, msg->body, IPC_BODY_MAX);

	if (rc < 0)
		return rc;
	call.caller = core_caller_new(core, principal, msg->conn, msg->seq);
	call.args = args.span;
	if (error == NULL)
		error = scope_error(scopes, row->scope);
	if (error != NULL)
		core_reply_error(call.caller, RPC_INVALID_REQUEST, error);
	else
		carry_out(&call);
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
	else
		rpc_invalid(
			call, "at /sessionKey: must be printable ASCII without spaces or quotes");
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
