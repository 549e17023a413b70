#include "core/rpc/rpc.h"

/* What protocol 3 asks about features that have nothing to show yet: empty, and true. */

/* {name: [], ...}, ended with NULL. */
static void
reply_empty(struct rpc_call *call, const char *name)
{
	struct args_out out;
	struct buf b;

	core_args_init(&out, &b);
	args_out_array(&out, name);
	args_out_end(&out);
	rpc_result(call, &out, &b);
}

void
rpc_cron_list(struct rpc_call *call)
{
	reply_empty(call, "jobs");
}

void
rpc_cron_status(struct rpc_call *call)
{
	struct args_out out;
	struct buf b;

	core_args_init(&out, &b);
	args_out_bool(&out, "enabled", false);
	args_out_cstr(&out, "storePath", "store");
	args_out_u64(&out, "jobs", 0);
	args_out_null(&out, "nextWakeAtMs");
	rpc_result(call, &out, &b);
}

void
rpc_cron_runs(struct rpc_call *call)
{
	if (args_has(call->args, "id") || args_has(call->args, "jobId"))
		reply_empty(call, "entries");
	else
		rpc_invalid(call, "at /id: required");
}

void
rpc_skills_status(struct rpc_call *call)
{
	struct args_out out;
	struct buf b;

	core_args_init(&out, &b);
	/* where it lies is known to who started the gateway, not to core */
	args_out_cstr(&out, "workspaceDir", "workspace");
	args_out_cstr(&out, "managedSkillsDir", "");
	args_out_array(&out, "skills");
	args_out_end(&out);
	rpc_result(call, &out, &b);
}

void
rpc_tts_status(struct rpc_call *call)
{
	struct args_out out;
	struct buf b;

	core_args_init(&out, &b);
	args_out_bool(&out, "enabled", false);
	args_out_cstr(&out, "auto", "off");
	args_out_cstr(&out, "provider", "none");
	args_out_null(&out, "fallbackProvider");
	args_out_array(&out, "fallbackProviders");
	args_out_end(&out);
	args_out_cstr(&out, "prefsPath", "");
	args_out_bool(&out, "hasOpenAIKey", false);
	args_out_bool(&out, "hasElevenLabsKey", false);
	args_out_bool(&out, "edgeEnabled", false);
	rpc_result(call, &out, &b);
}

void
rpc_voicewake_get(struct rpc_call *call)
{
	reply_empty(call, "triggers");
}

/* There is no file of allowed commands: every program runs in a cell of its own. */
void
rpc_exec_approvals_get(struct rpc_call *call)
{
	struct args_out out;
	struct buf b;

	core_args_init(&out, &b);
	args_out_cstr(&out, "path", "exec-approvals.json");
	args_out_bool(&out, "exists", false);
	args_out_cstr(&out, "hash", /* SHA-256 of nothing */
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	args_out_object(&out, "file");
	args_out_u64(&out, "version", 1);
	args_out_object(&out, "agents");
	args_out_end(&out);
	args_out_end(&out);
	rpc_result(call, &out, &b);
}

void
rpc_exec_approval_resolve(struct rpc_call *call)
{
	struct span decision = SPAN_EMPTY;

	(void)args_get_str(call->args, "decision", &decision);
	core_reply_error(call->caller, RPC_INVALID_REQUEST,
		span_eq(decision, SPAN("allow-once")) || span_eq(decision, SPAN("allow-always")) ||
				span_eq(decision, SPAN("deny"))
			? "unknown approval id"
			: "invalid decision");
}
