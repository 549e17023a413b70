#include "core/core.h"

#include <unistd.h>

#define EVENT_INLINE 12288u

/* ---- to every edge ---- */

struct fanout {
	const struct edge_core_event *event;
	unsigned dropped;
};

static void
send_one(struct child *child, struct ipc_chan *edge, void *arg)
{
	struct fanout *f = arg;

	(void)child;
	if (edge_core_event_send(edge, f->event) == ERR_FULL)
		f->dropped++;
}

void
core_event_send(struct core *core, enum event event, bool droppable, struct span run,
	struct span session, struct span args)
{
	struct edge_core_event msg = {.event = (uint8_t)event,
		.number = ++core->event_number,
		.scopes = event_rows[event].scope,
		.droppable = droppable,
		.run = run,
		.session = session};
	struct fanout f = {.event = &msg};

	msg.args = core_text_split(args, EVENT_INLINE, &msg.body);
	child_peers(core->child, KIND_USER, send_one, &f);
	if (f.dropped > 0 && !droppable)
		log_warn("event not delivered to a slow edge",
			LOG_C("event", event_rows[event].name), LOG_U("edges", f.dropped));
	if (msg.body >= 0)
		close(msg.body);
}

/* ---- agent events ---- */

static void
begin(struct core_run *run, struct args_out *out, struct buf *b, const char *stream)
{
	core_args_init(out, b);
	args_out_str(out, "runId", buf_span(&run->idem));
	args_out_u64(out, "seq", ++run->seq);
	args_out_cstr(out, "stream", stream);
	args_out_u64(out, "ts", ev_wall_ms());
	args_out_str(out, "sessionKey", buf_span(&run->spelling));
	args_out_object(out, "data");
}

static void
finish(struct core_run *run, struct args_out *out, struct buf *b)
{
	args_out_end(out);
	if (args_out_done(out) == 0)
		core_event_send(run->core, EVENT_AGENT, false, buf_span(&run->idem),
			buf_span(&run->spelling), buf_span(b));
	buf_clear(b);
}

void
core_event_lifecycle(struct core_run *run, const char *phase, struct span error)
{
	struct args_out out;
	struct buf b;

	begin(run, &out, &b, "lifecycle");
	args_out_cstr(&out, "phase", phase);
	if (run->started_ms != 0)
		args_out_u64(&out, "startedAt", run->started_ms);
	if (error.len > 0)
		args_out_str(&out, "error", error);
	if (phase[0] != 's')
		args_out_u64(&out, "endedAt", ev_wall_ms());
	finish(run, &out, &b);
}

void
core_event_tool_start(struct core_run *run, struct span args)
{
	struct args_out out;
	struct buf b;

	if (run->quiet)
		return;
	begin(run, &out, &b, "tool");
	args_out_cstr(&out, "phase", "start");
	args_out_str(&out, "name", buf_span(&run->call.name));
	args_out_str(&out, "toolCallId", buf_span(&run->call.call_id));
	args_out_object(&out, "args");
	core_args_graft(&out, args);
	args_out_end(&out);
	finish(run, &out, &b);
}

/* One {type:"text", text} in an array. */
static void
put_content(struct args_out *out, struct span text)
{
	args_out_array(out, "content");
	args_out_object(out, NULL);
	args_out_cstr(out, "type", "text");
	args_out_str(out, "text", text);
	args_out_end(out);
	args_out_end(out);
}

void
core_event_tool_result(struct core_run *run, bool ok, struct span text)
{
	struct args_out out;
	struct buf b;

	if (run->quiet)
		return;
	begin(run, &out, &b, "tool");
	args_out_cstr(&out, "phase", "result");
	args_out_str(&out, "name", buf_span(&run->call.name));
	args_out_str(&out, "toolCallId", buf_span(&run->call.call_id));
	args_out_bool(&out, "isError", !ok);
	args_out_object(&out, "result");
	put_content(&out, text);
	args_out_end(&out);
	finish(run, &out, &b);
}

/* ---- chat events ---- */

static void
put_message(struct args_out *out, struct span text)
{
	args_out_object(out, "message");
	args_out_cstr(out, "role", "assistant");
	put_content(out, text);
	args_out_u64(out, "timestamp", ev_wall_ms());
	args_out_end(out);
}

static void
begin_chat(struct core_run *run, struct args_out *out, struct buf *b, const char *state)
{
	core_args_init(out, b);
	args_out_str(out, "runId", buf_span(&run->idem));
	args_out_str(out, "sessionKey", buf_span(&run->spelling));
	args_out_u64(out, "seq", run->seq);
	args_out_cstr(out, "state", state);
}

static void
finish_chat(struct core_run *run, struct args_out *out, struct buf *b, bool droppable)
{
	if (args_out_done(out) == 0)
		core_event_send(run->core, EVENT_CHAT, droppable, buf_span(&run->idem),
			buf_span(&run->spelling), buf_span(b));
	buf_clear(b);
}

void
core_event_flush(struct core_run *run)
{
	struct args_out out;
	struct buf b;

	ev_timer_cancel(run->core->ev, run->delta_timer);
	run->delta_timer = 0;
	if (run->told >= run->text.len)
		return;
	begin(run, &out, &b, "assistant");
	args_out_str(&out, "text", buf_span(&run->text));
	args_out_str(&out, "delta", span_sub(buf_span(&run->text), run->told, SIZE_MAX));
	finish(run, &out, &b);
	begin_chat(run, &out, &b, "delta");
	put_message(&out, buf_span(&run->text));
	finish_chat(run, &out, &b, true);
	run->told = run->text.len;
	run->delta_at = ev_now_ms(run->core->ev);
}

static void
on_delta_timer(struct ev *ev, void *arg)
{
	struct core_run *run = arg;

	(void)ev;
	run->delta_timer = 0;
	core_event_flush(run);
}

void
core_event_delta(struct core_run *run, struct span text)
{
	uint64_t now = ev_now_ms(run->core->ev);

	(void)buf_put(&run->text, text);
	if (run->delta_timer != 0)
		return;
	if (run->delta_at == 0 || now - run->delta_at >= CHAT_DELTA_MS)
		core_event_flush(run);
	else
		run->delta_timer = ev_timer_start(
			run->core->ev, CHAT_DELTA_MS - (now - run->delta_at), on_delta_timer, run);
}

/* The one final event of a run, by its state. */
void
core_event_chat_end(struct core_run *run)
{
	struct span final = buf_span(&run->final);
	struct args_out out;
	struct buf b;

	if (run->state == RUN_DONE) {
		begin_chat(run, &out, &b, "final");
	} else if (run->state == RUN_ABORTED) {
		begin_chat(run, &out, &b, "aborted");
		args_out_str(&out, "stopReason", buf_span(&run->reason));
	} else {
		begin_chat(run, &out, &b, "error");
		args_out_str(&out, "errorMessage", final);
		final = SPAN_EMPTY;
	}
	if (final.len > 0)
		put_message(&out, final);
	finish_chat(run, &out, &b, false);
}

void
core_event_chat_note(struct core *core, struct span run_id, struct span session, struct span text)
{
	struct args_out out;
	struct buf b;

	core_args_init(&out, &b);
	args_out_str(&out, "runId", run_id);
	args_out_str(&out, "sessionKey", session);
	args_out_u64(&out, "seq", 0);
	args_out_cstr(&out, "state", "final");
	put_message(&out, text);
	if (args_out_done(&out) == 0)
		core_event_send(core, EVENT_CHAT, false, run_id, session, buf_span(&b));
	buf_clear(&b);
}

/* ---- the tick ---- */

static void
on_tick(struct ev *ev, void *arg)
{
	struct core *core = arg;
	struct args_out out;
	struct buf b;

	core->tick_timer = ev_timer_start(ev, EDGE_TICK_MS, on_tick, core);
	core_args_init(&out, &b);
	args_out_u64(&out, "ts", ev_wall_ms());
	if (args_out_done(&out) == 0)
		core_event_send(core, EVENT_TICK, true, SPAN_EMPTY, SPAN_EMPTY, buf_span(&b));
	buf_clear(&b);
}

void
core_event_tick_start(struct core *core)
{
	core->tick_timer = ev_timer_start(core->ev, EDGE_TICK_MS, on_tick, core);
}
