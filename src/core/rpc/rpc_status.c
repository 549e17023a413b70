#include "core/rpc/rpc.h"

void
rpc_health(struct rpc_call *call)
{
	bool probe = false;

	(void)args_get_bool(call->args, "probe", &probe);
	if (probe)
		core_health_refresh(call->core);
	core_reply_ok(call->caller, core_health_snapshot(call->core));
}

void
rpc_presence(struct rpc_call *call)
{
	struct args_out out;
	struct buf b;

	buf_init(&b, IPC_BODY_MAX);
	args_out_init(&out, &b, true);
	core_presence_put(call->core, &out);
	rpc_result(call, &out, &b);
}

void
rpc_last_heartbeat(struct rpc_call *call)
{
	struct buf b = {.max = 64};

	(void)args_put_leaf(&b, &(struct args_leaf){.type = ARGS_NULL});
	core_reply_ok(call->caller, buf_span(&b));
	buf_clear(&b);
}

/* ---- status ---- */

static void
put_recent(struct core *core, struct args_out *out)
{
	uint64_t now = ev_wall_ms();

	args_out_array(out, "recent");
	for (unsigned i = 0; i < core->recent_n; i++) {
		const struct core_recent *r = &core->recent[i];

		args_out_object(out, NULL);
		args_out_cstr(out, "agentId", "main");
		args_out_str(out, "key", span_of(r->key, r->keylen));
		args_out_cstr(out, "kind", "direct");
		args_out_u64(out, "updatedAt", r->updated);
		args_out_u64(out, "age", now > r->updated ? now - r->updated : 0);
		args_out_u64(out, "inputTokens", r->tokens_in);
		args_out_u64(out, "outputTokens", r->tokens_out);
		args_out_u64(out, "totalTokens", r->tokens_in + r->tokens_out);
		args_out_array(out, "flags");
		args_out_end(out);
		args_out_end(out);
	}
	args_out_end(out);
}

static void
put_sessions(struct core *core, struct args_out *out)
{
	args_out_object(out, "sessions");
	args_out_array(out, "paths");
	args_out_cstr(out, NULL, "store");
	args_out_end(out);
	args_out_u64(out, "count", core->count_sessions);
	args_out_object(out, "defaults");
	args_out_str(out, "model", core_model_name(core));
	args_out_null(out, "contextTokens");
	args_out_end(out);
	put_recent(core, out);
	args_out_array(out, "byAgent");
	args_out_object(out, NULL);
	args_out_cstr(out, "agentId", "main");
	args_out_cstr(out, "path", "store");
	args_out_u64(out, "count", core->count_sessions);
	put_recent(core, out);
	args_out_end(out);
	args_out_end(out);
	args_out_end(out);
}

static void
put_heartbeat(struct args_out *out)
{
	args_out_object(out, "heartbeat");
	args_out_cstr(out, "defaultAgentId", "main");
	args_out_array(out, "agents");
	args_out_object(out, NULL);
	args_out_cstr(out, "agentId", "main");
	args_out_bool(out, "enabled", false);
	args_out_cstr(out, "every", "disabled");
	args_out_null(out, "everyMs");
	args_out_end(out);
	args_out_end(out);
	args_out_end(out);
}

static void
put_gateway(struct core *core, struct args_out *out)
{
	args_out_object(out, "gateway");
	args_out_str(out, "version", core_version(core));
	args_out_u64(out, "uptimeMs", ev_wall_ms() - core->started_ms);
	args_out_u64(out, "port", child_option_u64(core->child, "gateway.port", 0));
	args_out_bool(out, "tls", child_option_bool(core->child, "gateway.tls", false));
	args_out_str(out, "bind", child_option_str(core->child, "gateway.bind", SPAN("loopback")));
	args_out_object(out, "auth");
	args_out_str(out, "mode", child_option_str(core->child, "auth.mode", SPAN("token")));
	args_out_end(out);
	args_out_bool(out, "stopped", core->child->panic);
	args_out_u64(out, "runsActive", core->nrunning);
	args_out_u64(out, "runsQueued", core_lane_queued(core));
	args_out_str(out, "provider", core_provider_name(core));
	args_out_end(out);
}

void
rpc_status(struct rpc_call *call)
{
	struct core *core = call->core;
	struct args_out out;
	struct buf b;

	core_args_init(&out, &b);
	put_heartbeat(&out);
	args_out_array(&out, "channelSummary");
	args_out_end(&out);
	args_out_array(&out, "queuedSystemEvents");
	core_sysevents_list(core, &out);
	args_out_end(&out);
	put_sessions(core, &out);
	put_gateway(core, &out);
	core_health_sandbox_put(core, &out);
	rpc_result(call, &out, &b);
}

void
rpc_prove(struct rpc_call *call)
{
	uint64_t level = 0;

	(void)args_get_u64(call->args, "level", 0, 1, &level);
	core_prove_start(call->core, (unsigned)level, call->caller);
}
