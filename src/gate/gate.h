/*
 * gate: says yes or no to every effect, and owns the labels of runs. It sees numbers, hashes and labels, never text, so that
 * nothing that somebody wrote can talk it into anything.
 *
 *   gate_judge.c    the verdict: a pure function of policy, run and request
 *   gate_turn.c     what edge said of a message before core had it
 *   gate_run.c      runs and their sessions: opened, fetched, closed
 *   gate_result.c   what lowers their labels: the results that executors and store have for them
 *   gate_row.c      what survives a restart: rows in store under gate's MAC and version
 *   gate_seen.c     which versions of them there were: kept where store does not reach
 *   gate_key.c      warrant keys of executors, counters, warrants
 *   gate_policy.c   the policy from the slice
 *   gate_verdict.c  a verdict leaves when its line is in the audit log
 *   gate_memory.c   labels of what is remembered and recalled
 *   msg.c           one row per message accepted
 */
#ifndef GATE_GATE_H
#define GATE_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "crypto/crypto.h"
#include "label/label.h"
#include "proto/child.h"
#include "proto/core_gate.h"
#include "proto/edge_gate.h"
#include "proto/executor_gate.h"
#include "proto/gate_store.h"
#include "proto/tools.h"
#include "proto/warrant.h"
#include "proto/witness.h"

#define GATE_ID_MAX 64 /* bytes of a destination's id (core_gate.def) */

/* ---- policy ---- */

/* Zeroed memory allows no tool, no destination and no call. */
struct gate_policy {
	uint64_t allow;     /* tools: a bit a row of tools.def */
	uint64_t deny;      /* wins over allow */
	uint64_t providers; /* destination rows of the configuration, a bit a row */
	uint32_t tool_calls;
	uint32_t model_calls;
	uint64_t tokens;
	const struct tool_row *tools; /* what each tool does; a tool beyond ntools does not exist */
	size_t ntools;
};

/*
 * Reads tools.allow_mask, tools.deny_mask (numbers, or 16 hex digits), run.tool_calls, run.model_calls, run.tokens and
 * provider.rows (a mask). Absent: every tool of tools.def, none denied, the limits of limits.h, no provider. ERR_SYNTAX, ERR_RANGE or
 * ERR_TYPE for a value that is there and not good; *out is then zeroed.
 */
int gate_policy_read(struct span slice, struct gate_policy *out);

/* ---- rows that survive a restart ---- */

/* One row in store: fetched once, then ours; versions only rise. */
struct gate_row {
	uint8_t table;
	uint64_t key;
	uint64_t version;
	uint64_t get_req; /* not 0: asked for, no answer yet */
	uint64_t put_req; /* not 0: sent, or to be sent, and not yet known to be stored */
	bool lowered; /* what is not yet stored is worse than what is: results wait for it, on disk */
};

#define GATE_VALUE_MAX 34

/* The MAC over table, key, version and value. */
void gate_row_mac(const uint8_t key[CRYPTO_KEY_LEN], const struct gate_store_put *row,
	uint8_t mac[CRYPTO_MAC_LEN]);
/* Is what the store gave back what gate once wrote into that place. False when key is NULL. */
bool gate_row_is_good(
	const uint8_t *key, uint8_t table, uint64_t row_key, const struct gate_store_row *row);

/* ---- sessions, turns, runs ---- */

struct gate_session {
	struct gate_row row; /* first */
	uint64_t session;    /* 0: free */
	struct label label;
	unsigned refs; /* runs that hold it */
	uint64_t used_ms;
};

/* A destination that the owner typed in this turn. */
struct gate_id {
	uint8_t verb; /* enum effect */
	uint8_t kind; /* enum dest_kind */
	uint8_t len;
	bool used;
	uint8_t id[GATE_ID_MAX];
};

struct gate_turn {
	uint64_t turn; /* 0: free */
	uint64_t principal;
	uint64_t expires_ms;
	uint8_t integrity;
	size_t nids;
	struct gate_id *ids;
};

struct gate_spend {
	uint32_t tool_calls;
	uint32_t model_calls;
	uint64_t tokens;
};

enum gate_run_state { GATE_RUN_FREE = 0, GATE_RUN_OPENING, GATE_RUN_OPEN };

struct gate_run {
	struct gate_row row; /* first */
	enum gate_run_state state;
	uint64_t run;
	uint64_t turn;
	uint64_t principal;
	uint32_t agent;
	bool resumed;
	struct gate_session *session;
	uint64_t session_key;
	struct label label;
	struct gate_spend spend;
	size_t nids;
	struct gate_id *ids;
	uint64_t remember; /* the call that may put one memory; 0: none */
};

/* The label of a session that store has nothing about, and of one whose row is not what gate wrote. */
extern const struct label gate_label_new;
extern const struct label gate_label_doubtful;

/* ---- the verdict ---- */

struct gate_ask {
	uint8_t effect;
	uint8_t tool;
	uint8_t executor;
	uint64_t instance;
	uint8_t dest_kind;
	struct span dest;
	uint64_t tokens;
	bool panic; /* the kill switch is on */
	bool ready; /* that executor is there and has a key */
};

/* Zeroed memory is a no. */
struct gate_answer {
	uint8_t verdict; /* enum verdict */
	uint8_t reason;
	struct gate_id *id; /* the typed destination that was used up, or NULL */
};

/*
 * Judges. run may be NULL (not known). Counts the attempt against the run's budget, whatever the verdict, and marks a typed
 * destination as used when it was what allowed the call. Without other side effects.
 */
struct gate_answer gate_judge(
	const struct gate_policy *policy, struct gate_run *run, const struct gate_ask *ask);

/* ---- warrants ---- */

struct gate_executor {
	uint8_t kind; /* 0: free */
	uint64_t instance;
	uint64_t incarnation;
	uint64_t counter; /* of the last warrant */
	uint8_t key[WARRANT_KEY_LEN];
};

struct gate_keys {
	struct gate_executor list[GATE_EXECUTORS_MAX];
	size_t n;
};

/* A new incarnation replaces the former one of the same instance. ERR_FULL. */
int gate_key_set(struct gate_keys *keys, uint8_t kind, uint64_t instance, uint64_t incarnation,
	const uint8_t key[WARRANT_KEY_LEN]);
struct gate_executor *gate_key_find(struct gate_keys *keys, uint8_t kind, uint64_t instance);
/* Fills in executor, incarnation, counter and expiry, and signs. ERR_FULL when the counter is at its end. */
int gate_key_warrant(
	struct gate_executor *e, struct warrant *w, uint64_t now_ms, uint8_t out[WARRANT_LEN]);

/* ---- the process ---- */

/* The label of a result that store has not yet confirmed. */
struct gate_ack {
	struct ipc_chan *chan;
	uint64_t run;
	uint64_t call;
	uint64_t req;                 /* store's; 0: egress or sandbox */
	struct gate_session *session; /* held by a reference */
};

#define GATE_CLOSED_N 256
#define GATE_HELD_N WITNESS_WAITING_MAX
#define GATE_ASKED_N 64

/* A verdict whose line is on its way to the audit log. */
struct gate_held {
	struct gate *gate; /* NULL: free */
	uint8_t executor;
	uint64_t instance;
	uint64_t principal;
	struct gate_answer answer;
	struct label label;     /* of the run when it was judged */
	struct warrant warrant; /* signed when the line is kept */
};

/* A question about an executor that is being wired: it is judged when that is there, or says no after PEER_WAIT_MS. */
struct gate_asked {
	struct gate *gate; /* NULL: free */
	uint64_t timer;
	struct core_gate_judge ask; /* its bytes are here */
	uint8_t plan[WARRANT_HASH_LEN];
	uint8_t dest[GATE_ID_MAX];
};

struct gate {
	struct child *child;
	struct witness *witness;
	struct gate_policy policy;
	struct gate_keys keys;
	bool has_row_key; /* false: nothing stored can be believed */
	uint8_t row_key[CRYPTO_KEY_LEN];
	int seen_fd; /* negative: no session can be believed */
	uint64_t next_req;
	uint64_t retry_timer;
	struct gate_session sessions[GATE_SESSIONS_MAX];
	size_t nsessions; /* slots ever used */
	struct gate_run runs[GATE_RUNS_MAX];
	size_t nruns; /* slots ever used */
	struct gate_turn turns[GATE_TURNS_MAX];
	size_t nturns; /* slots ever used */
	struct gate_ack acks[GATE_ACKS_MAX];
	size_t nacks;
	struct gate_held held[GATE_HELD_N];
	struct gate_asked asked[GATE_ASKED_N];
	struct {
		uint64_t run;
		uint64_t session;
	} closed[GATE_CLOSED_N]; /* the last runs that ended: a result may still be on its way */
	size_t closed_at;
};

/* What the messages do returns 0, or a code that ends the channel of a peer that broke the rules. */

/* gate_turn.c */
int gate_turn_add(struct gate *g, uint64_t principal, uint64_t turn, uint8_t integrity);
void gate_turn_drop(
	struct gate *g, uint64_t turn); /* no run comes for it; an unknown one is legal */
int gate_turn_add_id(struct gate *g, uint64_t principal, const struct edge_gate_turn_id *m);
struct gate_turn *gate_turn_find(struct gate *g, uint64_t turn);
void gate_turn_clear(struct gate_turn *t);

/* gate_run.c */
int gate_run_open(struct gate *g, const struct core_gate_run_open *m);
void gate_run_close(struct gate *g, uint64_t run);
void gate_run_close_all(struct gate *g); /* core is gone */
struct gate_run *gate_run_find(struct gate *g, uint64_t run);
/* A row came, or is known to be on disk: go on with whoever waited for it. */
void gate_run_fetched(struct gate *g, struct gate_run *run, const struct gate_store_row *m);
void gate_session_fetched(struct gate *g, struct gate_session *s, const struct gate_store_row *m);
/* The session, asked for from store when it is not here; a reference is taken. NULL when there is no room. */
struct gate_session *gate_session_take(struct gate *g, uint64_t session);
/* The bytes of a run's row. */
size_t gate_run_value(const struct gate_run *run, uint8_t out[GATE_VALUE_MAX]);
size_t gate_session_value(const struct gate_session *s, uint8_t out[GATE_VALUE_MAX]);

/* gate_result.c */
/* What an executor or store has for a run, before core gets it. */
struct gate_result {
	struct ipc_chan *from;
	uint8_t kind;
	uint64_t run;
	uint64_t call;
	uint64_t req; /* of store, which is answered RECALL_OK; 0: LABELED */
	struct label label;
};
/* Lowers the run and its session, and acknowledges when that is on disk. */
int gate_run_result(struct gate *g, const struct gate_result *result);
/* Acknowledges what is on disk by now. */
void gate_run_stored(struct gate *g);
/* Nobody waits for them: of that executor (NULL: none), of that run (0: none). */
void gate_acks_drop(struct gate *g, const struct ipc_chan *chan, uint64_t run);

/* gate_verdict.c */
void gate_verdict_judge(struct gate *g, struct ipc_chan *core, const struct core_gate_judge *m);
void gate_verdict_executor_up(struct gate *g, uint8_t kind); /* judges what waited for one */
void gate_verdict_drop(struct gate *g); /* core is gone: nobody waits for them */

/* gate_memory.c */
int gate_memory_seal(struct gate *g, struct ipc_chan *store, const struct gate_store_seal *m);
int gate_memory_recalled(
	struct gate *g, struct ipc_chan *store, const struct gate_store_recalled *m);

/* gate_row.c: talking to store. */
void gate_row_fetch(struct gate *g, struct gate_row *row);
void gate_row_put(struct gate *g, struct gate_row *row,
	bool lowered); /* takes the present value of its run or session */
void gate_row_delete(struct gate *g, struct gate_row *row);
void gate_row_resume(struct gate *g); /* store is back: asks and sends again */
void gate_row_got(struct gate *g, const struct gate_store_row *m);
void gate_row_stored(struct gate *g, const struct gate_store_stored *m);

/* gate_seen.c: the newest version of a session's row; 0: it never had one. ERR_MISSING, ERR_RANGE, ERR_IO: not known. */
int gate_seen_get(const struct gate *g, uint64_t session, uint64_t *version);
/* Remembers it, on disk. ERR_IO. */
int gate_seen_put(const struct gate *g, uint64_t session, uint64_t version);

/* msg.c */
#define GATE_NLINKS 6
extern const struct child_link gate_links[GATE_NLINKS];
/* jail.c */
extern const struct jail_spec gate_jail;

#endif
