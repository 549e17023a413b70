/* config.get and the like: carried out by a desk, a process started for one question of this principal. One at a time. */
#include "args/args_json.h"
#include "base/err.h"
#include "base/log.h"
#include "edge_user.h"
#include "proto/config_user.h"

#include <unistd.h>

#define CALL_INLINE 12288u
#define FRAME_MAX (IPC_BODY_MAX / 2)
#define ANSWER_MAX MIB(8u)

/* The oldest call that waits for a desk. */
static struct user_call *
oldest(struct user *user, struct user_conn **owner)
{
	struct user_call *best = NULL;

	for (struct edge_conn *c = user->conns.last; c != NULL; c = c->prev) {
		struct user_conn *u = (struct user_conn *)c;

		for (struct user_call *call = u->calls; call != NULL; call = call->next) {
			if (call->needs_desk && (best == NULL || call->seq < best->seq)) {
				best = call;
				*owner = u;
			}
		}
	}
	return best;
}

static void
next(struct user *user)
{
	struct user_conn *u;

	if (user->desk_wanted || oldest(user, &u) == NULL)
		return;
	user->desk_wanted = true;
	user->desk_seq = 0;
	child_spawn(user->child, KIND_DESK, user->child->instance);
}

static void
fail(struct user_conn *u, struct user_call *call, const char *message)
{
	struct edge_refusal r = {.retry_ms = 1000};

	call->needs_desk = false;
	edge_refuse(&r, RPC_UNAVAILABLE, 0, "%s", message);
	user_call_fail(u, call, &r);
}

void
user_desk_do(struct user_conn *u, struct user_call *call)
{
	call->needs_desk = true;
	next(user_of(u));
}

static int
ask(struct ipc_chan *chan, const struct user_call *call)
{
	struct config_user_ask m = {.req = call->seq,
		.method = call->method,
		.args = buf_span(&call->args),
		.body = -1};
	int rc;

	if (m.args.len > CALL_INLINE) {
		m.body = ipc_body_seal(m.args);
		m.args = SPAN_EMPTY;
		if (m.body < 0)
			return m.body;
	}
	rc = config_user_ask_send(chan, &m);
	if (m.body >= 0)
		close(m.body);
	return rc;
}

void
user_peer_up(struct child *child, uint8_t kind, struct ipc_chan *chan)
{
	struct user *user = child->ctx;
	struct user_conn *u;
	struct user_call *call = kind == KIND_DESK ? oldest(user, &u) : NULL;

	if (call == NULL)
		return; /* a desk without a question ends by itself */
	call->needs_desk = false;
	user->desk_seq = call->seq;
	if (ask(chan, call) < 0)
		fail(u, call, "the configuration is busy: try again");
}

/* It has answered, or died before. */
void
user_desk_gone(struct user *user)
{
	struct user_conn *u;
	struct user_call *call =
		user->desk_seq != 0 ? user_call_find(user, user->desk_seq, &u) : NULL;

	user->desk_wanted = false;
	user->desk_seq = 0;
	if (call != NULL)
		fail(u, call, "the configuration could not be looked at: try again");
	next(user);
}

void
user_refused(struct child *child, uint8_t kind, uint64_t instance, int why)
{
	struct user *user = child->ctx;
	struct user_conn *u;
	struct user_call *call = kind == KIND_DESK ? oldest(user, &u) : NULL;

	(void)instance;
	(void)why;
	if (kind != KIND_DESK)
		return;
	user->desk_wanted = false;
	if (call != NULL)
		fail(u, call, "the configuration cannot be looked at now: try again");
	next(user);
}

/* What a desk says is JSON from another process: it is parsed, and written anew. */
static int
put_json(struct json_out *o, int fd)
{
	const struct json_opts opts = {.mode = JSON_STRICT};
	struct json_node *root;
	struct arena arena;
	struct span text;
	int rc = ipc_body_get(fd, ANSWER_MAX, &text);

	if (rc < 0)
		return rc;
	arena_init(&arena, MIB(64u));
	rc = json_parse(&arena, text, &opts, &root, NULL);
	rc = rc < 0 ? ERR_PROTO : json_out_node(o, root);
	arena_clear(&arena);
	ipc_body_free(text);
	return rc;
}

static int
put_answer(struct json_out *o, const struct config_user_answer *a, struct span id)
{
	int rc = 0;

	edge_frame_res(o, id, a->ok);
	if (a->ok) {
		json_out_key(o, SPAN("payload"));
		rc = a->json < 0 ? json_out_null(o) : put_json(o, a->json);
	} else {
		json_out_key(o, SPAN("error"));
		json_out_begin_object(o);
		json_out_member_str(o, "code", span_from_cstr(rpc_code_name(a->code)));
		json_out_member_str(o, "message", a->message);
		if (a->json >= 0) {
			json_out_key(o, SPAN("details"));
			rc = put_json(o, a->json);
		}
		json_out_end_object(o);
	}
	json_out_end_object(o);
	return rc;
}

int
user_on_desk_answer(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct config_user_answer *a = m;
	struct child *child = arg;
	struct user *user = child->ctx;
	struct user_conn *u;
	struct user_call *call = user_call_find(user, a->req, &u);
	struct buf text = {.max = FRAME_MAX};
	struct json_out o;
	int rc;

	(void)chan;
	if (a->req != user->desk_seq)
		return ERR_PROTO;
	user->desk_seq = 0;
	if (call == NULL)
		return 0; /* the client did not wait */
	json_out_init(&o, &text, NULL);
	rc = put_answer(&o, a, buf_span(&call->id));
	if (rc == 0)
		rc = json_out_finish(&o);
	if (rc == 0) {
		user_call_free(u, call);
		user_ws_send(u, buf_span(&text));
	} else {
		fail(u, call, "the answer is too large");
	}
	buf_clear(&text);
	return rc == ERR_PROTO ? rc : 0;
}
