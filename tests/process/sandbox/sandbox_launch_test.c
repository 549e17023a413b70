/* The launcher in every tier that this machine and user can make: tools work, limits bind, nothing is left over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

#include "ipc/ipc.h"
#include "launch_harness.h"

static const char *program;
static struct jail_caps caps;
static const enum jail_tier tiers[] = {
	JAIL_TIER_LANDLOCK, JAIL_TIER_LANDLOCK_UID, JAIL_TIER_USERNS, JAIL_TIER_FULL};
#define TIERS (sizeof(tiers) / sizeof(tiers[0]))

static bool
possible(enum jail_tier tier)
{
	bool yes = tier >= JAIL_TIER_USERNS ? caps.tier >= tier : caps.landlock_abi > 0;

	if (tier == JAIL_TIER_LANDLOCK_UID && !caps.setuid)
		yes = false;
	if (!yes)
		print_message("tier %s: not on this machine as this user\n", jail_tier_name(tier));
	return yes;
}

static bool
output_is(const struct launch *l, const char *text)
{
	if (span_eq(buf_span(&l->out), span_from_cstr(text)))
		return true;
	print_message("rc %d step %s errno %d exit %d output: %.*s\n", l->result.rc, l->result.step,
		l->result.err, (int)l->result.exit_code, (int)l->out.len,
		l->out.ptr == NULL ? "" : (const char *)l->out.ptr);
	return false;
}

static bool
output_has(const struct launch *l, const char *text)
{
	if (span_find(buf_span(&l->out), span_from_cstr(text)) >= 0)
		return true;
	return output_is(l, text);
}

static void
the_calculator_runs_in_every_tier(void **state)
{
	struct launch l;

	(void)state;
	for (size_t i = 0; i < TIERS; i++) {
		if (!possible(tiers[i]))
			continue;
		assert_int_equal(launch_open(&l, program, tiers[i]), 0);
		(void)launch_call(&l, TOOL_CALCULATOR, "expression",
			SPAN("(2+3)*4^2 - min(7, 2*3)"), NULL, SPAN_EMPTY);
		assert_true(output_is(&l, "74"));
		(void)launch_call(&l, TOOL_CALCULATOR, "expression", SPAN("1/0"), NULL, SPAN_EMPTY);
		assert_false(l.result.ok);
		assert_true(output_has(&l, "division by zero"));
		launch_close(&l);
	}
}

static void
calculations_are_right(void **state)
{
	static const char *const cases[][2] = {{"9007199254740993 + 2", "9007199254740995"},
		{"2^62", "4611686018427387904"}, {"-2^2", "-4"}, {"2^3^2", "512"}, {"2^-1", "0.5"},
		{"7 % 4", "3"}, {"10/4", "2.5"}, {"sqrt(16)", "4"}, {"max(1, 2, 3) * 2", "6"},
		{"0.1+0.2", "0.30000000000000004"}, {"round(2.5)", "3"}, {"--3", "3"},
		{"9223372036854775807 + 1", "9.223372036854776e+18"}};
	static const char *const wrong[] = {"", "1 +", "(1", "1)", "foo(1)", "1 2", "sqrt(-1)",
		"max()", "1,2", "ln(0)", "1e999"};
	struct launch l;

	(void)state;
	assert_int_equal(launch_open(&l, program,
				 possible(JAIL_TIER_FULL) ? JAIL_TIER_FULL : JAIL_TIER_LANDLOCK),
		0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)launch_call(&l, TOOL_CALCULATOR, "expression", span_from_cstr(cases[i][0]),
			NULL, SPAN_EMPTY);
		assert_true(output_is(&l, cases[i][1]));
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		(void)launch_call(&l, TOOL_CALCULATOR, "expression", span_from_cstr(wrong[i]), NULL,
			SPAN_EMPTY);
		assert_true(output_has(&l, "error: calculator"));
		assert_false(l.result.ok);
	}
	launch_close(&l);
}

static void
files_are_written_read_listed_found_and_deleted(void **state)
{
	struct launch l;

	(void)state;
	for (size_t i = 0; i < TIERS; i++) {
		if (!possible(tiers[i]))
			continue;
		assert_int_equal(launch_open(&l, program, tiers[i]), 0);
		(void)launch_call(&l, TOOL_FILE_WRITE, "path", SPAN("a/b/note.txt"), "content",
			SPAN("one\ntwo\nthree\n"));
		assert_true(output_is(&l, "wrote 14 bytes"));
		(void)launch_call(&l, TOOL_FILE_READ, "path", SPAN("/workspace/a/b/note.txt"), NULL,
			SPAN_EMPTY);
		assert_true(output_is(&l, "one\ntwo\nthree\n"));
		(void)launch_call(&l, TOOL_FILE_LIST, "path", SPAN("a"), NULL, SPAN_EMPTY);
		assert_true(output_has(&l, "dir "));
		(void)launch_call(&l, TOOL_FILE_SEARCH, "text", SPAN("two"), "name", SPAN("*.txt"));
		assert_true(output_is(&l, "a/b/note.txt:2: two\n"));
		(void)launch_call(
			&l, TOOL_FILE_DELETE, "path", SPAN("a/b/note.txt"), NULL, SPAN_EMPTY);
		assert_true(output_is(&l, "deleted"));
		(void)launch_call(
			&l, TOOL_FILE_READ, "path", SPAN("a/b/note.txt"), NULL, SPAN_EMPTY);
		assert_true(output_has(&l, "no such file"));
		launch_close(&l);
	}
}

static void
a_large_file_travels_as_a_body(void **state)
{
	static uint8_t big[200000];
	struct launch l;

	(void)state;
	memset(big, 'x', sizeof(big));
	assert_int_equal(launch_open(&l, program,
				 possible(JAIL_TIER_FULL) ? JAIL_TIER_FULL : JAIL_TIER_LANDLOCK),
		0);
	(void)launch_call(
		&l, TOOL_FILE_WRITE, "path", SPAN("big"), "content", span_of(big, sizeof(big)));
	assert_true(output_is(&l, "wrote 200000 bytes"));
	(void)launch_call(&l, TOOL_FILE_READ, "path", SPAN("big"), NULL, SPAN_EMPTY);
	assert_int_equal(l.out.len, sizeof(big));
	launch_close(&l);
}

static void
programs_run_where_the_tier_permits(void **state)
{
	struct launch l;

	(void)state;
	for (size_t i = 0; i < TIERS; i++) {
		if (!possible(tiers[i]))
			continue;
		assert_int_equal(launch_open(&l, program, tiers[i]), 0);
		if (tiers[i] == JAIL_TIER_LANDLOCK) {
			assert_true(launch_shell(&l, "echo no") < 0);
			assert_int_equal(l.out.len, 0);
		} else {
			(void)launch_shell(&l, "echo yes; echo err >&2; exit 3");
			assert_true(output_is(&l, "yes\nerr\n"));
			assert_int_equal(l.result.exit_code, 3);
			(void)launch_shell(&l,
				"echo made > file && cat file && /usr/bin/env | sort | head -20");
			assert_true(output_has(&l, "made\n"));
		}
		launch_close(&l);
	}
}

static void
the_environment_is_the_template_byte_for_byte(void **state)
{
	struct launch l;

	(void)state;
	(void)setenv("LD_PRELOAD", "/tmp/evil.so", 1);
	(void)setenv("BASH_ENV", "/workspace/evil", 1);
	(void)setenv("MOLTBOT_TOKEN", "canary", 1);
	for (size_t i = 0; i < TIERS; i++) {
		if (tiers[i] == JAIL_TIER_LANDLOCK || !possible(tiers[i]))
			continue;
		assert_int_equal(launch_open(&l, program, tiers[i]), 0);
		struct buf list = {.max = 4096};
		struct args_out out;

		args_out_init(&out, &list, false);
		args_out_array(&out, "argv");
		args_out_cstr(&out, NULL, "env");
		args_out_end(&out);
		assert_int_equal(args_out_done(&out), 0);
		(void)launch_call_args(&l, TOOL_SHELL_EXEC, buf_span(&list), 10000);
		assert_true(output_is(&l, "PATH=/usr/local/bin:/usr/bin:/bin\nHOME=/"
					  "workspace\nLANG=C.UTF-8\nTMPDIR=/tmp\nTERM=dumb\n"));
		buf_clear(&list);
		launch_close(&l);
	}
	(void)unsetenv("LD_PRELOAD");
	(void)unsetenv("BASH_ENV");
}

static void
background_children_die_with_the_cell(void **state)
{
	char path[128];
	struct stat st;
	struct launch l;

	(void)state;
	for (size_t i = 0; i < TIERS; i++) {
		if (tiers[i] == JAIL_TIER_LANDLOCK || !possible(tiers[i]))
			continue;
		assert_int_equal(launch_open(&l, program, tiers[i]), 0);
		(void)launch_shell(&l, "(setsid sh -c 'sleep 1; echo alive > alive' >/dev/null "
				       "2>&1 &) ; echo started");
		assert_true(output_is(&l, "started\n"));
		(void)poll(NULL, 0, 1500);
		(void)snprintf(path, sizeof(path), "%s/alive", l.dir);
		assert_int_equal(stat(path, &st), -1);
		launch_close(&l);
	}
}

static void
a_call_ends_at_its_time(void **state)
{
	struct launch l;
	struct buf list = {.max = 4096};
	struct args_out out;

	(void)state;
	args_out_init(&out, &list, false);
	args_out_cstr(&out, "command", "while :; do :; done");
	assert_int_equal(args_out_done(&out), 0);
	for (size_t i = 0; i < TIERS; i++) {
		if (tiers[i] == JAIL_TIER_LANDLOCK || !possible(tiers[i]))
			continue;
		assert_int_equal(launch_open(&l, program, tiers[i]), 0);
		assert_int_equal(
			launch_call_args(&l, TOOL_SHELL_EXEC, buf_span(&list), 300), ERR_TIMEOUT);
		launch_close(&l);
	}
	buf_clear(&list);
}

static void
output_is_kept_up_to_its_limit(void **state)
{
	struct launch l;

	(void)state;
	if (!possible(JAIL_TIER_FULL))
		skip();
	assert_int_equal(launch_open(&l, program, JAIL_TIER_FULL), 0);
	(void)launch_shell(&l, "head -c 1000000 /dev/zero");
	assert_int_equal(l.out.len, CELL_OUTPUT_MAX);
	assert_true(l.result.truncated);
	assert_true(l.result.ok);
	launch_close(&l);
}

/* Files of one line each, made from outside. */
static void
make_files(const struct launch *l, unsigned from, unsigned to)
{
	char name[32];

	for (unsigned i = from; i < to; i++) {
		int fd;

		(void)snprintf(name, sizeof(name), "f%u", i);
		fd = openat(l->env.workspace, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		assert_true(fd >= 0);
		assert_int_equal(write(fd, "needle\n", 7), 7);
		close(fd);
	}
}

static void
make_big(const struct launch *l, size_t len)
{
	static char bytes[FILE_READ_MAX + 1];
	int fd = openat(l->env.workspace, "big", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0 && len <= sizeof(bytes));
	memset(bytes, 'b', sizeof(bytes));
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	close(fd);
}

static unsigned
lines_of(const struct launch *l)
{
	unsigned n = 0;

	for (size_t i = 0; i < l->out.len; i++)
		n += l->out.ptr[i] == '\n';
	return n;
}

static void
built_in_tools_return_up_to_their_limits_and_say_when_there_was_more(void **state)
{
	struct launch l;
	unsigned others;

	(void)state;
	assert_int_equal(launch_open(&l, program,
				 possible(JAIL_TIER_FULL) ? JAIL_TIER_FULL : JAIL_TIER_LANDLOCK),
		0);
	for (unsigned over = 0; over < 2; over++) {
		make_big(&l, FILE_READ_MAX + over);
		(void)launch_call(&l, TOOL_FILE_READ, "path", SPAN("big"), NULL, SPAN_EMPTY);
		assert_int_equal(l.out.len, FILE_READ_MAX);
		assert_int_equal(l.result.truncated, over);
	}
	assert_int_equal(unlinkat(l.env.workspace, "big", 0), 0);
	make_files(&l, 0, FILE_SEARCH_MAX);
	(void)launch_call(&l, TOOL_FILE_SEARCH, "query", SPAN("needle"), NULL, SPAN_EMPTY);
	assert_false(l.result.truncated);
	make_files(&l, FILE_SEARCH_MAX, FILE_SEARCH_MAX + 1);
	(void)launch_call(&l, TOOL_FILE_SEARCH, "query", SPAN("needle"), NULL, SPAN_EMPTY);
	assert_true(l.result.truncated);
	(void)launch_call(&l, TOOL_FILE_LIST, "path", SPAN("."), NULL, SPAN_EMPTY);
	others = lines_of(&l) - (FILE_SEARCH_MAX + 1); /* what a workspace has from the beginning */
	make_files(&l, FILE_SEARCH_MAX + 1, FILE_LIST_MAX - others);
	(void)launch_call(&l, TOOL_FILE_LIST, "path", SPAN("."), NULL, SPAN_EMPTY);
	assert_int_equal(lines_of(&l), FILE_LIST_MAX);
	assert_false(l.result.truncated);
	make_files(&l, FILE_LIST_MAX - others, FILE_LIST_MAX - others + 1);
	(void)launch_call(&l, TOOL_FILE_LIST, "path", SPAN("."), NULL, SPAN_EMPTY);
	assert_int_equal(lines_of(&l), FILE_LIST_MAX);
	assert_true(l.result.truncated);
	launch_close(&l);
}

static void
limits_on_files_and_processes_bind(void **state)
{
	struct launch l;
	char want[160];

	(void)state;
	if (!possible(JAIL_TIER_FULL))
		skip();
	assert_int_equal(launch_open(&l, program, JAIL_TIER_FULL), 0);
	(void)launch_shell(&l, "head -c 80000000 /dev/zero > big; stat -c %s big");
	(void)snprintf(want, sizeof(want), "%u\n", CELL_FILE_MAX);
	assert_true(output_has(&l, want));
	(void)snprintf(want, sizeof(want),
		"i=0; while [ $i -lt %d ]; do sleep 5 & i=$((i+1)); done; echo spawned",
		CELL_PIDS / 2);
	(void)launch_shell(&l, want);
	assert_true(output_has(&l, "spawned\n"));
	(void)snprintf(want, sizeof(want),
		"i=0; while [ $i -lt %d ]; do sleep 5 & i=$((i+1)); done; echo spawned",
		CELL_PIDS + 1);
	(void)launch_shell(&l, want);
	assert_false(l.result.ok && span_eq(buf_span(&l.out), SPAN("spawned\n")));
	(void)snprintf(
		want, sizeof(want), "%u\n%u\n%u\n0\n", CELL_FDS, CELL_FILE_MAX / 512u, CELL_CPU_S);
	(void)launch_shell(&l, "ulimit -n; ulimit -f; ulimit -t; ulimit -c");
	assert_true(output_is(&l, want));
	/* descriptors 0 to 2 are there: the last number below the limit opens, the limit itself does not */
	(void)snprintf(want, sizeof(want),
		"bash -c 'exec %d</dev/null && echo last; exec %d</dev/null && echo over'",
		CELL_FDS - 1, CELL_FDS);
	(void)launch_shell(&l, want);
	assert_true(output_has(&l, "last\n"));
	assert_false(output_has(&l, "over\n"));
	launch_close(&l);
}

static void
the_limit_of_memory_binds(void **state)
{
	struct launch l;
	char want[160];

	(void)state;
#ifdef __SANITIZE_ADDRESS__
	print_message("a jail does without limits of memory under the sanitizers\n");
	skip();
#endif
	if (!possible(JAIL_TIER_FULL))
		skip();
	assert_int_equal(launch_open(&l, program, JAIL_TIER_FULL), 0);
	(void)snprintf(want, sizeof(want), "%u\n", CELL_MEM / 1024u);
	(void)launch_shell(&l, "ulimit -v");
	assert_true(output_is(&l, want));
	/* CELL_MEM holds a program that has a little less than that besides its own, and none that has as much */
	(void)snprintf(want, sizeof(want),
		"dd if=/dev/zero of=/dev/null bs=%u count=1 2>/dev/null && echo had",
		CELL_MEM - MIB(16));
	(void)launch_shell(&l, want);
	assert_true(output_is(&l, "had\n"));
	(void)snprintf(want, sizeof(want),
		"dd if=/dev/zero of=/dev/null bs=%u count=1 2>/dev/null && echo had", CELL_MEM);
	(void)launch_shell(&l, want);
	assert_false(output_has(&l, "had"));
	launch_close(&l);
}

/* A group of ours below one of the machine's hierarchies; -1 where that is not to be had. */
static int
group_open(const char *hierarchy, char path[128])
{
	(void)snprintf(path, 128, "/sys/fs/cgroup/%s/moltbot-test-%d", hierarchy, (int)getpid());
	return mkdir(path, 0755) == 0 ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
}

static void
group_close(int fd, const char *path)
{
	if (fd < 0)
		return;
	close(fd);
	assert_int_equal(rmdir(path), 0); /* no cell's group is left in it */
}

static void
control_groups_of_version_1_limit_memory_and_processes(void **state)
{
	char memory[128], pids[128];
	int m = group_open("memory", memory);
	int p = group_open("pids", pids);

	(void)state;
	for (size_t i = 0; i < TIERS && m >= 0 && p >= 0; i++) {
		struct launch l;

		if (tiers[i] < JAIL_TIER_LANDLOCK_UID || !possible(tiers[i]))
			continue;
		assert_int_equal(launch_open(&l, program, tiers[i]), 0);
		l.env.cgroup_memory = m;
		l.env.cgroup_pids = p;
		l.env.limits.memory = MIB(64u);
		(void)launch_shell(&l, "ulimit -v; ulimit -t");
		assert_true(output_is(&l, "unlimited\n60\n")); /* the group holds the memory */
		(void)launch_shell(&l, "head -c 200000000 /dev/zero | tail -c 190000000 | wc -c");
		assert_false(span_eq(buf_span(&l.out), SPAN("190000000\n")));
		(void)launch_shell(&l,
			"i=0; while [ $i -lt 200 ]; do sleep 5 & i=$((i+1)); done; echo spawned");
		assert_false(l.result.ok && span_eq(buf_span(&l.out), SPAN("spawned\n")));
		launch_close(&l);
	}
	if (m < 0 || p < 0)
		print_message("no writable control groups of version 1 here\n");
	group_close(m, memory);
	group_close(p, pids);
}

/* Where version 2 has no controllers (a hybrid machine) it still ends all of a cell at once. */
static void
control_groups_of_version_2_end_a_cell_and_are_removed(void **state)
{
	static const char *const roots[] = {".", "unified"};
	char path[128];
	struct stat st;
	int fd = -1;

	(void)state;
	for (size_t i = 0; i < 2 && fd < 0; i++) {
		(void)snprintf(
			path, sizeof(path), "/sys/fs/cgroup/%s/cgroup.controllers", roots[i]);
		if (stat(path, &st) == 0)
			fd = group_open(roots[i], path);
	}
	for (size_t i = 0; i < TIERS && fd >= 0; i++) {
		struct launch l;

		if (tiers[i] < JAIL_TIER_LANDLOCK_UID || !possible(tiers[i]))
			continue;
		assert_int_equal(launch_open(&l, program, tiers[i]), 0);
		l.env.cgroup_v2 = fd;
		(void)launch_shell(&l, "(setsid sleep 100 >/dev/null 2>&1 &); echo started");
		assert_true(output_is(&l, "started\n"));
		launch_close(&l);
	}
	if (fd < 0)
		print_message("no writable control groups of version 2 here\n");
	group_close(fd, path);
}

/* What left the process group and the session is ended by its uid, all of it, before the call's result is there. */
static void
no_straggler_is_left_without_namespaces(void **state)
{
	struct launch l;
	char command[64];

	(void)state;
	if (!possible(JAIL_TIER_LANDLOCK_UID))
		skip();
	for (int abi = -1; abi < 4; abi += 3) { /* the kernel's, and Linux 6.1's */
		assert_int_equal(launch_open(&l, program, JAIL_TIER_LANDLOCK_UID), 0);
		l.env.landlock_max = abi;
		for (int n = 0; n < 10; n++) {
			(void)launch_shell(&l,
				"for i in 1 2 3 4 5 6 7 8; do (setsid sh -c 'trap \"\" TERM "
				"HUP; setsid sleep 30; sleep 30' >/dev/null 2>&1 &); "
				"done; echo started");
			assert_true(output_is(&l, "started\n"));
			(void)snprintf(command, sizeof(command), "/proc/%d", (int)l.init);
			assert_int_equal(access(command, F_OK), -1);
			assert_int_equal(launch_processes_of(l.env.uid), 0);
		}
		launch_close(&l);
	}
}

/* The owner's editor replaces a file: the cell made before that gives no program the new one. */
static void
a_cell_made_before_an_instruction_file_was_replaced_runs_no_program(void **state)
{
	char from[128], to[128];
	struct launch l;
	struct buf list = {.max = 4096};
	struct args_out out;

	(void)state;
	if (!possible(JAIL_TIER_FULL))
		skip();
	args_out_init(&out, &list, false);
	args_out_cstr(&out, "command", "echo evil >> AGENTS.md; echo ran");
	assert_int_equal(args_out_done(&out), 0);
	assert_int_equal(launch_open(&l, program, JAIL_TIER_FULL), 0);
	assert_int_equal(launch_new(&l), 0);
	while (!sandbox_cell_is_ready(l.cell))
		(void)ev_turn(l.env.ev, 1000);
	(void)snprintf(from, sizeof(from), "%s/AGENTS.md~", l.dir);
	(void)snprintf(to, sizeof(to), "%s/AGENTS.md", l.dir);
	close(open(from, O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
	assert_int_equal(chmod(from, 0666), 0);
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(sandbox_cell_run(l.cell, TOOL_SHELL_EXEC, buf_span(&list), -1, 0), 0);
	launch_wait(&l);
	assert_int_equal(l.result.rc, ERR_UNSUPPORTED);
	assert_true(span_eq(span_from_cstr(l.result.step), SPAN(TOOL_STEP_INSTRUCTIONS)));
	assert_int_equal(l.out.len, 0);
	(void)launch_shell(
		&l, "echo evil >> AGENTS.md; echo ran"); /* a new one has the new mount */
	assert_true(output_has(&l, "Read-only file system"));
	assert_true(output_has(&l, "ran"));
	buf_clear(&list);
	launch_close(&l);
}

/* In every tier: those that are there stay, those that are not cannot be made. */
static void
no_program_makes_or_changes_an_instruction_file(void **state)
{
	struct launch l;
	char path[128];
	struct stat st;

	(void)state;
	for (size_t i = 0; i < TIERS; i++) {
		if (tiers[i] < JAIL_TIER_LANDLOCK_UID || !possible(tiers[i]))
			continue;
		assert_int_equal(launch_open(&l, program, tiers[i]), 0);
		(void)launch_shell(&l,
			"for f in AGENTS.md SOUL.md TOOLS.md IDENTITY.md USER.md "
			"HEARTBEAT.md BOOTSTRAP.md MEMORY.md; do echo evil > $f; "
			"rm -f $f; echo evil > x; mv -f x $f; ln -sf x $f; mkdir $f; "
			"done; echo ran");
		assert_true(output_has(&l, "ran"));
		for (const char *const *name = tool_instructions; *name != NULL; name++) {
			(void)snprintf(path, sizeof(path), "%s/%s", l.dir, *name);
			assert_int_equal(lstat(path, &st), 0);
			assert_true(S_ISREG(st.st_mode));
			assert_int_equal(st.st_size, 0);
		}
		launch_close(&l);
	}
}

static void
nothing_of_the_host_is_visible_in_full(void **state)
{
	struct launch l;

	(void)state;
	if (!possible(JAIL_TIER_FULL))
		skip();
	assert_int_equal(launch_open(&l, program, JAIL_TIER_FULL), 0);
	(void)launch_shell(&l, "cat /etc/shadow; cat /proc/1/root/etc/hostname; ls -d /sys /home "
			       "/root /var /boot");
	assert_false(l.result.ok);
	assert_int_equal(span_find(buf_span(&l.out), SPAN("\n/")), -1);
	assert_true(output_has(&l, "/etc/shadow: No such file"));
	assert_true(output_has(&l, "'/root': No such file"));
	(void)launch_shell(&l, "id -u; pwd");
	assert_true(output_is(&l, "1000\n/workspace\n"));
	(void)launch_shell(&l, "echo x > /usr/x; echo x > /etc/x; echo x > /x; mkdir /y");
	assert_true(output_has(&l, "Read-only file system"));
	assert_false(l.result.ok);
	launch_close(&l);
}

static void
instruction_files_are_read_only(void **state)
{
	char path[128];
	struct launch l;
	int fd;

	(void)state;
	if (!possible(JAIL_TIER_FULL))
		skip();
	assert_int_equal(launch_open(&l, program, JAIL_TIER_FULL), 0);
	(void)snprintf(path, sizeof(path), "%s/AGENTS.md", l.dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	assert_int_equal(write(fd, "owner", 5), 5);
	assert_int_equal(fchown(fd, l.env.uid != 0 ? l.env.uid : geteuid(), (gid_t)-1), 0);
	close(fd);
	(void)launch_shell(
		&l, "echo evil > AGENTS.md; rm -f AGENTS.md; mv AGENTS.md x; cat AGENTS.md");
	assert_true(output_has(&l, "owner"));
	(void)launch_call(&l, TOOL_FILE_READ, "path", SPAN("AGENTS.md"), NULL, SPAN_EMPTY);
	assert_true(output_is(&l, "owner"));
	(void)launch_call(
		&l, TOOL_FILE_WRITE, "path", SPAN("./AGENTS.md"), "content", SPAN("evil"));
	assert_true(output_has(&l, "instruction files are the owner's"));
	(void)launch_call(&l, TOOL_FILE_DELETE, "path", SPAN("agents.md"), NULL, SPAN_EMPTY);
	assert_true(output_has(&l, "instruction files are the owner's"));
	launch_close(&l);
}

static uint64_t
now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void
a_kill_is_quick_and_complete(void **state)
{
	struct launch l;
	struct buf list = {.max = 4096};
	struct args_out out;
	uint64_t slowest = 0;

	(void)state;
	args_out_init(&out, &list, false);
	args_out_cstr(&out, "command", "sleep 100 & sleep 100 & echo up; while :; do :; done");
	assert_int_equal(args_out_done(&out), 0);
	for (size_t i = 0; i < TIERS; i++) {
		if (tiers[i] == JAIL_TIER_LANDLOCK || !possible(tiers[i]))
			continue;
		assert_int_equal(launch_open(&l, program, tiers[i]), 0);
		uint64_t best = UINT64_MAX; /* of five: the machine may be busy with other things */

		for (int n = 0; n < 5; n++) {
			uint64_t t;

			assert_int_equal(launch_new(&l), 0);
			assert_int_equal(
				sandbox_cell_run(l.cell, TOOL_SHELL_EXEC, buf_span(&list), -1, 0),
				0);
			while (!l.ended && l.out.len == 0)
				(void)ev_turn(l.env.ev, 1000);
			assert_false(l.ended);
			t = now_us();
			sandbox_cell_kill(l.cell, ERR_ABORTED);
			launch_wait(&l);
			t = now_us() - t;
			best = t < best ? t : best;
			assert_int_equal(l.result.rc, ERR_ABORTED);
			assert_int_equal(kill(l.init, 0), -1);
		}
		slowest = best > slowest ? best : slowest;
		launch_close(&l);
	}
	print_message("kill to last process reaped, in the slowest tier: %llu us\n",
		(unsigned long long)slowest);
	assert_true(slowest < 100000);
	buf_clear(&list);
}

/* The launcher's process is killed: its cell, told by nobody, is gone too. */
static void
a_cell_dies_with_its_sandbox(void **state)
{
	int fds[2];
	pid_t parent;

	(void)state;
	for (size_t i = 0; i < TIERS; i++) {
		struct launch l;

		if (tiers[i] == JAIL_TIER_LANDLOCK || !possible(tiers[i]))
			continue;
		assert_int_equal(pipe2(fds, 0), 0);
		assert_int_equal(launch_open(&l, program, tiers[i]), 0);
		parent = fork();
		if (parent == 0) {
			struct buf list = {.max = 4096};
			struct args_out out;
			pid_t init;

			(void)alarm(20);
			l.env.ev = ev_new();
			args_out_init(&out, &list, false);
			args_out_cstr(&out, "command", "echo up; exec sleep 30");
			(void)args_out_done(&out);
			if (launch_new(&l) != 0 || sandbox_cell_run(l.cell, TOOL_SHELL_EXEC,
							   buf_span(&list), -1, 0) != 0)
				_exit(1);
			while (!l.ended && l.out.len == 0)
				(void)ev_turn(l.env.ev, 1000);
			init = l.init;
			(void)!write(fds[1], &init, sizeof(init));
			for (;;)
				(void)poll(NULL, 0, 1000);
		}
		pid_t init = 0;

		assert_int_equal(read(fds[0], &init, sizeof(init)), sizeof(init));
		int pidfd = (int)syscall(434 /* pidfd_open */, init, 0);
		struct pollfd p = {.fd = pidfd, .events = POLLIN};

		assert_true(pidfd >= 0);
		assert_int_equal(kill(parent, SIGKILL), 0);
		assert_int_equal(waitpid(parent, NULL, 0), parent);
		assert_int_equal(poll(&p, 1, 20000), 1);
		close(pidfd);
		close(fds[0]);
		close(fds[1]);
		launch_close(&l);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_calculator_runs_in_every_tier),
		cmocka_unit_test(calculations_are_right),
		cmocka_unit_test(files_are_written_read_listed_found_and_deleted),
		cmocka_unit_test(a_large_file_travels_as_a_body),
		cmocka_unit_test(programs_run_where_the_tier_permits),
		cmocka_unit_test(the_environment_is_the_template_byte_for_byte),
		cmocka_unit_test(background_children_die_with_the_cell),
		cmocka_unit_test(a_call_ends_at_its_time),
		cmocka_unit_test(output_is_kept_up_to_its_limit),
		cmocka_unit_test(
			built_in_tools_return_up_to_their_limits_and_say_when_there_was_more),
		cmocka_unit_test(limits_on_files_and_processes_bind),
		cmocka_unit_test(the_limit_of_memory_binds),
		cmocka_unit_test(control_groups_of_version_1_limit_memory_and_processes),
		cmocka_unit_test(control_groups_of_version_2_end_a_cell_and_are_removed),
		cmocka_unit_test(no_straggler_is_left_without_namespaces),
		cmocka_unit_test(no_program_makes_or_changes_an_instruction_file),
		cmocka_unit_test(
			a_cell_made_before_an_instruction_file_was_replaced_runs_no_program),
		cmocka_unit_test(nothing_of_the_host_is_visible_in_full),
		cmocka_unit_test(instruction_files_are_read_only),
		cmocka_unit_test(a_kill_is_quick_and_complete),
		cmocka_unit_test(a_cell_dies_with_its_sandbox),
	};

	if (argc < 2 || jail_probe(&caps, -1) < 0)
		return 2;
	program = argv[1];
	if (argc > 2)
		cmocka_set_test_filter(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
