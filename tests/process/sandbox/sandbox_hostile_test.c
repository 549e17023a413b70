/*
 * A cell that is the attacker says what it likes to sandbox's launcher: out of order, twice, broken, too large, and of others.
 * argv[1]: one that is no jail at all; argv[2]: one that begins in the real jail, with its call.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#include "ipc/ipc.h"
#include "launch_harness.h"

static const char *unjailed;
static const char *jailed;
static struct jail_caps caps;

/* The tiers in which it can be tried here: with namespaces, and without. */
static size_t
tiers(enum jail_tier out[2])
{
	size_t n = 0;

	if (caps.tier >= JAIL_TIER_USERNS)
		out[n++] = caps.tier;
	if (caps.landlock_abi > 0 && caps.setuid)
		out[n++] = JAIL_TIER_LANDLOCK_UID;
	if (n == 0)
		print_message("skipped: no cells of a kind that runs programs can be made here\n");
	return n;
}

static void
put_file(struct launch *l, const char *name, const void *bytes, size_t n)
{
	int fd = openat(l->env.workspace, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
	close(fd);
}

static void
put_order(struct launch *l, const char *order)
{
	put_file(l, "order", order, strlen(order));
}

/* A process of somebody else's: no child of ours, in a group of its own. */
struct bystander {
	pid_t parent, pid;
	int life; /* at its end when it is dead */
};

static void
bystander_start(struct bystander *b)
{
	int life[2], pid[2];

	assert_int_equal(pipe2(life, O_CLOEXEC), 0);
	assert_int_equal(pipe2(pid, O_CLOEXEC), 0);
	b->parent = fork();
	if (b->parent == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		b->pid = fork();
		if (b->pid == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			(void)setpgid(0, 0);
			b->pid = getpid();
			(void)!write(pid[1], &b->pid, sizeof(b->pid));
		} else {
			close(life[1]);
		}
		for (;;)
			(void)pause();
	}
	close(life[1]);
	close(pid[1]);
	assert_int_equal(read(pid[0], &b->pid, sizeof(b->pid)), sizeof(b->pid));
	close(pid[0]);
	b->life = life[0];
}

static bool
bystander_is_dead(const struct bystander *b)
{
	return poll(&(struct pollfd){.fd = b->life, .events = POLLIN}, 1, 0) > 0;
}

static void
bystander_end(struct bystander *b)
{
	assert_int_equal(kill(b->parent, SIGKILL), 0);
	assert_int_equal(waitpid(b->parent, NULL, 0), b->parent);
	close(b->life);
}

/* With our rights: root may kill every process. */
static void
no_other_process_is_killed_in_the_place_of_a_cell(void **state)
{
	enum jail_tier which[2];
	size_t n = tiers(which);

	(void)state;
	if (n == 0)
		skip();
	for (size_t t = 0; t < n; t++) {
		struct bystander b;
		struct launch l;

		bystander_start(&b);
		assert_int_equal(launch_open(&l, unjailed, which[t]), 0);
		put_order(&l, "victim");
		put_file(&l, "victim", &b.pid, sizeof(b.pid));
		(void)launch_call(&l, TOOL_CALCULATOR, "expression", SPAN("1+1"), NULL, SPAN_EMPTY);
		assert_false(l.result.ok);
		launch_close(&l);
		assert_false(bystander_is_dead(&b));
		bystander_end(&b);
	}
}

static void
nothing_that_is_no_cell_gets_a_call(void **state)
{
	static const char *const orders[] = {"init", "other init", "other pidfd", "no pidfd",
		"ready", "lie", "output", "found", "probe", "done", "done twice", "unknown", "cut",
		"large", "far too large", "direction"};
	enum jail_tier which[2];
	size_t n = tiers(which);

	(void)state;
	if (n == 0)
		skip();
	for (size_t t = 0; t < n; t++) {
		for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
			struct launch l;

			print_message("tier %s, %s\n", jail_tier_name(which[t]), orders[i]);
			assert_int_equal(launch_open(&l, unjailed, which[t]), 0);
			put_order(&l, orders[i]);
			assert_true(launch_call(&l, TOOL_CALCULATOR, "expression", SPAN("1+1"),
					    NULL, SPAN_EMPTY) < 0);
			assert_false(l.result.ok);
			assert_int_equal(l.out.len, 0);
			assert_true(l.result.rc !=
				    ERR_TIMEOUT); /* at once, not when its time was over */
			launch_close(&l);
		}
	}
}

/* Taken over in its jail: what it may say is one answer to its call. */
static void
a_cell_that_was_taken_over_says_one_thing(void **state)
{
	static const struct {
		const char *order;
		bool answered; /* its one answer stands; the rest of what it says does not */
	} rows[] = {{"init", false}, {"other init", false}, {"ready", false}, {"found", false},
		{"probe", false}, {"unknown", false}, {"cut", false}, {"large", false},
		{"far too large", false}, {"direction", false}, {"done twice", true},
		{"late output", true}};
	enum jail_tier which[2];
	size_t n = tiers(which);

	(void)state;
	if (n == 0)
		skip();
	for (size_t t = 0; t < n; t++) {
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			struct launch l;
			int rc;

			print_message("tier %s, %s\n", jail_tier_name(which[t]), rows[i].order);
			assert_int_equal(launch_open(&l, jailed, which[t]), 0);
			rc = launch_call(&l, TOOL_CALCULATOR, "expression",
				span_from_cstr(rows[i].order), NULL, SPAN_EMPTY);
			/* out of its state, or not what this call is answered with */
			assert_true(
				rows[i].answered ? rc == 0 : rc == ERR_PROTO || rc == ERR_STATE);
			assert_int_equal(l.result.ok, rows[i].answered);
			assert_int_equal(l.out.len, 0);
			if (geteuid() == 0)
				assert_int_equal(launch_processes_of(l.env.uid), 0);
			launch_close(&l);
		}
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		/* first: without the check the next one ends this process */
		cmocka_unit_test(no_other_process_is_killed_in_the_place_of_a_cell),
		cmocka_unit_test(nothing_that_is_no_cell_gets_a_call),
		cmocka_unit_test(a_cell_that_was_taken_over_says_one_thing),
	};

	if (argc < 3 || jail_probe(&caps, -1) < 0)
		return 2;
	unjailed = argv[1];
	jailed = argv[2];
	(void)setvbuf(stdout, NULL, _IOLBF, 0); /* what was said before that is not lost */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
