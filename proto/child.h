/*
 * The life cycle that every process started by the supervisor shares: non-dumpable at once, handles and HELLO read, the
 * process's own setup, jail, READY, then keys and peers, START, the event loop, and the end when the supervisor's socket
 * closes. A process's <p>.c fills in one const struct child_spec and calls child_main().
 *
 * Descriptors at birth: 0 and 1 /dev/null, 2 the console, 3 the supervisor's socket, 4 the log file (when there is one).
 */
#ifndef PROTO_CHILD_H
#define PROTO_CHILD_H

#include <stdbool.h>
#include <stdint.h>

#include "ev/ev.h"
#include "ipc/ipc.h"
#include "jail/jail.h"
#include "proto/ids.h"
#include "proto/warrant.h"

#define CHILD_CONTROL_FD 3
#define CHILD_LOG_FD 4
#define CHILD_HANDLES_MAX 64

struct child;
struct child_census_row;

/* One kind of peer that this process may have: a row of peers.def seen from here, and the messages accepted on it. */
struct child_link {
	uint8_t kind; /* the peer's */
	const struct ipc_proto *proto;
	enum ipc_side side; /* ours */
	enum ipc_full full; /* ours, as peers.def says */
	/* msg.c: one row per message accepted; arg is struct child * */
	const struct ipc_handler *handlers;
	size_t nhandlers;
};

struct child_spec {
	uint8_t kind;
	const char *name; /* in the log */
	/* How much of the heap its start uses. None for a zygote: those that it forks would copy what they do not use. */
	size_t heap;
	const struct jail_spec *jail; /* NULL only for a child forked from a jailed zygote */
	/*
	 * Begun ahead, and jailed before it knows who it will be: setup needs nothing that the jail forbids. One that a zygote
	 * has forked gets an empty jail_env; one that was executed (jail_told) waits for JAIL, which says what that holds.
	 */
	bool jail_first;
	bool jail_told;
	/* Then, jailed and before it is told: what it will need from the machine may be had already. */
	void (*ahead)(void);
	const struct child_link *links;
	size_t nlinks;
	/*
	 * After HELLO and all handles, before the jail: open what the jail forbids to open, read the slice, fill
	 * jail_env->dirfds. 0 or a negative code: the process reports FAILED and ends.
	 */
	int (*setup)(struct child *child, struct jail_env *jail_env);
	/* Jailed, ready, and every peer that exists at this time is up. */
	void (*start)(struct child *child);
	/* A peer came (at the start or after its restart); chan's tag is the instance. */
	void (*peer_up)(struct child *child, uint8_t kind, struct ipc_chan *chan);
	/* It is gone (crashed or ended); chan is freed after this returns. What was asked of it will not be answered. */
	void (*peer_gone)(struct child *child, uint8_t kind, struct ipc_chan *chan);
	/* after ERR_AGAIN (ipc/ipc.h) */
	void (*room)(struct child *child, uint8_t kind, struct ipc_chan *chan);
	void (*key)(struct child *child, uint8_t kind, uint64_t instance, uint64_t incarnation,
		const uint8_t key[WARRANT_KEY_LEN]);
	/* child_spawn could not be done */
	void (*refused)(struct child *child, uint8_t kind, uint64_t instance, int why);
	void (*panic)(struct child *child,
		bool on); /* the kill switch changed, or is as child_panic() wants it */
	/*
	 * Another slice: child->slice is the new one, what was borrowed from the old one stays until the next. A negative code
	 * ends the process, which then starts anew with it.
	 */
	int (*slice)(struct child *child);
	/* what became of the last text of the configuration: enum config_state */
	void (*config_state)(struct child *child, uint8_t state);
	/* one row of what child_census() asked for */
	int (*census)(struct child *child, const struct child_census_row *row);
	/* edge/anon: whether core, store, gate and audit are up now */
	void (*readiness)(struct child *child, bool ready);
	/* orderly stop: finish, then child_stop(); NULL: at once */
	void (*drain)(struct child *child);
	/* Zygotes: fork; in the new process call child_run(spec, control) and exit. control is the callee's. */
	void (*fork)(struct child *child, uint8_t kind, uint64_t instance, int control);
};

struct child {
	const struct child_spec *spec;
	struct ev *ev;
	uint64_t instance;
	uint64_t incarnation;
	enum jail_tier tier; /* the machine's */
	uint32_t flags;      /* enum hello_flags */
	uint32_t uid;        /* ours after the jail; 0: unchanged */
	uint32_t gid;
	int landlock_max;
	bool panic;
	/* argument list: this kind's part of the configuration; empty when none */
	struct span slice;
	struct span old_slice; /* the one before it */
	struct jail_report jail;
	void *ctx;                      /* the process's own state */
	struct child_link_state *state; /* private to child_*.c */
};

/*
 * argv[1] "--describe" prints the jail and the accepted messages as JSON and returns 0. Otherwise runs until the end and
 * returns the exit status. Several specs: one program serves several kinds, argv[1] is the kind's name after the slash
 * ("anon", "user") or absent for the first.
 */
int child_main(const struct child_spec *const *specs, size_t n, int argc, char **argv);

/*
 * Runs one spec on a control socket (zygotes: in the forked process; landlock_max is the zygote's). Returns the exit status.
 */
int child_run(const struct child_spec *spec, int control, int landlock_max);

/* The open channel to a peer (of the first row of links with that kind, where there are two), or NULL. */
struct ipc_chan *child_peer(struct child *child, uint8_t kind, uint64_t instance);
/* Calls fn for every open channel of that kind. */
void child_peers(struct child *child, uint8_t kind,
	void (*fn)(struct child *child, struct ipc_chan *chan, void *arg), void *arg);

/* The descriptor of a handle (owned by the child), or -1. Valid during setup; unclaimed ones are closed before the jail. */
int child_handle(struct child *child, enum handle what, uint64_t number);
/* Takes it: it stays open after setup. n-th of several with the same what: number_out gets its number. -1 when there is none. */
int child_handle_steal(struct child *child, enum handle what, size_t nth, uint64_t *number_out);

/* Requests to the supervisor. */
void child_spawn(struct child *child, uint8_t kind, uint64_t instance);
/* before the new process is released */
void child_announce(struct child *child, uint8_t kind, uint64_t key, int pidfd);
void child_kill(struct child *child, uint8_t kind, uint64_t key);
/* edge/user alone: the kill switch on; spec->panic is told when the supervisor has done it, also when it was on already. */
void child_panic(struct child *child);
void child_resume(struct child *child);  /* core alone: the kill switch off */
void child_release(struct child *child); /* "I am idle, end me" */
void child_stop_gateway(struct child *child);
/* core alone: which processes there are; the rows come to spec->census. */
void child_census(struct child *child);
void child_stop(struct child *child); /* leaves the loop, exit status 0 */
/* A peer sent something it must not: the supervisor kills and restarts it. Called by itself for broken messages. */
void child_accuse(struct child *child, struct ipc_chan *chan, int why);

/* Reads of the slice with a default; options are flat names ("gateway.port"). */
uint64_t child_option_u64(const struct child *child, const char *name, uint64_t fallback);
bool child_option_bool(const struct child *child, const char *name, bool fallback);
struct span child_option_str(const struct child *child, const char *name, struct span fallback);

#endif
