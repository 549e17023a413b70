/*
 * The zygote may fork and nothing else; an egress may use descriptors that it is given. connect(2) is answered with success
 * (curl insists on calling it on dial's connected descriptor) and socket(2) with EACCES: nobody here makes a connection.
 */
#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "egress.h"

static const struct jail_rule egress_rules[] = {
	{.nr = __NR_prctl,
		.act = JAIL_ERRNO,
		.err = EPERM,
		.cmp = JAIL_MASK32,
		.arg = 0,
		.mask = UINT32_MAX,
		.value = PR_SET_DUMPABLE},
	JAIL_REFUSE(connect, 0),
	JAIL_REFUSE(socket, EACCES),
	JAIL_PERMIT(getpeername),
	JAIL_PERMIT(getsockname),
	JAIL_PERMIT(setsockopt),
	JAIL_PERMIT(getsockopt),
	JAIL_PERMIT(ioctl),
	JAIL_PERMIT(getpid),
	JAIL_PERMIT(dup3), /* a forked process puts its control socket where a born one has it */
	JAIL_RULES_END,
};
static const struct jail_limit limits[] = {{RLIMIT_NOFILE, 128}, {RLIMIT_CORE, 0}, {-1, 0}};

const struct jail_spec egress_zygote_jail = {
	.name = "egress/zygote",
	.purpose = "fork one egress a destination row; no files, no sockets of its own",
	.groups = JAIL_BASE | JAIL_MEMFD | JAIL_FORK | JAIL_PAIR | JAIL_LOCKDOWN | JAIL_EVENTFD,
	.rules = egress_rules,
	.landlock = true,
	.layers = JAIL_L_NETNS | JAIL_L_IPCNS | JAIL_L_PDEATH | JAIL_L_UID,
	.limits = limits,
	.oom_score_adj = 100,
};

/* On top of the zygote's, which stays: its limits and its place in the queue of the out-of-memory killer are inherited. */
const struct jail_spec egress_jail = {
	.name = "egress",
	.purpose = "requests of one destination row, on descriptors from dial",
	.groups = JAIL_BASE | JAIL_MEMFD | JAIL_PAIR | JAIL_EVENTFD,
	.rules = egress_rules,
	.landlock = true,
	.limits = limits,
};
