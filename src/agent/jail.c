/* The zygote may fork and nothing else; what it forks gives that up too: it has memory and its descriptors, nothing of the machine. */
#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "agent.h"

static const struct jail_rule rules[] = {
	{.nr = __NR_prctl,
		.act = JAIL_ERRNO,
		.err = EPERM,
		.cmp = JAIL_MASK32,
		.arg = 0,
		.mask = UINT32_MAX,
		.value = PR_SET_DUMPABLE},
	JAIL_PERMIT(getpid),
	JAIL_PERMIT(dup3), /* a forked process puts its control socket where a born one has it */
	JAIL_RULES_END,
};
static const struct jail_limit limits[] = {{RLIMIT_NOFILE, 64}, {RLIMIT_CORE, 0}, {-1, 0}};

const struct jail_spec agent_zygote_jail = {
	.name = "agent/zygote",
	.purpose = "fork one agent a run; no files, no network, no secrets",
	.groups = JAIL_BASE | JAIL_MEMFD | JAIL_FORK | JAIL_PAIR | JAIL_LOCKDOWN,
	.rules = rules,
	.landlock = true,
	.layers = JAIL_L_NETNS | JAIL_L_IPCNS | JAIL_L_PDEATH | JAIL_L_UID,
	.limits = limits,
	.oom_score_adj = 300,
};

/* On top of the zygote's, which stays: its limits and its place in the queue of the out-of-memory killer are inherited. */
const struct jail_spec agent_jail = {
	.name = "agent",
	.purpose = "compute on one conversation: no files, no network, no secrets, no process",
	.groups = JAIL_BASE | JAIL_MEMFD,
	.rules = rules,
	.landlock = true,
	.limits = limits,
};
