/* The zygote may fork; what it forks inherits the same: memory, its descriptors, nothing of the machine. */
#include <sys/resource.h>
#include <sys/syscall.h>

#include "agent.h"

static const struct jail_rule rules[] = {
	JAIL_PERMIT(getpid),
	JAIL_PERMIT(dup3), /* a forked process puts its control socket where a born one has it */
	JAIL_RULES_END,
};
static const struct jail_limit limits[] = {{RLIMIT_NOFILE, 64}, {RLIMIT_CORE, 0}, {-1, 0}};

const struct jail_spec agent_jail = {
	.name = "agent",
	.purpose = "compute on one conversation: no files, no network, no secrets",
	.groups = JAIL_BASE | JAIL_MEMFD | JAIL_FORK | JAIL_PAIR,
	.rules = rules,
	.landlock = true,
	.layers = JAIL_L_NETNS | JAIL_L_IPCNS | JAIL_L_PDEATH | JAIL_L_UID,
	.limits = limits,
	.oom_score_adj = 300,
};
