#include "core/core.h"

#include <sys/resource.h>

static const struct jail_limit limits[] = {
	{RLIMIT_NOFILE, 4096},
	{-1, 0},
};

const struct jail_spec core_jail = {
	.name = "core",
	.purpose = "coordinates over the sockets it was given; opens and reaches nothing",
	.groups = JAIL_BASE | JAIL_MEMFD,
	.landlock = true,
	.layers = JAIL_L_NETNS | JAIL_L_ROOT | JAIL_L_IPCNS | JAIL_L_MDWE | JAIL_L_PDEATH,
	.limits = limits,
};
