/* The real sandbox and its self-proof: what does not end by itself is ended, and counts as it must. argv[1]: the program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../harness.h"
#include "base/err.h"
#include "base/limits.h"
#include "jail/jail.h"
#include "proto/core_sandbox.h"

static const char *program;
static struct jail_caps caps;
static struct ipc_received in;

struct world {
	struct harness *h;
	char dir[32];
	int core, audit;
};

static bool
begin(struct world *w)
{
	uid_t cells = (uid_t)(40000 + getpid() % 4000);
	int workspace;

	if (caps.tier < JAIL_TIER_LANDLOCK_UID) {
		print_message("skipped: programs do not run in cells here\n");
		return false;
	}
	*w = (struct world){.dir = "/tmp/sandbox-time-XXXXXX"};
	assert_non_null(mkdtemp(w->dir));
	workspace = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(workspace >= 0);
	if (geteuid() == 0) {
		assert_int_equal(fchown(workspace, 0, cells), 0);
		assert_int_equal(fchmod(workspace, 01770), 0);
	}
	w->h = harness_new(program, NULL,
		&(struct harness_options){.kind = KIND_SANDBOX,
			.tier = (uint8_t)caps.tier,
			.uid = geteuid() == 0 ? cells + 4000 : 0,
			.has_clock = true,
			.nhandles = 1,
			.handles = {{HANDLE_WORKSPACE, 1, workspace}}});
	close(workspace);
	w->core = harness_peer(w->h, KIND_CORE, 0);
	w->audit = harness_keep(harness_peer(w->h, KIND_AUDIT, 0));
	harness_start(w->h);
	(void)harness_expect(w->h, CHILD_CHILD); /* the cell that waits for a call */
	harness_freeze(w->h);
	return true;
}

static void
finish(struct world *w)
{
	pid_t pid = fork();

	close(w->core);
	close(w->audit);
	(void)harness_free(w->h);
	if (pid == 0) {
		(void)execl("/bin/rm", "rm", "-rf", w->dir, (char *)NULL);
		_exit(1);
	}
	(void)waitpid(pid, NULL, 0);
}

static void
prove(struct world *w, uint8_t level)
{
	harness_send(w->core, &core_sandbox_proto, IPC_SIDE_A, CORE_SANDBOX_PROVE,
		&(struct core_sandbox_prove){.req = 1, .level = level});
}

static const struct core_sandbox_probe *
next_probe(struct world *w)
{
	return harness_wait(w->core, &core_sandbox_proto, IPC_SIDE_A, CORE_SANDBOX_PROBE, &in);
}

/* PROOF_CELL_MS: of the attempts in one cell. One that hangs is no proof. */
static void
a_proof_that_hangs_has_failed(void **state)
{
	const struct child_child *cell;
	const struct core_sandbox_proved *end;
	struct world w;

	(void)state;
	if (!begin(&w))
		skip();
	prove(&w, 0);
	cell = harness_expect(w.h, CHILD_CHILD);
	(void)next_probe(&w); /* it attempts */
	assert_int_equal(syscall(SYS_pidfd_send_signal, cell->pidfd, SIGSTOP, NULL, 0), 0);
	usleep(200000);
	while (ipc_sync_recv(w.core, &core_sandbox_proto, IPC_SIDE_A, 100, &in) == 0)
		assert_int_not_equal(in.id, CORE_SANDBOX_PROVED);
	harness_pass(w.h, PROOF_CELL_MS - 1);
	harness_quiet(w.core, 300);
	harness_pass(w.h, 1);
	end = harness_wait(w.core, &core_sandbox_proto, IPC_SIDE_A, CORE_SANDBOX_PROVED, &in);
	assert_false(end->ok);
	finish(&w);
}

/* PROOF_CALL_MS: a program without end in the long proof. */
static void
a_call_of_the_proof_without_end_is_ended(void **state)
{
	const struct core_sandbox_probe *p;
	struct world w;

	(void)state;
	if (!begin(&w))
		skip();
	prove(&w, 1);
	do {
		p = next_probe(&w);
	} while (!span_eq(p->name, SPAN("MANY_FDS"))); /* the row before */
	harness_quiet(w.core, 1000);
	harness_pass(w.h, PROOF_CALL_MS - 1);
	harness_quiet(w.core, 300);
	harness_pass(w.h, PROOF_CALL_MS);
	p = next_probe(&w);
	assert_true(span_eq(p->name, SPAN("OUTPUT")));
	assert_true(p->held);
	finish(&w);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_proof_that_hangs_has_failed),
		cmocka_unit_test(a_call_of_the_proof_without_end_is_ended),
	};

	if (argc < 2 || jail_probe(&caps, -1) < 0)
		return 2;
	program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
