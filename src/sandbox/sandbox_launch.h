/*
 * The launcher: one cell a call, in the tier of the machine. A cell may be made ahead of its call (it waits, jailed, in its
 * namespaces); then a call costs a message and what the tool itself needs. Private to src/sandbox, its tests and its bench.
 */
#ifndef SANDBOX_LAUNCH_H
#define SANDBOX_LAUNCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/limits.h"
#include "base/span.h"
#include "ev/ev.h"
#include "jail/jail.h"

/* What one call may use: the constants of base/limits.h, or less where the configuration says so. */
struct sandbox_limits {
	uint64_t memory; /* bytes */
	uint64_t output; /* bytes of it that are kept */
	uint64_t file;   /* bytes of one file that it writes */
	uint32_t pids;   /* processes, the cell's init among them */
	uint32_t cpu_s;  /* of one process */
	uint32_t wall_ms;
};
#define SANDBOX_LIMITS_MOST                                                                        \
	((struct sandbox_limits){.memory = CELL_MEM,                                               \
		.output = CELL_OUTPUT_MAX,                                                         \
		.file = CELL_FILE_MAX,                                                             \
		.pids = CELL_PIDS,                                                                 \
		.cpu_s = CELL_CPU_S,                                                               \
		.wall_ms = CELL_WALL_MS})

struct sandbox_env {
	struct ev *ev;
	enum jail_tier tier;
	int landlock_max; /* -1: what the kernel has */
	uid_t uid;        /* the cells'; 0: ours. Never root's: then no cell is made */
	gid_t gid;
	int workspace; /* dirfd, borrowed */
	int program;   /* descriptor of moltbot-cell, borrowed */
	int cgroup_v2; /* dirfds of groups of ours, borrowed; -1: none */
	int cgroup_memory;
	int cgroup_pids;
	struct jail_facts self; /* jail_facts_get(0), before the jail */
	struct sandbox_limits limits;
	uint32_t
		omit; /* layers left out: only weak test builds listen, of the launcher and of the cell */
};

struct sandbox_cell;

struct sandbox_result {
	/* 0: the tool ran; ERR_TIMEOUT, ERR_ABORTED (killed), ERR_UNSUPPORTED (a layer is missing), ERR_SYS */
	int rc;
	int64_t exit_code;
	bool ok;
	bool truncated;
	char step[64]; /* what failed, when rc is not 0 */
	int err;       /* its errno */
};

struct sandbox_ops {
	/* The cell's init exists and has been given nothing yet: hand pidfd (borrowed) to who may have to kill it. May be NULL. */
	void (*on_init)(struct sandbox_cell *cell, pid_t pid, int pidfd, void *arg);
	void (*on_ready)(
		struct sandbox_cell *cell, void *arg); /* checked and waiting; may be NULL */
	void (*on_output)(struct sandbox_cell *cell, struct span data, void *arg);
	void (*on_probe)(struct sandbox_cell *cell, uint32_t index, int64_t got,
		void *arg); /* may be NULL */
	void (*on_found)(struct sandbox_cell *cell, uint64_t size, struct span hash, bool changed,
		void *arg); /* may be NULL */
	/* All of the cell is dead and reaped. Called once, from the loop; the cell is freed after it returns. */
	void (*on_end)(struct sandbox_cell *cell, const struct sandbox_result *result, void *arg);
};

/*
 * sandbox_pidfd.c: is pidfd that of pid, and pid a living child of this process: what a cell calls its init is killed and looked at
 * with our rights.
 */
bool sandbox_is_own_child(int pidfd, pid_t pid);

/* Starts making a cell. NULL when not even that could be done (*step then says what, static text). */
struct sandbox_cell *sandbox_cell_new(
	const struct sandbox_env *env, const struct sandbox_ops *ops, void *arg, const char **step);
void sandbox_cell_set_ops(struct sandbox_cell *cell, const struct sandbox_ops *ops, void *arg);

/*
 * One call: at once, or when the cell is ready. args is the canonical list (copied); body a sealed memfd with it instead, or
 * -1 (duplicated). 0, ERR_STATE (has a call already), ERR_SYS.
 */
int sandbox_cell_run(
	struct sandbox_cell *cell, uint8_t tool, struct span args, int body, uint32_t timeout_ms);
/* Its call replaces nothing that is in the workspace: before sandbox_cell_run(). */
void sandbox_cell_keep(struct sandbox_cell *cell);
/* What to try (a row of probes.def or PROBE_ALL), as which profile, against which process and which workspace outside. */
struct sandbox_prove {
	uint8_t profile;
	uint32_t only;
	pid_t host_pid;
	const char *workspace; /* path, borrowed */
	uint32_t timeout_ms;   /* 0: CELL_WALL_MS */
};
int sandbox_cell_prove(struct sandbox_cell *cell, const struct sandbox_prove *prove);
/* What lies in the workspace: SCAN of sandbox_cell.def. */
struct sandbox_scan {
	uint8_t tool;
	struct span args; /* copied */
	uint64_t since;
	struct span table; /* copied */
};
int sandbox_cell_scan(struct sandbox_cell *cell, const struct sandbox_scan *scan);

/* Kills all of it; on_end follows with why (ERR_ABORTED, ERR_TIMEOUT). Legal at any time and twice. */
void sandbox_cell_kill(struct sandbox_cell *cell, int why);

bool sandbox_cell_is_ready(const struct sandbox_cell *cell);
int sandbox_cell_pidfd(const struct sandbox_cell *cell); /* borrowed; -1 before on_init */
uint32_t sandbox_cell_layers(const struct sandbox_cell *cell);
uint32_t sandbox_cell_missing(const struct sandbox_cell *cell);

/* sandbox_cgroup.c: a group for one cell. Zero-initialised is none. */
struct sandbox_cgroup {
	int parents[3]; /* v2, memory, pids; borrowed */
	char name[32];
	uint32_t made; /* bits of parents */
	bool memory, pids;
};
void sandbox_cgroup_make(struct sandbox_cgroup *g, const struct sandbox_env *env, uint64_t number);
#define SANDBOX_CGROUPS 3
/*
 * Descriptors (-1: none) through which a process enters the group by writing "0". The cell enters by itself while it still has
 * sandbox's uid: version 1 lets nobody but root move a process of another uid. 0, or ERR_SYS with none left open.
 */
int sandbox_cgroup_open(const struct sandbox_cgroup *g, int fds[SANDBOX_CGROUPS]);
void sandbox_cgroup_kill(struct sandbox_cgroup *g);
void sandbox_cgroup_remove(struct sandbox_cgroup *g);

#endif
