/* The real gate between the peers that the test plays: turns, runs, warrants, executors, limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <unistd.h>

#include "base/err.h"
#include "gate_kit.h"

static void
an_owners_turn_gets_a_warrant_that_its_executor_accepts_once(void **state)
{
	struct kit k;
	struct warrant_window window = {0};
	struct warrant want = {.effect = EFFECT_READ,
		.tool = TOOL_FILE_READ,
		.executor = KIND_SANDBOX,
		.incarnation = 3,
		.run = 1,
		.call = 9,
		.dest_kind = DEST_WORKSPACE,
		.plan = {42}};
	uint8_t number[WARRANT_NUMBER_LEN];
	uint8_t warrant[WARRANT_LEN];
	uint64_t now;
	struct ev *ev = ev_new();
	struct label l;

	(void)state;
	kit_begin(&k);
	kit_turn(&k, 7, LABEL_OWNER_TYPED, true);
	l = kit_open_run(
		&k, (struct core_gate_run_open){.run = 1, .turn = 7}, true, REASON_ALLOWED);
	assert_int_equal(l.integrity, LABEL_OWNER);
	assert_int_equal(l.readers_kind, LABEL_READ_OWNER);
	assert_int_equal(kit_judge(&k, 1, TOOL_FILE_READ, EFFECT_READ, warrant), VERDICT_ALLOW);
	warrant_number(0, number);
	warrant_dest(DEST_WORKSPACE, span_of(number, sizeof(number)), want.dest);
	now = ev_now_ms(
		ev); /* of the loop's birth: before the warrant was made, so it has not expired */
	assert_int_equal(warrant_check(kit_sandbox_key, &window, span_of(warrant, sizeof(warrant)),
				 &want, now),
		0);
	assert_int_equal(warrant_check(kit_sandbox_key, &window, span_of(warrant, sizeof(warrant)),
				 &want, now),
		ERR_REPLAY);
	ev_free(ev);
	kit_close_run(&k, 1);
	assert_int_equal(kit_verdict_of(&k, 1, TOOL_FILE_READ, EFFECT_READ), VERDICT_DENY);
	kit_end(&k);
}

static uint8_t
integrity_in(const uint8_t warrant[WARRANT_LEN])
{
	uint8_t packed[WARRANT_LABEL_LEN];
	struct label l;

	warrant_label(span_of(warrant, WARRANT_LEN), packed);
	assert_int_equal(label_unpack(span_of(packed, sizeof(packed)), &l), 0);
	assert_int_equal(l.readers_kind, LABEL_READ_OWNER);
	return l.integrity;
}

static void
a_warrant_carries_the_label_that_the_run_has_now(void **state)
{
	struct kit k;
	uint8_t warrant[WARRANT_LEN];

	(void)state;
	kit_begin(&k);
	kit_turn(&k, 7, LABEL_OWNER_TYPED, true);
	(void)kit_open_run(
		&k, (struct core_gate_run_open){.run = 1, .turn = 7}, true, REASON_ALLOWED);
	assert_int_equal(kit_judge(&k, 1, TOOL_FILE_WRITE, EFFECT_WRITE, warrant), VERDICT_ALLOW);
	assert_int_equal(integrity_in(warrant), LABEL_OWNER);
	kit_send_label(&k, 1, LABEL_UNTRUSTED, LABEL_READ_OWNER);
	kit_store_serve(&k);
	kit_expect_labeled(&k, 1);
	assert_int_equal(kit_judge(&k, 1, TOOL_FILE_WRITE, EFFECT_WRITE, warrant), VERDICT_ALLOW);
	assert_int_equal(integrity_in(warrant), LABEL_UNTRUSTED);
	kit_close_run(&k, 1);
	kit_end(&k);
}

static void
a_turn_is_for_one_run_of_its_own_principal(void **state)
{
	struct kit k;
	uint64_t other = PRINCIPAL((uint64_t)PRINCIPAL_DEVICE, (uint64_t)SCOPE_WRITE, 9u);
	uint64_t reader = PRINCIPAL((uint64_t)PRINCIPAL_DEVICE, (uint64_t)SCOPE_READ, 10u);
	int user = -1;

	(void)state;
	kit_begin(&k);
	kit_turn(&k, 7, LABEL_OWNER_TYPED, true);
	kit_turn(&k, 7, LABEL_OWNER_TYPED, false);
	kit_turn(&k, 0, LABEL_OWNER_TYPED, false);
	(void)kit_open_run(&k, (struct core_gate_run_open){.run = 1, .turn = 7, .principal = other},
		false, REASON_SCOPE);
	assert_int_equal(kit_open_run(&k, (struct core_gate_run_open){.run = 2, .turn = 7}, true,
				 REASON_ALLOWED)
				 .integrity,
		LABEL_OWNER);
	/* a run without a turn of its own, and one with a turn that was used */
	assert_int_equal(
		kit_open_run(&k, (struct core_gate_run_open){.run = 3, .turn = 7, .session = 501},
			true, REASON_ALLOWED)
			.integrity,
		LABEL_UNTRUSTED);
	assert_int_equal(kit_open_run(&k, (struct core_gate_run_open){.run = 4, .session = 502},
				 true, REASON_ALLOWED)
				 .integrity,
		LABEL_UNTRUSTED);
	(void)kit_open_run(&k, (struct core_gate_run_open){.run = 4}, false, REASON_RUN_UNKNOWN);
	/* one that core is done with is for no run */
	kit_turn(&k, 9, LABEL_OWNER_TYPED, true);
	kit_drop_turn(&k, 9);
	assert_int_equal(
		kit_open_run(&k, (struct core_gate_run_open){.run = 6, .turn = 9, .session = 504},
			true, REASON_ALLOWED)
			.integrity,
		LABEL_UNTRUSTED);
	/* a credential that may not write does not speak as the owner, whatever its edge says */
	user = harness_peer(k.h, KIND_USER, reader);
	close(k.user);
	k.user = user;
	kit_turn(&k, 8, LABEL_OWNER_TYPED, true);
	assert_int_equal(kit_open_run(&k,
				 (struct core_gate_run_open){
					 .run = 5, .turn = 8, .principal = reader, .session = 503},
				 true, REASON_ALLOWED)
				 .integrity,
		LABEL_UNTRUSTED);
	kit_end(&k);
}

static void
the_kill_switch_and_a_missing_executor_stop_everything(void **state)
{
	struct kit k;

	(void)state;
	kit_begin(&k);
	kit_turn(&k, 7, LABEL_OWNER_TYPED, true);
	(void)kit_open_run(
		&k, (struct core_gate_run_open){.run = 1, .turn = 7}, true, REASON_ALLOWED);
	harness_panic(k.h, true);
	harness_settle(k.h);
	assert_int_equal(kit_verdict_of(&k, 1, TOOL_FILE_READ, EFFECT_READ), VERDICT_DENY);
	(void)kit_open_run(&k, (struct core_gate_run_open){.run = 2}, false, REASON_PANIC);
	harness_panic(k.h, false);
	harness_settle(k.h);
	assert_int_equal(kit_verdict_of(&k, 1, TOOL_FILE_READ, EFFECT_READ), VERDICT_ALLOW);
	close(k.sandbox);
	harness_settle(k.h);
	kit_send_judge(&k, 1, 9, TOOL_FILE_READ, EFFECT_READ);
	harness_quiet(k.core, PEER_WAIT_MS / 2); /* it may be restarting */
	kit_expect_verdict(&k, 9, VERDICT_DENY, REASON_EXECUTOR);
	kit_end(&k);
}

/* core may hear of an executor, and ask for it, before gate does. */
static void
an_executor_that_is_being_wired_is_waited_for(void **state)
{
	struct kit k;

	(void)state;
	kit_begin(&k);
	kit_turn(&k, 7, LABEL_OWNER_TYPED, true);
	(void)kit_open_run(
		&k, (struct core_gate_run_open){.run = 1, .turn = 7}, true, REASON_ALLOWED);
	close(k.sandbox);
	harness_settle(k.h);
	kit_send_judge(&k, 1, 1, TOOL_FILE_READ, EFFECT_READ);
	harness_quiet(k.core, 100);
	harness_key(k.h, KIND_SANDBOX, 0, 4, kit_sandbox_key);
	harness_quiet(k.core, 100); /* a key alone is nobody who could carry it out */
	k.sandbox = harness_peer(k.h, KIND_SANDBOX, 0);
	kit_expect_verdict(&k, 1, VERDICT_ALLOW, REASON_ALLOWED);
	close(k.sandbox);
	harness_settle(k.h);
	for (uint64_t call = 2; call < 2 + GATE_ASKED_N; call++)
		kit_send_judge(&k, 1, call, TOOL_FILE_READ, EFFECT_READ);
	harness_quiet(k.core, 100);
	kit_send_judge(&k, 1, 2 + GATE_ASKED_N, TOOL_FILE_READ, EFFECT_READ); /* no room to wait */
	kit_expect_verdict(&k, 2 + GATE_ASKED_N, VERDICT_DENY, REASON_EXECUTOR);
	kit_close_run(&k, 1);
	k.sandbox = harness_peer(k.h, KIND_SANDBOX, 0);
	kit_expect_verdict(&k, 2, VERDICT_DENY, REASON_RUN_UNKNOWN);
	kit_end(&k);
}

static void
without_a_policy_it_does_not_start(void **state)
{
	struct harness *h = harness_new(kit_program, NULL,
		&(struct harness_options){.kind = KIND_GATE, .keep_not_ready = true});

	(void)state;
	(void)harness_expect(h, CHILD_FAILED);
	assert_int_equal(harness_free(h), 1);
}

static void
runs_and_turns_are_limited(void **state)
{
	struct kit k;

	(void)state;
	kit_begin(&k);
	for (uint64_t i = 1; i <= GATE_TURNS_MAX; i++)
		kit_turn(&k, i, LABEL_OWNER_TYPED, true);
	kit_turn(&k, GATE_TURNS_MAX + 1, LABEL_OWNER_TYPED, false);
	kit_drop_turn(&k, 2); /* and makes room */
	kit_turn(&k, GATE_TURNS_MAX + 1, LABEL_OWNER_TYPED, true);
	for (unsigned i = 0; i <= GATE_TURN_IDS_MAX; i++) {
		const struct edge_gate_turn_ok *ok;

		harness_send(k.user, &edge_gate_proto, IPC_SIDE_A, EDGE_GATE_TURN_ID,
			&(struct edge_gate_turn_id){.turn = 1,
				.verb = EFFECT_FETCH,
				.kind = DEST_HOST,
				.id = SPAN("example.com")});
		ok = harness_recv(k.user, &edge_gate_proto, IPC_SIDE_A, EDGE_GATE_TURN_OK, &kit_in);
		assert_int_equal(ok->ok, i < GATE_TURN_IDS_MAX);
	}
	for (uint64_t i = 1; i <= GATE_RUNS_MAX + 1; i++) {
		const struct core_gate_run_ready *ready;

		harness_send(k.core, &core_gate_proto, IPC_SIDE_A, CORE_GATE_RUN_OPEN,
			&(struct core_gate_run_open){
				.run = i, .session = SESSION, .principal = OWNER});
		if (i == 1) {
			(void)harness_recv(
				k.store, &gate_store_proto, IPC_SIDE_B, GATE_STORE_GET, &kit_in);
			kit_store_get(&k, (const void *)kit_in.msg.bytes);
		}
		ready = harness_recv(
			k.core, &core_gate_proto, IPC_SIDE_A, CORE_GATE_RUN_READY, &kit_in);
		assert_int_equal(ready->ok, i <= GATE_RUNS_MAX);
		(void)ready;
		if (i <= GATE_RUNS_MAX)
			(void)harness_recv(
				k.store, &gate_store_proto, IPC_SIDE_B, GATE_STORE_PUT, &kit_in);
	}
	kit_end(&k);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_owners_turn_gets_a_warrant_that_its_executor_accepts_once),
		cmocka_unit_test(a_warrant_carries_the_label_that_the_run_has_now),
		cmocka_unit_test(a_turn_is_for_one_run_of_its_own_principal),
		cmocka_unit_test(the_kill_switch_and_a_missing_executor_stop_everything),
		cmocka_unit_test(an_executor_that_is_being_wired_is_waited_for),
		cmocka_unit_test(without_a_policy_it_does_not_start),
		cmocka_unit_test(runs_and_turns_are_limited),
	};

	assert_true(argc > 1);
	kit_program = argv[1];
	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
