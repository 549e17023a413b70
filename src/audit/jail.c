/*
 * The one file is open and its offset stands at its end; only plain write(2) reaches it. Whoever takes this process over could take
 * O_APPEND away, so whatever could put bytes elsewhere than at the offset, or move the offset back, is not there.
 */
#include "audit.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static const struct jail_rule rules[] = {
	JAIL_PERMIT(fdatasync),
	JAIL_REFUSE(lseek, EPERM),
	{.nr = __NR_mmap,
		.act = JAIL_ERRNO,
		.err = EPERM,
		.cmp = JAIL_MASK32,
		.arg = 3,
		.mask = MAP_SHARED,
		.value = MAP_SHARED},
	JAIL_RULES_END,
};

static const struct jail_limit limits[] = {
	{RLIMIT_NPROC, 0},
	{-1, 0},
};

const struct jail_spec audit_jail = {
	.name = "audit",
	.purpose = "appends to the one file it holds",
	.groups = JAIL_BASE,
	.rules = rules,
	.landlock = true,
	.layers = JAIL_L_NETNS | JAIL_L_ROOT | JAIL_L_IPCNS | JAIL_L_MDWE | JAIL_L_PDEATH,
	.limits = limits,
};
