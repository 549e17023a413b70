/*
 * Attacker builds (meson option "attacker"): every process of the gateway with a second will. One kind, chosen when the
 * supervisor starts, makes one attempt a life: a system call its jail forbids, or a message its peer must not accept. The
 * supervisor counts its lives; the attempt's number is that count.
 */
#ifndef PROTO_ATTACKER_H
#define PROTO_ATTACKER_H

#include "proto/child.h"

/* HELLO.flags: make an attempt; its number is in the upper half. */
#define HELLO_ATTACK (1u << 15)
#define HELLO_ATTEMPT(flags) ((flags) >> 16)

struct attacker_peer {
	const char *name;
	const struct ipc_proto *proto;
	enum ipc_side side;
	int fd;
};

/*
 * Makes the attempt and writes to the console what came of it, tab-separated: ATTACK, process, number, class, what, result,
 * errno. The result is "begin" before it, and afterwards "held", "cut", "permitted" (its row of the process table allows it) or
 * "REACHED". Whoever is killed for it writes nothing more. Then the process ends.
 */
void attacker_attempt(const struct child *child, const struct attacker_peer *peers, size_t n);

#endif
