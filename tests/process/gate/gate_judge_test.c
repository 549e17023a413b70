/* The verdict as a function: what is allowed, what is not, and 10,000 random histories under its laws. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "args/args.h"
#include "base/err.h"
#include "crypto/crypto.h"
#include "gate/gate.h"

#define SESSION 77u
#define ROW 3u

/* One tool an effect, so that effects whose tools come later are judged too. */
static struct tool_row tools[EFFECT_N + 1];

static struct gate_policy policy;
static uint8_t number[WARRANT_NUMBER_LEN];

static void
reset_policy(void)
{
	for (unsigned e = 0; e < EFFECT_N; e++)
		tools[e + 1].effect = (uint8_t)e;
	policy = (struct gate_policy){.allow = UINT64_MAX,
		.providers = 1u << ROW,
		.tool_calls = 50,
		.model_calls = 50,
		.tokens = UINT64_MAX,
		.tools = tools,
		.ntools = EFFECT_N + 1};
}

static struct gate_run
run_with(uint8_t integrity, uint8_t readers)
{
	return (struct gate_run){.state = GATE_RUN_OPEN,
		.run = 1,
		.agent = 0,
		.session_key = SESSION,
		.label = {.integrity = integrity, .readers_kind = readers}};
}

static struct span
number_of(uint64_t n)
{
	warrant_number(n, number);
	return span_of(number, sizeof(number));
}

static struct gate_ask
ask_model(void)
{
	return (struct gate_ask){.effect = EFFECT_MODEL,
		.executor = KIND_EGRESS,
		.instance = ROW,
		.dest_kind = DEST_PROVIDER,
		.dest = number_of(ROW),
		.ready = true};
}

static struct gate_ask
ask_tool(uint8_t effect)
{
	return (struct gate_ask){.effect = effect,
		.tool = (uint8_t)(effect + 1),
		.executor = KIND_SANDBOX,
		.dest_kind = DEST_WORKSPACE,
		.dest = number_of(0),
		.ready = true};
}

static void
expect(struct gate_run *run, struct gate_ask ask, enum verdict verdict, enum reason reason)
{
	struct gate_answer a = gate_judge(&policy, run, &ask);

	assert_string_equal(reason_name(a.reason), reason_name(reason));
	assert_int_equal(a.verdict, verdict);
}

static void
an_owners_run_may_do_what_the_policy_allows(void **state)
{
	struct gate_run run = run_with(LABEL_OWNER, LABEL_READ_OWNER);
	static const uint8_t local[] = {
		EFFECT_PURE, EFFECT_READ, EFFECT_WRITE, EFFECT_DELETE, EFFECT_EXEC};

	(void)state;
	reset_policy();
	for (size_t i = 0; i < sizeof(local); i++)
		expect(&run, ask_tool(local[i]), VERDICT_ALLOW, REASON_ALLOWED);
	expect(&run, ask_model(), VERDICT_ALLOW, REASON_ALLOWED);
}

static void
a_tainted_run_reads_and_adds_but_deletes_executes_and_remembers_nothing(void **state)
{
	struct gate_run run = run_with(LABEL_UNTRUSTED, LABEL_READ_OWNER);
	struct gate_ask remember = {.effect = EFFECT_REMEMBER,
		.tool = EFFECT_REMEMBER + 1,
		.executor = KIND_STORE,
		.dest_kind = DEST_MEMORY,
		.dest = SPAN("memory"),
		.ready = true};

	(void)state;
	reset_policy();
	expect(&run, ask_tool(EFFECT_WRITE), VERDICT_ALLOW, REASON_ALLOWED);
	expect(&run, ask_tool(EFFECT_READ), VERDICT_ALLOW, REASON_ALLOWED);
	expect(&run, ask_model(), VERDICT_ALLOW, REASON_ALLOWED);
	expect(&run, ask_tool(EFFECT_EXEC), VERDICT_ASK, REASON_TAINTED);
	expect(&run, ask_tool(EFFECT_DELETE), VERDICT_ASK, REASON_TAINTED);
	expect(&run, remember, VERDICT_ASK, REASON_TAINTED);
	run.label.integrity = LABEL_MEMBER;
	expect(&run, ask_tool(EFFECT_DELETE), VERDICT_ASK, REASON_TAINTED);
	expect(&run, ask_tool(EFFECT_EXEC), VERDICT_ASK, REASON_TAINTED);
	run.label.integrity = LABEL_OWNER;
	expect(&run, ask_tool(EFFECT_EXEC), VERDICT_ALLOW, REASON_ALLOWED);
	expect(&run, remember, VERDICT_ALLOW, REASON_ALLOWED);
}

static void
secrets_and_invalid_labels_go_nowhere(void **state)
{
	struct gate_run run = run_with(LABEL_OWNER_TYPED, LABEL_SECRET);
	struct gate_ask reply = {.effect = EFFECT_REPLY,
		.tool = EFFECT_REPLY + 1,
		.executor = KIND_EGRESS,
		.dest_kind = DEST_TURN,
		.dest = number_of(SESSION),
		.ready = true};

	(void)state;
	reset_policy();
	expect(&run, reply, VERDICT_DENY, REASON_FLOW);
	expect(&run, ask_model(), VERDICT_DENY, REASON_FLOW);
	run.label = (struct label){.integrity = 9, .readers_kind = LABEL_PUBLIC};
	expect(&run, ask_model(), VERDICT_DENY, REASON_FLOW);
	expect(&run, ask_tool(EFFECT_DELETE), VERDICT_ASK, REASON_TAINTED);
}

static void
a_host_needs_control_and_flow_and_a_typed_one_is_good_once(void **state)
{
	struct gate_id typed[] = {
		{.verb = EFFECT_FETCH, .kind = DEST_HOST, .len = 11, .id = "example.com"}};
	struct gate_run run = run_with(LABEL_UNTRUSTED, LABEL_PUBLIC);
	struct gate_ask fetch = {.effect = EFFECT_FETCH,
		.tool = EFFECT_FETCH + 1,
		.executor = KIND_EGRESS,
		.dest_kind = DEST_HOST,
		.dest = SPAN("example.com"),
		.ready = true};

	(void)state;
	reset_policy();
	expect(&run, fetch, VERDICT_ASK, REASON_TAINTED);
	run.ids = typed;
	run.nids = 1;
	run.label.readers_kind =
		LABEL_READ_OWNER; /* what the owner alone may read does not go to a host */
	expect(&run, fetch, VERDICT_ASK, REASON_FLOW);
	run.label.readers_kind = LABEL_PUBLIC;
	fetch.dest = SPAN("example.org");
	expect(&run, fetch, VERDICT_ASK, REASON_TAINTED);
	fetch.dest = SPAN("example.com");
	expect(&run, fetch, VERDICT_ALLOW, REASON_ALLOWED);
	expect(&run, fetch, VERDICT_ASK, REASON_TAINTED);
	run.label.integrity = LABEL_OWNER;
	expect(&run, fetch, VERDICT_ASK, REASON_ASK);
}

static void
deny_wins_over_allow_and_an_empty_allow_allows_nothing(void **state)
{
	struct gate_run run = run_with(LABEL_OWNER, LABEL_READ_OWNER);
	uint64_t bit = 1ull << (EFFECT_READ + 1);

	(void)state;
	reset_policy();
	policy.deny = bit;
	expect(&run, ask_tool(EFFECT_READ), VERDICT_DENY, REASON_TOOL_DENIED);
	policy.deny = 0;
	policy.allow = ~bit;
	expect(&run, ask_tool(EFFECT_READ), VERDICT_DENY, REASON_TOOL_NOT_ALLOWED);
	policy.allow = 0;
	expect(&run, ask_tool(EFFECT_WRITE), VERDICT_DENY, REASON_TOOL_NOT_ALLOWED);
}

static void
a_tool_does_what_its_row_says_and_nothing_else(void **state)
{
	struct gate_run run = run_with(LABEL_OWNER, LABEL_READ_OWNER);
	struct gate_ask ask = ask_tool(EFFECT_READ);

	(void)state;
	reset_policy();
	ask.tool = EFFECT_DELETE + 1;
	expect(&run, ask, VERDICT_DENY, REASON_TOOL_UNKNOWN);
	ask.tool = EFFECT_N + 1;
	expect(&run, ask, VERDICT_DENY, REASON_TOOL_UNKNOWN);
	ask.tool = 0;
	expect(&run, ask, VERDICT_DENY, REASON_TOOL_UNKNOWN);
	ask = ask_model();
	ask.tool = 1;
	expect(&run, ask, VERDICT_DENY, REASON_TOOL_UNKNOWN);
}

static void
another_executor_or_destination_is_refused(void **state)
{
	struct gate_run run = run_with(LABEL_OWNER, LABEL_READ_OWNER);
	struct gate_ask ask = ask_tool(EFFECT_READ);

	(void)state;
	reset_policy();
	ask.executor = KIND_EGRESS;
	expect(&run, ask, VERDICT_DENY, REASON_EXECUTOR);
	ask = ask_tool(EFFECT_READ);
	ask.ready = false;
	expect(&run, ask, VERDICT_DENY, REASON_EXECUTOR);
	ask = ask_tool(EFFECT_READ);
	ask.instance = 1; /* somebody else's workspace */
	expect(&run, ask, VERDICT_DENY, REASON_DESTINATION);
	ask = ask_tool(EFFECT_READ);
	ask.dest = number_of(1);
	expect(&run, ask, VERDICT_DENY, REASON_DESTINATION);
	ask = ask_model();
	ask.instance = ROW + 1;
	ask.dest = number_of(ROW + 1);
	expect(&run, ask, VERDICT_DENY, REASON_DESTINATION);
	ask.instance = ROW;
	expect(&run, ask, VERDICT_DENY, REASON_DESTINATION);
}

static void
budgets_end_a_run_and_count_what_was_refused(void **state)
{
	struct gate_run run = run_with(LABEL_UNTRUSTED, LABEL_READ_OWNER);
	struct gate_ask model = ask_model();

	(void)state;
	reset_policy();
	policy.tool_calls = 3;
	policy.tokens = 100;
	expect(&run, ask_tool(EFFECT_DELETE), VERDICT_ASK, REASON_TAINTED);
	expect(&run, ask_tool(EFFECT_READ), VERDICT_ALLOW, REASON_ALLOWED);
	expect(&run, ask_tool(EFFECT_READ), VERDICT_ALLOW, REASON_ALLOWED);
	expect(&run, ask_tool(EFFECT_READ), VERDICT_DENY, REASON_BUDGET);
	model.dest = number_of(ROW);
	model.tokens = 100;
	expect(&run, model, VERDICT_ALLOW, REASON_ALLOWED);
	expect(&run, model, VERDICT_DENY, REASON_BUDGET);
	model.tokens = UINT64_MAX;
	expect(&run, model, VERDICT_DENY, REASON_BUDGET);
	assert_true(run.spend.tokens == UINT64_MAX);
}

static void
the_limits_of_a_run_are_the_named_ones(void **state)
{
	struct gate_run run = run_with(LABEL_OWNER, LABEL_READ_OWNER);

	(void)state;
	assert_int_equal(gate_policy_read(SPAN_EMPTY, &policy), 0);
	for (unsigned i = 0; i < RUN_TOOL_CALLS_MAX; i++)
		expect(&run,
			(struct gate_ask){.effect = EFFECT_READ,
				.tool = TOOL_FILE_READ,
				.executor = KIND_SANDBOX,
				.dest_kind = DEST_WORKSPACE,
				.dest = number_of(0),
				.ready = true},
			VERDICT_ALLOW, REASON_ALLOWED);
	expect(&run, ask_tool(EFFECT_READ), VERDICT_DENY, REASON_BUDGET);
	policy.providers = 1u << ROW;
	for (unsigned i = 0; i < RUN_MODEL_CALLS_MAX; i++)
		expect(&run, ask_model(), VERDICT_ALLOW, REASON_ALLOWED);
	expect(&run, ask_model(), VERDICT_DENY, REASON_BUDGET);
}

static void
zeroed_memory_is_a_no(void **state)
{
	struct gate_run run = run_with(LABEL_OWNER_TYPED, LABEL_READ_OWNER);
	struct gate_run zero_run = {0};
	struct gate_policy zero_policy = {0};
	struct gate_ask zero_ask = {0};
	struct gate_ask ask = ask_model();
	struct gate_answer zero_answer = {0};

	(void)state;
	reset_policy();
	assert_int_equal(zero_answer.verdict, VERDICT_DENY);
	assert_int_equal(gate_judge(&policy, NULL, &ask).verdict, VERDICT_DENY);
	assert_int_equal(gate_judge(&policy, &zero_run, &ask).verdict, VERDICT_DENY);
	assert_int_equal(gate_judge(&zero_policy, &run, &ask).verdict, VERDICT_DENY);
	assert_int_equal(gate_judge(&policy, &run, &zero_ask).verdict, VERDICT_DENY);
	ask = ask_tool(EFFECT_READ);
	assert_int_equal(gate_judge(&zero_policy, &run, &ask).verdict, VERDICT_DENY);
	ask.panic = true;
	expect(&run, ask, VERDICT_DENY, REASON_PANIC);
}

static void
unknown_values_of_every_field_are_a_no(void **state)
{
	struct gate_run run = run_with(LABEL_OWNER_TYPED, LABEL_READ_OWNER);

	(void)state;
	reset_policy();
	policy.tool_calls = policy.model_calls = UINT32_MAX;
	for (unsigned v = 0; v < 256; v++) {
		struct gate_ask ask = ask_tool(EFFECT_READ);

		if (v >= EFFECT_N) {
			ask.effect = (uint8_t)v;
			assert_int_equal(gate_judge(&policy, &run, &ask).verdict, VERDICT_DENY);
		}
		ask = ask_tool(EFFECT_READ);
		if (v != EFFECT_READ + 1) {
			ask.tool = (uint8_t)v;
			assert_int_equal(gate_judge(&policy, &run, &ask).verdict, VERDICT_DENY);
		}
		ask = ask_tool(EFFECT_READ);
		if (v != KIND_SANDBOX) {
			ask.executor = (uint8_t)v;
			assert_int_equal(gate_judge(&policy, &run, &ask).verdict, VERDICT_DENY);
		}
		ask = ask_tool(EFFECT_READ);
		if (v != DEST_WORKSPACE) {
			ask.dest_kind = (uint8_t)v;
			assert_int_equal(gate_judge(&policy, &run, &ask).verdict, VERDICT_DENY);
		}
	}
}

/* ---- random histories ---- */

static uint64_t seed;

static uint64_t
next(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % below;
}

static const uint8_t executors[] = {KIND_EGRESS, KIND_SANDBOX, KIND_STORE, KIND_CORE};
static const char *const hosts[] = {"a.example", "b.example", "c.example"};

/* Mostly well-formed requests, so that a good part of them is allowed. */
static struct gate_ask
random_ask(void)
{
	uint8_t effect = (uint8_t)next(EFFECT_N);
	struct gate_ask ask = ask_tool(effect);

	switch (effect) {
	case EFFECT_MODEL:
		ask = ask_model();
		break;
	case EFFECT_REPLY:
		ask.executor = KIND_EGRESS;
		ask.dest_kind = DEST_TURN;
		ask.dest = number_of(SESSION);
		break;
	case EFFECT_REMEMBER:
	case EFFECT_RECALL:
		ask.executor = KIND_STORE;
		ask.dest_kind = DEST_MEMORY;
		ask.dest = SPAN("memory");
		break;
	case EFFECT_SEND:
	case EFFECT_FETCH:
		ask.executor = KIND_EGRESS;
		ask.dest_kind = effect == EFFECT_SEND ? DEST_CHAT : DEST_HOST;
		ask.dest = span_from_cstr(hosts[next(3)]);
		break;
	default:
		break;
	}
	ask.tokens = next(10);
	if (next(16) == 0)
		ask.executor = executors[next(4)];
	if (next(16) == 0)
		ask.panic = true;
	if (next(16) == 0)
		ask.tool = (uint8_t)next(256);
	return ask;
}

static struct label
random_label(void)
{
	struct label l = {.integrity = (uint8_t)next(4), .readers_kind = (uint8_t)next(4)};

	if (l.readers_kind == LABEL_SECRET && next(8) != 0)
		l.readers_kind = LABEL_READ_OWNER;
	if (l.readers_kind == LABEL_CHAT)
		l.readers_id = next(3);
	return l;
}

static void
random_ids(struct gate_id *ids, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *host = hosts[next(3)];

		ids[i] = (struct gate_id){
			.verb = next(2) == 0 ? EFFECT_SEND : EFFECT_FETCH, .len = 9};
		ids[i].kind = ids[i].verb == EFFECT_SEND ? DEST_CHAT : DEST_HOST;
		memcpy(ids[i].id, host, 9);
	}
}

/*
 * The same history twice; the second run has read one untrusted value more, somewhere on the way. Nothing that was denied or
 * asked in the first may be allowed in the second.
 */
static void
reading_something_untrusted_never_allows_more(void **state)
{
	unsigned allowed = 0;
	unsigned lost = 0;

	(void)state;
	reset_policy();
	policy.tool_calls = policy.model_calls = 20;
	seed = 0x9e3779b97f4a7c15u;
	for (unsigned h = 0; h < 10000; h++) {
		struct gate_id ids_clean[3];
		struct gate_id ids_tainted[3];
		struct gate_run clean = run_with(
			(uint8_t)(2 + next(2)), next(2) == 0 ? LABEL_READ_OWNER : LABEL_PUBLIC);
		struct gate_run tainted = clean;
		uint64_t when = next(12);

		random_ids(ids_clean, 3);
		memcpy(ids_tainted, ids_clean, sizeof(ids_tainted));
		clean.ids = ids_clean;
		tainted.ids = ids_tainted;
		clean.nids = tainted.nids = 3;
		policy.deny = next(4) == 0 ? next(1u << 14) : 0;
		for (uint64_t step = 0; step < 12; step++) {
			struct gate_ask ask = random_ask();
			struct gate_answer a;
			struct gate_answer b;

			if (step == when) {
				struct label l = random_label();

				l.integrity = LABEL_UNTRUSTED;
				tainted.label = label_join(tainted.label, l);
			}
			if (next(6) == 0) {
				struct label l = random_label();

				clean.label = label_join(clean.label, l);
				tainted.label = label_join(tainted.label, l);
			}
			a = gate_judge(&policy, &clean, &ask);
			b = gate_judge(&policy, &tainted, &ask);
			if (a.verdict != VERDICT_ALLOW)
				assert_int_not_equal(b.verdict, VERDICT_ALLOW);
			if (a.verdict == VERDICT_DENY)
				assert_int_equal(b.verdict, VERDICT_DENY);
			allowed += a.verdict == VERDICT_ALLOW;
			lost += a.verdict == VERDICT_ALLOW && b.verdict != VERDICT_ALLOW;
		}
	}
	/* The histories do reach what they are about. */
	assert_true(allowed > 20000);
	assert_true(lost > 2000);
}

static int
by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, WARRANT_LEN);
}

static void
warrants_never_repeat_and_counters_go_on(void **state)
{
	enum { N = 10000 };
	static uint8_t all[N][WARRANT_LEN];
	static struct gate_keys keys;
	uint64_t last[3] = {0};
	uint8_t key[WARRANT_KEY_LEN] = {7};

	(void)state;
	seed = 42;
	for (uint64_t i = 0; i < 3; i++)
		assert_int_equal(gate_key_set(&keys, KIND_SANDBOX, i, 1, key), 0);
	for (size_t i = 0; i < N; i++) {
		uint64_t instance = next(3);
		struct gate_executor *e = gate_key_find(&keys, KIND_SANDBOX, instance);
		struct warrant w = {.effect = EFFECT_READ, .run = 1, .call = 1};

		/* the same key said again must not start the counter anew */
		if (next(100) == 0)
			assert_int_equal(gate_key_set(&keys, KIND_SANDBOX, instance, 1, key), 0);
		assert_int_equal(gate_key_warrant(e, &w, 5, all[i]), 0);
		assert_int_equal(w.counter, last[instance] + 1);
		last[instance] = w.counter;
	}
	qsort(all, N, WARRANT_LEN, by_bytes);
	for (size_t i = 1; i < N; i++)
		assert_memory_not_equal(all[i - 1], all[i], WARRANT_LEN);
}

static void
an_exhausted_counter_or_a_full_table_gives_nothing(void **state)
{
	static struct gate_keys keys;
	uint8_t key[WARRANT_KEY_LEN] = {7};
	uint8_t out[WARRANT_LEN];
	struct warrant w = {0};

	(void)state;
	for (uint64_t i = 0; i < GATE_EXECUTORS_MAX; i++)
		assert_int_equal(gate_key_set(&keys, KIND_EGRESS, i, 1, key), 0);
	assert_int_equal(gate_key_set(&keys, KIND_EGRESS, GATE_EXECUTORS_MAX, 1, key), ERR_FULL);
	assert_int_equal(gate_key_set(&keys, KIND_EGRESS, 0, 2, key), 0);
	keys.list[0].counter = UINT64_MAX;
	assert_int_equal(gate_key_warrant(&keys.list[0], &w, 0, out), ERR_FULL);
	assert_null(gate_key_find(&keys, KIND_SANDBOX, 0));
}

static void
masks_are_numbers_or_hex_and_anything_else_is_an_error(void **state)
{
	static const struct {
		const char *hex;
		int rc;
		uint64_t mask;
	} rows[] = {{"00000000000000ff", 0, 255}, {"ffffffffffffffff", 0, UINT64_MAX},
		{"ff", ERR_SYNTAX, 0}, {"", ERR_SYNTAX, 0}, {"00000000000000FF", ERR_SYNTAX, 0},
		{"00000000000000fg", ERR_SYNTAX, 0}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf b = {.max = 1024};
		struct args_out out;

		args_out_init(&out, &b, false);
		args_out_cstr(&out, "tools.allow_mask", rows[i].hex);
		args_out_u64(&out, "tools.deny_mask", 4);
		args_out_u64(&out, "run.tool_calls", 7);
		assert_int_equal(args_out_done(&out), 0);
		assert_int_equal(gate_policy_read(buf_span(&b), &policy), rows[i].rc);
		assert_true(policy.allow == rows[i].mask);
		assert_int_equal(policy.deny, rows[i].rc == 0 ? 4 : 0);
		assert_int_equal(policy.tool_calls, rows[i].rc == 0 ? 7 : 0);
		buf_clear(&b);
	}
}

static void
a_warrant_and_a_turn_are_good_for_their_time(void **state)
{
	static struct gate g;
	struct child child = {.ev = ev_new()};
	struct gate_executor e = {.kind = KIND_SANDBOX, .incarnation = 1};
	uint8_t bytes[WARRANT_LEN];

	(void)state;
	for (unsigned late = 0; late < 2; late++) {
		struct warrant_window win = {0};
		struct warrant w = {.effect = EFFECT_EXEC, .tool = 1, .run = 1, .call = 1};

		assert_int_equal(gate_key_warrant(&e, &w, 1000, bytes), 0);
		assert_int_equal(warrant_check(e.key, &win, span_of(bytes, WARRANT_LEN), &w,
					 1000 + WARRANT_TTL_MS - 1 + late),
			late ? ERR_EXPIRED : 0);
	}
	g.child = &child;
	assert_int_equal(gate_turn_add(&g, 1, 5, LABEL_OWNER), 0);
	g.turns[0].expires_ms -= GATE_TURN_TTL_MS - 5000;
	assert_int_equal(gate_turn_add(&g, 1, 5, LABEL_OWNER), ERR_EXISTS);
	g.turns[0].expires_ms -= 5000;
	assert_int_equal(gate_turn_add(&g, 1, 5, LABEL_OWNER), 0);
	assert_int_equal(g.nturns, 1);
	ev_free(child.ev);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_owners_run_may_do_what_the_policy_allows),
		cmocka_unit_test(
			a_tainted_run_reads_and_adds_but_deletes_executes_and_remembers_nothing),
		cmocka_unit_test(secrets_and_invalid_labels_go_nowhere),
		cmocka_unit_test(a_host_needs_control_and_flow_and_a_typed_one_is_good_once),
		cmocka_unit_test(deny_wins_over_allow_and_an_empty_allow_allows_nothing),
		cmocka_unit_test(a_tool_does_what_its_row_says_and_nothing_else),
		cmocka_unit_test(another_executor_or_destination_is_refused),
		cmocka_unit_test(budgets_end_a_run_and_count_what_was_refused),
		cmocka_unit_test(the_limits_of_a_run_are_the_named_ones),
		cmocka_unit_test(zeroed_memory_is_a_no),
		cmocka_unit_test(unknown_values_of_every_field_are_a_no),
		cmocka_unit_test(reading_something_untrusted_never_allows_more),
		cmocka_unit_test(warrants_never_repeat_and_counters_go_on),
		cmocka_unit_test(an_exhausted_counter_or_a_full_table_gives_nothing),
		cmocka_unit_test(a_warrant_and_a_turn_are_good_for_their_time),
		cmocka_unit_test(masks_are_numbers_or_hex_and_anything_else_is_an_error),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
