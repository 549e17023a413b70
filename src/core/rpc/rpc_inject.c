/* Messages of the assistant that no run writes. */
#include "core/rpc/rpc.h"

#include <stdlib.h>
#include <unistd.h>

#include "crypto/crypto_encode.h"
#include "label/label.h"

#define INJECT_INLINE 8192u

struct note {
	struct core *core;
	struct core_caller *caller;
	unsigned method;
	uint64_t principal;
	bool renewed; /* by a word that begins a new session */
	struct buf key;
	struct buf spelling;
	struct buf idem;
	struct buf text;
	char id[CRYPTO_UUID_LEN + 1];
};

static struct note *
new_note(struct rpc_call *call, struct span key, struct span spelling, struct span text)
{
	struct note *n = mem_alloc(1, sizeof(*n));

	n->core = call->core;
	n->caller = call->caller;
	n->method = call->method;
	n->principal = call->principal;
	buf_init(&n->key, SESSION_KEY_MAX);
	buf_init(&n->spelling, SESSION_KEY_MAX);
	buf_init(&n->idem, IDEM_KEY_MAX);
	buf_init(&n->text, CHAT_MESSAGE_MAX + 128);
	(void)buf_put(&n->key, key);
	(void)buf_put(&n->spelling, spelling);
	(void)buf_put(&n->text, text);
	crypto_uuid(n->id);
	return n;
}

static void
free_note(struct note *n)
{
	buf_clear(&n->key);
	buf_clear(&n->spelling);
	buf_clear(&n->idem);
	buf_clear(&n->text);
	free(n);
}

static void
fail(struct note *n, int rc)
{
	core_reply_error(n->caller, rc == ERR_NOTFOUND ? RPC_INVALID_REQUEST : RPC_UNAVAILABLE,
		rc == ERR_NOTFOUND ? "session not found" : "the message could not be stored");
	free_note(n);
}

/* ---- the answer ---- */

static void
put_injected(const struct note *n, struct args_out *out)
{
	args_out_bool(out, "ok", true);
	args_out_str(out, "messageId", span_of(n->id, CRYPTO_UUID_LEN));
}

static void
put_renewed(const struct note *n, struct args_out *out)
{
	args_out_str(out, "runId", buf_span(&n->idem));
	if (n->method == METHOD_CHAT_SEND) {
		args_out_cstr(out, "status", "started");
		return;
	}
	args_out_cstr(out, "status", "ok");
	args_out_cstr(out, "summary", "completed");
	args_out_object(out, "result");
	args_out_array(out, "payloads");
	args_out_object(out, NULL);
	args_out_str(out, "text", buf_span(&n->text));
	args_out_end(out);
	args_out_end(out);
	args_out_object(out, "meta");
	args_out_end(out);
	args_out_end(out);
}

static void
answer(struct note *n)
{
	struct buf run = {.max = IDEM_KEY_MAX};
	struct args_out out;
	struct buf b;

	core_args_init(&out, &b);
	if (n->renewed) {
		put_renewed(n, &out);
		(void)buf_put(&run, buf_span(&n->idem));
	} else {
		put_injected(n, &out);
		(void)buf_put_fmt(&run, "inject-%s", n->id);
	}
	if (args_out_done(&out) == 0) {
		if (n->renewed)
			core_once_keep(n->core, n->principal, buf_span(&n->idem), buf_span(&b));
		core_reply_ok(n->caller, buf_span(&b));
	} else {
		core_caller_free(n->caller);
	}
	core_event_chat_note(n->core, buf_span(&run), buf_span(&n->spelling), buf_span(&n->text));
	buf_clear(&b);
	buf_clear(&run);
	free_note(n);
}

/* ---- storing it ---- */

static int
on_injected(struct core *core, struct core_ask *ask, uint16_t id, const void *m)
{
	struct note *n = ask->arg;
	int64_t rc;

	(void)core;
	if (id != CORE_STORE_STORED && id != CORE_ASK_LOST)
		return ERR_PROTO;
	rc = id == CORE_ASK_LOST ? ERR_CLOSED : ((const struct core_store_stored *)m)->rc;
	if (rc < 0)
		fail(n, (int)rc);
	else
		answer(n);
	return 0;
}

/* Once: a statement that was lost may have been carried out, and nobody wants the message twice. */
static void
inject(struct note *n)
{
	uint8_t label[LABEL_PACKED_LEN];
	struct core_store_inject msg = {.req = core_ask_req(n->core),
		.session_key = buf_span(&n->key),
		.at = ev_wall_ms(),
		.label = span_of(label, sizeof(label)),
		.fleeting = core_is_fleeting(n->core)};
	struct core_ask *ask;

	label_pack(
		(struct label){.integrity = LABEL_OWNER, .readers_kind = LABEL_READ_OWNER}, label);
	msg.text = core_text_split(buf_span(&n->text), INJECT_INLINE, &msg.body);
	ask = core_ask(n->core, CORE_STORE_INJECT, &msg, msg.req, on_injected, n, true);
	if (msg.body >= 0)
		close(msg.body);
	if (ask == NULL)
		fail(n, ERR_RANGE);
}

/* ---- chat.inject ---- */

void
rpc_chat_inject(struct rpc_call *call)
{
	struct span message = SPAN_EMPTY;
	struct span label = SPAN_EMPTY;
	struct buf text = {.max = CHAT_MESSAGE_MAX + 128};
	struct span spelling;
	struct buf key;

	if (!rpc_session_key(call, "sessionKey", &spelling, &key))
		return;
	(void)args_get_str(call->args, "message", &message);
	(void)args_get_str(call->args, "label", &label);
	if (label.len > 0) {
		(void)buf_put_u8(&text, '[');
		(void)buf_put(&text, label);
		(void)buf_put_cstr(&text, "]\n\n");
	}
	(void)buf_put(&text, message);
	inject(new_note(call, buf_span(&key), spelling, buf_span(&text)));
	buf_clear(&text);
	buf_clear(&key);
}

/* ---- a word that begins a new session ---- */

static int
on_ended(struct core *core, struct core_ask *ask, uint16_t id, const void *m)
{
	struct note *n = ask->arg;
	int64_t rc;
	int got = core_ask_stored(id, m, &rc);

	(void)core;
	if (got != 1)
		return got;
	if (rc < 0)
		fail(n, (int)rc);
	else
		inject(n);
	return 0;
}

void
rpc_session_renew(struct rpc_call *call, const struct core_run_request *rq)
{
	struct core_store_session_end msg = {.req = core_ask_req(call->core),
		.session_key = rq->key,
		.at = ev_wall_ms(),
		.how = SESSION_RESET};
	struct note *n = new_note(call, rq->key, rq->spelling, SPAN("A new session has begun."));

	n->renewed = true;
	(void)buf_put(&n->idem, rq->idem);
	if (core_ask(call->core, CORE_STORE_SESSION_END, &msg, msg.req, on_ended, n, false) == NULL)
		fail(n, ERR_RANGE);
}
