/* Between the files that hold the life of a run. */
#ifndef CORE_CORE_RUN_H
#define CORE_CORE_RUN_H

#include "core/core.h"

/* A tool call of the history, kept back until its result comes by. */
struct core_held {
	struct buf name;
	struct buf call_id;
	struct buf args;
	int body;
};

void core_run_unslot(struct core_run *run); /* its place and lane are free again; may be repeated */
void core_held_free(struct core_run *run);

/* ---- core_wait.c: who is told how a run goes ---- */

/* Takes caller. timeout_ms 0: no limit; else a WAIT_STATUS is answered with "timeout". */
void core_waiter_add(
	struct core_run *run, enum core_wait what, struct core_caller *caller, uint64_t timeout_ms);
void core_waiters_accepted(struct core_run *run);       /* the message is durable */
void core_waiters_refuse(struct core_run *run, int rc); /* it could not be stored */
/* It was accepted before, and is no longer here: answered from what store says and has. */
void core_waiters_duplicate(struct core_run *run, const struct core_store_accepted *first);
void core_waiters_join(
	struct core_run *run, struct core_run *first); /* it was accepted before, as first */
void core_waiters_final(struct core_run *run);
void core_waiters_free(struct core_run *run);

#endif
