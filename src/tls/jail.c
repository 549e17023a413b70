#include <errno.h>
#include <sys/resource.h>

#include "tls.h"
#include "tls_client.h"

/* Sockets come from the supervisor; pairs are made for edge/anon. No file, no connection of its own, nothing is started. */
static const struct jail_limit limits[] = {
	{RLIMIT_CORE, 0}, {RLIMIT_FSIZE, LOG_STRANGERS_MAX}, {RLIMIT_NPROC, 0}, {-1, 0}};

const struct jail_spec tls_jail = {
	.name = "tls",
	.purpose = "TLS with clients: accepts on the listeners it was given, no file, no "
		   "connection of its own, no private key",
	.groups = JAIL_BASE | JAIL_ACCEPT | JAIL_PAIR,
	.landlock = true,
	.tcp = true, /* it accepts on TCP listeners; connect is not in its groups */
	.layers = JAIL_L_MDWE | JAIL_L_PDEATH | JAIL_L_IPCNS | JAIL_L_ROOT,
	.limits = limits,
	.oom_score_adj = 200,
};

const struct jail_spec tls_key_jail = {
	.name = "tls/key",
	.purpose = "the private key of TLS: one socket to tls, no file, no network",
	.groups = JAIL_BASE,
	.landlock = true,
	.layers = JAIL_L_MDWE | JAIL_L_PDEATH | JAIL_L_IPCNS | JAIL_L_ROOT | JAIL_L_NETNS |
		  JAIL_L_UID,
	.limits = limits,
};

static const struct jail_limit client_limits[] = {
	{RLIMIT_CORE, 0}, {RLIMIT_FSIZE, 0}, {RLIMIT_NPROC, 0}, {RLIMIT_NOFILE, 16}, {-1, 0}};

const struct jail_spec tls_client_jail = {
	.name = "tls/client",
	.purpose = "TLS for one connection of the command line, which it was given; no file, no "
		   "connection of its own",
	.groups = JAIL_BASE,
	.deny_errno = EPERM,
	.landlock = true,
	.limits = client_limits,
};
