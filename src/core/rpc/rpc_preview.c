#include "core/rpc/rpc.h"

#include <stdlib.h>

#define KEYS_MAX 64
#define LIMIT_DEFAULT 12
#define CHARS_DEFAULT 240
#define PREVIEW_BYTES KIB(512u)

/* Several sessions' ends, one after another: its row, then its items. */
struct preview {
	struct core *core;
	struct core_caller *caller;
	struct buf args; /* the call's, for its keys */
	unsigned at;     /* the key under way */
	uint64_t limit;
	uint64_t max_chars;
	uint64_t session; /* 0: there is none */
	uint64_t items;
	struct buf part; /* the items of this session so far */
	struct args_out part_out;
	struct buf rows;
	struct args_out out;
};

static void next(struct preview *p);

static void
end(struct preview *p)
{
	args_out_end(&p->out);
	if (args_out_done(&p->out) < 0)
		core_reply_error(p->caller, RPC_UNAVAILABLE, "the list is over its limit");
	else
		core_reply_ok(p->caller, buf_span(&p->rows));
	buf_clear(&p->args);
	buf_clear(&p->part);
	buf_clear(&p->rows);
	free(p);
}

/* The key at this place; false behind the last one. */
static bool
key_at(const struct preview *p, struct span *out)
{
	struct span list = buf_span(&p->args);
	struct args_leaf leaf;

	while (p->at < KEYS_MAX && args_next(&list, &leaf) > 0) {
		if (leaf.depth == 2 && span_eq(leaf.path[0].key, SPAN("keys")) &&
			leaf.path[1].index == p->at) {
			*out = leaf.value;
			return true;
		}
	}
	return false;
}

/* What is known of the present key; on to the next. */
static void
put_session(struct preview *p, const char *status)
{
	struct span key = SPAN_EMPTY;

	(void)key_at(p, &key);
	args_out_object(&p->out, NULL);
	args_out_str(&p->out, "key", key);
	args_out_cstr(&p->out, "status", status);
	if (p->items > 0 && args_out_done(&p->part_out) == 0) {
		core_args_graft(&p->out, buf_span(&p->part));
	} else {
		args_out_array(&p->out, "items");
		args_out_end(&p->out);
	}
	args_out_end(&p->out);
	p->at++;
	next(p);
}

static void
begin_part(struct preview *p)
{
	buf_clear(&p->part);
	core_args_init(&p->part_out, &p->part);
	args_out_array(&p->part_out, "items");
	p->items = 0;
}

static const char *
role_of(const struct core_store_item *item)
{
	if (item->kind != ITEM_TEXT)
		return "tool";
	switch (item->role) {
	case ROLE_USER:
		return "user";
	case ROLE_ASSISTANT:
		return "assistant";
	case ROLE_SYSTEM:
		return "system";
	default:
		return "other";
	}
}

static void
put_text(struct preview *p, const struct core_store_item *item, struct span body, struct buf *text)
{
	struct span all = span_trim(body);

	if (item->kind == ITEM_TOOL_CALL) {
		(void)buf_put_cstr(text, "call ");
		(void)buf_put(text, item->name);
		return;
	}
	(void)buf_put(text, rpc_clip(all, p->max_chars));
	if (all.len > p->max_chars)
		(void)buf_put_cstr(text, "\xe2\x80\xa6");
}

static int
put_item(struct preview *p, const struct core_store_item *item)
{
	struct buf text = {.max = KIB(16)};
	struct core_text body;
	int rc = core_text_open(&body, item->text, item->body, IPC_BODY_MAX);

	if (rc < 0)
		return rc;
	put_text(p, item, body.span, &text);
	if (text.len > 0) {
		args_out_object(&p->part_out, NULL);
		args_out_cstr(&p->part_out, "role", role_of(item));
		args_out_str(&p->part_out, "text", buf_span(&text));
		args_out_end(&p->part_out);
		p->items++;
	}
	core_text_close(&body);
	buf_clear(&text);
	return 0;
}

static int
on_items(struct core *core, struct core_ask *ask, uint16_t id, const void *m)
{
	struct preview *p = ask->arg;

	(void)core;
	switch (id) {
	case CORE_STORE_ITEM:
		return put_item(p, m);
	case CORE_ASK_AGAIN:
		begin_part(p);
		return 0;
	case CORE_STORE_DONE:
		args_out_end(&p->part_out);
		put_session(p, ((const struct core_store_done *)m)->rc < 0 ? "error"
			       : p->items > 0                              ? "ok"
									   : "empty");
		return 0;
	default:
		return ERR_PROTO;
	}
}

static void
ask_items(struct preview *p)
{
	struct core_store_history msg = {.req = core_ask_req(p->core),
		.session = p->session,
		.limit = (uint32_t)p->limit,
		.max_bytes = PREVIEW_BYTES};

	begin_part(p);
	if (core_ask(p->core, CORE_STORE_HISTORY, &msg, msg.req, on_items, p, false) == NULL)
		put_session(p, "error");
}

static int
on_row(struct core *core, struct core_ask *ask, uint16_t id, const void *m)
{
	struct preview *p = ask->arg;

	(void)core;
	switch (id) {
	case CORE_STORE_SESSION:
		p->session = ((const struct core_store_session *)m)->id;
		return 0;
	case CORE_ASK_AGAIN:
		return 0;
	case CORE_STORE_DONE:
		if (p->session != 0)
			ask_items(p);
		else
			put_session(p, "missing");
		return 0;
	default:
		return ERR_PROTO;
	}
}

/* At most KEYS_MAX deep when no key is one: each level answers its own. */
static void
next(struct preview *p)
{
	struct core_store_session_get msg = {.req = core_ask_req(p->core), .by = SESSION_BY_KEY};
	struct buf key = {.max = SESSION_KEY_MAX};
	struct core_ask *ask = NULL;
	struct span spelling;
	int rc;

	p->session = 0;
	p->items = 0;
	if (!key_at(p, &spelling)) {
		end(p);
		return;
	}
	rc = core_session_key(spelling, &key);
	msg.value = buf_span(&key);
	if (rc == 0)
		ask = core_ask(p->core, CORE_STORE_SESSION_GET, &msg, msg.req, on_row, p, false);
	buf_clear(&key);
	if (ask == NULL)
		put_session(p, rc < 0 ? "missing" : "error");
}

void
rpc_sessions_preview(struct rpc_call *call)
{
	struct preview *p = mem_alloc(1, sizeof(*p));

	p->core = call->core;
	p->caller = call->caller;
	p->limit = LIMIT_DEFAULT;
	p->max_chars = CHARS_DEFAULT;
	(void)args_get_u64(call->args, "limit", 1, 50, &p->limit);
	(void)args_get_u64(call->args, "maxChars", 20, 2000, &p->max_chars);
	buf_init(&p->args, WS_FRAME_MAX);
	(void)buf_put(&p->args, call->args);
	core_args_init(&p->out, &p->rows);
	args_out_u64(&p->out, "ts", ev_wall_ms());
	args_out_array(&p->out, "previews");
	next(p);
}
