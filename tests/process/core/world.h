/* One real core with everybody around it played by the test. */
#ifndef TESTS_PROCESS_CORE_WORLD_H
#define TESTS_PROCESS_CORE_WORLD_H

#include "args/args.h"
#include "base/mem.h"
#include "harness.h"
#include "proto/core_agent.h"
#include "proto/core_egress.h"
#include "proto/core_gate.h"
#include "proto/core_sandbox.h"
#include "proto/core_store.h"
#include "proto/edge_core.h"

#define OWNER PRINCIPAL(PRINCIPAL_TOKEN, SCOPE_ALL, 7)
#define CONTROL PRINCIPAL(PRINCIPAL_CONTROL, SCOPE_ALL, 1)

extern const char *world_program; /* the core to run */

struct world {
	struct harness *h;
	int edge;
	uint64_t principal;
	int store;
	uint64_t store_incarnation;
	int gate;
	uint64_t gate_incarnation;
	uint64_t seq;
	struct buf text; /* of the last answer or event: its list, however it travelled */
	struct ipc_received in;
	/* copies of what the last statement of a chat.send said */
	uint64_t run;
};

/* Up, recovered (no open runs), healthy. */
void world_open(struct world *w, uint64_t principal);
/* The same with a clock of its own: harness_pass. */
void world_open_clock(struct world *w, uint64_t principal);
/* Started, and nothing answered yet: OPEN_RUNS is what store gets first. */
void world_open_raw(struct world *w, uint64_t principal);
void world_answer_start(struct world *w);
void world_close(struct world *w);

/* Sends a call with these arguments ("name", "value" pairs of strings, ended with NULL). */
void world_call(struct world *w, unsigned method, ...);
void world_call_list(struct world *w, unsigned method, unsigned scopes, struct span list);
/* The next REPLY; its list is in w->text. */
const struct edge_core_reply *world_reply(struct world *w);
/* The next event of this kind; its list is in w->text. */
const struct edge_core_event *world_event(struct world *w, enum event event);
/* The next chat event, skipping deltas. */
const struct edge_core_event *world_chat_end(struct world *w);
/* The string at a dotted path of w->text ("message.content.0.text"), or "" when absent. Borrowed until the next call. */
struct span world_get(const struct world *w, const char *path);

/* Next statement of this kind to store; others are confirmed (STORED) on the way. */
const void *world_store(struct world *w, uint16_t id);
void world_stored(struct world *w, uint64_t req, int64_t rc);
/* chat.send to its answer "started": w->run is the run's number. */
void world_send(struct world *w, const char *session, const char *message, const char *idem);
/* The run opened at gate, an agent made, history fed, GO: the agent's socket. */
int world_agent(struct world *w, const char *message);
/* Up, and a run ("k", of "hello") in session main that has its agent: that one's socket. */
int world_begin(struct world *w);
/* FINISH of the agent, committed by store. */
void world_finish(struct world *w, int agent, const char *text);

#endif
