/*
 * Warrants: gate's yes to exactly one effect, checked by the process that carries it out (egress, sandbox, store). A
 * warrant is a fixed struct and a MAC (keyed BLAKE2b) under a key that the supervisor gave to gate and to that executor's
 * present incarnation, and to nobody else; it dies with either. A counter makes it single-use; it expires after
 * WARRANT_TTL_MS.
 */
#ifndef PROTO_WARRANT_H
#define PROTO_WARRANT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/span.h"

#define WARRANT_KEY_LEN 32
#define WARRANT_LEN 160
#define WARRANT_HASH_LEN 32
#define WARRANT_LABEL_LEN 10

struct warrant {
	uint8_t effect;   /* enum effect */
	uint8_t tool;     /* row of tools.def; 0 when the effect is not a tool's */
	uint8_t executor; /* enum kind */
	uint64_t instance;
	uint64_t incarnation;
	uint64_t run;
	uint64_t call;
	uint8_t dest_kind;
	uint8_t dest[WARRANT_HASH_LEN]; /* warrant_dest() of the destination; zero for DEST_NONE */
	uint8_t plan[WARRANT_HASH_LEN]; /* warrant_plan() over what is carried out */
	uint8_t label[WARRANT_LABEL_LEN]; /* packed: of the run at that moment; not compared */
	/* set by gate: one more for each warrant of this executor incarnation */
	uint64_t counter;
	uint64_t expires_ms; /* CLOCK_MONOTONIC */
};

/*
 * Destinations: JUDGE names one by kind and id, a warrant by the hash of both. The id of PROVIDER is the row, of WORKSPACE the
 * sandbox's instance, of TURN the session: warrant_number() of it. MEMORY is "memory"; HOST and CHAT have ids of their own. DEST_NONE has
 * no id, and zeros for a hash.
 */
#define WARRANT_NUMBER_LEN 8
void warrant_number(uint64_t number, uint8_t out[WARRANT_NUMBER_LEN]);
void warrant_dest(uint8_t dest_kind, struct span id, uint8_t out[WARRANT_HASH_LEN]);

/* The hash of what is to be carried out: tool, then every part with its length (args bytes, body bytes, ...). */
void warrant_plan(uint8_t tool, const struct span *parts, size_t n, uint8_t out[WARRANT_HASH_LEN]);

void warrant_issue(
	const uint8_t key[WARRANT_KEY_LEN], const struct warrant *w, uint8_t out[WARRANT_LEN]);

/* Counters seen. Zero-initialised is valid; a new key starts a new window. */
struct warrant_window {
	uint64_t highest;
	uint64_t bits[WARRANT_WINDOW / 64];
};

/*
 * Is this warrant good for what is about to be done. want holds what the executor itself knows and computes from the
 * request: effect, tool, executor, instance, incarnation, run, call, dest_kind, dest and plan must all be equal. 0 once;
 * ERR_CRYPTO (length or MAC), ERR_EXPIRED, ERR_REPLAY, ERR_DENIED (for something else).
 */
int warrant_check(const uint8_t key[WARRANT_KEY_LEN], struct warrant_window *window,
	struct span bytes, const struct warrant *want, uint64_t now_ms);
/* The label in a warrant that warrant_check() found good; zeros, the worst one, for other lengths. */
void warrant_label(struct span bytes, uint8_t out[WARRANT_LABEL_LEN]);

#endif
