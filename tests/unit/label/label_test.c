/* Tests of lib/label: the laws are checked over every label with chat ids from a small set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/err.h"
#include "label/label.h"

#define ALL 24 /* 4 integrities * (3 kinds without id + 3 chats) */

static struct label all[ALL];

/* The readers as a set: bit 0 the owner, bits 1-3 the other members of chats 0, 7 and max, bit 4
 * everybody else. */
static unsigned
readers_of(struct label l)
{
	if (l.readers_kind == LABEL_SECRET)
		return 0;
	if (l.readers_kind == LABEL_READ_OWNER)
		return 1;
	if (l.readers_kind == LABEL_PUBLIC)
		return 31;
	return 1u | (l.readers_id == 0 ? 2u : l.readers_id == 7 ? 4u : 8u);
}

static int
make_all(void **state)
{
	static const uint64_t ids[] = {0, 7, UINT64_MAX};
	size_t n = 0;

	(void)state;
	for (int i = 0; i <= LABEL_OWNER_TYPED; i++) {
		for (int k = 0; k <= LABEL_PUBLIC; k++) {
			for (size_t c = 0; c < (k == LABEL_CHAT ? 3 : 1); c++) {
				all[n++] = (struct label){.integrity = (uint8_t)i,
					.readers_kind = (uint8_t)k,
					.readers_id = k == LABEL_CHAT ? ids[c] : 0};
			}
		}
	}
	return n == ALL ? 0 : -1;
}

static void
join_is_commutative_and_idempotent(void **state)
{
	(void)state;
	for (size_t a = 0; a < ALL; a++) {
		assert_true(label_is_equal(label_join(all[a], all[a]), all[a]));
		for (size_t b = 0; b < ALL; b++)
			assert_true(label_is_equal(
				label_join(all[a], all[b]), label_join(all[b], all[a])));
	}
}

static void
join_is_associative(void **state)
{
	(void)state;
	for (size_t a = 0; a < ALL; a++) {
		for (size_t b = 0; b < ALL; b++) {
			for (size_t c = 0; c < ALL; c++)
				assert_true(label_is_equal(
					label_join(all[a], label_join(all[b], all[c])),
					label_join(label_join(all[a], all[b]), all[c])));
		}
	}
}

static void
join_is_the_intersection_of_readers_and_the_lower_integrity(void **state)
{
	(void)state;
	for (size_t a = 0; a < ALL; a++) {
		for (size_t b = 0; b < ALL; b++) {
			struct label j = label_join(all[a], all[b]);

			assert_true(label_is_valid(j));
			assert_int_equal(readers_of(j), readers_of(all[a]) & readers_of(all[b]));
			assert_true(
				j.integrity <= all[a].integrity && j.integrity <= all[b].integrity);
			assert_true(
				j.integrity == all[a].integrity || j.integrity == all[b].integrity);
		}
	}
}

static void
flow_is_inclusion_of_readers_and_secrets_stay(void **state)
{
	(void)state;
	for (size_t p = 0; p < ALL; p++) {
		for (size_t d = 0; d < ALL; d++) {
			unsigned payload = readers_of(all[p]), dest = readers_of(all[d]);

			assert_int_equal(label_may_flow(all[p], all[d]),
				payload != 0 && (dest & ~payload) == 0);
		}
	}
}

static void
reading_more_never_lets_more_flow_nor_removes_taint(void **state)
{
	(void)state;
	for (size_t a = 0; a < ALL; a++) {
		for (size_t b = 0; b < ALL; b++) {
			struct label j = label_join(all[a], all[b]);

			assert_true(!label_is_tainted(all[a]) || label_is_tainted(j));
			for (size_t d = 0; d < ALL; d++)
				assert_true(!label_may_flow(j, all[d]) ||
					    label_may_flow(all[a], all[d]));
		}
	}
}

static void
taint_starts_below_owner(void **state)
{
	(void)state;
	assert_true(label_is_tainted((struct label){.integrity = LABEL_UNTRUSTED}));
	assert_true(label_is_tainted((struct label){.integrity = LABEL_MEMBER}));
	assert_false(label_is_tainted((struct label){.integrity = LABEL_OWNER}));
	assert_false(label_is_tainted((struct label){.integrity = LABEL_OWNER_TYPED}));
}

static void
zeroed_memory_and_unknown_values_are_the_worst_label(void **state)
{
	struct label zero = {0}, best = {LABEL_OWNER_TYPED, LABEL_PUBLIC, 0};
	const struct label bad[] = {{4, LABEL_PUBLIC, 0}, {LABEL_OWNER, 4, 0}, {255, 255, 0},
		{LABEL_OWNER, LABEL_PUBLIC, 1}};

	(void)state;
	assert_true(label_is_tainted(zero));
	assert_false(label_may_flow(zero, zero));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(label_is_valid(bad[i]));
		assert_true(label_is_tainted(bad[i]));
		assert_true(label_is_equal(label_join(bad[i], best), zero));
		assert_true(label_is_equal(label_join(best, bad[i]), zero));
		assert_false(label_may_flow(bad[i], best));
		assert_false(label_may_flow(best, bad[i]));
	}
}

static void
packing_round_trips_and_refuses_what_is_unknown(void **state)
{
	uint8_t b[LABEL_PACKED_LEN + 1] = {0};
	struct label l;

	(void)state;
	for (size_t a = 0; a < ALL; a++) {
		label_pack(all[a], b);
		assert_int_equal(label_unpack(span_of(b, LABEL_PACKED_LEN), &l), 0);
		assert_true(label_is_equal(l, all[a]));
	}
	assert_int_equal(label_unpack(span_of(b, LABEL_PACKED_LEN - 1), &l), ERR_SYNTAX);
	assert_int_equal(label_unpack(span_of(b, LABEL_PACKED_LEN + 1), &l), ERR_SYNTAX);
	for (unsigned v = 4; v < 256; v++) {
		label_pack((struct label){(uint8_t)v, LABEL_PUBLIC, 0}, b);
		assert_int_equal(label_unpack(span_of(b, LABEL_PACKED_LEN), &l), ERR_RANGE);
		assert_true(label_is_equal(l, (struct label){0}));
		label_pack((struct label){LABEL_OWNER, (uint8_t)v, 0}, b);
		assert_int_equal(label_unpack(span_of(b, LABEL_PACKED_LEN), &l), ERR_RANGE);
	}
	label_pack((struct label){LABEL_OWNER, LABEL_READ_OWNER, 5}, b);
	assert_int_equal(label_unpack(span_of(b, LABEL_PACKED_LEN), &l), ERR_RANGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(join_is_commutative_and_idempotent),
		cmocka_unit_test(join_is_associative),
		cmocka_unit_test(join_is_the_intersection_of_readers_and_the_lower_integrity),
		cmocka_unit_test(flow_is_inclusion_of_readers_and_secrets_stay),
		cmocka_unit_test(reading_more_never_lets_more_flow_nor_removes_taint),
		cmocka_unit_test(taint_starts_below_owner),
		cmocka_unit_test(zeroed_memory_and_unknown_values_are_the_worst_label),
		cmocka_unit_test(packing_round_trips_and_refuses_what_is_unknown),
	};

	return cmocka_run_group_tests(tests, make_all, NULL);
}
