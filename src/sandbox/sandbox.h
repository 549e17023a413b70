/* The sandbox of one workspace: calls with warrants in, cells, labels and lines out. Private to src/sandbox. */
#ifndef SANDBOX_H
#define SANDBOX_H

#include "base/limits.h"
#include "base/mem.h"
#include "proto/child.h"
#include "proto/witness.h"
#include "proto/core_sandbox.h"
#include "proto/warrant.h"
#include "proto/tools.h"
#include "sandbox_files.h"
#include "sandbox_launch.h"

#define SANDBOX_CALLS_MAX 16

enum sandbox_phase {
	SANDBOX_FREE,
	SANDBOX_WITNESSING, /* audit is told that it begins */
	SANDBOX_QUEUED,
	SANDBOX_LOOKING, /* for labels, before it runs */
	SANDBOX_RUNNING,
	SANDBOX_MARKING, /* what it wrote */
	SANDBOX_LABELLING
};

struct sandbox_call {
	struct sandbox *sandbox;
	enum sandbox_phase phase;
	uint64_t run, call;
	uint8_t tool;
	bool ahead; /* its cell was made before it came */
	uint32_t timeout_ms;
	uint64_t key; /* announced to the supervisor */
	struct sandbox_cell *cell;
	uint8_t *args;
	size_t args_len;
	uint8_t plan[WARRANT_HASH_LEN];
	struct buf out;
	struct sandbox_result result;
	struct label run_label; /* from the warrant */
	struct label label;     /* of the result */
	bool writes;            /* what it leaves in the workspace has to be marked */
	bool look_failed;
	uint64_t began_ns; /* CLOCK_MONOTONIC */
};

struct sandbox_proof;
struct sandbox_picture;

struct sandbox {
	struct child *child;
	struct witness *witness;
	struct sandbox_env env;
	/* the same with the largest limits: what holds a cell in is proven whatever a call may use */
	struct sandbox_env proof_env;
	uint64_t tools;             /* bits of tools that the configuration leaves */
	enum jail_tier tier_min;    /* below it no programs */
	struct sandbox_cell *spare; /* made ahead; NULL when none is ready or being made */
	uint64_t next_key;
	const char *
		/* why the tier is less than full, or no cell can be made; NULL when it is full */
		why;
	uint32_t layers, missing;
	bool proven; /* the last self-proof that ended has passed */
	bool has_key;
	uint8_t gate_key[WARRANT_KEY_LEN];
	struct warrant_window window;
	struct sandbox_call calls[SANDBOX_CALLS_MAX];
	struct sandbox_proof *proof; /* one at a time; NULL when none runs */
	struct sandbox_asked {
		uint64_t req;
		uint8_t level;
	} asked[PROOFS_MAX]; /* those that follow, in this order */
	unsigned asked_n;
	struct sandbox_picture *picture; /* being read; NULL when nobody asks */
	bool picture_missing;            /* and the log says so */
	struct sandbox_files files;
	bool times_tell;           /* no program can write without the file's time changing */
	char workspace_path[4000]; /* its name outside, for attempts at what lies beside it */
};

extern struct jail_spec sandbox_jail;
void sandbox_jail_allow_uid(
	uid_t uid, gid_t gid); /* before the jail: the one id that cells may be given */

extern const struct child_link sandbox_links[];
extern const size_t sandbox_nlinks;

/* sandbox_limits.c: the slice. 0, or a negative code when anything in it is not as it must be; then nothing has changed. */
int sandbox_limits_read(struct sandbox *s, struct span slice);
/* Of the machine's tier, the configuration's least and its tools. */
bool sandbox_tool_may_run(const struct sandbox *s, unsigned tool);

/* sandbox_call.c */
int sandbox_call_start(struct sandbox *s, const struct core_sandbox_run *msg);
void sandbox_call_cancel(struct sandbox *s, uint64_t call);
void sandbox_call_labeled(struct sandbox *s, uint64_t run, uint64_t call);
void sandbox_call_end_all(struct sandbox *s);
bool sandbox_call_is_running(const struct sandbox *s);
void sandbox_call_next(struct sandbox *s); /* starts what may start now */
/* what sandbox_look.c goes on with */
void sandbox_call_launch(struct sandbox_call *c);
void sandbox_call_finish(struct sandbox_call *c);
void sandbox_call_fail(
	struct sandbox_call *c, int rc); /* before it ran, or when its marks cannot be kept */
void sandbox_spare_make(struct sandbox *s);
void sandbox_spare_renew(struct sandbox *s); /* it was made with other limits */
void sandbox_tier_send(struct sandbox *s);

/* sandbox_look.c */
bool sandbox_look_is_alone(const struct sandbox_call *c); /* no other call beside it */
bool sandbox_look_is_needed(const struct sandbox_call *c);
void sandbox_look_before(struct sandbox_call *c);
/* The last step before the tool: what it may leave behind is announced on disk. 0, or why it may not run. */
int sandbox_look_begin(struct sandbox_call *c);
void sandbox_look_after(struct sandbox_call *c);

/* sandbox_picture.c: the assistant's picture, read by a cell. Core has one request under way, and gets one PICTURE_IS for it. */
void sandbox_picture_ask(struct sandbox *s, uint64_t req);
bool sandbox_picture_is_running(const struct sandbox *s);
void sandbox_picture_next(struct sandbox *s);   /* goes on, when it waited for a call or a proof */
void sandbox_picture_forget(struct sandbox *s); /* core is gone: nobody waits for it */

/* sandbox_proof.c */
void sandbox_proof_start(struct sandbox *s, uint64_t req, uint8_t level);
void sandbox_proof_forget(struct sandbox *s); /* core is gone: nobody waits for it */
void sandbox_proof_next(struct sandbox *s);   /* goes on, when it waited for a call */

#endif
