#include "jail/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"

#define OTHER_ID 60001 /* somebody else's uid and gid */

/*
 * Every answer comes from a child that did the thing, not from a version number or a sysctl:
 * container run-times, AppArmor, sysctls of distributions and seccomp profiles all have a say, and
 * each says it in its own way.
 */

struct answer {
	int err; /* 0: it worked */
	bool started;
};

/* Runs fn in a child; its errno comes back through a pipe. A child that dies gives EPERM. */
static int
try(int (*fn)(void))
{
	struct answer a = {.err = EPERM};
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) != 0)
		return errno;
	pid = fork();
	if (pid == 0) {
		a.err = fn() == 0 ? 0 : errno;
		(void)!write(fds[1], &a, sizeof(a));
		_exit(0);
	}
	close(fds[1]);
	if (pid < 0) {
		int saved = errno;

		close(fds[0]);
		return saved;
	}
	if (read(fds[0], &a, sizeof(a)) != (ssize_t)sizeof(a))
		a.err = EPERM;
	close(fds[0]);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return a.err;
}

static int
enter_userns(int more)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0 || unshare(CLONE_NEWUSER | more) != 0)
		return -1;
	return jail_userns_map(uid == 0 ? 1000 : uid, gid == 0 ? 1000 : gid, uid, gid);
}

static int
try_userns(void)
{
	return enter_userns(0);
}

static int
try_netns(void)
{
	return enter_userns(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS);
}

static int
own_mounts(void)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return -1;
	return mount("none", "/proc", "tmpfs", MS_NOSUID | MS_NODEV, "size=64k,mode=0755");
}

static int
try_mountns(void)
{
	return enter_userns(CLONE_NEWNS) < 0 ? -1 : own_mounts();
}

static int
pivot(void)
{
	if (own_mounts() < 0 || mkdir("/proc/usr", 0755) != 0)
		return -1;
	if (mount("/usr", "/proc/usr", NULL, MS_BIND | MS_REC, NULL) != 0)
		return -1;
	if (mount(NULL, "/proc/usr", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV,
		    NULL) != 0)
		return -1;
	if (chdir("/proc") != 0 || syscall(__NR_pivot_root, ".", ".") != 0)
		return -1;
	return umount2(".", MNT_DETACH);
}

static int
try_pivot(void)
{
	return enter_userns(CLONE_NEWNS) < 0 ? -1 : pivot();
}

static int
try_pidns(void)
{
	int status;
	pid_t pid;

	if (enter_userns(CLONE_NEWPID) < 0)
		return -1;
	pid = fork();
	if (pid == 0)
		_exit(getpid() == 1 ? 0 : 1);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		return -1;
	return 0;
}

static int
try_clone3(void)
{
	struct clone_args args = {.exit_signal = SIGCHLD};
	long pid = syscall(__NR_clone3, &args, sizeof(args));

	if (pid == 0)
		_exit(0);
	return pid > 0 && waitpid((pid_t)pid, NULL, 0) == pid ? 0 : -1;
}

static int
try_seccomp(void)
{
	static const struct jail_spec spec = {
		.name = "probe", .groups = JAIL_BASE, .deny_errno = ENOTBLK};
	char c;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || jail_seccomp(&spec) < 0)
		return -1;
	if (syscall(__NR_chroot, &c) == -1 && errno == ENOTBLK)
		return 0;
	errno = ENOSYS;
	return -1;
}

static int
try_landlock(void)
{
	static const struct jail_spec spec = {.name = "probe"};
	static const struct jail_env env = JAIL_ENV_INIT;
	struct jail_report report = {0};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || jail_landlock(&spec, &env, &report) < 0)
		return -1;
	if (!(report.applied & JAIL_L_LANDLOCK_FS)) {
		errno = EOPNOTSUPP;
		return -1;
	}
	if (open("/", O_RDONLY | O_CLOEXEC) == -1 && errno == EACCES)
		return 0;
	errno = ENOSYS;
	return -1;
}

/* All of what the tier `full` needs, in one child: where this works there is nothing to look for one by one. */
static int
try_full(void)
{
	struct clone_args args = {.exit_signal = SIGCHLD};
	int status;
	long pid;

	if (enter_userns(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) <
			0 ||
		pivot() < 0)
		return -1;
	pid = syscall(__NR_clone3, &args, sizeof(args));
	if (pid == 0)
		_exit(syscall(__NR_getpid) == 1 && try_landlock() == 0 && try_seccomp() == 0 ? 0
											     : 1);
	if (pid > 0 && waitpid((pid_t)pid, &status, 0) == pid && status == 0)
		return 0;
	errno = EPERM;
	return -1;
}

static int
try_setuid(void)
{
	if (syscall(__NR_setgroups, 0, NULL) != 0)
		return -1;
	if (syscall(__NR_setresgid, OTHER_ID, OTHER_ID, OTHER_ID) != 0)
		return -1;
	return (int)syscall(__NR_setresuid, OTHER_ID, OTHER_ID, OTHER_ID);
}

/* A group can be made, and it has the file that the limit is written to. */
static bool
cgroup_gives(const char *dir, const char *file)
{
	char path[160];
	bool yes;

	(void)snprintf(path, sizeof(path), "%s/moltbot-probe-%d", dir, (int)getpid());
	if (mkdir(path, 0755) != 0)
		return false;
	(void)snprintf(path, sizeof(path), "%s/moltbot-probe-%d/%s", dir, (int)getpid(), file);
	yes = access(path, W_OK) == 0;
	(void)snprintf(path, sizeof(path), "%s/moltbot-probe-%d", dir, (int)getpid());
	(void)rmdir(path);
	return yes;
}

enum jail_tier
jail_caps_tier(struct jail_caps *c)
{
	c->why = NULL;
	if (!c->seccomp) {
		c->why = "system call filters are refused";
		return c->tier = JAIL_TIER_NONE;
	}
	if (c->userns && c->mountns && c->pivot_root && c->pidns && c->netns) {
		if (c->landlock_abi > 0)
			return c->tier = JAIL_TIER_FULL;
		c->why = "the kernel has no Landlock";
		return c->tier = JAIL_TIER_USERNS;
	}
	if (!c->userns)
		c->why = "user namespaces are refused";
	else if (!c->mountns || !c->pivot_root)
		c->why = "mounts in a user namespace are refused";
	else
		c->why =
			!c->pidns ? "pid namespaces are refused" : "network namespaces are refused";
	if (c->landlock_abi == 0)
		return c->tier = JAIL_TIER_NONE;
	return c->tier = c->setuid ? JAIL_TIER_LANDLOCK_UID : JAIL_TIER_LANDLOCK;
}

/* One thing after the other, to say which of them this machine refuses. */
static int
probe_each(struct jail_caps *out)
{
	int err;

	out->err = try(try_seccomp);
	out->seccomp = out->err == 0;
	if (out->err == EAGAIN || out->err == EMFILE)
		return ERR_SYS;
	err = try(try_landlock);
	out->landlock_abi = err == 0 ? jail_landlock_abi() : 0;
	err = try(try_userns);
	out->userns = err == 0;
	if (out->userns) {
		err = try(try_pivot);
		out->mountns = out->pivot_root = err == 0;
		if (err != 0)
			out->mountns = try(try_mountns) == 0;
		out->pidns = try(try_pidns) == 0;
		out->netns = try(try_netns) == 0;
	}
	if (out->err == 0)
		out->err = err;
	out->clone3 = try(try_clone3) == 0;
	return 0;
}

bool
jail_is_privileged(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
	struct __user_cap_data_struct data[2];
	gid_t groups[64];
	uid_t uid = getuid();
	gid_t gid = getgid();
	int n = getgroups(sizeof(groups) / sizeof(groups[0]), groups);

	if (n < 0 || syscall(__NR_setgroups, n, groups) != 0 || geteuid() != 0 ||
		syscall(__NR_capget, &head, data) != 0 ||
		(data[CAP_SYS_ADMIN / 32].effective & 1u << CAP_SYS_ADMIN % 32) == 0)
		return false;
	/* the effective ones stay, and with them what this process may do and who may look into it */
	if (syscall(__NR_setresgid, OTHER_ID, -1, -1) != 0)
		return false;
	if (syscall(__NR_setresgid, gid, -1, -1) != 0)
		abort();
	if (syscall(__NR_setresuid, OTHER_ID, -1, -1) != 0)
		return false;
	if (syscall(__NR_setresuid, uid, -1, -1) != 0)
		abort();
	return true;
}

int
jail_probe(struct jail_caps *out, int abi_max)
{
	*out = (struct jail_caps){.tier = JAIL_TIER_NONE, .why = "no child process can be made"};
	if (try(try_full) == 0) {
		out->seccomp = out->userns = out->mountns = out->pivot_root = true;
		out->pidns = out->netns = out->clone3 = true;
		out->landlock_abi = jail_landlock_abi();
	} else if (probe_each(out) < 0) {
		return ERR_SYS;
	}
	if (abi_max >= 0 && out->landlock_abi > abi_max)
		out->landlock_abi = abi_max;
	out->setuid = try(try_setuid) == 0;
	out->cgroup_v2 = cgroup_gives("/sys/fs/cgroup", "memory.max") ||
			 cgroup_gives("/sys/fs/cgroup/unified", "memory.max");
	out->cgroup_v1_memory = cgroup_gives("/sys/fs/cgroup/memory", "memory.limit_in_bytes");
	out->cgroup_v1_pids = cgroup_gives("/sys/fs/cgroup/pids", "pids.max");
	jail_caps_tier(out);
	return 0;
}
