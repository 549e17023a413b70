#include "core/rpc/rpc.h"

#include <stdlib.h>

#define HISTORY_DEFAULT 200

/* A transcript that is being collected from store. */
struct transcript {
	struct core_caller *caller;
	struct buf spelling;
	struct buf list;
	struct args_out out;
};

static void
begin(struct transcript *t)
{
	buf_clear(&t->list);
	core_args_init(&t->out, &t->list);
	args_out_str(&t->out, "sessionKey", buf_span(&t->spelling));
	args_out_array(&t->out, "messages");
}

static const char *
role_of(const struct core_store_item *item)
{
	if (item->kind == ITEM_TOOL_RESULT)
		return "toolResult";
	return item->role == ROLE_USER ? "user" : "assistant";
}

static void
put_call(struct args_out *out, const struct core_store_item *item, struct span args)
{
	args_out_cstr(out, "type", "toolCall");
	args_out_str(out, "id", item->call_id);
	args_out_str(out, "name", item->name);
	args_out_object(out, "arguments");
	core_args_graft(out, args);
	args_out_end(out);
}

static void
put_message(struct transcript *t, const struct core_store_item *item, struct span text,
	struct span args)
{
	struct args_out *out = &t->out;

	args_out_object(out, NULL);
	args_out_cstr(out, "role", role_of(item));
	if (item->kind == ITEM_TOOL_RESULT) {
		args_out_str(out, "toolCallId", item->call_id);
		args_out_str(out, "toolName", item->name);
		args_out_bool(out, "isError", item->error);
	}
	args_out_array(out, "content");
	args_out_object(out, NULL);
	if (item->kind == ITEM_TOOL_CALL) {
		put_call(out, item, args);
	} else {
		args_out_cstr(out, "type", "text");
		args_out_str(out, "text", text);
	}
	args_out_end(out);
	args_out_end(out);
	args_out_u64(out, "timestamp", item->at);
	args_out_end(out);
}

static int
put_item(struct transcript *t, const struct core_store_item *item)
{
	bool is_call = item->kind == ITEM_TOOL_CALL;
	struct core_text body;
	int rc;

	if (item->role == ROLE_SYSTEM)
		return 0;
	rc = core_text_open(&body, is_call ? item->args : item->text, item->body, IPC_BODY_MAX);
	if (rc < 0)
		return rc;
	put_message(t, item, is_call ? SPAN_EMPTY : body.span, is_call ? body.span : SPAN_EMPTY);
	core_text_close(&body);
	return 0;
}

static void
finish(struct transcript *t, int64_t rc)
{
	args_out_end(&t->out);
	if (rc < 0 && rc != ERR_NOTFOUND)
		core_reply_error(t->caller, RPC_UNAVAILABLE, err_text((int)rc));
	else if (args_out_done(&t->out) < 0)
		core_reply_error(t->caller, RPC_UNAVAILABLE, "the history is over its limit");
	else
		core_reply_ok(t->caller, buf_span(&t->list));
	buf_clear(&t->list);
	buf_clear(&t->spelling);
	free(t);
}

static int
on_history(struct core *core, struct core_ask *ask, uint16_t id, const void *m)
{
	struct transcript *t = ask->arg;

	(void)core;
	switch (id) {
	case CORE_STORE_ITEM:
		return put_item(t, m);
	case CORE_ASK_AGAIN:
		begin(t);
		return 0;
	case CORE_STORE_DONE:
		finish(t, ((const struct core_store_done *)m)->rc);
		return 0;
	default:
		return ERR_PROTO;
	}
}

void
rpc_chat_history(struct rpc_call *call)
{
	struct core_store_history msg = {
		.req = core_ask_req(call->core), .max_bytes = HISTORY_BYTES_MAX};
	struct transcript *t;
	struct span spelling;
	struct buf key;
	uint64_t limit = HISTORY_DEFAULT;

	if (!rpc_session_key(call, "sessionKey", &spelling, &key))
		return;
	(void)args_get_u64(call->args, "limit", 1, HISTORY_LIMIT_MAX, &limit);
	msg.limit = (uint32_t)limit;
	msg.session_key = buf_span(&key);
	t = mem_alloc(1, sizeof(*t));
	t->caller = call->caller;
	buf_init(&t->spelling, SESSION_KEY_MAX);
	(void)buf_put(&t->spelling, spelling);
	begin(t);
	if (core_ask(call->core, CORE_STORE_HISTORY, &msg, msg.req, on_history, t, false) == NULL)
		finish(t, ERR_RANGE);
	buf_clear(&key);
}
