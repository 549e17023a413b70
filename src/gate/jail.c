#include "gate/gate.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* Its sockets and one file that it was given open: no other, no network, no process, no memory that is executable. */
static const struct jail_rule rules[] = {
	JAIL_PERMIT(pwrite64),
	JAIL_PERMIT(fdatasync),
	JAIL_RULES_END,
};

static const struct jail_limit limits[] = {
	{RLIMIT_CORE, 0},
	{RLIMIT_AS, 256ull << 20},
	{.resource = -1},
};

const struct jail_spec gate_jail = {
	.name = "gate",
	.purpose = "judge fixed structs, issue warrants",
	.groups = JAIL_BASE,
	.rules = rules,
	.landlock = true,
	.layers = JAIL_L_LANDLOCK_FS | JAIL_L_LANDLOCK_NET | JAIL_L_LANDLOCK_SCOPE | JAIL_L_NETNS |
		  JAIL_L_ROOT | JAIL_L_IPCNS | JAIL_L_UID | JAIL_L_MDWE | JAIL_L_PDEATH,
	.limits = limits,
};
