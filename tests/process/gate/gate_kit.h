/* What gate's tests share: a real gate between the peers that the test plays, and a store that survives its restarts. */
#ifndef TESTS_PROCESS_GATE_KIT_H
#define TESTS_PROCESS_GATE_KIT_H

#include "../harness.h"
#include "args/args.h"
#include "crypto/crypto.h"
#include "gate/gate.h"

#define OWNER PRINCIPAL((uint64_t)PRINCIPAL_TOKEN, (uint64_t)SCOPE_ALL, 1u)
#define SESSION 500u
#define KIT_ROWS_MAX 256

struct kit_stored {
	uint8_t table;
	uint64_t key;
	uint64_t version;
	uint8_t value[64];
	size_t len;
	uint8_t mac[CRYPTO_MAC_LEN];
};

struct kit {
	struct harness *h;
	int row_key;
	int seen; /* negative: none */
	int user;
	int core;
	int store;
	int sandbox;
	int audit;
	bool no_key;
	bool mute; /* audit answers when the test does */
	struct kit_stored rows[KIT_ROWS_MAX];
	size_t nrows;
};

extern const char *kit_program; /* the gate to run */
extern struct ipc_received kit_in;
extern const uint8_t kit_sandbox_key[WARRANT_KEY_LEN];

void kit_begin(struct kit *k);  /* an empty store, and a gate that has started */
void kit_launch(struct kit *k); /* another gate on the same store */
void kit_end(struct kit *k);    /* drained; must end with 0 */

/* The row of the store, made when wanted; NULL when there is none. */
struct kit_stored *kit_row(struct kit *k, uint8_t table, uint64_t key, bool make);
void kit_store_put(struct kit *k, const struct gate_store_put *m, int64_t rc);
void kit_store_get(struct kit *k, const struct gate_store_get *m);
/* Answers what gate asks of store until nothing more comes for a moment. */
void kit_store_serve(struct kit *k);

void kit_turn(struct kit *k, uint64_t number, uint8_t integrity, bool ok);
/* core is done with it; gate has heard so. */
void kit_drop_turn(struct kit *k, uint64_t number);
/* The label it begins with; session and principal 0 mean SESSION and OWNER. */
struct label kit_open_run(struct kit *k, struct core_gate_run_open m, bool ok, enum reason reason);
void kit_close_run(struct kit *k, uint64_t run);

/* Asks for a tool of the workspace. */
void kit_send_judge(struct kit *k, uint64_t run, uint64_t call, uint8_t tool, uint8_t effect);
void kit_expect_verdict(struct kit *k, uint64_t call, enum verdict verdict, enum reason reason);
/* Both; the warrant's bytes when there is one and somewhere to put them. */
enum verdict kit_judge(
	struct kit *k, uint64_t run, uint8_t tool, uint8_t effect, uint8_t warrant[WARRANT_LEN]);
enum verdict kit_verdict_of(struct kit *k, uint64_t run, uint8_t tool, uint8_t effect);

/* The sandbox says what a result of call 9 is labelled, and waits until gate has it. */
void kit_send_label(struct kit *k, uint64_t run, uint8_t integrity, uint8_t readers);
void kit_expect_labeled(struct kit *k, uint64_t run);

#endif
