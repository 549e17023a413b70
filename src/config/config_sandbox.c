/* The sandbox's options: each can only make cells stricter than they are. */
#include "config.h"

#include "base/limits.h"
#include "jail/jail.h"

static void
stays(struct config *c, enum option option, const char *why)
{
	config_warn(c, c->values[option].at, "%s: %s", option_rows[option].path, why);
}

static bool
drops_all(const struct config_setting *v)
{
	for (size_t i = 0; i < v->n; i++) {
		if (span_eq_nocase(v->items[i].s, SPAN("ALL")))
			return true;
	}
	return false;
}

static void
tier(struct config *c)
{
	struct span name = config_text(c, OPT_BOX_TIER);

	for (unsigned t = JAIL_TIER_NONE; t <= JAIL_TIER_FULL; t++) {
		if (span_eq(name, span_from_cstr(jail_tier_name((enum jail_tier)t)))) {
			c->numbers[VALUE_TIER_MIN] = t;
			c->number_set[VALUE_TIER_MIN] = true;
		}
	}
}

void
config_sandbox(struct config *c)
{
	if (!config_truth(c, OPT_BOX_ENABLED))
		stays(c, OPT_BOX_ENABLED,
			"every tool call runs in the sandbox; to switch tools off use tools.deny");
	if (!span_eq(config_text(c, OPT_BOX_MODE), SPAN("all")))
		stays(c, OPT_BOX_MODE, "every session is sandboxed, as with \"all\"");
	if (!span_eq(config_text(c, OPT_BOX_NETWORK), SPAN("none")))
		stays(c, OPT_BOX_NETWORK, "tools have no network, as with \"none\"");
	if (!config_truth(c, OPT_BOX_READONLY))
		stays(c, OPT_BOX_READONLY, "the root of a cell stays read-only");
	if (c->values[OPT_BOX_CAPS].set && !drops_all(&c->values[OPT_BOX_CAPS]))
		stays(c, OPT_BOX_CAPS, "a cell has no capabilities, as with [\"ALL\"]");
	tier(c);
}
