#include "jail/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "base/weak.h"

#define PR_SET_MDWE_NR 65
#define PR_MDWE_REFUSE_EXEC_GAIN_BIT 1ul
#define ALWAYS (JAIL_L_NNP | JAIL_L_SECCOMP | JAIL_L_CAPS | JAIL_L_LIMITS | JAIL_L_NODUMP)

static int
write_file(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;
	int saved;

	if (fd < 0)
		return ERR_SYS;
	n = write(fd, text, len);
	saved = errno;
	close(fd);
	errno = saved;
	return n == (ssize_t)len ? 0 : ERR_SYS;
}

static int
write_map(const char *path, unsigned inside, unsigned outside)
{
	char text[48];
	int n = snprintf(text, sizeof(text), "%u %u 1\n", inside, outside);

	return write_file(path, text, (size_t)n);
}

int
jail_userns_map(uid_t inside_uid, gid_t inside_gid, uid_t uid, gid_t gid)
{
	if (write_file("/proc/self/setgroups", "deny", 4) < 0)
		return ERR_SYS;
	if (write_map("/proc/self/uid_map", inside_uid, uid) < 0)
		return ERR_SYS;
	return write_map("/proc/self/gid_map", inside_gid, gid);
}

int
jail_set_limits(const struct jail_limit *limits)
{
	struct rlimit core = {0, 0};

	if (setrlimit(RLIMIT_CORE, &core) != 0)
		return ERR_SYS;
	for (const struct jail_limit *l = limits; l != NULL && l->resource >= 0; l++) {
		struct rlimit now;
		struct rlimit want = {l->value, l->value};

#ifdef JAIL_SANITIZED
		if (l->resource == RLIMIT_AS || l->resource == RLIMIT_DATA)
			continue;
#endif
		if (getrlimit((unsigned)l->resource, &now) != 0)
			return ERR_SYS;
		if (now.rlim_max < want.rlim_max) /* a stricter limit of the host stays */
			want.rlim_cur = want.rlim_max = now.rlim_max;
		if (setrlimit((unsigned)l->resource, &want) != 0)
			return ERR_SYS;
	}
	return 0;
}

static void
drop_bounding_set(void)
{
	for (int cap = 0; cap < 64; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
			break; /* not permitted, or past the last capability of this kernel */
}

int
jail_drop_caps(uint64_t keep)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
	struct __user_cap_data_struct data[2];
	uint64_t permitted;

	if (syscall(__NR_capget, &head, data) != 0)
		return ERR_SYS;
	permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	if (permitted & (1ull << CAP_SETPCAP)) {
		/* A change of uid that kept capabilities kept the permitted ones only. */
		data[0].effective = data[0].permitted;
		data[1].effective = data[1].permitted;
		if (syscall(__NR_capset, &head, data) != 0)
			return ERR_SYS;
		drop_bounding_set();
		if (prctl(PR_SET_SECUREBITS,
			    SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
				    SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
				    SECBIT_NO_CAP_AMBIENT_RAISE |
				    SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED,
			    0, 0, 0) != 0)
			return ERR_SYS;
	}
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	permitted &= keep;
	for (int i = 0; i < 2; i++) {
		data[i].permitted = data[i].effective = (uint32_t)(permitted >> (32 * i));
		data[i].inheritable = 0;
	}
	return syscall(__NR_capset, &head, data) == 0 ? 0 : ERR_SYS;
}

/* An empty read-only root: a tmpfs nobody can write to, the old root unmounted behind it. */
static int
empty_root(void)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return ERR_SYS;
	if (mount("none", "/proc", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		    "size=4k,nr_inodes=2,mode=0555") != 0)
		return ERR_SYS;
	if (chdir("/proc") != 0 || syscall(__NR_pivot_root, ".", ".") != 0)
		return ERR_SYS;
	if (umount2(".", MNT_DETACH) != 0 || chdir("/") != 0)
		return ERR_SYS;
	return mount(NULL, "/", NULL,
		       MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
		       NULL) == 0
		       ? 0
		       : ERR_SYS;
}

static bool
has_cap(unsigned cap)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
	struct __user_cap_data_struct data[2];

	return syscall(__NR_capget, &head, data) == 0 &&
	       (data[cap / 32].effective & 1u << cap % 32) != 0;
}

/* Namespaces are wanted, not always to be had: what the kernel refuses is reported as missing. */
static int
enter_namespaces(uint32_t want, const struct jail_env *env, struct jail_report *out)
{
	int flags = 0;
	bool own_userns = !has_cap(CAP_SYS_ADMIN);
	uid_t uid = geteuid();
	gid_t gid = getegid();

	want &= JAIL_L_NETNS | JAIL_L_ROOT | JAIL_L_IPCNS;
	if (want == 0)
		return 0;
	if (own_userns && !env->userns) {
		out->missing |= want;
		return 0;
	}
	flags |= want & JAIL_L_NETNS ? CLONE_NEWNET : 0;
	flags |= want & JAIL_L_ROOT ? CLONE_NEWNS : 0;
	flags |= want & JAIL_L_IPCNS ? CLONE_NEWIPC | CLONE_NEWUTS : 0;
	if (unshare(own_userns ? flags | CLONE_NEWUSER : flags) != 0) {
		out->missing |= want;
		return 0;
	}
	/* A program that changed its uid is not dumpable, and then its own maps are not its to
	 * write. */
	if (own_userns && prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0)
		return ERR_SYS;
	if (own_userns && jail_userns_map(uid, gid, uid, gid) < 0)
		return ERR_SYS;
	if ((want & JAIL_L_ROOT) && empty_root() < 0)
		return ERR_SYS;
	out->applied |= want;
	return 0;
}

static int
switch_ids(const struct jail_spec *spec, const struct jail_env *env, struct jail_report *out)
{
	if (env->uid == 0 && env->gid == 0)
		return 0;
	if (spec->keep_caps != 0 && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
		return ERR_SYS;
	if (syscall(__NR_setgroups, 0, NULL) != 0)
		return ERR_SYS;
	if (env->gid != 0 && syscall(__NR_setresgid, env->gid, env->gid, env->gid) != 0)
		return ERR_SYS;
	if (env->uid != 0 && syscall(__NR_setresuid, env->uid, env->uid, env->uid) != 0)
		return ERR_SYS;
	out->applied |= JAIL_L_UID;
	return 0;
}

static int
tie_to_parent(const struct jail_spec *spec, const struct jail_env *env, struct jail_report *out)
{
	if ((spec->layers & JAIL_L_PDEATH) == 0)
		return 0;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		return ERR_SYS;
	if (env->parent != 0 && getppid() != env->parent) { /* it died before the line above */
		errno = ESRCH;
		return ERR_SYS;
	}
	out->applied |= JAIL_L_PDEATH;
	return 0;
}

static void
refuse_exec_gain(const struct jail_spec *spec, struct jail_report *out)
{
	if ((spec->layers & JAIL_L_MDWE) == 0)
		return;
	if (prctl(PR_SET_MDWE_NR, PR_MDWE_REFUSE_EXEC_GAIN_BIT, 0, 0, 0) == 0)
		out->applied |= JAIL_L_MDWE;
	else
		out->missing |= JAIL_L_MDWE;
}

static int
raise_oom_score(const struct jail_spec *spec)
{
	static const char path[] = "/proc/self/oom_score_adj";
	char text[16];
	size_t len;
	int rc;

	if (spec->oom_score_adj == 0)
		return 0;
	len = (size_t)snprintf(text, sizeof(text), "%d", spec->oom_score_adj);
	if (write_file(path, text, len) == 0)
		return 0;
	/* What is not dumpable has files of root's in /proc: an ordinary user's process opens them for the one line. */
	if (errno != EACCES || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0 ||
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0)
		return ERR_SYS;
	rc = write_file(path, text, len);
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 ? rc : ERR_SYS;
}

static bool jail_is_on;

#ifdef JAIL_SANITIZED
/* The leak checker traces its own process, which a jail forbids. */
int __lsan_is_turned_off(void);
int
__lsan_is_turned_off(void)
{
	return jail_is_on;
}
#endif

static uint32_t
omitted(const struct jail_env *env)
{
#ifdef JAIL_WEAK
	return env->omit;
#else
	(void)env;
	return (WEAK(JAIL_CAPS) ? JAIL_L_CAPS : 0u) | (WEAK(JAIL_DUMPABLE) ? JAIL_L_NODUMP : 0u) |
	       (WEAK(JAIL_SECCOMP) ? JAIL_L_SECCOMP : 0u) |
	       (WEAK(JAIL_LANDLOCK) ? JAIL_L_LANDLOCK_FS : 0u);
#endif
}

static int
failed(struct jail_report *out, const char *step)
{
	out->step = step;
	out->err = errno;
	return ERR_SYS;
}

/* Up to the point where nothing can be opened, mounted or regained any more. */
static int
apply_identity(const struct jail_spec *spec, const struct jail_env *env, struct jail_report *out)
{
	uint32_t off = omitted(env);

	if (raise_oom_score(spec) < 0)
		return failed(out, "oom_score_adj");
	if (!(off & JAIL_L_LIMITS)) {
		if (jail_set_limits(spec->limits) < 0)
			return failed(out, "rlimits");
		out->applied |= JAIL_L_LIMITS;
	}
	if (enter_namespaces(spec->layers & ~off, env, out) < 0)
		return failed(out, "namespaces");
	if (!(off & JAIL_L_CAPS))
		drop_bounding_set();
	if (!(off & JAIL_L_UID) && switch_ids(spec, env, out) < 0)
		return failed(out, "uid");
	if (!(off & JAIL_L_CAPS)) {
		if (jail_drop_caps(spec->keep_caps) < 0)
			return failed(out, "capabilities");
		out->applied |= JAIL_L_CAPS;
	}
	if (tie_to_parent(spec, env, out) < 0)
		return failed(out, "parent death signal");
	if (!(off & JAIL_L_NODUMP)) {
		/* a jail within a jail that forbids to change it */
		if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0 &&
			prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
			return failed(out, "dumpable");
		out->applied |= JAIL_L_NODUMP;
	}
	return 0;
}

int
jail_apply(const struct jail_spec *spec, const struct jail_env *env, struct jail_report *out)
{
	uint32_t off = omitted(env);
	uint32_t required = (spec->required | ALWAYS) & ~off;

	*out = (struct jail_report){0};
	if (apply_identity(spec, env, out) < 0)
		return ERR_SYS;
	if (!(off & JAIL_L_NNP)) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
			return failed(out, "no_new_privs");
		out->applied |= JAIL_L_NNP;
	}
	refuse_exec_gain(spec, out);
	if (spec->landlock && !(off & JAIL_L_LANDLOCK_FS) && jail_landlock(spec, env, out) < 0)
		return failed(out, "landlock");
	if ((required & ~(JAIL_L_SECCOMP | out->applied)) != 0) {
		out->missing |= required & ~(JAIL_L_SECCOMP | out->applied);
		return ERR_UNSUPPORTED;
	}
	jail_is_on = true;
	if (!(off & JAIL_L_SECCOMP)) {
		if (jail_seccomp(spec) < 0)
			return failed(out, "seccomp");
		out->applied |= JAIL_L_SECCOMP;
	}
	return 0;
}
