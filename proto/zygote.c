#include "proto/zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"

#define HEAP_AHEAD KIB(80u) /* below what the C library maps by itself */
#define HEAP_KEPT KIB(256u) /* and, with what the zygote has left free, below what it gives back */
#define MADV_POPULATE_WRITE_NR 23
#define FIRST_OTHER_FD (CHILD_LOG_FD + 1)

static void
on_sigchld(struct ev *ev, int signo, void *arg)
{
	(void)ev;
	(void)signo;
	(void)arg;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		continue;
}

void
zygote_start(struct child *child)
{
	(void)ev_signal_add(child->ev, SIGCHLD, on_sigchld, NULL);
}

/* What a short life needs is had from the kernel at once, not page by page. A kernel that cannot (before 5.14) is no loss. */
static void
fill_heap(void)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uint8_t *p = malloc(HEAP_AHEAD);
	/* only its address is looked at */
	// cppcheck-suppress uninitdata
	uintptr_t from = ((uintptr_t)p + page - 1) / page * page;

	(void)mallopt(M_TRIM_THRESHOLD, HEAP_KEPT);
	if (p != NULL)
		(void)madvise((void *)from, HEAP_AHEAD - page, MADV_POPULATE_WRITE_NR);
	free(p);
}

/* The zygote's epoll set and sockets are closed, not unwatched: the set is shared with the parent. */
static void __attribute__((noreturn))
become(const struct child *zygote, const struct child_spec *spec, int wait_fd, int control)
{
	sigset_t none;
	char go;

	if (read(wait_fd, &go, 1) != 1)
		_exit(0);
	if (dup3(control, CHILD_CONTROL_FD, O_CLOEXEC) < 0 ||
		close_range(FIRST_OTHER_FD, ~0u, 0) < 0)
		_exit(1);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	fill_heap();
	_exit(child_run(spec, CHILD_CONTROL_FD, zygote->landlock_max));
}

void
zygote_fork(struct child *child, const struct child_spec *spec, uint64_t instance, int control)
{
	int gate[2];
	pid_t pid;
	int pidfd;

	if (spec->jail != NULL)
		jail_filter_ahead(spec->jail);
	if (pipe2(gate, O_CLOEXEC) < 0) {
		log_error("cannot fork", LOG_ERRNO("errno", errno));
		close(control);
		return;
	}
	pid = fork();
	if (pid == 0) {
		close(gate[1]);
		become(child, spec, gate[0], control);
	}
	close(gate[0]);
	close(control);
	pidfd = pid < 0 ? -1 : pidfd_open(pid, 0);
	if (pidfd >= 0) {
		child_announce(child, spec->kind, instance, pidfd);
		if (write(gate[1], "", 1) != 1)
			log_warn("a forked process was gone at once", LOG_U("instance", instance));
		close(pidfd);
	} else {
		log_error("cannot fork", LOG_ERRNO("errno", errno));
	}
	close(gate[1]);
}
