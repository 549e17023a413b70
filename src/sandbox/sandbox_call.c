#include "sandbox.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/weak.h"
#include "label/label.h"
#include "proto/audit_writer.h"
#include "proto/executor_gate.h"
#include "proto/tools.h"

#define CHUNK_MAX 12288

static struct audit_writer_line
line_of(const struct sandbox_call *c, enum audit_event event, enum verdict verdict,
	enum reason reason, int64_t number)
{
	return (struct audit_writer_line){.event = (uint8_t)event,
		.verdict = (uint8_t)verdict,
		.reason = (uint8_t)reason,
		.run = c->run,
		.call = c->call,
		.tool = c->tool,
		.peer = KIND_CORE,
		.instance = c->sandbox->child->instance,
		.number = number,
		.hash = span_of(c->plan, sizeof(c->plan))};
}

static void
write_line(struct sandbox_call *c, enum audit_event event, enum verdict verdict, enum reason reason,
	int64_t number)
{
	struct audit_writer_line line = line_of(c, event, verdict, reason, number);

	(void)witness_line(c->sandbox->witness, &line);
}

static void
release(struct sandbox_call *c)
{
	witness_cancel(c->sandbox->witness, c);
	free(c->args);
	buf_clear(&c->out);
	*c = (struct sandbox_call){.sandbox = c->sandbox};
}

static void
send_done(struct sandbox_call *c, const char *text)
{
	struct ipc_chan *core = child_peer(c->sandbox->child, KIND_CORE, 0);
	struct span rest = buf_span(&c->out);

	if (core != NULL) {
		while (rest.len > 0) {
			struct span part = span_sub(rest, 0, CHUNK_MAX);

			(void)core_sandbox_output_send(
				core, &(struct core_sandbox_output){.call = c->call, .data = part});
			rest = span_sub(rest, part.len, rest.len);
		}
		(void)core_sandbox_done_send(core, &(struct core_sandbox_done){.call = c->call,
							   .rc = c->result.rc,
							   .exit_code = c->result.exit_code,
							   .ok = c->result.rc == 0 && c->result.ok,
							   .truncated = c->result.truncated,
							   .text = span_from_cstr(text),
							   .body = -1});
	}
	release(c);
}

static const char *
failure_text(const struct sandbox_result *r)
{
	if (r->rc == ERR_UNSUPPORTED &&
		span_eq(span_from_cstr(r->step), SPAN(TOOL_STEP_INSTRUCTIONS)))
		return "error: an instruction file of the workspace cannot be kept from programs "
		       "(it "
		       "is a link, or belongs to the sandbox), so nothing was run";
	switch (r->rc) {
	case 0:
		return NULL;
	case ERR_TIMEOUT:
		return "error: stopped: over its time";
	case ERR_ABORTED:
		return "error: stopped";
	case ERR_IO:
		return "error: the labels of the workspace's files cannot be kept";
	case ERR_UNSUPPORTED:
		return "error: a layer of the sandbox is missing, so nothing was run";
	default:
		return "error: the cell ended without a result";
	}
}

/*
 * What a result is at best: arithmetic tells nothing that the run did not know; the workspace is the owner's, for the owner's
 * eyes, but for what tainted runs wrote there (sandbox_look.c). Gate joins this with what the run already is.
 */
static struct label
label_of(uint8_t tool)
{
	if (tool_rows[tool].effect == EFFECT_PURE)
		return (struct label){.integrity = LABEL_OWNER_TYPED, .readers_kind = LABEL_PUBLIC};
	return sandbox_files_owner;
}

static void
send_label(struct sandbox_call *c)
{
	struct ipc_chan *gate = child_peer(c->sandbox->child, KIND_GATE, 0);
	uint8_t packed[LABEL_PACKED_LEN];

	c->phase = SANDBOX_LABELLING;
	label_pack(c->label, packed);
	if (gate == NULL ||
		executor_gate_label_send(gate, &(struct executor_gate_label){.run = c->run,
						       .call = c->call,
						       .label = span_of(packed, sizeof(packed)),
						       .outcome = c->result.rc == 0 ? 1 : 0}) < 0) {
		buf_reset(&c->out); /* a result without a label goes nowhere */
		c->result.rc = ERR_NOPEER;
		send_done(c, "error: the result could not be labelled");
	}
}

static void
on_init(struct sandbox_cell *cell, pid_t pid, int pidfd, void *arg)
{
	struct sandbox *s = arg;

	(void)cell;
	(void)pid;
	child_announce(s->child, KIND_CELL, ++s->next_key, pidfd);
}

static void
on_spare_ready(struct sandbox_cell *cell, void *arg)
{
	struct sandbox *s = arg;

	if (s->layers == 0) {
		s->layers = sandbox_cell_layers(cell);
		s->missing = sandbox_cell_missing(cell);
		sandbox_tier_send(s);
	}
}

static void
on_spare_output(struct sandbox_cell *cell, struct span data, void *arg)
{
	(void)cell;
	(void)data;
	(void)arg;
}

static void
on_spare_end(struct sandbox_cell *cell, const struct sandbox_result *result, void *arg)
{
	struct sandbox *s = arg;

	if (cell != s->spare) /* it was given up */
		return;
	s->spare = NULL;
	if (result->rc != 0 && s->layers == 0) {
		s->why = "no cell could be made: see the log";
		log_error("no cell can be made: tools stay off", LOG_C("step", result->step),
			LOG_ERRNO("errno", result->err));
		sandbox_tier_send(s);
	}
}

static const struct sandbox_ops spare_ops = {.on_init = on_init,
	.on_ready = on_spare_ready,
	.on_output = on_spare_output,
	.on_end = on_spare_end};

static void
on_call_init(struct sandbox_cell *cell, pid_t pid, int pidfd, void *arg)
{
	struct sandbox_call *c = arg;

	on_init(cell, pid, pidfd, c->sandbox);
}

static void
on_call_output(struct sandbox_cell *cell, struct span data, void *arg)
{
	struct sandbox_call *c = arg;

	(void)cell;
	if (buf_put(&c->out, span_sub(data, 0, c->out.max - c->out.len)) < 0)
		c->result.truncated = true;
}

/* What a built-in tool would not do is a refusal like any other executor's. */
static void
write_outcome(struct sandbox_call *c, const struct sandbox_result *r)
{
	static const enum reason reasons[] = {[TOOL_EXIT_PATH] = REASON_PATH,
		[TOOL_EXIT_INSTRUCTIONS] = REASON_INSTRUCTIONS,
		[TOOL_EXIT_TAINTED] = REASON_TAINTED};
	bool builtin = r->rc == 0 && c->tool != TOOL_SHELL_EXEC;

	if (builtin && r->exit_code >= TOOL_EXIT_PATH && r->exit_code <= TOOL_EXIT_TAINTED)
		write_line(c, AUDIT_REFUSED, VERDICT_DENY, reasons[r->exit_code], ERR_DENIED);
	else
		write_line(c, AUDIT_EXECUTED, VERDICT_ALLOW, REASON_ALLOWED,
			r->rc != 0 ? r->rc : r->exit_code);
}

static void
on_call_end(struct sandbox_cell *cell, const struct sandbox_result *result, void *arg)
{
	struct sandbox_call *c = arg;

	(void)cell;
	c->cell = NULL;
	/* The owner replaced an instruction file after that cell was made; a new one sees what is there now. */
	if (c->ahead && result->rc == ERR_UNSUPPORTED &&
		span_eq(span_from_cstr(result->step), SPAN(TOOL_STEP_INSTRUCTIONS))) {
		sandbox_call_launch(c);
		return;
	}
	c->result = *result;
	if (result->rc != 0)
		log_warn("a cell failed", LOG_U("call", c->call), LOG_C("step", result->step),
			LOG_E("why", result->rc), LOG_ERRNO("errno", result->err));
	write_outcome(c, result);
	if (c->writes)
		sandbox_look_after(c);
	else
		sandbox_call_finish(c);
}

void
sandbox_call_finish(struct sandbox_call *c)
{
	struct sandbox *s = c->sandbox;

	send_label(c);
	sandbox_proof_next(s);
	sandbox_picture_next(s);
	sandbox_call_next(s);
	sandbox_spare_make(s);
}

/* It did not run, or nobody may see what it did. */
void
sandbox_call_fail(struct sandbox_call *c, int rc)
{
	if (c->phase == SANDBOX_MARKING) {
		log_error("what a call wrote could not be marked", LOG_U("call", c->call),
			LOG_E("why", rc));
	} else {
		write_line(c, AUDIT_REFUSED, VERDICT_DENY, REASON_NONE, rc);
		log_warn("a call did not begin: the labels of the workspace's files",
			LOG_U("call", c->call), LOG_E("why", rc));
	}
	buf_reset(&c->out);
	c->result.rc = rc;
	sandbox_call_finish(c);
}

static const struct sandbox_ops call_ops = {
	.on_init = on_call_init, .on_output = on_call_output, .on_end = on_call_end};

/* Ahead of the next call. Where cells share our uid or another's without namespaces, one at a time, so none ahead. */
void
sandbox_spare_make(struct sandbox *s)
{
	const char *step;

	if (s->spare != NULL || s->child->panic ||
		(s->layers != 0 && s->env.tier < JAIL_TIER_USERNS))
		return;
	s->spare = sandbox_cell_new(&s->env, &spare_ops, s, &step);
	if (s->spare == NULL && s->why == NULL) {
		s->why = step;
		log_error("no cell can be made: tools stay off", LOG_C("why", step));
	}
}

void
sandbox_spare_renew(struct sandbox *s)
{
	struct sandbox_cell *old = s->spare;

	s->spare = NULL;
	if (old != NULL)
		sandbox_cell_kill(old, ERR_ABORTED);
	sandbox_spare_make(s);
}

void
sandbox_call_launch(struct sandbox_call *c)
{
	struct sandbox *s = c->sandbox;
	const char *step = "spare";
	int rc =
		c->writes ? 0 : sandbox_look_begin(c); /* it may come here again, with a new cell */

	if (rc < 0) {
		sandbox_call_fail(c, rc);
		return;
	}
	c->cell = s->spare;
	c->ahead = c->cell != NULL;
	s->spare = NULL;
	if (c->cell != NULL)
		sandbox_cell_set_ops(c->cell, &call_ops, c);
	else
		c->cell = sandbox_cell_new(&s->env, &call_ops, c, &step);
	c->phase = SANDBOX_RUNNING;
	if (c->cell == NULL) {
		on_call_end(NULL, &(struct sandbox_result){.rc = ERR_UNSUPPORTED}, c);
		return;
	}
	if (label_is_tainted(c->run_label) && !WEAK(LABEL_RULES))
		sandbox_cell_keep(c->cell);
	if (sandbox_cell_run(c->cell, c->tool, span_of(c->args, c->args_len), -1, c->timeout_ms) <
		0)
		sandbox_cell_kill(c->cell, ERR_SYS);
}

static void
start_call(struct sandbox_call *c)
{
	if (!c->writes && sandbox_look_is_needed(c))
		sandbox_look_before(c);
	else
		sandbox_call_launch(c);
}

bool
sandbox_call_is_running(const struct sandbox *s)
{
	for (size_t i = 0; i < SANDBOX_CALLS_MAX; i++)
		if (s->calls[i].phase >= SANDBOX_LOOKING && s->calls[i].phase <= SANDBOX_MARKING)
			return true;
	return false;
}

static struct sandbox_call *
first_queued(struct sandbox *s)
{
	struct sandbox_call *first = NULL;

	for (size_t i = 0; i < SANDBOX_CALLS_MAX; i++) {
		struct sandbox_call *c = &s->calls[i];

		if (c->phase == SANDBOX_QUEUED && (first == NULL || c->call < first->call))
			first = c;
	}
	return first;
}

void
sandbox_call_next(struct sandbox *s)
{
	struct sandbox_call *first;
	bool shared = s->env.tier < JAIL_TIER_USERNS; /* cells that share a uid */

	if (shared && (s->proof != NULL || sandbox_picture_is_running(s)))
		return;
	while ((first = first_queued(s)) != NULL) {
		if ((shared || sandbox_look_is_alone(first)) && sandbox_call_is_running(s))
			return;
		start_call(first);
	}
}

static int
check_warrant(struct sandbox_call *c, const struct core_sandbox_run *msg, struct span args)
{
	struct sandbox *s = c->sandbox;
	uint8_t id[WARRANT_NUMBER_LEN];
	uint8_t label[WARRANT_LABEL_LEN];
	int rc;
	struct warrant want = {.effect = tool_rows[msg->tool].effect,
		.tool = msg->tool,
		.executor = KIND_SANDBOX,
		.instance = s->child->instance,
		.incarnation = s->child->incarnation,
		.run = msg->run,
		.call = msg->call,
		.dest_kind = tool_rows[msg->tool].dest_kind};

	if (want.dest_kind != DEST_NONE) {
		warrant_number(s->child->instance, id);
		warrant_dest(want.dest_kind, span_of(id, sizeof(id)), want.dest);
	}
	warrant_plan(msg->tool, &args, 1, want.plan);
	memcpy(c->plan, want.plan, sizeof(c->plan));
	if (!s->has_key || !witness_has_room(s->witness))
		return ERR_DENIED;
	rc = warrant_check(s->gate_key, &s->window, msg->warrant, &want, ev_now_ms(s->child->ev));
	if (rc < 0)
		return rc;
	warrant_label(msg->warrant, label);
	return label_unpack(span_of(label, sizeof(label)), &c->run_label);
}

static void
refuse(struct sandbox_call *c, int rc, enum reason reason, const char *text)
{
	write_line(c, AUDIT_REFUSED, VERDICT_DENY, reason, rc);
	log_warn("call refused", LOG_U("call", c->call), LOG_C("why", text), LOG_E("code", rc));
	c->result.rc = rc;
	send_done(c, text);
}

/* Written down, it may begin; audit not there in time, it may not. */
static void
on_begun(void *arg, int rc)
{
	struct sandbox_call *c = arg;

	if (rc < 0) {
		refuse(c, rc, REASON_AUDIT, "error: the audit log cannot be written");
		return;
	}
	c->phase = SANDBOX_QUEUED;
	sandbox_call_next(c->sandbox);
}

static void
witness_begin(struct sandbox_call *c)
{
	struct audit_writer_line begun = line_of(c, AUDIT_BEGUN, VERDICT_ALLOW, REASON_ALLOWED, 0);
	int rc = witness_line_then(c->sandbox->witness, &begun, on_begun, c);

	if (rc < 0)
		refuse(c, rc, REASON_AUDIT, "error: the audit log cannot be written");
}

static int
take_args(struct sandbox_call *c, struct span args)
{
	struct buf canonical = {.max = IPC_BODY_MAX};
	struct span what;
	int rc = tool_args_check(c->tool, args, &canonical, &what);

	if (rc == 0) {
		c->args = canonical.ptr;
		c->args_len = canonical.len;
	} else {
		buf_clear(&canonical);
	}
	return rc;
}

static struct sandbox_call *
free_call(struct sandbox *s)
{
	for (size_t i = 0; i < SANDBOX_CALLS_MAX; i++)
		if (s->calls[i].phase == SANDBOX_FREE)
			return &s->calls[i];
	return NULL;
}

int
sandbox_call_start(struct sandbox *s, const struct core_sandbox_run *msg)
{
	struct sandbox_call *c = free_call(s);
	struct span mapped = SPAN_EMPTY;
	struct span args = msg->args;
	int rc;

	if (c == NULL)
		return ERR_FULL; /* core runs fewer than this at once */
	*c = (struct sandbox_call){.sandbox = s,
		.phase = SANDBOX_WITNESSING,
		.run = msg->run,
		.call = msg->call,
		.tool = msg->tool,
		.timeout_ms = msg->timeout_ms,
		.out = {.max = s->env.limits.output}};
	if (msg->tool == TOOL_NONE || msg->tool >= TOOL_N)
		return ERR_PROTO;
	c->label = label_of(msg->tool);
	if (msg->body >= 0) {
		if (ipc_body_get(msg->body, IPC_BODY_MAX, &mapped) < 0)
			return ERR_PROTO;
		args = mapped;
	}
	rc = check_warrant(c, msg, args);
	if (rc < 0)
		refuse(c, rc, REASON_WARRANT, "error: the warrant is not good for this");
	else if (!sandbox_tool_may_run(s, msg->tool))
		refuse(c, ERR_UNSUPPORTED, REASON_TIER,
			"error: the sandbox tier of this machine, or the configuration, does not "
			"permit this tool");
	else if (!s->proven && tool_rows[msg->tool].effect != EFFECT_PURE && !WEAK(PROOF_DOOR))
		/* core does not ask for it before; whoever took core over does */
		refuse(c, ERR_DENIED, REASON_PROOF,
			"error: the sandbox has not passed its self-proof");
	else if ((rc = take_args(c, args)) < 0)
		refuse(c, rc, REASON_NONE, "error: the arguments do not fit the tool");
	else
		witness_begin(c);
	ipc_body_free(mapped);
	return 0;
}

void
sandbox_call_cancel(struct sandbox *s, uint64_t call)
{
	for (size_t i = 0; i < SANDBOX_CALLS_MAX; i++) {
		struct sandbox_call *c = &s->calls[i];

		if (c->call != call || c->phase == SANDBOX_FREE)
			continue;
		if (c->cell != NULL) {
			sandbox_cell_kill(c->cell, ERR_ABORTED);
		} else if (c->phase == SANDBOX_QUEUED || c->phase == SANDBOX_WITNESSING) {
			c->result.rc = ERR_ABORTED;
			send_done(c, "error: stopped");
		}
	}
}

void
sandbox_call_labeled(struct sandbox *s, uint64_t run, uint64_t call)
{
	for (size_t i = 0; i < SANDBOX_CALLS_MAX; i++) {
		struct sandbox_call *c = &s->calls[i];
		const char *text;

		if (c->phase != SANDBOX_LABELLING || c->run != run || c->call != call)
			continue;
		text = failure_text(&c->result);
		send_done(c, text != NULL ? text : "");
		return;
	}
}

/* Core or gate is gone: nobody waits, and nothing may be told. */
void
sandbox_call_end_all(struct sandbox *s)
{
	for (size_t i = 0; i < SANDBOX_CALLS_MAX; i++) {
		struct sandbox_call *c = &s->calls[i];

		if (c->cell != NULL)
			sandbox_cell_kill(c->cell, ERR_ABORTED);
		else if (c->phase != SANDBOX_FREE &&
			 (c->phase < SANDBOX_LOOKING || c->phase == SANDBOX_LABELLING))
			release(c);
	}
}

void
sandbox_tier_send(struct sandbox *s)
{
	struct ipc_chan *core = child_peer(s->child, KIND_CORE, 0);
	uint8_t tools[8] = {0};

	if (core == NULL || (s->layers == 0 && s->why == NULL))
		return;
	for (unsigned t = 1; t < TOOL_N; t++)
		if (s->layers != 0 && sandbox_tool_may_run(s, t))
			tools[t / 8] |= (uint8_t)(1u << t % 8);
	(void)core_sandbox_tier_send(
		core, &(struct core_sandbox_tier){.tier = (uint8_t)s->env.tier,
			      .layers = s->layers,
			      .missing = s->missing,
			      .tools = span_of(tools, sizeof(tools)),
			      .why = span_from_cstr(s->why != NULL ? s->why : "")});
}
