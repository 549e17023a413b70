#include "core/rpc/rpc.h"

#include <stdlib.h>

#define HISTORY_DEFAULT 200

/* A transcript that is being collected from store. */
struct transcript {
	struct core *core;
	struct core_caller *caller;
	uint64_t session; /* 0: there is none */
	uint64_t limit;
	bool paged;      /* "before" was given: the answer says where the next page begins */
	uint64_t before; /* only items older than this one; 0: the newest */
	uint64_t oldest; /* of this page */
	struct buf session_id;
	struct buf options; /* what was set for it */
	struct buf spelling;
	struct buf list;
	struct args_out out;
};

static void
begin(struct transcript *t)
{
	struct span level;

	buf_clear(&t->list);
	t->oldest = 0;
	core_args_init(&t->out, &t->list);
	args_out_str(&t->out, "sessionKey", buf_span(&t->spelling));
	if (t->session_id.len > 0)
		args_out_str(&t->out, "sessionId", buf_span(&t->session_id));
	if (args_get_str(buf_span(&t->options), "thinkingLevel", &level) == 0)
		args_out_str(&t->out, "thinkingLevel", level);
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

/* Why it ended there: the run's final answer, one that was to go on with a tool, or one that no answer came for. */
static void
put_stop(struct args_out *out, const struct core_store_item *item, struct span text)
{
	if (item->role != ROLE_ASSISTANT || item->kind == ITEM_TOOL_RESULT)
		return;
	if (item->kind == ITEM_TOOL_CALL) {
		args_out_cstr(out, "stopReason", "toolUse");
	} else if (item->state == RUN_ABORTED) {
		args_out_cstr(out, "stopReason", "aborted");
	} else if (item->error) {
		args_out_cstr(out, "stopReason", "error");
		args_out_str(out, "errorMessage", text);
	} else if (item->state == RUN_DONE) {
		args_out_cstr(out, "stopReason", "stop");
	}
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
	put_stop(out, item, text);
	args_out_end(out);
}

static int
put_item(struct transcript *t, const struct core_store_item *item)
{
	bool is_call = item->kind == ITEM_TOOL_CALL;
	struct core_text body;
	int rc;

	if (t->oldest == 0)
		t->oldest = item->id;
	if (item->role == ROLE_SYSTEM)
		return 0;
	rc = core_text_open(&body, is_call ? item->args : item->text, item->body, IPC_BODY_MAX);
	if (rc < 0)
		return rc;
	put_message(t, item, is_call ? SPAN_EMPTY : body.span, is_call ? body.span : SPAN_EMPTY);
	core_text_close(&body);
	return 0;
}

/* An item's id as text: it is larger than the whole numbers that JSON's readers keep apart. */
static void
put_next(struct transcript *t)
{
	char id[24];

	if (!t->paged || t->oldest == 0)
		return;
	(void)snprintf(id, sizeof(id), "%llu", (unsigned long long)t->oldest);
	args_out_cstr(&t->out, "before", id);
}

static void
finish(struct transcript *t, int64_t rc)
{
	args_out_end(&t->out);
	put_next(t);
	if (rc < 0 && rc != ERR_NOTFOUND)
		core_reply_error(t->caller, RPC_UNAVAILABLE, err_text((int)rc));
	else if (args_out_done(&t->out) < 0)
		core_reply_error(t->caller, RPC_UNAVAILABLE, "the history is over its limit");
	else
		core_reply_ok(t->caller, buf_span(&t->list));
	buf_clear(&t->list);
	buf_clear(&t->spelling);
	buf_clear(&t->session_id);
	buf_clear(&t->options);
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

static void
ask_items(struct transcript *t)
{
	struct core_store_history msg = {.req = core_ask_req(t->core),
		.session = t->session,
		.limit = (uint32_t)t->limit,
		.max_bytes = HISTORY_BYTES_MAX,
		.before = t->before};

	begin(t);
	if (core_ask(t->core, CORE_STORE_HISTORY, &msg, msg.req, on_history, t, false) == NULL)
		finish(t, ERR_RANGE);
}

static int
on_row(struct core *core, struct core_ask *ask, uint16_t id, const void *m)
{
	const struct core_store_session *row = m;
	struct transcript *t = ask->arg;

	(void)core;
	switch (id) {
	case CORE_STORE_SESSION:
		t->session = row->id;
		buf_reset(&t->session_id);
		buf_reset(&t->options);
		(void)buf_put(&t->session_id, row->session_id);
		(void)buf_put(&t->options, row->options);
		return 0;
	case CORE_ASK_AGAIN:
		return 0;
	case CORE_STORE_DONE:
		if (t->session != 0) {
			ask_items(t);
		} else {
			begin(t);
			finish(t, ((const struct core_store_done *)m)->rc);
		}
		return 0;
	default:
		return ERR_PROTO;
	}
}

void
rpc_chat_history(struct rpc_call *call)
{
	struct core_store_session_get msg = {.req = core_ask_req(call->core), .by = SESSION_BY_KEY};
	struct transcript *t;
	struct span before = SPAN_EMPTY;
	struct span spelling;
	uint64_t oldest = 0;
	struct buf key;

	if (args_get_str(call->args, "before", &before) == 0 && before.len > 0 &&
		span_to_u64(before, 1, INT64_MAX, &oldest) < 0) {
		rpc_invalid(call, "at /before: expected what an answer said there, or \"\"");
		return;
	}
	if (!rpc_session_key(call, "sessionKey", &spelling, &key))
		return;
	t = mem_alloc(1, sizeof(*t));
	t->core = call->core;
	t->caller = call->caller;
	t->limit = HISTORY_DEFAULT;
	t->paged = args_has(call->args, "before");
	t->before = oldest;
	(void)args_get_u64(call->args, "limit", 1, HISTORY_LIMIT_MAX, &t->limit);
	buf_init(&t->session_id, 64);
	buf_init(&t->options, 2048);
	buf_init(&t->spelling, SESSION_KEY_MAX);
	(void)buf_put(&t->spelling, spelling);
	msg.value = buf_span(&key);
	if (core_ask(call->core, CORE_STORE_SESSION_GET, &msg, msg.req, on_row, t, false) == NULL) {
		begin(t);
		finish(t, ERR_RANGE);
	}
	buf_clear(&key);
}
