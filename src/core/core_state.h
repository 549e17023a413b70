/* What core keeps in memory. */
#ifndef CORE_CORE_STATE_H
#define CORE_CORE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/mem.h"
#include "ipc/ipc.h"
#include "label/label.h"
#include "proto/child.def.h"
#include "proto/child.h"
#include "proto/ids.h"

struct core;
struct core_ask;
typedef int core_ask_fn(struct core *core, struct core_ask *ask, uint16_t id, const void *msg);

struct core_caller {
	struct core *core;
	uint64_t principal; /* the edge's instance */
	uint32_t conn;
	uint64_t seq;
	bool gone; /* nobody hears the answer */
	struct core_caller *prev;
	struct core_caller *next;
};

struct core_ask {
	struct core *core;
	uint64_t req;
	uint16_t id;
	bool once;
	bool sent;
	core_ask_fn *fn;
	void *arg;
	uint8_t *datagram; /* as encoded, with its id */
	size_t len;
	int fd; /* -1: none */
	struct core_ask *prev;
	struct core_ask *next;
};

struct core_session {
	uint8_t *key; /* canonical */
	size_t keylen;
	unsigned nruns;
	bool busy;                 /* one of its runs is under way */
	struct core_session *next; /* of its bucket */
};

enum core_phase {
	PHASE_ACCEPTING, /* store has not answered yet */
	PHASE_QUEUED,    /* waits for its lane */
	PHASE_OPENING,   /* gate opens it */
	PHASE_SPAWNING,  /* an agent is being made */
	PHASE_RUNNING,   /* the agent has or gets its history */
	PHASE_FINISHING, /* the final answer is being committed */
};

enum core_call_kind { CALL_NONE, CALL_MODEL, CALL_TOOL };
enum core_call_stage {
	STAGE_EGRESS,  /* the egress is being made */
	STAGE_PROOF,   /* the sandbox has not proved itself yet */
	STAGE_JUDGE,   /* gate has been, or will be, asked */
	STAGE_MARK,    /* allowed; the state EFFECT is being committed */
	STAGE_EXECUTE, /* somebody is doing it */
};

/* The one thing that a run's agent waits for. */
struct core_call {
	enum core_call_kind kind;
	enum core_call_stage stage;
	uint64_t number;       /* ours: unique among all calls */
	uint64_t agent_number; /* the agent's own */
	uint8_t tool;          /* row of tools.def */
	uint8_t effect;        /* enum effect */
	uint8_t executor;      /* enum kind */
	bool marked;           /* EFFECT is or may be in store */
	bool stream;
	bool asked; /* gate has the question */
	uint64_t tokens;
	uint8_t dest_kind; /* enum dest_kind */
	bool status_sent;  /* the agent has heard the status of this answer */
	uint64_t row;      /* of the destination */
	uint64_t tag;      /* which one that is, as core read it */
	int body;          /* owned; -1: none */
	struct buf name;
	struct buf call_id;
	struct buf args;
	struct buf output; /* of the memory tools, piece by piece */
	uint8_t plan[WARRANT_HASH_LEN];
	uint8_t warrant[WARRANT_LEN];
	struct core_ask *ask;
};

struct core_run {
	struct core *core;
	uint64_t id;
	struct core_session *session;
	uint64_t session_number; /* store's */
	struct buf spelling;
	struct buf idem;
	uint64_t principal;
	uint64_t turn;
	unsigned method;
	uint8_t tool;    /* METHOD_TOOLS_INVOKE: the one call of a run without an agent */
	struct buf args; /* its arguments */
	bool resumed;
	struct buf asked_thinking; /* the level that its message asked for, or empty */
	uint8_t thinking;          /* enum thinking */
	bool quiet;                /* its tool calls are not shown: the session's verbose level */
	unsigned gate_epoch;       /* its turn was registered at the gate of this time */
	uint64_t accepted_ms;
	uint64_t started_ms; /* wall clock; 0: not yet */
	uint64_t timeout_ms;
	uint64_t timer;
	enum core_phase phase;
	const char *abort_why; /* abort asked for before store had answered */

	uint8_t label[LABEL_PACKED_LEN];
	bool open_at_gate;
	bool slotted; /* has one of the RUNS_CONCURRENT_MAX places, and its session's lane */
	bool agent_up;
	bool agent_asked;       /* a spawn is under way */
	bool agent_early;       /* it is there before the run may begin, and knows nothing yet */
	struct core_ask *feed;  /* the history under way to the agent */
	uint64_t fed;           /* items of it that are done with */
	uint64_t feed_at;       /* items seen since the last (re)start of the stream */
	struct core_held *held; /* a tool call whose result has not come by yet */
	unsigned deaths;
	uint64_t proof_timer; /* of a call in STAGE_PROOF */
	uint64_t retry_timer;
	uint64_t nudge_timer; /* a process that was asked for has not come yet */
	unsigned tool_calls;
	unsigned model_calls;
	size_t produced;
	struct core_call call;

	/* events */
	uint64_t seq;
	struct buf text; /* of the assistant's present message */
	size_t told;     /* bytes of it that events have carried */
	uint64_t delta_at;
	uint64_t delta_timer;
	bool lifecycle_started;

	/* the end */
	enum run_state state;
	struct buf final;
	struct buf reason;
	struct buf model;
	uint64_t tokens_in;
	uint64_t tokens_out;

	struct core_waiter *waiters;
	struct core_run *prev; /* in the order in which they were accepted */
	struct core_run *next;
	struct core_run *hash_next;
};

enum core_wait { WAIT_FIRST_CHAT, WAIT_FIRST_AGENT, WAIT_FINAL, WAIT_STATUS };
struct core_waiter {
	enum core_wait what;
	struct core_run *run;
	struct core_caller *caller;
	uint64_t timer;
	struct core_waiter *next;
};

#define CORE_BUCKETS 256
#define CORE_RECENT 10

struct core_presence {
	uint64_t principal; /* 0: said by a system event */
	uint32_t conn;
	bool up;
	uint64_t ts;
	struct buf key;
	struct buf fields;          /* what it shows besides reason and ts: an argument list */
	struct core_presence *next; /* newest first */
};

struct core_sysevent {
	uint8_t *text;
	size_t len;
};

struct core_once {
	uint64_t principal;
	uint64_t at; /* CLOCK_MONOTONIC */
	struct buf key;
	struct buf result;
};

struct core_recent {
	uint8_t *key; /* NULL: not used */
	size_t keylen;
	uint64_t updated;
	uint64_t tokens_in;
	uint64_t tokens_out;
};

/* Who waits for an answer that is for all who asked: core_asker_add, core_asker_take. */
struct core_asker {
	struct core_caller *caller;
	struct core_asker *next;
};

struct core {
	struct child *child;
	struct ev *ev;
	bool draining;
	uint8_t config_state; /* enum config_state */

	struct core_caller *callers;
	struct core_ask *asks;
	struct core_ask *asks_last;
	unsigned gate_epoch; /* how often gate has gone */
	uint64_t next_req;
	uint64_t next_call;
	uint64_t last_run; /* the newest run's number */

	struct core_run *runs;
	struct core_run *runs_last;
	unsigned nruns;
	unsigned nrunning;
	bool packing; /* items for an agent wait in pack until all that came together are there */
	uint64_t pack_run;
	struct ipc_pack pack;
	struct core_run *run_buckets[CORE_BUCKETS];
	struct core_session *session_buckets[CORE_BUCKETS];

	uint64_t event_number;
	struct core_presence *presence;
	unsigned npresence;
	uint64_t presence_version;

	uint64_t tick_timer;
	struct core_sysevent sysevents[SYSEVENTS_MAX];
	unsigned nsysevents;
	struct core_once once[DEDUPE_MAX]; /* oldest first */
	unsigned nonce;

	struct child_census_row census[KIND_N]; /* of each kind, as the supervisor counted */
	struct core_asker *resume_waits;        /* for the end of the kill switch */
	struct core_asker *census_waits;
	uint64_t census_at;   /* the loop's clock; 0: never */
	uint64_t census_wall; /* the same moment by the wall clock */

	uint64_t started_ms; /* wall clock */
	uint64_t health_version;
	struct buf health;
	struct core_recent recent[CORE_RECENT]; /* sessions of the last refresh, newest first */
	unsigned recent_n;
	struct core_recent coming[CORE_RECENT]; /* of the one under way */
	unsigned coming_n;
	uint64_t touched_timer; /* sessions have changed since */
	bool refresh_told;      /* clients are to hear of the refresh under way */
	uint64_t count_sessions;
	uint64_t refresh_started; /* CLOCK_MONOTONIC */
	unsigned refreshing;      /* statements of the refresh that store has not answered */
	uint64_t health_timer;
	uint64_t health_took_ms;
	bool recovered;

	/* sandbox */
	bool tier_known;
	unsigned tier;
	uint32_t layers;
	uint32_t missing;
	uint64_t tools;
	struct buf tier_why;
	bool proof_passed;
	bool proof_done;
	uint64_t proof_req;
	struct core_proof *proofs;   /* under way, oldest first */
	struct core_asker *pictures; /* who waits for it */
	uint64_t picture_req;

	uint64_t shutdown_timer;
};

#endif
