#include "core/rpc/rpc.h"

#include <stdlib.h>

#define SESSIONS_DEFAULT 100
#define MINUTE_MS 60000u

/* A list that is being collected from store. */
struct listing {
	struct core_caller *caller;
	struct core *core;
	struct buf rows; /* leaves of {sessions: [...]} */
	struct args_out out;
	uint64_t count;
};

static void
begin(struct listing *l)
{
	buf_clear(&l->rows);
	core_args_init(&l->out, &l->rows);
	args_out_u64(&l->out, "ts", ev_wall_ms());
	args_out_cstr(&l->out, "path", "store");
	args_out_object(&l->out, "defaults");
	args_out_str(&l->out, "modelProvider", core_provider_name(l->core));
	args_out_str(&l->out, "model", core_model_name(l->core));
	args_out_null(&l->out, "contextTokens");
	args_out_end(&l->out);
	args_out_array(&l->out, "sessions");
	l->count = 0;
}

static void
put_row(struct listing *l, const struct core_store_session *row)
{
	struct args_out *out = &l->out;

	args_out_object(out, NULL);
	args_out_str(out, "key", row->key);
	args_out_cstr(out, "kind", "direct");
	if (row->title.len > 0) {
		args_out_str(out, "displayName", row->title);
		args_out_str(out, "derivedTitle", row->title);
	}
	args_out_u64(out, "updatedAt", row->updated);
	if (row->session_id.len > 0)
		args_out_str(out, "sessionId", row->session_id);
	args_out_u64(out, "inputTokens", row->tokens_in);
	args_out_u64(out, "outputTokens", row->tokens_out);
	args_out_u64(out, "totalTokens", row->tokens_in + row->tokens_out);
	if (row->model.len > 0)
		args_out_str(out, "model", row->model);
	args_out_end(out);
	l->count++;
}

static void
finish(struct listing *l, int64_t rc)
{
	args_out_end(&l->out);
	args_out_u64(&l->out, "count", l->count);
	if (rc < 0)
		core_reply_error(l->caller, RPC_UNAVAILABLE, err_text((int)rc));
	else if (args_out_done(&l->out) < 0)
		core_reply_error(l->caller, RPC_UNAVAILABLE, "the list is over its limit");
	else
		core_reply_ok(l->caller, buf_span(&l->rows));
	buf_clear(&l->rows);
	free(l);
}

static int
on_sessions(struct core *core, struct core_ask *ask, uint16_t id, const void *m)
{
	struct listing *l = ask->arg;

	(void)core;
	switch (id) {
	case CORE_STORE_SESSION:
		put_row(l, m);
		return 0;
	case CORE_ASK_AGAIN:
		begin(l);
		return 0;
	case CORE_STORE_DONE:
		finish(l, ((const struct core_store_done *)m)->rc);
		return 0;
	default:
		return ERR_PROTO;
	}
}

void
rpc_sessions_list(struct rpc_call *call)
{
	struct core_store_sessions msg = {
		.req = core_ask_req(call->core), .limit = SESSIONS_DEFAULT};
	struct listing *l = mem_alloc(1, sizeof(*l));
	uint64_t n;

	l->core = call->core;
	l->caller = call->caller;
	begin(l);
	if (!args_has(call->args, "limit") ||
		args_get_u64(call->args, "limit", 1, HISTORY_LIMIT_MAX, &n) < 0)
		n = SESSIONS_DEFAULT;
	msg.limit = (uint32_t)n;
	if (args_get_u64(call->args, "activeMinutes", 1, UINT32_MAX, &n) == 0)
		msg.since = ev_wall_ms() - n * MINUTE_MS;
	(void)args_get_str(call->args, "search", &msg.search);
	/* Sessions have no labels and start no others: nothing fits such a filter. */
	if (args_has(call->args, "label") || args_has(call->args, "spawnedBy")) {
		finish(l, 0);
		return;
	}
	if (core_ask(call->core, CORE_STORE_SESSIONS, &msg, msg.req, on_sessions, l, false) == NULL)
		finish(l, ERR_RANGE);
}
