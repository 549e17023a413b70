/* Announced processes without a control socket, cells: each is known by its pidfd from before it is released until its end. */
#include "supervisor.h"

#include <signal.h>
#include <sys/pidfd.h>
#include <unistd.h>

static void
task_clear(struct sup_task *t)
{
	ev_fd_del(t->watch);
	close(t->pidfd);
	*t = (struct sup_task){0};
}

static void
on_task_end(struct ev *ev, int fd, unsigned events, void *arg)
{
	(void)ev;
	(void)fd;
	(void)events;
	task_clear(arg);
}

/* A cell: known by pidfd from before it is released until it has ended. */
void
supervisor_task_add(struct sup *sup, uint8_t kind, uint64_t key, int pidfd)
{
	for (size_t i = 0; i < SUP_TASKS_MAX; i++) {
		struct sup_task *t = &sup->tasks[i];

		if (t->used)
			continue;
		*t = (struct sup_task){.used = true, .kind = kind, .key = key, .pidfd = pidfd};
		t->watch = ev_fd_add(sup->ev, pidfd, EV_READ, on_task_end, t);
		if (sup->panic || sup->stopping)
			(void)pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
		return;
	}
	/* too many to keep track of: none that could not be stopped may live */
	(void)pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
	close(pidfd);
}

void
supervisor_task_kill(struct sup *sup, uint8_t kind, uint64_t key)
{
	for (size_t i = 0; i < SUP_TASKS_MAX; i++) {
		struct sup_task *t = &sup->tasks[i];

		if (t->used && t->kind == kind && t->key == key)
			(void)pidfd_send_signal(t->pidfd, SIGKILL, NULL, 0);
	}
}
