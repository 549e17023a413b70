/* What core forgets after a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "world.h"

#define NEAR_MS                                                                                    \
	60000 /* so much earlier nothing is forgotten: a slow machine needs less than that */

static bool
is_listed(struct world *w, const char *id)
{
	world_call(w, METHOD_SYSTEM_PRESENCE, NULL);
	assert_true(world_reply(w)->ok);
	for (unsigned i = 1; i < 4; i++) {
		char path[32];

		(void)snprintf(path, sizeof(path), "%u.instanceId", i);
		if (span_eq(world_get(w, path), span_from_cstr(id)))
			return true;
	}
	return false;
}

static void
client(struct world *w, unsigned conn, const char *id, bool up)
{
	harness_send(w->edge, &edge_core_proto, IPC_SIDE_A, EDGE_CORE_CLIENT,
		&(struct edge_core_client){
			.conn = conn, .up = up, .key = span_from_cstr(id), .mode = SPAN("ui")});
}

/* PRESENCE_TTL_MS */
static void
a_client_that_left_is_shown_for_a_while(void **state)
{
	struct world w;

	(void)state;
	world_open_clock(&w, OWNER);
	client(&w, 1, "stays", true);
	client(&w, 2, "leaves", true);
	client(&w, 2, "leaves", false);
	assert_true(is_listed(&w, "leaves"));
	harness_pass(w.h, PRESENCE_TTL_MS - NEAR_MS);
	assert_true(is_listed(&w, "leaves"));
	harness_pass(w.h, NEAR_MS + 1);
	assert_false(is_listed(&w, "leaves"));
	assert_true(is_listed(&w, "stays"));
	world_close(&w);
}

static void
send_k(struct world *w, const char *message)
{
	world_call(w, METHOD_CHAT_SEND, "sessionKey", "main", "message", message, "idempotencyKey",
		"k", NULL);
}

/* DEDUPE_TTL_MS */
static void
a_repetition_gets_the_first_answer_for_a_while(void **state)
{
	struct world w;

	(void)state;
	world_open_clock(&w, OWNER);
	send_k(&w, "/stop");
	assert_true(world_reply(&w)->ok);
	harness_pass(w.h, DEDUPE_TTL_MS - NEAR_MS);
	send_k(&w, "hello");
	assert_true(world_reply(&w)->ok);
	assert_true(span_eq(world_get(&w, "aborted"), SPAN("false")));
	harness_pass(w.h, NEAR_MS + 1);
	send_k(&w, "hello");
	(void)harness_wait(w.store, &core_store_proto, IPC_SIDE_B, CORE_STORE_ACCEPT, &w.in);
	world_close(&w);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_that_left_is_shown_for_a_while),
		cmocka_unit_test(a_repetition_gets_the_first_answer_for_a_while),
	};

	if (argc < 2)
		return 2;
	world_program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
