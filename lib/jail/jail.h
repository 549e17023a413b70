/*
 * Jails: what the kernel lets a process do, declared as one const table a process, applied once at
 * the end of its start, and printable. A jail only takes away. Layers that a specification requires
 * and the machine does not give are an error (the process must end); the others are reported as
 * missing.
 *
 * Order of jail_apply (each step needs what the later ones take away): oom score, Landlock rule
 * files opened, limits, namespaces and user map, empty root, groups and uid, capabilities,
 * parent-death signal (a uid change clears it), non-dumpable, no_new_privs, no executable memory,
 * Landlock, seccomp.
 *
 * Linux 5.13 to current, x86_64 and aarch64. The kernel's numbers are carried here, because the
 * headers may be older than the kernel (Landlock ABI 3 to 7 under Debian 12's 6.1 headers).
 */
#ifndef JAIL_JAIL_H
#define JAIL_JAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/mem.h"
#include "base/span.h"

/* What a machine offers, best last. landlock+uid means CAP_SETUID: cells get a uid of their own. */
enum jail_tier {
	JAIL_TIER_NONE,
	JAIL_TIER_LANDLOCK,
	JAIL_TIER_LANDLOCK_UID,
	JAIL_TIER_USERNS,
	JAIL_TIER_FULL,
};

/* Layers, as bits. */
enum jail_layer {
	JAIL_L_NNP = 1 << 0,            /* no_new_privs */
	JAIL_L_SECCOMP = 1 << 1,        /* system call filter */
	JAIL_L_LANDLOCK_FS = 1 << 2,    /* file system by rules */
	JAIL_L_LANDLOCK_NET = 1 << 3,   /* no TCP bind or connect (ABI 4) */
	JAIL_L_LANDLOCK_SCOPE = 1 << 4, /* no abstract sockets, no signals to outside (ABI 6) */
	JAIL_L_NETNS = 1 << 5,          /* empty network namespace */
	JAIL_L_ROOT = 1 << 6,           /* own mount namespace with an empty, read-only root */
	JAIL_L_IPCNS = 1 << 7,          /* own ipc and uts namespace */
	JAIL_L_UID = 1 << 8,            /* own uid */
	JAIL_L_CAPS = 1 << 9,           /* no capabilities but those kept */
	JAIL_L_LIMITS = 1 << 10,        /* rlimits */
	JAIL_L_NODUMP = 1 << 11,        /* not dumpable: no ptrace, no /proc/PID/mem, no core */
	JAIL_L_MDWE = 1 << 12,          /* memory is never writable, then executable (6.3) */
	JAIL_L_PDEATH = 1 << 13,        /* dies with its parent */
	JAIL_L_PIDNS = 1 << 14,         /* cells: own pid namespace */
	JAIL_L_CGROUP = 1 << 15,        /* cells: own control group */
};
#define JAIL_LAYERS 16

/* Name of one layer bit or of a tier, for logs and reports. Static storage, never NULL. */
const char *jail_layer_name(unsigned bit);
const char *jail_tier_name(enum jail_tier tier);

/* System calls by group. JAIL_BASE is what every process of ours needs; see jail_filter.c for the
 * rows. */
enum jail_group {
	JAIL_BASE = 1 << 0, /* memory that is not executable, open descriptors, epoll, timers, time,
			       own signals, exit */
	JAIL_MEMFD = 1 << 1,   /* memfd_create, seals, ftruncate, pread, pwrite */
	JAIL_FDATA = 1 << 2,   /* pread, pwrite, fsync, ftruncate, locks on descriptors it holds */
	JAIL_FS = 1 << 3,      /* open, stat, rename, unlink: by path or dirfd, within Landlock */
	JAIL_ACCEPT = 1 << 4,  /* accept4 and names and options of sockets it holds */
	JAIL_CONNECT = 1 << 5, /* socket (AF_INET, AF_INET6: stream and datagram) and connect */
	JAIL_PAIR = 1 << 6,    /* socketpair, pipe2 */
	JAIL_FORK = 1 << 7,    /* clone without namespaces, wait, pidfd, kill */
	JAIL_THREADS = 1 << 8, /* clone of a thread only */
	JAIL_EXEC = 1 << 9,    /* execve, execveat, and executable mappings */
	JAIL_IDENT =
		1 << 10,   /* set*id (sandbox: its cell's uid; the argument is checked by rules) */
	JAIL_NS = 1 << 11, /* unshare, mount, pivot_root, umount2: sandbox's first stage only */
	JAIL_LOCKDOWN =
		1
		<< 12, /* seccomp, landlock_*, capset, prctl: to jail oneself or a child further */
	JAIL_PROGRAM = 1 << 13, /* what an ordinary program needs: shells, interpreters, compilers;
				   no namespaces, no tracing, no keys, no bpf, no io_uring, AF_UNIX
				   sockets only */
	JAIL_EVENTFD =
		1 << 14, /* eventfd2 and inotify-free helpers of libraries (curl's wakeup pair) */
};

enum jail_act { JAIL_ALLOW, JAIL_ERRNO, JAIL_KILL };
enum jail_cmp {
	JAIL_ANY,    /* whatever the arguments */
	JAIL_MASK32, /* (arg & mask) == value, low 32 bits (int and flag arguments) */
	JAIL_EQ64,   /* arg == value, 64 bits (pointers) */
};

/* One row. Rows of the same call are tried in order, a specification's own before the groups';
 * first match decides. */
struct jail_rule {
	int nr; /* __NR_x; the list ends with nr = -1 */
	enum jail_act act;
	int err; /* for JAIL_ERRNO: 0 answers success */
	enum jail_cmp cmp;
	uint8_t arg; /* 0 to 5 */
	uint32_t mask;
	uint64_t value;
};
#define JAIL_RULES_END                                                                             \
	{                                                                                          \
		.nr = -1                                                                           \
	}
/* x(nr) allowed, refused with an error, allowed when (arg & mask) == value */
#define JAIL_PERMIT(call)                                                                          \
	{                                                                                          \
		.nr = __NR_##call, .act = JAIL_ALLOW                                               \
	}
#define JAIL_REFUSE(call, no)                                                                      \
	{                                                                                          \
		.nr = __NR_##call, .act = JAIL_ERRNO, .err = (no)                                  \
	}
#define JAIL_PERMIT_ARG(call, a, m, v)                                                             \
	{                                                                                          \
		.nr = __NR_##call, .act = JAIL_ALLOW, .cmp = JAIL_MASK32, .arg = (a), .mask = (m), \
		.value = (v)                                                                       \
	}

/* Landlock access, as bits of ours. */
enum jail_access {
	JAIL_READ = 1,
	JAIL_WRITE = 2,
	JAIL_EXECUTE = 4,
	JAIL_MAKE_SPECIAL = 8,
	JAIL_DEVICE = 16
};

/* One place in the file system: an absolute path, or (path NULL) the descriptor env->dirfds[slot].
 */
struct jail_path {
	const char *path;
	uint8_t slot;
	uint8_t access; /* enum jail_access; 0 ends the list */
	bool optional;  /* absent is no error */
};
#define JAIL_DIRFDS 8

struct jail_limit {
	int resource; /* RLIMIT_x; -1 ends the list */
	uint64_t value;
};

struct jail_spec {
	const char *name;
	const char *purpose;           /* one line for topology and the docs */
	uint32_t groups;               /* enum jail_group */
	const struct jail_rule *rules; /* NULL: none */
	int deny_errno; /* 0: a forbidden call kills the process; else it fails with this */
	bool landlock;  /* false only where mounts must be made afterwards (sandbox) */
	const struct jail_path *paths; /* NULL: no file system at all */
	bool tcp;                      /* true: Landlock leaves TCP alone (dial, the first edge) */
	uint32_t layers;    /* further layers wanted: JAIL_L_NETNS, ROOT, IPCNS, MDWE, PDEATH ... */
	uint32_t required;  /* missing one of these is an error. SECCOMP, NNP, CAPS, LIMITS, NODUMP
			       always are */
	uint64_t keep_caps; /* capability bits kept (1 << CAP_KILL) when the process has them */
	const struct jail_limit *limits; /* NULL: only RLIMIT_CORE 0 */
	int oom_score_adj;               /* raised only; 0: unchanged */
};

struct jail_env {
	uid_t uid;    /* 0: keep */
	gid_t gid;    /* 0: keep */
	pid_t parent; /* for JAIL_L_PDEATH: the parent that must still be there; 0 asks nothing */
	int landlock_abi_max;    /* to act as an older kernel; -1: what the kernel has */
	bool userns;             /* user namespaces can be made (struct jail_caps) */
	int dirfds[JAIL_DIRFDS]; /* slots of struct jail_path; -1: none. Borrowed */
#ifdef JAIL_WEAK
	uint32_t omit; /* test builds only: layers left out on purpose, to see that somebody notices
			*/
#endif
};
#define JAIL_ENV_INIT                                                                              \
	{                                                                                          \
		.landlock_abi_max = -1, .dirfds = { -1, -1, -1, -1, -1, -1, -1, -1 }               \
	}

struct jail_report {
	uint32_t applied; /* enum jail_layer */
	uint32_t missing; /* wanted, and not to be had here */
	int landlock_abi; /* 0: none */
	const char *step; /* what failed, static text; NULL when nothing did */
	int err;          /* its errno */
};

/*
 * Applies spec to the calling process (one thread). 0, or ERR_SYS (a step failed: out->step,
 * out->err), ERR_UNSUPPORTED (a required layer is not to be had: out->missing; or another
 * architecture). After an error the process must end: it may be partly jailed. out is always
 * filled.
 */
int jail_apply(const struct jail_spec *spec, const struct jail_env *env, struct jail_report *out);

/* Parts of jail_apply for those who build children themselves (cells). 0 or ERR_SYS with errno set.
 */
int jail_seccomp(const struct jail_spec *spec);
int jail_landlock(
	const struct jail_spec *spec, const struct jail_env *env, struct jail_report *out);
int jail_landlock_abi(void); /* 0: none; never cached */
int jail_drop_caps(uint64_t keep);
int jail_set_limits(const struct jail_limit *limits);
int jail_userns_map(uid_t inside_uid, gid_t inside_gid, uid_t uid,
	gid_t gid); /* after unshare(CLONE_NEWUSER) */

/* The instructions of spec's filter as they would be installed now, until the next call; empty when there are too many. */
struct span jail_filter_bytes(const struct jail_spec *spec);
/* Their number, or ERR_TOOBIG. For tests and topology. */
int jail_filter_len(const struct jail_spec *spec);

/*
 * Builds the filter of spec, which nobody changes afterwards, for every process that is forked from now on and puts spec on.
 */
void jail_filter_ahead(const struct jail_spec *spec);

/* What the machine offers, found by really trying in a throw-away child. */
struct jail_caps {
	enum jail_tier tier;
	int landlock_abi;
	bool seccomp;
	bool userns, mountns, pivot_root, pidns, netns;
	bool setuid; /* CAP_SETUID and CAP_SETGID: own uids */
	bool clone3;
	bool cgroup_v2; /* a group of ours can be made with memory and pids */
	bool cgroup_v1_memory, cgroup_v1_pids;
	const char *why; /* what keeps the tier from being full; static text, NULL when it is */
	int err;         /* its errno */
};
/* abi_max as in jail_env. 0 or ERR_SYS (not even a child could be made; *out then says tier none).
 */
int jail_probe(struct jail_caps *out, int abi_max);
/*
 * Root that may change its uid to another and make namespaces: tried with the real uid and gid, which are put back. No other
 * thread may run.
 */
bool jail_is_privileged(void);
/* The tier that these facts make; also sets why. For emulating lesser machines in tests. */
enum jail_tier jail_caps_tier(struct jail_caps *caps);

/* Facts about a process. */
struct jail_facts {
	pid_t pid;
	uid_t uid, euid;
	int seccomp; /* 2: filter */
	int filters; /* installed, -1 where the kernel does not say */
	bool no_new_privs;
	uint64_t cap_eff, cap_prm, cap_bnd;
	int dumpable;     /* -1 unknown (another process) */
	uint64_t ns[6];   /* inode of user, mnt, pid, net, ipc, uts; 0 unknown */
	int pid_depth;    /* pid namespaces it is in, one inside the other; 0 unknown */
	int fds;          /* open descriptors, -1 unknown */
	uint64_t fd_mask; /* those below 64 */
};
enum { JAIL_NS_USER, JAIL_NS_MNT, JAIL_NS_PID, JAIL_NS_NET, JAIL_NS_IPC, JAIL_NS_UTS, JAIL_NS_N };

/* From /proc/PID (0: ourselves). Needs a /proc; namespaces and descriptors need the right to look.
 * 0 or ERR_SYS. */
int jail_facts_get(pid_t pid, struct jail_facts *out);
/* About ourselves, by asking the kernel without /proc (no namespaces). */
void jail_facts_self(struct jail_facts *out);

struct jail_expect {
	uint32_t layers; /* NNP, SECCOMP, CAPS, UID, NETNS, ROOT, IPCNS, PIDNS, NODUMP: must show */
	uint64_t keep_caps;
	uid_t uid;                      /* with JAIL_L_UID: exactly this one */
	uint64_t fd_mask;               /* 0: not checked; else no other descriptor may be open */
	const struct jail_facts *other; /* namespaces must differ from this process's */
};
/* 0 or ERR_DENIED; *what is then the first layer that does not show. Unknown facts are a no. */
int jail_check(const struct jail_facts *facts, const struct jail_expect *expect, unsigned *what);
/* jail_facts_get and jail_check of a child that waits. */
int jail_check_child(pid_t pid, const struct jail_expect *expect, unsigned *what);

/* The specification for people (lines of "  key: value") and as one JSON object. */
void jail_print(const struct jail_spec *spec, struct buf *out);
void jail_print_json(const struct jail_spec *spec, struct buf *out);
/* "nnp seccomp caps" for a set of layers. */
void jail_print_layers(uint32_t layers, struct buf *out);

#endif
