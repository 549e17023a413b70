/* What a core that is the attacker can do with warrants: make them up, use one twice, or for something else. */
#ifndef ATTACK_ATTACKER_WARRANTS_H
#define ATTACK_ATTACKER_WARRANTS_H

#include "attacker.h"

struct attacker_fraud {
	const char *what;
	int64_t (*fn)(const struct attacker_peer *peers,
		size_t n); /* what the executor answered: 0 or above is a success */
};
#define ATTACKER_NO_ANSWER INT64_MAX /* not tried, or nobody answered: never what is hoped for */
extern const struct attacker_fraud attacker_frauds[];
extern const size_t attacker_nfrauds;
/* The provider's row and its tag: the egress that they are made for. */
void attacker_frauds_at(uint64_t row, uint64_t tag);

#endif
