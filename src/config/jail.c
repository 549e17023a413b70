/*
 * config reads text that anybody may have written, so it has nothing but memory: its input is read before the jail, its
 * output is sealed memory handed to the supervisor.
 */
#include <sys/resource.h>

#include "config.h"
#include "jail/jail.h"

static const struct jail_limit limits[] = {{RLIMIT_NOFILE, 64}, {RLIMIT_FSIZE, MIB(4)},
	{RLIMIT_AS, MIB(512)}, {RLIMIT_CPU, 20}, {RLIMIT_CORE, 0}, {-1, 0}};

const struct jail_spec config_jail = {
	.name = "config",
	.purpose = "check the configuration and hand each process its part; no files, no sockets",
	.groups = JAIL_BASE | JAIL_MEMFD,
	.landlock = true,
	.layers = JAIL_L_NETNS | JAIL_L_ROOT | JAIL_L_IPCNS | JAIL_L_PDEATH | JAIL_L_UID,
	.limits = limits,
};
