/* The self-proof's other half: the same attempts outside of any cell, with our own rights, to see whether they work there. */
#ifndef CLI_CLI_OUTSIDE_H
#define CLI_CLI_OUTSIDE_H

#include "cli.h"
#include "proto/probes.h"

enum cli_pairing {
	CLI_PAIRED,   /* it works outside: that it is held inside is the sandbox's doing */
	CLI_UNPAIRED, /* something else of this machine holds it outside too */
	CLI_UNTRIED   /* a bomb, or the attempts could not be made */
};

struct cli_outside {
	bool tried[2][PROBE_N]; /* by profile */
	int64_t got[2][PROBE_N];
};

/* Makes them all: a few hundred milliseconds. 0, or an error after which nothing counts as tried. */
int cli_outside_try(struct cli *cli, struct cli_outside *out);

/* Of the attempt with this name; why (NULL or a text of 96 bytes) says what "works" or "unpaired" rests on. */
enum cli_pairing cli_outside_pairing(
	const struct cli_outside *o, struct span name, unsigned profile, char why[96]);

#endif
