/* The attempts of the self-proof, from probes.def: made in the cell, judged in sandbox. */
#ifndef PROTO_PROBES_H
#define PROTO_PROBES_H

#include <stdbool.h>
#include <stdint.h>

#include "jail/jail.h"

enum probe {
#define PROBE(ID, ...) PROBE_##ID,
#include "proto/probes.def"
#undef PROBE
	PROBE_N
};

enum probe_profile { PROBE_BUILTIN = 0, PROBE_PROGRAM = 1 };
enum probe_paired { PROBE_UNPAIRED = 0, PROBE_PAIRED = 1 };

#define PROBE_SUCCEEDED 0 /* what the kernel answered otherwise is its errno */
#define PROBE_UNANSWERED (-1)
#define PROBE_KILLED 1000 /* plus the signal: the attempt was answered by a kill */
#define PROBE_ERRNOS_MAX 4

struct probe_row {
	const char *name;
	unsigned profiles; /* bits of enum probe_profile */
	enum jail_tier tier;
	const char *what;
	const char *expected;
	int errnos[PROBE_ERRNOS_MAX]; /* 0 ends them */
};
extern const struct probe_row probe_rows[PROBE_N];

bool probe_is_held(unsigned probe, int64_t got);
bool probe_applies(unsigned probe, unsigned profile, enum jail_tier tier);

#endif
