/* The self-proof: holds in the real cells of every tier, and reports it when a layer is taken away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ipc/ipc.h"
#include "launch_harness.h"
#include "proto/probes.h"

static const char *program, *weak;
static struct jail_caps caps;

struct proof {
	unsigned answered, escaped;
	bool ended, ok, verbose;
	int rc;
	char step[64];
};

static void
on_probe(struct sandbox_cell *cell, uint32_t index, int64_t got, void *arg)
{
	struct proof *p = arg;

	(void)cell;
	p->answered++;
	if (probe_is_held(index, got))
		return;
	p->escaped++;
	if (p->verbose)
		print_message("not held: %s: %lld\n", probe_rows[index].name, (long long)got);
}

static void
on_output(struct sandbox_cell *cell, struct span data, void *arg)
{
	(void)cell;
	(void)data;
	(void)arg;
}

static void
on_end(struct sandbox_cell *cell, const struct sandbox_result *result, void *arg)
{
	struct proof *p = arg;

	(void)cell;
	p->ended = true;
	p->ok = result->ok;
	p->rc = result->rc;
	(void)snprintf(p->step, sizeof(p->step), "%s", result->step);
}

static const struct sandbox_ops ops = {
	.on_output = on_output, .on_probe = on_probe, .on_end = on_end};

static struct proof
prove(const char *cell_program, enum jail_tier tier, unsigned profile, uint32_t omit, bool verbose)
{
	struct launch l;
	struct proof p = {.verbose = verbose};
	const char *step;
	struct sandbox_cell *cell;

	assert_int_equal(launch_open(&l, cell_program, tier), 0);
	l.env.omit = omit;
	cell = sandbox_cell_new(&l.env, &ops, &p, &step);
	assert_non_null(cell);
	assert_int_equal(sandbox_cell_prove(cell, 0, (uint8_t)profile), 0);
	while (!p.ended)
		(void)ev_turn(l.env.ev, 1000);
	launch_close(&l);
	return p;
}

static void
every_attempt_is_held_in_every_tier(void **state)
{
	static const enum jail_tier tiers[] = {
		JAIL_TIER_LANDLOCK, JAIL_TIER_LANDLOCK_UID, JAIL_TIER_USERNS, JAIL_TIER_FULL};

	(void)state;
	for (size_t i = 0; i < sizeof(tiers) / sizeof(tiers[0]); i++) {
		if ((tiers[i] == JAIL_TIER_LANDLOCK_UID && !caps.setuid) ||
			(tiers[i] >= JAIL_TIER_USERNS && caps.tier < tiers[i]))
			continue;
		for (unsigned profile = 0; profile < (tiers[i] >= JAIL_TIER_LANDLOCK_UID ? 2u : 1u);
			profile++) {
			struct proof p = prove(program, tiers[i], profile, 0, true);

			print_message("%s profile %u: %u attempts, %u not held %s\n",
				jail_tier_name(tiers[i]), profile, p.answered, p.escaped, p.step);
			assert_int_equal(p.rc, 0);
			assert_true(p.ok);
			assert_true(p.answered > 35);
			assert_int_equal(p.escaped, 0);
		}
	}
}

/* Either the check of the child refuses the cell, or attempts succeed. */
static void
a_layer_that_is_taken_away_is_noticed(void **state)
{
	static const uint32_t layers[] = {JAIL_L_SECCOMP, JAIL_L_CAPS, JAIL_L_NODUMP};

	(void)state;
	if (caps.tier < JAIL_TIER_FULL)
		skip();
	for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++) {
		struct proof p = prove(weak, JAIL_TIER_FULL, 1, layers[i], false);

		print_message("without %s: rc %d (%s), %u attempts, %u not held\n",
			jail_layer_name(layers[i]), p.rc, p.step, p.answered, p.escaped);
		assert_true(p.rc != 0 || p.escaped > 0);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_attempt_is_held_in_every_tier),
		cmocka_unit_test(a_layer_that_is_taken_away_is_noticed),
	};

	if (argc < 3 || jail_probe(&caps, -1) < 0)
		return 2;
	program = argv[1];
	weak = argv[2];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
