/* What the configuration says of cells. It can only lower what limits.h has: a number above is a mistake, not a wish. */
#include "sandbox.h"

#include "args/args.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/weak.h"

enum { WALL, CPU, MEM, PIDS, OUTPUT, FILE_SIZE, TIER, ALLOW, NUMBERS };

/* The least is what config grants; 0 is nothing for none of them. */
static const struct {
	const char *name;
	uint64_t least, most;
} rows[NUMBERS] = {
	[WALL] = {"cell.wall_ms", 1, CELL_WALL_MS},
	[CPU] = {"cell.cpu_s", 1, CELL_CPU_S},
	[MEM] = {"cell.mem", 1, CELL_MEM},
	[PIDS] = {"cell.pids", 1, CELL_PIDS},
	[OUTPUT] = {"cell.output", 1, CELL_OUTPUT_MAX},
	[FILE_SIZE] = {"cell.file", 1, CELL_FILE_MAX},
	[TIER] = {"tier.min", JAIL_TIER_NONE, JAIL_TIER_FULL},
	[ALLOW] = {"tools.allow_mask", 0, UINT64_MAX},
};

int
sandbox_limits_read(struct sandbox *s, struct span slice)
{
	const struct sandbox_limits most = SANDBOX_LIMITS_MOST;
	uint64_t v[NUMBERS] = {[WALL] = most.wall_ms,
		[CPU] = most.cpu_s,
		[MEM] = most.memory,
		[PIDS] = most.pids,
		[OUTPUT] = most.output,
		[FILE_SIZE] = most.file,
		[TIER] = JAIL_TIER_NONE,
		[ALLOW] = UINT64_MAX};

	for (size_t i = 0; slice.len > 0 && i < NUMBERS; i++) {
		int rc = args_get_u64(slice, rows[i].name, rows[i].least, rows[i].most, &v[i]);

		if (rc < 0 && rc != ERR_NOTFOUND)
			return rc;
	}
	s->env.limits = (struct sandbox_limits){.memory = v[MEM],
		.output = v[OUTPUT],
		.file = v[FILE_SIZE],
		.pids = (uint32_t)v[PIDS],
		.cpu_s = (uint32_t)v[CPU],
		.wall_ms = (uint32_t)v[WALL]};
	s->tier_min = (enum jail_tier)v[TIER];
	s->tools = v[ALLOW];
	return 0;
}

bool
sandbox_tool_may_run(const struct sandbox *s, unsigned tool)
{
	return tool_may_run(tool, s->env.tier) &&
	       (WEAK(TOOL_POLICY) || (s->tools >> tool & 1) != 0) &&
	       (tool != TOOL_SHELL_EXEC || s->env.tier >= s->tier_min);
}
