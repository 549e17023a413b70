#include "gate/gate.h"

#include "base/log.h"

void
gate_acks_drop(struct gate *g, const struct ipc_chan *chan, uint64_t run)
{
	size_t kept = 0;

	for (size_t i = 0; i < g->nacks; i++) {
		if ((chan != NULL && g->acks[i].chan == chan) ||
			(run != 0 && g->acks[i].run == run))
			g->acks[i].session->refs--;
		else
			g->acks[kept++] = g->acks[i];
	}
	g->nacks = kept;
}

static void
send_labeled(const struct gate_ack *ack)
{
	if (ack->req != 0) {
		(void)gate_store_recall_ok_send(
			ack->chan, &(struct gate_store_recall_ok){.req = ack->req});
		return;
	}
	(void)executor_gate_labeled_send(
		ack->chan, &(struct executor_gate_labeled){.run = ack->run, .call = ack->call});
}

void
gate_run_stored(struct gate *g)
{
	size_t kept = 0;

	for (size_t i = 0; i < g->nacks; i++) {
		const struct gate_ack *ack = &g->acks[i];
		const struct gate_run *run = gate_run_find(g, ack->run);

		if (ack->session->row.get_req != 0 || ack->session->row.lowered ||
			(run != NULL && run->row.lowered)) {
			g->acks[kept++] = *ack;
			continue;
		}
		send_labeled(ack);
		ack->session->refs--;
	}
	g->nacks = kept;
}

static bool
session_lower(struct gate *g, struct gate_session *s, struct label label)
{
	struct label joined = label_join(s->label, label);

	if (label_is_equal(joined, s->label))
		return false;
	s->label = joined;
	if (s->row.get_req == 0)
		gate_row_put(g, &s->row, true);
	return true;
}

static void
run_lower(struct gate *g, struct gate_run *run, struct label label)
{
	struct label joined = label_join(run->label, label);
	struct ipc_chan *core = child_peer(g->child, KIND_CORE, 0);
	uint8_t packed[LABEL_PACKED_LEN];

	if (label_is_equal(joined, run->label))
		return;
	run->label = joined;
	gate_row_put(g, &run->row, true);
	label_pack(joined, packed);
	if (core != NULL)
		(void)core_gate_run_label_send(
			core, &(struct core_gate_run_label){
				      .run = run->run, .label = span_of(packed, sizeof(packed))});
}

/* The session of a run that is open or ended a moment ago, with a reference; NULL for any other number. */
static struct gate_session *
session_of(struct gate *g, const struct gate_run *run, uint64_t id)
{
	if (run != NULL)
		return gate_session_take(g, run->session_key);
	for (size_t i = 0; id != 0 && i < GATE_CLOSED_N; i++) {
		if (g->closed[i].run == id)
			return gate_session_take(g, g->closed[i].session);
	}
	return NULL;
}

int
gate_run_result(struct gate *g, const struct gate_result *r)
{
	struct gate_run *run = gate_run_find(g, r->run);
	struct gate_session *session = session_of(g, run, r->run);

	if (session == NULL || g->nacks == GATE_ACKS_MAX) {
		log_warn("label of a result without a run: not acknowledged",
			LOG_C("peer", kind_name(r->kind)), LOG_U("run", r->run));
		if (session != NULL)
			session->refs--;
		return 0;
	}
	if (run != NULL)
		run_lower(g, run, r->label);
	if (session_lower(g, session, r->label))
		(void)witness_line(
			g->witness, &(struct audit_writer_line){.event = AUDIT_LABEL,
					    .principal = run == NULL ? 0 : run->principal,
					    .run = r->run,
					    .call = r->call,
					    .peer = r->kind,
					    .instance = ipc_chan_tag(r->from),
					    .number = (int64_t)r->label.integrity});
	g->acks[g->nacks++] = (struct gate_ack){
		.chan = r->from, .run = r->run, .call = r->call, .req = r->req, .session = session};
	gate_run_stored(g);
	return 0;
}
