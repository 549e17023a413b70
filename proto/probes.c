#include "proto/probes.h"

#include <errno.h>
#include <signal.h>

#define B 1u
#define P 2u
#define BP 3u
const struct probe_row probe_rows[PROBE_N] = {
#define PROBE(ID, profiles, tier, what, expected, ...)                                             \
	{#ID, profiles, JAIL_TIER_##tier, what, expected, {__VA_ARGS__}},
#include "proto/probes.def"
#undef PROBE
};
#undef B
#undef P
#undef BP

bool
probe_is_held(unsigned probe, int64_t got)
{
	if (probe >= PROBE_N || got <= 0)
		return false;
	for (int i = 0; i < PROBE_ERRNOS_MAX && probe_rows[probe].errnos[i] != 0; i++)
		if (probe_rows[probe].errnos[i] == got)
			return true;
	return false;
}

bool
probe_applies(unsigned probe, unsigned profile, enum jail_tier tier)
{
	return probe < PROBE_N && profile < 2 &&
	       (probe_rows[probe].profiles & 1u << profile) != 0 && tier >= probe_rows[probe].tier;
}
