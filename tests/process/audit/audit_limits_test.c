/* The limits of audit: what waits for a full disk, how long a line waits for the disk, how long a key lives. */
#include "audit_kit.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/limits.h"
#include "ev/ev.h"
#include "proto/audit_vault.h"
#include "proto/audit_writer.h"

#define NEAR_MS 60000
/* What a socket holds that nobody reads, as lines of the file, and what one reading takes at once. */
#define SOCKET_BYTES KIB(400u)

/* AUDIT_BUFFER_MAX: from half of it on nothing more is taken, and all of it comes into the file in the end. */
static void
what_waits_for_a_disk_has_a_limit(void **state)
{
	struct kit *k = *state;
	struct rlimit old;
	struct rlimit small;
	struct pollfd p;
	uint64_t before;
	uint64_t size;
	uint64_t n = 0;

	kit_start(k);
	for (unsigned i = 0; i < 100; i++)
		kit_line(k->gate, AUDIT_VERDICT, VERDICT_DENY, 1, i);
	before = kit_wait_lines(k, 100);
	size = (uint64_t)kit_wait_size(k, 0);
	assert_int_equal(prlimit(k->h->pid, RLIMIT_FSIZE, NULL, &old), 0);
	small = (struct rlimit){(rlim_t)size, old.rlim_max};
	assert_int_equal(prlimit(k->h->pid, RLIMIT_FSIZE, &small, NULL), 0);
	p = (struct pollfd){.fd = k->gate, .events = POLLOUT};
	while (poll(&p, 1, 5000) == 1 && n * (size / before) < 4ull * AUDIT_BUFFER_MAX) {
		assert_int_equal(p.revents, POLLOUT);
		kit_line(k->gate, AUDIT_VERDICT, VERDICT_DENY, 1, n++);
	}
	assert_in_range(
		n * (size / before), AUDIT_BUFFER_MAX / 2, AUDIT_BUFFER_MAX / 2 + SOCKET_BYTES);
	assert_int_equal(prlimit(k->h->pid, RLIMIT_FSIZE, &old, NULL), 0);
	(void)kit_wait_lines(k, before + n);
	kit_stop(k);
}

/* Written and acknowledged, whether or not it is synced. */
static void
keep_one(struct kit *k, uint64_t call)
{
	struct ipc_received in;

	kit_line(k->gate, AUDIT_VERDICT, VERDICT_ALLOW, 1, call);
	(void)harness_recv(k->gate, &audit_writer_proto, IPC_SIDE_A, AUDIT_WRITER_KEPT, &in);
}

static void
wait_syncs(struct kit *k, uint64_t more_than)
{
	for (int waited = 0; waited < HARNESS_WAIT_MS; waited++) {
		if (harness_syncs(k->h) > more_than)
			return;
		usleep(1000);
	}
	fail_msg("%llu syncs still", (unsigned long long)more_than);
}

/* AUDIT_SYNC_MS: as late, not later, and one sync for all the lines of that time. */
static void
lines_reach_the_disk_soon_and_together(void **state)
{
	struct kit *k = *state;
	uint64_t had;

	k->has_clock = true;
	kit_start(k);
	(void)kit_wait_lines(k, 2);
	harness_freeze(k->h);
	for (unsigned i = 0; i < 3; i++) { /* what was to be done before is done */
		keep_one(k, 1);
		keep_one(k, 2);
		harness_pass(k->h, AUDIT_SIGN_MS + AUDIT_SYNC_MS);
	}
	keep_one(k, 3); /* the first line of its time */
	keep_one(k, 4);
	had = harness_syncs(k->h);
	harness_pass(k->h, AUDIT_SYNC_MS - 1);
	for (unsigned i = 0; i < 20; i++)
		keep_one(k, 10 + i);
	assert_int_equal(harness_syncs(k->h), had);
	harness_pass(k->h, 1);
	wait_syncs(k, had);
	keep_one(k, 5);
	keep_one(k, 6);
	assert_int_equal(harness_syncs(k->h), had + 1);
	kit_cut_down(k); /* an orderly end takes its time */
}

/* AUDIT_EPOCH_MS: the first line behind it announces another key, and lines go on being signed. */
static void
a_key_has_its_time(void **state)
{
	struct kit *k = *state;
	struct auditlog_report r;

	k->has_clock = true;
	kit_start(k);
	(void)kit_wait_lines(k, 2); /* it is in use */
	harness_pass(k->h, AUDIT_EPOCH_MS - NEAR_MS);
	kit_line(k->gate, AUDIT_VERDICT, VERDICT_DENY, 1, 1);
	assert_false(kit_serve_vault(k, 500));
	harness_pass(k->h, NEAR_MS + 1);
	kit_line(k->gate, AUDIT_VERDICT, VERDICT_DENY, 1, 2);
	assert_true(kit_serve_vault(k, HARNESS_WAIT_MS));
	assert_int_equal(k->epoch, 2);
	kit_line(k->gate, AUDIT_VERDICT, VERDICT_DENY, 1, 3);
	kit_stop(k);
	assert_int_equal(kit_verify(k, &r), 0);
	assert_int_equal(r.epochs, 2);
	assert_int_equal(r.proven, r.last);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, kit_fresh, kit_gone)
		T(what_waits_for_a_disk_has_a_limit),
		T(lines_reach_the_disk_soon_and_together),
		T(a_key_has_its_time),
	};

	if (argc < 2)
		return 1;
	kit_program = argv[1];
	(void)signal(SIGXFSZ, SIG_IGN);
	return crypto_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
