#include "core/rpc/rpc.h"

/* What the supervisor does once dispatch allows it: it needs nobody else for it. */

static void
reply_done(struct rpc_call *call)
{
	struct args_out out;
	struct buf b;

	core_args_init(&out, &b);
	args_out_bool(&out, "ok", true);
	rpc_result(call, &out, &b);
}

void
rpc_gateway_stop(struct rpc_call *call)
{
	struct core *core = call->core;

	log_info("stop asked for at the control socket");
	reply_done(call);
	child_stop_gateway(core->child);
}

void
rpc_resume(struct rpc_call *call)
{
	struct core *core = call->core;

	child_resume(core->child);
	reply_done(call);
}
