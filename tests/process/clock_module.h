/* What the harness and the module that it loads into a process with a clock of its own agree on. */
#ifndef TESTS_PROCESS_CLOCK_MODULE_H
#define TESTS_PROCESS_CLOCK_MODULE_H

#include <stdatomic.h>
#include <stdint.h>

#define CLOCK_ENV "HARNESS_CLOCK" /* the number of a descriptor: the page */

struct clock_page {
	_Atomic uint64_t ahead_ms; /* of the process's clocks against the machine's */
	_Atomic uint64_t frozen_mono_ns, frozen_wall_ns; /* 0: they go on by themselves */
	_Atomic uint64_t syncs;                          /* calls of fdatasync and fsync */
	_Atomic uint64_t waits; /* how often the process, not one that it forked, began to wait */
};

#endif
