#include "cell.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/weak.h"

#define RX (JAIL_READ | JAIL_EXECUTE)
#define RWX (JAIL_READ | JAIL_WRITE | JAIL_EXECUTE | JAIL_MAKE_SPECIAL)

/* In a root of its own: the same view again, in the kernel's other mechanism. */
static const struct jail_path own_root[] = {
	{.path = "/workspace", .access = RWX},
	{.path = "/tmp", .access = RWX},
	{.path = "/usr", .access = RX},
	{.path = "/bin", .access = RX, .optional = true},
	{.path = "/sbin", .access = RX, .optional = true},
	{.path = "/lib", .access = RX, .optional = true},
	{.path = "/lib32", .access = RX, .optional = true},
	{.path = "/lib64", .access = RX, .optional = true},
	{.path = "/libx32", .access = RX, .optional = true},
	{.path = "/etc", .access = JAIL_READ},
	{.path = "/dev", .access = JAIL_READ | JAIL_DEVICE},
	{.path = "/proc", .access = JAIL_READ, .optional = true},
	{.access = 0},
};

/* In the host's root: Landlock is all there is, so it names files where a folder would say too much. */
static const struct jail_path host_root[] = {
	{.slot = 0, .access = RWX},
	{.path = "/usr", .access = RX},
	{.path = "/bin", .access = RX, .optional = true},
	{.path = "/sbin", .access = RX, .optional = true},
	{.path = "/lib", .access = RX, .optional = true},
	{.path = "/lib64", .access = RX, .optional = true},
	{.path = "/etc/ld.so.cache", .access = JAIL_READ, .optional = true},
	{.path = "/etc/alternatives", .access = JAIL_READ, .optional = true},
	{.path = "/dev/null", .access = JAIL_READ | JAIL_DEVICE},
	{.path = "/dev/zero", .access = JAIL_READ | JAIL_DEVICE},
	{.path = "/dev/full", .access = JAIL_READ | JAIL_DEVICE},
	{.path = "/dev/urandom", .access = JAIL_READ | JAIL_DEVICE},
	{.access = 0},
};

static const struct jail_rule program_rules[] = {
	JAIL_PERMIT(seccomp), /* to jail a child further; filters only take away */
	JAIL_RULES_END,
};
/* Below Landlock ABI 3 truncate(2) is not Landlock's business. */
static const struct jail_rule program_rules_old[] = {
	JAIL_PERMIT(seccomp),
	JAIL_REFUSE(truncate, EACCES),
	JAIL_RULES_END,
};
/*
 * Without namespaces, what has a mode that lets others in is in reach: sockets by path, System V and POSIX objects. Below
 * Landlock ABI 6 only the filter keeps signals in.
 */
#define BARE_RULES                                                                                 \
	JAIL_REFUSE(socket, EACCES), JAIL_REFUSE(connect, EACCES), JAIL_REFUSE(shmget, EACCES),    \
		JAIL_REFUSE(shmat, EACCES), JAIL_REFUSE(shmctl, EACCES),                           \
		JAIL_REFUSE(semget, EACCES), JAIL_REFUSE(semop, EACCES),                           \
		JAIL_REFUSE(semtimedop, EACCES), JAIL_REFUSE(semctl, EACCES),                      \
		JAIL_REFUSE(msgget, EACCES), JAIL_REFUSE(msgsnd, EACCES),                          \
		JAIL_REFUSE(msgrcv, EACCES), JAIL_REFUSE(msgctl, EACCES),                          \
		JAIL_REFUSE(mq_open, EACCES), JAIL_REFUSE(mq_unlink, EACCES)
static const struct jail_rule bare_rules[] = {BARE_RULES, JAIL_RULES_END};
static const struct jail_rule bare_rules_old[] = {
	JAIL_REFUSE(kill, EPERM),
	JAIL_REFUSE(tkill, EPERM),
	JAIL_REFUSE(rt_sigqueueinfo, EPERM),
	JAIL_REFUSE(pidfd_send_signal, EPERM),
	BARE_RULES,
	JAIL_RULES_END,
};

static const struct jail_rule builtin_rules[] = {
	JAIL_REFUSE(socket, EACCES),
	JAIL_REFUSE(connect, EACCES),
	JAIL_RULES_END,
};

static const struct jail_spec builtin = {
	.name = "cell/builtin",
	.purpose = "a built-in tool: files of the workspace, no program, no socket",
	.groups = JAIL_BASE | JAIL_FS | JAIL_FDATA,
	.rules = builtin_rules,
	.deny_errno = EPERM,
};

static void
put_limits(const struct cell_setup *setup, struct jail_limit limits[8])
{
	size_t n = 0;

	limits[n++] = (struct jail_limit){RLIMIT_NOFILE, CELL_FDS};
	limits[n++] = (struct jail_limit){RLIMIT_FSIZE, setup->file};
	limits[n++] = (struct jail_limit){RLIMIT_CPU, setup->cpu_s};
	if (setup->tier !=
		JAIL_TIER_LANDLOCK) /* there it would count every process of ours; and nothing forks */
		limits[n++] = (struct jail_limit){RLIMIT_NPROC, setup->pids};
	limits[n++] = (struct jail_limit){RLIMIT_MSGQUEUE, 0};
	limits[n++] = (struct jail_limit){RLIMIT_MEMLOCK, KIB(64u)};
	if (!setup->cgroup && !WEAK(CELL_MEMORY))
		limits[n++] = (struct jail_limit){RLIMIT_AS, setup->memory};
	limits[n] = (struct jail_limit){-1, 0};
}

static int
landlock_abi(const struct cell_setup *setup)
{
	int abi = jail_landlock_abi();

	return setup->landlock_max >= 0 && abi > setup->landlock_max ? setup->landlock_max : abi;
}

int
cell_jail(const struct cell_setup *setup, struct jail_report *out)
{
	struct jail_limit limits[8];
	struct jail_env env = JAIL_ENV_INIT;
	struct jail_spec spec = {
		.name = "cell/program",
		.purpose = "an ordinary program: workspace, system files read-only, no network",
		.groups = JAIL_PROGRAM,
		.rules = landlock_abi(setup) < 3 ? program_rules_old : program_rules,
		.deny_errno = EPERM,
		.landlock = setup->tier != JAIL_TIER_USERNS && setup->tier != JAIL_TIER_NONE,
		.paths = cell_has_own_root(setup) ? own_root : host_root,
		.layers = JAIL_L_PDEATH,
		.required = JAIL_L_PDEATH,
		.limits = limits,
	};

	put_limits(setup, limits);
	if (spec.landlock && !cell_omits(setup, JAIL_L_LANDLOCK_FS))
		spec.required |= JAIL_L_LANDLOCK_FS;
	env.landlock_abi_max = setup->landlock_max;
	env.dirfds[0] = CELL_WORKSPACE_FD;
#ifdef JAIL_WEAK
	env.omit = setup->omit;
#endif
	cell_step = "jail";
	return jail_apply(&spec, &env, out);
}

int
cell_jail_builtin(void)
{
	return jail_seccomp(&builtin);
}

/* The init of such a cell must signal what is left of its program; the program itself signals nobody. */
int
cell_jail_program(const struct cell_setup *setup)
{
	struct jail_spec bare = {
		.name = "cell/bare",
		.purpose = "a program without namespaces around it",
		.groups = JAIL_PROGRAM,
		.rules = landlock_abi(setup) < 6 ? bare_rules_old : bare_rules,
		.deny_errno = EPERM,
	};

	return cell_has_own_root(setup) ? 0 : jail_seccomp(&bare);
}
