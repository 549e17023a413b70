#include "core/core_run.h"

#include <stdlib.h>

static void
free_waiter(struct core_waiter *w)
{
	struct core_waiter **at = &w->run->waiters;

	while (*at != NULL && *at != w)
		at = &(*at)->next;
	if (*at != NULL)
		*at = w->next;
	ev_timer_cancel(w->run->core->ev, w->timer);
	core_caller_free(w->caller);
	free(w);
}

static struct core_caller *
steal_caller(struct core_waiter *w)
{
	struct core_caller *c = w->caller;

	w->caller = NULL;
	return c;
}

/* {runId, status, ...}: ended with args_out_done by the caller. */
static void
begin(struct args_out *out, struct buf *b, struct span run_id, const char *status)
{
	core_args_init(out, b);
	args_out_str(out, "runId", run_id);
	args_out_cstr(out, "status", status);
}

static void
reply_status(struct core_waiter *w, const char *status)
{
	struct args_out out;
	struct buf b;

	begin(&out, &b, buf_span(&w->run->idem), status);
	if (args_out_done(&out) == 0)
		core_reply_ok(steal_caller(w), buf_span(&b));
	buf_clear(&b);
	free_waiter(w);
}

static void
on_timeout(struct ev *ev, void *arg)
{
	struct core_waiter *w = arg;

	(void)ev;
	w->timer = 0;
	reply_status(w, "timeout");
}

void
core_waiter_add(
	struct core_run *run, enum core_wait what, struct core_caller *caller, uint64_t timeout_ms)
{
	struct core_waiter *w = mem_alloc(1, sizeof(*w));

	w->what = what;
	w->run = run;
	w->caller = caller;
	w->next = run->waiters;
	run->waiters = w;
	if (timeout_ms != 0)
		w->timer = ev_timer_start(run->core->ev, timeout_ms, on_timeout, w);
}

/* ---- the first answer ---- */

static void
reply_accepted(struct core_waiter *w)
{
	struct args_out out;
	struct buf b;

	begin(&out, &b, buf_span(&w->run->idem), "accepted");
	args_out_u64(&out, "acceptedAt", w->run->accepted_ms);
	if (args_out_done(&out) == 0)
		core_reply_first(w->caller, buf_span(&b));
	buf_clear(&b);
	w->what = WAIT_FINAL;
}

void
core_waiters_accepted(struct core_run *run)
{
	struct core_waiter *next;

	for (struct core_waiter *w = run->waiters; w != NULL; w = next) {
		next = w->next;
		if (w->what == WAIT_FIRST_CHAT)
			reply_status(w, "started");
		else if (w->what == WAIT_FIRST_AGENT)
			reply_accepted(w);
	}
}

void
core_waiters_refuse(struct core_run *run, int rc)
{
	struct buf b = {.max = 256};

	if (rc == ERR_DENIED)
		(void)buf_put_cstr(&b, "send blocked by session policy");
	else
		(void)buf_put_fmt(&b, "the message could not be stored: %s", err_text(rc));
	while (run->waiters != NULL) {
		core_reply_error_with(steal_caller(run->waiters),
			rc == ERR_RANGE || rc == ERR_DENIED ? RPC_INVALID_REQUEST : RPC_UNAVAILABLE,
			buf_span(&b), SPAN_EMPTY);
		free_waiter(run->waiters);
	}
	buf_clear(&b);
}

/* ---- duplicates ---- */

void
core_waiters_join(struct core_run *run, struct core_run *first)
{
	while (run->waiters != NULL) {
		struct core_waiter *w = run->waiters;

		if (w->what == WAIT_FIRST_CHAT) {
			reply_status(w, "in_flight");
			continue;
		}
		core_waiter_add(first, w->what, steal_caller(w), 0);
		free_waiter(w);
		if (first->waiters->what == WAIT_FIRST_AGENT)
			reply_accepted(first->waiters);
	}
}

static const char *
summary_of(unsigned state)
{
	switch (state) {
	case RUN_ABORTED:
		return "aborted";
	case RUN_REPORTED:
		return "interrupted; reported in the session";
	default:
		return "the run failed; the session says why";
	}
}

static void
reply_error(struct core_waiter *w, struct span summary)
{
	struct args_out out;
	struct buf b;

	begin(&out, &b, buf_span(&w->run->idem), "error");
	args_out_str(&out, "summary", summary);
	if (args_out_done(&out) == 0)
		core_reply_error_with(steal_caller(w), RPC_UNAVAILABLE, summary, buf_span(&b));
	buf_clear(&b);
	free_waiter(w);
}

/* The answer of a run that is over, from the transcript. */
struct recall {
	struct core_caller *caller;
	struct buf idem;
	struct buf text;
};

static void
put_payloads(struct args_out *out, struct span text)
{
	args_out_array(out, "payloads");
	if (text.len > 0) {
		args_out_object(out, NULL);
		args_out_str(out, "text", text);
		args_out_end(out);
	}
	args_out_end(out);
}

static void
finish_recall(struct recall *r)
{
	struct args_out out;
	struct buf b;

	begin(&out, &b, buf_span(&r->idem), "ok");
	args_out_cstr(&out, "summary", "completed");
	args_out_object(&out, "result");
	put_payloads(&out, buf_span(&r->text));
	args_out_object(&out, "meta");
	args_out_end(&out);
	args_out_end(&out);
	if (args_out_done(&out) == 0)
		core_reply_ok(r->caller, buf_span(&b));
	else
		core_caller_free(r->caller);
	buf_clear(&b);
	buf_clear(&r->idem);
	buf_clear(&r->text);
	free(r);
}

static int
on_recalled(struct core *core, struct core_ask *ask, uint16_t id, const void *m)
{
	const struct core_store_item *item = m;
	struct recall *r = ask->arg;
	struct core_text text;
	int rc = 0;

	(void)core;
	if (id == CORE_STORE_DONE) {
		finish_recall(r);
	} else if (id == CORE_STORE_ITEM && item->role == ROLE_ASSISTANT &&
		   item->kind == ITEM_TEXT) {
		rc = core_text_open(&text, item->text, item->body, IPC_BODY_MAX);
		buf_reset(&r->text);
		(void)buf_put(&r->text, rc < 0 ? SPAN_EMPTY : text.span);
		if (rc == 0)
			core_text_close(&text);
	} else if (id != CORE_STORE_ITEM && id != CORE_ASK_AGAIN) {
		rc = ERR_PROTO;
	}
	return rc;
}

static void
recall(struct core_waiter *w, const struct core_store_accepted *first)
{
	struct core_run *run = w->run;
	struct core *core = run->core;
	struct core_store_history msg = {.req = core_ask_req(core),
		.session_key = span_of(run->session->key, run->session->keylen),
		.session = first->session,
		.limit = 1,
		.max_bytes = RUN_TEXT_MAX,
		.run = first->run};
	struct recall *r = mem_alloc(1, sizeof(*r));

	r->caller = steal_caller(w);
	buf_init(&r->idem, IDEM_KEY_MAX);
	buf_init(&r->text, RUN_TEXT_MAX);
	(void)buf_put(&r->idem, buf_span(&run->idem));
	free_waiter(w);
	if (core_ask(core, CORE_STORE_HISTORY, &msg, msg.req, on_recalled, r, false) == NULL)
		finish_recall(r);
}

void
core_waiters_duplicate(struct core_run *run, const struct core_store_accepted *first)
{
	while (run->waiters != NULL) {
		if (first->state < RUN_DONE)
			reply_status(run->waiters, "in_flight");
		else if (first->state == RUN_DONE && run->waiters->what == WAIT_FIRST_AGENT)
			recall(run->waiters, first);
		else if (first->state == RUN_DONE)
			reply_status(run->waiters, "ok");
		else
			reply_error(run->waiters, span_from_cstr(summary_of(first->state)));
	}
}

/* ---- the last answer ---- */

static void
put_meta(struct args_out *out, const struct core_run *run)
{
	args_out_object(out, "meta");
	args_out_u64(out, "durationMs", run->started_ms == 0 ? 0 : ev_wall_ms() - run->started_ms);
	if (run->state == RUN_ABORTED)
		args_out_bool(out, "aborted", true);
	args_out_object(out, "agentMeta");
	args_out_str(out, "provider", core_provider_name(run->core));
	args_out_str(out, "model",
		run->model.len > 0 ? buf_span(&run->model) : core_model_name(run->core));
	args_out_object(out, "usage");
	args_out_u64(out, "input", run->tokens_in);
	args_out_u64(out, "output", run->tokens_out);
	args_out_u64(out, "total", run->tokens_in + run->tokens_out);
	args_out_end(out);
	args_out_end(out);
	args_out_end(out);
}

static void
reply_final(struct core_waiter *w)
{
	struct core_run *run = w->run;
	struct args_out out;
	struct buf b;

	if (run->state != RUN_DONE && run->state != RUN_ABORTED) {
		reply_error(w, buf_span(&run->final));
		return;
	}
	begin(&out, &b, buf_span(&run->idem), "ok");
	args_out_cstr(&out, "summary", run->state == RUN_DONE ? "completed" : "aborted");
	args_out_object(&out, "result");
	put_payloads(&out, buf_span(&run->final));
	put_meta(&out, run);
	args_out_end(&out);
	if (args_out_done(&out) == 0)
		core_reply_ok(steal_caller(w), buf_span(&b));
	buf_clear(&b);
	free_waiter(w);
}

void
core_wait_result(struct core_caller *caller, struct span run_id, unsigned state,
	uint64_t started_ms, struct span error)
{
	struct args_out out;
	struct buf b;

	begin(&out, &b, run_id, state == RUN_DONE ? "ok" : "error");
	if (started_ms != 0) {
		args_out_u64(&out, "startedAt", started_ms);
		args_out_u64(&out, "endedAt", ev_wall_ms());
	}
	if (state != RUN_DONE)
		args_out_str(
			&out, "error", error.len > 0 ? error : span_from_cstr(summary_of(state)));
	if (args_out_done(&out) == 0)
		core_reply_ok(caller, buf_span(&b));
	else
		core_caller_free(caller);
	buf_clear(&b);
}

void
core_waiters_final(struct core_run *run)
{
	struct core_waiter *next;

	for (struct core_waiter *w = run->waiters; w != NULL; w = next) {
		next = w->next;
		if (w->what == WAIT_FINAL) {
			reply_final(w);
		} else if (w->what == WAIT_STATUS) {
			core_wait_result(steal_caller(w), buf_span(&run->idem), run->state,
				run->started_ms,
				run->state == RUN_ABORTED ? SPAN("aborted")
							  : buf_span(&run->final));
			free_waiter(w);
		}
	}
}

void
core_waiters_free(struct core_run *run)
{
	/* free_waiter takes it out of the list, which the analyzer does not follow */
	while (run->waiters != NULL)       /* NOLINT(clang-analyzer-unix.Malloc) */
		free_waiter(run->waiters); /* NOLINT(clang-analyzer-unix.Malloc) */
}

void
core_wait_timeout(struct core_caller *caller, struct span run_id)
{
	struct args_out out;
	struct buf b;

	begin(&out, &b, run_id, "timeout");
	if (args_out_done(&out) == 0)
		core_reply_ok(caller, buf_span(&b));
	else
		core_caller_free(caller);
	buf_clear(&b);
}

void
core_run_wait(struct core_run *run, struct core_caller *caller, uint64_t timeout_ms)
{
	if (timeout_ms == 0)
		core_wait_timeout(caller, buf_span(&run->idem));
	else
		core_waiter_add(run, WAIT_STATUS, caller, timeout_ms);
}
