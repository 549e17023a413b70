/* The cell: one tool call in one view of one workspace. Private to src/cell. */
#ifndef CELL_H
#define CELL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "jail/jail.h"
#include "proto/ids.h"
#include "proto/sandbox_cell.h"

#define CELL_SOCKET_FD 3
#define CELL_WORKSPACE_FD 4
#define CELL_UID 1000 /* inside the user namespace */

struct cell_setup {
	enum jail_tier tier;
	int landlock_max; /* -1: what the kernel has */
	uint64_t memory;
	uint64_t output; /* bytes of it that are kept */
	uint64_t file;   /* bytes of one file */
	uint32_t pids;
	uint32_t cpu_s;
	bool own_uid;  /* ours is a uid that only this workspace's cells have */
	bool cgroup;   /* memory and pids are limited by a control group */
	uint32_t omit; /* weak builds only */
};

/* Is this layer left out on purpose: only in moltbot-cell-weak, which tests use. */
static inline bool
cell_omits(const struct cell_setup *setup, uint32_t layer)
{
#ifdef JAIL_WEAK
	return (setup->omit & layer) != 0;
#else
	(void)setup;
	(void)layer;
	return false;
#endif
}
static inline bool
cell_has_own_root(const struct cell_setup *setup)
{
	return setup->tier >= JAIL_TIER_USERNS && !cell_omits(setup, JAIL_L_ROOT);
}

/* What failed last, for FAILED. */
extern const char *cell_step;

/* cell_root.c: namespaces and the view of the file system. The working directory is the workspace. 0 or ERR_SYS. */
int cell_enter_namespaces(const struct cell_setup *setup);
int cell_build_root(const struct cell_setup *setup);
/* Is every instruction file out of a program's reach now? 0 or ERR_DENIED. The working directory is the workspace. */
int cell_instructions_check(const struct cell_setup *setup);
int cell_mount_proc(void); /* in the new pid namespace; a failure leaves none */

/* jail.c: what init and what programs and built-in tools may do. */
int cell_jail(const struct cell_setup *setup, struct jail_report *out);
int cell_jail_builtin(void); /* a second, narrower filter */
int cell_jail_program(
	const struct cell_setup *setup); /* the same for programs where there are no namespaces */

/* msg.c: what comes over the socket and goes back. Each blocks. 0, or an error after which the cell ends. */
int cell_msg_get_setup(struct cell_setup *setup);
int cell_msg_serve(const struct cell_setup *setup); /* one RUN, PROVE or SCAN, carried out */
int cell_msg_send(unsigned id, const void *msg);
void cell_msg_send_failed(const char *step, int err);

/* cell_init.c: waits for one RUN, PROVE or SCAN and carries it out. Returns the exit status. */
int cell_init(const struct cell_setup *setup);
int cell_serve_run(const struct cell_setup *setup, const struct sandbox_cell_run *run);
int cell_serve_prove(const struct cell_setup *setup, const struct sandbox_cell_prove *prove);
int cell_serve_scan(const struct sandbox_cell_scan *scan); /* cell_scan.c */

/* cell_tool.c */
struct cell_result {
	struct buf text; /* at most CELL_OUTPUT_MAX */
	bool ok;
	bool truncated;
	uint8_t refused; /* enum reason; 0: not refused by the tool itself */
	int64_t exit_code;
};
struct cell_call {
	struct span args; /* canonical (tool_args_check) */
	int workspace;    /* dirfd */
	bool keep;        /* nothing that is there is replaced: the run is tainted */
	struct cell_result *result;
};
/* Runs a built-in tool in this process. */
void cell_tool_run(unsigned tool, struct cell_call *call);
/* "error: " and text; the result is not ok. */
void cell_say_error(struct cell_call *call, const char *what, struct span subject, const char *why);

/* The same for what the tool itself will not do, as opposed to what failed: it becomes a line of the audit log. */
void cell_say_refused(struct cell_call *call, const char *what, struct span subject,
	enum reason reason, const char *why);

/* cell_path.c: names in the workspace, for the file tools. */
#define CELL_PATH_PARTS 64
struct cell_path {
	struct span parts[CELL_PATH_PARTS];
	size_t n; /* 0: the workspace itself */
};
/* Splits a path given by the model; 0, or ERR_DENIED (leaves the workspace), ERR_SYNTAX (NUL), ERR_TOOBIG. */
int cell_path_parse(struct span text, struct cell_path *out);
bool cell_path_is_instruction(const struct cell_path *path);
/*
 * Opens beneath the workspace without following any link and without crossing a mount (but for the read-only instruction
 * files); a descriptor, or ERR_SYS with errno.
 */
int cell_path_open(int workspace, const struct cell_path *path, int flags);
/* The folder that holds the last part (made on the way when make is set); *name is that part, NUL-terminated. */
int cell_path_parent(int workspace, const struct cell_path *path, bool make, char name[256]);
/* Opens an existing plain file for reading: regular, one link. A descriptor, ERR_DENIED (not such a file) or ERR_SYS. */
int cell_path_open_file(int workspace, const struct cell_path *path, uint64_t *size);

/* tools/<name>.c, one a built-in tool. */
void tool_calculator(struct cell_call *call);
void tool_file_read(struct cell_call *call);
void tool_file_write(struct cell_call *call);
void tool_file_list(struct cell_call *call);
void tool_file_search(struct cell_call *call);
void tool_file_delete(struct cell_call *call);
/* tools/shell_exec.c: the child's side; does not return. */
void tool_shell_exec(struct span args) __attribute__((noreturn));

/* probes.c: attempts from inside; sends a PROBE each. */
void cell_prove(const struct sandbox_cell_prove *prove, const struct cell_setup *setup);

extern const char *const cell_environment[]; /* the fixed template; NULL ends it */
extern char **environ;

#endif
