/*
 * Threat class K16, against the real cell in every tier: each spelling, each kind of file, each file tool. Nothing outside is
 * read, written or deleted; nothing hangs; and a racer that exchanges a folder and a link meanwhile gets nothing either.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "ipc/ipc.h"
#include "launch_harness.h"

#define SECRET "CANARY-of-the-file-outside"
#define EVIL "written by the attacker"

static const char *program;
static struct jail_caps caps;
static const enum jail_tier tiers[] = {
	JAIL_TIER_LANDLOCK, JAIL_TIER_LANDLOCK_UID, JAIL_TIER_USERNS, JAIL_TIER_FULL};

struct scene {
	struct launch l;
	char outside[64]; /* folder with "secret" and "sub/secret", open to everybody */
};

static void
put(const char *dir, const char *name, const char *text)
{
	char path[512];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	(void)fchmod(fd, 0666);
	close(fd);
}

static bool
file_is(const char *dir, const char *name, const char *text)
{
	char path[512];
	char got[256];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, got, sizeof(got));
	close(fd);
	return n == (ssize_t)strlen(text) && memcmp(got, text, (size_t)n) == 0;
}

static const char *
in(const char *dir, const char *name)
{
	static char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void
scene_open(struct scene *s, enum jail_tier tier, int landlock_max)
{
	assert_int_equal(launch_open(&s->l, program, tier), 0);
	s->l.env.landlock_max = landlock_max;
	(void)snprintf(s->outside, sizeof(s->outside), "/tmp/k16.XXXXXX");
	assert_non_null(mkdtemp(s->outside));
	assert_int_equal(chmod(s->outside, 0777), 0);
	put(s->outside, "secret", SECRET);
	assert_int_equal(mkdir(in(s->outside, "sub"), 0777), 0);
	assert_int_equal(chmod(in(s->outside, "sub"), 0777), 0);
	put(in(s->outside, "sub"), "secret", SECRET);
	put(s->l.dir, "inside", "inside");
}

/* The folder outside is as it was. */
static void
scene_check(const struct scene *s)
{
	struct stat st;

	assert_true(file_is(s->outside, "secret", SECRET));
	assert_true(file_is(s->outside, "sub/secret", SECRET));
	assert_int_equal(stat(s->outside, &st), 0);
	assert_int_equal(st.st_nlink, 3);
	for (const char *const *n = (const char *const[]){"evil", "sub/evil", NULL}; *n != NULL;
		n++)
		assert_int_equal(stat(in(s->outside, *n), &st), -1);
}

static void
scene_close(struct scene *s)
{
	launch_rm(s->outside);
	launch_close(&s->l);
}

/* Every file tool with this path: none may succeed, nor say the secret. */
static void
all_tools(struct scene *s, struct span path, bool may_exist)
{
	static const unsigned with_path[] = {
		TOOL_FILE_READ, TOOL_FILE_LIST, TOOL_FILE_SEARCH, TOOL_FILE_DELETE};

	for (size_t i = 0; i < sizeof(with_path) / sizeof(with_path[0]); i++) {
		unsigned tool = with_path[i];

		(void)launch_call(&s->l, tool, "path", path,
			tool == TOOL_FILE_SEARCH ? "text" : NULL, SPAN("CANARY"));
		if (s->l.result.rc == 0 && s->l.result.ok && !may_exist &&
			tool != TOOL_FILE_SEARCH && tool != TOOL_FILE_LIST)
			print_message("tool %u did something with: %.*s\n", tool, (int)path.len,
				(const char *)path.ptr);
		assert_int_equal(span_find(buf_span(&s->l.out), SPAN("CANARY-of")), -1);
		if (!may_exist && (tool == TOOL_FILE_READ || tool == TOOL_FILE_DELETE))
			assert_false(s->l.result.rc == 0 && s->l.result.ok);
	}
	(void)launch_call(&s->l, TOOL_FILE_WRITE, "path", path, "content", SPAN(EVIL));
	scene_check(s);
}

static bool
possible(enum jail_tier tier)
{
	if (tier == JAIL_TIER_LANDLOCK_UID)
		return caps.setuid && caps.landlock_abi > 0;
	return tier >= JAIL_TIER_USERNS ? caps.tier >= tier : caps.landlock_abi > 0;
}

/* Names are taken apart by the same code in each: the least tier and the most will do for these. */
#define LEAST_AND_MOST (1u << JAIL_TIER_LANDLOCK | 1u << JAIL_TIER_FULL)

static void
in_tiers(void (*test)(struct scene *s), unsigned which, int landlock_max)
{
	for (size_t i = 0; i < sizeof(tiers) / sizeof(tiers[0]); i++) {
		struct scene s;

		if (!(which >> tiers[i] & 1) || !possible(tiers[i]))
			continue;
		scene_open(&s, tiers[i], landlock_max);
		test(&s);
		scene_check(&s);
		scene_close(&s);
	}
}

static void
in_every_tier(void (*test)(struct scene *s))
{
	in_tiers(test, ~0u, -1);
}

/* ---- spellings ---- */

static void
try_spellings(struct scene *s)
{
	/* %s is the folder outside without its first slash */
	static const char *const spellings[] = {"/%s/secret", "//%s/secret",
		"../../../../%s/secret", "./../../%s/secret", "inside/../../../%s/secret",
		"a/../../../../%s/secret", "..//..//..//%s/secret", "/workspace/../%s/secret",
		"/workspace/../../%s/secret", "/proc/self/root/%s/secret",
		"/proc/self/cwd/../../%s/secret", "/proc/1/root/%s/secret",
		"/dev/fd/4/../../%s/secret", "file:///%s/secret", "@/%s/secret",
		"%%2e%%2e/%%2e%%2e/%s/secret", "..%%2f..%%2f%s/secret",
		"\\\\..\\\\..\\\\%s\\\\secret", "..\\..\\%s\\secret", "~/../../%s/secret",
		"\xc0\xae\xc0\xae/\xc0\xae\xc0\xae/%s/secret", "..\xc0\xaf..\xc0\xaf%s/secret",
		"\xe0\x80\xae\xe0\x80\xae/%s/secret", "\xef\xbc\x8e\xef\xbc\x8e/%s/secret",
		".. /.. /%s/secret", "...//...//%s/secret", "..;/..;/%s/secret",
		"/workspace//..//../%s/secret", "/WORKSPACE/../%s/secret",
		"/workspace/./.././../%s/secret"};

	for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
		char path[512];

		for (int sub = 0; sub < 2; sub++) {
			struct buf b = {.max = sizeof(path)};
			struct span rest = span_from_cstr(spellings[i]);

			while (rest.len > 0) {
				if (span_starts_with(rest, SPAN("%s"))) {
					(void)buf_put_cstr(&b, s->outside + 1);
					if (sub == 1)
						(void)buf_put_cstr(&b, "/sub");
					rest = span_sub(rest, 2, rest.len);
				} else {
					(void)buf_put(&b, span_sub(rest, 0, 1));
					rest = span_sub(rest,
						span_starts_with(rest, SPAN("%%")) ? 2 : 1,
						rest.len);
				}
			}
			if (sub == 0 || i % 8 == 0)
				all_tools(s, buf_span(&b), false);
			buf_clear(&b);
		}
	}
	/* a NUL, and what lies before it exists */
	all_tools(s, SPAN("inside\0/../../../etc/passwd"), false);
	all_tools(s, SPAN(".."), false);
	all_tools(s, SPAN("../"), false);
	all_tools(s, SPAN("inside/.."), false);
	assert_true(file_is(s->l.dir, "inside", "inside"));
}

static void
no_spelling_leaves_the_workspace(void **state)
{
	(void)state;
	in_tiers(try_spellings, LEAST_AND_MOST, -1);
}

static void
try_lengths(struct scene *s)
{
	static uint8_t big[5001];
	static const size_t lengths[] = {255, 256, 4000, 4096, 4097, 5000};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		memset(big, 'x', sizeof(big));
		all_tools(s, span_of(big, lengths[i]), true);
		for (size_t k = 1; k < lengths[i]; k += 2)
			big[k] = '/';
		all_tools(s, span_of(big, lengths[i]), true);
		for (size_t k = 0; k + 2 < lengths[i]; k += 3)
			memcpy(big + k, "../", 3);
		all_tools(s, span_of(big, lengths[i]), false);
	}
}

static void
very_long_names_are_refused_or_work(void **state)
{
	(void)state;
	in_tiers(try_lengths, LEAST_AND_MOST, -1);
}

/* ---- kinds of file ---- */

static void
make_kinds(const struct scene *s)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char target[256];

	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/socket", s->l.dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	close(fd);
	assert_int_equal(mkfifo(in(s->l.dir, "fifo"), 0666), 0);
	(void)mknod(in(s->l.dir, "device"), S_IFCHR | 0666, 0x103); /* root only */
	assert_int_equal(symlink(s->outside, in(s->l.dir, "folder-link")), 0);
	(void)snprintf(target, sizeof(target), "%s/secret", s->outside);
	assert_int_equal(symlink(target, in(s->l.dir, "leaf-link")), 0);
	assert_int_equal(link(target, in(s->l.dir, "hard-link")), 0);
	assert_int_equal(symlink("/proc/self/root", in(s->l.dir, "magic")), 0);
	assert_int_equal(symlink("/proc/self/fd/4", in(s->l.dir, "magic-fd")), 0);
	assert_int_equal(symlink("nowhere", in(s->l.dir, "dangling")), 0);
	(void)snprintf(target, sizeof(target), "%s/evil", s->outside);
	assert_int_equal(symlink(target, in(s->l.dir, "dangling-out")), 0);
	assert_int_equal(symlink("loop", in(s->l.dir, "loop")), 0);
	assert_int_equal(mkdir(in(s->l.dir, "a"), 0777), 0);
	assert_int_equal(mkdir(in(s->l.dir, "a/b"), 0777), 0);
	assert_int_equal(symlink(s->outside, in(s->l.dir, "a/b/c")), 0);
	assert_int_equal(symlink("a", in(s->l.dir, "within")), 0);
}

/* A hard link is deleted by its own name only, which takes nothing from the file outside. */
static void
try_kinds(struct scene *s)
{
	static const char *const paths[] = {"folder-link/secret", "folder-link/sub/secret",
		"folder-link/evil", "leaf-link", "magic/etc/passwd", "magic-fd/inside", "dangling",
		"dangling-out", "loop", "loop/x", "a/b/c/secret", "a/b/c/sub/evil",
		"within/b/c/secret", "folder-link", "a/b/c"};
	static const char *const special[] = {"fifo", "device", "socket", "hard-link"};
	struct stat st;

	make_kinds(s);
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
		(void)launch_call(&s->l, TOOL_FILE_READ, "path", span_from_cstr(special[i]), NULL,
			SPAN_EMPTY);
		assert_false(s->l.result.rc == 0 && s->l.result.ok);
		assert_int_not_equal(s->l.result.rc, ERR_TIMEOUT); /* nothing waits for a writer */
		assert_int_equal(span_find(buf_span(&s->l.out), SPAN("CANARY-of")), -1);
		(void)launch_call(&s->l, TOOL_FILE_WRITE, "path", span_from_cstr(special[i]),
			"content", SPAN(EVIL));
		assert_false(s->l.result.rc == 0 && s->l.result.ok &&
			     lstat(in(s->l.dir, special[i]), &st) == 0);
		scene_check(s);
	}
	(void)launch_call(&s->l, TOOL_FILE_SEARCH, "text", SPAN("CANARY"), NULL, SPAN_EMPTY);
	assert_int_equal(s->l.result.rc, 0);
	assert_int_equal(span_find(buf_span(&s->l.out), SPAN("CANARY-of")), -1);
	(void)launch_call(&s->l, TOOL_FILE_LIST, "recursive", SPAN("true"), NULL, SPAN_EMPTY);
	assert_int_equal(span_find(buf_span(&s->l.out), SPAN("CANARY-of")), -1);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		static const unsigned tools[] = {TOOL_FILE_READ, TOOL_FILE_LIST, TOOL_FILE_SEARCH};

		for (size_t k = 0; k < 3; k++) {
			(void)launch_call(&s->l, tools[k], "path", span_from_cstr(paths[i]),
				tools[k] == TOOL_FILE_SEARCH ? "text" : NULL, SPAN("CANARY"));
			assert_int_equal(span_find(buf_span(&s->l.out), SPAN("CANARY-of")), -1);
			assert_int_equal(span_find(buf_span(&s->l.out), SPAN("secret\n")), -1);
		}
		(void)launch_call(&s->l, TOOL_FILE_WRITE, "path", span_from_cstr(paths[i]),
			"content", SPAN(EVIL));
		scene_check(s);
		(void)launch_call(&s->l, TOOL_FILE_DELETE, "path", span_from_cstr(paths[i]), NULL,
			SPAN_EMPTY);
		scene_check(s);
	}
}

static void
no_kind_of_file_leads_out_or_hangs(void **state)
{
	(void)state;
	in_every_tier(try_kinds);
	in_tiers(try_kinds, ~0u, 2); /* the Landlock of Linux 6.1 */
}

static void
try_cap(struct scene *s)
{
	int fd = open(in(s->l.dir, "huge"), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);

	assert_int_equal(ftruncate(fd, 100000000000LL), 0);
	(void)fchmod(fd, 0666);
	close(fd);
	(void)launch_call(&s->l, TOOL_FILE_READ, "path", SPAN("huge"), NULL, SPAN_EMPTY);
	assert_int_equal(s->l.result.rc, 0);
	assert_true(s->l.out.len <= CELL_OUTPUT_MAX);
	assert_true(s->l.result.truncated);
}

static void
a_file_over_the_cap_is_cut(void **state)
{
	(void)state;
	in_every_tier(try_cap);
}

/* ---- the racer ---- */

/* Exchanges a folder and a link to outside, as fast as it can; says how often. */
static pid_t
race(const struct scene *s, uint64_t *count)
{
	char a[512], b[512];
	pid_t pid;

	(void)snprintf(a, sizeof(a), "%s/swap", s->l.dir);
	(void)snprintf(b, sizeof(b), "%s/other", s->l.dir);
	pid = fork();
	if (pid == 0) {
		(void)alarm(60);
		for (;;)
			if (renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) == 0)
				(*count)++;
	}
	return pid;
}

static void
try_race(struct scene *s)
{
	uint64_t *count =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned calls = 0, worked = 0;
	pid_t pid;

	assert_int_equal(mkdir(in(s->l.dir, "swap"), 0777), 0);
	(void)chmod(in(s->l.dir, "swap"), 0777);
	put(s->l.dir, "swap/secret", "mine");
	assert_int_equal(symlink(s->outside, in(s->l.dir, "other")), 0);
	pid = race(s, count);
	while (calls < 90 || *(volatile uint64_t *)count < 100000) {
		(void)launch_call(
			&s->l, TOOL_FILE_READ, "path", SPAN("swap/secret"), NULL, SPAN_EMPTY);
		worked += s->l.result.ok;
		assert_int_equal(span_find(buf_span(&s->l.out), SPAN("CANARY-of")), -1);
		(void)launch_call(
			&s->l, TOOL_FILE_WRITE, "path", SPAN("swap/evil"), "content", SPAN(EVIL));
		worked += s->l.result.ok;
		(void)launch_call(
			&s->l, TOOL_FILE_DELETE, "path", SPAN("swap/sub/secret"), NULL, SPAN_EMPTY);
		calls += 3;
		scene_check(s);
	}
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	print_message("%s: %u calls, %u hit the folder, %llu exchanges\n",
		jail_tier_name(s->l.env.tier), calls, worked, (unsigned long long)*count);
	assert_true(worked > 0);
	(void)munmap(count, 4096);
}

static void
a_folder_that_becomes_a_link_leads_nowhere(void **state)
{
	(void)state;
	in_every_tier(try_race);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_spelling_leaves_the_workspace),
		cmocka_unit_test(very_long_names_are_refused_or_work),
		cmocka_unit_test(no_kind_of_file_leads_out_or_hangs),
		cmocka_unit_test(a_file_over_the_cap_is_cut),
		cmocka_unit_test(a_folder_that_becomes_a_link_leads_nowhere),
	};

	if (argc < 2 || jail_probe(&caps, -1) < 0)
		return 2;
	program = argv[1];
	if (argc > 2)
		cmocka_set_test_filter(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
