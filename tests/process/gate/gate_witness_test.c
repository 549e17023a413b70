/* Every verdict is a line of the audit log before anybody hears of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <unistd.h>

#include "gate_kit.h"

static void
every_verdict_is_a_line_in_the_audit_log(void **state)
{
	static const struct {
		uint8_t event, verdict, reason;
	} want[] = {{AUDIT_RUN_OPEN, 0, 0}, {AUDIT_VERDICT, VERDICT_ALLOW, REASON_ALLOWED},
		{AUDIT_VERDICT, VERDICT_DENY, REASON_TOOL_UNKNOWN}, {AUDIT_LABEL, 0, 0},
		{AUDIT_VERDICT, VERDICT_ASK, REASON_TAINTED}, {AUDIT_RUN_CLOSE, 0, 0},
		{AUDIT_VERDICT, VERDICT_DENY, REASON_RUN_UNKNOWN}};
	struct kit k;

	(void)state;
	kit_begin(&k);
	kit_turn(&k, 7, LABEL_OWNER_TYPED, true);
	(void)kit_open_run(
		&k, (struct core_gate_run_open){.run = 1, .turn = 7}, true, REASON_ALLOWED);
	(void)kit_verdict_of(&k, 1, TOOL_FILE_READ, EFFECT_READ);
	(void)kit_verdict_of(
		&k, 1, TOOL_FILE_DELETE, EFFECT_READ); /* core calls a deletion a look */
	kit_send_label(&k, 1, LABEL_UNTRUSTED, LABEL_PUBLIC);
	kit_store_serve(&k);
	kit_expect_labeled(&k, 1);
	(void)kit_verdict_of(&k, 1, TOOL_FILE_DELETE, EFFECT_DELETE);
	kit_close_run(&k, 1);
	(void)kit_verdict_of(&k, 1, TOOL_FILE_READ, EFFECT_READ);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		const struct audit_writer_line *line = harness_recv(
			k.audit, &audit_writer_proto, IPC_SIDE_B, AUDIT_WRITER_LINE, &kit_in);

		assert_int_equal(line->event, want[i].event);
		assert_int_equal(line->verdict, want[i].verdict);
		assert_int_equal(line->reason, want[i].reason);
		assert_true(line->run == 1);
	}
	kit_end(&k);
}

static const struct audit_writer_line *
next_line(struct kit *k)
{
	return harness_recv(k->audit, &audit_writer_proto, IPC_SIDE_B, AUDIT_WRITER_LINE, &kit_in);
}

static void
say_kept(struct kit *k, uint64_t count)
{
	harness_send(k->audit, &audit_writer_proto, IPC_SIDE_B, AUDIT_WRITER_KEPT,
		&(struct audit_writer_kept){.count = count});
}

static void
begin_mute(struct kit *k)
{
	kit_begin(k);
	kit_end(k);
	k->mute = true;
	kit_launch(k);
	kit_turn(k, 7, LABEL_OWNER_TYPED, true);
	(void)kit_open_run(
		k, (struct core_gate_run_open){.run = 1, .turn = 7}, true, REASON_ALLOWED);
	assert_int_equal(next_line(k)->event, AUDIT_RUN_OPEN);
	say_kept(k, 1);
}

/* A warrant without a line in the file would be an effect without a witness when gate and audit die now. */
static void
a_verdict_waits_until_its_line_is_kept(void **state)
{
	struct kit k;

	(void)state;
	begin_mute(&k);
	kit_send_judge(&k, 1, 1, TOOL_FILE_READ, EFFECT_READ);
	kit_send_judge(&k, 1, 2, TOOL_FILE_DELETE, EFFECT_READ);
	assert_int_equal(next_line(&k)->verdict, VERDICT_ALLOW);
	assert_int_equal(next_line(&k)->verdict, VERDICT_DENY);
	harness_quiet(k.core, 200);
	say_kept(&k, 2);
	kit_expect_verdict(&k, 1, VERDICT_ALLOW, REASON_ALLOWED);
	harness_quiet(k.core, 100);
	say_kept(&k, 3);
	kit_expect_verdict(&k, 2, VERDICT_DENY, REASON_TOOL_UNKNOWN);
	kit_end(&k);
}

/* audit dies with the line: the next one gets it again, and only then there is a warrant. */
static void
a_line_that_died_with_audit_is_sent_again_before_the_verdict(void **state)
{
	struct kit k;

	(void)state;
	begin_mute(&k);
	kit_send_judge(&k, 1, 1, TOOL_FILE_READ, EFFECT_READ);
	assert_int_equal(next_line(&k)->event, AUDIT_VERDICT);
	close(k.audit);
	harness_peer_gone(k.h, KIND_AUDIT, 0, 0);
	harness_quiet(k.core, 100);
	k.audit = harness_peer(k.h, KIND_AUDIT, 0);
	assert_int_equal(next_line(&k)->event, AUDIT_VERDICT);
	say_kept(&k, 1);
	kit_expect_verdict(&k, 1, VERDICT_ALLOW, REASON_ALLOWED);
	kit_end(&k);
}

/* Without audit nothing is allowed: after WITNESS_KEEP_MS a yes becomes a no, and says so behind itself. */
static void
without_audit_a_yes_becomes_a_no(void **state)
{
	struct kit k;

	(void)state;
	begin_mute(&k);
	kit_send_judge(&k, 1, 1, TOOL_FILE_READ, EFFECT_READ);
	assert_int_equal(next_line(&k)->verdict, VERDICT_ALLOW);
	harness_quiet(k.core, WITNESS_KEEP_MS / 2);
	kit_expect_verdict(&k, 1, VERDICT_DENY, REASON_AUDIT);
	assert_int_equal(next_line(&k)->verdict, VERDICT_DENY);
	say_kept(&k, 3); /* too late: nothing comes of it */
	harness_quiet(k.core, 100);
	kit_end(&k);
}

/* What ended while the line was on its way: the kill switch, the run, its label. */
static void
what_was_true_when_judged_must_be_true_when_kept(void **state)
{
	struct kit k;

	(void)state;
	begin_mute(&k);
	kit_send_judge(&k, 1, 1, TOOL_FILE_READ, EFFECT_READ);
	(void)next_line(&k);
	harness_panic(k.h, true);
	harness_settle(k.h);
	say_kept(&k, 2);
	kit_expect_verdict(&k, 1, VERDICT_DENY, REASON_PANIC);
	(void)next_line(&k);
	harness_panic(k.h, false);
	harness_settle(k.h);
	kit_send_judge(&k, 1, 2, TOOL_FILE_READ, EFFECT_READ);
	(void)next_line(&k);
	kit_close_run(&k, 1);
	say_kept(&k, 4);
	kit_expect_verdict(&k, 2, VERDICT_DENY, REASON_RUN_UNKNOWN);
	kit_turn(&k, 8, LABEL_OWNER_TYPED, true);
	(void)kit_open_run(
		&k, (struct core_gate_run_open){.run = 2, .turn = 8}, true, REASON_ALLOWED);
	say_kept(&k, 7); /* the no, the end of a run, the beginning of another */
	kit_send_judge(&k, 2, 3, TOOL_FILE_DELETE, EFFECT_DELETE);
	kit_store_serve(&k);
	kit_send_label(&k, 2, LABEL_UNTRUSTED, LABEL_PUBLIC);
	kit_store_serve(&k);
	kit_expect_labeled(&k, 2);
	(void)harness_recv(k.core, &core_gate_proto, IPC_SIDE_A, CORE_GATE_RUN_LABEL, &kit_in);
	say_kept(&k, 8);
	kit_expect_verdict(&k, 3, VERDICT_DENY, REASON_TAINTED);
	kit_end(&k);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_verdict_is_a_line_in_the_audit_log),
		cmocka_unit_test(a_verdict_waits_until_its_line_is_kept),
		cmocka_unit_test(a_line_that_died_with_audit_is_sent_again_before_the_verdict),
		cmocka_unit_test(without_audit_a_yes_becomes_a_no),
		cmocka_unit_test(what_was_true_when_judged_must_be_true_when_kept),
	};

	assert_true(argc > 1);
	kit_program = argv[1];
	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
