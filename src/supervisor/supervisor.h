/*
 * The supervisor: starts, wires, restarts and kills every other process. It holds everything, so it reads nothing from a child
 * but fixed-size messages, parses no text but its own command line, and stays small.
 */
#ifndef SUPERVISOR_SUPERVISOR_H
#define SUPERVISOR_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/limits.h"
#include "ev/ev.h"
#include "ipc/ipc.h"
#include "jail/jail.h"
#include "proto/ids.h"

#define SUP_CHILDREN_MAX 320 /* processes with a control socket */
#define SUP_TASKS_MAX 1024   /* announced processes without one: cells */
#define SUP_LISTEN_MAX 16
#define SUP_WORKSPACES_MAX 32
#define SUP_LOW_FDS 5  /* a child's 0 to 4; nothing of ours lies there */
#define SUP_LATE_MS 50 /* from serving to starting those that the first answer does not need */
#define SUP_SPARE_USER_MS                                                                          \
	1000 /* from serving to ending the first client's edge when there is no client */

enum sup_state {
	SUP_FREE,
	SUP_STARTING, /* made, HELLO sent or about to be */
	SUP_READY,    /* jailed; not yet wired */
	SUP_UP,       /* wired and started */
	SUP_WAITING,  /* ended; to be restarted when its back-off is over */
	SUP_SPARE,    /* forked, not greeted: becomes the next of its kind that is asked for */
};

struct sup_child {
	enum sup_state state;
	uint8_t kind;
	uint64_t instance;
	uint64_t incarnation;
	pid_t pid;           /* 0 when a zygote made it */
	int pidfd;           /* -1 until known */
	struct ev_fd *watch; /* of pidfd, when a zygote made it */
	struct ipc_chan *control;
	int theirs; /* its end of control while its zygote is not there to fork it, else -1 */
	struct ipc_chan *desk; /* config/desk: the second edge to us */
	bool jail_told;        /* edge/user: JAIL is out */
	bool jailed;           /* a spare one: it has said so */
	bool ready_due;        /* it was wired on that word; READY is still to come */
	bool greeted;          /* handles and HELLO are out */
	uint64_t started_ms;
	uint64_t crashes_ms[CHILD_RESTARTS_FREE + 1]; /* times of the last crashes, newest first */
	uint64_t restart_timer;
	uint64_t drain_timer;
	unsigned pings; /* asked and not answered */
	unsigned begun; /* pulses since its birth, until it is up */
	bool planned;   /* it ends because it shall start anew */
};

struct sup_task {
	bool used;
	uint8_t kind;
	uint64_t key;
	int pidfd;
	struct ev_fd *watch;
};

struct sup_paths {
	const char *state;     /* absolute */
	const char *config;    /* the configuration file; may not exist */
	const char *libexec;   /* where moltbot-<p> are, or a build tree's src folder */
	const char *ui;        /* the Control UI's folder */
	const char *workspace; /* of the agent main; NULL: <state>/workspace */
};

struct sup {
	struct ev *ev;
	struct sup_paths paths;
	int state_fd;
	int log_fd;
	int null_fd;
	int env_fd;     /* memfd: environment without secrets */
	int secrets_fd; /* memfd: secrets of the environment */
	int key_fd;     /* memfd: the key of vault's box; -1: it is in vault.key */
	int lock_fd;
	int control_fd; /* the control socket's listener */
	struct ev_fd *control_watch;
	bool root;
	bool probed; /* caps is what the machine offers */
	uint32_t uid_base;
	struct jail_caps caps;
	int landlock_max; /* -1: what the kernel has */
	uint64_t next_incarnation;
	struct sup_child children[SUP_CHILDREN_MAX];
	size_t nchildren; /* places in it that have ever been taken: the others are not looked at */
	struct sup_task tasks[SUP_TASKS_MAX];
	int slices[KIND_N];
	uint64_t values[VALUE_N];
	int listeners[SUP_LISTEN_MAX];
	uint64_t ports[SUP_LISTEN_MAX];
	char addresses[SUP_LISTEN_MAX][64]; /* as text, for the log */
	size_t nlisteners;
	char tls_files[2][TLS_PATH_MAX + 1]; /* the owner's certificate and key, with TLS_FILES */
	struct ipc_chan *config;             /* while config runs */
	struct ipc_chan *audit;              /* our own line to audit */
	struct witness *witness;             /* our lines, until they are in the log */
	bool configured;
	bool config_failed;
	bool late_pending; /* the processes that the first answer does not need are not made yet */
	bool reloading;    /* config reads a changed file */
	int next_slices[KIND_N];
	uint64_t next_values[VALUE_N];
	/* what was replaced, until the processes of these kinds have shown that they can run without it */
	uint32_t on_trial;
	int former_slices[KIND_N];
	uint64_t former_values[VALUE_N];
	uint64_t trial_timer;
	size_t relisten; /* addresses that are the same as before, so far */
	bool moved;      /* something needs a restart of the gateway */
	uint8_t config_state;
	/* of each kind since the start: how often one crashed, and when the last did (the loop's clock) */
	uint32_t crashes[KIND_N];
	uint64_t crashed_ms[KIND_N];
	uint64_t reload_timer;
	int inotify_fd;
	int folder_watch;
	bool running; /* the first START has been said */
	bool ready;   /* core, store, gate and audit are up */
	uint64_t late_timer;
	bool panic;
	bool stopping;
	uint64_t stop_timer;
	int status;
#ifdef MOLTBOT_ATTACKER
	const char *attack; /* the kind of process that attacks from inside */
	uint32_t attempt;   /* its next attempt */
#endif
};

/* supervisor_state.c: the state directory, the lock, the files. Each prints what was wrong; 0 or negative. */
int supervisor_state_open(struct sup *sup);
int supervisor_state_lock(struct sup *sup);
int supervisor_control_listen(struct sup *sup);
bool supervisor_panic_stored(const struct sup *sup);
void supervisor_panic_store(struct sup *sup, bool on);
int supervisor_file_open(struct sup *sup, const char *name, int flags, uint32_t uid);
int supervisor_dir_open(struct sup *sup, const char *name, uint32_t uid);
int supervisor_workspace_open(struct sup *sup, uint64_t number);
int supervisor_labels_open(struct sup *sup, uint64_t number, uint32_t uid);
int supervisor_key_open(struct sup *sup, const char *purpose);

/* supervisor_birth.c: executed or forked. 0, or a negative code: it was not born. */
int supervisor_child_birth(struct sup *sup, struct sup_child *c);
void supervisor_child_greet(struct sup *sup, struct sup_child *c); /* handles and HELLO */
/* JAIL, to a kind that takes it: it is jailed while nobody knows yet for whom it will be. */
void supervisor_child_jail(struct sup *sup, struct sup_child *c);
/* What waits for a zygote is forked now that it is up. */
void supervisor_child_forked_by(struct sup *sup, const struct sup_child *zygote);
uint32_t supervisor_uid(const struct sup *sup, unsigned kind);

/* supervisor_child.c: the table of processes. */
struct sup_child *supervisor_child_new(struct sup *sup, uint8_t kind, uint64_t instance);
struct sup_child *supervisor_child_find(struct sup *sup, unsigned kind, uint64_t instance);
struct sup_child *supervisor_child_born(struct sup *sup, unsigned kind, uint64_t incarnation);
/* One agent is kept that has only to be told which run it is. */
void supervisor_spare_fill(struct sup *sup);
void supervisor_spare_user(struct sup *sup);
void supervisor_spare_user_end(struct sup *sup);
void supervisor_child_kill(struct sup *sup, struct sup_child *c);
void supervisor_child_reap(struct sup *sup);
void supervisor_child_ended(struct sup *sup, struct sup_child *c, bool crashed);

/* supervisor_task.c: cells. */
void supervisor_task_add(struct sup *sup, uint8_t kind, uint64_t key, int pidfd);
void supervisor_task_kill(struct sup *sup, uint8_t kind, uint64_t key);

/* supervisor.c: dial, the zygotes and the sandboxes, a moment after the first START. */
void supervisor_start_late(struct sup *sup);
/* What the machine offers cells is known: says where that is less than the configuration wants. */
void supervisor_tier_check(const struct sup *sup);

/* supervisor_wire.c: socketpairs and keys by peers.def. */
void supervisor_wire_init(struct sup *sup);                       /* when there is a loop */
void supervisor_wire_ready(struct sup *sup, struct sup_child *c); /* c has said READY */
void supervisor_wire_gone(struct sup *sup, struct sup_child *c);
/* Tells edge/anon when readiness has changed; anew: whether it has or not. */
void supervisor_wire_readiness(struct sup *sup, bool anew);
void supervisor_audit(
	struct sup *sup, uint8_t event, unsigned kind, uint64_t instance, int64_t number);

/* supervisor_config.c: what config says. It is made before the machine is probed and greeted after. */
int supervisor_config_start(struct sup *sup, struct sup_child *c);
void supervisor_config_ended(struct sup *sup);

/* supervisor_files.c: the folder of the configuration. A descriptor, or an errno, negative. */
int supervisor_config_folder(const struct sup *sup);
int supervisor_include_open(const struct sup *sup, struct span name);
/*
 * Replaces the configuration by text when its SHA-256 is still base (NULL: when there is none), and keeps it in the history.
 * 0; ERR_STATE: it has changed; ERR_DENIED: it is a symbolic link; ERR_IO.
 */
int supervisor_config_write(
	const struct sup *sup, uint64_t principal, const uint8_t *base, struct span text);
/* The configuration as it stands now into the history, when that does not have it as its newest; for an edit by hand. */
void supervisor_history_note(const struct sup *sup);

/* supervisor_history.c: <state>/config-history, a file a text, its name saying when, by whom, and its hash. */
struct sup_past {
	uint64_t at_ms;
	uint64_t principal;
	uint8_t hash[32];
};
void supervisor_history_add(
	const struct sup *sup, uint64_t principal, const uint8_t hash[32], struct span text);
/* The n-th, the newest first: how many there are, and *fd (-1 when there are not so many). */
uint32_t supervisor_history_get(const struct sup *sup, uint32_t n, struct sup_past *past, int *fd);

/* supervisor_reload.c: a changed configuration, taken by the processes that it concerns. */
int supervisor_reload_watch(struct sup *sup);
void supervisor_reload_soon(struct sup *sup);
void supervisor_reload_watch_file(struct sup *sup, int fd);
void supervisor_reload_listen(struct sup *sup, const char *address, bool v6);
void supervisor_reload_ended(struct sup *sup, bool ok);
/* A process of this kind ended before it was up: if its slice is a new one, everything goes back to what ran before. */
void supervisor_reload_failed(struct sup *sup, unsigned kind);

/* supervisor_desk.c: what a desk asks. */
void supervisor_desk_wire(struct sup *sup, struct sup_child *c);
extern const struct ipc_ops supervisor_desk_ops;
/* Included files, for config and desks. */
int supervisor_on_include(struct ipc_chan *chan, const void *m, void *arg);

/* supervisor_tls.c: the processes of gateway.tls, when it is on, and what tls/key is given. Negative: said why. */
int supervisor_tls_start(struct sup *sup);
void supervisor_tls_handles(
	struct sup *sup, uint32_t uid, void (*give)(void *arg, uint8_t what, int fd), void *arg);
int supervisor_on_tls_file(struct ipc_chan *chan, const void *m, void *arg);

/* supervisor_stop.c */
void supervisor_stop(struct sup *sup, int status);
void supervisor_stop_step(struct sup *sup); /* after every end while stopping */
/* The kill switch; by: who wants it, for the log and the audit log. False: it was so already, and nobody is told. */
bool supervisor_panic(struct sup *sup, bool on, const struct sup_child *by);

/* supervisor_census.c: which processes there are, for core to show. */
void supervisor_census(const struct sup *sup, struct ipc_chan *to);

/* supervisor_pulse.c: whoever does not answer any more is killed, and started anew like one that crashed. */
void supervisor_pulse_start(struct sup *sup);

/* supervisor_cgroup.c: one control group for all cells. -1 when there is none to be had. */
int supervisor_cgroup_open(struct sup *sup, uint64_t which, uint32_t uid);
void supervisor_cgroup_clear(struct sup *sup); /* kills what is left in it and removes it */

/* msg.c: the messages accepted from children. */
extern const struct ipc_ops supervisor_control_ops;
extern struct sup *supervisor_self; /* the one supervisor: channels' arguments are children */

#endif
