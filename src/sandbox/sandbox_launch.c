#include "sandbox_launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/weak.h"
#include "ipc/ipc.h"
#include "proto/probes.h"
#include "proto/sandbox_cell.h"
#include "proto/scan.h"

#define NR_PIDFD_SEND_SIGNAL 424
#define START_MS 5000 /* from the first stage to READY */
#define SOCKET_FD 3
#define WORKSPACE_FD 4

struct sandbox_cell {
	const struct sandbox_env *env;
	const struct sandbox_ops *ops;
	void *arg;
	struct ipc_chan *chan;
	struct ev_fd *watch; /* of pidfd */
	uint64_t timer;
	/* the first stage; 0 when reaped. In tiers without namespaces it is init itself */
	pid_t stage;
	pid_t init;
	int pidfd;
	bool ready, gone /* init is dead and reaped */, closed /* the socket is at its end */,
		started, done;
	uint32_t layers, missing;
	struct sandbox_result result;
	struct sandbox_cgroup cgroup;
	struct {
		bool waiting, prove, scan, keep;
		uint64_t since;
		struct sandbox_prove what;
		uint8_t tool;
		uint8_t *args;
		size_t args_len;
		int body;
		uint32_t timeout_ms;
	} call;
};

static uint64_t cells_made;

static bool
omits(const struct sandbox_env *env, uint32_t layer)
{
#ifdef JAIL_WEAK
	return (env->omit & layer) != 0;
#else
	(void)env;
	(void)layer;
	return false;
#endif
}

static void
set_failure(struct sandbox_cell *c, int rc, struct span step, int err)
{
	struct span s = span_sub(step, 0, sizeof(c->result.step) - 1);

	if (c->result.rc != 0 || c->done) /* the first reason stays */
		return;
	c->result.rc = rc;
	c->result.err = err;
	(void)span_to_cstr(s, c->result.step, sizeof(c->result.step));
}

/*
 * Without a pid namespace the kernel ends init alone: what it started is in its process group unless it left it. While init is
 * not waited for its number is nobody else's.
 */
static void
sweep_group(const struct sandbox_cell *c)
{
	if (c->env->tier < JAIL_TIER_USERNS && c->init > 1 && !c->gone)
		(void)kill(-c->init, SIGKILL);
}

void
sandbox_cell_kill(struct sandbox_cell *c, int why)
{
	set_failure(c, why, SPAN("killed"), 0);
	if (c->pidfd >= 0 && !c->gone)
		(void)syscall(NR_PIDFD_SEND_SIGNAL, c->pidfd, SIGKILL, NULL, 0);
	sweep_group(c);
	if (c->stage > 0)
		(void)kill(c->stage, SIGKILL);
	sandbox_cgroup_kill(&c->cgroup);
}

static void
on_timer(struct ev *ev, void *arg)
{
	struct sandbox_cell *c = arg;

	(void)ev;
	c->timer = 0;
	sandbox_cell_kill(c, ERR_TIMEOUT);
}

/* The first stage ends by itself once init exists; when it ends without one, the cell is over. */
static void
reap_stage(struct sandbox_cell *c, int options)
{
	if (c->stage > 0 && c->stage != c->init && waitpid(c->stage, NULL, options) == c->stage)
		c->stage = 0;
}

static void
cell_free(struct sandbox_cell *c)
{
	ev_timer_cancel(c->env->ev, c->timer);
	ev_fd_del(c->watch);
	ipc_chan_free(c->chan);
	if (c->pidfd >= 0)
		close(c->pidfd);
	if (c->call.body >= 0)
		close(c->call.body);
	sandbox_cgroup_remove(&c->cgroup);
	free(c->call.args);
	free(c);
}

/* Over when the socket is at its end (so everything said has been heard) and init has been reaped. */
static void
end_if_over(struct sandbox_cell *c)
{
	if (!c->closed || !c->gone)
		return;
	reap_stage(c, 0);
	if (!c->done)
		set_failure(c, ERR_SYS, SPAN("the cell ended without a result"), 0);
	c->ops->on_end(c, &c->result, c->arg);
	cell_free(c);
}

static void
on_init_dead(struct ev *ev, int fd, unsigned events, void *arg)
{
	struct sandbox_cell *c = arg;

	(void)ev;
	(void)fd;
	(void)events;
	ev_fd_del(c->watch);
	c->watch = NULL;
	sweep_group(c);
	(void)waitpid(c->init, NULL, 0);
	if (c->stage == c->init)
		c->stage = 0;
	c->gone = true;
	sandbox_cgroup_kill(&c->cgroup);
	end_if_over(c);
}

static void
on_chan_end(struct ipc_chan *chan, int why, void *arg)
{
	struct sandbox_cell *c = arg;

	(void)chan;
	c->closed = true;
	if (why != ERR_EOF)
		set_failure(c, why, SPAN("the cell broke the protocol"), 0);
	if (c->pidfd < 0) { /* it ended before there was an init */
		if (c->stage > 0) {
			(void)kill(c->stage, SIGKILL);
			reap_stage(c, 0);
		}
		c->gone = true;
	} else if (!c->gone) {
		(void)syscall(NR_PIDFD_SEND_SIGNAL, c->pidfd, SIGKILL, NULL, 0);
	}
	end_if_over(c);
}

static int
send_call(struct sandbox_cell *c)
{
	int rc;

	c->call.waiting = false;
	c->started = true;
	ipc_chan_set_state(c->chan, IPC_S_BUSY);
	ev_timer_cancel(c->env->ev, c->timer);
	c->timer = ev_timer_start(c->env->ev, c->call.timeout_ms, on_timer, c);
	if (c->call.prove)
		return sandbox_cell_prove_send(
			c->chan, &(struct sandbox_cell_prove){.profile = c->call.what.profile,
					 .only = c->call.what.only,
					 .host_pid = (uint32_t)c->call.what.host_pid,
					 .workspace = span_from_cstr(c->call.what.workspace)});
	if (c->call.scan)
		rc = sandbox_cell_scan_send(
			c->chan, &(struct sandbox_cell_scan){.tool = c->call.tool,
					 .args = span_of(c->call.args, c->call.args_len),
					 .since = c->call.since,
					 .table = c->call.body});
	else
		rc = sandbox_cell_run_send(
			c->chan, &(struct sandbox_cell_run){.tool = c->call.tool,
					 .keep = c->call.keep,
					 .args = span_of(c->call.args, c->call.args_len),
					 .body = c->call.body});
	if (c->call.body >= 0)
		close(c->call.body);
	c->call.body = -1;
	return rc;
}

/* What the actual child shows, in /proc and, across uids, by its own report from before its last filter. */
static int
check_child(struct sandbox_cell *c, const struct sandbox_cell_ready *m)
{
	struct jail_expect expect = {
		.layers = JAIL_L_NNP | JAIL_L_SECCOMP | JAIL_L_CAPS | JAIL_L_UID | JAIL_L_NODUMP,
		.uid = c->env->uid != 0 ? c->env->uid : geteuid(),
		.other = &c->env->self};
	const uint64_t said[JAIL_NS_N] = {[JAIL_NS_USER] = m->ns_user,
		[JAIL_NS_MNT] = m->ns_mnt,
		[JAIL_NS_NET] = m->ns_net,
		[JAIL_NS_IPC] = m->ns_ipc,
		[JAIL_NS_UTS] = m->ns_uts};
	struct jail_facts facts;
	unsigned what = 0;
	uint64_t fds = 0xfu;

	if (c->env->tier >= JAIL_TIER_USERNS)
		expect.layers |= JAIL_L_NETNS | JAIL_L_ROOT | JAIL_L_IPCNS | JAIL_L_PIDNS;
	else
		fds |= 1u << WORKSPACE_FD;
	for (int i = 0; i < JAIL_LAYERS; i++)
		if (omits(c->env, 1u << i))
			expect.layers &= ~(1u << i);
	if (omits(c->env, CELL_L_FDS | JAIL_L_ROOT))
		fds = UINT64_MAX;
	if (jail_facts_get(c->init, &facts) < 0) {
		set_failure(c, ERR_UNSUPPORTED, SPAN("check of the child"), errno);
		return ERR_UNSUPPORTED;
	}
	if (WEAK(CELL_CHECK))
		return 0;
	facts.dumpable = m->dumpable;
	for (int i = 0; i < JAIL_NS_N; i++)
		if (facts.ns[i] == 0)
			facts.ns[i] = said[i];
	if (jail_check(&facts, &expect, &what) < 0 || (m->fds & ~fds) != 0) {
		set_failure(c, ERR_UNSUPPORTED,
			span_from_cstr(what != 0 ? jail_layer_name(what) : "descriptors"), 0);
		return ERR_UNSUPPORTED;
	}
	return 0;
}

static int
on_init(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct sandbox_cell_init *m = msg;
	struct sandbox_cell *c = arg;

	if (!WEAK(CELL_INIT) &&
		(!sandbox_is_own_child(m->pidfd, (pid_t)m->pid) ||
			(c->env->tier < JAIL_TIER_USERNS && (pid_t)m->pid != c->stage)))
		return ERR_PROTO;
	c->pidfd = ipc_fd_steal(chan, m->pidfd);
	c->init = (pid_t)m->pid;
	c->watch = ev_fd_add(c->env->ev, c->pidfd, EV_READ, on_init_dead, c);
	if (c->ops->on_init != NULL)
		c->ops->on_init(c, c->init, c->pidfd, c->arg);
	ipc_chan_set_state(chan, IPC_S_IDLE);
	return 0;
}

static int
on_ready(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct sandbox_cell_ready *m = msg;
	struct sandbox_cell *c = arg;
	int rc;

	(void)chan;
	if (c->ready)
		return ERR_STATE;
	rc = check_child(c, m);
	if (rc < 0)
		return rc;
	reap_stage(
		c, 0); /* init waits for its end; a corpse would count as a process of the cell */
	c->layers = m->layers |
		    (c->env->tier >= JAIL_TIER_USERNS
				    ? JAIL_L_NETNS | JAIL_L_ROOT | JAIL_L_IPCNS | JAIL_L_PIDNS
				    : 0u) |
		    (c->env->uid != 0 ? JAIL_L_UID : 0u) |
		    (c->cgroup.memory && c->cgroup.pids ? JAIL_L_CGROUP : 0u);
	c->missing = m->missing;
	c->ready = true;
	ev_timer_cancel(c->env->ev, c->timer);
	c->timer = 0;
	if (c->call.waiting)
		return send_call(c);
	if (c->ops->on_ready != NULL)
		c->ops->on_ready(c, c->arg);
	return 0;
}

static int
on_output(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct sandbox_cell_output *m = msg;
	struct sandbox_cell *c = arg;

	(void)chan;
	c->ops->on_output(c, m->data, c->arg);
	return 0;
}

static int
on_probe(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct sandbox_cell_probe *m = msg;
	struct sandbox_cell *c = arg;

	(void)chan;
	if (!c->call.prove)
		return ERR_STATE;
	if (c->ops->on_probe != NULL)
		c->ops->on_probe(c, m->index, m->got, c->arg);
	return 0;
}

static int
on_found(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct sandbox_cell_found *m = msg;
	struct sandbox_cell *c = arg;

	(void)chan;
	if (!c->call.scan || m->hash.len != SCAN_HASH_LEN)
		return ERR_STATE;
	if (c->ops->on_found != NULL)
		c->ops->on_found(c, m->size, m->hash, m->changed, c->arg);
	return 0;
}

static int
on_done(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct sandbox_cell_done *m = msg;
	struct sandbox_cell *c = arg;

	ipc_chan_set_state(chan, IPC_S_OVER);
	if (c->result.rc != 0) /* killed meanwhile */
		return 0;
	c->done = true;
	c->result.ok = m->ok;
	c->result.truncated = m->truncated;
	c->result.exit_code = m->exit_code;
	return 0;
}

static int
on_failed(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct sandbox_cell_failed *m = msg;

	(void)chan;
	set_failure(arg, ERR_UNSUPPORTED, m->step, (int)m->err);
	return 0;
}

static const struct ipc_handler handlers[] = {
	{SANDBOX_CELL_INIT, on_init},
	{SANDBOX_CELL_READY, on_ready},
	{SANDBOX_CELL_OUTPUT, on_output},
	{SANDBOX_CELL_PROBE, on_probe},
	{SANDBOX_CELL_FOUND, on_found},
	{SANDBOX_CELL_DONE, on_done},
	{SANDBOX_CELL_FAILED, on_failed},
};
static const struct ipc_ops chan_ops = {
	.handlers = handlers, .n = sizeof(handlers) / sizeof(handlers[0]), .on_end = on_chan_end};

/*
 * The child's side of vfork: only system calls. Its ids change before the program starts, so that what it may do to the
 * rest of the machine is already little, and so that exec leaves it no capability.
 */
static void
become_cell(const struct sandbox_env *env, int socket, int null, int workspace,
	const int groups[SANDBOX_CGROUPS])
{
	static char name[] = "moltbot-cell";
	static char *const argv[] = {name, NULL};
	static char *const envp[] = {WEAK_ENVIRON NULL};

	for (int i = 0; i < SANDBOX_CGROUPS; i++)
		if (groups[i] >= 0 && write(groups[i], "0", 1) != 1)
			_exit(125);
	if (env->uid != 0 && (syscall(__NR_setgroups, 0, NULL) != 0 ||
				     syscall(__NR_setresgid, env->gid, env->gid, env->gid) != 0 ||
				     syscall(__NR_setresuid, env->uid, env->uid, env->uid) != 0))
		_exit(126);
	if (dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 ||
		dup2(socket, SOCKET_FD) < 0 || dup2(workspace, WORKSPACE_FD) < 0)
		_exit(126);
	/* Whatever else is open, marked or not, ends with this program. */
	if (!omits(env, CELL_L_FDS) &&
		syscall(__NR_close_range, WORKSPACE_FD + 1, ~0u, 4 /* CLOSE_RANGE_CLOEXEC */) != 0)
		_exit(126);
	(void)syscall(__NR_execveat, env->program, "", argv, WEAK(ENV_CELL) ? environ : envp,
		0x1000 /* AT_EMPTY_PATH */);
	_exit(127);
}

/* Copies above the numbers that the child wants, so that dup2 overwrites none of them. */
static pid_t
spawn(const struct sandbox_env *env, const struct sandbox_cgroup *cgroup, int socket)
{
	int groups[SANDBOX_CGROUPS];
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int high[3] = {fcntl(socket, F_DUPFD_CLOEXEC, 10), fcntl(null, F_DUPFD_CLOEXEC, 10),
		fcntl(env->workspace, F_DUPFD_CLOEXEC, 10)};
	pid_t pid = -1;

	if (sandbox_cgroup_open(cgroup, groups) == 0 && high[0] >= 0 && high[1] >= 0 &&
		high[2] >= 0) {
		/* the child makes system calls only, see become_cell; posix_spawn can change no ids */
		pid = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork) */
		if (pid == 0)
			/* NOLINTNEXTLINE(clang-analyzer-unix.Vfork) */
			become_cell(env, high[0], high[1], high[2], groups);
	}
	for (int i = 0; i < SANDBOX_CGROUPS; i++)
		if (groups[i] >= 0)
			close(groups[i]);
	for (int i = 0; i < 3; i++)
		if (high[i] >= 0)
			close(high[i]);
	if (null >= 0)
		close(null);
	return pid;
}

static int
send_setup(struct sandbox_cell *c)
{
	return sandbox_cell_setup_send(c->chan,
		&(struct sandbox_cell_setup){.tier = (uint8_t)c->env->tier,
			.landlock_max = c->env->landlock_max < 0 ? UINT32_MAX
								 : (uint32_t)c->env->landlock_max,
			.memory = c->env->limits.memory,
			.output = c->env->limits.output,
			.file = c->env->limits.file,
			.pids = c->env->limits.pids,
			.cpu_s = c->env->limits.cpu_s,
			.own_uid = c->env->uid != 0 && c->env->uid != geteuid(),
			.cgroup = c->cgroup.memory && c->cgroup.pids,
			.omit = c->env->omit});
}

struct sandbox_cell *
sandbox_cell_new(
	const struct sandbox_env *env, const struct sandbox_ops *ops, void *arg, const char **step)
{
	struct sandbox_cell *c;
	int fds[2];

	*step = "cells never run as root: the workspace needs an owner that is not root";
	if (!WEAK(JAIL_UID) && env->uid == 0 && geteuid() == 0)
		return NULL;
	*step = "socketpair";
	if (ipc_pair(fds) < 0)
		return NULL;
	c = mem_alloc(1, sizeof(*c));
	c->env = env;
	c->ops = ops;
	c->arg = arg;
	c->pidfd = -1;
	c->call.body = -1;
	sandbox_cgroup_make(&c->cgroup, env, ++cells_made);
	c->stage = spawn(env, &c->cgroup, fds[1]);
	close(fds[1]);
	c->chan = ipc_chan_new(
		env->ev, fds[0], &sandbox_cell_proto, IPC_SIDE_A, IPC_FULL_END, &chan_ops, c);
	*step = c->stage < 0 ? "fork or control group" : "set-up";
	if (c->stage < 0 || send_setup(c) < 0) {
		if (c->stage > 0) {
			(void)kill(c->stage, SIGKILL);
			(void)waitpid(c->stage, NULL, 0);
		}
		cell_free(c);
		return NULL;
	}
	c->timer = ev_timer_start(env->ev, START_MS, on_timer, c);
	return c;
}

void
sandbox_cell_set_ops(struct sandbox_cell *c, const struct sandbox_ops *ops, void *arg)
{
	c->ops = ops;
	c->arg = arg;
}

void
sandbox_cell_keep(struct sandbox_cell *c)
{
	c->call.keep = true;
}

int
sandbox_cell_run(
	struct sandbox_cell *c, uint8_t tool, struct span args, int body, uint32_t timeout_ms)
{
	if (c->started || c->call.waiting)
		return ERR_STATE;
	c->call.tool = tool;
	c->call.timeout_ms = timeout_ms == 0 || timeout_ms > c->env->limits.wall_ms
				     ? c->env->limits.wall_ms
				     : timeout_ms;
	c->call.args = mem_copy(args);
	c->call.args_len = args.len;
	if (body >= 0 && (c->call.body = fcntl(body, F_DUPFD_CLOEXEC, 0)) < 0)
		return ERR_SYS;
	c->call.waiting = true;
	return c->ready ? send_call(c) : 0;
}

int
sandbox_cell_prove(struct sandbox_cell *c, const struct sandbox_prove *prove)
{
	if (c->started || c->call.waiting)
		return ERR_STATE;
	c->call.prove = true;
	c->call.what = *prove;
	c->call.timeout_ms = prove->timeout_ms == 0 ? CELL_WALL_MS : prove->timeout_ms;
	c->call.waiting = true;
	return c->ready ? send_call(c) : 0;
}

int
sandbox_cell_scan(struct sandbox_cell *c, const struct sandbox_scan *scan)
{
	if (c->started || c->call.waiting)
		return ERR_STATE;
	if (scan->table.len > 0 && (c->call.body = ipc_body_seal(scan->table)) < 0)
		return ERR_SYS;
	c->call.scan = true;
	c->call.tool = scan->tool;
	c->call.args = mem_copy(scan->args);
	c->call.args_len = scan->args.len;
	c->call.since = scan->since;
	c->call.timeout_ms = FILE_SCAN_MS;
	c->call.waiting = true;
	return c->ready ? send_call(c) : 0;
}

bool
sandbox_cell_is_ready(const struct sandbox_cell *c)
{
	return c->ready;
}

int
sandbox_cell_pidfd(const struct sandbox_cell *c)
{
	return c->pidfd;
}

uint32_t
sandbox_cell_layers(const struct sandbox_cell *c)
{
	return c->layers;
}

uint32_t
sandbox_cell_missing(const struct sandbox_cell *c)
{
	return c->missing;
}
