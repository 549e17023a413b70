/* Turns: accepted durably, run once, told once, whoever dies meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "ev/ev.h"
#include "label/label.h"
#include "proto/tools.h"
#include "world.h"

static void
health_is_answered_from_the_snapshot(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, OWNER);
	world_call(&w, METHOD_HEALTH, NULL);
	assert_true(world_reply(&w)->ok);
	assert_true(span_eq(world_get(&w, "ok"), SPAN("true")));
	assert_true(span_eq(world_get(&w, "sessions.count"), SPAN("42")));
	assert_true(span_eq(world_get(&w, "sessions.recent.0.key"), SPAN("agent:main:main")));
	assert_true(span_eq(world_get(&w, "sandbox.proof"), SPAN("pending")));
	harness_quiet(w.store, 50);
	world_close(&w);
}

static void
a_message_is_accepted_answered_and_told(void **state)
{
	struct world w;
	int agent;

	(void)state;
	world_open(&w, OWNER);
	world_send(&w, "Main", "hello", "idem-1");
	agent = world_agent(&w, "hello");
	harness_send(agent, &core_agent_proto, IPC_SIDE_B, CORE_AGENT_DELTA,
		&(struct core_agent_delta){.text = SPAN("Hi ")});
	(void)world_event(&w, EVENT_CHAT);
	assert_true(span_eq(world_get(&w, "state"), SPAN("delta")));
	assert_true(span_eq(world_get(&w, "message.content.0.text"), SPAN("Hi ")));
	world_finish(&w, agent, "Hi there");
	(void)world_chat_end(&w);
	assert_true(span_eq(world_get(&w, "state"), SPAN("final")));
	assert_true(span_eq(world_get(&w, "runId"), SPAN("idem-1")));
	assert_true(span_eq(world_get(&w, "sessionKey"), SPAN("Main")));
	assert_true(span_eq(world_get(&w, "message.content.0.text"), SPAN("Hi there")));
	(void)harness_recv(w.gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_RUN_CLOSE, &w.in);
	close(agent);
	world_close(&w);
}

/* ---- accepted once ---- */

static const struct core_store_accept *
send_again(struct world *w, unsigned method, const char *idem)
{
	if (method == METHOD_AGENT)
		world_call(w, method, "message", "hello", "idempotencyKey", idem, NULL);
	else
		world_call(w, method, "sessionKey", "main", "message", "hello", "idempotencyKey",
			idem, NULL);
	return world_store(w, CORE_STORE_ACCEPT);
}

static void
say_duplicate(
	struct world *w, const struct core_store_accept *accept, uint64_t run, unsigned run_state)
{
	harness_send(w->store, &core_store_proto, IPC_SIDE_B, CORE_STORE_ACCEPTED,
		&(struct core_store_accepted){.req = accept->req,
			.duplicate = true,
			.run = run,
			.session = 11,
			.state = (uint8_t)run_state});
}

/* gate hears that no run will come of a turn. */
static void
dropped(struct world *w)
{
	const struct core_gate_turn_drop *m =
		harness_recv(w->gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_TURN_DROP, &w->in);

	assert_int_equal(m->turn, 99);
}

static void
nothing_is_answered_before_store_has_it(void **state)
{
	struct world w;
	const struct core_store_accept *accept;

	(void)state;
	world_open(&w, OWNER);
	accept = send_again(&w, METHOD_CHAT_SEND, "k");
	harness_quiet(w.edge, 100);
	harness_send(w.store, &core_store_proto, IPC_SIDE_B, CORE_STORE_ACCEPTED,
		&(struct core_store_accepted){.req = accept->req, .rc = ERR_IO});
	assert_int_equal(world_reply(&w)->code, RPC_UNAVAILABLE);
	dropped(&w);
	harness_quiet(w.gate, 50);
	world_close(&w);
}

static void
a_repeated_key_runs_once(void **state)
{
	struct world w;
	int agent;

	(void)state;
	agent = world_begin(&w);
	say_duplicate(&w, send_again(&w, METHOD_CHAT_SEND, "k"), w.run, RUN_RUNNING);
	assert_true(world_reply(&w)->ok);
	assert_true(span_eq(world_get(&w, "status"), SPAN("in_flight")));
	dropped(&w);
	world_finish(&w, agent, "done");
	(void)world_chat_end(&w);
	(void)harness_recv(w.gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_RUN_CLOSE, &w.in);
	say_duplicate(&w, send_again(&w, METHOD_CHAT_SEND, "k"), w.run, RUN_DONE);
	assert_true(world_reply(&w)->ok);
	assert_true(span_eq(world_get(&w, "status"), SPAN("ok")));
	say_duplicate(&w, send_again(&w, METHOD_CHAT_SEND, "k"), w.run, RUN_REPORTED);
	assert_false(world_reply(&w)->ok);
	assert_true(span_eq(world_get(&w, "status"), SPAN("error")));
	dropped(&w);
	dropped(&w);
	harness_quiet(w.gate, 50);
	close(agent);
	world_close(&w);
}

static void
agent_answers_twice_and_a_repetition_joins(void **state)
{
	struct world w;
	const struct core_store_accept *accept;
	const struct edge_core_reply *reply;
	int agent;

	(void)state;
	world_open(&w, OWNER);
	accept = send_again(&w, METHOD_AGENT, "k");
	w.run = accept->run;
	harness_send(w.store, &core_store_proto, IPC_SIDE_B, CORE_STORE_ACCEPTED,
		&(struct core_store_accepted){.req = accept->req,
			.run = accept->run,
			.session = 11,
			.state = RUN_ACCEPTED});
	reply = world_reply(&w);
	assert_true(reply->ok);
	assert_false(reply->final);
	assert_true(span_eq(world_get(&w, "status"), SPAN("accepted")));
	agent = world_agent(&w, "hello");
	say_duplicate(&w, send_again(&w, METHOD_AGENT, "k"), w.run, RUN_RUNNING);
	assert_false(world_reply(&w)->final);
	world_finish(&w, agent, "42");
	for (int i = 0; i < 2; i++) {
		reply = world_reply(&w);
		assert_true(reply->ok);
		assert_true(reply->final);
		assert_true(span_eq(world_get(&w, "result.payloads.0.text"), SPAN("42")));
	}
	close(agent);
	world_close(&w);
}

static void
agent_repeated_later_gets_the_answer_of_the_transcript(void **state)
{
	const struct core_store_history *history;
	struct world w;

	(void)state;
	world_open(&w, OWNER);
	say_duplicate(&w, send_again(&w, METHOD_AGENT, "k"), 77, RUN_DONE);
	history = world_store(&w, CORE_STORE_HISTORY);
	assert_int_equal(history->run, 77);
	harness_send(w.store, &core_store_proto, IPC_SIDE_B, CORE_STORE_ITEM,
		&(struct core_store_item){.req = history->req,
			.run = 77,
			.role = ROLE_ASSISTANT,
			.kind = ITEM_TEXT,
			.text = SPAN("42"),
			.body = -1});
	harness_send(w.store, &core_store_proto, IPC_SIDE_B, CORE_STORE_DONE,
		&(struct core_store_done){.req = history->req, .count = 1});
	assert_true(world_reply(&w)->ok);
	assert_true(span_eq(world_get(&w, "result.payloads.0.text"), SPAN("42")));
	world_close(&w);
}

static void
a_gate_that_cannot_write_is_asked_again(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, OWNER);
	world_send(&w, "main", "hello", "k");
	(void)harness_recv(w.gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_RUN_OPEN, &w.in);
	harness_send(w.gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_RUN_READY,
		&(struct core_gate_run_ready){.run = w.run, .reason = REASON_LIMIT});
	(void)world_agent(&w, "hello");
	world_close(&w);
}

static void
a_gate_that_refuses_ends_the_run(void **state)
{
	const struct core_store_finish *finish;
	struct world w;

	(void)state;
	world_open(&w, OWNER);
	world_send(&w, "main", "hello", "k");
	(void)harness_recv(w.gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_RUN_OPEN, &w.in);
	harness_send(w.gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_RUN_READY,
		&(struct core_gate_run_ready){.run = w.run, .reason = REASON_SCOPE});
	finish = world_store(&w, CORE_STORE_FINISH);
	assert_int_equal(finish->state, RUN_FAILED);
	assert_true(span_eq(finish->text, span_from_cstr(reason_text(REASON_SCOPE))));
	world_stored(&w, finish->req, ERR_STATE);
	(void)world_chat_end(&w);
	assert_true(span_eq(world_get(&w, "state"), SPAN("error")));
	world_close(&w);
}

static void
wait_tells_how_a_run_ended(void **state)
{
	struct world w;
	const struct core_store_find_run *find;
	int agent;

	(void)state;
	agent = world_begin(&w);
	world_call(&w, METHOD_AGENT_WAIT, "runId", "k", NULL);
	world_finish(&w, agent, "done");
	assert_true(world_reply(&w)->ok);
	assert_true(span_eq(world_get(&w, "status"), SPAN("ok")));
	world_call(&w, METHOD_AGENT_WAIT, "runId", "k", NULL);
	find = world_store(&w, CORE_STORE_FIND_RUN);
	harness_send(w.store, &core_store_proto, IPC_SIDE_B, CORE_STORE_RUN,
		&(struct core_store_run){
			.req = find->req, .run = w.run, .idem = SPAN("k"), .state = RUN_FAILED});
	harness_send(w.store, &core_store_proto, IPC_SIDE_B, CORE_STORE_DONE,
		&(struct core_store_done){.req = find->req, .count = 1});
	assert_true(world_reply(&w)->ok);
	assert_true(span_eq(world_get(&w, "status"), SPAN("error")));
	close(agent);
	world_close(&w);
}

/* ---- lanes ---- */

static void
a_session_runs_one_at_a_time_and_others_beside_it(void **state)
{
	struct world w;
	uint64_t first;
	uint64_t other;
	int agent;

	(void)state;
	world_open(&w, OWNER);
	world_send(&w, "a", "one", "k1");
	first = w.run;
	agent = world_agent(&w, "one");
	world_send(&w, "a", "two", "k2");
	harness_quiet(w.gate, 50);
	world_send(&w, "b", "three", "k3");
	other = w.run;
	assert_int_equal(((const struct core_gate_run_open *)harness_recv(
				  w.gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_RUN_OPEN, &w.in))
				 ->run,
		other);
	w.run = first;
	world_finish(&w, agent, "1");
	(void)harness_recv(w.gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_RUN_CLOSE, &w.in);
	(void)harness_recv(w.gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_RUN_OPEN, &w.in);
	close(agent);
	world_close(&w);
}

static void
no_more_runs_at_once_than_the_limit(void **state)
{
	struct world w;
	char name[8] = "s0";

	(void)state;
	world_open(&w, OWNER);
	for (unsigned i = 0; i < RUNS_CONCURRENT_MAX + 1; i++) {
		name[1] = (char)('0' + i);
		world_send(&w, name, "x", name);
	}
	for (unsigned i = 0; i < RUNS_CONCURRENT_MAX; i++)
		(void)harness_recv(w.gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_RUN_OPEN, &w.in);
	harness_quiet(w.gate, 50);
	world_close(&w);
}

static void
the_queue_has_an_end(void **state)
{
	struct world w;
	const struct core_store_accept *accept;

	(void)state;
	world_open(&w, OWNER);
	for (unsigned i = 0; i < RUN_QUEUE_MAX; i++) {
		char idem[16];

		(void)snprintf(idem, sizeof(idem), "k%u", i);
		accept = send_again(&w, METHOD_CHAT_SEND, idem);
		harness_send(w.store, &core_store_proto, IPC_SIDE_B, CORE_STORE_ACCEPTED,
			&(struct core_store_accepted){.req = accept->req,
				.run = accept->run,
				.session = 11,
				.state = RUN_ACCEPTED});
		assert_true(world_reply(&w)->ok);
	}
	world_call(&w, METHOD_CHAT_SEND, "sessionKey", "main", "message", "x", "idempotencyKey",
		"over", NULL);
	assert_int_equal(world_reply(&w)->code, RPC_UNAVAILABLE);
	world_close(&w);
}

/* ---- aborting ---- */

static void
finish_of(struct world *w, unsigned run_state)
{
	const struct core_store_finish *finish = world_store(w, CORE_STORE_FINISH);

	assert_int_equal(finish->run, w->run);
	assert_int_equal(finish->state, run_state);
	world_stored(w, finish->req, 0);
}

static void
abort_kills_the_agent_and_tells(void **state)
{
	struct world w;
	const struct child_kill *kill;
	int agent;

	(void)state;
	agent = world_begin(&w);
	world_call(&w, METHOD_CHAT_ABORT, "sessionKey", "main", "runId", "k", NULL);
	kill = harness_expect(w.h, CHILD_KILL);
	assert_int_equal(kill->kind, KIND_AGENT);
	assert_int_equal(kill->key, w.run);
	assert_true(world_reply(&w)->ok);
	assert_true(span_eq(world_get(&w, "aborted"), SPAN("true")));
	assert_true(span_eq(world_get(&w, "runIds.0"), SPAN("k")));
	close(agent);
	finish_of(&w, RUN_ABORTED);
	(void)world_chat_end(&w);
	assert_true(span_eq(world_get(&w, "state"), SPAN("aborted")));
	assert_true(span_eq(world_get(&w, "stopReason"), SPAN("rpc")));
	world_call(&w, METHOD_CHAT_ABORT, "sessionKey", "main", NULL);
	assert_true(world_reply(&w)->ok);
	assert_true(span_eq(world_get(&w, "aborted"), SPAN("false")));
	world_close(&w);
}

static void
a_stop_word_aborts_and_is_no_message(void **state)
{
	struct world w;
	int agent;

	(void)state;
	agent = world_begin(&w);
	world_call(&w, METHOD_CHAT_SEND, "sessionKey", "main", "message", " STOP ",
		"idempotencyKey", "k2", NULL);
	assert_true(world_reply(&w)->ok);
	assert_true(span_eq(world_get(&w, "aborted"), SPAN("true")));
	finish_of(&w, RUN_ABORTED);
	(void)world_chat_end(&w);
	assert_true(span_eq(world_get(&w, "stopReason"), SPAN("stop")));
	close(agent);
	world_close(&w);
}

static void
a_run_of_another_session_is_not_aborted(void **state)
{
	struct world w;
	int agent;

	(void)state;
	agent = world_begin(&w);
	world_call(&w, METHOD_CHAT_ABORT, "sessionKey", "other", "runId", "k", NULL);
	assert_true(span_eq(world_reply(&w)->message, SPAN("runId does not match sessionKey")));
	close(agent);
	world_close(&w);
}

static void
the_kill_switch_aborts_everything_and_refuses_turns(void **state)
{
	struct world w;
	int agent;

	(void)state;
	agent = world_begin(&w);
	harness_panic(w.h, true);
	finish_of(&w, RUN_ABORTED);
	(void)world_chat_end(&w);
	world_call(&w, METHOD_CHAT_SEND, "sessionKey", "main", "message", "x", "idempotencyKey",
		"k2", NULL);
	assert_true(span_eq(world_reply(&w)->message, SPAN("stopped: the kill switch is on")));
	close(agent);
	world_close(&w);
}

static void
a_run_ends_with_its_time(void **state)
{
	struct world w;
	struct buf list = {.max = 1024};
	struct args_out out;
	const struct core_store_accept *accept;

	(void)state;
	world_open(&w, OWNER);
	args_out_init(&out, &list, false);
	args_out_cstr(&out, "sessionKey", "main");
	args_out_cstr(&out, "message", "x");
	args_out_cstr(&out, "idempotencyKey", "k");
	args_out_u64(&out, "timeoutMs", 100);
	assert_int_equal(args_out_done(&out), 0);
	world_call_list(&w, METHOD_CHAT_SEND, SCOPE_ALL, buf_span(&list));
	buf_clear(&list);
	accept = world_store(&w, CORE_STORE_ACCEPT);
	w.run = accept->run;
	harness_send(w.store, &core_store_proto, IPC_SIDE_B, CORE_STORE_ACCEPTED,
		&(struct core_store_accepted){.req = accept->req,
			.run = accept->run,
			.session = 11,
			.state = RUN_ACCEPTED});
	finish_of(&w, RUN_ABORTED);
	(void)world_chat_end(&w);
	assert_true(span_eq(world_get(&w, "stopReason"), SPAN("timeout")));
	world_close(&w);
}

/* ---- deaths ---- */

/* The agent is made again, fed again, and told to go. */
static int
agent_again(struct world *w)
{
	const struct core_store_history *history;
	const struct child_spawn *spawn = harness_expect(w->h, CHILD_SPAWN);
	int agent;

	assert_int_equal(spawn->instance, w->run);
	agent = harness_peer(w->h, KIND_AGENT, w->run);
	history = world_store(w, CORE_STORE_HISTORY);
	harness_send(w->store, &core_store_proto, IPC_SIDE_B, CORE_STORE_DONE,
		&(struct core_store_done){.req = history->req});
	(void)harness_wait(agent, &core_agent_proto, IPC_SIDE_B, CORE_AGENT_GO, &w->in);
	return agent;
}

static void
an_agent_that_dies_is_run_again(void **state)
{
	struct world w;
	int agent;

	(void)state;
	agent = world_begin(&w);
	close(agent);
	agent = agent_again(&w);
	world_finish(&w, agent, "after all");
	(void)world_chat_end(&w);
	assert_true(span_eq(world_get(&w, "message.content.0.text"), SPAN("after all")));
	close(agent);
	world_close(&w);
}

static void
an_agent_that_always_dies_is_reported(void **state)
{
	struct world w;
	int agent;

	(void)state;
	agent = world_begin(&w);
	for (unsigned i = 0; i < RUN_DEATHS_MAX; i++) {
		close(agent);
		agent = agent_again(&w);
	}
	close(agent);
	finish_of(&w, RUN_REPORTED);
	(void)world_chat_end(&w);
	assert_true(span_eq(world_get(&w, "state"), SPAN("error")));
	assert_true(span_starts_with(world_get(&w, "errorMessage"), SPAN("Interrupted")));
	world_close(&w);
}

static void
an_agent_that_cannot_be_made_is_tried_again_then_reported(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, OWNER);
	world_send(&w, "main", "hello", "k");
	(void)harness_recv(w.gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_RUN_OPEN, &w.in);
	harness_send(w.gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_RUN_READY,
		&(struct core_gate_run_ready){.run = w.run, .ok = true});
	for (unsigned i = 0; i <= RUN_DEATHS_MAX; i++) {
		(void)harness_expect(w.h, CHILD_SPAWN);
		harness_refuse(w.h, KIND_AGENT, w.run, ERR_BUSY);
	}
	finish_of(&w, RUN_REPORTED);
	world_close(&w);
}

static void
an_agent_that_does_not_come_is_asked_for_again(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, OWNER);
	world_send(&w, "main", "hello", "k");
	(void)harness_recv(w.gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_RUN_OPEN, &w.in);
	harness_send(w.gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_RUN_READY,
		&(struct core_gate_run_ready){.run = w.run, .ok = true});
	for (int i = 0; i < 2; i++)
		assert_int_equal(
			((const struct child_spawn *)harness_expect(w.h, CHILD_SPAWN))->instance,
			w.run);
	world_close(&w);
}

static void
statements_are_repeated_when_store_comes_back(void **state)
{
	struct world w;
	const struct core_store_accept *accept;
	uint64_t run;

	(void)state;
	world_open(&w, OWNER);
	accept = send_again(&w, METHOD_CHAT_SEND, "k");
	run = accept->run;
	close(w.store);
	harness_peer_gone(w.h, KIND_STORE, 0, w.store_incarnation);
	w.store = harness_peer(w.h, KIND_STORE, 0);
	accept = world_store(&w, CORE_STORE_ACCEPT);
	assert_int_equal(accept->run, run);
	harness_send(w.store, &core_store_proto, IPC_SIDE_B, CORE_STORE_ACCEPTED,
		&(struct core_store_accepted){.req = accept->req,
			.duplicate = true,
			.run = run,
			.session = 11,
			.state = RUN_ACCEPTED});
	assert_true(world_reply(&w)->ok);
	assert_true(span_eq(world_get(&w, "status"), SPAN("started")));
	world_close(&w);
}

static void
a_history_that_store_began_is_not_fed_twice(void **state)
{
	struct world w;
	const struct core_store_history *history;
	struct core_store_item item = {
		.id = 1, .role = ROLE_USER, .kind = ITEM_TEXT, .text = SPAN("one"), .body = -1};
	const struct core_agent_item *fed;
	int agent;

	(void)state;
	world_open(&w, OWNER);
	world_send(&w, "main", "two", "k");
	(void)harness_recv(w.gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_RUN_OPEN, &w.in);
	harness_send(w.gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_RUN_READY,
		&(struct core_gate_run_ready){.run = w.run, .ok = true});
	(void)harness_expect(w.h, CHILD_SPAWN);
	agent = harness_peer(w.h, KIND_AGENT, w.run);
	history = world_store(&w, CORE_STORE_HISTORY);
	item.req = history->req;
	harness_send(w.store, &core_store_proto, IPC_SIDE_B, CORE_STORE_ITEM, &item);
	(void)harness_wait(agent, &core_agent_proto, IPC_SIDE_B, CORE_AGENT_ITEM, &w.in);
	close(w.store);
	harness_peer_gone(w.h, KIND_STORE, 0, w.store_incarnation);
	w.store = harness_peer(w.h, KIND_STORE, 0);
	(void)world_store(&w, CORE_STORE_HISTORY);
	harness_send(w.store, &core_store_proto, IPC_SIDE_B, CORE_STORE_ITEM, &item);
	item.text = SPAN("two");
	harness_send(w.store, &core_store_proto, IPC_SIDE_B, CORE_STORE_ITEM, &item);
	harness_send(w.store, &core_store_proto, IPC_SIDE_B, CORE_STORE_DONE,
		&(struct core_store_done){.req = item.req});
	fed = harness_recv(agent, &core_agent_proto, IPC_SIDE_B, CORE_AGENT_ITEM, &w.in);
	assert_true(span_eq(fed->text, SPAN("two")));
	(void)harness_recv(agent, &core_agent_proto, IPC_SIDE_B, CORE_AGENT_GO, &w.in);
	close(agent);
	world_close(&w);
}

/* A history travels in few messages: what store packed goes on packed, each item looked at. */
static void
a_packed_history_reaches_the_agent_packed(void **state)
{
	static struct ipc_pack pack;
	const struct ipc_message *row = ipc_message_find(&core_store_proto, CORE_STORE_ITEM);
	const struct core_store_history *history;
	const struct core_agent_items *fed;
	struct core_store_item item = {
		.role = ROLE_USER, .kind = ITEM_TEXT, .text = SPAN("one"), .body = -1};
	struct core_agent_item got;
	struct span data;
	struct world w;
	int agent;

	(void)state;
	world_open(&w, OWNER);
	world_send(&w, "main", "two", "k");
	(void)harness_recv(w.gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_RUN_OPEN, &w.in);
	harness_send(w.gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_RUN_READY,
		&(struct core_gate_run_ready){.run = w.run, .ok = true});
	(void)harness_expect(w.h, CHILD_SPAWN);
	agent = harness_peer(w.h, KIND_AGENT, w.run);
	history = world_store(&w, CORE_STORE_HISTORY);
	assert_true(history->packed);
	item.req = history->req;
	assert_int_equal(ipc_pack_put(&pack, row, &item), 0);
	item.kind = ITEM_TOOL_RESULT; /* of no call: left out */
	assert_int_equal(ipc_pack_put(&pack, row, &item), 0);
	item.kind = ITEM_TEXT;
	item.text = SPAN("two");
	assert_int_equal(ipc_pack_put(&pack, row, &item), 0);
	harness_send(w.store, &core_store_proto, IPC_SIDE_B, CORE_STORE_ITEMS,
		&(struct core_store_items){.req = item.req, .data = span_of(pack.data, pack.len)});
	fed = harness_wait(agent, &core_agent_proto, IPC_SIDE_B, CORE_AGENT_ITEMS, &w.in);
	data = fed->data;
	row = ipc_message_find(&core_agent_proto, CORE_AGENT_ITEM);
	assert_int_equal(ipc_pack_next(&data, row, &got), 1);
	assert_true(span_eq(got.text, SPAN("one")));
	assert_int_equal(ipc_pack_next(&data, row, &got), 1);
	assert_true(span_eq(got.text, SPAN("two")));
	assert_int_equal(ipc_pack_next(&data, row, &got), 0);
	harness_send(w.store, &core_store_proto, IPC_SIDE_B, CORE_STORE_DONE,
		&(struct core_store_done){.req = item.req});
	(void)harness_recv(agent, &core_agent_proto, IPC_SIDE_B, CORE_AGENT_GO, &w.in);
	close(agent);
	world_close(&w);
}

static void
a_gate_that_comes_back_is_told_of_the_runs(void **state)
{
	struct world w;
	const struct core_gate_run_open *open;
	int agent;

	(void)state;
	agent = world_begin(&w);
	close(w.gate);
	harness_peer_gone(w.h, KIND_GATE, 0, w.gate_incarnation);
	w.gate = harness_peer(w.h, KIND_GATE, 0);
	open = harness_recv(w.gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_RUN_OPEN, &w.in);
	assert_int_equal(open->run, w.run);
	assert_true(open->resumed);
	assert_int_equal(open->turn, 0);
	close(agent);
	world_close(&w);
}

/* ---- recovery ---- */

static void
open_runs_are_taken_up_or_reported(void **state)
{
	struct world w;
	const struct core_store_open_runs *open;
	const struct core_gate_run_open *opened;
	struct core_store_run row = {.run = 71,
		.session = 1,
		.session_key = SPAN("agent:main:main"),
		.idem = SPAN("k1"),
		.principal = OWNER,
		.state = RUN_ACCEPTED};

	(void)state;
	world_open_raw(&w, OWNER);
	open = harness_recv(w.store, &core_store_proto, IPC_SIDE_B, CORE_STORE_OPEN_RUNS, &w.in);
	row.req = open->req;
	harness_send(w.store, &core_store_proto, IPC_SIDE_B, CORE_STORE_RUN, &row);
	row.run = 72;
	row.session_key = SPAN("agent:main:other");
	row.state = RUN_EFFECT;
	row.idem = SPAN("k2");
	harness_send(w.store, &core_store_proto, IPC_SIDE_B, CORE_STORE_RUN, &row);
	harness_send(w.store, &core_store_proto, IPC_SIDE_B, CORE_STORE_DONE,
		&(struct core_store_done){.req = row.req, .count = 2});
	world_answer_start(&w);
	opened = harness_recv(w.gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_RUN_OPEN, &w.in);
	assert_int_equal(opened->run, 71);
	assert_true(opened->resumed);
	w.run = 72;
	finish_of(&w, RUN_REPORTED);
	(void)world_chat_end(&w);
	assert_true(span_eq(world_get(&w, "runId"), SPAN("k2")));
	harness_quiet(w.gate, 50);
	world_close(&w);
}

static void
drain_says_so_and_ends(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, OWNER);
	harness_drain(w.h);
	(void)world_event(&w, EVENT_SHUTDOWN);
	assert_true(span_eq(world_get(&w, "reason"), SPAN("service restart")));
	world_close(&w);
}

/* ---- history ---- */

static void
history_has_the_form_of_a_transcript(void **state)
{
	struct world w;
	const struct core_store_session_get *get;
	const struct core_store_history *history;
	struct core_store_item item = {.id = 1,
		.role = ROLE_USER,
		.kind = ITEM_TEXT,
		.at = 5,
		.text = SPAN("hi"),
		.body = -1};
	struct buf args = {.max = 256};
	struct args_out out;

	(void)state;
	world_open(&w, OWNER);
	world_call(&w, METHOD_CHAT_HISTORY, "sessionKey", "MAIN", NULL);
	get = world_store(&w, CORE_STORE_SESSION_GET);
	assert_true(span_eq(get->value, SPAN("agent:main:main")));
	harness_send(w.store, &core_store_proto, IPC_SIDE_B, CORE_STORE_SESSION,
		&(struct core_store_session){.req = get->req, .id = 7, .session_id = SPAN("s-7")});
	harness_send(w.store, &core_store_proto, IPC_SIDE_B, CORE_STORE_DONE,
		&(struct core_store_done){.req = get->req, .count = 1});
	history = world_store(&w, CORE_STORE_HISTORY);
	assert_int_equal(history->session, 7);
	assert_int_equal(history->limit, 200);
	item.req = history->req;
	harness_send(w.store, &core_store_proto, IPC_SIDE_B, CORE_STORE_ITEM, &item);
	args_out_init(&out, &args, false);
	args_out_cstr(&out, "path", "a.txt");
	assert_int_equal(args_out_done(&out), 0);
	item = (struct core_store_item){.req = item.req,
		.role = ROLE_ASSISTANT,
		.kind = ITEM_TOOL_CALL,
		.name = SPAN("file_read"),
		.call_id = SPAN("c1"),
		.args = buf_span(&args),
		.body = -1};
	harness_send(w.store, &core_store_proto, IPC_SIDE_B, CORE_STORE_ITEM, &item);
	item = (struct core_store_item){.req = item.req,
		.role = ROLE_TOOL,
		.kind = ITEM_TOOL_RESULT,
		.name = SPAN("file_read"),
		.call_id = SPAN("c1"),
		.error = true,
		.text = SPAN("no such file"),
		.body = -1};
	harness_send(w.store, &core_store_proto, IPC_SIDE_B, CORE_STORE_ITEM, &item);
	harness_send(w.store, &core_store_proto, IPC_SIDE_B, CORE_STORE_DONE,
		&(struct core_store_done){.req = item.req, .count = 3});
	assert_true(world_reply(&w)->ok);
	assert_true(span_eq(world_get(&w, "sessionKey"), SPAN("MAIN")));
	assert_true(span_eq(world_get(&w, "messages.0.role"), SPAN("user")));
	assert_true(span_eq(world_get(&w, "messages.0.content.0.text"), SPAN("hi")));
	assert_true(span_eq(world_get(&w, "messages.1.content.0.type"), SPAN("toolCall")));
	assert_true(span_eq(world_get(&w, "messages.1.content.0.arguments.path"), SPAN("a.txt")));
	assert_true(span_eq(world_get(&w, "messages.2.role"), SPAN("toolResult")));
	assert_true(span_eq(world_get(&w, "messages.2.isError"), SPAN("true")));
	buf_clear(&args);
	world_close(&w);
}

/* Sessions begin anew at four in the morning, and at a word. */
static void
store_hears_when_a_session_is_stale(void **state)
{
	struct world w;
	const struct core_store_accept *accept;
	uint64_t now = ev_wall_ms();

	(void)state;
	world_open(&w, OWNER);
	world_call(&w, METHOD_CHAT_SEND, "sessionKey", "main", "message", "hi", "idempotencyKey",
		"k1", NULL);
	accept = world_store(&w, CORE_STORE_ACCEPT);
	assert_false(accept->fresh);
	assert_true(accept->stale <= now && now - accept->stale <= 86400000);
	world_call(&w, METHOD_CHAT_SEND, "sessionKey", "main", "message", "/NEW  hi",
		"idempotencyKey", "k2", NULL);
	accept = world_store(&w, CORE_STORE_ACCEPT);
	assert_true(accept->fresh);
	assert_true(span_eq(accept->text, SPAN("hi")));
	world_call(&w, METHOD_CHAT_SEND, "sessionKey", "main", "message", "/newer",
		"idempotencyKey", "k3", NULL);
	accept = world_store(&w, CORE_STORE_ACCEPT);
	assert_false(accept->fresh);
	world_call(&w, METHOD_CHAT_SEND, "sessionKey", "room", "message", "/reset",
		"idempotencyKey", "k4", NULL);
	assert_int_equal(
		((const struct core_store_session_end *)world_store(&w, CORE_STORE_SESSION_END))
			->how,
		SESSION_RESET);
	world_close(&w);
}

static void
the_last_answers_are_kept_for_repetitions(void **state)
{
	struct world w;
	char key[16];

	(void)state;
	world_open(&w, OWNER);
	for (unsigned i = 0; i < DEDUPE_MAX + 2; i++) {
		(void)snprintf(key, sizeof(key), "k%u", i);
		world_call(&w, METHOD_CHAT_SEND, "sessionKey", "main", "message", "/stop",
			"idempotencyKey", key, NULL);
		assert_true(world_reply(&w)->ok);
	}
	/* A repetition gets the first answer, whatever it says now; the oldest are forgotten. */
	world_call(&w, METHOD_CHAT_SEND, "sessionKey", "main", "message", "hello", "idempotencyKey",
		"k2", NULL);
	assert_true(world_reply(&w)->ok);
	assert_true(span_eq(world_get(&w, "aborted"), SPAN("false")));
	world_call(&w, METHOD_CHAT_SEND, "sessionKey", "main", "message", "hello", "idempotencyKey",
		"k0", NULL);
	(void)world_store(&w, CORE_STORE_ACCEPT);
	world_close(&w);
}

static void
gate_hears_of_a_turn_that_no_run_comes_from(void **state)
{
	const struct core_store_accept *accept;
	struct world w;
	int agent;

	(void)state;
	agent = world_begin(&w); /* RUN_OPEN is what gate hears of a turn with a run */
	world_call(&w, METHOD_CHAT_SEND, "sessionKey", "main", "idempotencyKey", "k1", NULL);
	assert_false(world_reply(&w)->ok); /* refused */
	dropped(&w);
	world_call(&w, METHOD_CHAT_SEND, "sessionKey", "other", "message", "/stop",
		"idempotencyKey", "k2", NULL);
	assert_true(world_reply(&w)->ok); /* no message */
	dropped(&w);
	world_call(&w, METHOD_CHAT_SEND, "sessionKey", "main", "message", "hi", "idempotencyKey",
		"k3", NULL);
	accept = world_store(&w, CORE_STORE_ACCEPT);
	harness_send(w.store, &core_store_proto, IPC_SIDE_B, CORE_STORE_ACCEPTED,
		&(struct core_store_accepted){.req = accept->req,
			.run = 77,
			.session = 1,
			.duplicate = true,
			.state = RUN_DONE});
	assert_true(world_reply(&w)->ok);
	dropped(&w); /* a repetition of what has ended */
	world_finish(&w, agent, "ok");
	(void)harness_recv(w.gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_RUN_CLOSE, &w.in);
	close(agent);
	world_close(&w);
}

static void
the_last_system_events_wait_for_the_next_message(void **state)
{
	struct world w;
	char text[16];

	(void)state;
	world_open(&w, OWNER);
	for (unsigned i = 0; i < SYSEVENTS_MAX + 1; i++) {
		(void)snprintf(text, sizeof(text), "event %u", i);
		world_call(&w, METHOD_WAKE, "mode", "now", "text", text, NULL);
		assert_true(world_reply(&w)->ok);
	}
	world_call(&w, METHOD_STATUS, NULL);
	assert_true(world_reply(&w)->ok);
	assert_true(span_eq(world_get(&w, "queuedSystemEvents.0"), SPAN("event 1")));
	world_close(&w);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(health_is_answered_from_the_snapshot),
		cmocka_unit_test(a_message_is_accepted_answered_and_told),
		cmocka_unit_test(nothing_is_answered_before_store_has_it),
		cmocka_unit_test(a_repeated_key_runs_once),
		cmocka_unit_test(agent_answers_twice_and_a_repetition_joins),
		cmocka_unit_test(agent_repeated_later_gets_the_answer_of_the_transcript),
		cmocka_unit_test(a_gate_that_cannot_write_is_asked_again),
		cmocka_unit_test(a_gate_that_refuses_ends_the_run),
		cmocka_unit_test(wait_tells_how_a_run_ended),
		cmocka_unit_test(a_session_runs_one_at_a_time_and_others_beside_it),
		cmocka_unit_test(no_more_runs_at_once_than_the_limit),
		cmocka_unit_test(the_queue_has_an_end),
		cmocka_unit_test(abort_kills_the_agent_and_tells),
		cmocka_unit_test(a_stop_word_aborts_and_is_no_message),
		cmocka_unit_test(a_run_of_another_session_is_not_aborted),
		cmocka_unit_test(the_kill_switch_aborts_everything_and_refuses_turns),
		cmocka_unit_test(a_run_ends_with_its_time),
		cmocka_unit_test(an_agent_that_dies_is_run_again),
		cmocka_unit_test(an_agent_that_always_dies_is_reported),
		cmocka_unit_test(an_agent_that_cannot_be_made_is_tried_again_then_reported),
		cmocka_unit_test(an_agent_that_does_not_come_is_asked_for_again),
		cmocka_unit_test(statements_are_repeated_when_store_comes_back),
		cmocka_unit_test(a_history_that_store_began_is_not_fed_twice),
		cmocka_unit_test(a_packed_history_reaches_the_agent_packed),
		cmocka_unit_test(a_gate_that_comes_back_is_told_of_the_runs),
		cmocka_unit_test(open_runs_are_taken_up_or_reported),
		cmocka_unit_test(drain_says_so_and_ends),
		cmocka_unit_test(history_has_the_form_of_a_transcript),
		cmocka_unit_test(store_hears_when_a_session_is_stale),
		cmocka_unit_test(the_last_answers_are_kept_for_repetitions),
		cmocka_unit_test(the_last_system_events_wait_for_the_next_message),
		cmocka_unit_test(gate_hears_of_a_turn_that_no_run_comes_from),
	};

	if (argc < 2)
		return 2;
	world_program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
