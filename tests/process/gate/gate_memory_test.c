/* What a run remembers is sealed with its label, and taints who recalls it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/err.h"
#include "gate_kit.h"

static const uint8_t text_hash[32] = {7, 7};

static void
judge_memory(struct kit *k, uint64_t run, uint64_t call, uint8_t tool, uint8_t effect)
{
	static const uint8_t plan[WARRANT_HASH_LEN] = {43};

	harness_send(k->core, &core_gate_proto, IPC_SIDE_A, CORE_GATE_JUDGE,
		&(struct core_gate_judge){.run = run,
			.call = call,
			.effect = effect,
			.tool = tool,
			.executor = KIND_STORE,
			.dest_kind = DEST_MEMORY,
			.plan = span_of(plan, sizeof(plan)),
			.dest = SPAN("memory")});
	kit_store_serve(k);
	kit_expect_verdict(k, call, VERDICT_ALLOW, REASON_ALLOWED);
}

static int64_t
seal(struct kit *k, uint64_t run, uint64_t call, uint64_t id, struct gate_store_recalled *row)
{
	static uint8_t label[LABEL_PACKED_LEN];
	static uint8_t mac[CRYPTO_MAC_LEN];
	const struct gate_store_sealed *m;

	harness_send(k->store, &gate_store_proto, IPC_SIDE_B, GATE_STORE_SEAL,
		&(struct gate_store_seal){.req = 1,
			.run = run,
			.call = call,
			.id = id,
			.hash = span_of(text_hash, sizeof(text_hash))});
	m = harness_recv(k->store, &gate_store_proto, IPC_SIDE_B, GATE_STORE_SEALED, &kit_in);
	if (m->rc < 0)
		return m->rc;
	memcpy(label, m->label.ptr, sizeof(label));
	memcpy(mac, m->mac.ptr, sizeof(mac));
	*row = (struct gate_store_recalled){.id = id,
		.hash = span_of(text_hash, sizeof(text_hash)),
		.label = span_of(label, sizeof(label)),
		.version = m->version,
		.mac = span_of(mac, sizeof(mac))};
	return 0;
}

/* Shows the row to gate for this run; what the run's label is when gate says OK. */
static struct label
recalled(struct kit *k, uint64_t run, struct gate_store_recalled row)
{
	static uint64_t req = 100;
	const struct core_gate_run_label *m;
	struct label label = {.integrity = LABEL_OWNER, .readers_kind = LABEL_READ_OWNER};
	bool ok = false;

	row.req = ++req;
	row.run = run;
	row.call = 5;
	harness_send(k->store, &gate_store_proto, IPC_SIDE_B, GATE_STORE_RECALLED, &row);
	while (ipc_sync_recv(k->store, &gate_store_proto, IPC_SIDE_B, 200, &kit_in) == 0) {
		if (kit_in.id == GATE_STORE_PUT)
			kit_store_put(k, (const void *)kit_in.msg.bytes, 0);
		else if (kit_in.id == GATE_STORE_RECALL_OK)
			ok = true;
	}
	assert_true(ok);
	while (ipc_sync_recv(k->core, &core_gate_proto, IPC_SIDE_A, 50, &kit_in) == 0) {
		assert_int_equal(kit_in.id, CORE_GATE_RUN_LABEL);
		m = (const void *)kit_in.msg.bytes;
		assert_int_equal(label_unpack(m->label, &label), 0);
	}
	return label;
}

static const uint8_t store_key[WARRANT_KEY_LEN] = {9};

static void
open_with_store(struct kit *k, uint64_t run, uint64_t turn_number, uint64_t session)
{
	harness_key(k->h, KIND_STORE, 0, 4, store_key);
	kit_turn(k, turn_number, LABEL_OWNER_TYPED, true);
	(void)kit_open_run(k,
		(struct core_gate_run_open){.run = run, .turn = turn_number, .session = session},
		true, REASON_ALLOWED);
}

/* The attack: what a tainted run had remembered must not come back clean, though core says nothing of it. */
static void
a_memory_of_a_tainted_run_taints_the_run_that_recalls_it(void **state)
{
	struct gate_store_recalled row;
	struct kit k;

	(void)state;
	kit_begin(&k);
	open_with_store(&k, 1, 7, SESSION);
	judge_memory(&k, 1, 5, TOOL_MEMORY_SAVE, EFFECT_REMEMBER);
	/* what a stranger wrote arrives between the verdict and the row */
	kit_send_label(&k, 1, LABEL_UNTRUSTED, LABEL_PUBLIC);
	kit_store_serve(&k);
	kit_expect_labeled(&k, 1);
	assert_int_equal(seal(&k, 1, 5, 40, &row), 0);
	while (ipc_sync_recv(k.core, &core_gate_proto, IPC_SIDE_A, 50, &kit_in) == 0)
		;
	open_with_store(&k, 2, 8, SESSION + 1);
	assert_int_equal(recalled(&k, 2, row).integrity, LABEL_UNTRUSTED);
	assert_int_equal(kit_verdict_of(&k, 2, TOOL_FILE_DELETE, EFFECT_DELETE), VERDICT_ASK);
	/* its session keeps it, whoever dies */
	kit_end(&k);
	kit_launch(&k);
	open_with_store(&k, 3, 9, SESSION + 1);
	assert_int_equal(kit_verdict_of(&k, 3, TOOL_FILE_DELETE, EFFECT_DELETE), VERDICT_ASK);
	kit_end(&k);
}

static void
a_clean_memory_taints_nothing_and_a_changed_one_everything(void **state)
{
	static const uint8_t clean[LABEL_PACKED_LEN] = {LABEL_OWNER_TYPED, LABEL_PUBLIC};
	static const uint8_t none[1] = {0};
	static const uint8_t other_hash[32] = {8};
	struct gate_store_recalled row;
	struct gate_store_recalled bad[5];
	struct kit k;

	(void)state;
	kit_begin(&k);
	open_with_store(&k, 1, 7, SESSION);
	judge_memory(&k, 1, 5, TOOL_MEMORY_SAVE, EFFECT_REMEMBER);
	assert_int_equal(seal(&k, 1, 5, 40, &row), 0);
	open_with_store(&k, 2, 8, SESSION + 1);
	assert_int_equal(recalled(&k, 2, row).integrity, LABEL_OWNER);
	assert_int_equal(kit_verdict_of(&k, 2, TOOL_FILE_DELETE, EFFECT_DELETE), VERDICT_ALLOW);
	for (size_t i = 0; i < 5; i++)
		bad[i] = row;
	bad[0].label = span_of(clean, sizeof(clean));          /* a better label */
	bad[1].hash = span_of(other_hash, sizeof(other_hash)); /* another text */
	bad[2].id = 41;                                        /* another memory's place */
	bad[3].mac = span_of(none, 0); /* a row from before there were MACs */
	bad[4].version = 2;
	for (uint64_t i = 0; i < 5; i++) {
		open_with_store(&k, 10 + i, 10 + i, SESSION + 10 + i);
		assert_int_equal(recalled(&k, 10 + i, bad[i]).integrity, LABEL_UNTRUSTED);
		assert_int_equal(
			kit_verdict_of(&k, 10 + i, TOOL_FILE_DELETE, EFFECT_DELETE), VERDICT_ASK);
	}
	kit_end(&k);
}

/* Store gets one row sealed for one call that was allowed. */
static void
a_memory_is_sealed_once_for_an_allowed_call(void **state)
{
	struct gate_store_recalled row;
	struct kit k;

	(void)state;
	kit_begin(&k);
	open_with_store(&k, 1, 7, SESSION);
	assert_int_equal(seal(&k, 1, 5, 40, &row), ERR_DENIED);
	judge_memory(&k, 1, 5, TOOL_MEMORY_SAVE, EFFECT_REMEMBER);
	assert_int_equal(seal(&k, 1, 6, 40, &row), ERR_DENIED);
	assert_int_equal(seal(&k, 2, 5, 40, &row), ERR_DENIED);
	assert_int_equal(seal(&k, 1, 5, 40, &row), 0);
	assert_int_equal(seal(&k, 1, 5, 41, &row), ERR_DENIED);
	kit_end(&k);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_memory_of_a_tainted_run_taints_the_run_that_recalls_it),
		cmocka_unit_test(a_clean_memory_taints_nothing_and_a_changed_one_everything),
		cmocka_unit_test(a_memory_is_sealed_once_for_an_allowed_call),
	};

	assert_true(argc > 1);
	kit_program = argv[1];
	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
