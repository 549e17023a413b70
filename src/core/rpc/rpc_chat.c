#include "core/rpc/rpc.h"

#include <stdlib.h>

/* ---- chat.send ---- */

bool
rpc_turn_is_repeated(struct rpc_call *call, struct span idem)
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

bool
rpc_is_running(struct rpc_call *call)
{
	if (call->core->child->panic) {
		core_reply_error(call->caller, RPC_UNAVAILABLE, reason_text(REASON_PANIC));
		return false;
	}
	if (call->core->draining) {
		core_reply_error(call->caller, RPC_UNAVAILABLE, "the gateway is stopping");
		return false;
	}
	return true;
}

void
rpc_run_accept(struct rpc_call *call, struct core_run_request *rq)
{
	rq->turn = call->turn;
	if (core_run_accept(call->core, rq, call->caller) < 0)
		core_reply_error(call->caller, RPC_UNAVAILABLE,
			"too many messages are waiting; try again later");
	else
		call->turn = 0;
}

void
rpc_turn_take(struct rpc_call *call, struct core_run_request *rq)
{
	struct buf extra = {.max = CHAT_MESSAGE_MAX + SYSEVENTS_MAX * KIB(8)};
	struct span rest;

	if (!rpc_is_running(call))
		return;
	rq->fresh = core_is_reset(call->core, rq->text, &rest);
	if (rq->fresh && rest.len == 0) {
		rpc_session_renew(call, rq);
		return;
	}
	if (rq->fresh)
		rq->text = rest;
	add_system_events(call->core, rq, &extra);
	rpc_run_accept(call, rq);
	buf_clear(&extra);
}

void
rpc_chat_send(struct rpc_call *call)
{
	struct core_run_request rq = {.principal = call->principal, .method = METHOD_CHAT_SEND};
	struct buf key;

	(void)args_get_str(call->args, "message", &rq.text);
	(void)args_get_str(call->args, "idempotencyKey", &rq.idem);
	if (rpc_turn_is_repeated(call, rq.idem))
		return;
	(void)args_get_u64(call->args, "timeoutMs", 0, UINT64_MAX, &rq.timeout_ms);
	(void)args_get_str(call->args, "thinking", &rq.thinking);
	if (!rpc_session_key(call, "sessionKey", &rq.spelling, &key))
		return;
	rq.key = buf_span(&key);
	if (is_stop_word(rq.text))
		abort_and_answer(call, rq.key, SPAN_EMPTY, rq.idem, "stop");
	else if (span_trim(rq.text).len == 0 && !rpc_attachments_given(call->args))
		core_reply_error(
			call->caller, RPC_INVALID_REQUEST, "message or attachment required");
	else if (rpc_attachments_check(call))
		rpc_turn_take(call, &rq);
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
