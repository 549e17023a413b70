/* What a cell finds in a workspace for the labels of its files: by content, by time, by name, in every tier that runs programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "crypto/crypto.h"
#include "ipc/ipc.h"
#include "launch_harness.h"
#include "proto/scan.h"

#define FOUND_MAX 64

static const char *program;
static struct jail_caps caps;

static struct {
	struct {
		uint64_t size;
		uint8_t hash[SCAN_HASH_LEN];
		bool changed;
	} list[FOUND_MAX];
	size_t n;
} found;

static void
on_found(struct sandbox_cell *cell, uint64_t size, struct span hash, bool changed, void *arg)
{
	(void)cell;
	(void)arg;
	if (found.n < FOUND_MAX) {
		found.list[found.n].size = size;
		memcpy(found.list[found.n].hash, hash.ptr, SCAN_HASH_LEN);
		found.list[found.n].changed = changed;
	}
	found.n++;
}

static const struct sandbox_ops ops = {.on_init = launch_on_init,
	.on_output = launch_on_output,
	.on_found = on_found,
	.on_end = launch_on_end};

/* True when nothing was passed over. */
static bool
scan(struct launch *l, const struct sandbox_scan *what)
{
	const char *step = NULL;

	found.n = 0;
	l->ended = false;
	l->cell = sandbox_cell_new(&l->env, &ops, l, &step);
	assert_non_null(l->cell);
	assert_int_equal(sandbox_cell_scan(l->cell, what), 0);
	launch_wait(l);
	assert_int_equal(l->result.rc, 0);
	return l->result.ok;
}

static bool
has(uint64_t size, struct span text, bool changed)
{
	uint8_t hash[SCAN_HASH_LEN];

	crypto_sha256(text, hash);
	for (size_t i = 0; i < found.n && i < FOUND_MAX; i++)
		if (found.list[i].size == size && found.list[i].changed == changed &&
			memcmp(found.list[i].hash, hash, sizeof(hash)) == 0)
			return true;
	return false;
}

static bool
has_file(const char *text, bool changed)
{
	return has(strlen(text), span_from_cstr(text), changed);
}

static bool
has_name(const char *path, bool changed)
{
	char name[512] = SCAN_NAME;

	memcpy(name + strlen(SCAN_NAME), path, strlen(path) + 1);
	return has(0, span_from_cstr(name), changed);
}

static void
record_of(const char *text, uint8_t out[SCAN_RECORD_LEN])
{
	memset(out, 0, SCAN_SIZE_LEN);
	out[SCAN_SIZE_LEN - 1] = (uint8_t)strlen(text);
	crypto_sha256(span_from_cstr(text), out + SCAN_SIZE_LEN);
}

static uint64_t
now_ns(void)
{
	struct timespec t = {.tv_nsec = 50000000};

	(void)nanosleep(&t, NULL);
	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static bool
opened(struct launch *l, enum jail_tier tier)
{
	bool yes =
		tier >= JAIL_TIER_USERNS ? caps.tier >= tier : caps.landlock_abi > 0 && caps.setuid;

	if (!yes)
		print_message("tier %s: not on this machine as this user\n", jail_tier_name(tier));
	else
		assert_int_equal(launch_open(l, program, tier), 0);
	return yes;
}

static const enum jail_tier tiers[] = {JAIL_TIER_LANDLOCK_UID, JAIL_TIER_FULL};

static void
what_changed_since_is_found_with_what_is_empty_and_what_has_a_new_name(void **state)
{
	struct launch l;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct sandbox_scan what = {.tool = TOOL_SHELL_EXEC};

		if (!opened(&l, tiers[i]))
			continue;
		assert_int_equal(launch_shell(&l, "echo old > old; mkdir -p d; echo deep > d/deep; "
						  "touch empty; echo mv > a; mkdir e"),
			0);
		what.since = now_ns();
		assert_true(scan(&l, &what));
		assert_int_equal(found.n, 0);
		assert_int_equal(launch_shell(&l, "echo new > new; echo more > d/more; touch void; "
						  "mkdir obey; ln -s x link; mv a b; mv e f; "
						  "touch -d 2001-01-01 new"),
			0);
		assert_true(scan(&l, &what));
		assert_true(has_file("new\n", true)); /* whatever time it says itself */
		assert_true(has_file("more\n", true));
		assert_true(has_file("mv\n", true));
		assert_true(has_name("void", true));
		assert_true(has_name("obey", true));
		assert_true(has_name("link", true));
		assert_true(has_name("f", true));
		assert_false(has_file("old\n", true));
		assert_false(has_file("deep\n", true));
		assert_false(has_name("empty", true));
		launch_close(&l);
	}
}

static void
what_is_in_the_table_is_found_wherever_it_lies(void **state)
{
	struct launch l;
	uint8_t table[SCAN_RECORD_LEN];
	struct sandbox_scan what = {
		.tool = TOOL_SHELL_EXEC, .since = SCAN_SINCE_NONE, .table = {table, sizeof(table)}};

	(void)state;
	record_of("obey\n", table);
	for (size_t i = 0; i < 2; i++) {
		if (!opened(&l, tiers[i]))
			continue;
		assert_int_equal(launch_shell(&l, "mkdir d; echo same > x; echo obey > d/copy"), 0);
		assert_true(scan(&l, &what));
		assert_int_equal(found.n, 1);
		assert_true(has_file("obey\n", false));
		assert_int_equal(launch_shell(&l, "echo edit > d/copy"), 0);
		assert_true(scan(&l, &what));
		assert_int_equal(found.n, 0);
		launch_close(&l);
	}
}

static void
for_a_file_read_only_that_file_is_looked_at(void **state)
{
	struct launch l;
	uint8_t table[SCAN_RECORD_LEN];
	struct sandbox_scan what = {
		.tool = TOOL_FILE_READ, .since = SCAN_SINCE_NONE, .table = {table, sizeof(table)}};
	struct buf list = {.max = 4096};

	(void)state;
	record_of("obey\n", table);
	if (!opened(&l, JAIL_TIER_FULL))
		return;
	assert_int_equal(launch_shell(&l, "echo obey > one; echo mine > two"), 0);
	for (int i = 0; i < 2; i++) {
		struct args_out out;

		buf_reset(&list);
		args_out_init(&out, &list, false);
		args_out_str(&out, "path", i == 0 ? SPAN("one") : SPAN("two"));
		assert_int_equal(args_out_done(&out), 0);
		what.args = buf_span(&list);
		assert_true(scan(&l, &what));
		assert_int_equal(found.n, i == 0 ? 1 : 0);
	}
	buf_clear(&list);
	launch_close(&l);
}

/* Hidden from the look, it would be hidden from the label. */
static void
what_cannot_be_looked_at_is_said(void **state)
{
	static const char *const commands[] = {"echo x > closed; chmod 0 closed",
		"mkdir -m 0 closed",
		"d=d; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; "
		"do "
		"d=$d/d; done; mkdir -p $d"};
	struct launch l;

	(void)state;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		struct sandbox_scan what = {.tool = TOOL_SHELL_EXEC};

		if (!opened(&l, JAIL_TIER_FULL))
			return;
		what.since = now_ns();
		assert_true(scan(&l, &what));
		assert_int_equal(launch_shell(&l, commands[i]), 0);
		assert_false(scan(&l, &what));
		launch_close(&l);
	}
}

static void
more_than_has_room_is_said(void **state)
{
	struct launch l;
	struct sandbox_scan what = {.tool = TOOL_SHELL_EXEC};
	char command[200];

	(void)state;
	if (!opened(&l, JAIL_TIER_FULL))
		return;
	what.since = now_ns();
	(void)snprintf(command, sizeof(command), "mkdir d; cd d; seq %u | xargs touch",
		(unsigned)FILE_LABELS_MAX - 1);
	assert_int_equal(launch_shell(&l, command), 0);
	assert_true(scan(&l, &what));
	assert_int_equal(found.n, FILE_LABELS_MAX);
	assert_int_equal(launch_shell(&l, "touch d/one-more"), 0);
	assert_false(scan(&l, &what));
	launch_close(&l);
}

static void
more_entries_than_are_looked_at_is_said(void **state)
{
	struct launch l;
	struct sandbox_scan what = {.tool = TOOL_SHELL_EXEC, .since = SCAN_SINCE_NONE};

	(void)state;
	if (!opened(&l, JAIL_TIER_FULL))
		return;
	assert_int_equal(mkdirat(l.env.workspace, "d", 0755), 0);
	for (size_t i = 0; i < FILE_SCAN_MAX; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "d/%zu", i);
		assert_int_equal(mknodat(l.env.workspace, name, S_IFREG | 0644, 0), 0);
	}
	assert_false(scan(&l, &what));
	launch_close(&l);
}

/* The loop's clock: the machine's, until a test says what time it is. */
static uint64_t now_is_ms;

int
clock_gettime(clockid_t clock, struct timespec *t)
{
	if (now_is_ms == 0 || clock != CLOCK_MONOTONIC)
		return (int)syscall(SYS_clock_gettime, clock, t);
	*t = (struct timespec){(time_t)(now_is_ms / 1000), (long)(now_is_ms % 1000) * 1000000};
	return 0;
}

/* FILE_SCAN_MS: whoever looks longer is ended, and nothing that it has found by then counts. */
static void
a_look_has_its_time(void **state)
{
	const struct sandbox_scan what = {.tool = TOOL_SHELL_EXEC, .since = SCAN_SINCE_NONE};
	const char *step = NULL;
	struct launch l;

	(void)state;
	if (!opened(&l, JAIL_TIER_FULL))
		return;
	l.cell = sandbox_cell_new(&l.env, &ops, &l, &step);
	assert_non_null(l.cell);
	while (!l.ended && !sandbox_cell_is_ready(l.cell))
		(void)ev_turn(l.env.ev, 1000);
	assert_false(l.ended);
	assert_int_equal(kill(l.init, SIGSTOP), 0);
	(void)ev_turn(l.env.ev, 0);
	now_is_ms = ev_now_ms(l.env.ev);
	assert_int_equal(sandbox_cell_scan(l.cell, &what), 0);
	now_is_ms += FILE_SCAN_MS - 1;
	for (int i = 0; i < 5; i++)
		(void)ev_turn(l.env.ev, 10);
	assert_false(l.ended);
	now_is_ms++;
	for (int i = 0; i < 3000 && !l.ended; i++)
		(void)ev_turn(l.env.ev, 10);
	now_is_ms = 0;
	assert_true(l.ended);
	assert_int_equal(l.result.rc, ERR_TIMEOUT);
	assert_false(l.result.ok);
	launch_close(&l);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			what_changed_since_is_found_with_what_is_empty_and_what_has_a_new_name),
		cmocka_unit_test(what_is_in_the_table_is_found_wherever_it_lies),
		cmocka_unit_test(for_a_file_read_only_that_file_is_looked_at),
		cmocka_unit_test(what_cannot_be_looked_at_is_said),
		cmocka_unit_test(more_than_has_room_is_said),
		cmocka_unit_test(more_entries_than_are_looked_at_is_said),
		cmocka_unit_test(a_look_has_its_time),
	};

	if (argc < 2 || jail_probe(&caps, -1) < 0)
		return 2;
	program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
