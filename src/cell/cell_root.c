#include "cell.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/weak.h"
#include "proto/probes.h"
#include "proto/tools.h"

/* mount_setattr(2) is 5.12; Debian 12's headers have it, others' may not. */
#define NR_MOUNT_SETATTR 442
#define ATTR_RDONLY 1ull
#define ATTR_NOSUID 2ull
#define ATTR_NODEV 4ull
struct attr {
	uint64_t set, clr, propagation, userns;
};

#define NEW "/proc" /* any folder that every machine has: the new root is mounted over it */

static int
fail(const char *step)
{
	cell_step = step;
	return ERR_SYS;
}

int
cell_enter_namespaces(const struct cell_setup *setup)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	int flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
		    CLONE_NEWUTS | CLONE_NEWCGROUP;

	if (WEAK(CELL_NAMESPACES))
		return 0;
	if (cell_omits(setup, JAIL_L_ROOT))
		flags &= ~CLONE_NEWNS;
	if (cell_omits(setup, JAIL_L_PIDNS))
		flags &= ~CLONE_NEWPID;
	if (cell_omits(setup, JAIL_L_NETNS))
		flags &= ~CLONE_NEWNET;
	if (cell_omits(setup, JAIL_L_IPCNS))
		flags &= ~(CLONE_NEWIPC | CLONE_NEWUTS);
	if (cell_omits(setup, JAIL_L_CGROUP))
		flags &= ~CLONE_NEWCGROUP;
	if (unshare(flags) != 0)
		return fail("unshare");
	if (jail_userns_map(CELL_UID, CELL_UID, uid, gid) < 0)
		return fail("user map");
	if ((flags & CLONE_NEWUTS) && sethostname("cell", 4) != 0)
		return fail("host name");
	return 0;
}

static int
set_attr(const char *path, uint64_t set)
{
	struct attr attr = {.set = set};

	return syscall(NR_MOUNT_SETATTR, AT_FDCWD, path, 0x8000u /* AT_RECURSIVE */, &attr,
		       sizeof(attr)) == 0
		       ? 0
		       : ERR_SYS;
}

/* A read-only view of a folder of the host, everything mounted below it included. */
static int
bind_ro(const char *from, const char *to)
{
	if (mount(from, to, NULL, MS_BIND | MS_REC, NULL) != 0)
		return ERR_SYS;
	return set_attr(to, ATTR_RDONLY | ATTR_NOSUID | ATTR_NODEV);
}

/* /bin and its like are links into /usr or folders of their own. */
static int
show_system(const char *name)
{
	char from[64];
	char to[64];
	char link[128];
	struct stat st;
	ssize_t n;

	(void)snprintf(from, sizeof(from), "/%s", name);
	(void)snprintf(to, sizeof(to), NEW "/%s", name);
	if (lstat(from, &st) != 0)
		return 0;
	if (S_ISLNK(st.st_mode)) {
		n = readlink(from, link, sizeof(link) - 1);
		if (n < 0)
			return ERR_SYS;
		link[n] = '\0';
		return symlink(link, to) == 0 ? 0 : ERR_SYS;
	}
	if (mkdir(to, 0755) != 0)
		return ERR_SYS;
	return bind_ro(from, to);
}

static int
put_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	size_t len = span_from_cstr(text).len;
	bool ok;

	if (fd < 0)
		return ERR_SYS;
	ok = write(fd, text, len) == (ssize_t)len;
	close(fd);
	return ok ? 0 : ERR_SYS;
}

static int
bind_file_ro(const char *from, const char *to)
{
	struct stat st;

	if (stat(from, &st) != 0)
		return 0;
	if (put_file(to, "") < 0 || mount(from, to, NULL, MS_BIND, NULL) != 0)
		return ERR_SYS;
	return set_attr(to, ATTR_RDONLY | ATTR_NOSUID | ATTR_NODEV);
}

static int
show_etc(void)
{
	struct stat st;

	if (mkdir(NEW "/etc", 0755) != 0)
		return ERR_SYS;
	if (put_file(NEW "/etc/passwd", "moltbot:x:1000:1000::/workspace:/bin/sh\n") < 0 ||
		put_file(NEW "/etc/group", "moltbot:x:1000:\n") < 0 ||
		put_file(NEW "/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n") <
			0 ||
		put_file(NEW "/etc/hosts", "127.0.0.1 localhost\n") < 0)
		return ERR_SYS;
	if (bind_file_ro("/etc/ld.so.cache", NEW "/etc/ld.so.cache") < 0)
		return ERR_SYS;
	if (lstat("/etc/alternatives", &st) != 0 || !S_ISDIR(st.st_mode))
		return 0;
	if (mkdir(NEW "/etc/alternatives", 0755) != 0)
		return ERR_SYS;
	return bind_ro("/etc/alternatives", NEW "/etc/alternatives");
}

static int
show_dev(void)
{
	static const char *const devices[] = {"null", "zero", "full", "urandom", "random"};

	if (mkdir(NEW "/dev", 0755) != 0)
		return ERR_SYS;
	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		char from[32];
		char to[32];

		(void)snprintf(from, sizeof(from), "/dev/%s", devices[i]);
		(void)snprintf(to, sizeof(to), NEW "/dev/%s", devices[i]);
		if (put_file(to, "") < 0 || mount(from, to, NULL, MS_BIND, NULL) != 0)
			return ERR_SYS;
	}
	return 0;
}

/*
 * The owner's instructions are mounts of their own, read-only. A mount needs a file: where the owner has none, an empty one
 * is made, so that no program can put its own there.
 */
static int
protect_instructions(void)
{
	for (const char *const *name = tool_instructions; *name != NULL; name++) {
		char path[64];
		struct stat st;

		(void)snprintf(path, sizeof(path), NEW "/workspace/%s", *name);
		if (lstat(path, &st) != 0) {
			int fd = errno == ENOENT
					 ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)
					 : -1;

			if (fd < 0 && errno != EEXIST) /* by a cell made at the same time */
				return ERR_SYS;
			if (fd >= 0)
				close(fd);
		} else if (S_ISLNK(st.st_mode)) {
			continue; /* nothing can be mounted there: cell_instructions_check refuses programs */
		}
		if (mount(path, path, NULL, MS_BIND, NULL) != 0 ||
			set_attr(path, ATTR_RDONLY | ATTR_NOSUID | ATTR_NODEV) < 0)
			return ERR_SYS;
	}
	return 0;
}

/* Seen by init just before a program runs: a file replaced since the mounts were made has lost its mount. */
static bool
is_mounted_read_only(const char *name)
{
	struct statvfs fs;
	struct stat st;

	return lstat(name, &st) == 0 && !S_ISLNK(st.st_mode) && statvfs(name, &fs) == 0 &&
	       (fs.f_flag & ST_RDONLY) != 0;
}

/* In the host's root it is ownership that holds: a sticky folder and files that are not of the cells' uid. */
static bool
is_somebody_elses(const char *name)
{
	struct stat st, dir;

	return lstat(name, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid != geteuid() &&
	       stat(".", &dir) == 0 && dir.st_uid != geteuid() && (dir.st_mode & S_ISVTX) != 0;
}

int
cell_instructions_check(const struct cell_setup *setup)
{
	if (cell_omits(setup, CELL_L_INSTRUCTIONS) || WEAK(CELL_INSTRUCTIONS) ||
		WEAK(CELL_NAMESPACES))
		return 0;
	for (const char *const *name = tool_instructions; *name != NULL; name++)
		if (!(cell_has_own_root(setup) ? is_mounted_read_only(*name)
					       : is_somebody_elses(*name)))
			return ERR_DENIED;
	return 0;
}

/* The working directory is the workspace: it moved into this mount namespace with us. */
static int
show_workspace(const struct cell_setup *setup)
{
	if (mkdir(NEW "/workspace", 0755) != 0)
		return ERR_SYS;
	if (mount(".", NEW "/workspace", NULL, MS_BIND | MS_REC, NULL) != 0)
		return ERR_SYS;
	if (set_attr(NEW "/workspace", ATTR_NOSUID | ATTR_NODEV) < 0)
		return ERR_SYS;
	return cell_omits(setup, CELL_L_INSTRUCTIONS) || WEAK(CELL_INSTRUCTIONS)
		       ? 0
		       : protect_instructions();
}

static int
show_tmp(void)
{
	char options[64];

	if (mkdir(NEW "/tmp", 0755) != 0)
		return ERR_SYS;
	(void)snprintf(options, sizeof(options), "size=%u,nr_inodes=4096,mode=0700,uid=%d,gid=%d",
		CELL_FILE_MAX, CELL_UID, CELL_UID);
	return mount("none", NEW "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, options) == 0 ? 0 : ERR_SYS;
}

int
cell_build_root(const struct cell_setup *setup)
{
	static const char *const system_folders[] = {
		"usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"};

	if (WEAK(CELL_NAMESPACES))
		return 0;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return fail("private mounts");
	if (mount("none", NEW, "tmpfs", MS_NOSUID | MS_NODEV, "size=256k,nr_inodes=64,mode=0755") !=
		0)
		return fail("root");
	for (size_t i = 0; i < sizeof(system_folders) / sizeof(system_folders[0]); i++)
		if (show_system(system_folders[i]) < 0)
			return fail("system folders");
	if (show_etc() < 0)
		return fail("/etc");
	if (show_dev() < 0)
		return fail("/dev");
	if (show_tmp() < 0)
		return fail("/tmp");
	if (show_workspace(setup) < 0)
		return fail("/workspace");
	if (mkdir(NEW "/proc", 0555) != 0)
		return fail("/proc");
	if (chdir(NEW) != 0 || syscall(__NR_pivot_root, ".", ".") != 0)
		return fail("pivot_root");
	return 0;
}

/*
 * Programs like to have a /proc, nothing of ours relies on it. subset=pid leaves only the processes of this namespace. The
 * old root, still mounted above ours, is what the kernel compares with before it allows this; it goes away here.
 */
int
cell_mount_proc(void)
{
	if (WEAK(CELL_NAMESPACES))
		return 0;
	(void)mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "subset=pid");
	if (umount2(".", MNT_DETACH) != 0)
		return fail("old root");
	if (mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) !=
		0)
		return fail("read-only root");
	return chdir("/workspace") == 0 ? 0 : fail("/workspace");
}
