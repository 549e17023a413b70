/*
 * Write-ahead: a verdict leaves when its line is in the audit log, and not before; a yes becomes a warrant only then. So there is no
 * warrant, and no effect, without a line, whoever is killed at whatever moment.
 */
#include "gate/gate.h"

#include <string.h>

#include "base/err.h"
#include "base/log.h"

_Static_assert(WARRANT_LABEL_LEN == LABEL_PACKED_LEN, "a warrant carries a packed label");

static bool
executor_is_ready(struct gate *g, const struct gate_executor *e, uint8_t kind, uint64_t instance)
{
	return e != NULL && child_peer(g->child, kind, instance) != NULL;
}

static void
send_verdict(struct ipc_chan *core, uint64_t run, uint64_t call, struct gate_answer a,
	struct span warrant)
{
	(void)core_gate_verdict_send(core, &(struct core_gate_verdict){.run = run,
						   .call = call,
						   .verdict = a.verdict,
						   .reason = a.reason,
						   .warrant = warrant});
}

static struct audit_writer_line
line_of(const struct gate_held *h)
{
	return (struct audit_writer_line){.event = AUDIT_VERDICT,
		.verdict = h->answer.verdict,
		.reason = h->answer.reason,
		.principal = h->principal,
		.run = h->warrant.run,
		.call = h->warrant.call,
		.tool = h->warrant.tool,
		.peer = h->executor,
		.instance = h->instance,
		.number = h->warrant.effect,
		.hash = span_of(h->warrant.plan, sizeof(h->warrant.plan))};
}

/* What was true when it was judged must be true still: much can have ended while the line was on its way. */
static enum reason
why_not_now(struct gate *g, const struct gate_held *h, const struct gate_executor *e)
{
	const struct gate_run *run = gate_run_find(g, h->warrant.run);

	if (g->child->panic)
		return REASON_PANIC;
	if (run == NULL || run->state != GATE_RUN_OPEN)
		return REASON_RUN_UNKNOWN;
	if (!label_is_equal(run->label, h->label))
		return REASON_TAINTED;
	return executor_is_ready(g, e, h->executor, h->instance) ? REASON_ALLOWED : REASON_EXECUTOR;
}

/* A no after the line that says yes: it is written down, too. */
static void
take_back(struct gate *g, struct gate_held *h, enum reason reason)
{
	struct audit_writer_line line;

	h->answer = (struct gate_answer){.verdict = VERDICT_DENY, .reason = (uint8_t)reason};
	line = line_of(h);
	(void)witness_line(g->witness, &line);
}

static void
on_kept(void *arg, int rc)
{
	struct gate_held *h = arg;
	struct gate *g = h->gate;
	struct ipc_chan *core = child_peer(g->child, KIND_CORE, 0);
	struct gate_executor *e = gate_key_find(&g->keys, h->executor, h->instance);
	enum reason reason = rc < 0 ? REASON_AUDIT : why_not_now(g, h, e);
	uint8_t warrant[WARRANT_LEN];
	bool yes = h->answer.verdict == VERDICT_ALLOW;

	if (yes && reason == REASON_ALLOWED &&
		gate_key_warrant(e, &h->warrant, ev_now_ms(g->child->ev), warrant) < 0)
		reason = REASON_EXECUTOR;
	if (yes && reason != REASON_ALLOWED)
		take_back(g, h, reason);
	if (core != NULL)
		send_verdict(core, h->warrant.run, h->warrant.call, h->answer,
			h->answer.verdict == VERDICT_ALLOW ? span_of(warrant, sizeof(warrant))
							   : SPAN_EMPTY);
	if (yes && h->answer.verdict == VERDICT_ALLOW && h->warrant.effect == EFFECT_REMEMBER)
		gate_run_find(g, h->warrant.run)->remember = h->warrant.call;
	h->gate = NULL;
}

static struct gate_held *
held_slot(struct gate *g)
{
	for (size_t i = 0; i < GATE_HELD_N; i++) {
		if (g->held[i].gate == NULL)
			return &g->held[i];
	}
	return NULL;
}

static void
judge(struct gate *g, struct ipc_chan *core, const struct core_gate_judge *m)
{
	struct gate_executor *e = gate_key_find(&g->keys, m->executor, m->instance);
	struct gate_run *run = gate_run_find(g, m->run);
	const struct gate_ask ask = {.effect = m->effect,
		.tool = m->tool,
		.executor = m->executor,
		.instance = m->instance,
		.dest_kind = m->dest_kind,
		.dest = m->dest,
		.tokens = m->tokens,
		.panic = g->child->panic,
		.ready = executor_is_ready(g, e, m->executor, m->instance)};
	struct gate_held *h = held_slot(g);
	struct audit_writer_line line;

	if (h == NULL || !witness_has_room(g->witness) || m->plan.len != WARRANT_HASH_LEN) {
		send_verdict(core, m->run, m->call,
			(struct gate_answer){.verdict = VERDICT_DENY, .reason = REASON_LIMIT},
			SPAN_EMPTY);
		return;
	}
	*h = (struct gate_held){.gate = g,
		.executor = m->executor,
		.instance = m->instance,
		.principal = run == NULL ? 0 : run->principal,
		.label = run == NULL ? gate_label_doubtful : run->label,
		.answer = gate_judge(&g->policy, run, &ask),
		.warrant = {.effect = m->effect,
			.tool = m->tool,
			.run = m->run,
			.call = m->call,
			.dest_kind = m->dest_kind}};
	memcpy(h->warrant.plan, m->plan.ptr, WARRANT_HASH_LEN);
	label_pack(h->label, h->warrant.label);
	warrant_dest(m->dest_kind, m->dest, h->warrant.dest);
	if (run != NULL && run->state == GATE_RUN_OPEN)
		gate_row_put(g, &run->row, false);
	line = line_of(h);
	(void)witness_line_then(g->witness, &line, on_kept, h); /* there is room */
}

/* ---- executors that are being wired ---- */

static void
forget(struct gate_asked *a)
{
	ev_timer_cancel(a->gate->child->ev, a->timer);
	*a = (struct gate_asked){0};
}

/* However it stands now: what is not there by then gets a no. */
static void
judge_asked(struct gate_asked *a)
{
	struct gate *g = a->gate;
	struct gate_asked asked = *a;
	struct ipc_chan *core = child_peer(g->child, KIND_CORE, 0);

	asked.ask.plan = span_of(asked.plan, a->ask.plan.len);
	asked.ask.dest = span_of(asked.dest, a->ask.dest.len);
	forget(a);
	if (core != NULL)
		judge(g, core, &asked.ask);
}

static void
on_late(struct ev *ev, void *arg)
{
	struct gate_asked *a = arg;

	(void)ev;
	a->timer = 0;
	judge_asked(a);
}

void
gate_verdict_executor_up(struct gate *g, uint8_t kind)
{
	for (size_t i = 0; i < GATE_ASKED_N; i++) {
		struct gate_asked *a = &g->asked[i];

		if (a->gate != NULL && a->ask.executor == kind &&
			executor_is_ready(g, gate_key_find(&g->keys, kind, a->ask.instance), kind,
				a->ask.instance))
			judge_asked(a);
	}
}

/* May it come yet: core and gate hear of a new executor over sockets of their own, in any order. */
static bool
wait_for_executor(struct gate *g, const struct core_gate_judge *m)
{
	const struct gate_run *run = gate_run_find(g, m->run);

	if (g->child->panic || run == NULL || run->state != GATE_RUN_OPEN ||
		(m->executor != KIND_EGRESS && m->executor != KIND_SANDBOX) ||
		m->plan.len > WARRANT_HASH_LEN || m->dest.len > GATE_ID_MAX ||
		executor_is_ready(g, gate_key_find(&g->keys, m->executor, m->instance), m->executor,
			m->instance))
		return false;
	for (size_t i = 0; i < GATE_ASKED_N; i++) {
		struct gate_asked *a = &g->asked[i];

		if (a->gate != NULL)
			continue;
		*a = (struct gate_asked){.gate = g, .ask = *m};
		memcpy(a->plan, m->plan.ptr, m->plan.len);
		memcpy(a->dest, m->dest.ptr, m->dest.len);
		a->timer = ev_timer_start(g->child->ev, PEER_WAIT_MS, on_late, a);
		return true;
	}
	return false;
}

void
gate_verdict_judge(struct gate *g, struct ipc_chan *core, const struct core_gate_judge *m)
{
	if (!wait_for_executor(g, m))
		judge(g, core, m);
}

void
gate_verdict_drop(struct gate *g)
{
	for (size_t i = 0; i < GATE_ASKED_N; i++) {
		if (g->asked[i].gate != NULL)
			forget(&g->asked[i]);
	}
	for (size_t i = 0; i < GATE_HELD_N; i++) {
		if (g->held[i].gate != NULL)
			witness_cancel(g->witness, &g->held[i]);
		g->held[i].gate = NULL;
	}
}
