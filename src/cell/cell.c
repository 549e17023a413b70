/* Life cycle: set-up read, namespaces and view made, init forked into them, jailed, and one call carried out. */
#include "cell.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/err.h"
#include "probe.h"

#define NR_PIDFD_OPEN 434

const char *cell_step = "start";
const char *const cell_environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/workspace",
	"LANG=C.UTF-8", "TMPDIR=/tmp", "TERM=dumb", NULL};

/* Tells sandbox who the cell's init is, by a pidfd that the kill switch can use from now on. */
static int
announce(pid_t pid)
{
	int fd = (int)syscall(NR_PIDFD_OPEN, pid, 0);
	int rc;

	cell_step = "pidfd";
	if (fd < 0)
		return ERR_SYS;
	rc = cell_msg_send(
		SANDBOX_CELL_INIT, &(struct sandbox_cell_init){.pid = (uint32_t)pid, .pidfd = fd});
	close(fd);
	return rc;
}

static struct jail_facts
	view; /* the namespaces, seen by the first stage while there was a /proc of the host */

static int
jail_and_serve(const struct cell_setup *setup)
{
	struct jail_report report;
	struct jail_facts facts;
	int rc;

	(void)setsid();
	if (setup->tier < JAIL_TIER_USERNS && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0)
		return 1;
	rc = cell_jail(setup, &report);
	if (rc < 0) {
		cell_msg_send_failed(
			report.step != NULL ? report.step : "a layer is missing", report.err);
		return 1;
	}
	jail_facts_self(&facts);
	rc = cell_msg_send(
		SANDBOX_CELL_READY, &(struct sandbox_cell_ready){.layers = report.applied,
					    .missing = report.missing,
					    .dumpable = (uint8_t)facts.dumpable,
					    .fds = facts.fd_mask,
					    .ns_user = view.ns[JAIL_NS_USER],
					    .ns_mnt = view.ns[JAIL_NS_MNT],
					    .ns_net = view.ns[JAIL_NS_NET],
					    .ns_ipc = view.ns[JAIL_NS_IPC],
					    .ns_uts = view.ns[JAIL_NS_UTS]});
	return rc < 0 ? 1 : cell_init(setup);
}

static int
init_in_namespaces(const struct cell_setup *setup)
{
	if (cell_has_own_root(setup) && cell_mount_proc() < 0) {
		cell_msg_send_failed(cell_step, errno);
		return 1;
	}
	return jail_and_serve(setup);
}

static int
start(const struct cell_setup *setup)
{
	int said[2]; /* closed when sandbox has been told of init */
	char c;
	long pid;

	if (setup->tier < JAIL_TIER_USERNS) {
		if (announce(getpid()) < 0)
			return ERR_SYS;
		_exit(jail_and_serve(setup));
	}
	if (cell_enter_namespaces(setup) < 0)
		return ERR_SYS;
	(void)jail_facts_get(0, &view); /* what is unknown stays 0, and sandbox refuses it */
	if (cell_has_own_root(setup)) {
		if (cell_build_root(setup) < 0)
			return ERR_SYS;
		close(CELL_WORKSPACE_FD); /* of the old view */
	}
	cell_step = "init";
	if (pipe2(said, O_CLOEXEC) != 0)
		return ERR_SYS;
	/* CLONE_PARENT: init is sandbox's child, so that it dies with it and sandbox learns of its end. */
	pid = syscall(__NR_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0) {
		close(said[1]);
		if (read(said[0], &c, 1) != 0)
			_exit(1);
		close(said[0]);
		_exit(init_in_namespaces(setup));
	}
	return pid < 0 ? ERR_SYS : announce((pid_t)pid);
}

/* As a program expects them: sandbox blocks some and ignores others. */
static void
plain_signals(void)
{
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	for (int n = 1; n < 32; n++)
		(void)signal(n, SIG_DFL);
}

int
main(int argc, char **argv)
{
	struct cell_setup setup;

	if (argc > 1 && strcmp(argv[1], "outside") == 0)
		return probe_outside(argc, argv);
	plain_signals();
	if (fcntl(CELL_SOCKET_FD, F_SETFD, FD_CLOEXEC) != 0 ||
		fcntl(CELL_WORKSPACE_FD, F_SETFD, FD_CLOEXEC) != 0 ||
		fchdir(CELL_WORKSPACE_FD) != 0)
		return 2;
	if (cell_msg_get_setup(&setup) < 0)
		return 2;
	if (start(&setup) < 0) {
		cell_msg_send_failed(cell_step, errno);
		return 1;
	}
	_exit(0); /* its root is not there any more for whoever registered something for the end */
}
