/*
 * All files are open before the jail closes (store_db.c): the database and its write-ahead log stay open for the life of the
 * process, so it may open nothing any more, not even in its own directory.
 */
#include "store.h"

#include <sys/resource.h>

static const struct jail_limit limits[] = {
	{RLIMIT_NPROC, 0},
	{-1, 0},
};

const struct jail_spec store_jail = {
	.name = "store",
	.purpose = "reads and writes the database files it holds",
	.groups = JAIL_BASE | JAIL_MEMFD | JAIL_FDATA,
	.landlock = true,
	.layers = JAIL_L_NETNS | JAIL_L_ROOT | JAIL_L_IPCNS | JAIL_L_MDWE | JAIL_L_PDEATH,
	.limits = limits,
};
