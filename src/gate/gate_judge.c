#include "gate/gate.h"

#include "base/weak.h"

#define BIT(n) (1u << (n))

/*
 * What each effect is: who carries it out, which destinations it has, and why it is consequential. An effect without a row
 * (executor 0) does not exist. Cells have no network: what a program does in the workspace stays there, but it may delete what it
 * likes of it. A WRITE of a tainted run replaces nothing: its warrant says so by the run's label, and sandbox holds it to that.
 */
struct effect_row {
	uint8_t executor;
	uint32_t dests;
	bool is_tool;
	bool leaves; /* something gets out to the destination's readers */
	bool lasts;  /* deletes, or changes what later runs are told */
};

static const struct effect_row effects[EFFECT_N] = {
	[EFFECT_MODEL] = {KIND_EGRESS, BIT(DEST_PROVIDER), .leaves = true},
	[EFFECT_PURE] = {KIND_SANDBOX, BIT(DEST_NONE) | BIT(DEST_WORKSPACE), .is_tool = true},
	[EFFECT_READ] = {KIND_SANDBOX, BIT(DEST_WORKSPACE), .is_tool = true},
	[EFFECT_WRITE] = {KIND_SANDBOX, BIT(DEST_WORKSPACE), .is_tool = true},
	[EFFECT_DELETE] = {KIND_SANDBOX, BIT(DEST_WORKSPACE), .is_tool = true, .lasts = true},
	[EFFECT_EXEC] = {KIND_SANDBOX, BIT(DEST_WORKSPACE), .is_tool = true, .lasts = true},
	[EFFECT_REMEMBER] = {KIND_STORE, BIT(DEST_MEMORY), .is_tool = true, .lasts = true},
	[EFFECT_RECALL] = {KIND_STORE, BIT(DEST_MEMORY), .is_tool = true},
	[EFFECT_REPLY] = {KIND_EGRESS, BIT(DEST_TURN), .is_tool = true, .leaves = true},
	[EFFECT_SEND] = {KIND_EGRESS, BIT(DEST_CHAT), .is_tool = true, .leaves = true},
	[EFFECT_FETCH] = {KIND_EGRESS, BIT(DEST_HOST), .is_tool = true, .leaves = true},
};

static struct gate_answer
answer(enum verdict verdict, enum reason reason)
{
	return (struct gate_answer){.verdict = (uint8_t)verdict, .reason = (uint8_t)reason};
}

/* Counts first, so that asking in vain ends too. */
static bool
take_budget(const struct gate_policy *p, struct gate_spend *s, bool is_tool, uint64_t tokens)
{
	uint32_t *calls = is_tool ? &s->tool_calls : &s->model_calls;
	uint32_t most = is_tool ? p->tool_calls : p->model_calls;

	if (*calls < UINT32_MAX)
		(*calls)++;
	if (__builtin_add_overflow(s->tokens, tokens, &s->tokens))
		s->tokens = UINT64_MAX;
	return *calls <= most && s->tokens <= p->tokens;
}

/* The tool's row says what it does: core cannot call a deletion a look. */
static enum reason
judge_tool(const struct gate_policy *p, const struct effect_row *row, const struct gate_ask *a)
{
	if (!row->is_tool)
		return a->tool == 0 ? REASON_ALLOWED : REASON_TOOL_UNKNOWN;
	if (a->tool == 0 || a->tool >= p->ntools || a->tool >= 64 ||
		p->tools[a->tool].effect != a->effect)
		return REASON_TOOL_UNKNOWN;
	if (WEAK(TOOL_POLICY))
		return REASON_ALLOWED;
	if ((p->deny >> a->tool & 1) != 0)
		return REASON_TOOL_DENIED;
	return (p->allow >> a->tool & 1) != 0 ? REASON_ALLOWED : REASON_TOOL_NOT_ALLOWED;
}

static bool
is_number(struct span id, uint64_t n)
{
	uint8_t want[WARRANT_NUMBER_LEN];

	warrant_number(n, want);
	return span_eq(id, span_of(want, sizeof(want)));
}

/* Is the destination one that this run may have, and the executor the one that serves it. */
static bool
is_destination(const struct gate_policy *p, const struct gate_run *run,
	const struct effect_row *row, const struct gate_ask *a)
{
	if (a->dest_kind >= 32 || (row->dests & BIT(a->dest_kind)) == 0 ||
		a->dest.len > GATE_ID_MAX)
		return false;
	switch ((enum dest_kind)a->dest_kind) {
	case DEST_NONE:
		return a->dest.len == 0 && a->instance == run->agent;
	case DEST_WORKSPACE:
		return is_number(a->dest, run->agent) && a->instance == run->agent;
	case DEST_MEMORY:
		return span_eq(a->dest, SPAN("memory")) && a->instance == 0;
	case DEST_PROVIDER:
		return a->instance < 64 && (p->providers >> a->instance & 1) != 0 &&
		       is_number(a->dest, a->instance);
	case DEST_TURN:
		return is_number(a->dest, run->session_key);
	case DEST_HOST:
	case DEST_CHAT:
		return a->dest.len > 0;
	}
	return false;
}

/* Who will be able to read what goes there. A provider that the owner configured reads on the owner's behalf. */
static struct label
readers_of(const struct gate_ask *a)
{
	struct label l = {.integrity = LABEL_OWNER_TYPED, .readers_kind = LABEL_PUBLIC};

	if (a->dest_kind == DEST_PROVIDER || a->dest_kind == DEST_TURN)
		l.readers_kind = LABEL_READ_OWNER;
	return l;
}

static struct gate_id *
typed_id(const struct gate_run *run, const struct gate_ask *a)
{
	for (size_t i = 0; i < run->nids; i++) {
		struct gate_id *id = &run->ids[i];

		if (!id->used && id->verb == a->effect && id->kind == a->dest_kind &&
			span_eq(span_of(id->id, id->len), a->dest))
			return id;
	}
	return NULL;
}

/* The rule about tainted runs: control over the destination, and flow to its readers. */
static struct gate_answer
judge_labels(const struct gate_run *run, const struct effect_row *row, const struct gate_ask *a)
{
	bool tainted = label_is_tainted(run->label) && !WEAK(LABEL_RULES);
	struct gate_answer yes = answer(VERDICT_ALLOW, REASON_ALLOWED);

	if (row->lasts && tainted)
		return answer(VERDICT_ASK, REASON_TAINTED);
	if (!row->leaves)
		return yes;
	if (!label_is_valid(run->label) || run->label.readers_kind == LABEL_SECRET)
		return answer(VERDICT_DENY, REASON_FLOW);
	if (!label_may_flow(run->label, readers_of(a)))
		return answer(VERDICT_ASK, REASON_FLOW);
	if (a->dest_kind == DEST_PROVIDER || a->dest_kind == DEST_TURN)
		return yes;
	yes.id = typed_id(run, a);
	return yes.id != NULL ? yes : answer(VERDICT_ASK, tainted ? REASON_TAINTED : REASON_ASK);
}

struct gate_answer
gate_judge(const struct gate_policy *p, struct gate_run *run, const struct gate_ask *a)
{
	const struct effect_row *row;
	struct gate_answer out;
	enum reason reason;

	if (run == NULL || run->state != GATE_RUN_OPEN)
		return answer(VERDICT_DENY, REASON_RUN_UNKNOWN);
	if (a->panic)
		return answer(VERDICT_DENY, REASON_PANIC);
	if (a->effect >= EFFECT_N || effects[a->effect].executor == 0)
		return answer(VERDICT_DENY, REASON_NONE);
	row = &effects[a->effect];
	if (!take_budget(p, &run->spend, row->is_tool, a->tokens) && !WEAK(BUDGET))
		return answer(VERDICT_DENY, REASON_BUDGET);
	reason = judge_tool(p, row, a);
	if (reason != REASON_ALLOWED)
		return answer(VERDICT_DENY, reason);
	if (a->executor != row->executor || !a->ready)
		return answer(VERDICT_DENY, REASON_EXECUTOR);
	if (!is_destination(p, run, row, a))
		return answer(VERDICT_DENY, REASON_DESTINATION);
	out = judge_labels(run, row, a);
	if (out.id != NULL)
		out.id->used = true;
	return out;
}
