#include "core/core.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/core_run.h"
#include "crypto/crypto.h"

#define ACCEPT_INLINE 8192u
#define FINISH_INLINE 8192u
#define ITEM_INLINE 6144u
#define FINISH_RETRY_MS 1000
#define RUN_RANDOM_BITS 22

/* ---- the table ---- */

struct core_run *
core_run_by_id(struct core *core, uint64_t id)
{
	struct core_run *r = core->run_buckets[id % CORE_BUCKETS];

	while (r != NULL && r->id != id)
		r = r->hash_next;
	return r;
}

struct core_run *
core_run_by_idem(struct core *core, struct span idem, const struct core_session *session)
{
	for (struct core_run *r = core->runs; r != NULL; r = r->next) {
		if (span_eq(buf_span(&r->idem), idem) && (session == NULL || r->session == session))
			return r;
	}
	return NULL;
}

static struct core_run *
new_run(struct core *core, uint64_t id, struct span key, struct span spelling, struct span idem)
{
	struct core_run *r = mem_alloc(1, sizeof(*r));

	r->core = core;
	r->id = id;
	r->call.body = -1;
	r->session = core_session_get(core, key, true);
	r->session->nruns++;
	buf_init(&r->spelling, SESSION_KEY_MAX);
	buf_init(&r->idem, IDEM_KEY_MAX);
	buf_init(&r->text, RUN_TEXT_MAX);
	buf_init(&r->final, RUN_TEXT_MAX);
	buf_init(&r->reason, 512);
	buf_init(&r->model, 128);
	buf_init(&r->args, HTTP_BODY_MAX * 2);
	buf_init(&r->asked_thinking, 32);
	(void)buf_put(&r->spelling, spelling);
	(void)buf_put(&r->idem, idem);
	r->prev = core->runs_last;
	if (r->prev != NULL)
		r->prev->next = r;
	else
		core->runs = r;
	core->runs_last = r;
	r->hash_next = core->run_buckets[id % CORE_BUCKETS];
	core->run_buckets[id % CORE_BUCKETS] = r;
	core->nruns++;
	return r;
}

static void
unlink_run(struct core_run *r)
{
	struct core *core = r->core;
	struct core_run **at = &core->run_buckets[r->id % CORE_BUCKETS];

	while (*at != r)
		at = &(*at)->hash_next;
	*at = r->hash_next;
	if (r->prev != NULL)
		r->prev->next = r->next;
	else
		core->runs = r->next;
	if (r->next != NULL)
		r->next->prev = r->prev;
	else
		core->runs_last = r->prev;
	core->nruns--;
}

static void
free_run(struct core_run *r)
{
	struct core *core = r->core;

	unlink_run(r);
	core_run_unslot(r);
	if (!r->open_at_gate)
		core_turn_drop(core, r->turn);
	if (r->agent_asked) /* it came early, for a run that does not begin */
		child_kill(core->child, KIND_AGENT, r->id);
	r->session->nruns--;
	core_session_unused(core, r->session);
	ev_timer_cancel(core->ev, r->timer);
	ev_timer_cancel(core->ev, r->delta_timer);
	ev_timer_cancel(core->ev, r->retry_timer);
	ev_timer_cancel(core->ev, r->nudge_timer);
	core_ask_forget(r->feed);
	core_held_free(r);
	ev_timer_cancel(core->ev, r->proof_timer);
	core_call_clear(&r->call);
	core_waiters_free(r);
	buf_clear(&r->spelling);
	buf_clear(&r->idem);
	buf_clear(&r->text);
	buf_clear(&r->final);
	buf_clear(&r->reason);
	buf_clear(&r->model);
	buf_clear(&r->args);
	buf_clear(&r->asked_thinking);
	free(r);
}

void
core_run_unslot(struct core_run *run)
{
	if (!run->slotted)
		return;
	run->slotted = false;
	run->session->busy = false;
	run->core->nrunning--;
}

/* ---- accepting ---- */

/* Whoever holds an accepted credential is the owner; what they wrote earlier counts as OWNER, never more. */
static void
owner_label(uint8_t out[LABEL_PACKED_LEN])
{
	label_pack((struct label){.integrity = LABEL_OWNER, .readers_kind = LABEL_READ_OWNER}, out);
}

static void
put_options(const struct core_run_request *rq, struct buf *b)
{
	struct args_out out;

	buf_init(b, 4096);
	args_out_init(&out, b, false);
	args_out_str(&out, "sessionKey", rq->spelling);
	args_out_cstr(&out, "method", method_rows[rq->method].name);
	if (rq->timeout_ms != 0)
		args_out_u64(&out, "timeoutMs", rq->timeout_ms);
	if (rq->thinking.len > 0)
		args_out_str(&out, "thinking", rq->thinking);
	(void)args_out_done(&out);
}

/* The key was accepted before, as another run. */
static void
answer_duplicate(struct core_run *run, const struct core_store_accepted *msg)
{
	struct core *core = run->core;
	struct core_run *first = core_run_by_id(core, msg->run);

	if (first != NULL && first->phase != PHASE_ACCEPTING)
		core_waiters_join(run, first);
	else
		core_waiters_duplicate(run, msg);
}

static int
on_accepted(struct core *core, struct core_ask *ask, uint16_t id, const void *m)
{
	const struct core_store_accepted *msg = m;
	struct core_run *run = ask->arg;
	const char *abort_why = run->abort_why;

	if (id == CORE_ASK_AGAIN)
		return 0;
	if (id != CORE_STORE_ACCEPTED)
		return ERR_PROTO;
	if (msg->rc < 0) {
		core_waiters_refuse(run, (int)msg->rc);
		free_run(run);
		return 0;
	}
	if (msg->duplicate && msg->run != run->id) {
		answer_duplicate(run, msg);
		free_run(run);
		return 0;
	}
	run->session_number = msg->session;
	run->quiet = !core_is_verbose(core, msg->options);
	run->thinking = core_thinking(core, buf_span(&run->asked_thinking), msg->options);
	run->phase = PHASE_QUEUED;
	run->abort_why = NULL;
	core_waiters_accepted(run);
	core_health_touch(core);
	if (abort_why != NULL)
		(void)core_run_abort(run, abort_why);
	else if (core->child->panic)
		(void)core_run_abort(run, "stop");
	core_lane_pump(core);
	return 0;
}

static void
put_extra(struct core_run *run, struct span extra)
{
	struct core_store_item_put item = {.role = ROLE_SYSTEM, .kind = ITEM_TEXT};

	if (extra.len == 0)
		return;
	item.text = core_text_split(extra, ITEM_INLINE, &item.body);
	core_run_item(run, &item);
	if (item.body >= 0)
		close(item.body);
}

/*
 * Numbers of runs go up with the time, so that what is new lies together in the database; the low bits keep two
 * starts in one millisecond apart.
 */
static uint64_t
next_run(struct core *core, uint64_t now_ms)
{
	uint64_t id =
		now_ms << RUN_RANDOM_BITS | (crypto_random_u64() & ((1u << RUN_RANDOM_BITS) - 1));

	core->last_run = id > core->last_run ? id : core->last_run + 1;
	return core->last_run;
}

int
core_run_accept(struct core *core, const struct core_run_request *rq, struct core_caller *caller)
{
	uint64_t req = core_ask_req(core);
	struct core_store_accept msg = {.req = req,
		.session_key = rq->key,
		.idem = rq->idem,
		.principal = rq->principal,
		.at = ev_wall_ms(),
		.stale = core_session_stale(core),
		.fresh = rq->fresh,
		.fleeting = core_is_fleeting(core)};
	struct core_run *run;
	struct buf options;
	bool sent;

	if (core->nruns >= RUN_QUEUE_MAX)
		return ERR_FULL;
	run = new_run(core, next_run(core, msg.at), rq->key, rq->spelling, rq->idem);
	run->principal = rq->principal;
	run->turn = rq->turn;
	run->method = rq->method;
	run->tool = rq->tool;
	if (buf_put(&run->args, rq->args) < 0) {
		free_run(run);
		return ERR_TOOBIG;
	}
	run->timeout_ms = rq->timeout_ms;
	(void)buf_put(&run->asked_thinking, rq->thinking);
	run->accepted_ms = msg.at;
	run->gate_epoch = core->gate_epoch;
	owner_label(run->label);
	msg.run = run->id;
	msg.label = span_of(run->label, LABEL_PACKED_LEN);
	put_options(rq, &options);
	msg.options = buf_span(&options);
	msg.text = core_text_split(rq->text, ACCEPT_INLINE, &msg.body);
	core_waiter_add(run, rq->method == METHOD_CHAT_SEND ? WAIT_FIRST_CHAT : WAIT_FIRST_AGENT,
		caller, 0);
	sent = core_ask(core, CORE_STORE_ACCEPT, &msg, req, on_accepted, run, false) != NULL;
	if (msg.body >= 0)
		close(msg.body);
	buf_clear(&options);
	if (sent) {
		put_extra(run, rq->extra);
		if (rq->method != METHOD_TOOLS_INVOKE)
			core_run_agent_early(run);
	} else {
		core_waiters_refuse(run, ERR_RANGE);
		free_run(run);
	}
	return 0;
}

void
core_run_recover(struct core *core, const struct core_store_run *row)
{
	struct span spelling = row->session_key;
	struct span method = SPAN_EMPTY;
	struct span thinking = SPAN_EMPTY;
	struct core_run *run;

	if (core_run_by_id(core, row->run) != NULL)
		return;
	(void)args_get_str(row->options, "sessionKey", &spelling);
	run = new_run(core, row->run, row->session_key, span_sub(spelling, 0, SESSION_KEY_MAX),
		row->idem);
	run->principal = row->principal;
	run->session_number = row->session;
	run->accepted_ms = row->at;
	run->resumed = true;
	run->phase = PHASE_QUEUED;
	run->method = METHOD_CHAT_SEND;
	(void)args_get_u64(row->options, "timeoutMs", 0, RUN_WALL_MS, &run->timeout_ms);
	(void)args_get_str(row->options, "thinking", &thinking);
	run->thinking = core_thinking(core, thinking, SPAN_EMPTY);
	if (row->label.len == LABEL_PACKED_LEN)
		memcpy(run->label, row->label.ptr, LABEL_PACKED_LEN);
	(void)args_get_str(row->options, "method", &method);
	if (span_eq(method, span_from_cstr(method_rows[METHOD_TOOLS_INVOKE].name)))
		core_run_finish(run, RUN_REPORTED, SPAN("interrupted"),
			SPAN("Interrupted: the gateway stopped while a tool was called over HTTP. "
			     "It may or may not have taken effect, and was not repeated."));
	else if (row->state == RUN_EFFECT)
		core_run_finish(run, RUN_REPORTED, SPAN("interrupted"),
			SPAN("Interrupted: the gateway stopped while a tool that changes things "
			     "was running. It may or may not have taken "
			     "effect, and was not repeated. Please check, and ask again if it is "
			     "still needed."));
}

/* ---- items ---- */

void
core_run_item(struct core_run *run, const struct core_store_item_put *item)
{
	struct core_store_item_put msg = *item;

	msg.req = core_ask_req(run->core);
	msg.run = run->id;
	msg.at = ev_wall_ms();
	msg.label = span_of(run->label, LABEL_PACKED_LEN);
	(void)core_ask(run->core, CORE_STORE_ITEM_PUT, &msg, msg.req, NULL, NULL, false);
}

void
core_run_produced(struct core_run *run, size_t len)
{
	run->produced += len;
	if (run->produced > RUN_TEXT_MAX)
		core_run_finish(run, RUN_FAILED, SPAN("limit"),
			SPAN("The answer grew over the limit for one run (1 MiB of text)."));
}

/* ---- the end ---- */

static void
close_run(struct core_run *run)
{
	struct core *core = run->core;
	struct ipc_chan *gate = child_peer(core->child, KIND_GATE, 0);
	struct span error = run->state == RUN_DONE || run->state == RUN_ABORTED
				    ? SPAN_EMPTY
				    : buf_span(&run->final);

	core_event_flush(run);
	core_event_lifecycle(run, error.len > 0 ? "error" : "end", error);
	core_event_chat_end(run);
	core_waiters_final(run);
	if (run->open_at_gate && gate != NULL)
		(void)core_gate_run_close_send(gate, &(struct core_gate_run_close){.run = run->id});
	if (child_peer(core->child, KIND_AGENT, run->id) != NULL)
		child_kill(core->child, KIND_AGENT, run->id);
	free_run(run);
	core_lane_pump(core);
}

static void send_finish(struct core_run *run);

static void
on_finish_retry(struct ev *ev, void *arg)
{
	struct core_run *run = arg;

	(void)ev;
	run->retry_timer = 0;
	send_finish(run);
}

static int
on_finished(struct core *core, struct core_ask *ask, uint16_t id, const void *m)
{
	struct core_run *run = ask->arg;
	int64_t rc;
	int got = core_ask_stored(id, m, &rc);

	if (got != 1)
		return got;
	if (rc < 0 && rc != ERR_EXISTS && rc != ERR_STATE && rc != ERR_NOTFOUND) {
		log_error("final answer not stored: tried again", LOG_E("why", rc));
		run->retry_timer = ev_timer_start(core->ev, FINISH_RETRY_MS, on_finish_retry, run);
		return 0;
	}
	close_run(run);
	core_health_touch(core);
	return 0;
}

static void
send_finish(struct core_run *run)
{
	struct core_store_finish msg = {.req = core_ask_req(run->core),
		.run = run->id,
		.state = (uint8_t)run->state,
		.reason = buf_span(&run->reason),
		.at = ev_wall_ms(),
		.label = span_of(run->label, LABEL_PACKED_LEN),
		.tokens_in = run->tokens_in,
		.tokens_out = run->tokens_out,
		.model = buf_span(&run->model)};

	msg.text = core_text_split(buf_span(&run->final), FINISH_INLINE, &msg.body);
	(void)core_ask(run->core, CORE_STORE_FINISH, &msg, msg.req, on_finished, run, false);
	if (msg.body >= 0)
		close(msg.body);
}

void
core_run_finish(struct core_run *run, enum run_state state, struct span reason, struct span text)
{
	if (run->phase == PHASE_FINISHING)
		return;
	core_event_flush(run);
	core_call_cancel(run);
	core_ask_forget(run->feed);
	run->feed = NULL;
	ev_timer_cancel(run->core->ev, run->timer);
	ev_timer_cancel(run->core->ev, run->retry_timer);
	run->timer = 0;
	run->retry_timer = 0;
	run->phase = PHASE_FINISHING;
	run->state = state;
	(void)buf_put(&run->reason, span_sub(reason, 0, 512));
	if (buf_put(&run->final, text) < 0)
		log_error("final text over its limit: left out", LOG_U("len", text.len));
	send_finish(run);
}

/* ---- aborting ---- */

bool
core_run_abort(struct core_run *run, const char *why)
{
	if (run->phase == PHASE_FINISHING || run->abort_why != NULL)
		return run->phase != PHASE_FINISHING;
	if (run->phase == PHASE_ACCEPTING) {
		run->abort_why = why;
		return true;
	}
	if (run->agent_asked || run->agent_up)
		child_kill(run->core->child, KIND_AGENT, run->id);
	core_run_finish(run, RUN_ABORTED, span_from_cstr(why), buf_span(&run->text));
	return true;
}

unsigned
core_run_abort_session(struct core *core, struct core_session *session, struct span idem,
	const char *why, struct args_out *out)
{
	struct core_run *next;
	unsigned n = 0;

	for (struct core_run *r = core->runs; r != NULL; r = next) {
		next = r->next;
		if (r->session != session || (idem.len > 0 && !span_eq(buf_span(&r->idem), idem)))
			continue;
		if (!core_run_abort(r, why))
			continue;
		args_out_str(out, NULL, buf_span(&r->idem));
		n++;
	}
	return n;
}

void
core_run_abort_all(struct core *core, const char *why)
{
	struct core_run *next;

	for (struct core_run *r = core->runs; r != NULL; r = next) {
		next = r->next;
		(void)core_run_abort(r, why);
	}
}
