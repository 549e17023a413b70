/*
 * The life of one request: warrant and body checked; at once a line in the audit log, gate told the label of what will come, and the
 * credential released by vault; when all three have answered a descriptor connected by dial, then curl; at the end a line to audit
 * and END to core.
 */
#include "egress.h"

#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/weak.h"
#include "label/label.h"
#include "proto/core_egress.h"
#include "proto/egress_dial.h"
#include "proto/egress_vault.h"
#include "proto/executor_gate.h"

static struct audit_writer_line
line_of(const struct egress_request *r, uint8_t event, uint8_t verdict, uint8_t reason, int rc)
{
	return (struct audit_writer_line){.event = event,
		.verdict = verdict,
		.reason = reason,
		.run = r->run,
		.call = r->call,
		.peer = KIND_CORE,
		.instance = r->egress->row.number,
		.number = rc,
		.hash = span_of(r->plan, sizeof(r->plan))};
}

static void
write_line(struct egress_request *r, uint8_t event, uint8_t verdict, uint8_t reason, int rc)
{
	struct audit_writer_line line = line_of(r, event, verdict, reason, rc);

	(void)witness_line(r->egress->witness, &line);
}

struct egress_request *
egress_request_find(struct egress *e, uint64_t id)
{
	for (size_t i = 0; i < EGRESS_REQUESTS_MAX; i++) {
		if (e->requests[i].phase != EGRESS_FREE && e->requests[i].id == id)
			return &e->requests[i];
	}
	return NULL;
}

void
egress_request_end(struct egress_request *r, int rc, const char *detail)
{
	struct ipc_chan *core = child_peer(r->egress->child, KIND_CORE, 0);

	if (core != NULL)
		(void)core_egress_end_send(
			core, &(struct core_egress_end){.id = r->id,
				      .rc = rc,
				      .detail = span_sub(span_from_cstr(detail), 0, 512),
				      .bytes = r->received});
	if (r->phase == EGRESS_RUNNING)
		write_line(r, AUDIT_EXECUTED, VERDICT_ALLOW, REASON_ALLOWED, rc);
	witness_cancel(r->egress->witness, r);
	ev_timer_cancel(r->egress->child->ev, r->idle_timer);
	egress_curl_stop(r);
	secret_clear(&r->credential);
	if (r->tail.ptr != NULL)
		secret_wipe(r->tail.ptr, r->tail.cap);
	buf_clear(&r->tail);
	ipc_body_free(r->body);
	if (r->fd >= 0)
		close(r->fd);
	*r = (struct egress_request){.egress = r->egress, .fd = -1};
	egress_leave(r->egress);
}

void
egress_leave(struct egress *e)
{
	for (size_t i = 0; i < EGRESS_REQUESTS_MAX; i++) {
		if (e->requests[i].phase != EGRESS_FREE)
			return;
	}
	if (e->leaving)
		child_stop(e->child);
}

void
egress_request_abort_all(struct egress *e, int rc, const char *detail)
{
	for (size_t i = 0; i < EGRESS_REQUESTS_MAX; i++) {
		if (e->requests[i].phase != EGRESS_FREE)
			egress_request_end(&e->requests[i], rc, detail);
	}
}

static int
check_warrant(struct egress *e, const struct core_egress_request *msg, struct egress_request *r)
{
	uint8_t id[WARRANT_NUMBER_LEN];
	struct span parts[3] = {span_of(id, sizeof(id)), msg->model, r->body};
	struct warrant want = {.effect = EFFECT_MODEL,
		.executor = KIND_EGRESS,
		.instance = e->child->instance,
		.incarnation = e->child->incarnation,
		.run = msg->run,
		.call = msg->call,
		.dest_kind = DEST_PROVIDER};

	/* core and we have read different configurations */
	if (e->leaving || (msg->tag != e->row.tag && !WEAK(ROW_TAG)))
		return ERR_NOPEER;
	if (!e->has_key || msg->row != e->row.number)
		return ERR_DENIED;
	warrant_number(msg->row, id);
	warrant_dest(DEST_PROVIDER, span_of(id, sizeof(id)), want.dest);
	warrant_plan(0, parts, 3, want.plan);
	for (size_t i = 0; i < sizeof(r->plan); i++)
		r->plan[i] = want.plan[i];
	return warrant_check(e->key, &e->window, msg->warrant, &want, ev_now_ms(e->child->ev));
}

static void
on_idle(struct ev *ev, void *arg)
{
	struct egress_request *r = arg;

	(void)ev;
	r->idle_timer = 0;
	egress_request_end(r, ERR_TIMEOUT, "the destination did not answer in time");
}

void
egress_request_alive(struct egress_request *r)
{
	struct ev *ev = r->egress->child->ev;

	ev_timer_cancel(ev, r->idle_timer);
	r->idle_timer = ev_timer_start(ev, EGRESS_IDLE_MS, on_idle, r);
}

static void
on_begun(void *arg, int rc)
{
	struct egress_request *r = arg;

	if (rc < 0) {
		write_line(r, AUDIT_REFUSED, VERDICT_DENY, REASON_AUDIT, rc);
		egress_request_end(r, rc, "the audit log cannot be written");
		return;
	}
	egress_request_answered(r, EGRESS_ASK_BEGUN);
}

static void
on_no_peer(struct ev *ev, void *arg)
{
	struct egress_request *r = arg;

	(void)ev;
	r->idle_timer = 0;
	egress_request_end(r, ERR_NOPEER, "a process that the request needs is restarting");
}

/* Whoever is to be asked starts, for the first time or again: it is asked when it is there. */
static void
await_peer(struct egress_request *r, uint8_t kind)
{
	struct ev *ev = r->egress->child->ev;

	if (r->phase == EGRESS_FREE)
		return; /* it ended with that peer */
	r->awaits |= 1u << kind;
	ev_timer_cancel(ev, r->idle_timer);
	r->idle_timer = ev_timer_start(ev, PEER_WAIT_MS, on_no_peer, r);
}

static void
ask_label(struct egress_request *r)
{
	/* a model's answer is made of what the run gave it: it lowers nothing by itself */
	static const struct label lowers_nothing = {
		.integrity = LABEL_OWNER_TYPED, .readers_kind = LABEL_PUBLIC};
	struct ipc_chan *gate = child_peer(r->egress->child, KIND_GATE, 0);
	uint8_t label[LABEL_PACKED_LEN];

	label_pack(lowers_nothing, label);
	if (gate == NULL ||
		executor_gate_label_send(gate, &(struct executor_gate_label){.run = r->run,
						       .call = r->call,
						       .label = span_of(label, sizeof(label))}) < 0)
		await_peer(r, KIND_GATE);
}

static void
ask_credential(struct egress_request *r)
{
	struct ipc_chan *vault = child_peer(r->egress->child, KIND_VAULT, 0);

	if (vault == NULL ||
		egress_vault_release_send(vault, &(struct egress_vault_release){.req = r->id,
							 .row = r->egress->row.number}) < 0)
		await_peer(r, KIND_VAULT);
}

bool
egress_request_is_asked(const struct egress_request *r, enum egress_ask ask)
{
	return r->phase == EGRESS_ASKING && (r->asked & ask) != 0;
}

void
egress_request_answered(struct egress_request *r, enum egress_ask ask)
{
	r->asked &= (uint8_t)~ask;
	if (r->phase != EGRESS_ASKING || (r->asked != 0 && !WEAK(EGRESS_ASKS)))
		return;
	/* an idle connection of this row may be there; if curl finds none we come back for a new one */
	r->phase = EGRESS_RUNNING;
	egress_request_next(r);
}

void
egress_request_start(struct egress *e, const void *m)
{
	const struct core_egress_request *msg = m;
	struct egress_request *r = NULL;
	struct audit_writer_line begun;
	const char *why = "the name of the model is too long";
	int rc;

	for (size_t i = 0; i < EGRESS_REQUESTS_MAX && r == NULL; i++) {
		if (e->requests[i].phase == EGRESS_FREE)
			r = &e->requests[i];
	}
	if (r == NULL || !witness_has_room(e->witness)) {
		struct ipc_chan *core = child_peer(e->child, KIND_CORE, 0);

		(void)core_egress_end_send(
			core, &(struct core_egress_end){.id = msg->id, .rc = ERR_BUSY});
		return;
	}
	*r = (struct egress_request){.egress = e,
		.id = msg->id,
		.run = msg->run,
		.call = msg->call,
		.stream = msg->stream,
		.fd = -1,
		.credit = IPC_CREDIT_BYTES,
		.phase = EGRESS_ASKING,
		.asked = EGRESS_ASK_BEGUN | EGRESS_ASK_LABEL | EGRESS_ASK_CREDENTIAL,
		.tail = {.max = MIB(1u)}};
	rc = ipc_body_get(msg->body, IPC_BODY_MAX, &r->body);
	if (rc == 0)
		rc = check_warrant(e, msg, r);
	if (rc < 0) {
		log_error("request without a good warrant: denied", LOG_U("run", msg->run),
			LOG_U("call", msg->call), LOG_E("why", rc));
		write_line(r, AUDIT_REFUSED, VERDICT_DENY, REASON_WARRANT, rc);
		if (rc == ERR_NOPEER)
			egress_request_end(r, rc, "the configuration is being changed: try again");
		else
			egress_request_end(
				r, ERR_DENIED, "the warrant is not good for this request");
		return;
	}
	rc = egress_envelope_check(&e->row, msg->model, r->body, &why);
	if (rc == 0)
		rc = egress_row_url(&e->row, msg->model, r->stream, r->url);
	if (rc < 0) {
		log_error("request outside its destination's envelope: denied",
			LOG_U("run", msg->run), LOG_C("why", why));
		write_line(r, AUDIT_REFUSED, VERDICT_DENY, REASON_DESTINATION, rc);
		egress_request_end(r, ERR_DENIED, why);
		return;
	}
	egress_request_alive(r);
	begun = line_of(r, AUDIT_BEGUN, VERDICT_ALLOW, REASON_ALLOWED, 0);
	rc = witness_line_then(e->witness, &begun, on_begun, r);
	if (rc < 0) {
		egress_request_end(r, rc, "the audit log cannot be written");
		return;
	}
	ask_label(r);
	if (r->phase == EGRESS_ASKING)
		ask_credential(r);
}

void
egress_request_peer_up(struct egress *e, uint8_t kind)
{
	for (size_t i = 0; i < EGRESS_REQUESTS_MAX; i++) {
		struct egress_request *r = &e->requests[i];

		if (r->phase == EGRESS_FREE || (r->awaits >> kind & 1) == 0)
			continue;
		r->awaits &= ~(1u << kind);
		if (r->awaits == 0)
			egress_request_alive(r);
		if (kind == KIND_GATE)
			ask_label(r);
		else if (kind == KIND_VAULT)
			ask_credential(r);
		else
			egress_request_next(r);
	}
}

void
egress_request_next(struct egress_request *r)
{
	struct ipc_chan *dial;

	switch (r->phase) {
	case EGRESS_FREE:
	case EGRESS_ASKING:
		return;
	case EGRESS_DIALLING:
		dial = child_peer(r->egress->child, KIND_DIAL, 0);
		r->dialled = true;
		if (dial == NULL ||
			egress_dial_connect_send(dial, &(struct egress_dial_connect){.req = r->id,
							       .row = r->egress->row.number,
							       .tag = r->egress->row.tag}) < 0)
			await_peer(r, KIND_DIAL);
		return;
	case EGRESS_RUNNING:
		if (egress_curl_start(r) < 0)
			egress_request_end(r, ERR_SYS, "the request could not be made");
		return;
	}
}
