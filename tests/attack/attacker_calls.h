/* System calls that no process may get through, or only those whose jail has one of the groups. */
#ifndef ATTACK_ATTACKER_CALLS_H
#define ATTACK_ATTACKER_CALLS_H

#include <stddef.h>
#include <stdint.h>

struct attacker_call {
	const char *what;
	long (*fn)(void); /* below 0 with errno: refused */
	uint32_t groups;  /* enum jail_group: permitted to processes with one of these */
};
extern const struct attacker_call attacker_calls[];
extern const size_t attacker_ncalls;

#endif
