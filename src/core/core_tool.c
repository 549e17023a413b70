#include "core/core.h"

#include <string.h>
#include <unistd.h>

#include "base/utf8.h"
#include "base/weak.h"
#include "core/rpc/rpc.h"
#include "proto/tools.h"

#define ITEM_INLINE 6144u
#define RESULT_INLINE 12288u
#define MEMORY_ARGS_MAX 8192u

/* ---- what may run ---- */

static uint8_t
executor_of(unsigned tool)
{
	uint8_t effect = tool_rows[tool].effect;

	return effect == EFFECT_REMEMBER || effect == EFFECT_RECALL ? KIND_STORE : KIND_SANDBOX;
}

/* Before gate is asked: a machine that cannot hold a tool, or has not shown that it can, does not get to try. */
static enum reason
may_start(const struct core *core, unsigned tool)
{
	if (tool == TOOL_NONE || tool >= TOOL_N)
		return REASON_TOOL_UNKNOWN;
	if (executor_of(tool) == KIND_STORE)
		return REASON_ALLOWED;
	if (!core->tier_known)
		return REASON_PROOF;
	if ((core->tools >> tool & 1) == 0)
		return REASON_TIER;
	return core->proof_passed || tool_rows[tool].effect == EFFECT_PURE ? REASON_ALLOWED
									   : REASON_PROOF;
}

/* The sandbox is young: it may yet pass, a second from now. */
static bool
may_wait(const struct core *core, enum reason reason)
{
	return reason == REASON_PROOF && !core->proof_done;
}

uint64_t
core_tools_offered(const struct core *core)
{
	uint64_t bits = 0;

	_Static_assert(TOOL_N <= 64, "a bit each");
	for (unsigned t = 1; t < TOOL_N; t++) {
		enum reason reason = may_start(core, t);

		if (reason == REASON_ALLOWED || may_wait(core, reason))
			bits |= 1ull << t;
	}
	/* What the configuration forbids is not offered; whether it may run is gate's to say. */
	return bits & child_option_u64(core->child, "tools.allow_mask", UINT64_MAX);
}

bool
core_tool_is_direct(const struct core *core, unsigned tool)
{
	if (WEAK(TOOL_DOOR))
		return tool != TOOL_NONE && tool < TOOL_N;
	return tool < TOOL_N && (core_tools_offered(core) >> tool & 1) != 0 &&
	       (child_option_u64(core->child, "tools.http_mask", 0) >> tool & 1) != 0;
}

static bool
must_not_repeat(const struct core_call *c)
{
	return c->effect == EFFECT_WRITE || c->effect == EFFECT_DELETE ||
	       c->effect == EFFECT_EXEC || c->effect == EFFECT_REMEMBER;
}

/* ---- the result ---- */

static void
put_result_item(struct core_run *run, bool ok, struct span text)
{
	struct core_store_item_put item = {.role = ROLE_TOOL,
		.kind = ITEM_TOOL_RESULT,
		.name = buf_span(&run->call.name),
		.call_id = buf_span(&run->call.call_id),
		.error = !ok};

	item.text = core_text_split(text, ITEM_INLINE, &item.body);
	core_run_item(run, &item);
	if (item.body >= 0)
		close(item.body);
}

static void
set_state(struct core_run *run, enum run_state state, core_ask_fn *fn)
{
	struct core_store_run_state msg = {.req = core_ask_req(run->core),
		.run = run->id,
		.state = (uint8_t)state,
		.call = run->call.number};
	struct core_ask *ask = core_ask(
		run->core, CORE_STORE_RUN_STATE, &msg, msg.req, fn, fn == NULL ? NULL : run, false);

	if (fn != NULL)
		run->call.ask = ask;
}

void
core_tool_unmark(struct core_run *run)
{
	if (run->call.marked)
		set_state(run, RUN_RUNNING, NULL);
	run->call.marked = false;
}

/* What a tool wrote may be any bytes; an answer is text. */
static void
put_as_text(struct buf *out, struct span bytes)
{
	while (bytes.len > 0 && out->err == 0) {
		uint32_t cp;
		size_t n = utf8_decode(bytes, &cp);

		(void)buf_put(out, n == 0 ? SPAN("\xef\xbf\xbd") : span_sub(bytes, 0, n));
		bytes = span_sub(bytes, n == 0 ? 1 : n, bytes.len);
	}
}

/* The run had this one call. */
static void
end_direct(struct core_run *run, bool ok, struct span text)
{
	struct buf kept = {.max = RUN_TEXT_MAX};

	put_as_text(&kept, text);
	core_call_clear(&run->call);
	if (kept.err < 0)
		core_run_finish(run, RUN_FAILED, SPAN("limit"),
			SPAN("the result is over the limit of 1 MiB"));
	else
		core_run_finish(run, ok ? RUN_DONE : RUN_FAILED, SPAN_EMPTY, buf_span(&kept));
	buf_clear(&kept);
}

/*
 * The call is over: into the transcript first, and only behind that the state in which it might be repeated, then to
 * whoever looks, then to the agent.
 */
static void
end_call(struct core_run *run, bool ok, bool truncated, struct span text)
{
	struct ipc_chan *agent = child_peer(run->core->child, KIND_AGENT, run->id);
	struct core_agent_tool_result msg = {
		.call = run->call.agent_number, .ok = ok, .truncated = truncated};

	put_result_item(run, ok, text);
	if (run->call.marked)
		set_state(run, RUN_RUNNING, NULL);
	core_event_tool_result(run, ok, text);
	msg.text = core_text_split(text, RESULT_INLINE, &msg.body);
	if (agent != NULL)
		(void)core_agent_tool_result_send(agent, &msg);
	if (msg.body >= 0)
		close(msg.body);
	if (run->method == METHOD_TOOLS_INVOKE)
		end_direct(run, ok, text);
	else
		core_call_clear(&run->call);
}

static void
end_failed(struct core_run *run, const char *text)
{
	end_call(run, false, false, span_from_cstr(text));
}

static void
end_denied(struct core_run *run, unsigned reason)
{
	struct buf b = {.max = 512};

	(void)buf_put_fmt(&b, "denied: %s", reason_text(reason));
	log_info("tool call denied", LOG_S("tool", buf_span(&run->call.name)),
		LOG_C("reason", reason_name(reason)), LOG_U("run", run->id));
	end_call(run, false, false, buf_span(&b));
	buf_clear(&b);
}

/* ---- the call ---- */

static void
put_call_item(struct core_run *run, struct span args)
{
	struct core_store_item_put item = {.role = ROLE_ASSISTANT,
		.kind = ITEM_TOOL_CALL,
		.name = buf_span(&run->call.name),
		.call_id = buf_span(&run->call.call_id)};

	item.args = core_text_split(args, ITEM_INLINE, &item.body);
	core_run_item(run, &item);
	if (item.body >= 0)
		close(item.body);
}

static void
fill_call(struct core_run *run, const struct core_agent_tool_call *msg, int body)
{
	struct core_call *c = &run->call;

	c->kind = CALL_TOOL;
	c->stage = STAGE_JUDGE;
	c->body = body;
	c->number = run->core->next_call++;
	c->agent_number = msg->call;
	c->tool = msg->tool < TOOL_N ? msg->tool : TOOL_NONE;
	c->effect = tool_rows[c->tool].effect;
	c->dest_kind = tool_rows[c->tool].dest_kind;
	c->executor = executor_of(c->tool);
	buf_init(&c->name, 128);
	buf_init(&c->call_id, 128);
	buf_init(&c->args, IPC_MSG_MAX);
	buf_init(&c->output, CELL_OUTPUT_MAX);
	(void)buf_put(&c->name,
		c->tool == TOOL_NONE ? msg->name : span_from_cstr(tool_rows[c->tool].name));
	(void)buf_put(&c->call_id, msg->call_id);
	(void)buf_put(&c->args, msg->args);
}

static void begin(struct core_run *run, enum reason reason, bool patient);

static void
on_proof_late(struct ev *ev, void *arg)
{
	struct core_run *run = arg;

	(void)ev;
	run->proof_timer = 0;
	if (run->call.kind == CALL_TOOL && run->call.stage == STAGE_PROOF)
		begin(run, may_start(run->core, run->call.tool), false);
}

static void
begin(struct core_run *run, enum reason reason, bool patient)
{
	struct core *core = run->core;

	if (patient && may_wait(core, reason)) {
		if (run->call.stage != STAGE_PROOF || run->proof_timer == 0) {
			ev_timer_cancel(core->ev, run->proof_timer);
			run->proof_timer =
				ev_timer_start(core->ev, PROOF_WAIT_MS, on_proof_late, run);
		}
		run->call.stage = STAGE_PROOF;
		return;
	}
	ev_timer_cancel(core->ev, run->proof_timer);
	run->proof_timer = 0;
	run->call.stage = STAGE_JUDGE;
	if (reason != REASON_ALLOWED)
		end_denied(run, reason);
	else
		core_call_judge(run);
}

/* The door that a model does not have: what it calls by the name of a method is that method, called by the owner. */
static void
call_method(struct core_run *run, struct span args)
{
	struct span name = buf_span(&run->call.name);
	int method = method_find((const char *)name.ptr, (unsigned)name.len);
	struct edge_core_call call = {
		.door = DOOR_AGENT, .scopes = SCOPE_ALL, .args = args, .body = -1};

	if (method < 0)
		return;
	call.method = (uint32_t)method;
	(void)core_dispatch(run->core, PRINCIPAL(PRINCIPAL_CONTROL, SCOPE_ALL, 1), &call);
}

int
core_tool_call(struct core_run *run, const struct core_agent_tool_call *msg, int body)
{
	struct core_call *c = &run->call;
	struct core_text args;
	enum reason reason;
	int rc = c->kind != CALL_NONE ? ERR_STATE
				      : core_text_open(&args, msg->args, body, IPC_BODY_MAX);

	if (rc < 0) {
		if (body >= 0)
			close(body);
		return rc;
	}
	core_event_flush(run);
	fill_call(run, msg, body);
	warrant_plan(c->tool, &args.span, 1, c->plan);
	put_call_item(run, args.span);
	core_event_tool_start(run, args.span);
	if (WEAK(AGENT_DOOR) && c->tool == TOOL_NONE)
		call_method(run, args.span);
	core_text_close(&args);
	reason = ++run->tool_calls > RUN_TOOL_CALLS_MAX && !WEAK(BUDGET)
			 ? REASON_BUDGET
			 : may_start(run->core, c->tool);
	begin(run, reason, true);
	return 0;
}

void
core_tool_direct(struct core_run *run)
{
	struct core_agent_tool_call msg = {.call = 1, .tool = run->tool};
	struct buf call_id = {.max = 32};
	int body = -1;

	run->phase = PHASE_RUNNING;
	core_event_lifecycle(run, "start", SPAN_EMPTY);
	run->lifecycle_started = true;
	(void)buf_put_fmt(&call_id, "call_%llx", (unsigned long long)run->id);
	msg.call_id = buf_span(&call_id);
	msg.args = core_text_split(buf_span(&run->args), RESULT_INLINE, &body);
	if (core_tool_call(run, &msg, body) < 0)
		core_run_finish(run, RUN_FAILED, SPAN_EMPTY, SPAN("the call could not be made"));
	buf_clear(&call_id);
}

void
core_tool_proved(struct core *core)
{
	struct core_run *next;

	for (struct core_run *r = core->runs; r != NULL; r = next) {
		next = r->next;
		if (r->call.kind == CALL_TOOL && r->call.stage == STAGE_PROOF)
			begin(r, may_start(core, r->call.tool), true);
	}
}

/* ---- carrying it out ---- */

static int
on_memory(struct core *core, struct core_ask *ask, uint16_t id, const void *m)
{
	struct core_run *run = ask->arg;
	const struct core_store_memory *found = m;

	(void)core;
	if (id == CORE_STORE_MEMORY) {
		(void)buf_put_cstr(&run->call.output, run->call.output.len > 0 ? "\n- " : "- ");
		(void)buf_put(&run->call.output, found->text);
		return 0;
	}
	run->call.ask = NULL;
	if (id == CORE_ASK_LOST) {
		end_failed(run, "interrupted; not repeated");
	} else if (id == CORE_STORE_STORED) {
		int64_t rc = ((const struct core_store_stored *)m)->rc;

		end_call(run, rc >= 0, false,
			rc >= 0 ? SPAN("remembered") : span_from_cstr(err_text((int)rc)));
	} else if (id == CORE_STORE_DONE) {
		int64_t rc = ((const struct core_store_done *)m)->rc;

		if (rc < 0)
			end_failed(run, err_text((int)rc));
		else
			end_call(run, true, false,
				run->call.output.len > 0 ? buf_span(&run->call.output)
							 : SPAN("nothing found"));
	} else {
		return ERR_PROTO;
	}
	return 0;
}

static void
ask_memory(struct core_run *run)
{
	struct core *core = run->core;
	struct core_call *c = &run->call;
	uint64_t req = core_ask_req(core);
	struct span warrant = span_of(c->warrant, WARRANT_LEN);

	if (c->body >= 0 || c->args.len > MEMORY_ARGS_MAX)
		end_failed(run, "too long to be remembered");
	else if (c->effect == EFFECT_REMEMBER)
		c->ask = core_ask(core, CORE_STORE_MEMORY_PUT,
			&(struct core_store_memory_put){.req = req,
				.run = run->id,
				.call = c->number,
				.warrant = warrant,
				.args = buf_span(&c->args),
				.at = ev_wall_ms()},
			req, on_memory, run, true);
	else
		c->ask = core_ask(core, CORE_STORE_MEMORY_FIND,
			&(struct core_store_memory_find){.req = req,
				.run = run->id,
				.call = c->number,
				.warrant = warrant,
				.args = buf_span(&c->args)},
			req, on_memory, run, true);
}

static void
execute(struct core_run *run)
{
	struct core *core = run->core;
	struct core_call *c = &run->call;
	struct ipc_chan *sandbox;

	c->stage = STAGE_EXECUTE;
	if (c->executor == KIND_STORE) {
		ask_memory(run);
		return;
	}
	sandbox = child_peer(core->child, KIND_SANDBOX, 0);
	if (sandbox == NULL) {
		end_failed(run, "the sandbox is not running; nothing was done");
		return;
	}
	(void)core_sandbox_run_send(
		sandbox, &(struct core_sandbox_run){.run = run->id,
				 .call = c->number,
				 .warrant = span_of(c->warrant, WARRANT_LEN),
				 .tool = c->tool,
				 .timeout_ms = CELL_WALL_MS,
				 .args = c->body >= 0 ? SPAN_EMPTY : buf_span(&c->args),
				 .body = c->body});
}

static int
on_marked(struct core *core, struct core_ask *ask, uint16_t id, const void *m)
{
	struct core_run *run = ask->arg;
	int64_t rc;
	int got = core_ask_stored(id, m, &rc);

	(void)core;
	if (got != 1)
		return got;
	run->call.ask = NULL;
	if (run->call.stage != STAGE_MARK)
		return 0;
	if (rc < 0)
		end_failed(run, "not carried out: its start could not be stored");
	else
		execute(run);
	return 0;
}

void
core_tool_verdict(struct core_run *run, const struct core_gate_verdict *msg)
{
	struct core_call *c = &run->call;

	if (msg->verdict != VERDICT_ALLOW || msg->warrant.len != WARRANT_LEN) {
		end_denied(run, msg->verdict == VERDICT_ASK && msg->reason == REASON_NONE
					? REASON_ASK
					: msg->reason);
		return;
	}
	memcpy(c->warrant, msg->warrant.ptr, WARRANT_LEN);
	if (!must_not_repeat(c)) {
		execute(run);
		return;
	}
	c->stage = STAGE_MARK;
	c->marked = true;
	core_ask_forget(c->ask);
	set_state(run, RUN_EFFECT, on_marked);
}

/* ---- sandbox ---- */

struct core_run *
core_tool_of(struct core *core, uint64_t call)
{
	for (struct core_run *r = core->runs; r != NULL; r = r->next) {
		if (r->call.kind == CALL_TOOL && r->call.stage == STAGE_EXECUTE &&
			r->call.executor == KIND_SANDBOX && r->call.number == call)
			return r;
	}
	return NULL;
}

void
core_tool_output(struct core_run *run, struct span data)
{
	(void)buf_put(&run->call.output, data);
}

void
core_tool_done(struct core_run *run, const struct core_sandbox_done *msg)
{
	struct core_text text;
	int rc = core_text_open(&text, msg->text, msg->body, IPC_BODY_MAX);

	if (rc < 0)
		end_failed(run, "the result could not be read");
	else if (text.span.len == 0 && run->call.output.len > 0)
		end_call(run, msg->ok, msg->truncated, buf_span(&run->call.output));
	else
		end_call(run, msg->ok, msg->truncated, text.span);
	core_text_close(&text);
}

void
core_tool_sandbox_gone(struct core *core)
{
	struct core_run *next;

	for (struct core_run *r = core->runs; r != NULL; r = next) {
		next = r->next;
		if (r->call.kind == CALL_TOOL && r->call.stage == STAGE_EXECUTE &&
			r->call.executor == KIND_SANDBOX)
			end_failed(r, "interrupted; not repeated: the sandbox ended while this was "
				      "running");
	}
}
