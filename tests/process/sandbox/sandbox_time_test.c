/*
 * The real sandbox and its self-proof: what does not end by itself is ended, and counts as it must; and what executes is off until it
 * has passed, whatever core says. argv[1]: the program.
 */
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
#include <time.h>
#include <unistd.h>

#include "../harness.h"
#include "args/args.h"
#include "base/err.h"
#include "base/limits.h"
#include "jail/jail.h"
#include "proto/audit_writer.h"
#include "proto/core_sandbox.h"
#include "proto/tools.h"
#include "proto/warrant.h"

static const char *program;
static struct jail_caps caps;
static struct ipc_received in;

static const uint8_t gate_key[WARRANT_KEY_LEN] = {7};

struct world {
	struct harness *h;
	char dir[32];
	uint64_t calls;
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
	pid_t pid;

	close(w->core);
	close(w->audit);
	(void)harness_free(w->h);
	pid = fork();
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

static uint64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Core, taken over, with a warrant that is good: gate knows nothing of the proof. */
static void
ask_for_a_write(struct world *w)
{
	uint8_t id[WARRANT_NUMBER_LEN];
	uint8_t bytes[WARRANT_LEN];
	struct buf b = {.max = 4096};
	struct args_out out;
	struct span args;
	struct warrant want = {.effect = EFFECT_WRITE,
		.tool = TOOL_FILE_WRITE,
		.executor = KIND_SANDBOX,
		.incarnation = 1,
		.run = 5,
		.call = ++w->calls,
		.dest_kind = DEST_WORKSPACE,
		.counter = w->calls,
		.expires_ms = now_ms() + 600000};

	args_out_init(&out, &b, false);
	args_out_cstr(&out, "path", "written");
	args_out_cstr(&out, "content", "x");
	assert_int_equal(args_out_done(&out), 0);
	args = buf_span(&b);
	warrant_number(0, id);
	warrant_dest(DEST_WORKSPACE, span_of(id, sizeof(id)), want.dest);
	warrant_plan(TOOL_FILE_WRITE, &args, 1, want.plan);
	warrant_issue(gate_key, &want, bytes);
	harness_send(w->core, &core_sandbox_proto, IPC_SIDE_A, CORE_SANDBOX_RUN,
		&(struct core_sandbox_run){.run = 5,
			.call = w->calls,
			.warrant = span_of(bytes, sizeof(bytes)),
			.tool = TOOL_FILE_WRITE,
			.timeout_ms = 1000,
			.args = args,
			.body = -1});
	buf_clear(&b);
}

static const struct audit_writer_line *
next_line(struct world *w)
{
	return harness_wait(w->audit, &audit_writer_proto, IPC_SIDE_B, AUDIT_WRITER_LINE, &in);
}

static void
expect_unproven(struct world *w)
{
	const struct core_sandbox_done *done;
	const struct audit_writer_line *line;

	ask_for_a_write(w);
	done = harness_wait(w->core, &core_sandbox_proto, IPC_SIDE_A, CORE_SANDBOX_DONE, &in);
	assert_int_equal(done->rc, ERR_DENIED);
	do
		line = next_line(w);
	while (line->event != AUDIT_REFUSED);
	assert_int_equal(line->reason, REASON_PROOF);
	assert_int_equal(line->call, w->calls);
}

static void
what_executes_is_off_until_the_proof_has_passed(void **state)
{
	const struct child_child *cell;
	struct world w;

	(void)state;
	if (!begin(&w))
		skip();
	harness_key(w.h, KIND_GATE, 0, 1, gate_key);
	harness_settle(w.h);
	expect_unproven(&w); /* nobody has asked for it */
	prove(&w, 0);
	cell = harness_expect(w.h, CHILD_CHILD);
	assert_int_equal(syscall(SYS_pidfd_send_signal, cell->pidfd, SIGKILL, NULL, 0), 0);
	assert_false(((const struct core_sandbox_proved *)harness_wait(
			      w.core, &core_sandbox_proto, IPC_SIDE_A, CORE_SANDBOX_PROVED, &in))
			     ->ok);
	expect_unproven(&w); /* it has failed */
	finish(&w);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_executes_is_off_until_the_proof_has_passed),
		cmocka_unit_test(a_proof_that_hangs_has_failed),
		cmocka_unit_test(a_call_of_the_proof_without_end_is_ended),
	};

	if (argc < 2 || jail_probe(&caps, -1) < 0)
		return 2;
	program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
