/* Which attempts are made in a cell, and how: each in a process of its own, jailed as a tool of that profile is. */
#include "probe.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

struct probe_world probe_world;

static long (*const attempts[PROBE_N])(void) = {
#define ATTEMPT(ID, ...) [PROBE_##ID] = attempt_##ID,
#define BOMB(ID, ...) [PROBE_##ID] = attempt_##ID,
#include "proto/probes.def"
};

/* So that an attempt answered by a kill, or one that works too well, does not end the others. */
int64_t
probe_try(unsigned probe, int (*prepare)(const void *arg), const void *arg)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		if (prepare != NULL && prepare(arg) < 0)
			_exit(255);
		_exit(attempts[probe]() >= 0 ? 0 : errno);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return PROBE_UNANSWERED;
	return WIFSIGNALED(status) ? PROBE_KILLED + WTERMSIG(status) : WEXITSTATUS(status);
}

struct how {
	const struct cell_setup *setup;
	unsigned profile;
};

/* What is between init and a tool. */
static int
become_tool(const void *arg)
{
	const struct how *how = arg;

	if (how->profile == PROBE_BUILTIN)
		return cell_omits(how->setup, JAIL_L_SECCOMP) ? 0 : cell_jail_builtin();
	if (!cell_omits(how->setup, CELL_L_FDS))
		(void)syscall(__NR_close_range, 3, ~0u, 0);
	return cell_omits(how->setup, JAIL_L_SECCOMP) ? 0 : cell_jail_program(how->setup);
}

static void
set_world(const struct sandbox_cell_prove *prove, const struct cell_setup *setup)
{
	struct span state = prove->workspace;

	while (state.len > 1 && state.ptr[state.len - 1] != '/')
		state.len--;
	if (state.len > 1)
		state.len--;
	probe_world.host_pid = prove->host_pid;
	(void)span_to_cstr(prove->workspace, probe_world.workspace, sizeof(probe_world.workspace));
	(void)span_to_cstr(state, probe_world.state, sizeof(probe_world.state));
	probe_world.fds = 1u | 1u << 1 | 1u << 2;
	if (prove->profile == PROBE_BUILTIN) /* its own socket and its own workspace */
		probe_world.fds |= 1u << CELL_SOCKET_FD |
				   (cell_has_own_root(setup) ? 0 : 1u << CELL_WORKSPACE_FD);
}

void
cell_prove(const struct sandbox_cell_prove *prove, const struct cell_setup *setup)
{
	struct how how = {.setup = setup, .profile = prove->profile};

	set_world(prove, setup);
	for (unsigned i = 0; i < PROBE_N; i++) {
		bool wanted = prove->only == PROBE_ALL ? probe_rows[i].kind == PROBE_ATTEMPT
						       : prove->only == i;

		if (wanted && attempts[i] != NULL && probe_applies(i, prove->profile, setup->tier))
			(void)cell_msg_send(SANDBOX_CELL_PROBE,
				&(struct sandbox_cell_probe){
					.index = i, .got = probe_try(i, become_tool, &how)});
	}
}
