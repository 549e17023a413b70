#include "core/core_run.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/utf8.h"

#define AGAIN_DELAY_MS 50
#define SPAWN_NUDGE_MS 250
#define NOTE_INLINE 6144u
#define GATE_RETRY_MS 100

/* ---- gate ---- */

static void
open_at_gate(struct core_run *run)
{
	struct ipc_chan *gate = child_peer(run->core->child, KIND_GATE, 0);
	bool resumed =
		run->resumed || run->open_at_gate || run->gate_epoch != run->core->gate_epoch;

	if (gate == NULL)
		return;
	run->open_at_gate = true;
	(void)core_gate_run_open_send(gate, &(struct core_gate_run_open){.run = run->id,
						    .session = run->session_number,
						    .turn = resumed ? 0 : run->turn,
						    .principal = run->principal,
						    .resumed = resumed});
}

void
core_turn_drop(struct core *core, uint64_t turn)
{
	struct ipc_chan *gate = child_peer(core->child, KIND_GATE, 0);

	if (turn != 0 && gate != NULL)
		(void)core_gate_turn_drop_send(gate, &(struct core_gate_turn_drop){.turn = turn});
}

static void
on_wall(struct ev *ev, void *arg)
{
	struct core_run *run = arg;

	(void)ev;
	run->timer = 0;
	log_warn("run over its time: aborted", LOG_U("run", run->id));
	(void)core_run_abort(run, "timeout");
}

void
core_run_open(struct core_run *run)
{
	uint64_t wall = core_wall_ms(run->core);

	if (run->timeout_ms != 0 && run->timeout_ms < wall)
		wall = run->timeout_ms;
	run->slotted = true;
	run->phase = PHASE_OPENING;
	run->started_ms = ev_wall_ms();
	run->timer = ev_timer_start(run->core->ev, wall, on_wall, run);
	open_at_gate(run);
}

static void
on_nudge(struct ev *ev, void *arg)
{
	struct core_run *run = arg;

	(void)ev;
	run->nudge_timer = 0;
	if (run->phase == PHASE_SPAWNING && run->agent_asked)
		core_run_spawn(run, KIND_AGENT, run->id);
	else if (run->phase == PHASE_RUNNING && run->call.kind == CALL_MODEL &&
		 run->call.stage == STAGE_EGRESS)
		core_run_spawn(run, KIND_EGRESS, run->call.row);
}

static void
nudge_later(struct core_run *run)
{
	if (run->nudge_timer == 0)
		run->nudge_timer = ev_timer_start(run->core->ev, SPAWN_NUDGE_MS, on_nudge, run);
}

void
core_run_spawn(struct core_run *run, uint8_t kind, uint64_t instance)
{
	child_spawn(run->core->child, kind, instance);
	nudge_later(run);
}

static void
spawn(struct core_run *run)
{
	struct ipc_chan *agent = child_peer(run->core->child, KIND_AGENT, run->id);

	run->phase = PHASE_SPAWNING;
	if (run->agent_early && agent != NULL) {
		core_run_agent_up(run->core, agent);
		return;
	}
	run->agent_early = false;
	if (run->agent_asked) { /* it was asked for early and is on its way */
		nudge_later(run);
		return;
	}
	run->agent_asked = true;
	core_run_spawn(run, KIND_AGENT, run->id);
}

static void
on_open_again(struct ev *ev, void *arg)
{
	struct core_run *run = arg;

	(void)ev;
	run->retry_timer = 0;
	if (run->phase == PHASE_OPENING && !run->open_at_gate)
		open_at_gate(run);
}

void
core_run_opened(struct core_run *run, const struct core_gate_run_ready *msg)
{
	if (run->phase == PHASE_FINISHING)
		return;
	if (!msg->ok && msg->reason == REASON_LIMIT && run->phase == PHASE_OPENING &&
		run->retry_timer == 0) {
		/* Gate cannot write its lines down at the moment; the run has its time to wait. */
		run->open_at_gate = false;
		run->retry_timer = ev_timer_start(run->core->ev, GATE_RETRY_MS, on_open_again, run);
		return;
	}
	if (!msg->ok) {
		core_run_finish(run, RUN_FAILED, span_from_cstr(reason_name(msg->reason)),
			span_from_cstr(reason_text(msg->reason)));
		return;
	}
	if (msg->label.len == LABEL_PACKED_LEN)
		memcpy(run->label, msg->label.ptr, LABEL_PACKED_LEN);
	if (run->phase == PHASE_OPENING && run->method == METHOD_TOOLS_INVOKE)
		core_tool_direct(run);
	else if (run->phase == PHASE_OPENING)
		spawn(run);
	else if (run->call.kind != CALL_NONE && run->call.stage == STAGE_JUDGE && !run->call.asked)
		core_call_judge(run);
}

void
core_run_gate_up(struct core *core)
{
	for (struct core_run *r = core->runs; r != NULL; r = r->next) {
		if (r->phase != PHASE_ACCEPTING && r->phase != PHASE_QUEUED &&
			r->phase != PHASE_FINISHING)
			open_at_gate(r);
	}
}

/* What gate had allowed and nobody has carried out yet is asked anew: its warrants died with it. */
void
core_run_gate_gone(struct core *core)
{
	core->gate_epoch++;
	for (struct core_run *r = core->runs; r != NULL; r = r->next) {
		if (r->call.kind != CALL_NONE &&
			(r->call.stage == STAGE_JUDGE || r->call.stage == STAGE_MARK)) {
			r->call.stage = STAGE_JUDGE;
			r->call.asked = false;
		}
	}
}

/* ---- the history ---- */

void
core_held_free(struct core_run *run)
{
	struct core_held *h = run->held;

	if (h == NULL)
		return;
	buf_clear(&h->name);
	buf_clear(&h->call_id);
	buf_clear(&h->args);
	if (h->body >= 0)
		close(h->body);
	free(h);
	run->held = NULL;
}

static void
hold(struct core_run *run, const struct core_store_item *item)
{
	struct core_held *h = mem_alloc(1, sizeof(*h));

	core_held_free(run);
	buf_init(&h->name, 128);
	buf_init(&h->call_id, 128);
	buf_init(&h->args, ARGS_LEAVES_MAX * 4);
	(void)buf_put(&h->name, item->name);
	(void)buf_put(&h->call_id, item->call_id);
	(void)buf_put(&h->args, item->args);
	h->body = item->body >= 0 ? fcntl(item->body, F_DUPFD_CLOEXEC, 0) : -1;
	run->held = h;
}

/* In their order: what does not go into the pack goes behind it. */
static void
send_item(struct core_run *run, struct ipc_chan *agent, const struct core_agent_item *item)
{
	const struct ipc_message *row = ipc_message_find(&core_agent_proto, CORE_AGENT_ITEM);
	struct ipc_pack *pack = run->core->packing ? &run->core->pack : NULL;
	int rc = pack == NULL ? ERR_UNSUPPORTED : ipc_pack_put(pack, row, item);

	if (pack != NULL)
		run->core->pack_run = run->id;
	if (rc == ERR_FULL) {
		core_run_send_pack(run->core);
		rc = ipc_pack_put(pack, row, item);
	}
	if (rc == 0)
		return;
	core_run_send_pack(run->core);
	(void)core_agent_item_send(agent, item);
}

void
core_run_send_pack(struct core *core)
{
	struct ipc_chan *agent = child_peer(core->child, KIND_AGENT, core->pack_run);

	if (agent != NULL && core->pack.len > 0)
		(void)core_agent_items_send(
			agent, &(struct core_agent_items){
				       .data = span_of(core->pack.data, core->pack.len)});
	core->pack.len = 0;
}

static void
release_held(struct core_run *run, struct ipc_chan *agent, struct span call_id)
{
	struct core_held *h = run->held;

	if (h != NULL && span_eq(buf_span(&h->call_id), call_id))
		send_item(run, agent,
			&(struct core_agent_item){.role = ROLE_ASSISTANT,
				.kind = ITEM_TOOL_CALL,
				.name = buf_span(&h->name),
				.call_id = buf_span(&h->call_id),
				.args = buf_span(&h->args),
				.body = h->body});
	core_held_free(run);
}

/*
 * A call without a result was interrupted: the agent does not see it, and decides anew. What the owner of a client
 * added to the instructions holds for its own run only.
 */
static void
feed(struct core_run *run, struct ipc_chan *agent, const struct core_store_item *item)
{
	bool orphan = item->kind == ITEM_TOOL_RESULT &&
		      (run->held == NULL || !span_eq(buf_span(&run->held->call_id), item->call_id));

	if (item->kind == ITEM_TOOL_CALL) {
		hold(run, item);
		return;
	}
	release_held(run, agent, item->kind == ITEM_TOOL_RESULT ? item->call_id : SPAN_EMPTY);
	if (orphan || (item->role == ROLE_SYSTEM && item->run != run->id))
		return;
	send_item(run, agent,
		&(struct core_agent_item){.role = item->role,
			.kind = item->kind,
			.name = item->name,
			.call_id = item->call_id,
			.error = item->error,
			.args = item->args,
			.text = item->text,
			.body = item->body});
}

/* store began anew, and the message had been in its memory only. */
static int
message_lost(struct core_run *run)
{
	core_run_finish(run, RUN_REPORTED, SPAN("interrupted"),
		SPAN("Interrupted: the gateway started anew, and with session.persist false a "
		     "message is not kept. Please send it again."));
	return 0;
}

static int
on_history(struct core *core, struct core_ask *ask, uint16_t id, const void *m)
{
	struct core_run *run = ask->arg;
	struct ipc_chan *agent = child_peer(core->child, KIND_AGENT, run->id);

	if (id == CORE_ASK_AGAIN) {
		run->feed_at = 0;
		return 0;
	}
	if (id == CORE_STORE_ITEM) {
		if (run->feed_at++ < run->fed)
			return 0;
		run->fed++;
		if (agent != NULL)
			feed(run, agent, m);
		return 0;
	}
	if (id != CORE_STORE_DONE)
		return ERR_PROTO;
	run->feed = NULL;
	core_held_free(run);
	if (((const struct core_store_done *)m)->rc == ERR_NOTFOUND)
		return message_lost(run);
	if (agent != NULL) {
		(void)core_agent_go_send(agent, &(struct core_agent_go){});
		ipc_chan_set_state(agent, IPC_S_BUSY);
	}
	if (!run->lifecycle_started)
		core_event_lifecycle(run, "start", SPAN_EMPTY);
	run->lifecycle_started = true;
	return 0;
}

static void
ask_history(struct core_run *run)
{
	struct core_store_history msg = {.req = core_ask_req(run->core),
		.session_key = span_of(run->session->key, run->session->keylen),
		.session = run->session_number,
		.limit = RUN_HISTORY_ITEMS,
		.max_bytes = RUN_HISTORY_BYTES,
		.run = run->id,
		.packed = true};

	run->fed = 0;
	run->feed_at = 0;
	run->feed = core_ask(run->core, CORE_STORE_HISTORY, &msg, msg.req, on_history, run, false);
}

/* ---- the agent ---- */

static void
send_start(struct core_run *run, struct ipc_chan *agent)
{
	struct child *child = run->core->child;
	uint64_t offered = core_tools_offered(run->core);
	uint8_t tools[8];

	for (size_t i = 0; i < sizeof(tools); i++)
		tools[i] = (uint8_t)(offered >> (8 * i));
	(void)core_agent_start_send(agent,
		&(struct core_agent_start){.run = run->id,
			.provider = core_provider(run->core),
			.model = core_model_name(run->core),
			.max_tokens = (uint32_t)child_option_u64(child, "agent.max_tokens", 0),
			.now_ms = ev_wall_ms(),
			.agent_name = core_agent_name(run->core),
			.tools_allowed = span_of(tools, sizeof(tools)),
			.stream = child_option_bool(child, "agent.stream", true),
			.thinking = run->thinking,
			.timezone = child_option_str(child, "agent.timezone", SPAN("UTC"))});
}

void
core_run_agent_early(struct core_run *run)
{
	struct core *core = run->core;

	if (run->session->nruns > 1 || core->nruns > core_runs_at_once(core) || core->draining ||
		core->child->panic || !core->recovered)
		return;
	run->agent_asked = true;
	child_spawn(core->child, KIND_AGENT, run->id);
}

void
core_run_agent_up(struct core *core, struct ipc_chan *agent)
{
	struct core_run *run = core_run_by_id(core, ipc_chan_tag(agent));

	if (run != NULL && run->phase < PHASE_SPAWNING && run->agent_asked) {
		run->agent_early = true;
		return;
	}
	if (run == NULL || run->phase != PHASE_SPAWNING) {
		child_kill(core->child, KIND_AGENT, ipc_chan_tag(agent));
		return;
	}
	ev_timer_cancel(core->ev, run->retry_timer);
	run->retry_timer = 0;
	run->phase = PHASE_RUNNING;
	run->agent_up = true;
	run->agent_asked = false;
	run->agent_early = false;
	send_start(run, agent);
	ask_history(run);
}

static void
on_spawn_again(struct ev *ev, void *arg)
{
	struct core_run *run = arg;

	(void)ev;
	run->retry_timer = 0;
	spawn(run);
}

static void
report(struct core_run *run, const char *what)
{
	struct buf b = {.max = 1024};

	(void)buf_put_fmt(&b, "Interrupted: %s ended while ", what);
	(void)buf_put(&b, buf_span(&run->call.name));
	(void)buf_put_cstr(&b, " was running. It may or may not have taken effect, and was not "
			       "repeated. Please check, and ask again if "
			       "it is still needed.");
	core_run_finish(run, RUN_REPORTED, SPAN("interrupted"), buf_span(&b));
	buf_clear(&b);
}

static void
give_up(struct core_run *run, const char *what)
{
	struct buf b = {.max = 1024};

	(void)buf_put_fmt(&b,
		"Interrupted: %s ended %u times while answering. The message is kept; please ask "
		"again.",
		what, run->deaths);
	core_run_finish(run, RUN_REPORTED, SPAN("interrupted"), buf_span(&b));
	buf_clear(&b);
}

void
core_run_again(struct core_run *run, const char *what)
{
	bool effect =
		run->call.kind == CALL_TOOL && run->call.marked && run->call.stage == STAGE_EXECUTE;

	run->agent_up = false;
	run->agent_asked = false;
	run->deaths++;
	if (effect) {
		report(run, what);
		return;
	}
	if (run->deaths > RUN_DEATHS_MAX) {
		give_up(run, what);
		return;
	}
	core_tool_unmark(run);
	core_call_cancel(run);
	core_ask_forget(run->feed);
	run->feed = NULL;
	core_held_free(run);
	buf_reset(&run->text);
	run->told = 0;
	run->phase = PHASE_SPAWNING;
	ev_timer_cancel(run->core->ev, run->retry_timer);
	run->retry_timer = ev_timer_start(
		run->core->ev, (uint64_t)AGAIN_DELAY_MS * run->deaths, on_spawn_again, run);
}

void
core_run_agent_gone(struct core *core, uint64_t id)
{
	struct core_run *run = core_run_by_id(core, id);

	if (run != NULL)
		run->agent_up = run->agent_early = false;
	if (run != NULL && run->phase < PHASE_SPAWNING)
		run->agent_asked = false;
	if (run == NULL || run->phase != PHASE_RUNNING || core->draining)
		return;
	log_warn("agent ended without an answer", LOG_U("run", id),
		LOG_U("deaths", run->deaths + 1));
	core_run_again(run, "the agent process");
}

void
core_run_agent_refused(struct core *core, uint64_t id, int why)
{
	struct core_run *run = core_run_by_id(core, id);

	if (run != NULL && run->phase < PHASE_SPAWNING)
		run->agent_asked = false; /* when it begins it asks again */
	if (run == NULL || run->phase != PHASE_SPAWNING || !run->agent_asked)
		return;
	log_warn("no agent could be made", LOG_U("run", id), LOG_E("why", why));
	core_run_again(run, "the agent process");
}

int
core_run_note(struct core_run *run, const struct core_agent_note *msg)
{
	struct core_store_item_put item = {.role = ROLE_ASSISTANT, .kind = ITEM_TEXT};
	struct core_text text;
	int rc = core_text_open(&text, msg->text, msg->body, RUN_TEXT_MAX);

	if (rc < 0)
		return rc;
	core_event_flush(run);
	item.text = core_text_split(text.span, NOTE_INLINE, &item.body);
	core_run_item(run, &item);
	if (item.body >= 0)
		close(item.body);
	core_text_close(&text);
	buf_reset(&run->text);
	run->told = 0;
	return 0;
}

int
core_run_agent_finish(struct core_run *run, const struct core_agent_finish *msg)
{
	struct core_text text;
	int rc;

	if ((msg->outcome != RUN_DONE && msg->outcome != RUN_FAILED) || run->call.kind != CALL_NONE)
		return ERR_STATE;
	rc = core_text_open(&text, msg->text, msg->body, RUN_TEXT_MAX);
	if (rc < 0)
		return rc;
	if (!utf8_is_valid(text.span)) {
		core_text_close(&text);
		return ERR_UTF8;
	}
	run->tokens_in = msg->tokens_in;
	run->tokens_out = msg->tokens_out;
	(void)buf_put(&run->model, msg->model);
	core_run_finish(run, (enum run_state)msg->outcome, SPAN_EMPTY, text.span);
	core_text_close(&text);
	return 0;
}
