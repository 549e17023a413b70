#include "jail/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"

/* The kernel's interface, by number: the headers of Debian 12 know ABI 2. */
#define NR_CREATE_RULESET 444
#define NR_ADD_RULE 445
#define NR_RESTRICT_SELF 446
#define CREATE_VERSION 1u
#define RULE_PATH_BENEATH 1

#define FS_EXECUTE (1ull << 0)
#define FS_WRITE_FILE (1ull << 1)
#define FS_READ_FILE (1ull << 2)
#define FS_READ_DIR (1ull << 3)
#define FS_REMOVE_DIR (1ull << 4)
#define FS_REMOVE_FILE (1ull << 5)
#define FS_MAKE_CHAR (1ull << 6)
#define FS_MAKE_DIR (1ull << 7)
#define FS_MAKE_REG (1ull << 8)
#define FS_MAKE_SOCK (1ull << 9)
#define FS_MAKE_FIFO (1ull << 10)
#define FS_MAKE_BLOCK (1ull << 11)
#define FS_MAKE_SYM (1ull << 12)
#define FS_REFER (1ull << 13)     /* ABI 2 */
#define FS_TRUNCATE (1ull << 14)  /* ABI 3 */
#define FS_IOCTL_DEV (1ull << 15) /* ABI 5 */
#define NET_ALL 3ull              /* ABI 4: bind and connect TCP */
#define SCOPE_ALL 3ull            /* ABI 6: abstract unix sockets, signals */

#define ON_FILES (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

struct ruleset_attr {
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};
struct path_attr {
	uint64_t access;
	int32_t fd;
} __attribute__((packed));

int
jail_landlock_abi(void)
{
	long abi = syscall(NR_CREATE_RULESET, NULL, 0, CREATE_VERSION);

	return abi > 0 ? (int)abi : 0;
}

static uint64_t
handled_fs(int abi)
{
	uint64_t all = (1ull << 13) - 1;

	if (abi >= 2)
		all |= FS_REFER;
	if (abi >= 3)
		all |= FS_TRUNCATE;
	if (abi >= 5)
		all |= FS_IOCTL_DEV;
	return all;
}

static uint64_t
access_bits(unsigned access)
{
	uint64_t bits = 0;

	if (access & JAIL_READ)
		bits |= FS_READ_FILE | FS_READ_DIR;
	if (access & JAIL_WRITE)
		bits |= FS_WRITE_FILE | FS_TRUNCATE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR |
			FS_MAKE_REG | FS_REFER;
	if (access & JAIL_EXECUTE)
		bits |= FS_EXECUTE;
	if (access & JAIL_MAKE_SPECIAL)
		bits |= FS_MAKE_SOCK | FS_MAKE_FIFO | FS_MAKE_SYM;
	if (access & JAIL_DEVICE)
		bits |= FS_WRITE_FILE | FS_READ_FILE | FS_IOCTL_DEV;
	return bits;
}

static int
add_path(int ruleset, const struct jail_path *path, const struct jail_env *env, uint64_t handled)
{
	struct path_attr attr = {.access = access_bits(path->access) & handled, .fd = -1};
	struct stat st;
	long rc = -1;

	if (path->path != NULL)
		attr.fd = open(path->path, O_PATH | O_CLOEXEC);
	else
		attr.fd = env->dirfds[path->slot % JAIL_DIRFDS];
	if (attr.fd < 0)
		return path->optional ? 0 : ERR_SYS;
	if (fstat(attr.fd, &st) == 0) {
		if (!S_ISDIR(st.st_mode))
			attr.access &= ON_FILES;
		rc = syscall(NR_ADD_RULE, ruleset, RULE_PATH_BENEATH, &attr, 0);
	}
	if (path->path != NULL) {
		int saved = errno;

		close(attr.fd);
		errno = saved;
	}
	return rc == 0 ? 0 : ERR_SYS;
}

int
jail_landlock(const struct jail_spec *spec, const struct jail_env *env, struct jail_report *out)
{
	int abi = jail_landlock_abi();
	struct ruleset_attr attr = {.fs = 0};
	size_t size = sizeof(attr.fs);
	int ruleset;
	int rc = 0;

	if (env->landlock_abi_max >= 0 && abi > env->landlock_abi_max)
		abi = env->landlock_abi_max;
	out->landlock_abi = abi;
	if (abi == 0) {
		out->missing |= JAIL_L_LANDLOCK_FS;
		return 0;
	}
	attr.fs = handled_fs(abi);
	if (abi >= 4) {
		attr.net = spec->tcp ? 0 : NET_ALL;
		size += sizeof(attr.net);
	}
	if (abi >= 6) {
		attr.scoped = SCOPE_ALL;
		size += sizeof(attr.scoped);
	}
	ruleset = (int)syscall(NR_CREATE_RULESET, &attr, size, 0);
	if (ruleset < 0)
		return ERR_SYS;
	for (const struct jail_path *p = spec->paths; rc == 0 && p != NULL && p->access != 0; p++)
		rc = add_path(ruleset, p, env, attr.fs);
	if (rc == 0 && syscall(NR_RESTRICT_SELF, ruleset, 0) != 0)
		rc = ERR_SYS;
	if (rc < 0) {
		int saved = errno;

		close(ruleset);
		errno = saved;
		return rc;
	}
	close(ruleset);
	out->applied |= JAIL_L_LANDLOCK_FS;
	if (!spec->tcp) {
		if (attr.net != 0)
			out->applied |= JAIL_L_LANDLOCK_NET;
		else
			out->missing |= JAIL_L_LANDLOCK_NET;
	}
	if (attr.scoped != 0)
		out->applied |= JAIL_L_LANDLOCK_SCOPE;
	else
		out->missing |= JAIL_L_LANDLOCK_SCOPE;
	return 0;
}
