/*
 * Tests of lib/jail: every layer bites in a real child, and is seen to be missing when it is left
 * out. Each attack runs in a child that reports what the kernel said (exit status: 0 it worked,
 * else errno), or dies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/err.h"
#include "jail/jail.h"

#define DIED 1000 /* plus the signal */
#define JAIL_FAILED 255

static char dir[64];

static const struct jail_spec plain = {
	.name = "plain",
	.purpose = "what every process of ours may do",
	.groups = JAIL_BASE,
	.landlock = true,
};

struct attempt {
	const struct jail_spec *spec;
	struct jail_env env;
	int (*fn)(void *);
	void *arg;
	bool as_user; /* become uid 60001 before the jail, without help of it */
};

static int
status_of(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? DIED + WTERMSIG(status) : WEXITSTATUS(status);
}

/* A child without the test library's signal handlers, which would go on with the next test in it.
 */
static pid_t
fork_child(void)
{
	static const int signals[] = {SIGSEGV, SIGILL, SIGBUS, SIGFPE, SIGSYS, SIGABRT};
	pid_t pid = fork();

	if (pid == 0) {
		for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
			(void)signal(signals[i], SIG_DFL);
		(void)alarm(20);
	}
	return pid;
}

static int
run(struct attempt a)
{
	pid_t pid = fork_child();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct jail_report report;

		if (a.as_user && (setresgid(60001, 60001, 60001) != 0 ||
					 setresuid(60001, 60001, 60001) != 0))
			_exit(JAIL_FAILED);
		if (jail_apply(a.spec, &a.env, &report) < 0)
			_exit(JAIL_FAILED);
		errno = 0;
		_exit(a.fn(a.arg) == 0 ? 0 : errno);
	}
	return status_of(pid);
}

static int
run_plain(int (*fn)(void *), void *arg)
{
	return run((struct attempt){.spec = &plain, .env = JAIL_ENV_INIT, .fn = fn, .arg = arg});
}

static int
does_nothing(void *arg)
{
	(void)arg;
	return 0;
}

static int
calls(void *arg)
{
	const long *nr = arg;

	return syscall(*nr, 0, 0, 0, 0, 0, 0) < 0 ? -1 : 0;
}

static void
the_base_group_lets_a_process_live(void **state)
{
	(void)state;
	assert_int_equal(run_plain(does_nothing, NULL), 0);
}

static int
uses_what_every_process_uses(void *arg)
{
	struct pollfd p = {.fd = -1};
	struct stat st;
	void *m;

	(void)arg;
	m = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m == MAP_FAILED || munmap(m, 1 << 20) != 0 || poll(&p, 1, 0) < 0)
		return -1;
	free(malloc(1 << 21));
	if (fstat(1, &st) != 0 || fcntl(1, F_GETFL) < 0)
		return -1;
	return (int)syscall(__NR_getrandom, &st, 8, 0) == 8 ? 0 : -1;
}

static void
ordinary_calls_work_inside(void **state)
{
	(void)state;
	assert_int_equal(run_plain(uses_what_every_process_uses, NULL), 0);
}

static void
forbidden_calls_kill(void **state)
{
	static const long list[] = {__NR_ptrace, __NR_mount, __NR_unshare, __NR_setns, __NR_keyctl,
		__NR_bpf, __NR_userfaultfd, __NR_perf_event_open, __NR_io_uring_setup, __NR_execve,
		__NR_process_vm_readv, __NR_socket, __NR_connect, __NR_open_by_handle_at,
		__NR_setresuid, __NR_capset, __NR_chroot, __NR_personality, __NR_kexec_load,
		__NR_init_module, __NR_add_key, __NR_pidfd_getfd, __NR_process_madvise, __NR_kill,
		__NR_memfd_create, 500};

	(void)state;
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		assert_int_equal(run_plain(calls, (void *)(uintptr_t)&list[i]), DIED + SIGSYS);
}

static void
clone3_answers_enosys(void **state)
{
	long nr = __NR_clone3;

	(void)state;
	assert_int_equal(run_plain(calls, &nr), ENOSYS);
}

/* Built for all that will be forked, it is what each would have built: to the last instruction, and it bites. */
static void
a_filter_built_ahead_is_the_one_that_would_be_built(void **state)
{
	static const struct jail_rule rules[] = {JAIL_REFUSE(getppid, EACCES),
		JAIL_PERMIT_ARG(socket, 0, UINT32_MAX, AF_UNIX), JAIL_RULES_END};
	static const struct jail_spec several[] = {
		{.name = "little", .groups = JAIL_BASE, .landlock = true},
		{.name = "much",
			.groups = JAIL_BASE | JAIL_MEMFD | JAIL_FORK,
			.landlock = true,
			.rules = rules},
	};
	static uint8_t before[16384];
	long nr = __NR_socket;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct span bytes = jail_filter_bytes(&several[i]);
		size_t len = bytes.len;

		assert_in_range(len, 1, sizeof(before));
		memcpy(before, bytes.ptr, len);
		jail_filter_ahead(&several[i]);
		assert_true(span_eq(jail_filter_bytes(&several[i]), span_of(before, len)));
		assert_int_equal(run((struct attempt){.spec = &several[i],
					 .env = JAIL_ENV_INIT,
					 .fn = calls,
					 .arg = &nr}),
			DIED + SIGSYS);
	}
}

#ifdef __x86_64__
static int
calls_x32(void *arg)
{
	(void)arg;
	return syscall(0x40000000L | __NR_getpid) < 0 ? -1 : 0;
}

static int
calls_i386(void *arg)
{
	long ret;

	(void)arg;
	__asm__ volatile("int $0x80" : "=a"(ret) : "a"(20L) : "memory", "r8", "r9", "r10", "r11");
	return ret < 0 ? -1 : 0;
}

static void
other_architectures_kill(void **state)
{
	(void)state;
	assert_int_equal(run_plain(calls_x32, NULL), DIED + SIGSYS);
	if (run((struct attempt){.spec = &plain,
		    .env = {.landlock_abi_max = -1, .omit = JAIL_L_SECCOMP},
		    .fn = calls_i386}) == 0)
		assert_int_equal(run_plain(calls_i386, NULL), DIED + SIGSYS);
}
#endif

static int
maps_executable(void *arg)
{
	(void)arg;
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
			       MAP_FAILED
		       ? -1
		       : 0;
}

static int
makes_executable(void *arg)
{
	void *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)arg;
	return mprotect(m, 4096, PROT_READ | PROT_EXEC);
}

static void
memory_never_becomes_executable(void **state)
{
	(void)state;
	assert_int_equal(run_plain(maps_executable, NULL), DIED + SIGSYS);
	assert_int_equal(run_plain(makes_executable, NULL), DIED + SIGSYS);
}

static const struct jail_spec program = {
	.name = "program",
	.groups = JAIL_PROGRAM,
	.deny_errno = EPERM,
	.landlock = true,
};

static int
clones_new_user(void *arg)
{
	long pid;

	(void)arg;
	pid = syscall(__NR_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		_exit(0);
	return pid > 0 ? 0 : -1;
}

static int
forks(void *arg)
{
	pid_t pid = fork();

	(void)arg;
	if (pid == 0)
		_exit(0);
	return pid > 0 && waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

static int
injects_into_terminal(void *arg)
{
	(void)arg;
	return ioctl(0, TIOCSTI, "x");
}

static int
opens_inet(void *arg)
{
	const int *family = arg;

	return socket(*family, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0 ? -1 : 0;
}

static void
arguments_decide_where_the_table_says_so(void **state)
{
	struct attempt a = {.spec = &program, .env = JAIL_ENV_INIT, .fn = clones_new_user};
	int family = AF_INET;

	(void)state;
	assert_int_equal(run(a), EPERM);
	a.fn = forks;
	assert_int_equal(run(a), 0);
	a.fn = injects_into_terminal;
	assert_int_equal(run(a), EPERM);
	a.fn = opens_inet;
	a.arg = &family;
	assert_int_equal(run(a), EAFNOSUPPORT);
	family = AF_NETLINK;
	assert_int_equal(run(a), EAFNOSUPPORT);
	family = AF_UNIX;
	assert_int_equal(run(a), 0);
}

static void
a_specification_overrides_its_groups(void **state)
{
	static const struct jail_rule rules[] = {
		JAIL_REFUSE(socket, EACCES),
		JAIL_REFUSE(connect, 0),
		{.nr = __NR_getppid, .act = JAIL_KILL},
		JAIL_RULES_END,
	};
	struct jail_spec spec = plain;
	long nr = __NR_socket;

	(void)state;
	spec.rules = rules;
	struct attempt a = {.spec = &spec, .env = JAIL_ENV_INIT, .fn = calls, .arg = &nr};

	assert_int_equal(run(a), EACCES);
	nr = __NR_connect;
	assert_int_equal(run(a), 0);
	nr = __NR_getppid;
	assert_int_equal(run(a), DIED + SIGSYS);
}

/* The paths under test: one directory that is allowed, one beside it that is not. */
static int
opens(void *arg)
{
	int fd = openat(AT_FDCWD, arg, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -1 : 0;
}

static int
creates(void *arg)
{
	int fd = openat(AT_FDCWD, arg, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	return fd < 0 ? -1 : 0;
}

static int
truncates(void *arg)
{
	int fd = openat(AT_FDCWD, arg, O_WRONLY | O_TRUNC | O_CLOEXEC);

	return fd < 0 ? -1 : 0;
}

static void
landlock_limits_files_at_every_abi(void **state)
{
	static char in[96], out[96], made[96];
	struct jail_path paths[] = {{.slot = 3, .access = JAIL_READ}, {.access = 0}};
	struct jail_spec spec = {
		.name = "files", .groups = JAIL_BASE | JAIL_FS, .landlock = true, .paths = paths};
	struct attempt a = {.spec = &spec, .env = JAIL_ENV_INIT};

	(void)state;
	if (jail_landlock_abi() == 0)
		skip();
	(void)snprintf(in, sizeof(in), "%s/in/file", dir);
	(void)snprintf(out, sizeof(out), "%s/out/file", dir);
	(void)snprintf(made, sizeof(made), "%s/in/made", dir);
	a.env.dirfds[3] = open(dir, O_PATH | O_CLOEXEC);
	int in_fd = openat(a.env.dirfds[3], "in", O_PATH | O_CLOEXEC);
	close(a.env.dirfds[3]);
	a.env.dirfds[3] = in_fd;
	for (int abi = 1; abi <= jail_landlock_abi(); abi++) {
		a.env.landlock_abi_max = abi;
		paths[0].access = JAIL_READ;
		a.fn = opens;
		a.arg = in;
		assert_int_equal(run(a), 0);
		a.arg = out;
		assert_int_equal(run(a), EACCES);
		a.fn = truncates;
		a.arg = in;
		assert_int_equal(run(a), EACCES);
		a.fn = creates;
		a.arg = made;
		assert_int_equal(run(a), EACCES);
		paths[0].access = JAIL_READ | JAIL_WRITE;
		assert_int_equal(run(a), 0);
		assert_int_equal(unlink(made), 0);
	}
	close(in_fd);
}

static void
without_paths_there_is_no_file_system(void **state)
{
	struct jail_spec spec = {
		.name = "nofiles", .groups = JAIL_BASE | JAIL_FS, .landlock = true};
	struct attempt a = {.spec = &spec,
		.env = JAIL_ENV_INIT,
		.fn = opens,
		.arg = (char *)(uintptr_t) "/etc/passwd"};

	(void)state;
	if (jail_landlock_abi() == 0)
		skip();
	assert_int_equal(run(a), EACCES);
	a.env.omit = JAIL_L_LANDLOCK_FS; /* and it is Landlock that says so */
	assert_int_equal(run(a), 0);
}

static int
connects_tcp(void *arg)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)arg;
	return fd < 0 ? -1 : connect(fd, (struct sockaddr *)&sin, sizeof(sin));
}

static void
landlock_denies_tcp_from_abi_4(void **state)
{
	struct jail_spec spec = {
		.name = "tcp", .groups = JAIL_BASE | JAIL_CONNECT, .landlock = true};
	struct attempt a = {.spec = &spec, .env = JAIL_ENV_INIT, .fn = connects_tcp};

	(void)state;
	if (jail_landlock_abi() < 4)
		skip();
	assert_int_equal(run(a), EACCES);
	a.env.landlock_abi_max = 3;
	assert_int_equal(run(a), ECONNREFUSED);
	a.env.landlock_abi_max = -1;
	spec.tcp = true;
	assert_int_equal(run(a), ECONNREFUSED);
}

static void
an_empty_network_has_no_loopback(void **state)
{
	struct jail_spec spec = {.name = "net",
		.groups = JAIL_BASE | JAIL_CONNECT,
		.layers = JAIL_L_NETNS,
		.required = JAIL_L_NETNS};
	struct attempt a = {.spec = &spec, .env = JAIL_ENV_INIT, .fn = connects_tcp};
	struct jail_caps caps;

	(void)state;
	assert_int_equal(jail_probe(&caps, -1), 0);
	if (!caps.netns)
		skip();
	a.env.userns = caps.userns;
	assert_int_equal(run(a), ENETUNREACH);
	if (caps.setuid) {
		a.as_user = true;
		assert_int_equal(run(a), ENETUNREACH);
	}
}

static int
looks_at_root(void *arg)
{
	struct stat st;

	(void)arg;
	if (syscall(__NR_newfstatat, AT_FDCWD, "/etc", &st, 0) == 0)
		return 0;
	return -1;
}

static int
writes_at_root(void *arg)
{
	(void)arg;
	return mkdirat(AT_FDCWD, "/x", 0700);
}

static void
an_empty_root_is_empty_and_read_only(void **state)
{
	struct jail_spec spec = {.name = "root",
		.groups = JAIL_BASE | JAIL_FS,
		.layers = JAIL_L_ROOT,
		.required = JAIL_L_ROOT};
	struct attempt a = {.spec = &spec, .env = JAIL_ENV_INIT, .fn = looks_at_root};
	struct jail_caps caps;

	(void)state;
	assert_int_equal(jail_probe(&caps, -1), 0);
	if (!caps.pivot_root)
		skip();
	a.env.userns = caps.userns;
	for (int user = 0; user <= (caps.setuid ? 1 : 0); user++) {
		a.as_user = user == 1;
		a.fn = looks_at_root;
		assert_int_equal(run(a), ENOENT);
		a.fn = writes_at_root;
		assert_int_equal(run(a), EROFS);
	}
}

static int
shows_uid(void *arg)
{
	struct jail_facts f;

	(void)arg;
	jail_facts_self(&f);
	errno = EBADMSG;
	return f.uid == 60002 && f.euid == 60002 && f.cap_eff == 0 && f.cap_prm == 0 &&
			       f.seccomp == 2 && f.no_new_privs && f.dumpable == 0
		       ? 0
		       : -1;
}

static int
kills_parent(void *arg)
{
	(void)arg;
	return kill(getppid(), 0);
}

static void
ids_switch_for_good(void **state)
{
	struct jail_spec spec = plain;
	struct attempt a = {.spec = &spec, .env = JAIL_ENV_INIT, .fn = shows_uid};

	(void)state;
	if (geteuid() != 0)
		skip();
	a.env.uid = a.env.gid = 60002;
	assert_int_equal(run(a), 0);
	spec.groups = JAIL_BASE | JAIL_FORK;
	spec.landlock = false;
	a.fn = kills_parent;
	assert_int_equal(run(a), EPERM);
	spec.keep_caps = 1ull << CAP_KILL; /* what a parent of cells with another uid holds */
	assert_int_equal(run(a), 0);
}

static void
landlock_keeps_signals_inside_from_abi_6(void **state)
{
	struct jail_spec spec = {
		.name = "signals", .groups = JAIL_BASE | JAIL_FORK, .landlock = true};
	struct attempt a = {.spec = &spec, .env = JAIL_ENV_INIT, .fn = kills_parent};

	(void)state;
	if (jail_landlock_abi() < 6)
		skip();
	assert_int_equal(run(a), EPERM);
	a.env.landlock_abi_max = 5;
	assert_int_equal(run(a), 0);
}

static void
a_jailed_process_cannot_be_traced_or_read(void **state)
{
	struct jail_report report;
	struct jail_env env = JAIL_ENV_INIT;
	int fds[2];
	pid_t pid, spy;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	env.uid = geteuid() == 0 ? 60003 : 0;
	env.gid = geteuid() == 0 ? 60003 : 0;
	pid = fork_child();
	if (pid == 0) {
		if (jail_apply(&plain, &env, &report) < 0)
			_exit(JAIL_FAILED);
		(void)!write(fds[1], "x", 1);
		for (;;)
			(void)poll(NULL, 0, 1000);
	}
	char c;
	assert_int_equal(read(fds[0], &c, 1), 1);
	spy = fork_child(); /* the same uid, unjailed */
	if (spy == 0) {
		char path[64];

		if (env.uid != 0 && (setresgid(env.uid, env.uid, env.uid) != 0 ||
					    setresuid(env.uid, env.uid, env.uid) != 0))
			_exit(JAIL_FAILED);
		(void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
		if (syscall(__NR_ptrace, 16 /* PTRACE_ATTACH */, pid, 0, 0) == 0 || errno != EPERM)
			_exit(1);
		if (open(path, O_RDONLY | O_CLOEXEC) >= 0 || errno != EACCES)
			_exit(2);
		(void)snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
		_exit(open(path, O_RDONLY | O_CLOEXEC) >= 0 ? 3 : 0);
	}
	int got = status_of(spy);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(status_of(pid), DIED + SIGKILL);
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(got, 0);
}

static int
fills_file(void *arg)
{
	static char block[1 << 16];
	int fd = open(arg, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	for (int i = 0; i < 64; i++)
		if (write(fd, block, sizeof(block)) < 0)
			return -1;
	return 0;
}

static int
opens_many(void *arg)
{
	(void)arg;
	for (int i = 0; i < 100; i++)
		if (fcntl(2, F_DUPFD_CLOEXEC, 0) < 0)
			return -1;
	return 0;
}

static void
limits_bind_and_are_never_raised(void **state)
{
	static const struct jail_limit limits[] = {
		{RLIMIT_NOFILE, 32}, {RLIMIT_FSIZE, 1 << 20}, {-1, 0}};
	static char path[96];
	struct jail_spec spec = {.name = "limits", .groups = JAIL_BASE | JAIL_FS, .limits = limits};
	struct attempt a = {.spec = &spec, .env = JAIL_ENV_INIT, .fn = opens_many};

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/big", dir);
	assert_int_equal(run(a), EMFILE);
	a.fn = fills_file;
	a.arg = path;
	assert_int_equal(run(a), DIED + SIGXFSZ);
	unlink(path);
}

static void
a_child_dies_with_its_parent(void **state)
{
	struct jail_spec spec = {.name = "child",
		.groups = JAIL_BASE,
		.landlock = true,
		.layers = JAIL_L_PDEATH,
		.required = JAIL_L_PDEATH};
	int fds[2];
	pid_t parent;
	char c;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	parent = fork_child();
	if (parent == 0) {
		pid_t child = fork_child();

		if (child == 0) {
			struct jail_env env = JAIL_ENV_INIT;
			struct jail_report report;

			env.parent = getppid();
			env.uid = env.gid = geteuid() == 0 ? 60004 : 0;
			if (jail_apply(&spec, &env, &report) < 0)
				_exit(JAIL_FAILED);
			(void)!write(fds[1], "x", 1);
			for (;;)
				(void)poll(NULL, 0, 1000);
		}
		for (;;)
			(void)poll(NULL, 0, 1000);
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &c, 1), 1);
	assert_int_equal(kill(parent, SIGKILL), 0);
	assert_int_equal(status_of(parent), DIED + SIGKILL);
	struct pollfd p = {.fd = fds[0], .events = POLLIN};
	assert_int_equal(poll(&p, 1, 20000), 1); /* its end of the pipe is closed: it is gone */
	assert_int_equal(read(fds[0], &c, 1), 0);
	close(fds[0]);
}

static void
a_required_layer_that_is_missing_is_an_error(void **state)
{
	struct jail_spec spec = {.name = "strict",
		.groups = JAIL_BASE,
		.landlock = true,
		.required = JAIL_L_LANDLOCK_SCOPE};
	struct jail_env env = JAIL_ENV_INIT;
	struct jail_report report;
	pid_t pid;

	(void)state;
	env.landlock_abi_max = 2;
	pid = fork_child();
	if (pid == 0) {
		int rc = jail_apply(&spec, &env, &report);

		_exit(rc == ERR_UNSUPPORTED && (report.missing & JAIL_L_LANDLOCK_SCOPE) &&
					report.landlock_abi <= 2
				? 0
				: 1);
	}
	assert_int_equal(status_of(pid), 0);
}

/* Every layer that can be seen from outside is reported when it is left out. */
static void
a_check_of_the_child_notices_each_missing_layer(void **state)
{
	static const uint32_t layers[] = {0, JAIL_L_NNP, JAIL_L_SECCOMP, JAIL_L_CAPS, JAIL_L_UID,
		JAIL_L_NETNS, JAIL_L_ROOT, JAIL_L_IPCNS};
	struct jail_spec spec = {.name = "checked",
		.groups = JAIL_BASE,
		.layers = JAIL_L_NETNS | JAIL_L_ROOT | JAIL_L_IPCNS};
	struct jail_facts mine;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(jail_facts_get(0, &mine), 0);
	for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++) {
		struct jail_expect e = {.layers = JAIL_L_NNP | JAIL_L_SECCOMP | JAIL_L_CAPS |
						  JAIL_L_UID | JAIL_L_NETNS | JAIL_L_ROOT |
						  JAIL_L_IPCNS,
			.uid = 60005,
			.other = &mine};
		struct jail_env env = JAIL_ENV_INIT;
		int fds[2];
		unsigned what = 0;
		char c;
		pid_t pid;
		int rc;

		assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
		env.uid = env.gid = 60005;
		env.omit = layers[i];
		if (layers[i] == JAIL_L_CAPS) {
			env.uid = env.gid = 0;
			env.omit |= JAIL_L_UID;
			e.layers &= ~(uint32_t)JAIL_L_UID;
		}
		if (layers[i] == JAIL_L_NNP) /* then only CAP_SYS_ADMIN may install a filter */
			env.omit |= JAIL_L_UID | JAIL_L_CAPS;
		pid = fork_child();
		if (pid == 0) {
			struct jail_report report;

			if (jail_apply(&spec, &env, &report) < 0)
				_exit(JAIL_FAILED);
			(void)!write(fds[1], "x", 1);
			for (;;)
				(void)poll(NULL, 0, 1000);
		}
		close(fds[1]);
		assert_int_equal(read(fds[0], &c, 1), 1);
		rc = jail_check_child(pid, &e, &what);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(status_of(pid), DIED + SIGKILL);
		close(fds[0]);
		assert_int_equal(rc, layers[i] == 0 ? 0 : ERR_DENIED);
		assert_int_equal(what, layers[i]);
	}
}

static void
the_probe_derives_the_tier_from_facts(void **state)
{
	struct jail_caps c = {.seccomp = true,
		.landlock_abi = 2,
		.userns = true,
		.mountns = true,
		.pivot_root = true,
		.pidns = true,
		.netns = true};

	(void)state;
	assert_int_equal(jail_caps_tier(&c), JAIL_TIER_FULL);
	c.landlock_abi = 0;
	assert_int_equal(jail_caps_tier(&c), JAIL_TIER_USERNS);
	c.userns = false;
	assert_int_equal(jail_caps_tier(&c), JAIL_TIER_NONE);
	c.landlock_abi = 2;
	assert_int_equal(jail_caps_tier(&c), JAIL_TIER_LANDLOCK);
	c.setuid = true;
	assert_int_equal(jail_caps_tier(&c), JAIL_TIER_LANDLOCK_UID);
	c.seccomp = false;
	assert_int_equal(jail_caps_tier(&c), JAIL_TIER_NONE);
	assert_non_null(c.why);
}

static void
jails_can_be_shown(void **state)
{
	struct buf b = {.max = 1 << 16};

	(void)state;
	jail_print(&program, &b);
	assert_true(span_find(buf_span(&b), SPAN("program")) >= 0);
	buf_reset(&b);
	jail_print_json(&plain, &b);
	assert_true(span_starts_with(buf_span(&b), SPAN("{\"name\":\"plain\"")));
	assert_int_equal(b.err, 0);
	buf_clear(&b);
}

static int
set_up(void **state)
{
	char path[96];

	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/jail_test.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	for (int i = 0; i < 2; i++) {
		int fd;

		(void)snprintf(path, sizeof(path), "%s/%s", dir, i == 0 ? "in" : "out");
		if (mkdir(path, 0755) != 0)
			return -1;
		(void)snprintf(path, sizeof(path), "%s/%s/file", dir, i == 0 ? "in" : "out");
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		if (fd < 0)
			return -1;
		close(fd);
	}
	return 0;
}

static int
tear_down(void **state)
{
	char path[96];

	(void)state;
	for (int i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s/file", dir, i == 0 ? "in" : "out");
		(void)unlink(path);
		(void)snprintf(path, sizeof(path), "%s/%s", dir, i == 0 ? "in" : "out");
		(void)rmdir(path);
	}
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_base_group_lets_a_process_live),
		cmocka_unit_test(ordinary_calls_work_inside),
		cmocka_unit_test(forbidden_calls_kill),
		cmocka_unit_test(clone3_answers_enosys),
		cmocka_unit_test(a_filter_built_ahead_is_the_one_that_would_be_built),
#ifdef __x86_64__
		cmocka_unit_test(other_architectures_kill),
#endif
		cmocka_unit_test(memory_never_becomes_executable),
		cmocka_unit_test(arguments_decide_where_the_table_says_so),
		cmocka_unit_test(a_specification_overrides_its_groups),
		cmocka_unit_test(landlock_limits_files_at_every_abi),
		cmocka_unit_test(without_paths_there_is_no_file_system),
		cmocka_unit_test(landlock_denies_tcp_from_abi_4),
		cmocka_unit_test(landlock_keeps_signals_inside_from_abi_6),
		cmocka_unit_test(an_empty_network_has_no_loopback),
		cmocka_unit_test(an_empty_root_is_empty_and_read_only),
		cmocka_unit_test(ids_switch_for_good),
		cmocka_unit_test(a_jailed_process_cannot_be_traced_or_read),
		cmocka_unit_test(limits_bind_and_are_never_raised),
		cmocka_unit_test(a_child_dies_with_its_parent),
		cmocka_unit_test(a_required_layer_that_is_missing_is_an_error),
		cmocka_unit_test(a_check_of_the_child_notices_each_missing_layer),
		cmocka_unit_test(the_probe_derives_the_tier_from_facts),
		cmocka_unit_test(jails_can_be_shown),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
