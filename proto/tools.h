/* The tools, from tools.def: names for gate and core, schemas for agent, checks of arguments for sandbox and cells. */
#ifndef PROTO_TOOLS_H
#define PROTO_TOOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "jail/jail.h"

enum tool {
	TOOL_NONE, /* not a tool */
#define P(...)
#define TOOL(ID, name, aliases, effect, dest, dest_param, tier, help, params) TOOL_##ID,
#include "proto/tools.def"
#undef TOOL
#undef P
	TOOL_N
};

#define TOOL_PARAMS_MAX 4

enum tool_param_type { TOOL_STR, TOOL_INT, TOOL_BOOL, TOOL_STRS /* array of strings */ };

struct tool_param {
	const char *name; /* NULL ends the list */
	const char *aliases;
	enum tool_param_type type;
	bool required;
	uint64_t max; /* bytes, or the largest number */
	const char *help;
};

struct tool_row {
	const char *id; /* "FILE_READ" */
	const char *name;
	const char *aliases;
	uint8_t effect;         /* enum effect */
	uint8_t dest_kind;      /* enum dest_kind */
	const char *dest_param; /* "" when none */
	enum jail_tier tier;    /* least tier it runs in; in the tier userns like in full */
	const char *help;
	struct tool_param params[TOOL_PARAMS_MAX + 1];
};
extern const struct tool_row tool_rows[TOOL_N]; /* row 0 is TOOL_NONE with empty texts */

/* By canonical name, or by an alias too; TOOL_NONE when there is none. */
enum tool tool_find(struct span name);
enum tool tool_find_alias(struct span name);

/* May it run on a machine of this tier. False for a number that is no tool. */
bool tool_may_run(unsigned tool, enum jail_tier tier);

/* The parameter with this name or alias; NULL when there is none. */
const struct tool_param *tool_param_find(unsigned tool, struct span name);

/*
 * Checks an argument list against the tool's table: only known names (aliases become the canonical name), each once,
 * right types and sizes, required ones present. Writes the canonical list (order of the table) to out. 0, or ERR_UNKNOWN,
 * ERR_TYPE, ERR_DUPLICATE, ERR_MISSING, ERR_TOOBIG, ERR_RANGE, ERR_SYNTAX; *what is then the parameter's name (borrowed).
 */
struct buf;
int tool_args_check(unsigned tool, struct span args, struct buf *out, struct span *what);

/* Files at the workspace's root that are the owner's instructions: tools may read them, never change them. */
bool tool_is_instruction(struct span name);
extern const char *const tool_instructions[]; /* NULL ends the list */

/* The step that a cell names when it will not run a program, because it could change those files. */
#define TOOL_STEP_INSTRUCTIONS "instruction files"

/* How a built-in tool ends that refused: by its path, or because the file is the owner's instructions. */
enum { TOOL_EXIT_PATH = 4, TOOL_EXIT_INSTRUCTIONS = 5, TOOL_EXIT_TAINTED = 6 };

#endif
