/*
 * agent: one process a run. It holds one conversation, turns it into requests of a provider, asks core for a model's answer
 * or for a tool call, one at a time, and ends with FINISH. It has no files, no network, no secret; what it asks for is judged
 * by gate like anybody's wish.
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include <stdbool.h>
#include <stdint.h>

#include "args/args.h"
#include "base/mem.h"
#include "proto/child.h"
#include "proto/tools.h"

#define AGENT_CALLS_PER_TURN 16
#define AGENT_THOUGHTS_PER_TURN 16
#define AGENT_MEMORY_MAX (64ul * 1024 * 1024) /* bytes of one conversation */

/* One item of the conversation; spans live in the agent's arena. */
struct agent_item {
	uint8_t role; /* enum item_role */
	uint8_t kind; /* enum item_kind */
	bool error;
	uint32_t turn;       /* of the model in this run, from 1; 0: of an earlier run */
	struct span name;    /* tool */
	struct span call_id; /* tool call and result */
	struct span text;
	struct span args; /* tool call: argument list */
	struct span
		seal; /* what the provider wants back with it, unread: its signature of a thought or a call */
};

/* Kinds of items that only the run itself has: what a model thought, which some providers want back with the calls. */
#define AGENT_THOUGHT 16

struct agent_call {
	struct span id;
	struct span name;
	uint8_t tool;      /* row of tools.def; TOOL_NONE: no such tool */
	struct span args;  /* argument list */
	struct span seal;  /* as in agent_item */
	const char *wrong; /* why the arguments cannot be used; NULL when they can */
};

struct agent_thought {
	struct span id; /* the provider's, or empty */
	struct span text;
	struct span seal;
};

/* What a provider's turn gives: text, and calls to carry out before the next turn. */
struct agent_turn {
	struct buf text;
	struct agent_call calls[AGENT_CALLS_PER_TURN];
	size_t ncalls;
	struct agent_thought thoughts[AGENT_THOUGHTS_PER_TURN];
	size_t nthoughts;
	uint64_t tokens_in;
	uint64_t tokens_out;
	uint8_t error;  /* enum model_error */
	struct buf why; /* for the owner, when error */
};

struct agent {
	struct child *child;
	uint64_t run;
	uint8_t provider;
	struct span model;
	struct span name;
	struct span timezone;
	uint32_t max_tokens;
	uint64_t now_ms;
	uint64_t tools; /* bit a row of tools.def that the model is shown */
	bool stream;
	uint8_t thinking; /* enum thinking */
	struct span extra_prompt;
	struct arena arena;
	struct agent_item *items;
	size_t nitems;
	size_t capitems;
	uint32_t turns; /* of the model, in this run */
	/* the one thing that is waited for */
	uint64_t next_call;
	bool model_done;
	bool model_status_seen;
	uint32_t model_status;
	uint64_t model_retry_ms;
	int64_t model_rc;
	struct buf model_detail;
	struct buf model_data; /* arrived, not yet used */
	uint64_t model_unacked;
	bool tool_done;
	bool tool_ok;
	bool tool_truncated;
	struct span tool_text; /* in the arena */
	bool gone;             /* core has gone: nothing to do any more */
	uint64_t tokens_in;
	uint64_t tokens_out;
};

/* providers/offline.c: fills turn from the conversation; it may call the functions below. */
void agent_offline_turn(struct agent *a, struct agent_turn *turn);

/* agent_run.c: from GO to FINISH. */
void agent_run(struct agent *a);
struct agent_item *agent_item_add(struct agent *a);

/* For providers. */
void agent_delta(struct agent *a, struct span text);
/* Sends a request body; then agent_model_wait() until data, status or the end has come. */
int agent_model_ask(struct agent *a, struct span body, uint64_t tokens);
/* Waits for more of the answer: true while something new has come, false at its end. Data is in a->model_data. */
bool agent_model_wait(struct agent *a);
/* Data of n bytes has been used. */
void agent_model_used(struct agent *a, size_t n);

/* agent_prompt.c: the system prompt; agent_tools.c: what the model is told of the tools. */
void agent_prompt_put(const struct agent *a, struct buf *out);
bool agent_tool_is_shown(const struct agent *a, unsigned tool);
struct json_out;
/* What stands for the part of a conversation that is not shown any more. */
#define AGENT_EARLIER SPAN("(What was said before this is not shown.)")
/* The list of functions in the form that a format has for it. */
enum agent_tools_form { TOOLS_CHAT, TOOLS_RESPONSES, TOOLS_ANTHROPIC, TOOLS_GEMINI };
void agent_tools_put(const struct agent *a, enum agent_tools_form form, struct json_out *out);

extern const struct jail_spec agent_jail;
extern const struct jail_spec agent_zygote_jail;
extern const struct child_link agent_links[];
extern const size_t agent_nlinks;

#endif
