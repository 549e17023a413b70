#include "core/rpc/rpc.h"

/* What the supervisor does once dispatch allows it: it needs nobody else for it. */

static void
reply_done(struct core_caller *caller)
{
	struct args_out out;
	struct buf b;

	core_args_init(&out, &b);
	args_out_bool(&out, "ok", true);
	(void)args_out_done(&out);
	core_reply_ok(caller, buf_span(&b));
	buf_clear(&b);
}

void
rpc_gateway_stop(struct rpc_call *call)
{
	struct core *core = call->core;

	log_info("stop asked for at the control socket");
	reply_done(call->caller);
	child_stop_gateway(core->child);
}

void
rpc_resume(struct rpc_call *call)
{
	struct core *core = call->core;

	core_asker_add(&core->resume_waits, call->caller);
	child_resume(core->child);
}

void
core_resumed(struct core *core)
{
	struct core_caller *caller;

	while ((caller = core_asker_take(&core->resume_waits)) != NULL)
		reply_done(caller);
}
