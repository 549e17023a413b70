/* What `load` does besides counting operations: strangers that only take up memory, and tools that are to be killed. Private to bench. */
#ifndef BENCH_LOAD_ATTACK_H
#define BENCH_LOAD_ATTACK_H

#include <stddef.h>
#include <stdint.h>

/*
 * Opens n connections on loopback that never sign in: a third say nothing, a third send a head that never ends, a third upgrade to
 * WebSocket and send as much of a huge frame as is taken. Prints "ready", keeps them until standard input closes. 0, or 1.
 */
int load_flood(uint16_t port, size_t n);

/* Processes whose command line holds mark, as pidfds; at most cap. The caller closes them. */
size_t load_marked(const char *mark, int *pidfds, size_t cap);
/* Waits until each of them has ended. 0, or -1 after ten seconds. */
int load_wait_ended(const int *pidfds, size_t n);

#endif
