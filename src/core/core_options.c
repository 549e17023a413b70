#include "core/core.h"

#include <stdio.h>
#include <time.h>

#include "base/weak.h"

#define HOUR_S 3600u
#define DAY_S 86400u
#define MINUTE_MS 60000u
#define IDLE_DEFAULT 60 /* minutes, with session.reset.mode idle */

/* What config put into core's slice, with the values that hold without one. */

uint8_t
core_provider(const struct core *core)
{
	uint64_t n = child_option_u64(core->child, "agent.provider", PROVIDER_OFFLINE);

	return n < PROVIDER_N ? (uint8_t)n : PROVIDER_OFFLINE;
}

struct span
core_provider_name(const struct core *core)
{
	return child_option_str(core->child, "provider.name", SPAN("offline"));
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

bool
core_model_is_known(const struct core *core, struct span name)
{
	struct span model = core_model_name(core);
	struct span provider = core_provider_name(core);

	if (span_eq(name, model))
		return true;
	return span_starts_with(name, provider) && name.len == provider.len + 1 + model.len &&
	       name.ptr[provider.len] == '/' && span_ends_with(name, model);
}

/* ---- sessions ---- */

bool
core_is_fleeting(const struct core *core)
{
	return !WEAK(PERSIST) && !child_option_bool(core->child, "session.persist", true);
}

/* The last time that the clock here showed this hour. Not mktime(3): it may look at the zone's file again. */
static uint64_t
last_hour(uint64_t now_ms, uint64_t hour)
{
	time_t now = (time_t)(now_ms / 1000);
	uint64_t into;
	struct tm tm;

	if (localtime_r(&now, &tm) == NULL)
		return 0;
	into = (uint64_t)tm.tm_hour * HOUR_S + (uint64_t)tm.tm_min * 60 + (uint64_t)tm.tm_sec;
	if (into < hour * HOUR_S)
		into += DAY_S;
	return ((uint64_t)now - into + hour * HOUR_S) * 1000;
}

uint64_t
core_session_stale(const struct core *core)
{
	uint64_t now = ev_wall_ms();
	uint64_t idle = child_option_u64(core->child, "session.reset.idleMinutes", 0);
	struct span mode = child_option_str(core->child, "session.reset.mode", SPAN_EMPTY);
	bool is_idle = span_eq(mode, SPAN("idle")) || (mode.len == 0 && idle != 0);
	uint64_t stale = 0;

	if (is_idle && idle == 0)
		idle = IDLE_DEFAULT;
	if (!is_idle)
		stale = last_hour(
			now, child_option_u64(core->child, "session.reset.atHour", 4) % 24);
	if (idle != 0 && now > idle * MINUTE_MS && now - idle * MINUTE_MS > stale)
		stale = now - idle * MINUTE_MS;
	return stale;
}

/* The word alone, or followed by a space. */
static bool
begins(struct span message, struct span word, struct span *rest)
{
	*rest = span_trim(span_sub(message, word.len, message.len));
	return word.len > 0 && span_eq_nocase(span_sub(message, 0, word.len), word) &&
	       (message.len == word.len || message.ptr[word.len] == ' ' ||
		       message.ptr[word.len] == '\n');
}

bool
core_is_reset(const struct core *core, struct span message, struct span *rest)
{
	char name[40];

	message = span_trim(message);
	for (unsigned i = 0; i < 64; i++) {
		struct span word;

		(void)snprintf(name, sizeof(name), "session.resetTriggers.%u", i);
		word = span_trim(child_option_str(core->child, name, SPAN_EMPTY));
		if (word.len == 0 && i > 0)
			return false;
		if (word.len == 0)
			break; /* none configured */
		if (begins(message, word, rest))
			return true;
	}
	return begins(message, SPAN("/new"), rest) || begins(message, SPAN("/reset"), rest);
}

static bool
find_thinking(struct span word, uint8_t *out)
{
	static const char *const words[] = {
		[THINK_OFF] = "off",
		[THINK_MINIMAL] = "minimal",
		[THINK_LOW] = "low",
		[THINK_MEDIUM] = "medium",
		[THINK_HIGH] = "high",
		[THINK_XHIGH] = "xhigh",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (span_eq_nocase(word, span_from_cstr(words[i]))) {
			*out = (uint8_t)i;
			return true;
		}
	}
	return false;
}

uint8_t
core_thinking(const struct core *core, struct span said, struct span options)
{
	struct span of_session = SPAN_EMPTY;
	uint8_t level = THINK_OFF;

	(void)args_get_str(options, "thinkingLevel", &of_session);
	if (!find_thinking(said, &level) && !find_thinking(of_session, &level))
		(void)find_thinking(child_option_str(core->child, "agents.defaults.thinkingDefault",
					    SPAN_EMPTY),
			&level);
	return level;
}

bool
core_is_verbose(const struct core *core, struct span options)
{
	struct span level;

	if (args_get_str(options, "verboseLevel", &level) < 0)
		level = child_option_str(core->child, "agents.defaults.verboseDefault", SPAN("on"));
	return !span_eq(level, SPAN("off"));
}
