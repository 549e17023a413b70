#include "core/core.h"

#include <string.h>
#include <unistd.h>

#include "base/weak.h"

/* ---- the question to gate, for both kinds of calls ---- */

void
core_call_judge(struct core_run *run)
{
	struct core_call *c = &run->call;
	struct ipc_chan *gate = child_peer(run->core->child, KIND_GATE, 0);
	uint8_t number[WARRANT_NUMBER_LEN];
	struct core_gate_judge msg = {.run = run->id,
		.call = c->number,
		.effect = c->effect,
		.tool = c->tool,
		.executor = c->executor,
		.plan = span_of(c->plan, WARRANT_HASH_LEN),
		.tokens = c->tokens};

	c->stage = STAGE_JUDGE;
	c->asked = gate != NULL;
	if (gate == NULL)
		return;
	warrant_number(c->kind == CALL_MODEL ? c->row : 0, number);
	msg.instance = c->kind == CALL_MODEL ? c->row : 0;
	msg.dest_kind = c->dest_kind;
	if (c->dest_kind == DEST_MEMORY)
		msg.dest = SPAN("memory");
	else if (c->dest_kind != DEST_NONE)
		msg.dest = span_of(number, sizeof(number));
	(void)core_gate_judge_send(gate, &msg);
}

void
core_call_clear(struct core_call *call)
{
	if (call->body >= 0)
		close(call->body);
	core_ask_forget(call->ask);
	buf_clear(&call->name);
	buf_clear(&call->call_id);
	buf_clear(&call->args);
	buf_clear(&call->output);
	*call = (struct core_call){.body = -1};
}

void
core_call_cancel(struct core_run *run)
{
	struct core_call *c = &run->call;
	struct child *child = run->core->child;
	struct ipc_chan *peer;

	if (c->kind == CALL_MODEL && c->stage == STAGE_EXECUTE) {
		peer = child_peer(child, KIND_EGRESS, c->row);
		if (peer != NULL)
			(void)core_egress_cancel_send(
				peer, &(struct core_egress_cancel){.id = c->number});
	}
	if (!WEAK(CANCEL) && c->kind == CALL_TOOL && c->executor == KIND_SANDBOX &&
		c->stage == STAGE_EXECUTE) {
		peer = child_peer(child, KIND_SANDBOX, 0);
		if (peer != NULL)
			(void)core_sandbox_cancel_send(
				peer, &(struct core_sandbox_cancel){.call = c->number});
	}
	core_call_clear(c);
}

/* ---- calls of a model ---- */

static void
plan_of(uint32_t row, struct span model, struct span body, uint8_t out[WARRANT_HASH_LEN])
{
	uint8_t number[WARRANT_NUMBER_LEN];
	const struct span parts[3] = {span_of(number, sizeof(number)), model, body};

	warrant_number(row, number);
	warrant_plan(0, parts, 3, out);
}

/* Gate can only judge for an executor that is there: its key is made when it starts. */
static void
begin_model(struct core_run *run)
{
	struct core *core = run->core;
	struct core_call *c = &run->call;

	if (child_peer(core->child, KIND_EGRESS, c->row) != NULL) {
		core_call_judge(run);
		return;
	}
	c->stage = STAGE_EGRESS;
	core_run_spawn(run, KIND_EGRESS, c->row);
}

int
core_model_call(struct core_run *run, const struct core_agent_model_call *msg, int body)
{
	struct core_call *c = &run->call;
	struct span bytes;
	int rc;

	if (c->kind != CALL_NONE) {
		close(body);
		return ERR_STATE;
	}
	rc = ipc_body_get(body, IPC_BODY_MAX, &bytes);
	if (rc < 0) {
		close(body);
		return rc;
	}
	core_event_flush(run);
	c->kind = CALL_MODEL;
	c->body = body;
	c->number = run->core->next_call++;
	c->agent_number = msg->call;
	c->effect = EFFECT_MODEL;
	c->executor = KIND_EGRESS;
	c->dest_kind = DEST_PROVIDER;
	c->stream = msg->stream;
	c->tokens = msg->tokens;
	c->stage = STAGE_JUDGE;
	c->row = child_option_u64(run->core->child, "provider.row", 0);
	c->tag = child_option_u64(run->core->child, "provider.tag", 0);
	plan_of((uint32_t)c->row, core_model_name(run->core), bytes, c->plan);
	ipc_body_free(bytes);
	if (++run->model_calls > RUN_MODEL_CALLS_MAX && !WEAK(BUDGET))
		core_model_end(run, ERR_FULL, span_from_cstr(reason_text(REASON_BUDGET)));
	else
		begin_model(run);
	return 0;
}

void
core_model_end(struct core_run *run, int64_t rc, struct span detail)
{
	struct ipc_chan *agent = child_peer(run->core->child, KIND_AGENT, run->id);

	core_call_clear(&run->call);
	if (agent != NULL)
		(void)core_agent_model_end_send(agent, &(struct core_agent_model_end){.rc = rc,
							       .detail = span_sub(detail, 0, 512)});
}

static void
send_request(struct core_run *run, struct ipc_chan *egress)
{
	struct core_call *c = &run->call;

	c->stage = STAGE_EXECUTE;
	(void)core_egress_request_send(egress, &(struct core_egress_request){.id = c->number,
						       .run = run->id,
						       .call = c->number,
						       .warrant = span_of(c->warrant, WARRANT_LEN),
						       .row = (uint32_t)c->row,
						       .tag = c->tag,
						       .model = core_model_name(run->core),
						       .stream = c->stream,
						       .body = c->body});
}

void
core_model_verdict(struct core_run *run, const struct core_gate_verdict *msg)
{
	struct core *core = run->core;
	struct core_call *c = &run->call;
	struct ipc_chan *egress;

	if (msg->verdict != VERDICT_ALLOW || msg->warrant.len != WARRANT_LEN) {
		core_model_end(run, ERR_DENIED, span_from_cstr(reason_text(msg->reason)));
		return;
	}
	memcpy(c->warrant, msg->warrant.ptr, WARRANT_LEN);
	egress = child_peer(core->child, KIND_EGRESS, c->row);
	if (egress != NULL)
		send_request(run, egress);
	else
		begin_model(run);
}

void
core_model_credit(struct core_run *run, uint64_t bytes)
{
	struct core_call *c = &run->call;
	struct ipc_chan *egress = c->kind == CALL_MODEL && c->stage == STAGE_EXECUTE
					  ? child_peer(run->core->child, KIND_EGRESS, c->row)
					  : NULL;

	if (egress != NULL)
		(void)core_egress_credit_send(
			egress, &(struct core_egress_credit){.id = c->number, .bytes = bytes});
}

void
core_model_egress_up(struct core *core, struct ipc_chan *egress)
{
	for (struct core_run *r = core->runs; r != NULL; r = r->next) {
		if (r->call.kind == CALL_MODEL && r->call.stage == STAGE_EGRESS &&
			r->call.row == ipc_chan_tag(egress))
			core_call_judge(r);
	}
}

void
core_model_egress_refused(struct core *core, uint64_t row, int why)
{
	struct core_run *next;

	log_warn("no egress could be made", LOG_U("row", row), LOG_E("why", why));
	for (struct core_run *r = core->runs; r != NULL; r = next) {
		next = r->next;
		if (r->call.kind == CALL_MODEL && r->call.stage == STAGE_EGRESS &&
			r->call.row == row)
			core_model_end(r, ERR_NOPEER,
				SPAN("the process that talks to the provider could not be "
				     "started"));
	}
}

void
core_model_egress_gone(struct core *core, uint64_t row)
{
	struct core_run *next;

	for (struct core_run *r = core->runs; r != NULL; r = next) {
		next = r->next;
		if (r->call.kind != CALL_MODEL || r->call.row != row ||
			r->call.stage != STAGE_EXECUTE)
			continue;
		if (!r->call.status_sent && ++r->deaths <= RUN_DEATHS_MAX) {
			r->call.number = core->next_call++;
			begin_model(r);
		} else {
			core_model_end(r, ERR_CLOSED,
				SPAN("the process that talks to the provider ended"));
		}
	}
}

struct core_run *
core_model_of(struct core *core, const struct ipc_chan *egress, uint64_t id)
{
	for (struct core_run *r = core->runs; r != NULL; r = r->next) {
		if (r->call.kind == CALL_MODEL && r->call.stage == STAGE_EXECUTE &&
			r->call.number == id)
			return r->call.row == ipc_chan_tag(egress) ? r : NULL;
	}
	return NULL;
}
