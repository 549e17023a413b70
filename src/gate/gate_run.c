#include "gate/gate.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/weak.h"

const struct label gate_label_new = {.integrity = LABEL_OWNER, .readers_kind = LABEL_READ_OWNER};
const struct label gate_label_doubtful = {
	.integrity = LABEL_UNTRUSTED, .readers_kind = LABEL_READ_OWNER};

/* ---- sessions ---- */

static struct gate_session *
session_slot(struct gate *g)
{
	struct gate_session *oldest = NULL;

	for (size_t i = 0; i < g->nsessions; i++) {
		struct gate_session *s = &g->sessions[i];

		if (s->session == 0)
			return s;
		if (s->refs == 0 && s->row.put_req == 0 &&
			(oldest == NULL || s->used_ms < oldest->used_ms))
			oldest = s;
	}
	return g->nsessions < GATE_SESSIONS_MAX ? &g->sessions[g->nsessions++] : oldest;
}

struct gate_session *
gate_session_take(struct gate *g, uint64_t session)
{
	struct gate_session *s = NULL;

	for (size_t i = 0; i < g->nsessions && s == NULL; i++) {
		if (g->sessions[i].session == session)
			s = &g->sessions[i];
	}
	if (s == NULL) {
		s = session_slot(g);
		if (s == NULL)
			return NULL;
		*s = (struct gate_session){.row = {.table = GATE_SESSION_LABELS, .key = session},
			.session = session,
			.label = gate_label_new};
		gate_row_fetch(g, &s->row);
	}
	s->used_ms = ev_now_ms(g->child->ev);
	s->refs++;
	return s;
}

size_t
gate_session_value(const struct gate_session *s, uint8_t out[GATE_VALUE_MAX])
{
	label_pack(s->label, out);
	return LABEL_PACKED_LEN;
}

/* ---- runs ---- */

struct gate_run *
gate_run_find(struct gate *g, uint64_t run)
{
	for (size_t i = 0; i < g->nruns; i++) {
		if (g->runs[i].state != GATE_RUN_FREE && g->runs[i].run == run)
			return &g->runs[i];
	}
	return NULL;
}

static void
put_number(uint8_t **at, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		*(*at)++ = (uint8_t)(v >> (8 * i));
}

static uint64_t
get_number(const uint8_t **at, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v |= (uint64_t) * (*at)++ << (8 * i);
	return v;
}

size_t
gate_run_value(const struct gate_run *run, uint8_t out[GATE_VALUE_MAX])
{
	uint8_t *at = out + LABEL_PACKED_LEN;

	label_pack(run->label, out);
	put_number(&at, run->session_key, 8);
	put_number(&at, run->spend.tool_calls, 4);
	put_number(&at, run->spend.model_calls, 4);
	put_number(&at, run->spend.tokens, 8);
	return GATE_VALUE_MAX;
}
_Static_assert(GATE_VALUE_MAX == LABEL_PACKED_LEN + 8 + 4 + 4 + 8,
	"GATE_VALUE_MAX does not fit a run's row");

static void
audit_run(struct gate *g, const struct gate_run *run, enum audit_event event)
{
	(void)witness_line(g->witness, &(struct audit_writer_line){.event = (uint8_t)event,
					       .principal = run->principal,
					       .run = run->run,
					       .number = (int64_t)run->label.integrity,
					       .text = SPAN_EMPTY});
}

static void
send_ready(struct gate *g, uint64_t run, bool ok, enum reason reason, struct label label)
{
	struct ipc_chan *core = child_peer(g->child, KIND_CORE, 0);
	uint8_t packed[LABEL_PACKED_LEN];

	label_pack(label, packed);
	if (core != NULL)
		(void)core_gate_run_ready_send(
			core, &(struct core_gate_run_ready){.run = run,
				      .ok = ok,
				      .reason = (uint8_t)reason,
				      .label = span_of(packed, sizeof(packed))});
}

static void
run_clear(struct gate_run *run)
{
	if (run->session != NULL)
		run->session->refs--;
	free(run->ids);
	*run = (struct gate_run){0};
}

/* Both rows are here: the run begins with the join of its turn, its session and what it was before. */
static void
run_begin(struct gate *g, struct gate_run *run)
{
	if (run->state != GATE_RUN_OPENING || run->row.get_req != 0 ||
		run->session->row.get_req != 0)
		return;
	run->label = label_join(run->label, run->session->label);
	run->state = GATE_RUN_OPEN;
	gate_row_put(g, &run->row,
		false); /* lost, it counts as the worst label: nothing need wait for it */
	audit_run(g, run, AUDIT_RUN_OPEN);
	send_ready(g, run->run, true, REASON_ALLOWED, run->label);
}

static const uint8_t *
row_key(const struct gate *g)
{
	return g->has_row_key ? g->row_key : NULL;
}

/* Is it what gate wrote last: the row, or that there is none. */
static bool
session_is_as_left(const struct gate *g, uint64_t session, const struct gate_store_row *m,
	uint64_t *seen, struct label *stored)
{
	*stored = gate_label_new;
	if (gate_seen_get(g, session, seen) < 0)
		return false;
	if (!m->found)
		return *seen == 0;
	return m->version >= *seen && label_unpack(m->value, stored) == 0 &&
	       (WEAK(SESSION_LABEL) ||
		       gate_row_is_good(row_key(g), GATE_SESSION_LABELS, session, m));
}

void
gate_session_fetched(struct gate *g, struct gate_session *s, const struct gate_store_row *m)
{
	struct label stored;
	uint64_t seen = 0;
	bool doubtful = !session_is_as_left(g, s->session, m, &seen, &stored);

	if (doubtful) {
		log_warn("the label of a session is not as it was written: it counts as untrusted",
			LOG_U("session", s->session), LOG_U("version", m->version),
			LOG_U("written", seen));
		stored = gate_label_doubtful;
	}
	s->row.version = m->version > seen ? m->version : seen;
	s->label = label_join(s->label, stored);
	if (doubtful || !label_is_equal(s->label, stored))
		gate_row_put(g, &s->row, true);
	gate_run_stored(g);
	for (size_t i = 0; i < g->nruns; i++) {
		if (g->runs[i].session == s)
			run_begin(g, &g->runs[i]);
	}
}

/* What the run was when gate or core ended; without a row that can be believed it has read anything, and spent one call. */
void
gate_run_fetched(struct gate *g, struct gate_run *run, const struct gate_store_row *m)
{
	struct label stored;
	const uint8_t *at;

	run->row.version = m->version;
	run->label = gate_label_doubtful;
	run->spend = (struct gate_spend){.tool_calls = 1, .model_calls = 1};
	at = m->value.len == GATE_VALUE_MAX ? m->value.ptr + LABEL_PACKED_LEN : NULL;
	if (m->found && at != NULL && gate_row_is_good(row_key(g), GATE_SPEND, run->run, m) &&
		label_unpack(span_sub(m->value, 0, LABEL_PACKED_LEN), &stored) == 0 &&
		get_number(&at, 8) == run->session_key) {
		run->label = stored; /* what its turn said is in it */
		run->spend.tool_calls = (uint32_t)get_number(&at, 4);
		run->spend.model_calls = (uint32_t)get_number(&at, 4);
		run->spend.tokens = get_number(&at, 8);
	}
	run_begin(g, run);
}

static struct gate_run *
run_slot(struct gate *g)
{
	for (size_t i = 0; i < g->nruns; i++) {
		if (g->runs[i].state == GATE_RUN_FREE)
			return &g->runs[i];
	}
	return g->nruns < GATE_RUNS_MAX ? &g->runs[g->nruns++] : NULL;
}

/* Takes what the turn says into the run; a turn is for one run. */
static void
run_take_turn(struct gate_run *run, struct gate_turn *t)
{
	run->label = gate_label_doubtful;
	if (t == NULL)
		return;
	run->label.integrity = t->integrity;
	run->ids = t->ids;
	run->nids = t->nids;
	t->ids = NULL;
	gate_turn_clear(t);
}

static enum reason
run_open(struct gate *g, const struct core_gate_run_open *m)
{
	struct gate_turn *t = gate_turn_find(g, m->turn);
	struct gate_run *run;

	if (g->child->panic)
		return REASON_PANIC;
	if (m->run == 0 || m->session == 0 || gate_run_find(g, m->run) != NULL)
		return REASON_RUN_UNKNOWN;
	if (PRINCIPAL_KIND(m->principal) == PRINCIPAL_NONE ||
		(t != NULL && t->principal != m->principal))
		return REASON_SCOPE;
	if (!witness_has_room(g->witness))
		return REASON_LIMIT;
	run = run_slot(g);
	if (run == NULL)
		return REASON_LIMIT;
	*run = (struct gate_run){.row = {.table = GATE_SPEND, .key = m->run},
		.state = GATE_RUN_OPENING,
		.run = m->run,
		.turn = m->turn,
		.principal = m->principal,
		.agent = m->agent,
		.resumed = m->resumed,
		.session_key = m->session};
	run->session = gate_session_take(g, m->session);
	if (run->session == NULL) {
		run_clear(run);
		return REASON_LIMIT;
	}
	/* A turn that is still here was never run, so there is nothing that this run could have read before. */
	if (m->resumed && t == NULL)
		gate_row_fetch(g, &run->row);
	run_take_turn(run, t);
	run_begin(g, run);
	return REASON_ALLOWED;
}

int
gate_run_open(struct gate *g, const struct core_gate_run_open *m)
{
	enum reason reason = run_open(g, m);

	if (reason != REASON_ALLOWED)
		send_ready(g, m->run, false, reason, (struct label){0});
	return 0;
}

void
gate_run_close(struct gate *g, uint64_t id)
{
	struct gate_run *run = gate_run_find(g, id);

	if (run == NULL)
		return;
	g->closed[g->closed_at].run = run->run;
	g->closed[g->closed_at].session = run->session_key;
	g->closed_at = (g->closed_at + 1) % GATE_CLOSED_N;
	if (run->state == GATE_RUN_OPEN)
		audit_run(g, run, AUDIT_RUN_CLOSE);
	gate_row_delete(g, &run->row);
	run_clear(run);
	gate_run_stored(g);
}

/* Their rows stay: whatever of them is opened again goes on where it was. */
void
gate_run_close_all(struct gate *g)
{
	for (size_t i = 0; i < g->nruns; i++) {
		if (g->runs[i].state == GATE_RUN_FREE)
			continue;
		gate_acks_drop(g, NULL, g->runs[i].run);
		run_clear(&g->runs[i]);
	}
	g->nruns = 0;
}
