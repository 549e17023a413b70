/* moltbot.tools.invoke: one tool call of the owner's, as a run without an agent. */
#include "core/rpc/rpc.h"

#include "proto/tools.h"

/* What stands below "args", as a list of its own. */
static int
take_args(struct buf *out, struct span list)
{
	struct args_leaf leaf;
	int rc;

	while ((rc = args_next(&list, &leaf)) == 1) {
		if (leaf.depth == 0 || !span_eq(leaf.path[0].key, SPAN("args")))
			continue;
		for (size_t i = 1; i < leaf.depth; i++)
			leaf.path[i - 1] = leaf.path[i];
		leaf.depth--;
		rc = args_put_leaf(out, &leaf);
		if (rc < 0)
			return rc;
	}
	if (rc == 0 && out->len == 0)
		rc = args_put_leaf(out, &(struct args_leaf){.type = ARGS_EMPTY_OBJECT});
	return rc;
}

static void
refuse_tool(struct rpc_call *call, struct span name)
{
	struct buf text = {.max = 256};
	struct args_out out;
	struct buf b;

	(void)buf_put_cstr(&text, "Tool not available: ");
	(void)buf_put(&text, name);
	core_args_init(&out, &b);
	args_out_cstr(&out, "type", "not_found");
	if (args_out_done(&out) == 0)
		core_reply_error_with(
			call->caller, RPC_INVALID_REQUEST, buf_span(&text), buf_span(&b));
	buf_clear(&b);
	buf_clear(&text);
}

static void
accept_call(struct rpc_call *call, struct core_run_request *rq, struct span name)
{
	struct buf text = {.max = 256};

	(void)buf_put_cstr(&text, "/tools/invoke ");
	(void)buf_put(&text, name);
	rq->text = buf_span(&text);
	rpc_run_accept(call, rq);
	buf_clear(&text);
}

void
rpc_tools_invoke(struct rpc_call *call)
{
	struct core_run_request rq = {.principal = call->principal, .method = METHOD_TOOLS_INVOKE};
	struct buf args = {.max = HTTP_BODY_MAX * 2};
	struct span name = SPAN_EMPTY;
	struct buf key;

	(void)args_get_str(call->args, "tool", &name);
	(void)args_get_str(call->args, "idempotencyKey", &rq.idem);
	rq.tool = (uint8_t)tool_find_alias(name);
	if (!core_tool_is_direct(call->core, rq.tool)) {
		refuse_tool(call, name);
		return;
	}
	if (!rpc_session_key(call, "sessionKey", &rq.spelling, &key))
		return;
	rq.key = buf_span(&key);
	if (take_args(&args, call->args) < 0) {
		rpc_invalid(call, "at /args: too large");
	} else if (rpc_is_running(call)) {
		rq.args = buf_span(&args);
		accept_call(call, &rq, span_from_cstr(tool_rows[rq.tool].name));
	}
	buf_clear(&args);
	buf_clear(&key);
}
