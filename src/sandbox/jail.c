/*
 * A filter is inherited: what cells need for their namespaces must pass this one too, and what this one kills would be
 * killed in a program. So it answers with an error, and each cell adds its own. No Landlock: it would forbid the cells'
 * mounts.
 */
#include "sandbox.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/syscall.h>

/* The one uid and gid of this workspace's cells; filled in at the start, from the workspace's owner. */
static struct jail_rule rules[] = {
	{.nr = __NR_setresuid, .act = JAIL_ERRNO, .err = EPERM},
	{.nr = __NR_setresuid, .act = JAIL_ERRNO, .err = EPERM},
	{.nr = __NR_setresgid, .act = JAIL_ERRNO, .err = EPERM},
	{.nr = __NR_setresgid, .act = JAIL_ERRNO, .err = EPERM},
	/* in a uts namespace of its own; elsewhere it takes a capability that nobody here has */
	JAIL_PERMIT(sethostname),
	JAIL_REFUSE(setuid, EPERM),
	JAIL_REFUSE(setgid, EPERM),
	JAIL_REFUSE(setns, EPERM),
	{.nr = __NR_setgroups, .act = JAIL_ALLOW, .cmp = JAIL_EQ64, .arg = 0, .value = 0},
	JAIL_REFUSE(setgroups, EPERM),
	JAIL_RULES_END,
};

struct jail_spec sandbox_jail = {
	.name = "sandbox",
	.purpose = "builds one cell a tool call in its workspace",
	.groups = JAIL_BASE | JAIL_MEMFD | JAIL_FDATA | JAIL_FS | JAIL_PAIR | JAIL_FORK |
		  JAIL_EXEC | JAIL_IDENT | JAIL_NS | JAIL_LOCKDOWN | JAIL_PROGRAM,
	.rules = rules,
	.deny_errno = EPERM,
	.landlock = false,
	.layers = JAIL_L_PDEATH | JAIL_L_UID,
	.required = JAIL_L_PDEATH,
	.keep_caps = 1ull << CAP_SETUID | 1ull << CAP_SETGID | 1ull << CAP_KILL,
};

void
sandbox_jail_allow_uid(uid_t uid, gid_t gid)
{
	rules[0] = (struct jail_rule)JAIL_PERMIT_ARG(setresuid, 0, UINT32_MAX, uid);
	rules[2] = (struct jail_rule)JAIL_PERMIT_ARG(setresgid, 0, UINT32_MAX, gid);
}
