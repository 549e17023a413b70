#include "proto/probes.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#define B 1u
#define P 2u
#define BP 3u
#define LIST(...)                                                                                  \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}
#define ROW(ID, kind, profiles, tier, what, own, host, ...)                                        \
	{#ID, kind, profiles, JAIL_TIER_##tier, what, {LIST own, LIST host}, {__VA_ARGS__}},
const struct probe_row probe_rows[PROBE_N] = {
#define ATTEMPT(ID, ...) ROW(ID, PROBE_ATTEMPT, __VA_ARGS__, "", "")
#define BOMB(ID, ...) ROW(ID, PROBE_BOMB, __VA_ARGS__, "", "")
#define CALL(ID, ...) ROW(ID, PROBE_CALL, __VA_ARGS__)
#include "proto/probes.def"
};
#undef B
#undef P
#undef BP

static const int *
expected(unsigned probe, enum jail_tier tier)
{
	return probe_rows[probe].errnos[tier >= JAIL_TIER_USERNS ? 0 : 1];
}

bool
probe_is_held(unsigned probe, enum jail_tier tier, int64_t got)
{
	if (probe >= PROBE_N || got <= 0)
		return false;
	for (int i = 0; i < PROBE_ERRNOS_MAX && expected(probe, tier)[i] != 0; i++)
		if (expected(probe, tier)[i] == got)
			return true;
	return false;
}

bool
probe_applies(unsigned probe, unsigned profile, enum jail_tier tier)
{
	return probe < PROBE_N && profile < 2 &&
	       (probe_rows[probe].profiles & 1u << profile) != 0 && tier >= probe_rows[probe].tier;
}

void
probe_put_got(int64_t got, struct buf *out)
{
	const char *name = got > 0 && got < PROBE_KILLED ? strerrorname_np((int)got) : NULL;

	if (got == PROBE_SUCCEEDED)
		(void)buf_put_cstr(out, "it worked");
	else if (got == PROBE_UNANSWERED)
		(void)buf_put_cstr(out, "no answer");
	else if (got > PROBE_KILLED)
		(void)buf_put_fmt(out, "killed by signal %d", (int)(got - PROBE_KILLED));
	else
		(void)buf_put_cstr(out, name != NULL ? name : "an unknown error");
}

void
probe_put_expected(unsigned probe, enum jail_tier tier, struct buf *out)
{
	for (int i = 0; i < PROBE_ERRNOS_MAX && expected(probe, tier)[i] != 0; i++) {
		if (i > 0)
			(void)buf_put_cstr(out, " or ");
		probe_put_got(expected(probe, tier)[i], out);
	}
}
