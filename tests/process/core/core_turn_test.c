/* Turns: accepted durably, run once, told once, whoever dies meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
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

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(health_is_answered_from_the_snapshot),
		cmocka_unit_test(a_message_is_accepted_answered_and_told),
	};

	if (argc < 2)
		return 2;
	world_program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
