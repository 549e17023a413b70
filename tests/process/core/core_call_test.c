/* What a run's agent asks for: models and tools, judged first, carried out by others, written down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "proto/tools.h"
#include "proto/warrant.h"
#include "world.h"

static const uint8_t a_warrant[WARRANT_LEN] = {1, 2, 3};

/* A turn whose agent waits for what the test makes it ask, with a sandbox that has proved itself. */
struct turn {
	struct world w;
	int agent;
	int sandbox;
	uint64_t sandbox_incarnation;
	uint64_t proof; /* the request for it */
};

enum proof { PROVED, FAILED, UNPROVED };

static void
send_proof(struct turn *t, bool ok)
{
	harness_send(t->sandbox, &core_sandbox_proto, IPC_SIDE_B, CORE_SANDBOX_PROVED,
		&(struct core_sandbox_proved){.req = t->proof,
			.ok = ok,
			.tier = JAIL_TIER_FULL,
			.attempts = 40,
			.escaped = ok ? 0 : 1});
}

static void
add_sandbox(struct turn *t, enum proof proof)
{
	const uint8_t tools[8] = {0xfe, 0xff};
	const struct core_sandbox_prove *prove;

	t->sandbox = harness_peer(t->w.h, KIND_SANDBOX, 0);
	t->sandbox_incarnation = t->w.h->incarnations;
	prove = harness_recv(
		t->sandbox, &core_sandbox_proto, IPC_SIDE_B, CORE_SANDBOX_PROVE, &t->w.in);
	assert_int_equal(prove->level, 0);
	t->proof = prove->req;
	harness_send(t->sandbox, &core_sandbox_proto, IPC_SIDE_B, CORE_SANDBOX_TIER,
		&(struct core_sandbox_tier){
			.tier = JAIL_TIER_FULL, .tools = span_of(tools, sizeof(tools))});
	(void)world_event(&t->w, EVENT_HEALTH);
	if (proof == UNPROVED)
		return;
	send_proof(t, proof == PROVED);
	(void)world_event(&t->w, EVENT_HEALTH);
	assert_true(span_eq(world_get(&t->w, "sandbox.proof"),
		proof == PROVED ? SPAN("passed") : SPAN("failed")));
}

static void
turn_open(struct turn *t, enum proof proof)
{
	world_open(&t->w, OWNER);
	add_sandbox(t, proof);
	world_send(&t->w, "main", "do it", "k");
	t->agent = world_agent(&t->w, "do it");
}

static void
turn_close(struct turn *t)
{
	close(t->agent);
	close(t->sandbox);
	world_close(&t->w);
}

static void
put_args(struct buf *list, const char *key, const char *value)
{
	struct args_out out;

	buf_init(list, 1024);
	args_out_init(&out, list, false);
	args_out_cstr(&out, key, value);
	assert_int_equal(args_out_done(&out), 0);
}

static void
ask_tool(struct turn *t, unsigned tool, const char *key, const char *value)
{
	struct buf list;

	put_args(&list, key, value);
	harness_send(t->agent, &core_agent_proto, IPC_SIDE_B, CORE_AGENT_TOOL_CALL,
		&(struct core_agent_tool_call){.call = 5,
			.call_id = SPAN("c1"),
			.tool = (uint8_t)tool,
			.name = span_from_cstr(tool_rows[tool].name),
			.args = buf_span(&list),
			.body = -1});
	buf_clear(&list);
}

/* JUDGE arrives with the plan over exactly these arguments; answered with verdict. Returns core's number of the call. */
static uint64_t
judge(struct turn *t, unsigned tool, const char *key, const char *value, unsigned verdict,
	unsigned reason)
{
	const struct core_gate_judge *judged =
		harness_recv(t->w.gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_JUDGE, &t->w.in);
	uint8_t plan[WARRANT_HASH_LEN];
	uint64_t call = judged->call;
	struct buf list;

	put_args(&list, key, value);
	warrant_plan((uint8_t)tool, &(struct span){list.ptr, list.len}, 1, plan);
	buf_clear(&list);
	assert_int_equal(judged->run, t->w.run);
	assert_int_equal(judged->tool, tool);
	assert_int_equal(judged->effect, tool_rows[tool].effect);
	assert_int_equal(judged->dest_kind, tool_rows[tool].dest_kind);
	assert_memory_equal(judged->plan.ptr, plan, sizeof(plan));
	harness_send(t->w.gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_VERDICT,
		&(struct core_gate_verdict){.run = t->w.run,
			.call = call,
			.verdict = (uint8_t)verdict,
			.reason = (uint8_t)reason,
			.warrant = verdict == VERDICT_ALLOW ? span_of(a_warrant, WARRANT_LEN)
							    : SPAN_EMPTY});
	return call;
}

static void
expect_result(struct turn *t, bool ok, const char *begins)
{
	const struct core_agent_tool_result *result = harness_recv(
		t->agent, &core_agent_proto, IPC_SIDE_B, CORE_AGENT_TOOL_RESULT, &t->w.in);

	assert_int_equal(result->call, 5);
	assert_int_equal(result->ok, ok);
	if (!span_starts_with(result->text, span_from_cstr(begins)))
		fail_msg("expected %s, got %.*s", begins, (int)result->text.len, result->text.ptr);
}

static const struct core_sandbox_run *
expect_run(struct turn *t, uint64_t call)
{
	const struct core_sandbox_run *run = harness_recv(
		t->sandbox, &core_sandbox_proto, IPC_SIDE_B, CORE_SANDBOX_RUN, &t->w.in);

	assert_int_equal(run->call, call);
	assert_true(span_eq(run->warrant, span_of(a_warrant, WARRANT_LEN)));
	return run;
}

/* ---- tools ---- */

static void
a_tool_that_reads_runs_with_its_warrant(void **state)
{
	struct turn t;
	uint64_t call;

	(void)state;
	turn_open(&t, PROVED);
	ask_tool(&t, TOOL_FILE_READ, "path", "a.txt");
	call = judge(&t, TOOL_FILE_READ, "path", "a.txt", VERDICT_ALLOW, REASON_ALLOWED);
	(void)expect_run(&t, call);
	harness_send(t.sandbox, &core_sandbox_proto, IPC_SIDE_B, CORE_SANDBOX_DONE,
		&(struct core_sandbox_done){
			.call = call, .ok = true, .text = SPAN("content"), .body = -1});
	expect_result(&t, true, "content");
	do {
		(void)world_event(&t.w, EVENT_AGENT);
	} while (!span_eq(world_get(&t.w, "data.phase"), SPAN("result")));
	assert_true(span_eq(world_get(&t.w, "data.toolCallId"), SPAN("c1")));
	world_finish(&t.w, t.agent, "read");
	turn_close(&t);
}

static void
a_tool_that_writes_is_marked_before_it_starts(void **state)
{
	const struct core_store_run_state *mark;
	struct turn t;
	uint64_t call;

	(void)state;
	turn_open(&t, PROVED);
	ask_tool(&t, TOOL_FILE_WRITE, "path", "a.txt");
	call = judge(&t, TOOL_FILE_WRITE, "path", "a.txt", VERDICT_ALLOW, REASON_ALLOWED);
	mark = world_store(&t.w, CORE_STORE_RUN_STATE);
	assert_int_equal(mark->state, RUN_EFFECT);
	assert_int_equal(mark->call, call);
	harness_quiet(t.sandbox, 100);
	world_stored(&t.w, mark->req, 0);
	(void)expect_run(&t, call);
	harness_send(t.sandbox, &core_sandbox_proto, IPC_SIDE_B, CORE_SANDBOX_DONE,
		&(struct core_sandbox_done){
			.call = call, .ok = true, .text = SPAN("written"), .body = -1});
	expect_result(&t, true, "written");
	assert_int_equal(((const struct core_store_item_put *)harness_recv(t.w.store,
				  &core_store_proto, IPC_SIDE_B, CORE_STORE_ITEM_PUT, &t.w.in))
				 ->kind,
		ITEM_TOOL_RESULT);
	mark = harness_recv(
		t.w.store, &core_store_proto, IPC_SIDE_B, CORE_STORE_RUN_STATE, &t.w.in);
	assert_int_equal(mark->state, RUN_RUNNING);
	turn_close(&t);
}

static void
a_mark_that_is_not_stored_carries_nothing_out(void **state)
{
	const struct core_store_run_state *mark;
	struct turn t;

	(void)state;
	turn_open(&t, PROVED);
	ask_tool(&t, TOOL_SHELL_EXEC, "command", "true");
	(void)judge(&t, TOOL_SHELL_EXEC, "command", "true", VERDICT_ALLOW, REASON_ALLOWED);
	mark = world_store(&t.w, CORE_STORE_RUN_STATE);
	world_stored(&t.w, mark->req, ERR_IO);
	expect_result(&t, false, "not carried out");
	harness_quiet(t.sandbox, 50);
	turn_close(&t);
}

static void
what_gate_denies_is_told_to_the_agent(void **state)
{
	struct turn t;

	(void)state;
	turn_open(&t, PROVED);
	ask_tool(&t, TOOL_SHELL_EXEC, "command", "true");
	(void)judge(&t, TOOL_SHELL_EXEC, "command", "true", VERDICT_DENY, REASON_TOOL_DENIED);
	expect_result(&t, false, "denied: the configuration denies this tool");
	ask_tool(&t, TOOL_FILE_DELETE, "path", "a");
	(void)judge(&t, TOOL_FILE_DELETE, "path", "a", VERDICT_ASK, REASON_TAINTED);
	expect_result(&t, false, "denied: the run has read content that the owner did not write");
	harness_quiet(t.sandbox, 50);
	world_finish(&t.w, t.agent, "sorry");
	turn_close(&t);
}

static void
an_allow_without_a_warrant_is_a_no(void **state)
{
	const struct core_gate_judge *judged;
	struct turn t;

	(void)state;
	turn_open(&t, PROVED);
	ask_tool(&t, TOOL_FILE_READ, "path", "a");
	judged = harness_recv(t.w.gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_JUDGE, &t.w.in);
	harness_send(t.w.gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_VERDICT,
		&(struct core_gate_verdict){
			.run = t.w.run, .call = judged->call, .verdict = VERDICT_ALLOW});
	expect_result(&t, false, "denied");
	harness_quiet(t.sandbox, 50);
	turn_close(&t);
}

static void
tools_stay_off_when_the_proof_has_failed(void **state)
{
	struct turn t;

	(void)state;
	turn_open(&t, FAILED);
	ask_tool(&t, TOOL_SHELL_EXEC, "command", "true");
	expect_result(&t, false, "denied: tools that execute stay off");
	harness_quiet(t.w.gate, 50);
	turn_close(&t);
}

static void
a_call_that_comes_before_the_proof_waits_for_it(void **state)
{
	struct turn t;

	(void)state;
	for (int ok = 0; ok < 2; ok++) {
		turn_open(&t, UNPROVED);
		ask_tool(&t, TOOL_SHELL_EXEC, "command", "true");
		harness_quiet(t.w.gate, 100);
		harness_quiet(t.agent, 50);
		send_proof(&t, ok == 1);
		if (ok == 1)
			(void)harness_recv(
				t.w.gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_JUDGE, &t.w.in);
		else
			expect_result(&t, false, "denied: tools that execute stay off");
		turn_close(&t);
	}
}

static void
a_call_does_not_wait_for_ever_for_the_proof(void **state)
{
	struct turn t;

	(void)state;
	turn_open(&t, UNPROVED);
	ask_tool(&t, TOOL_SHELL_EXEC, "command", "true");
	harness_quiet(t.agent, PROOF_WAIT_MS / 2);
	expect_result(&t, false, "denied: tools that execute stay off");
	harness_quiet(t.w.gate, 50);
	turn_close(&t);
}

/* What sandbox could not take is not asked of it: its no would turn the tools off. */
static void
no_more_proofs_than_two_are_asked_for(void **state)
{
	struct turn t;

	(void)state;
	turn_open(&t, PROVED);
	for (unsigned i = 0; i < PROOFS_MAX; i++) {
		world_call(&t.w, METHOD_PROVE, NULL);
		t.proof = ((const struct core_sandbox_prove *)harness_recv(t.sandbox,
				   &core_sandbox_proto, IPC_SIDE_B, CORE_SANDBOX_PROVE, &t.w.in))
				  ->req;
	}
	world_call(&t.w, METHOD_PROVE, NULL);
	assert_false(world_reply(&t.w)->ok);
	harness_quiet(t.sandbox, 50);
	send_proof(&t, true);
	assert_true(world_reply(&t.w)->ok);
	world_call(&t.w, METHOD_PROVE, NULL); /* there is room again */
	(void)harness_recv(t.sandbox, &core_sandbox_proto, IPC_SIDE_B, CORE_SANDBOX_PROVE, &t.w.in);
	turn_close(&t);
}

static void
a_tool_that_does_not_exist_is_refused(void **state)
{
	struct turn t;

	(void)state;
	turn_open(&t, PROVED);
	harness_send(t.agent, &core_agent_proto, IPC_SIDE_B, CORE_AGENT_TOOL_CALL,
		&(struct core_agent_tool_call){.call = 5,
			.call_id = SPAN("c1"),
			.tool = 63,
			.name = SPAN("config_set"),
			.body = -1});
	expect_result(&t, false, "denied: there is no such tool");
	turn_close(&t);
}

static void
tool_calls_have_a_budget(void **state)
{
	struct turn t;

	(void)state;
	turn_open(&t, FAILED);
	for (unsigned i = 0; i < RUN_TOOL_CALLS_MAX; i++) {
		ask_tool(&t, TOOL_SHELL_EXEC, "command", "true");
		expect_result(&t, false, "denied: tools that execute stay off");
	}
	ask_tool(&t, TOOL_SHELL_EXEC, "command", "true");
	expect_result(&t, false, "denied: the run has used up its budget");
	turn_close(&t);
}

static void
memory_is_a_statement_with_a_warrant(void **state)
{
	const struct core_store_memory_put *put;
	const struct core_store_run_state *mark;
	struct turn t;

	(void)state;
	turn_open(&t, PROVED);
	ask_tool(&t, TOOL_MEMORY_SAVE, "text", "likes tea");
	(void)judge(&t, TOOL_MEMORY_SAVE, "text", "likes tea", VERDICT_ALLOW, REASON_ALLOWED);
	mark = world_store(&t.w, CORE_STORE_RUN_STATE);
	world_stored(&t.w, mark->req, 0);
	put = world_store(&t.w, CORE_STORE_MEMORY_PUT);
	assert_true(span_eq(put->warrant, span_of(a_warrant, WARRANT_LEN)));
	world_stored(&t.w, put->req, 0);
	expect_result(&t, true, "remembered");
	turn_close(&t);
}

/* ---- deaths under a tool ---- */

static void
an_agent_that_dies_under_an_effect_is_reported_not_repeated(void **state)
{
	const struct core_store_run_state *mark;
	const struct core_store_finish *finish;
	struct turn t;
	uint64_t call;

	(void)state;
	turn_open(&t, PROVED);
	ask_tool(&t, TOOL_SHELL_EXEC, "command", "pay");
	call = judge(&t, TOOL_SHELL_EXEC, "command", "pay", VERDICT_ALLOW, REASON_ALLOWED);
	mark = world_store(&t.w, CORE_STORE_RUN_STATE);
	world_stored(&t.w, mark->req, 0);
	(void)expect_run(&t, call);
	close(t.agent);
	t.agent = -1;
	(void)harness_recv(
		t.sandbox, &core_sandbox_proto, IPC_SIDE_B, CORE_SANDBOX_CANCEL, &t.w.in);
	finish = world_store(&t.w, CORE_STORE_FINISH);
	assert_int_equal(finish->state, RUN_REPORTED);
	assert_true(span_find(finish->text, SPAN("shell_exec")) >= 0);
	world_stored(&t.w, finish->req, 0);
	(void)world_chat_end(&t.w);
	assert_true(span_eq(world_get(&t.w, "state"), SPAN("error")));
	turn_close(&t);
}

static void
a_sandbox_that_dies_is_an_error_of_the_tool(void **state)
{
	struct turn t;
	uint64_t call;

	(void)state;
	turn_open(&t, PROVED);
	ask_tool(&t, TOOL_FILE_READ, "path", "a");
	call = judge(&t, TOOL_FILE_READ, "path", "a", VERDICT_ALLOW, REASON_ALLOWED);
	(void)expect_run(&t, call);
	close(t.sandbox);
	harness_peer_gone(t.w.h, KIND_SANDBOX, 0, t.sandbox_incarnation);
	expect_result(&t, false, "interrupted; not repeated");
	ask_tool(&t, TOOL_FILE_READ, "path", "a");
	expect_result(&t, false, "denied: tools that execute stay off");
	t.sandbox = -1;
	turn_close(&t);
}

static void
gate_is_asked_again_when_it_comes_back(void **state)
{
	const struct core_gate_run_open *open;
	struct turn t;
	uint64_t call;

	(void)state;
	turn_open(&t, PROVED);
	ask_tool(&t, TOOL_FILE_READ, "path", "a");
	(void)harness_recv(t.w.gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_JUDGE, &t.w.in);
	close(t.w.gate);
	harness_peer_gone(t.w.h, KIND_GATE, 0, t.w.gate_incarnation);
	t.w.gate = harness_peer(t.w.h, KIND_GATE, 0);
	open = harness_recv(t.w.gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_RUN_OPEN, &t.w.in);
	assert_true(open->resumed);
	harness_send(t.w.gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_RUN_READY,
		&(struct core_gate_run_ready){.run = t.w.run, .ok = true});
	call = judge(&t, TOOL_FILE_READ, "path", "a", VERDICT_ALLOW, REASON_ALLOWED);
	(void)expect_run(&t, call);
	turn_close(&t);
}

static void
an_agent_that_asks_for_two_things_at_once_is_an_offender(void **state)
{
	const struct child_peer_bad *bad;
	struct turn t;

	(void)state;
	turn_open(&t, PROVED);
	ask_tool(&t, TOOL_FILE_READ, "path", "a");
	ask_tool(&t, TOOL_FILE_READ, "path", "b");
	bad = harness_expect(t.w.h, CHILD_PEER_BAD);
	assert_int_equal(bad->kind, KIND_AGENT);
	assert_int_equal(bad->instance, t.w.run);
	turn_close(&t);
}

/* ---- models ---- */

static void
ask_model(struct turn *t, struct span body)
{
	int fd = harness_seal(body);

	harness_send(t->agent, &core_agent_proto, IPC_SIDE_B, CORE_AGENT_MODEL_CALL,
		&(struct core_agent_model_call){
			.call = 1, .tokens = 10, .stream = true, .body = fd});
	close(fd);
}

static uint64_t
allow_model(struct turn *t, struct span body)
{
	const struct core_gate_judge *judged =
		harness_recv(t->w.gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_JUDGE, &t->w.in);
	uint8_t number[WARRANT_NUMBER_LEN];
	const struct span parts[3] = {span_of(number, sizeof(number)), SPAN("some-model"), body};
	uint8_t plan[WARRANT_HASH_LEN];
	uint64_t call = judged->call;

	warrant_number(3, number);
	warrant_plan(0, parts, 3, plan);
	assert_int_equal(judged->effect, EFFECT_MODEL);
	assert_int_equal(judged->executor, KIND_EGRESS);
	assert_int_equal(judged->instance, 3);
	assert_true(span_eq(judged->dest, span_of(number, sizeof(number))));
	assert_memory_equal(judged->plan.ptr, plan, sizeof(plan));
	harness_send(t->w.gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_VERDICT,
		&(struct core_gate_verdict){.run = t->w.run,
			.call = call,
			.verdict = VERDICT_ALLOW,
			.warrant = span_of(a_warrant, WARRANT_LEN)});
	return call;
}

static int
egress_for(struct turn *t)
{
	const struct child_spawn *spawn;

	do {
		spawn = harness_expect(t->w.h, CHILD_SPAWN);
	} while (spawn->kind != KIND_EGRESS);
	assert_int_equal(spawn->instance, 3);
	return harness_peer(t->w.h, KIND_EGRESS, 3);
}

static void
a_model_is_asked_through_the_egress_of_its_row(void **state)
{
	const struct core_egress_request *request;
	struct turn t;
	uint64_t id;
	int egress;

	(void)state;
	turn_open(&t, PROVED);
	ask_model(&t, SPAN("{\"model\":\"x\"}"));
	egress = egress_for(&t);
	id = allow_model(&t, SPAN("{\"model\":\"x\"}"));
	request =
		harness_recv(egress, &core_egress_proto, IPC_SIDE_B, CORE_EGRESS_REQUEST, &t.w.in);
	assert_int_equal(request->id, id);
	assert_int_equal(request->row, 3);
	buf_clear(&t.w.text);
	harness_body(request->body, &t.w.text);
	close(request->body);
	assert_true(span_eq(buf_span(&t.w.text), SPAN("{\"model\":\"x\"}")));
	harness_send(egress, &core_egress_proto, IPC_SIDE_B, CORE_EGRESS_STATUS,
		&(struct core_egress_status){.id = id, .status = 200});
	(void)harness_recv(
		t.agent, &core_agent_proto, IPC_SIDE_B, CORE_AGENT_MODEL_STATUS, &t.w.in);
	harness_send(egress, &core_egress_proto, IPC_SIDE_B, CORE_EGRESS_CHUNK,
		&(struct core_egress_chunk){.id = id, .data = SPAN("abc")});
	(void)harness_recv(t.agent, &core_agent_proto, IPC_SIDE_B, CORE_AGENT_MODEL_CHUNK, &t.w.in);
	harness_send(t.agent, &core_agent_proto, IPC_SIDE_B, CORE_AGENT_CREDIT,
		&(struct core_agent_credit){.bytes = 3});
	assert_int_equal(((const struct core_egress_credit *)harness_recv(egress,
				  &core_egress_proto, IPC_SIDE_B, CORE_EGRESS_CREDIT, &t.w.in))
				 ->bytes,
		3);
	harness_send(egress, &core_egress_proto, IPC_SIDE_B, CORE_EGRESS_END,
		&(struct core_egress_end){.id = id, .bytes = 3});
	(void)harness_recv(t.agent, &core_agent_proto, IPC_SIDE_B, CORE_AGENT_MODEL_END, &t.w.in);
	world_finish(&t.w, t.agent, "abc");
	close(egress);
	turn_close(&t);
}

static void
an_egress_that_dies_before_it_answered_is_asked_again(void **state)
{
	struct turn t;
	int egress;

	(void)state;
	turn_open(&t, PROVED);
	ask_model(&t, SPAN("{}"));
	egress = egress_for(&t);
	(void)allow_model(&t, SPAN("{}"));
	(void)harness_recv(egress, &core_egress_proto, IPC_SIDE_B, CORE_EGRESS_REQUEST, &t.w.in);
	close(egress);
	egress = egress_for(&t);
	(void)allow_model(&t, SPAN("{}"));
	(void)harness_recv(egress, &core_egress_proto, IPC_SIDE_B, CORE_EGRESS_REQUEST, &t.w.in);
	close(egress);
	turn_close(&t);
}

static void
an_egress_that_dies_in_its_answer_is_told_to_the_agent(void **state)
{
	const struct core_agent_model_end *end;
	struct turn t;
	uint64_t id;
	int egress;

	(void)state;
	turn_open(&t, PROVED);
	ask_model(&t, SPAN("{}"));
	egress = egress_for(&t);
	id = allow_model(&t, SPAN("{}"));
	harness_send(egress, &core_egress_proto, IPC_SIDE_B, CORE_EGRESS_STATUS,
		&(struct core_egress_status){.id = id, .status = 200});
	(void)harness_recv(
		t.agent, &core_agent_proto, IPC_SIDE_B, CORE_AGENT_MODEL_STATUS, &t.w.in);
	close(egress);
	end = harness_recv(t.agent, &core_agent_proto, IPC_SIDE_B, CORE_AGENT_MODEL_END, &t.w.in);
	assert_int_equal(end->rc, ERR_CLOSED);
	turn_close(&t);
}

static void
abort_cancels_the_request(void **state)
{
	struct turn t;
	int egress;

	(void)state;
	turn_open(&t, PROVED);
	ask_model(&t, SPAN("{}"));
	egress = egress_for(&t);
	(void)allow_model(&t, SPAN("{}"));
	(void)harness_recv(egress, &core_egress_proto, IPC_SIDE_B, CORE_EGRESS_REQUEST, &t.w.in);
	world_call(&t.w, METHOD_CHAT_ABORT, "sessionKey", "main", NULL);
	(void)harness_recv(egress, &core_egress_proto, IPC_SIDE_B, CORE_EGRESS_CANCEL, &t.w.in);
	(void)harness_expect(t.w.h, CHILD_KILL);
	close(egress);
	turn_close(&t);
}

static void
a_model_that_gate_denies_is_told_why(void **state)
{
	const struct core_gate_judge *judged;
	const struct core_agent_model_end *end;
	struct turn t;
	int egress;

	(void)state;
	turn_open(&t, PROVED);
	ask_model(&t, SPAN("{}"));
	egress = egress_for(&t);
	judged = harness_recv(t.w.gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_JUDGE, &t.w.in);
	harness_send(t.w.gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_VERDICT,
		&(struct core_gate_verdict){.run = t.w.run,
			.call = judged->call,
			.verdict = VERDICT_DENY,
			.reason = REASON_BUDGET});
	end = harness_recv(t.agent, &core_agent_proto, IPC_SIDE_B, CORE_AGENT_MODEL_END, &t.w.in);
	assert_int_equal(end->rc, ERR_DENIED);
	assert_true(span_eq(end->detail, span_from_cstr(reason_text(REASON_BUDGET))));
	harness_quiet(egress, 50);
	close(egress);
	turn_close(&t);
}

static void
model_calls_have_a_budget(void **state)
{
	const struct core_agent_model_end *end;
	struct turn t;
	int egress;

	(void)state;
	turn_open(&t, PROVED);
	ask_model(&t, SPAN("{}"));
	egress = egress_for(&t);
	for (unsigned i = 0; i < RUN_MODEL_CALLS_MAX; i++) {
		uint64_t id = allow_model(&t, SPAN("{}"));

		(void)harness_recv(
			egress, &core_egress_proto, IPC_SIDE_B, CORE_EGRESS_REQUEST, &t.w.in);
		close(((const struct core_egress_request *)(const void *)t.w.in.msg.bytes)->body);
		harness_send(egress, &core_egress_proto, IPC_SIDE_B, CORE_EGRESS_END,
			&(struct core_egress_end){.id = id});
		(void)harness_recv(
			t.agent, &core_agent_proto, IPC_SIDE_B, CORE_AGENT_MODEL_END, &t.w.in);
		ask_model(&t, SPAN("{}"));
	}
	end = harness_recv(t.agent, &core_agent_proto, IPC_SIDE_B, CORE_AGENT_MODEL_END, &t.w.in);
	assert_int_equal(end->rc, ERR_FULL);
	close(egress);
	turn_close(&t);
}

static void
text_without_end_ends_the_run(void **state)
{
	const struct core_store_finish *finish;
	char piece[8192];
	struct turn t;

	(void)state;
	memset(piece, 'x', sizeof(piece));
	turn_open(&t, PROVED);
	for (size_t sent = 0; sent <= RUN_TEXT_MAX; sent += sizeof(piece))
		harness_send(t.agent, &core_agent_proto, IPC_SIDE_B, CORE_AGENT_DELTA,
			&(struct core_agent_delta){.text = span_of(piece, sizeof(piece))});
	finish = world_store(&t.w, CORE_STORE_FINISH);
	assert_int_equal(finish->state, RUN_FAILED);
	turn_close(&t);
}

/* ---- the self-proof ---- */

static void
a_proof_on_request_answers_with_its_probes(void **state)
{
	const struct core_sandbox_prove *prove;
	struct turn t;

	(void)state;
	world_open(&t.w, OWNER);
	add_sandbox(&t, PROVED);
	world_call(&t.w, METHOD_PROVE, NULL);
	prove = harness_recv(
		t.sandbox, &core_sandbox_proto, IPC_SIDE_B, CORE_SANDBOX_PROVE, &t.w.in);
	harness_send(t.sandbox, &core_sandbox_proto, IPC_SIDE_B, CORE_SANDBOX_PROBE,
		&(struct core_sandbox_probe){
			.req = prove->req, .name = SPAN("mount"), .held = false, .got = SPAN("0")});
	harness_send(t.sandbox, &core_sandbox_proto, IPC_SIDE_B, CORE_SANDBOX_PROVED,
		&(struct core_sandbox_proved){
			.req = prove->req, .ok = false, .attempts = 1, .escaped = 1});
	assert_true(world_reply(&t.w)->ok);
	assert_true(span_eq(world_get(&t.w, "ok"), SPAN("false")));
	assert_true(span_eq(world_get(&t.w, "probes.0.name"), SPAN("mount")));
	(void)world_event(&t.w, EVENT_HEALTH);
	assert_true(span_eq(world_get(&t.w, "sandbox.proof"), SPAN("failed")));
	t.agent = -1;
	turn_close(&t);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tool_that_reads_runs_with_its_warrant),
		cmocka_unit_test(a_tool_that_writes_is_marked_before_it_starts),
		cmocka_unit_test(a_mark_that_is_not_stored_carries_nothing_out),
		cmocka_unit_test(what_gate_denies_is_told_to_the_agent),
		cmocka_unit_test(an_allow_without_a_warrant_is_a_no),
		cmocka_unit_test(tools_stay_off_when_the_proof_has_failed),
		cmocka_unit_test(a_call_that_comes_before_the_proof_waits_for_it),
		cmocka_unit_test(a_call_does_not_wait_for_ever_for_the_proof),
		cmocka_unit_test(no_more_proofs_than_two_are_asked_for),
		cmocka_unit_test(a_tool_that_does_not_exist_is_refused),
		cmocka_unit_test(tool_calls_have_a_budget),
		cmocka_unit_test(memory_is_a_statement_with_a_warrant),
		cmocka_unit_test(an_agent_that_dies_under_an_effect_is_reported_not_repeated),
		cmocka_unit_test(a_sandbox_that_dies_is_an_error_of_the_tool),
		cmocka_unit_test(gate_is_asked_again_when_it_comes_back),
		cmocka_unit_test(an_agent_that_asks_for_two_things_at_once_is_an_offender),
		cmocka_unit_test(a_model_is_asked_through_the_egress_of_its_row),
		cmocka_unit_test(an_egress_that_dies_before_it_answered_is_asked_again),
		cmocka_unit_test(an_egress_that_dies_in_its_answer_is_told_to_the_agent),
		cmocka_unit_test(abort_cancels_the_request),
		cmocka_unit_test(a_model_that_gate_denies_is_told_why),
		cmocka_unit_test(model_calls_have_a_budget),
		cmocka_unit_test(text_without_end_ends_the_run),
		cmocka_unit_test(a_proof_on_request_answers_with_its_probes),
	};

	if (argc < 2)
		return 2;
	world_program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
