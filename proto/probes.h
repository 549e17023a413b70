/* The attempts of the self-proof, from probes.def: made in the cell, judged in sandbox, repeated outside by the command line. */
#ifndef PROTO_PROBES_H
#define PROTO_PROBES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "jail/jail.h"

enum probe {
#define ATTEMPT(ID, ...) PROBE_##ID,
#define BOMB(ID, ...) PROBE_##ID,
#define CALL(ID, ...) PROBE_##ID,
#include "proto/probes.def"
	PROBE_N
};

enum probe_profile { PROBE_BUILTIN = 0, PROBE_PROGRAM = 1 };
enum probe_kind { PROBE_ATTEMPT, PROBE_BOMB, PROBE_CALL };

#define PROBE_SUCCEEDED 0 /* what the kernel answered otherwise is its errno */
#define PROBE_UNANSWERED (-1)
#define PROBE_KILLED 1000 /* plus the signal: the attempt was answered by a kill */
#define PROBE_ERRNOS_MAX 4
#define PROBE_ALL UINT32_MAX /* in PROVE: every row of kind PROBE_ATTEMPT */

/* Layers that only cells have, above those of enum jail_layer; left out in weak test builds alone. */
enum { CELL_L_INSTRUCTIONS = 1 << 16, CELL_L_FDS = 1 << 17 };

struct probe_row {
	const char *name;
	enum probe_kind kind;
	unsigned profiles; /* bits of enum probe_profile */
	enum jail_tier tier;
	const char *what;
	int errnos
		[2]
		[PROBE_ERRNOS_MAX]; /* [0]: tiers with a root of their own, [1]: without; 0 ends them */
	const char *commands[2]; /* of PROBE_CALL; "" when there is no second */
};
extern const struct probe_row probe_rows[PROBE_N];

bool probe_is_held(unsigned probe, enum jail_tier tier, int64_t got);
bool probe_applies(unsigned probe, unsigned profile, enum jail_tier tier);
/* What came back, and what may come back, for people: "EACCES", "killed by signal 9", "it worked". */
void probe_put_got(int64_t got, struct buf *out);
void probe_put_expected(unsigned probe, enum jail_tier tier, struct buf *out);

#endif
