#include "cell.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/err.h"
#include "base/limits.h"
#include "ipc/ipc.h"
#include "proto/tools.h"

#define NR_PIDFD_OPEN 434
#define CHUNK_MAX 12288
#define EXIT_TRUNCATED 3 /* of a built-in tool: it worked, and there was more */

struct worker {
	pid_t pid;
	int pidfd;
	int out;           /* our end of its output */
	size_t sent, most; /* bytes of it that went on, and that may */
	bool truncated;
	bool builtin;
};

/* The arguments of a RUN: in the message, or in a sealed memfd. */
static int
get_args(const struct sandbox_cell_run *run, struct span *args)
{
	*args = run->args;
	if (run->body < 0)
		return 0;
	return ipc_body_get(run->body, IPC_BODY_MAX, args);
}

static int
exit_of_refusal(uint8_t reason)
{
	return reason == REASON_INSTRUCTIONS ? TOOL_EXIT_INSTRUCTIONS
	       : reason == REASON_TAINTED    ? TOOL_EXIT_TAINTED
					     : TOOL_EXIT_PATH;
}

static void
run_builtin(const struct sandbox_cell_run *run, struct span args, int out)
{
	struct cell_result result = {.text = {.max = CELL_OUTPUT_MAX}};
	struct cell_call call = {.args = args, .result = &result, .keep = run->keep};
	size_t done = 0;

	call.workspace = openat(AT_FDCWD, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (call.workspace < 0 || cell_jail_builtin() < 0)
		_exit(2);
	cell_tool_run(run->tool, &call);
	while (done < result.text.len) {
		ssize_t n = write(out, result.text.ptr + done, result.text.len - done);

		if (n <= 0)
			_exit(2);
		done += (size_t)n;
	}
	if (result.refused != 0)
		_exit(exit_of_refusal(result.refused));
	_exit(!result.ok ? 1 : result.truncated ? EXIT_TRUNCATED : 0);
}

static void
run_program(const struct cell_setup *setup, struct span args, int out)
{
	/* without a pid namespace it stays in init's process group, by which sandbox ends it with init */
	if (dup2(out, 1) < 0 || dup2(out, 2) < 0 ||
		(setup->tier >= JAIL_TIER_USERNS && setsid() < 0))
		_exit(126);
	if (cell_jail_program(setup) < 0)
		_exit(126);
	(void)syscall(__NR_close_range, 3, ~0u, 0);
	tool_shell_exec(args);
}

static int
start_worker(const struct cell_setup *setup, const struct sandbox_cell_run *run, struct span args,
	struct worker *w)
{
	int fds[2];

	*w = (struct worker){
		.pidfd = -1, .most = setup->output, .builtin = run->tool != TOOL_SHELL_EXEC};
	if (pipe2(fds, O_CLOEXEC) != 0)
		return ERR_SYS;
	w->pid = fork();
	if (w->pid == 0) {
		if (w->builtin)
			run_builtin(run, args, fds[1]);
		else
			run_program(setup, args, fds[1]);
	}
	close(fds[1]);
	w->out = fds[0];
	if (w->pid > 0)
		w->pidfd = (int)syscall(NR_PIDFD_OPEN, w->pid, 0);
	if (w->pid < 0 || w->pidfd < 0 || fcntl(w->out, F_SETFL, O_NONBLOCK) != 0)
		return ERR_SYS;
	return 0;
}

/* Takes what is in the pipe. 1: there may be more later; 0: all ends are closed; ERR_x: sandbox is gone. */
static int
drain(struct worker *w)
{
	static uint8_t chunk[CHUNK_MAX];
	ssize_t n;

	while ((n = read(w->out, chunk, sizeof(chunk))) > 0) {
		size_t keep = w->most - w->sent < (size_t)n ? w->most - w->sent : (size_t)n;

		w->truncated = w->truncated || keep < (size_t)n;
		w->sent += keep;
		if (keep > 0 &&
			cell_msg_send(SANDBOX_CELL_OUTPUT,
				&(struct sandbox_cell_output){.data = span_of(chunk, keep)}) < 0)
			return ERR_CLOSED;
	}
	return n == 0 ? 0 : 1;
}

/* Until the worker ends or sandbox closes the socket. Orphans are taken in as they come. */
static int
watch(struct worker *w)
{
	bool open = true;
	int rc;

	for (;;) {
		struct pollfd p[3] = {{.fd = CELL_SOCKET_FD, .events = POLLIN},
			{.fd = w->pidfd, .events = POLLIN},
			{.fd = open ? w->out : -1, .events = POLLIN}};

		if (poll(p, 3, -1) < 0 && errno != EINTR)
			return ERR_SYS;
		if (p[0].revents !=
			0) /* nothing may follow RUN: the end, or a peer out of its mind */
			return ERR_EOF;
		if (p[2].revents != 0) {
			rc = drain(w);
			if (rc < 0)
				return rc;
			open = rc == 1;
		}
		if (p[1].revents != 0)
			return drain(w) < 0 ? ERR_CLOSED : 0;
	}
}

static int
send_done(struct worker *w)
{
	int status;
	int code;

	while (waitpid(w->pid, &status, 0) < 0)
		if (errno != EINTR)
			return ERR_SYS;
	code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	if (w->builtin && code == EXIT_TRUNCATED) {
		w->truncated = true;
		code = 0;
	}
	return cell_msg_send(SANDBOX_CELL_DONE,
		&(struct sandbox_cell_done){
			.ok = code == 0, .truncated = w->truncated, .exit_code = code});
}

int
cell_serve_run(const struct cell_setup *setup, const struct sandbox_cell_run *run)
{
	struct worker w;
	struct span args;
	int rc;

	if (!tool_may_run(run->tool, setup->tier) || get_args(run, &args) < 0) {
		cell_msg_send_failed("call", EINVAL);
		return ERR_PROTO;
	}
	if (run->tool == TOOL_SHELL_EXEC && cell_instructions_check(setup) < 0) {
		cell_msg_send_failed(TOOL_STEP_INSTRUCTIONS, 0);
		return ERR_DENIED;
	}
	if (start_worker(setup, run, args, &w) < 0) {
		cell_msg_send_failed("worker", errno);
		return ERR_SYS;
	}
	rc = watch(&w);
	return rc < 0 ? rc : send_done(&w);
}

int
cell_serve_prove(const struct cell_setup *setup, const struct sandbox_cell_prove *prove)
{
	pid_t pid = fork();
	int status = 1;

	if (pid == 0) {
		cell_prove(prove, setup);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		cell_msg_send_failed("worker", errno);
		return ERR_SYS;
	}
	return cell_msg_send(SANDBOX_CELL_DONE,
		&(struct sandbox_cell_done){.ok = status == 0, .exit_code = status});
}

/*
 * When init returns, the kernel kills what is left in its pid namespace. Without one, what is left has our own uid, which is
 * nobody else's (one cell of it at a time), so that all of it can be asked to end: until there is nobody to be asked. Never
 * under a uid that others have, and never as root.
 */
static void
sweep(const struct cell_setup *setup)
{
	if (setup->tier != JAIL_TIER_LANDLOCK_UID || !setup->own_uid || geteuid() == 0)
		return;
	for (int i = 0; i < 200; i++) {
		int rc = kill(-1, SIGKILL);
		int err = errno;

		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (rc != 0 && err == ESRCH)
			return;
		(void)poll(NULL, 0, 1);
	}
}

int
cell_init(const struct cell_setup *setup)
{
	int rc = cell_msg_serve(setup);

	sweep(setup);
	return rc < 0 ? 1 : 0;
}
