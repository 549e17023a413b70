#include "core/rpc/rpc.h"

#include <stdlib.h>

#include "label/label.h"

#define SESSIONS_DEFAULT 100
#define MINUTE_MS 60000u
#define TITLE_MAX 60

/* ---- one row ---- */

/* What may be set for a session and is shown in its row (the rest only in its entry). */
static bool
is_shown(struct span key)
{
	static const char *const names[] = {"thinkingLevel", "verboseLevel", "reasoningLevel",
		"elevatedLevel", "sendPolicy", "responseUsage"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (span_eq(key, span_from_cstr(names[i])))
			return true;
	}
	return false;
}

static void
put_options(struct args_out *out, struct span options)
{
	struct args_leaf leaf;
	char name[32];

	while (args_next(&options, &leaf) > 0) {
		if (leaf.depth != 1 || !is_shown(leaf.path[0].key))
			continue;
		(void)snprintf(name, sizeof(name), "%.*s", (int)leaf.path[0].key.len,
			(const char *)leaf.path[0].key.ptr);
		args_out_str(out, name, leaf.value);
	}
}

static void
put_counts(struct args_out *out, const struct core_store_session *row)
{
	args_out_u64(out, "updatedAt", row->updated);
	args_out_str(out, "sessionId", row->session_id);
	args_out_u64(out, "inputTokens", row->tokens_in);
	args_out_u64(out, "outputTokens", row->tokens_out);
	args_out_u64(out, "totalTokens", row->tokens_in + row->tokens_out);
	if (row->model.len > 0)
		args_out_str(out, "model", row->model);
	if (row->name.len > 0)
		args_out_str(out, "label", row->name);
}

void
rpc_session_entry_put(struct args_out *out, const struct core_store_session *row)
{
	args_out_object(out, "entry");
	put_counts(out, row);
	if (row->parent.len > 0)
		args_out_str(out, "spawnedBy", row->parent);
	core_args_graft(out, row->options);
	args_out_end(out);
}

/* ---- sessions.list ---- */

/* A list that is being collected from store. */
struct listing {
	struct core_caller *caller;
	struct core *core;
	bool titles;
	bool last;
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

/* Where what was said in it came from, and who may read it; a label that is none counts as the worst. */
static void
put_provenance(struct args_out *out, struct span packed)
{
	static const char *const integrities[] = {"untrusted", "member", "owner", "owner-typed"};
	static const char *const readers[] = {"secret", "owner", "chat", "public"};
	struct label l;

	(void)label_unpack(packed, &l);
	args_out_object(out, "provenance");
	args_out_cstr(out, "integrity", integrities[l.integrity]);
	args_out_cstr(out, "readers", readers[l.readers_kind]);
	args_out_bool(out, "tainted", label_is_tainted(l));
	args_out_end(out);
}

static void
put_row(struct listing *l, const struct core_store_session *row)
{
	struct args_out *out = &l->out;

	args_out_object(out, NULL);
	args_out_str(out, "key", row->key);
	args_out_cstr(out, "kind", "direct");
	if (row->title.len > 0)
		args_out_str(out, "displayName", row->title);
	if (l->titles && row->title.len > 0)
		args_out_str(out, "derivedTitle", rpc_clip(row->title, TITLE_MAX));
	if (l->last && row->preview.len > 0)
		args_out_str(out, "lastMessagePreview", row->preview);
	put_counts(out, row);
	args_out_u64(out, "createdAt", row->created);
	args_out_u64(out, "items", row->items);
	if (row->parent.len > 0)
		args_out_str(out, "spawnedBy", row->parent);
	put_provenance(out, row->label);
	put_options(out, row->options);
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
	struct listing *l;
	struct buf parent = {.max = SESSION_KEY_MAX};
	struct span spelling;
	uint64_t n;

	if (!rpc_agent_is_ours(call))
		return;
	if (args_has(call->args, "spawnedBy") &&
		!rpc_session_key(call, "spawnedBy", &spelling, &parent))
		return;
	l = mem_alloc(1, sizeof(*l));
	l->core = call->core;
	l->caller = call->caller;
	(void)args_get_bool(call->args, "includeDerivedTitles", &l->titles);
	(void)args_get_bool(call->args, "includeLastMessage", &l->last);
	begin(l);
	if (args_get_u64(call->args, "limit", 1, HISTORY_LIMIT_MAX, &n) == 0)
		msg.limit = (uint32_t)n;
	if (args_get_u64(call->args, "activeMinutes", 1, UINT32_MAX, &n) == 0)
		msg.since = ev_wall_ms() - n * MINUTE_MS;
	(void)args_get_str(call->args, "search", &msg.search);
	(void)args_get_str(call->args, "label", &msg.name);
	msg.parent = buf_span(&parent);
	msg.preview = l->last;
	if (core_ask(call->core, CORE_STORE_SESSIONS, &msg, msg.req, on_sessions, l, false) == NULL)
		finish(l, ERR_RANGE);
	buf_clear(&parent);
}

/* ---- sessions.resolve ---- */

struct resolving {
	struct core_caller *caller;
	struct buf what;
	struct buf parent; /* empty: any */
	struct buf key;    /* found */
};

static void
finish_resolving(struct resolving *r, int64_t rc)
{
	struct buf text = {.max = 768};
	struct args_out out;
	struct buf b;

	if (rc < 0) {
		core_reply_error(r->caller, RPC_UNAVAILABLE, err_text((int)rc));
	} else if (r->key.len == 0) {
		(void)buf_put_cstr(&text, "No session found: ");
		log_put_safe(&text, buf_span(&r->what));
		core_reply_error_with(r->caller, RPC_INVALID_REQUEST, buf_span(&text), SPAN_EMPTY);
	} else {
		core_args_init(&out, &b);
		args_out_bool(&out, "ok", true);
		args_out_str(&out, "key", buf_span(&r->key));
		(void)args_out_done(&out);
		core_reply_ok(r->caller, buf_span(&b));
		buf_clear(&b);
	}
	buf_clear(&text);
	buf_clear(&r->what);
	buf_clear(&r->parent);
	buf_clear(&r->key);
	free(r);
}

static int
on_resolved(struct core *core, struct core_ask *ask, uint16_t id, const void *m)
{
	const struct core_store_session *row = m;
	struct resolving *r = ask->arg;

	(void)core;
	switch (id) {
	case CORE_STORE_SESSION:
		if (r->parent.len == 0 || span_eq(buf_span(&r->parent), row->parent))
			(void)buf_put(&r->key, row->key);
		return 0;
	case CORE_ASK_AGAIN:
		buf_reset(&r->key);
		return 0;
	case CORE_STORE_DONE:
		finish_resolving(r, ((const struct core_store_done *)m)->rc);
		return 0;
	default:
		return ERR_PROTO;
	}
}

static struct resolving *
new_resolving(struct rpc_call *call, struct span what, struct buf *parent)
{
	struct resolving *r = mem_alloc(1, sizeof(*r));

	r->caller = call->caller;
	buf_init(&r->what, SESSION_KEY_MAX);
	buf_init(&r->key, SESSION_KEY_MAX);
	(void)buf_put(&r->what, what);
	r->parent = *parent;
	*parent = (struct buf){0};
	return r;
}

void
rpc_sessions_resolve(struct rpc_call *call)
{
	static const char *const names[] = {"key", "sessionId", "label"};
	struct core_store_session_get msg = {.req = core_ask_req(call->core)};
	struct resolving *r;
	struct buf key = {0};
	struct buf parent = {0};
	struct span spelling;
	unsigned given = 0;

	for (uint8_t i = 0; i < 3; i++) {
		if (args_get_str(call->args, names[i], &msg.value) == 0) {
			msg.by = (uint8_t)(SESSION_BY_KEY + i);
			given++;
		}
	}
	if (given != 1) {
		rpc_invalid(call, "exactly one of key, sessionId and label is required");
		return;
	}
	if (!rpc_agent_is_ours(call) ||
		(msg.by == SESSION_BY_KEY && !rpc_session_key(call, "key", &spelling, &key)))
		return;
	if (!args_has(call->args, "spawnedBy") ||
		rpc_session_key(call, "spawnedBy", &spelling, &parent)) {
		r = new_resolving(call, msg.value, &parent);
		if (msg.by == SESSION_BY_KEY)
			msg.value = buf_span(&key);
		if (core_ask(call->core, CORE_STORE_SESSION_GET, &msg, msg.req, on_resolved, r,
			    false) == NULL)
			finish_resolving(r, ERR_RANGE);
	}
	buf_clear(&key);
	buf_clear(&parent);
}
