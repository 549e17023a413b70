/*
 * The attempts of the self-proof, each as itself: the call that an attacker would make. They answer as system calls do (-1
 * and errno, or not negative for success), run in a process of their own, and clean up what they make. Private to src/cell.
 */
#ifndef CELL_PROBE_H
#define CELL_PROBE_H

#include <errno.h>
#include <unistd.h>

#include "cell.h"
#include "proto/probes.h"

/* What an attempt needs to know of the machine. */
struct probe_world {
	uint32_t host_pid; /* a process outside: the sandbox; outside of cells the helper itself */
	char state[4096];  /* the state directory, by the name it has outside */
	char workspace[4096]; /* the workspace, by the same */
	uint64_t fds;         /* descriptors that may be open */
	bool outside;
};
extern struct probe_world probe_world;

#define ATTEMPT(ID, ...) long attempt_##ID(void);
#define BOMB(ID, ...) long attempt_##ID(void);
#include "proto/probes.def"

/* -1 with err as errno. */
static inline long
probe_fail(int err)
{
	errno = err;
	return -1;
}

/* Closes it; what open answered otherwise stays in errno. */
static inline long
probe_close(int fd)
{
	if (fd >= 0)
		close(fd);
	return fd;
}

/* Runs one attempt in a child. What came back, as PROBE carries it. prepare is called first there; 255 when it fails. */
int64_t probe_try(unsigned probe, int (*prepare)(const void *arg), const void *arg);

/* probe_outside.c: the program as the command line starts it: the same attempts, outside of any cell, one line each. */
int probe_outside(int argc, char **argv);

#endif
