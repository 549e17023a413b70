#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "args/args_json.h"
#include "base/err.h"
#include "base/log.h"
#include "base/secret.h"
#include "crypto/crypto.h"
#include "edge_user.h"

#define CALL_INLINE 12288u
#define FRAME_MAX (IPC_BODY_MAX / 2)

/* ---- life of a call ---- */

void
user_call_free(struct user_conn *u, struct user_call *call)
{
	struct user_call **at = &u->calls;

	while (*at != NULL && *at != call)
		at = &(*at)->next;
	if (*at != NULL) {
		*at = call->next;
		u->ncalls--;
	}
	buf_clear(&call->id);
	buf_clear(&call->args);
	buf_clear(&call->rows);
	buf_clear(&call->more);
	free(call);
}

void
user_calls_free(struct user_conn *u)
{
	while (u->calls != NULL)
		user_call_free(u, u->calls);
}

struct user_call *
user_call_find(struct user *user, uint64_t seq, struct user_conn **owner)
{
	for (struct edge_conn *c = user->conns.last; c != NULL; c = c->prev) {
		struct user_conn *u = (struct user_conn *)c;

		for (struct user_call *call = u->calls; call != NULL; call = call->next) {
			if (call->seq == seq) {
				*owner = u;
				return call;
			}
		}
	}
	return NULL;
}

static struct user_call *
find_on(struct user_conn *u, uint64_t seq)
{
	for (struct user_call *call = u->calls; call != NULL; call = call->next) {
		if (call->seq == seq)
			return call;
	}
	return NULL;
}

static bool
is_straight(const struct user_call *call)
{
	return (method_rows[call->method].flags & METHOD_STRAIGHT) != 0;
}

/* gateway.rateLimit: calls that cost something, over all connections of this principal. */
static bool
is_within_rate(struct user *user, uint64_t *retry_ms)
{
	uint64_t now = ev_now_ms(user->child->ev);
	uint64_t gained;

	if (user->rate_max == 0)
		return true;
	if (user->rate_at_ms == 0)
		user->rate_at_ms = now;
	/* Time that made no whole thousandth yet is kept for the next time. */
	gained = (now - user->rate_at_ms) * user->rate_max / 60;
	user->rate_level += gained;
	user->rate_at_ms += gained * 60 / user->rate_max;
	if (user->rate_level >= user->rate_max * 1000) {
		user->rate_level = user->rate_max * 1000;
		user->rate_at_ms = now;
	}
	if (user->rate_level < 1000) {
		*retry_ms = (1000 - user->rate_level) * 60 / user->rate_max + 1;
		return false;
	}
	user->rate_level -= 1000;
	return true;
}

static int
send_call(struct user_conn *u, struct user_call *call)
{
	struct ipc_chan *core = child_peer(user_of(u)->child, KIND_CORE, 0);
	struct edge_core_call m = {.conn = u->id,
		.seq = call->seq,
		.door = u->door,
		.method = call->method,
		.scopes = u->scopes,
		.turn = call->turn,
		.args = buf_span(&call->args),
		.body = -1};
	int rc = ERR_NOPEER;

	if (core == NULL)
		return rc;
	if (m.args.len > CALL_INLINE) {
		m.body = ipc_body_seal(m.args);
		m.args = SPAN_EMPTY;
		if (m.body < 0)
			return m.body;
	}
	rc = edge_core_call_send(core, &m);
	if (m.body >= 0)
		close(m.body);
	if (rc < 0)
		return rc;
	call->is_sent = true;
	if (method_rows[call->method].where == AT_CORE)
		buf_clear(&call->args);
	return 0;
}

/* gate hears of a turn before core does: core cannot invent one. */
static int
send_turn(struct user_conn *u, struct user_call *call, uint8_t integrity)
{
	struct ipc_chan *gate = child_peer(user_of(u)->child, KIND_GATE, 0);

	call->turn = (crypto_random_u64() | 1) << 32 | u->id;
	if (gate == NULL)
		return ERR_NOPEER;
	return edge_gate_turn_send(
		gate, &(struct edge_gate_turn){.turn = call->turn, .integrity = integrity});
}

/* ---- the kill switch ---- */

/* However many want it, the supervisor is asked once at a time. */
static int
ask_panic(struct user *user)
{
	if (!user->panic_asked)
		child_panic(user->child);
	user->panic_asked = true;
	return 0;
}

static struct user_call *
find_straight(struct user *user, struct user_conn **owner)
{
	for (struct edge_conn *c = user->conns.last; c != NULL; c = c->prev) {
		struct user_conn *u = (struct user_conn *)c;

		for (struct user_call *call = u->calls; call != NULL; call = call->next) {
			if (!c->is_dead && is_straight(call)) {
				*owner = u;
				return call;
			}
		}
	}
	return NULL;
}

void
user_panic(struct child *child, bool on)
{
	struct user *user = child->ctx;
	struct user_conn *u;
	struct user_call *call;
	struct args_out out;
	struct buf b = {.max = 256};

	if (!on)
		return;
	user->panic_asked = false;
	args_out_init(&out, &b, false);
	args_out_bool(&out, "ok", true);
	(void)args_out_done(&out);
	while ((call = find_straight(user, &u)) != NULL)
		user_call_answer(u, call, buf_span(&b));
	buf_clear(&b);
}

/* ---- beginning ---- */

struct user_call *
user_call_start(struct user_conn *u, unsigned method, struct span id, struct buf *args,
	uint8_t integrity, struct edge_refusal *r)
{
	const struct method_row *row = &method_rows[method];
	struct user *user = user_of(u);
	struct user_call *call;
	int rc;

	/* one place is kept for what stops the others */
	if (u->ncalls >= EDGE_CALLS_MAX + ((row->flags & METHOD_STRAIGHT) != 0)) {
		r->retry_ms = 1000;
		edge_refuse(r, RPC_UNAVAILABLE, 0,
			"too many calls under way on this connection (%u)", EDGE_CALLS_MAX);
		return NULL;
	}
	if ((row->flags & METHOD_WORK) != 0 && !is_within_rate(user, &r->retry_ms)) {
		r->limited = true;
		edge_refuse(r, RPC_UNAVAILABLE, 0,
			"rate limit: more than %llu requests a minute (gateway.rateLimit)",
			(unsigned long long)user->rate_max);
		return NULL;
	}
	call = mem_alloc(1, sizeof(*call));
	call->seq = ++user->next_seq;
	call->method = method;
	buf_init(&call->id, 512);
	(void)buf_put(&call->id, id);
	call->args = *args;
	*args = (struct buf){.max = args->max};
	call->next = u->calls;
	u->calls = call;
	u->ncalls++;
	if (is_straight(call))
		rc = ask_panic(user);
	else if ((row->flags & METHOD_TURN) != 0)
		rc = send_turn(u, call, integrity);
	else
		rc = send_call(u, call);
	if (rc == 0)
		return call;
	user_call_free(u, call);
	r->retry_ms = 1000;
	edge_refuse(r, RPC_UNAVAILABLE, 0, "the gateway is starting or busy: try again");
	return NULL;
}

int
user_on_turn_ok(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct edge_gate_turn_ok *t = m;
	struct child *child = arg;
	struct user_conn *u = user_conn_find(child->ctx, (uint32_t)t->turn);
	struct edge_refusal r = {.retry_ms = 1000};

	(void)chan;
	for (struct user_call *call = u != NULL ? u->calls : NULL; call != NULL;
		call = call->next) {
		if (call->turn != t->turn || call->is_sent)
			continue;
		edge_refuse(&r, RPC_UNAVAILABLE, 0,
			t->ok ? "the gateway is starting or busy: try again"
			      : "the turn was not admitted: try again");
		if (!t->ok || send_call(u, call) < 0)
			user_call_fail(u, call, &r);
		return 0;
	}
	return 0;
}

/* ---- answers ---- */

static void
put_error(struct json_out *o, unsigned code, struct span message)
{
	json_out_key(o, SPAN("error"));
	json_out_begin_object(o);
	json_out_member_str(o, "code", span_from_cstr(rpc_code_name(code)));
	json_out_member_str(o, "message", message);
	json_out_end_object(o);
}

static void
send_res(struct user_conn *u, const struct user_call *call, const struct edge_core_reply *reply,
	struct span result)
{
	struct buf text = {.max = FRAME_MAX};
	struct json_out o;
	int rc = 0;

	json_out_init(&o, &text, NULL);
	edge_frame_res(&o, buf_span(&call->id), reply->ok);
	if (!reply->ok)
		put_error(&o, reply->code, reply->message);
	if (reply->ok || result.len > 0) {
		json_out_key(&o, SPAN("payload"));
		rc = args_json_write(&o, result);
	}
	json_out_end_object(&o);
	if (rc < 0 || json_out_finish(&o) < 0) {
		buf_reset(&text);
		edge_frame_refusal(&text, buf_span(&call->id),
			&(struct edge_refusal){
				.code = RPC_UNAVAILABLE, .message = "the answer is too large"});
	}
	user_ws_send(u, buf_span(&text));
	buf_clear(&text);
}

static void
deliver(struct user_conn *u, struct user_call *call, const struct edge_core_reply *reply,
	struct span result)
{
	uint32_t id = u->id;
	struct user *user = user_of(u);
	uint64_t seq = call->seq;
	struct span run;

	if (reply->ok && call->turn != 0 && args_get_str(result, "runId", &run) == 0)
		user_asker_put(u, run);
	if (!call->is_silent) {
		if (u->http != NULL)
			user_http_reply(u, call, reply, result);
		else
			send_res(u, call, reply, result);
	}
	if (!reply->final || user_conn_find(user, id) == NULL)
		return;
	call = find_on(u, seq);
	if (call != NULL)
		user_call_free(u, call);
	if (u->http != NULL)
		edge_conn_resume(&u->c);
}

void
user_call_answer(struct user_conn *u, struct user_call *call, struct span result)
{
	deliver(u, call, &(struct edge_core_reply){.final = true, .ok = true, .body = -1}, result);
}

void
user_call_fail(struct user_conn *u, struct user_call *call, const struct edge_refusal *r)
{
	deliver(u, call,
		&(struct edge_core_reply){.final = true,
			.code = (uint8_t)r->code,
			.message = span_from_cstr(r->message),
			.body = -1},
		SPAN_EMPTY);
}

/* What the supervisor was asked it answers whoever else has ended. */
static struct user_call *
find_lost(struct user_conn *u)
{
	struct user_call *call = u->calls;

	while (call != NULL && is_straight(call))
		call = call->next;
	return call;
}

void
user_calls_lost(struct user_conn *u, const struct edge_refusal *r)
{
	struct user_call *call;

	while (!u->c.is_dead && (call = find_lost(u)) != NULL)
		user_call_fail(u, call, r);
}

int
user_on_reply(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct edge_core_reply *reply = m;
	struct child *child = arg;
	struct user_conn *u = user_conn_find(child->ctx, reply->conn);
	struct user_call *call = u != NULL ? find_on(u, reply->seq) : NULL;
	struct span body;
	int rc;

	(void)chan;
	if (call == NULL)
		return 0; /* the client did not wait */
	if (!call->is_sent)
		return ERR_PROTO;
	if (reply->delegate) {
		if (!reply->ok || method_rows[call->method].where == AT_CORE)
			return ERR_PROTO;
		if (method_rows[call->method].where == AT_EDGE)
			user_logs_tail(u, call);
		else if (method_rows[call->method].where == AT_CONFIG)
			user_desk_do(u, call);
		else
			user_vault_do(u, call);
		return 0;
	}
	if (reply->body < 0) {
		deliver(u, call, reply, reply->args);
		return 0;
	}
	rc = ipc_body_get(reply->body, IPC_BODY_MAX, &body);
	if (rc < 0)
		return rc;
	deliver(u, call, reply, body);
	ipc_body_free(body);
	return 0;
}
