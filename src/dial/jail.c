#include "dial/dial.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/*
 * dial itself reads no file; these are for the children that resolve names, which cannot have more than dial has. A forbidden
 * call fails instead of killing: the C library's resolver asks for sockets and libraries that it can do without.
 */
static const struct jail_path resolver_paths[] = {
	{.path = "/etc/resolv.conf", .access = JAIL_READ, .optional = true},
	{.path = "/etc/hosts", .access = JAIL_READ, .optional = true},
	{.path = "/etc/host.conf", .access = JAIL_READ, .optional = true},
	{.path = "/etc/nsswitch.conf", .access = JAIL_READ, .optional = true},
	{.path = "/etc/gai.conf", .access = JAIL_READ, .optional = true},
	{.access = 0},
};

/* It jails its children further, but nothing makes it readable to others of its uid. */
static const struct jail_rule rules[] = {
	{.nr = __NR_prctl,
		.act = JAIL_ERRNO,
		.err = EPERM,
		.cmp = JAIL_MASK32,
		.arg = 0,
		.mask = UINT32_MAX,
		.value = PR_SET_DUMPABLE},
	JAIL_RULES_END,
};

static const struct jail_limit limits[] = {
	{RLIMIT_CORE, 0},
	{RLIMIT_AS, 256ull << 20},
	{.resource = -1},
};

const struct jail_spec dial_jail = {
	.name = "dial",
	.purpose = "resolve in throw-away children, connect to literal addresses",
	.groups = JAIL_BASE | JAIL_CONNECT | JAIL_PAIR | JAIL_FORK | JAIL_FS | JAIL_LOCKDOWN,
	.rules = rules,
	.deny_errno = EPERM,
	.landlock = true,
	.paths = resolver_paths,
	.tcp = true,
	.layers = JAIL_L_LANDLOCK_FS | JAIL_L_LANDLOCK_SCOPE | JAIL_L_IPCNS | JAIL_L_UID |
		  JAIL_L_MDWE | JAIL_L_PDEATH,
	.limits = limits,
};

const struct jail_spec dial_resolver_jail = {
	.name = "dial/resolver",
	.purpose =
		"one name: reads the resolver's files, asks name servers, writes one answer, ends",
	.groups = JAIL_BASE | JAIL_CONNECT | JAIL_FS,
	.deny_errno = EPERM,
	.landlock = true,
	.paths = resolver_paths,
	.tcp = true, /* name servers answer over TCP when an answer is long */
	.layers = JAIL_L_LANDLOCK_FS | JAIL_L_LANDLOCK_SCOPE,
	.limits = limits,
};
