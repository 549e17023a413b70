/* What changes a session: each is a statement to store, then its row is read and shown. */
#include "core/rpc/rpc.h"

#include <stdlib.h>

#define COMPACT_DEFAULT 400
#define MAIN_KEY SPAN("agent:main:main")

/* A change under way. */
struct change {
	struct core *core;
	struct core_caller *caller;
	unsigned method;
	bool archive; /* sessions.delete: name what was kept */
	bool found;
	int64_t rc; /* of the change */
	struct buf key;
	struct buf label;
	struct buf result;
	struct args_out out;
};

static struct change *
new_change(struct rpc_call *call, struct span key)
{
	struct change *c = mem_alloc(1, sizeof(*c));

	c->core = call->core;
	c->caller = call->caller;
	c->method = call->method;
	buf_init(&c->key, SESSION_KEY_MAX);
	buf_init(&c->label, 64);
	(void)buf_put(&c->key, key);
	core_args_init(&c->out, &c->result);
	args_out_bool(&c->out, "ok", true);
	args_out_str(&c->out, "key", buf_span(&c->key));
	return c;
}

static void
free_change(struct change *c)
{
	buf_clear(&c->key);
	buf_clear(&c->label);
	buf_clear(&c->result);
	free(c);
}

static void
answer(struct change *c)
{
	if (args_out_done(&c->out) < 0)
		core_reply_error(c->caller, RPC_UNAVAILABLE, "the result is over its limit");
	else
		core_reply_ok(c->caller, buf_span(&c->result));
	free_change(c);
}

static void
fail(struct change *c, int64_t rc)
{
	struct buf text = {.max = 256};

	if (rc == ERR_EXISTS) {
		(void)buf_put_cstr(&text, "label already in use: ");
		log_put_safe(&text, buf_span(&c->label));
	} else if (rc == ERR_STATE) {
		(void)buf_put_cstr(&text, "spawnedBy cannot be changed once set");
	} else {
		(void)buf_put_cstr(&text, err_text((int)rc));
	}
	core_reply_error_with(c->caller,
		rc == ERR_EXISTS || rc == ERR_STATE ? RPC_INVALID_REQUEST : RPC_UNAVAILABLE,
		buf_span(&text), SPAN_EMPTY);
	buf_clear(&text);
	free_change(c);
}

/* ---- its row, after the change ---- */

static int
on_row(struct core *core, struct core_ask *ask, uint16_t id, const void *m)
{
	struct change *c = ask->arg;

	(void)core;
	switch (id) {
	case CORE_STORE_SESSION:
		if (!c->found)
			rpc_session_entry_put(&c->out, m);
		c->found = true;
		return 0;
	case CORE_ASK_AGAIN:
		return 0;
	case CORE_STORE_DONE:
		answer(c);
		return 0;
	default:
		return ERR_PROTO;
	}
}

static void
show(struct change *c)
{
	struct core_store_session_get msg = {
		.req = core_ask_req(c->core), .by = SESSION_BY_KEY, .value = buf_span(&c->key)};

	if (core_ask(c->core, CORE_STORE_SESSION_GET, &msg, msg.req, on_row, c, false) == NULL)
		fail(c, ERR_RANGE);
}

static int
on_changed(struct core *core, struct core_ask *ask, uint16_t id, const void *m)
{
	struct change *c = ask->arg;
	int64_t rc;
	int got = core_ask_stored(id, m, &rc);

	(void)core;
	if (got != 1)
		return got;
	if (rc < 0)
		fail(c, rc);
	else
		show(c);
	return 0;
}

/* ---- sessions.patch ---- */

static const struct {
	const char *name;
	const char *words;
} domains[] = {
	{"thinkingLevel", "off minimal low medium high xhigh"},
	{"verboseLevel", "off on full"},
	{"reasoningLevel", "off on stream"},
	{"responseUsage", "off tokens full on"},
	{"elevatedLevel", "off on ask full"},
	{"execHost", "sandbox gateway node"},
	{"execSecurity", "deny allowlist full"},
	{"execAsk", "off on-miss always"},
	{"sendPolicy", "allow deny"},
	{"groupActivation", "mention always"},
};

static bool
is_word(const char *words, struct span v)
{
	struct span rest = span_from_cstr(words);

	while (rest.len > 0) {
		if (span_eq(span_cut(&rest, ' '), v))
			return true;
	}
	return false;
}

/* False: answered already. */
static bool
check_domains(struct rpc_call *call)
{
	struct buf text = {.max = 256};
	struct span v;

	for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]) && text.len == 0; i++) {
		if (args_get_str(call->args, domains[i].name, &v) == 0 &&
			!is_word(domains[i].words, v))
			(void)buf_put_fmt(&text, "invalid %s (use one of: %s)", domains[i].name,
				domains[i].words);
	}
	if (text.len == 0 && args_get_str(call->args, "model", &v) == 0 &&
		!core_model_is_known(call->core, v)) {
		(void)buf_put_cstr(&text, "model not allowed: ");
		log_put_safe(&text, v);
	}
	if (text.len > 0)
		core_reply_error_with(
			call->caller, RPC_INVALID_REQUEST, buf_span(&text), SPAN_EMPTY);
	v = buf_span(&text);
	buf_clear(&text);
	return v.len == 0;
}

static bool
is_subagent(struct span key)
{
	for (size_t i = 0; i < key.len; i++) {
		if (span_starts_with(span_sub(key, i, key.len), SPAN(":subagent:")))
			return true;
	}
	return false;
}

/* Everything but the key, as it was given. */
static void
put_patch(struct buf *list, struct span args, struct span parent)
{
	struct args_leaf leaf;

	buf_init(list, 4096);
	while (args_next(&args, &leaf) > 0) {
		if (leaf.depth != 1 || span_eq(leaf.path[0].key, SPAN("key")))
			continue;
		if (span_eq(leaf.path[0].key, SPAN("spawnedBy")))
			leaf.value = parent;
		(void)args_put_leaf(list, &leaf);
	}
}

static void
patch(struct rpc_call *call, struct span key, struct span parent)
{
	struct core_store_session_patch msg = {
		.req = core_ask_req(call->core), .session_key = key, .at = ev_wall_ms()};
	struct change *c = new_change(call, key);
	struct span label = SPAN_EMPTY;
	struct buf list;

	args_out_cstr(&c->out, "path", "store");
	(void)args_get_str(call->args, "label", &label);
	(void)buf_put(&c->label, label);
	put_patch(&list, call->args, parent);
	msg.patch = buf_span(&list);
	if (core_ask(call->core, CORE_STORE_SESSION_PATCH, &msg, msg.req, on_changed, c, false) ==
		NULL)
		fail(c, ERR_RANGE);
	buf_clear(&list);
}

void
rpc_sessions_patch(struct rpc_call *call)
{
	struct buf parent = {0};
	struct span spelling;
	struct buf key;

	if (!rpc_session_key(call, "key", &spelling, &key))
		return;
	if (args_get_str(call->args, "spawnedBy", &spelling) == 0) {
		if (!is_subagent(buf_span(&key)))
			core_reply_error(call->caller, RPC_INVALID_REQUEST,
				"spawnedBy is only supported for subagent sessions");
		else if (rpc_session_key(call, "spawnedBy", &spelling, &parent) &&
			 check_domains(call))
			patch(call, buf_span(&key), buf_span(&parent));
	} else if (check_domains(call)) {
		patch(call, buf_span(&key), SPAN_EMPTY);
	}
	buf_clear(&parent);
	buf_clear(&key);
}

/* ---- sessions.reset ---- */

/* What runs in it belongs to what ends: its final answers go to store before the end does. */
static void
abort_runs(struct core *core, struct span key, const char *why)
{
	struct core_session *session = core_session_get(core, key, false);
	struct args_out out;
	struct buf b;

	core_args_init(&out, &b);
	args_out_array(&out, "runIds");
	if (session != NULL)
		(void)core_run_abort_session(core, session, SPAN_EMPTY, why, &out);
	args_out_end(&out);
	buf_clear(&b);
}

static void
end(struct change *c, enum session_end how, core_ask_fn *fn)
{
	struct core_store_session_end msg = {.req = core_ask_req(c->core),
		.session_key = buf_span(&c->key),
		.at = ev_wall_ms(),
		.how = (uint8_t)how};

	abort_runs(c->core, buf_span(&c->key), "stop");
	if (core_ask(c->core, CORE_STORE_SESSION_END, &msg, msg.req, fn, c, false) == NULL)
		fail(c, ERR_RANGE);
}

void
rpc_sessions_reset(struct rpc_call *call)
{
	struct span spelling;
	struct buf key;

	if (!rpc_session_key(call, "key", &spelling, &key))
		return;
	end(new_change(call, buf_span(&key)), SESSION_RESET, on_changed);
	buf_clear(&key);
}

/* ---- sessions.delete ---- */

static int
on_deleted(struct core *core, struct core_ask *ask, uint16_t id, const void *m)
{
	struct change *c = ask->arg;
	int64_t rc;
	int got = core_ask_stored(id, m, &rc);

	if (got != 1)
		return got;
	core_health_touch(core);
	if (rc < 0 && rc != ERR_NOTFOUND) {
		fail(c, rc);
		return 0;
	}
	args_out_bool(&c->out, "deleted", rc == 0);
	args_out_array(&c->out, "archived");
	if (rc == 0 && c->archive)
		args_out_str(&c->out, NULL, buf_span(&c->label));
	args_out_end(&c->out);
	answer(c);
	return 0;
}

/* Its number, under which what was said is kept. */
static int
on_deleting(struct core *core, struct core_ask *ask, uint16_t id, const void *m)
{
	const struct core_store_session *row = m;
	struct change *c = ask->arg;

	(void)core;
	switch (id) {
	case CORE_STORE_SESSION:
		buf_reset(&c->label);
		(void)buf_put(&c->label, row->session_id);
		return 0;
	case CORE_ASK_AGAIN:
		return 0;
	case CORE_STORE_DONE:
		end(c, SESSION_DELETE, on_deleted);
		return 0;
	default:
		return ERR_PROTO;
	}
}

void
rpc_sessions_delete(struct rpc_call *call)
{
	struct core_store_session_get msg = {.req = core_ask_req(call->core), .by = SESSION_BY_KEY};
	struct change *c;
	struct span spelling;
	struct buf key;

	if (!rpc_session_key(call, "key", &spelling, &key))
		return;
	if (span_eq(buf_span(&key), MAIN_KEY)) {
		core_reply_error(call->caller, RPC_INVALID_REQUEST,
			"Cannot delete the main session (agent:main:main).");
		buf_clear(&key);
		return;
	}
	c = new_change(call, buf_span(&key));
	c->archive = true;
	(void)args_get_bool(call->args, "deleteTranscript", &c->archive);
	msg.value = buf_span(&key);
	if (core_ask(call->core, CORE_STORE_SESSION_GET, &msg, msg.req, on_deleting, c, false) ==
		NULL)
		fail(c, ERR_RANGE);
	buf_clear(&key);
}

/* ---- sessions.compact ---- */

static int
on_cut(struct core *core, struct core_ask *ask, uint16_t id, const void *m)
{
	struct change *c = ask->arg;
	int64_t rc;
	int got = core_ask_stored(id, m, &rc);

	(void)core;
	if (got != 1)
		return got;
	if (rc < 0 && rc != ERR_NOTFOUND) {
		fail(c, rc);
		return 0;
	}
	args_out_bool(&c->out, "compacted", rc > 0);
	if (rc > 0)
		args_out_u64(&c->out, "kept", (uint64_t)rc);
	if (rc == ERR_NOTFOUND)
		args_out_cstr(&c->out, "reason", "no sessionId");
	answer(c);
	return 0;
}

void
rpc_sessions_compact(struct rpc_call *call)
{
	struct core_store_session_cut msg = {.req = core_ask_req(call->core)};
	uint64_t keep = COMPACT_DEFAULT;
	struct change *c;
	struct span spelling;
	struct buf key;

	if (!rpc_session_key(call, "key", &spelling, &key))
		return;
	(void)args_get_u64(call->args, "maxLines", 1, 1000000, &keep);
	c = new_change(call, buf_span(&key));
	msg.session_key = buf_span(&key);
	msg.keep = (uint32_t)keep;
	if (core_ask(call->core, CORE_STORE_SESSION_CUT, &msg, msg.req, on_cut, c, false) == NULL)
		fail(c, ERR_RANGE);
	buf_clear(&key);
}
