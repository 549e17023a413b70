#include "core/rpc/rpc.h"

#include <stdlib.h>

/* ---- chat.send ---- */

/* True: answered already, as the first time. */
static bool
is_repeated(struct rpc_call *call, struct span idem)
{
	struct span before = core_once_find(call->core, call->principal, idem);

	if (before.len == 0)
		return false;
	core_reply_ok(call->caller, before);
	return true;
}

static bool
is_stop_word(struct span message)
{
	static const char *const words[] = {
		"/stop", "stop", "esc", "abort", "wait", "exit", "interrupt"};
	struct span m = span_trim(message);

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (span_eq_nocase(m, span_from_cstr(words[i])))
			return true;
	}
	return false;
}

/* once: the idempotency key of a request that asked for it as a message. */
static void
abort_and_answer(
	struct rpc_call *call, struct span key, struct span idem, struct span once, const char *why)
{
	struct core_session *session = core_session_get(call->core, key, false);
	struct args_out out;
	struct buf b;
	unsigned n = 0;

	core_args_init(&out, &b);
	args_out_bool(&out, "ok", true);
	args_out_array(&out, "runIds");
	if (session != NULL)
		n = core_run_abort_session(call->core, session, idem, why, &out);
	args_out_end(&out);
	args_out_bool(&out, "aborted", n > 0);
	if (once.len > 0 && args_out_done(&out) == 0)
		core_once_keep(call->core, call->principal, once, buf_span(&b));
	rpc_result(call, &out, &b);
}

/* The main session's next message brings what has happened since. */
static void
add_system_events(struct core *core, struct core_run_request *rq, struct buf *extra)
{
	if (!span_eq(rq->key, SPAN("agent:main:main")) || core->nsysevents == 0)
		return;
	(void)buf_put(extra, rq->extra);
	if (extra->len > 0)
		(void)buf_put_u8(extra, '\n');
	core_sysevents_take(core, extra);
	rq->extra = buf_span(extra);
}

/* False: answered already. */
static bool
may_take_turn(struct rpc_call *call)
{
	if (call->core->child->panic) {
		core_reply_error(call->caller, RPC_UNAVAILABLE, reason_text(REASON_PANIC));
		return false;
	}
	if (call->core->draining) {
		core_reply_error(call->caller, RPC_UNAVAILABLE, "the gateway is stopping");
		return false;
	}
	return rpc_attachments_check(call);
}

static void
accept_turn(struct rpc_call *call, struct core_run_request *rq)
{
	struct buf extra = {.max = CHAT_MESSAGE_MAX + SYSEVENTS_MAX * KIB(8)};
	struct span rest;
	int rc;

	rq->fresh = core_is_reset(call->core, rq->text, &rest);
	if (rq->fresh && rest.len == 0) {
		rpc_session_renew(call, rq);
		return;
	}
	if (rq->fresh)
		rq->text = rest;
	add_system_events(call->core, rq, &extra);
	rc = core_run_accept(call->core, rq, call->caller);
	buf_clear(&extra);
	if (rc < 0)
		core_reply_error(call->caller, RPC_UNAVAILABLE,
			"too many messages are waiting; try again later");
}

void
rpc_chat_send(struct rpc_call *call)
{
	struct core_run_request rq = {
		.principal = call->principal, .turn = call->turn, .method = METHOD_CHAT_SEND};
	struct buf key;

	(void)args_get_str(call->args, "message", &rq.text);
	(void)args_get_str(call->args, "idempotencyKey", &rq.idem);
	if (is_repeated(call, rq.idem))
		return;
	(void)args_get_u64(call->args, "timeoutMs", 0, UINT64_MAX, &rq.timeout_ms);
	if (!rpc_session_key(call, "sessionKey", &rq.spelling, &key))
		return;
	rq.key = buf_span(&key);
	if (is_stop_word(rq.text))
		abort_and_answer(call, rq.key, SPAN_EMPTY, rq.idem, "stop");
	else if (span_trim(rq.text).len == 0 && !rpc_attachments_given(call->args))
		core_reply_error(
			call->caller, RPC_INVALID_REQUEST, "message or attachment required");
	else if (may_take_turn(call))
		accept_turn(call, &rq);
	buf_clear(&key);
}

/* ---- chat.abort ---- */

/* A run with this key, and none of them in the session that was named. */
static bool
is_elsewhere(struct core *core, struct span idem, struct span key)
{
	struct core_session *session = core_session_get(core, key, false);

	return idem.len > 0 && core_run_by_idem(core, idem, NULL) != NULL &&
	       (session == NULL || core_run_by_idem(core, idem, session) == NULL);
}

void
rpc_chat_abort(struct rpc_call *call)
{
	struct span idem = SPAN_EMPTY;
	struct span spelling;
	struct buf key;

	(void)args_get_str(call->args, "runId", &idem);
	if (!rpc_session_key(call, "sessionKey", &spelling, &key))
		return;
	if (is_elsewhere(call->core, idem, buf_span(&key)))
		core_reply_error(
			call->caller, RPC_INVALID_REQUEST, "runId does not match sessionKey");
	else
		abort_and_answer(call, buf_span(&key), idem, SPAN_EMPTY, "rpc");
	buf_clear(&key);
}

/* ---- agent, agent.wait ---- */

void
rpc_agent(struct rpc_call *call)
{
	struct core_run_request rq = {
		.principal = call->principal, .turn = call->turn, .method = METHOD_AGENT};
	struct span channel;
	struct buf key;

	(void)args_get_str(call->args, "message", &rq.text);
	(void)args_get_str(call->args, "idempotencyKey", &rq.idem);
	if (is_repeated(call, rq.idem))
		return;
	(void)args_get_str(call->args, "extraSystemPrompt", &rq.extra);
	(void)args_get_u64(call->args, "timeout", 0, 86400, &rq.timeout_ms);
	rq.timeout_ms *= 1000;
	if (args_get_str(call->args, "channel", &channel) == 0 &&
		!span_eq_nocase(channel, SPAN("webchat")) &&
		!span_eq_nocase(channel, SPAN("last"))) {
		core_reply_error(call->caller, RPC_INVALID_REQUEST, "unknown channel");
		return;
	}
	if (!rpc_agent_is_ours(call) || !rpc_session_key(call, "sessionKey", &rq.spelling, &key))
		return;
	rq.key = buf_span(&key);
	if (span_trim(rq.text).len == 0)
		core_reply_error(call->caller, RPC_INVALID_REQUEST, "message required");
	else if (may_take_turn(call))
		accept_turn(call, &rq);
	buf_clear(&key);
}

/* A run that has left memory: store knows how it ended. */
struct finding {
	struct core_caller *caller;
	struct buf idem;
	bool found;
	unsigned state;
};

static void
finish_finding(struct finding *f)
{
	if (f->found && f->state >= RUN_DONE)
		core_wait_result(f->caller, buf_span(&f->idem), f->state, 0, SPAN_EMPTY);
	else
		core_wait_timeout(f->caller, buf_span(&f->idem));
	buf_clear(&f->idem);
	free(f);
}

static int
on_found(struct core *core, struct core_ask *ask, uint16_t id, const void *m)
{
	struct finding *f = ask->arg;

	(void)core;
	switch (id) {
	case CORE_STORE_RUN:
		f->found = true;
		f->state = ((const struct core_store_run *)m)->state;
		return 0;
	case CORE_ASK_AGAIN:
		f->found = false;
		return 0;
	case CORE_STORE_DONE:
		finish_finding(f);
		return 0;
	default:
		return ERR_PROTO;
	}
}

void
rpc_agent_wait(struct rpc_call *call)
{
	struct core_store_find_run msg = {
		.req = core_ask_req(call->core), .principal = call->principal};
	uint64_t timeout_ms = 30000;
	struct finding *f;
	struct core_run *run;

	(void)args_get_str(call->args, "runId", &msg.idem);
	(void)args_get_u64(call->args, "timeoutMs", 0, 86400000, &timeout_ms);
	run = core_run_by_idem(call->core, msg.idem, NULL);
	if (run != NULL) {
		core_run_wait(run, call->caller, timeout_ms);
		return;
	}
	f = mem_alloc(1, sizeof(*f));
	f->caller = call->caller;
	buf_init(&f->idem, IDEM_KEY_MAX);
	(void)buf_put(&f->idem, msg.idem);
	if (core_ask(call->core, CORE_STORE_FIND_RUN, &msg, msg.req, on_found, f, false) == NULL)
		finish_finding(f);
}
