/* What a process may send the supervisor by its rows, with contents that must be refused. */
#ifndef ATTACK_ATTACKER_ASKS_H
#define ATTACK_ATTACKER_ASKS_H

#include "attacker.h"

enum attacker_outcome {
	ATTACKER_ASK_REFUSED,
	ATTACKER_ASK_CUT, /* the supervisor has closed its end */
	ATTACKER_ASK_PERMITTED,
	ATTACKER_ASK_REACHED,
	ATTACKER_ASK_SILENCE,
	ATTACKER_ASK_N
};

struct attacker_ask {
	uint8_t kind; /* who asks; KIND_N: every process */
	const char *what;
	enum attacker_outcome (*fn)(const struct child *child, const struct attacker_peer *peers,
		size_t n, const char *text);
	const char *text;
};
extern const struct attacker_ask attacker_asks[];
extern const size_t attacker_nasks;
/* Is it one of this kind's attempts: what a row permits it is none. */
bool attacker_ask_is_for(const struct attacker_ask *ask, unsigned kind);

#endif
