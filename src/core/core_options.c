#include "core/core.h"

/* What config put into core's slice, with the values that hold without one. */

uint8_t
core_provider(const struct core *core)
{
	uint64_t n = child_option_u64(core->child, "agent.provider", PROVIDER_OFFLINE);

	return n == PROVIDER_OPENAI ? PROVIDER_OPENAI : PROVIDER_OFFLINE;
}

struct span
core_provider_name(const struct core *core)
{
	return core_provider(core) == PROVIDER_OPENAI ? SPAN("openai-compatible") : SPAN("offline");
}

struct span
core_model_name(const struct core *core)
{
	return child_option_str(core->child, "agent.model", SPAN("offline"));
}

/* The agent's name is its id until somebody gives it one. */
struct span
core_agent_name(const struct core *core)
{
	struct span name = child_option_str(core->child, "agent.name", SPAN_EMPTY);

	return name.len == 0 || span_eq(name, SPAN("main")) ? SPAN("Assistant") : name;
}

struct span
core_version(const struct core *core)
{
	return child_option_str(core->child, "version", SPAN("dev"));
}

uint64_t
core_wall_ms(const struct core *core)
{
	uint64_t ms = child_option_u64(core->child, "run.wall_ms", RUN_WALL_MS);

	return ms == 0 ? RUN_WALL_MS : ms;
}

unsigned
core_runs_at_once(const struct core *core)
{
	uint64_t n = child_option_u64(core->child, "runs.concurrent", RUNS_CONCURRENT_MAX);

	return n == 0 || n > RUNS_CONCURRENT_MAX ? RUNS_CONCURRENT_MAX : (unsigned)n;
}
