#include "core/rpc/rpc.h"

#include <stdlib.h>

/* ---- agent ---- */

/* A turn whose session was named by its number: it waits until store has said which key that is. */
struct named {
	struct rpc_call call; /* without arguments: they are gone by then; its turn is ours */
	struct core_run_request rq;
	struct buf text, idem, extra, key, thinking;
};

static void
take_named(struct named *n, int64_t rc)
{
	n->rq.text = buf_span(&n->text);
	n->rq.idem = buf_span(&n->idem);
	n->rq.extra = buf_span(&n->extra);
	n->rq.thinking = buf_span(&n->thinking);
	n->rq.key = n->rq.spelling = buf_span(&n->key);
	if (rc < 0)
		core_reply_error(n->call.caller, RPC_UNAVAILABLE, err_text((int)rc));
	else if (!rpc_turn_is_repeated(&n->call, n->rq.idem))
		rpc_turn_take(&n->call, &n->rq);
	core_turn_drop(n->call.core, n->call.turn);
	buf_clear(&n->text);
	buf_clear(&n->idem);
	buf_clear(&n->extra);
	buf_clear(&n->key);
	buf_clear(&n->thinking);
	free(n);
}

static int
on_named(struct core *core, struct core_ask *ask, uint16_t id, const void *m)
{
	struct named *n = ask->arg;

	(void)core;
	switch (id) {
	case CORE_STORE_SESSION:
		buf_reset(&n->key);
		(void)buf_put(&n->key, ((const struct core_store_session *)m)->key);
		return 0;
	case CORE_ASK_AGAIN:
		return 0;
	case CORE_STORE_DONE:
		take_named(n, ((const struct core_store_done *)m)->rc);
		return 0;
	default:
		return ERR_PROTO;
	}
}

static void
keep(struct buf *b, size_t max, struct span s)
{
	buf_init(b, max);
	(void)buf_put(b, s);
}

/* The session with that number; where there is none, the one whose key ends in it, so that the same number finds it again. */
static void
find_named(struct rpc_call *call, const struct core_run_request *rq)
{
	struct core_store_session_get msg = {.req = core_ask_req(call->core), .by = SESSION_BY_ID};
	struct span spelling;
	struct buf key;
	struct named *n;

	(void)args_get_str(call->args, "sessionId", &msg.value);
	if (!rpc_session_key(call, "sessionId", &spelling, &key))
		return;
	n = mem_alloc(1, sizeof(*n));
	n->call = *call;
	n->call.args = SPAN_EMPTY;
	call->turn = 0;
	n->rq = *rq;
	n->key = key;
	keep(&n->text, CHAT_MESSAGE_MAX, rq->text);
	keep(&n->idem, IDEM_KEY_MAX, rq->idem);
	keep(&n->extra, CHAT_MESSAGE_MAX, rq->extra);
	keep(&n->thinking, 32, rq->thinking);
	if (core_ask(call->core, CORE_STORE_SESSION_GET, &msg, msg.req, on_named, n, false) == NULL)
		take_named(n, ERR_RANGE);
}

/*
 * Answers go to whoever asks. A channel's name is taken and changes nothing, until the answer is to be delivered there.
 * False: answered already.
 */
static bool
may_deliver(struct rpc_call *call)
{
	static const char *const known[] = {"webchat", "last", "whatsapp", "telegram", "discord",
		"slack", "signal", "imessage", "googlechat", "msteams", "bluebubbles", "matrix",
		"zalo", "zalouser", "line", "mattermost", "nostr", "tlon", "nextcloud-talk"};
	struct span channel = SPAN("webchat");
	bool deliver = false;
	bool is_known = false;

	(void)args_get_str(call->args, "channel", &channel);
	(void)args_get_bool(call->args, "deliver", &deliver);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		is_known = is_known || span_eq_nocase(channel, span_from_cstr(known[i]));
	if (!is_known)
		core_reply_error(call->caller, RPC_INVALID_REQUEST, "unknown channel");
	else if (deliver && !span_eq_nocase(channel, SPAN("webchat")) &&
		 !span_eq_nocase(channel, SPAN("last")))
		core_reply_error(call->caller, RPC_UNAVAILABLE,
			"not available yet: channels (agent with deliver)");
	else
		return true;
	return false;
}

void
rpc_agent(struct rpc_call *call)
{
	struct core_run_request rq = {.principal = call->principal, .method = METHOD_AGENT};
	struct buf key = {0};

	(void)args_get_str(call->args, "message", &rq.text);
	(void)args_get_str(call->args, "idempotencyKey", &rq.idem);
	if (rpc_turn_is_repeated(call, rq.idem))
		return;
	(void)args_get_str(call->args, "extraSystemPrompt", &rq.extra);
	(void)args_get_str(call->args, "thinking", &rq.thinking);
	(void)args_get_u64(call->args, "timeout", 0, 86400, &rq.timeout_ms);
	rq.timeout_ms *= 1000;
	if (!may_deliver(call) || !rpc_agent_is_ours(call))
		return;
	if (span_trim(rq.text).len == 0) {
		core_reply_error(call->caller, RPC_INVALID_REQUEST, "message required");
	} else if (!rpc_attachments_check(call)) {
		return;
	} else if (args_has(call->args, "sessionId") && !args_has(call->args, "sessionKey")) {
		find_named(call, &rq);
	} else if (rpc_session_key(call, "sessionKey", &rq.spelling, &key)) {
		rq.key = buf_span(&key);
		rpc_turn_take(call, &rq);
	}
	buf_clear(&key);
}

/* ---- agent.wait ---- */

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
