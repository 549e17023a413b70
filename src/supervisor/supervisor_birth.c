/* How a process comes to be: executed or forked by its zygote, with a control socket, handles and HELLO. */
#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/weak.h"
#include "proto/child.def.h"
#include "proto/child.h"
#ifdef MOLTBOT_ATTACKER
#include "proto/attacker.h"
#endif

#define PATH_LEN 1024

uint32_t
supervisor_uid(const struct sup *sup, unsigned kind)
{
	if (!sup->root || WEAK(JAIL_UID))
		return 0;
	if (kind == KIND_AGENT)
		/* forked from a process that can no longer change its uid */
		kind = KIND_AGENT_ZYGOTE;
	if (kind == KIND_EGRESS)
		kind = KIND_EGRESS_ZYGOTE;
	return sup->uid_base + kind;
}

/* The program of a kind: installed beside the others, or in its own folder of a build tree; as the one before was. */
static int
program_path(const struct sup *sup, unsigned kind, char *path)
{
	static bool is_build_tree;
	const char *program = process_rows[kind].program;
	const char *folder = program + strlen("moltbot-");

	for (int i = 0; i < 2; i++) {
		if (is_build_tree)
			snprintf(path, PATH_LEN, "%s/%s/%s", sup->paths.libexec, folder, program);
		else
			snprintf(path, PATH_LEN, "%s/%s", sup->paths.libexec, program);
		if (access(path, X_OK) == 0)
			return 0;
		is_build_tree = !is_build_tree;
	}
	log_error("a program of the gateway is missing: reinstall it", LOG_C("program", program),
		LOG_C("folder", sup->paths.libexec));
	return ERR_NOTFOUND;
}

/* What whoever started us had ignored, and SIGPIPE: to a child these are as they are by default. Asked for once. */
static const sigset_t *
ignored_signals(void)
{
	static sigset_t set;
	static bool known;
	struct sigaction now;

	if (known)
		return &set;
	sigemptyset(&set);
	for (int i = 1; i < NSIG; i++) {
		if (sigaction(i, NULL, &now) == 0 && now.sa_handler == SIG_IGN)
			sigaddset(&set, i);
	}
	known = true;
	return &set;
}

/* The child's side of vfork: only system calls. No handler is installed that could run in it. */
static void __attribute__((noreturn)) become_child(const struct sup *sup, const char *path,
	char *const argv[], int theirs, const sigset_t *ignored, volatile int *err)
{
	char *envp[] = {WEAK_ENVIRON NULL}; /* nothing of the environment goes on */
	const struct sigaction by_default = {.sa_handler = SIG_DFL};
	sigset_t none;

	sigemptyset(&none);
	for (int i = 1; i < NSIG; i++) {
		if (sigismember(ignored, i) == 1)
			(void)sigaction(i, &by_default, NULL);
	}
	/* a session of its own: Ctrl-C reaches the supervisor only, and no child has the terminal */
	if (setsid() >= 0 && dup2(sup->null_fd, 0) == 0 && dup2(sup->null_fd, 1) == 1 &&
		dup2(theirs, CHILD_CONTROL_FD) == CHILD_CONTROL_FD &&
		dup2(sup->log_fd, CHILD_LOG_FD) == CHILD_LOG_FD &&
		sigprocmask(SIG_SETMASK, &none, NULL) == 0)
		(void)execve(path, argv, WEAK(ENV_SPAWN) ? environ : envp);
	*err = errno;
	_exit(127);
}

static int
exec_child(struct sup *sup, struct sup_child *c, int theirs)
{
	const char *slash = strchr(kind_name(c->kind), '/');
	const sigset_t *ignored = ignored_signals();
	char path[PATH_LEN];
	char name[64];
	char role[32];
	char *argv[] = {name, slash == NULL ? NULL : role, NULL};
	volatile int err = 0;
	pid_t pid;
	int rc = program_path(sup, c->kind, path);

	if (rc < 0)
		return rc;
	snprintf(name, sizeof(name), "%s", process_rows[c->kind].program);
	snprintf(role, sizeof(role), "%s", slash == NULL ? "" : slash + 1);
	/* posix_spawn asks for each signal, each limit and a stack, eight times on the way to the first answer */
	pid = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork) */
	if (pid == 0)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Vfork) */
		become_child(sup, path, argv, theirs, ignored, &err);
	if (pid < 0)
		err = errno;
	if (err != 0) {
		log_error(
			"cannot start a process", LOG_C("program", path), LOG_ERRNO("errno", err));
		return ERR_SYS;
	}
	c->pid = pid;
	c->pidfd = pidfd_open(c->pid, 0);
	return 0;
}

static unsigned
zygote_of(unsigned kind)
{
	return kind == KIND_AGENT ? KIND_AGENT_ZYGOTE : KIND_EGRESS_ZYGOTE;
}

static bool
is_forked(const struct sup_child *c)
{
	return c->kind == KIND_AGENT || c->kind == KIND_EGRESS;
}

/* Who it will be is said in HELLO; the zygote knows it by the number of its birth. */
static int
fork_by(struct sup_child *zygote, struct sup_child *c)
{
	int rc = child_fork_send(zygote->control,
		&(struct child_fork){
			.kind = c->kind, .instance = c->incarnation, .control = c->theirs});

	close(c->theirs);
	c->theirs = -1;
	return rc;
}

/* A zygote that starts, for the first time or again, is waited for. */
static int
fork_child(struct sup *sup, struct sup_child *c, int theirs)
{
	struct sup_child *zygote = supervisor_child_find(sup, zygote_of(c->kind), 0);

	if (zygote == NULL && !sup->late_pending)
		return ERR_NOPEER;
	c->theirs = fcntl(theirs, F_DUPFD_CLOEXEC, SUP_LOW_FDS);
	if (c->theirs < 0)
		return ERR_SYS;
	return zygote != NULL && zygote->state == SUP_UP && zygote->control != NULL
		       ? fork_by(zygote, c)
		       : 0;
}

void
supervisor_child_forked_by(struct sup *sup, const struct sup_child *zygote)
{
	for (size_t i = 0; i < sup->nchildren; i++) {
		struct sup_child *c = &sup->children[i];

		if (c->state != SUP_FREE && is_forked(c) && c->theirs >= 0 &&
			zygote_of(c->kind) == zygote->kind)
			(void)fork_by(supervisor_child_find(sup, zygote->kind, 0), c);
	}
}

static void
give(struct sup_child *c, uint8_t what, uint64_t number, int fd, bool keep)
{
	if (fd < 0)
		return;
	(void)child_handle_send(
		c->control, &(struct child_handle){.what = what, .number = number, .fd = fd});
	if (!keep)
		close(fd);
}

static void
give_config(struct sup *sup, struct sup_child *c)
{
	give(c, HANDLE_CONFIG, 0, open(sup->paths.config, O_RDONLY | O_CLOEXEC | O_NONBLOCK),
		false);
	give(c, HANDLE_CONFIG_PATH, 0, ipc_body_seal(span_from_cstr(sup->paths.config)), false);
	give(c, HANDLE_ENV, 0, sup->env_fd, true);
}

static void
give_now(void *arg, uint8_t what, int fd)
{
	give(arg, what, 0, fd, false);
}

/* One process has them: edge/anon, or tls. */
static void
give_listeners(struct sup *sup, struct sup_child *c, bool is_it)
{
	for (size_t i = 0; is_it && i < sup->nlisteners; i++)
		give(c, HANDLE_LISTEN, sup->ports[i], sup->listeners[i], true);
}

/* What each kind needs besides its slice. */
static void
give_handles(struct sup *sup, struct sup_child *c)
{
	uint32_t uid = supervisor_uid(sup, c->kind);

	give(c, HANDLE_SLICE, 0, sup->slices[c->kind], true);
	switch ((enum kind)c->kind) {
	case KIND_CONFIG:
	case KIND_DESK:
		give_config(sup, c);
		break;
	case KIND_ANON:
		give_listeners(sup, c, sup->values[VALUE_TLS] == TLS_OFF);
		give(c, HANDLE_UI, 0, open(sup->paths.ui, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
			false);
		break;
	case KIND_TLS:
		give_listeners(sup, c, true);
		break;
	case KIND_TLS_KEY:
		supervisor_tls_handles(sup, uid, give_now, c);
		break;
	case KIND_USER:
		if (PRINCIPAL_KIND(c->instance) == PRINCIPAL_CONTROL)
			give(c, HANDLE_CONTROL, 0, sup->control_fd, true);
		if (method_denied(c->instance, SCOPE_ALL, METHOD_LOGS_TAIL) == NULL)
			give(c, HANDLE_LOG, 0,
				openat(sup->state_fd, "logs/gateway.log",
					O_RDONLY | O_CLOEXEC | O_NOFOLLOW),
				false);
		break;
	case KIND_STORE:
		give(c, HANDLE_STATE_DIR, 0, supervisor_dir_open(sup, "store", uid), false);
		break;
	case KIND_AUDIT:
		give(c, HANDLE_AUDIT_FILE, 0,
			supervisor_file_open(sup, "audit.log", O_RDWR | O_APPEND, uid), false);
		break;
	case KIND_VAULT:
		give(c, HANDLE_BOX, 0, supervisor_file_open(sup, "vault.box", O_RDWR, uid), false);
		give(c, HANDLE_BOX_KEY, 0, supervisor_key_open(sup, "vault box"), false);
		give(c, HANDLE_ENV, 0, sup->secrets_fd, true);
		break;
	case KIND_GATE:
		give(c, HANDLE_BOX_KEY, 0, supervisor_key_open(sup, "gate rows"), false);
		give(c, HANDLE_LABELS, 0, supervisor_file_open(sup, "gate.labels", O_RDWR, uid),
			false);
		break;
	case KIND_SANDBOX:
		give(c, HANDLE_WORKSPACE, 0, supervisor_workspace_open(sup, c->instance), false);
		give(c, HANDLE_LABELS, 0, supervisor_labels_open(sup, c->instance, uid), false);
		for (uint64_t which = 1; which <= 3; which++)
			give(c, HANDLE_CGROUP, which, supervisor_cgroup_open(sup, which, uid),
				false);
		break;
	case KIND_SUPERVISOR:
	case KIND_CORE:
	case KIND_DIAL:
	case KIND_EGRESS_ZYGOTE:
	case KIND_EGRESS:
	case KIND_AGENT_ZYGOTE:
	case KIND_AGENT:
	case KIND_CELL:
	case KIND_CHANNEL:
	case KIND_CLI:
	case KIND_N:
		break;
	}
}

void
supervisor_child_jail(struct sup *sup, struct sup_child *c)
{
	uint32_t uid = supervisor_uid(sup, c->kind);

	if (c->kind != KIND_USER || c->jail_told || c->control == NULL)
		return;
	c->jail_told = true;
	(void)child_jail_send(c->control, &(struct child_jail){.uid = uid,
						  .gid = uid,
						  .landlock_max = (uint32_t)sup->landlock_max,
						  .userns = sup->caps.userns,
						  .parent = (uint64_t)getpid()});
}

void
supervisor_child_greet(struct sup *sup, struct sup_child *c)
{
	uint32_t uid = supervisor_uid(sup, c->kind);
	uint32_t flags = (sup->root ? HELLO_ROOT | HELLO_UIDS : 0) |
			 (sup->caps.userns ? HELLO_USERNS : 0) | (sup->panic ? HELLO_PANIC : 0) |
			 (log_get_level() == LOG_DEBUG ? HELLO_DEBUG : 0) |
			 (log_is_json() ? HELLO_JSON : 0);
	bool forked = is_forked(c);

	if (c->greeted || c->control == NULL)
		return;
	supervisor_child_jail(sup, c);
	c->greeted = true;
#ifdef MOLTBOT_ATTACKER
	/* config attacks when it reads again: without a first reading there is no gateway */
	if (sup->attack != NULL && strcmp(sup->attack, kind_name(c->kind)) == 0 &&
		(c->kind != KIND_CONFIG || sup->running))
		flags |= HELLO_ATTACK | sup->attempt++ << 16;
#endif
	give_handles(sup, c);
	if (forked)
		uid = 0; /* born with its zygote's, which it cannot change */
	(void)child_hello_send(c->control, &(struct child_hello){.kind = c->kind,
						   .instance = c->instance,
						   .incarnation = c->incarnation,
						   .tier = (uint8_t)sup->caps.tier,
						   .flags = flags,
						   .uid = uid,
						   .gid = uid,
						   .landlock_max = (uint32_t)sup->landlock_max,
						   .parent = forked ? 0 : (uint64_t)getpid()});
}

int
supervisor_child_birth(struct sup *sup, struct sup_child *c)
{
	int fds[2];
	int rc;

	if (ipc_pair(fds) < 0)
		return ERR_SYS;
	c->incarnation = ++sup->next_incarnation;
	c->greeted = c->jail_told = c->jailed = c->ready_due = false;
	c->theirs = -1;
	c->pings = c->begun = 0;
	c->pid = 0;
	c->pidfd = -1;
	c->started_ms = ev_now_ms(sup->ev);
	rc = is_forked(c) ? fork_child(sup, c, fds[1]) : exec_child(sup, c, fds[1]);
	close(fds[1]);
	if (rc < 0) {
		close(fds[0]);
		return rc;
	}
	c->control = ipc_chan_new(sup->ev, fds[0], &child_proto, IPC_SIDE_A, IPC_FULL_END,
		&supervisor_control_ops, c);
	/* config comes before there are slices; the others get theirs once it is done */
	if (sup->configured)
		supervisor_child_jail(sup, c);
	if (c->state != SUP_SPARE && sup->configured)
		supervisor_child_greet(sup, c);
	return 0;
}
