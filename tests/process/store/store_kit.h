/* What the store's tests share: a directory, a running store, and one function a statement. */
#ifndef TESTS_PROCESS_STORE_KIT_H
#define TESTS_PROCESS_STORE_KIT_H

#include "harness.h"
#include "proto/audit_writer.h"
#include "proto/core_store.h"
#include "proto/gate_store.h"

struct kit {
	struct harness *h;
	int core;
	int gate;
	int audit; /* every line is kept */
	char dir[64];
	int dirfd;
	uint64_t req;
	bool has_clock; /* of the next start */
	bool fleeting;  /* what is accepted from now on is */
	struct ipc_received in;
	struct ipc_received from_gate;
	struct ipc_received from_audit;
};

extern const char *kit_program;

void kit_dir(struct kit *k);            /* a new directory */
void kit_start(struct kit *k);          /* a store on it, with core and gate */
struct harness *kit_try(struct kit *k); /* the same, not waiting for READY */
void kit_kill(struct kit *k);           /* SIGKILL */
void kit_stop(struct kit *k);           /* drained; must end with 0 */
void kit_remove(struct kit *k);         /* the directory */

/* The two ends of a test with a store of its own: for cmocka. */
int kit_setup(void **state);
int kit_teardown(void **state);

/* Each waits for its answer. */
const struct core_store_accepted *kit_accept(
	struct kit *k, uint64_t run, const char *key, const char *idem, const char *text);
void kit_send_accept(
	struct kit *k, uint64_t run, const char *key, const char *idem, const char *text);
int64_t kit_stored(struct kit *k);
int64_t kit_state(struct kit *k, uint64_t run, uint8_t state, uint64_t call);
int64_t kit_item(struct kit *k, uint64_t run, uint8_t role, const char *text);
int64_t kit_finish(struct kit *k, uint64_t run, uint8_t state, const char *text);
void kit_send_history(
	struct kit *k, const char *key, uint64_t run, uint32_t limit, uint64_t max_bytes);
/* "role:text|role:text" of a history, for comparing; static storage. */
const char *kit_history(
	struct kit *k, const char *key, uint64_t run, uint32_t limit, uint64_t max_bytes);
struct core_store_counted kit_counts(struct kit *k);

#endif
