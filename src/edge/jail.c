#include <errno.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/limits.h"
#include "edge.h"

/*
 * Sockets come from the supervisor (anon) or from anon (user); neither makes one, opens a file or starts anything. What strangers can
 * have them write into the log ends somewhere.
 */
static const struct jail_limit anon_limits[] = {
	{RLIMIT_CORE, 0}, {RLIMIT_FSIZE, LOG_STRANGERS_MAX}, {RLIMIT_NPROC, 0}, {-1, 0}};
/* The only files that it writes are sealed bodies in memory, and the log. */
static const struct jail_limit user_limits[] = {
	{RLIMIT_CORE, 0}, {RLIMIT_FSIZE, LOG_STRANGERS_MAX}, {RLIMIT_NPROC, 0}, {-1, 0}};

const struct jail_spec edge_anon_jail = {
	.name = "edge/anon",
	.purpose = "clients that have not signed in: accepts on the listeners it was given, no "
		   "file, no connection of its own",
	.groups = JAIL_BASE | JAIL_ACCEPT,
	.landlock = true,
	.tcp = true, /* it accepts on TCP listeners; bind and connect are not in its groups */
	.layers = JAIL_L_MDWE | JAIL_L_PDEATH | JAIL_L_IPCNS | JAIL_L_ROOT,
	.limits = anon_limits,
	.oom_score_adj = 200,
};

const struct jail_spec edge_user_jail = {
	.name = "edge/user",
	.purpose = "one principal's clients: sockets are passed to it, bodies leave as sealed "
		   "memory, no file, no network",
	.groups = JAIL_BASE | JAIL_ACCEPT | JAIL_MEMFD,
	.landlock = true,
	.layers = JAIL_L_MDWE | JAIL_L_PDEATH | JAIL_L_IPCNS | JAIL_L_ROOT | JAIL_L_NETNS,
	.limits = user_limits,
	.oom_score_adj = 100,
};
