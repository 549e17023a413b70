/*
 * core: the coordinator. One event loop; nothing here blocks, opens a file or talks to the network. What it keeps in
 * memory can be rebuilt from store; every effect it asks for is judged by gate first.
 */
#ifndef CORE_CORE_H
#define CORE_CORE_H

#include "args/args.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/core_state.h"
#include "ipc/ipc.h"
#include "proto/child.h"
#include "proto/core_agent.h"
#include "proto/core_egress.h"
#include "proto/core_gate.h"
#include "proto/core_sandbox.h"
#include "proto/core_store.h"
#include "proto/edge_core.h"
#include "proto/ids.h"

extern const struct jail_spec core_jail;
#define CORE_NLINKS 6
extern const struct child_link core_links[CORE_NLINKS];

/* rpc/rpc_processes.c: a row of the count that it asked for. 0, or the code with which the supervisor's channel ends. */
int core_census_row(struct core *core, const struct child_census_row *row);
/* rpc/rpc_control.c: the kill switch is off; who asked for that is answered. */
void core_resumed(struct core *core);

/* ---- core_caller.c: calls that wait for their answer ---- */

/* Owned by whoever will answer; ends with core_reply_*(final) or core_caller_free. */
struct core_caller *core_caller_new(
	struct core *core, uint64_t principal, uint32_t conn, uint64_t seq);
void core_caller_free(struct core_caller *caller);
/* Takes caller into a list of those who wait for the same answer. */
void core_asker_add(struct core_asker **list, struct core_caller *caller);
/* One of them, the caller's again; NULL: there is none. */
struct core_caller *core_asker_take(struct core_asker **list);
/* The connection is gone (conn NULL: all of this edge): its callers are answered into the void. */
void core_callers_drop(struct core *core, uint64_t principal, const uint32_t *conn);
/* The final answers free the caller. result: an argument list, borrowed; empty means an empty object. */
void core_reply_ok(struct core_caller *caller, struct span result);
void core_reply_first(
	struct core_caller *caller, struct span result); /* an earlier answer of two */
void core_reply_delegate(struct core_caller *caller); /* the edge itself carries it out at vault */
void core_reply_error(struct core_caller *caller, enum rpc_code code, const char *message);
void core_reply_error_with(
	struct core_caller *caller, enum rpc_code code, struct span message, struct span result);

/* ---- core_ask.c: statements to store, re-sent until they are answered ---- */

uint64_t core_ask_req(
	struct core *core); /* a number never used before, not even by an earlier core */
/*
 * Sends the statement id (its struct at msg, with req from core_ask_req, descriptors borrowed) and keeps a copy until its
 * last answer. fn may be NULL when nobody waits. once: not repeated when store dies; fn then gets CORE_ASK_LOST and the
 * ask is over. Others get CORE_ASK_AGAIN: what was streamed so far comes again.
 */
#define CORE_ASK_LOST 0xffffu
#define CORE_ASK_AGAIN 0xfffeu
struct core_ask *core_ask(struct core *core, uint16_t id, const void *msg, uint64_t req,
	core_ask_fn *fn, void *arg, bool once);
/* For a statement that one STORED answers: 1 and its code; 0 when it is asked again, so that it is still to come; ERR_PROTO. */
int core_ask_stored(uint16_t id, const void *msg, int64_t *rc);
/* Nobody waits any more; the statement itself stays. NULL is legal. */
void core_ask_forget(struct core_ask *ask);
int core_ask_answer(struct core *core, uint64_t req, uint16_t id, const void *msg); /* from msg.c */
void core_ask_store_up(struct core *core);
void core_ask_store_gone(struct core *core);

/* ---- core_session.c, core_lane.c ---- */

/*
 * The canonical key of what a client calls a session: lower case, bare names inside the agent's space ("main" ->
 * "agent:main:main"). 0; ERR_SYNTAX; ERR_TOOBIG; ERR_NOTFOUND for another agent than ours.
 */
int core_session_key(struct span spelling, struct buf *out);
struct core_session *core_session_get(struct core *core, struct span key, bool make);
void core_session_unused(
	struct core *core, struct core_session *session); /* frees it when it has no runs */
/* Starts what may start: one run a session, RUNS_CONCURRENT_MAX in all. */
void core_lane_pump(struct core *core);
unsigned core_lane_queued(const struct core *core);

/* ---- core_run.c: the life of a run ---- */

struct core_run_request {
	uint64_t principal;
	uint64_t turn;
	unsigned method;      /* METHOD_CHAT_SEND, METHOD_AGENT or METHOD_TOOLS_INVOKE */
	struct span spelling; /* of the session key, as the client wrote it */
	struct span key;      /* canonical */
	struct span idem;
	struct span text;
	struct span extra;    /* extra system prompt; may be empty */
	struct span thinking; /* the level for this turn; empty: the session's */
	uint64_t timeout_ms;  /* 0: RUN_WALL_MS */
	bool fresh;           /* in a new session */
	uint8_t tool;         /* METHOD_TOOLS_INVOKE: the one call of a run without an agent */
	struct span args;     /* its arguments */
};
/* Has store accept the message; caller is answered after the commit. Takes caller. ERR_FULL, ERR_TOOBIG: caller still yours. */
int core_run_accept(
	struct core *core, const struct core_run_request *request, struct core_caller *caller);
/* A run that store has and we do not: after our restart. */
void core_run_recover(struct core *core, const struct core_store_run *row);
struct core_run *core_run_by_id(struct core *core, uint64_t id);
struct core_run *core_run_by_idem(
	struct core *core, struct span idem, const struct core_session *session);
void core_run_open(struct core_run *run); /* its lane is free */
void core_turn_drop(
	struct core *core, uint64_t turn); /* no run will be opened with it; 0: nothing */
void core_run_opened(struct core_run *run, const struct core_gate_run_ready *msg);
/* Asks for the agent while the message is still being committed, when the run could begin at once. */
void core_run_agent_early(struct core_run *run);
void core_run_agent_up(struct core *core, struct ipc_chan *agent);
void core_run_send_pack(struct core *core); /* to the agent of pack_run, if there is anything */
void core_run_agent_gone(struct core *core, uint64_t id);
void core_run_agent_refused(struct core *core, uint64_t id, int why);
/*
 * Asks for a process, and again until it comes: while the supervisor has not yet noticed that the one before it died, it
 * takes the request for one that is met already.
 */
void core_run_spawn(struct core_run *run, uint8_t kind, uint64_t instance);
void core_run_gate_up(struct core *core);
void core_run_gate_gone(struct core *core);
int core_run_note(struct core_run *run, const struct core_agent_note *msg);
int core_run_agent_finish(struct core_run *run, const struct core_agent_finish *msg);
/* Ends it: commits the final item and state, then tells everybody. text is borrowed. Later calls do nothing. */
void core_run_finish(
	struct core_run *run, enum run_state state, struct span reason, struct span text);
/* why: "rpc", "stop" or "timeout". False when it is already over. */
bool core_run_abort(struct core_run *run, const char *why);
/* Aborts the session's runs (or only the one with this idempotency key): their ids as an array in out. */
unsigned core_run_abort_session(struct core *core, struct core_session *session, struct span idem,
	const char *why, struct args_out *out);
/* agent.wait: answers when it ends, or after timeout_ms with the status timeout. Takes caller. */
void core_run_wait(struct core_run *run, struct core_caller *caller, uint64_t timeout_ms);
/* Answers of agent.wait: {runId, status, startedAt?, endedAt?, error?}. Take caller. */
void core_wait_result(struct core_caller *caller, struct span run_id, unsigned state,
	uint64_t started_ms, struct span error);
void core_wait_timeout(struct core_caller *caller, struct span run_id);
void core_run_abort_all(struct core *core, const char *why);
/* Agent, egress or something else died under it: again from the start, or reported when that cannot be. */
void core_run_again(struct core_run *run, const char *what);
void core_run_item(struct core_run *run,
	const struct core_store_item_put *item);          /* req, run, at, label are filled in */
void core_run_produced(struct core_run *run, size_t len); /* counts against RUN_TEXT_MAX */

/* ---- core_model.c, core_tool.c: what a run's agent asks for ---- */

int core_model_call(struct core_run *run, const struct core_agent_model_call *msg, int body);
void core_model_verdict(struct core_run *run, const struct core_gate_verdict *msg);
void core_model_credit(struct core_run *run, uint64_t bytes);
void core_model_egress_up(struct core *core, struct ipc_chan *egress);
void core_model_egress_gone(struct core *core, uint64_t row);
void core_model_egress_refused(struct core *core, uint64_t row, int why);
struct core_run *core_model_of(struct core *core, const struct ipc_chan *egress, uint64_t id);
void core_model_end(struct core_run *run, int64_t rc, struct span detail);

int core_tool_call(struct core_run *run, const struct core_agent_tool_call *msg, int body);
/* The one call of a run that has no agent; its result is the run's. */
void core_tool_direct(struct core_run *run);
/* May /tools/invoke call it? */
bool core_tool_is_direct(const struct core *core, unsigned tool);
void core_tool_verdict(struct core_run *run, const struct core_gate_verdict *msg);
void core_tool_done(struct core_run *run, const struct core_sandbox_done *msg);
void core_tool_output(struct core_run *run, struct span data);
void core_tool_sandbox_gone(struct core *core);
void core_tool_proved(
	struct core *core); /* the tier or the proof is known: calls that waited go on */
struct core_run *core_tool_of(struct core *core, uint64_t call);
void core_tool_unmark(struct core_run *run); /* nothing was carried out: the run may be repeated */
uint64_t core_tools_offered(const struct core *core); /* a bit a row of tools.def */

/* Ends what is under way for the run (its agent is not told). */
void core_call_cancel(struct core_run *run);
void core_call_clear(struct core_call *call);
/* Asks gate; repeated when gate comes back. */
void core_call_judge(struct core_run *run);

/* ---- core_event.c ---- */

void core_event_send(struct core *core, enum event event, bool droppable, struct span run,
	struct span session, struct span args);
void core_event_lifecycle(struct core_run *run, const char *phase, struct span error);
void core_event_delta(struct core_run *run, struct span text); /* throttled */
void core_event_flush(struct core_run *run);
void core_event_tool_start(struct core_run *run, struct span args);
void core_event_tool_result(struct core_run *run, bool ok, struct span text);
void core_event_chat_end(struct core_run *run);
/* A final message that no run wrote. */
void core_event_chat_note(
	struct core *core, struct span run_id, struct span session, struct span text);
void core_event_tick_start(struct core *core);

/* ---- core_presence.c, core_health.c ---- */

void core_presence_client(
	struct core *core, uint64_t principal, const struct edge_core_client *msg);
/* What a system event says about somebody. args: its parameters. */
void core_presence_event(struct core *core, struct span args);
void core_presence_edge_gone(struct core *core, uint64_t principal);
void core_presence_put(
	struct core *core, struct args_out *out); /* the entries into an array that is open */
void core_presence_clear(struct core *core);

/* ---- core_sysevent.c ---- */

void core_sysevent_put(struct core *core, struct span text);
void core_sysevents_list(const struct core *core, struct args_out *out); /* into an array */
/* Appends them, a line each, and forgets them. */
void core_sysevents_take(struct core *core, struct buf *out);

/* ---- core_once.c: answers for repetitions, five minutes ---- */

/* The answer that this principal got for this key; empty when there is none. Borrowed until the next call. */
struct span core_once_find(struct core *core, uint64_t principal, struct span key);
void core_once_keep(struct core *core, uint64_t principal, struct span key, struct span result);
void core_once_clear(struct core *core);

void core_health_start(struct core *core);
void core_health_refresh(struct core *core); /* asks store, then tells everybody */
void core_health_touch(
	struct core *core); /* sessions have changed: asks store soon, tells nobody */
void core_health_changed(struct core *core);         /* tells everybody */
struct span core_health_snapshot(struct core *core); /* the list that `health` answers with */
void core_health_put(struct core *core, struct args_out *out); /* the same into an open object */
void core_health_sandbox_put(const struct core *core, struct args_out *out);
void core_snapshot_send(struct core *core, struct ipc_chan *edge); /* NULL: to every edge */

/* ---- core_options.c ---- */

uint8_t core_provider(const struct core *core); /* enum provider */
struct span core_provider_name(const struct core *core);
struct span core_model_name(const struct core *core);
struct span core_agent_name(const struct core *core);
struct span core_version(const struct core *core);
/* Is this the model that runs have, by its name with or without its provider. */
bool core_model_is_known(const struct core *core, struct span name);
/* Sessions not used since then begin anew (session.reset); 0: none. */
uint64_t core_session_stale(const struct core *core);
/* Nothing that a message or its answer holds is to reach the disk. */
bool core_is_fleeting(const struct core *core);
/* Behind a word that begins a new session (session.resetTriggers): *rest is what follows. */
bool core_is_reset(const struct core *core, struct span message, struct span *rest);
/* Does this session show its tool calls. options: what was set for it. */
bool core_is_verbose(const struct core *core, struct span options);
/* enum thinking: what was said for the turn, else the session's level, else the configured one. */
uint8_t core_thinking(const struct core *core, struct span said, struct span options);
uint64_t core_wall_ms(const struct core *core);
unsigned core_runs_at_once(const struct core *core);

/* ---- core_recover.c ---- */

void core_recover_start(struct core *core);

/* ---- core_picture.c: the assistant's picture ---- */

void core_picture_ask(struct core *core, struct core_caller *caller); /* answers it, later */
int core_picture_is(struct core *core, const struct core_sandbox_picture_is *msg);
void core_picture_sandbox_gone(struct core *core);

/* ---- core_prove.c: the self-proof of the sandbox ---- */

void core_prove_start(
	struct core *core, unsigned level, struct core_caller *caller); /* caller NULL: at start */
int core_prove_probe(struct core *core, const struct core_sandbox_probe *msg);
int core_prove_done(struct core *core, const struct core_sandbox_proved *msg);
void core_prove_sandbox_up(struct core *core, struct ipc_chan *sandbox);
void core_prove_sandbox_gone(struct core *core);
void core_prove_tier(struct core *core, const struct core_sandbox_tier *msg);

/* ---- core_text.c: values that travel inline or as a sealed body ---- */

/* A received pair of text and body as one span: 0, ERR_PROTO, ERR_TOOBIG. Unmap with core_text_close. */
struct core_text {
	struct span span;
	bool mapped;
};
int core_text_open(struct core_text *out, struct span text, int body, size_t max);
void core_text_close(struct core_text *text);
/* For sending: text inline when it is at most inline_max long (*body -1), else *body is a new
 * descriptor that the caller closes. Ends the process when there is none. */
struct span core_text_split(struct span text, size_t inline_max, int *body);
/* Copies every leaf of list to where out stands (its container must be open and not be an array). */
void core_args_graft(struct args_out *out, struct span list);
/* Starts a list of at most IPC_BODY_MAX bytes. */
void core_args_init(struct args_out *out, struct buf *buf);

#endif
