/* Labels that fall, wait for the disk, survive restarts, and a store that lies about them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "gate_kit.h"

static void
a_result_is_acknowledged_only_when_its_label_is_on_disk(void **state)
{
	struct kit k;
	const struct core_gate_run_label *label;
	struct label l;
	unsigned puts = 0;

	(void)state;
	kit_begin(&k);
	kit_turn(&k, 7, LABEL_OWNER_TYPED, true);
	(void)kit_open_run(
		&k, (struct core_gate_run_open){.run = 1, .turn = 7}, true, REASON_ALLOWED);
	assert_int_equal(kit_verdict_of(&k, 1, TOOL_FILE_DELETE, EFFECT_DELETE), VERDICT_ALLOW);
	/* nothing falls: at once */
	kit_send_label(&k, 1, LABEL_OWNER, LABEL_READ_OWNER);
	kit_expect_labeled(&k, 1);
	kit_send_label(&k, 1, LABEL_UNTRUSTED, LABEL_PUBLIC);
	label = harness_recv(k.core, &core_gate_proto, IPC_SIDE_A, CORE_GATE_RUN_LABEL, &kit_in);
	assert_int_equal(label_unpack(label->label, &l), 0);
	assert_int_equal(l.integrity, LABEL_UNTRUSTED);
	assert_int_equal(l.readers_kind, LABEL_READ_OWNER);
	harness_quiet(k.sandbox, 100);
	/* the disk is full: still nothing, and gate tries again */
	while (puts < 2) {
		(void)ipc_sync_recv(
			k.store, &gate_store_proto, IPC_SIDE_B, HARNESS_WAIT_MS, &kit_in);
		assert_int_equal(kit_in.id, GATE_STORE_PUT);
		kit_store_put(&k, (const void *)kit_in.msg.bytes, ERR_IO);
		puts++;
	}
	harness_quiet(k.sandbox, 100);
	(void)harness_wait(k.store, &gate_store_proto, IPC_SIDE_B, GATE_STORE_PUT, &kit_in);
	kit_store_put(&k, (const void *)kit_in.msg.bytes, 0);
	kit_store_serve(&k);
	kit_expect_labeled(&k, 1);
	assert_int_equal(kit_verdict_of(&k, 1, TOOL_FILE_DELETE, EFFECT_DELETE), VERDICT_ASK);
	assert_int_equal(kit_verdict_of(&k, 1, TOOL_FILE_WRITE, EFFECT_WRITE), VERDICT_ALLOW);
	/* a better label raises nothing */
	kit_send_label(&k, 1, LABEL_OWNER_TYPED, LABEL_PUBLIC);
	kit_expect_labeled(&k, 1);
	assert_int_equal(kit_verdict_of(&k, 1, TOOL_FILE_DELETE, EFFECT_DELETE), VERDICT_ASK);
	/* and the next run of the session begins where this one ended */
	kit_close_run(&k, 1);
	kit_turn(&k, 8, LABEL_OWNER_TYPED, true);
	assert_int_equal(kit_open_run(&k, (struct core_gate_run_open){.run = 2, .turn = 8}, true,
				 REASON_ALLOWED)
				 .integrity,
		LABEL_UNTRUSTED);
	kit_end(&k);
}

static void
a_result_of_a_run_that_just_ended_still_taints_its_session(void **state)
{
	struct kit k;

	(void)state;
	kit_begin(&k);
	kit_turn(&k, 7, LABEL_OWNER_TYPED, true);
	(void)kit_open_run(
		&k, (struct core_gate_run_open){.run = 1, .turn = 7}, true, REASON_ALLOWED);
	kit_close_run(&k, 1);
	kit_send_label(&k, 1, LABEL_UNTRUSTED, LABEL_PUBLIC);
	kit_store_serve(&k);
	kit_expect_labeled(&k, 1);
	kit_send_label(&k, 99, LABEL_OWNER, LABEL_READ_OWNER);
	harness_quiet(k.sandbox, 100); /* of no run: no acknowledgement */
	kit_turn(&k, 8, LABEL_OWNER_TYPED, true);
	assert_int_equal(kit_open_run(&k, (struct core_gate_run_open){.run = 2, .turn = 8}, true,
				 REASON_ALLOWED)
				 .integrity,
		LABEL_UNTRUSTED);
	kit_end(&k);
}

/* One tainted session and one open run, before gate dies. */
static void
taint(struct kit *k)
{
	kit_turn(k, 7, LABEL_OWNER_TYPED, true);
	(void)kit_open_run(
		k, (struct core_gate_run_open){.run = 1, .turn = 7}, true, REASON_ALLOWED);
	assert_int_equal(kit_verdict_of(k, 1, TOOL_FILE_READ, EFFECT_READ), VERDICT_ALLOW);
	assert_int_equal(kit_verdict_of(k, 1, TOOL_FILE_READ, EFFECT_READ), VERDICT_ALLOW);
	assert_int_equal(kit_verdict_of(k, 1, TOOL_FILE_READ, EFFECT_READ), VERDICT_ALLOW);
	kit_send_label(k, 1, LABEL_MEMBER, LABEL_PUBLIC);
	kit_store_serve(k);
	kit_expect_labeled(k, 1);
}

static void
labels_and_budgets_survive_a_restart(void **state)
{
	struct kit k;
	struct label l;

	(void)state;
	kit_begin(&k);
	taint(&k);
	kit_end(&k);
	kit_launch(&k);
	l = kit_open_run(&k, (struct core_gate_run_open){.run = 1, .turn = 7, .resumed = true},
		true, REASON_ALLOWED);
	assert_int_equal(l.integrity, LABEL_MEMBER);
	/* three of five calls were made before */
	assert_int_equal(kit_verdict_of(&k, 1, TOOL_FILE_READ, EFFECT_READ), VERDICT_ALLOW);
	assert_int_equal(kit_verdict_of(&k, 1, TOOL_FILE_DELETE, EFFECT_DELETE), VERDICT_ASK);
	assert_int_equal(kit_verdict_of(&k, 1, TOOL_FILE_READ, EFFECT_READ), VERDICT_DENY);
	kit_turn(&k, 8, LABEL_OWNER_TYPED, true);
	assert_int_equal(kit_open_run(&k, (struct core_gate_run_open){.run = 2, .turn = 8}, true,
				 REASON_ALLOWED)
				 .integrity,
		LABEL_MEMBER);
	kit_end(&k);
}

static void
rows_that_were_changed_exchanged_or_lost_count_as_untrusted(void **state)
{
	(void)state;
	for (unsigned what = 0; what < 6; what++) {
		struct kit k;
		struct kit_stored *session;
		struct kit_stored *run;
		struct label l;

		kit_begin(&k);
		taint(&k);
		kit_end(&k);
		session = kit_row(&k, GATE_SESSION_LABELS, SESSION, false);
		run = kit_row(&k, GATE_SPEND, 1, false);
		assert_non_null(session);
		assert_non_null(run);
		switch (what) {
		case 0: /* somebody writes a better label */
			session->value[0] = LABEL_OWNER_TYPED;
			break;
		case 1:
			session->version++;
			break;
		case 2: /* a good row, but of another table */
			session->len = run->len;
			memcpy(session->value, run->value, run->len);
			memcpy(session->mac, run->mac, sizeof(run->mac));
			break;
		case 3:
			session->mac[5] ^= 1;
			break;
		case 4: /* without a key nothing that is stored can be believed */
			k.no_key = true;
			break;
		default: /* the run's own row is gone */
			run->len = 0;
			run->version = 0;
			break;
		}
		kit_launch(&k);
		if (what == 5) {
			l = kit_open_run(&k,
				(struct core_gate_run_open){
					.run = 1, .turn = 7, .session = 999, .resumed = true},
				true, REASON_ALLOWED);
		} else {
			kit_turn(&k, 8, LABEL_OWNER_TYPED, true);
			l = kit_open_run(&k, (struct core_gate_run_open){.run = 2, .turn = 8}, true,
				REASON_ALLOWED);
		}
		assert_int_equal(l.integrity, LABEL_UNTRUSTED);
		kit_end(&k);
	}
}

/* What a new run of the session begins with after a restart. */
static uint8_t
integrity_after_restart(struct kit *k, uint64_t run)
{
	uint8_t integrity;

	kit_launch(k);
	kit_turn(k, run, LABEL_OWNER_TYPED, true);
	integrity = kit_open_run(
		k, (struct core_gate_run_open){.run = run, .turn = run}, true, REASON_ALLOWED)
			    .integrity;
	kit_end(k);
	return integrity;
}

static void
a_row_that_store_hides_or_gives_an_older_one_of_counts_as_untrusted(void **state)
{
	struct kit k;
	struct kit_stored older;
	struct kit_stored *session;
	uint8_t written[8];

	(void)state;
	kit_begin(&k);
	kit_turn(&k, 7, LABEL_OWNER_TYPED, true);
	(void)kit_open_run(
		&k, (struct core_gate_run_open){.run = 1, .turn = 7}, true, REASON_ALLOWED);
	kit_send_label(&k, 1, LABEL_OWNER, LABEL_SECRET);
	kit_store_serve(&k);
	session = kit_row(&k, GATE_SESSION_LABELS, SESSION, false);
	assert_non_null(session);
	older = *session;
	kit_send_label(&k, 1, LABEL_UNTRUSTED, LABEL_SECRET);
	kit_store_serve(&k);
	assert_true(session->version > older.version);
	kit_end(&k);
	assert_int_equal(pread(k.seen, written, sizeof(written), SESSION * 8), 8);
	assert_int_equal(written[0], session->version);

	*session = older; /* gate's own bytes, MAC and all */
	assert_int_equal(integrity_after_restart(&k, 21), LABEL_UNTRUSTED);
	assert_true(session->version > older.version); /* and the doubt is written down */
	*session = (struct kit_stored){.table = GATE_SESSION_LABELS, .key = SESSION};
	assert_int_equal(integrity_after_restart(&k, 22), LABEL_UNTRUSTED);
}

static void
a_session_that_cannot_be_remembered_counts_as_untrusted(void **state)
{
	struct kit k;

	(void)state;
	kit_begin(&k);
	for (uint64_t i = 0; i < 2; i++) {
		kit_turn(&k, 7 + i, LABEL_OWNER_TYPED, true);
		assert_int_equal(kit_open_run(&k,
					 (struct core_gate_run_open){.run = 1 + i,
						 .turn = 7 + i,
						 .session = GATE_SEEN_MAX - 1 + i},
					 true, REASON_ALLOWED)
					 .integrity,
			i == 0 ? LABEL_OWNER : LABEL_UNTRUSTED);
	}
	kit_end(&k);
	k.seen = -1;
	assert_int_equal(integrity_after_restart(&k, 21), LABEL_UNTRUSTED);
}

static void
a_label_that_is_none_ends_the_executors_channel(void **state)
{
	static const uint8_t bad[LABEL_PACKED_LEN] = {9, 9};
	struct kit k;

	(void)state;
	kit_begin(&k);
	harness_send(k.sandbox, &executor_gate_proto, IPC_SIDE_A, EXECUTOR_GATE_LABEL,
		&(struct executor_gate_label){
			.run = 1, .call = 9, .label = span_of(bad, sizeof(bad))});
	(void)harness_expect(k.h, CHILD_PEER_BAD);
	harness_closed(k.sandbox, &executor_gate_proto, IPC_SIDE_A);
	kit_end(&k);
}

static void
labels_that_wait_for_the_store_are_limited(void **state)
{
	struct kit k;

	(void)state;
	kit_begin(&k);
	kit_turn(&k, 7, LABEL_OWNER_TYPED, true);
	(void)kit_open_run(
		&k, (struct core_gate_run_open){.run = 1, .turn = 7}, true, REASON_ALLOWED);
	for (unsigned i = 0; i < GATE_ACKS_MAX + 5; i++)
		kit_send_label(&k, 1, LABEL_UNTRUSTED, LABEL_PUBLIC);
	harness_quiet(k.sandbox, 100);
	kit_store_serve(&k);
	for (unsigned i = 0; i < GATE_ACKS_MAX; i++)
		kit_expect_labeled(&k, 1);
	harness_quiet(k.sandbox, 100);
	kit_end(&k);
}

/* Opens and closes a run of a session, playing the store by hand. */
static struct label
visit(struct kit *k, uint64_t run, uint64_t session, bool fetched)
{
	const struct core_gate_run_ready *ready;
	struct label label;

	kit_turn(k, run, LABEL_OWNER_TYPED, true);
	harness_send(k->core, &core_gate_proto, IPC_SIDE_A, CORE_GATE_RUN_OPEN,
		&(struct core_gate_run_open){
			.run = run, .session = session, .turn = run, .principal = OWNER});
	if (fetched) {
		(void)harness_recv(
			k->store, &gate_store_proto, IPC_SIDE_B, GATE_STORE_GET, &kit_in);
		kit_store_get(k, (const void *)kit_in.msg.bytes);
	}
	ready = harness_wait(k->core, &core_gate_proto, IPC_SIDE_A, CORE_GATE_RUN_READY, &kit_in);
	assert_true(ready->ok);
	assert_int_equal(label_unpack(ready->label, &label), 0);
	(void)harness_recv(k->store, &gate_store_proto, IPC_SIDE_B, GATE_STORE_PUT, &kit_in);
	harness_send(k->core, &core_gate_proto, IPC_SIDE_A, CORE_GATE_RUN_CLOSE,
		&(struct core_gate_run_close){.run = run});
	(void)harness_recv(k->store, &gate_store_proto, IPC_SIDE_B, GATE_STORE_PUT, &kit_in);
	return label;
}

static void
a_session_that_had_to_give_way_comes_back_with_its_label(void **state)
{
	struct kit k;

	(void)state;
	kit_begin(&k);
	kit_turn(&k, 7, LABEL_OWNER_TYPED, true);
	(void)kit_open_run(
		&k, (struct core_gate_run_open){.run = 1, .turn = 7}, true, REASON_ALLOWED);
	kit_send_label(&k, 1, LABEL_UNTRUSTED, LABEL_PUBLIC);
	kit_store_serve(&k);
	kit_expect_labeled(&k, 1);
	kit_close_run(&k, 1);
	assert_int_equal(visit(&k, 2, SESSION, false).integrity, LABEL_UNTRUSTED);
	for (uint64_t i = 0; i < GATE_SESSIONS_MAX; i++)
		assert_int_equal(visit(&k, 100 + i, 10000 + i, true).integrity, LABEL_OWNER);
	assert_int_equal(visit(&k, 3, SESSION, true).integrity, LABEL_UNTRUSTED);
	kit_end(&k);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_result_is_acknowledged_only_when_its_label_is_on_disk),
		cmocka_unit_test(a_result_of_a_run_that_just_ended_still_taints_its_session),
		cmocka_unit_test(labels_and_budgets_survive_a_restart),
		cmocka_unit_test(rows_that_were_changed_exchanged_or_lost_count_as_untrusted),
		cmocka_unit_test(
			a_row_that_store_hides_or_gives_an_older_one_of_counts_as_untrusted),
		cmocka_unit_test(a_session_that_cannot_be_remembered_counts_as_untrusted),
		cmocka_unit_test(a_label_that_is_none_ends_the_executors_channel),
		cmocka_unit_test(labels_that_wait_for_the_store_are_limited),
		cmocka_unit_test(a_session_that_had_to_give_way_comes_back_with_its_label),
	};

	assert_true(argc > 1);
	kit_program = argv[1];
	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
