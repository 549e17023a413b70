#include "vault/vault.h"

#include <sys/resource.h>

/* Its sockets and one descriptor: no path, no network, no process. */
static const struct jail_limit limits[] = {
	{RLIMIT_CORE, 0},
	{RLIMIT_AS, 256ull << 20},
	{.resource = -1},
};

const struct jail_spec vault_jail = {
	.name = "vault",
	.purpose = "hold the secrets; verify, and release one to the egress it is bound to",
	.groups = JAIL_BASE | JAIL_FDATA,
	.landlock = true,
	.layers = JAIL_L_LANDLOCK_FS | JAIL_L_LANDLOCK_NET | JAIL_L_LANDLOCK_SCOPE | JAIL_L_NETNS |
		  JAIL_L_ROOT | JAIL_L_IPCNS | JAIL_L_UID | JAIL_L_MDWE | JAIL_L_PDEATH,
	.limits = limits,
};
