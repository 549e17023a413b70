/*
 * The system calls of each group (struct jail_rule by group), private to lib/jail. One row a call;
 * a row with a condition allows the call only when (argument & mask) == value. Calls that an
 * architecture lacks are left out there.
 */
#ifndef JAIL_CALLS_H
#define JAIL_CALLS_H

#define JAIL_ARG_NULL 0x80 /* in arg: the whole 64-bit argument must be 0 */

#include <stddef.h>
#include <stdint.h>

#define JAIL_CALL_NAME_MAX 24

struct jail_call {
	int nr;
	char name
		[JAIL_CALL_NAME_MAX]; /* no pointer: the table is the same memory in every process */
	uint32_t groups;
	bool cond;
	uint8_t arg;
	uint32_t mask;
	uint32_t value;
	int err; /* not 0: the row answers this error instead of allowing */
};

extern const struct jail_call jail_calls[];
extern const size_t jail_calls_n;

/* Name of a call that is in the table, or NULL. */
const char *jail_call_name(int nr);

#endif
