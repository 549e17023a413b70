#include "core/rpc/rpc.h"

static void
reply_flag(struct rpc_call *call, bool ok)
{
	struct args_out out;
	struct buf b;

	core_args_init(&out, &b);
	args_out_bool(&out, "ok", ok);
	rpc_result(call, &out, &b);
}

/* A node's sign of life says nothing that the model needs. */
static bool
is_beacon(struct span text)
{
	return span_starts_with(text, SPAN("Node:"));
}

void
rpc_system_event(struct rpc_call *call)
{
	struct span text = SPAN_EMPTY;

	(void)args_get_str(call->args, "text", &text);
	text = span_trim(text);
	if (text.len == 0) {
		rpc_invalid(call, "text required");
		return;
	}
	core_presence_event(call->core, call->args);
	if (!is_beacon(text))
		core_sysevent_put(call->core, text);
	reply_flag(call, true);
}

void
rpc_set_heartbeats(struct rpc_call *call)
{
	struct args_out out;
	struct buf b;
	bool enabled = false;

	(void)args_get_bool(call->args, "enabled", &enabled);
	if (enabled) {
		core_reply_error(call->caller, RPC_UNAVAILABLE,
			"not available yet: heartbeats (set-heartbeats)");
		return;
	}
	core_args_init(&out, &b);
	args_out_bool(&out, "ok", true);
	args_out_bool(&out, "enabled", false);
	rpc_result(call, &out, &b);
}

/* Without heartbeats both modes are the same: the text waits for the next message of the main session. */
void
rpc_wake(struct rpc_call *call)
{
	struct span mode = SPAN_EMPTY;
	struct span text = SPAN_EMPTY;

	(void)args_get_str(call->args, "mode", &mode);
	(void)args_get_str(call->args, "text", &text);
	text = span_trim(text);
	if (!span_eq(mode, SPAN("now")) && !span_eq(mode, SPAN("next-heartbeat"))) {
		rpc_invalid(call, "at /mode: must be now or next-heartbeat");
		return;
	}
	if (text.len > 0)
		core_sysevent_put(call->core, text);
	reply_flag(call, text.len > 0);
}
