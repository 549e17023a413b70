#include "ev/ev.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

#define EVENTS_PER_TURN 64
#define SIGNALS_MAX 32

struct ev_fd {
	struct ev *ev;
	struct ev_fd *next; /* of the live ones, or of the dead ones */
	struct ev_fd *prev; /* of the live ones */
	ev_fd_fn *fn;
	void *arg;
	int fd;
	bool dead;
};

struct ev_timer {
	uint64_t at_ms;
	uint64_t id;
	ev_timer_fn *fn;
	void *arg;
};

struct ev {
	int epfd;
	int sigfd;
	bool stop;
	uint64_t now_ms;
	uint64_t next_id;
	struct ev_fd *live;
	struct ev_fd *dead;      /* deleted during this turn, freed at its end */
	struct ev_timer *timers; /* binary heap by (at_ms, id) */
	size_t ntimers;
	size_t captimers;
	sigset_t sigs;
	struct {
		ev_signal_fn *fn;
		void *arg;
	} signals[SIGNALS_MAX];
};

static uint64_t
clock_ms(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

struct ev *
ev_new(void)
{
	struct ev *ev = mem_alloc(1, sizeof(*ev));

	ev->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (ev->epfd < 0)
		abort();
	ev->sigfd = -1;
	ev->next_id = 1;
	ev->now_ms = clock_ms(CLOCK_MONOTONIC);
	sigemptyset(&ev->sigs);
	return ev;
}

static void
free_list(struct ev_fd **list)
{
	while (*list != NULL) {
		struct ev_fd *w = *list;

		*list = w->next;
		free(w);
	}
}

void
ev_free(struct ev *ev)
{
	if (ev == NULL)
		return;
	/* no epoll_ctl: a forked child that frees its copy must not take the watches from its parent */
	free_list(&ev->live);
	free_list(&ev->dead);
	if (ev->sigfd >= 0)
		close(ev->sigfd);
	close(ev->epfd);
	free(ev->timers);
	free(ev);
}

static uint32_t
to_epoll(unsigned events)
{
	return ((events & EV_READ) ? (uint32_t)EPOLLIN : 0u) |
	       ((events & EV_WRITE) ? (uint32_t)EPOLLOUT : 0u);
}

struct ev_fd *
ev_fd_add(struct ev *ev, int fd, unsigned events, ev_fd_fn *fn, void *arg)
{
	struct ev_fd *w = mem_alloc(1, sizeof(*w));
	struct epoll_event e = {.events = to_epoll(events), .data.ptr = w};

	w->ev = ev;
	w->fd = fd;
	w->fn = fn;
	w->arg = arg;
	if (epoll_ctl(ev->epfd, EPOLL_CTL_ADD, fd, &e) < 0)
		abort(); /* a descriptor that is closed or watched twice: our own mistake */
	w->next = ev->live;
	if (w->next != NULL)
		w->next->prev = w;
	ev->live = w;
	return w;
}

void
ev_fd_set(struct ev_fd *w, unsigned events)
{
	struct epoll_event e = {.events = to_epoll(events), .data.ptr = w};

	if (!w->dead)
		(void)epoll_ctl(w->ev->epfd, EPOLL_CTL_MOD, w->fd, &e);
}

void
ev_fd_del(struct ev_fd *w)
{
	if (w == NULL || w->dead)
		return;
	(void)epoll_ctl(w->ev->epfd, EPOLL_CTL_DEL, w->fd, NULL);
	if (w->prev != NULL)
		w->prev->next = w->next;
	else
		w->ev->live = w->next;
	if (w->next != NULL)
		w->next->prev = w->prev;
	w->dead = true;
	w->next = w->ev->dead;
	w->ev->dead = w;
}

static bool
timer_before(const struct ev_timer *a, const struct ev_timer *b)
{
	return a->at_ms < b->at_ms || (a->at_ms == b->at_ms && a->id < b->id);
}

static void
sift_up(struct ev *ev, size_t i)
{
	while (i > 0 && timer_before(&ev->timers[i], &ev->timers[(i - 1) / 2])) {
		struct ev_timer t = ev->timers[i];

		ev->timers[i] = ev->timers[(i - 1) / 2];
		ev->timers[(i - 1) / 2] = t;
		i = (i - 1) / 2;
	}
}

static void
sift_down(struct ev *ev, size_t i)
{
	for (;;) {
		size_t least = i;

		for (size_t c = 2 * i + 1; c <= 2 * i + 2 && c < ev->ntimers; c++) {
			if (timer_before(&ev->timers[c], &ev->timers[least]))
				least = c;
		}
		if (least == i)
			return;
		struct ev_timer t = ev->timers[i];

		ev->timers[i] = ev->timers[least];
		ev->timers[least] = t;
		i = least;
	}
}

static void
timer_remove(struct ev *ev, size_t i)
{
	ev->timers[i] = ev->timers[--ev->ntimers];
	if (i < ev->ntimers) {
		sift_up(ev, i);
		sift_down(ev, i);
	}
}

uint64_t
ev_timer_start(struct ev *ev, uint64_t delay_ms, ev_timer_fn *fn, void *arg)
{
	if (ev->ntimers == ev->captimers) {
		ev->captimers = ev->captimers == 0 ? 16 : ev->captimers * 2;
		ev->timers = mem_grow(ev->timers, ev->captimers, sizeof(*ev->timers));
	}
	ev->timers[ev->ntimers] = (struct ev_timer){.at_ms = clock_ms(CLOCK_MONOTONIC) + delay_ms,
		.id = ev->next_id++,
		.fn = fn,
		.arg = arg};
	sift_up(ev, ev->ntimers++);
	return ev->next_id - 1;
}

void
ev_timer_cancel(struct ev *ev, uint64_t id)
{
	for (size_t i = 0; id != 0 && i < ev->ntimers; i++) {
		if (ev->timers[i].id == id) {
			timer_remove(ev, i);
			return;
		}
	}
}

static void
on_signal(struct ev *ev, int fd, unsigned events, void *arg)
{
	struct signalfd_siginfo si;

	(void)events;
	(void)arg;
	while (read(fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		if (si.ssi_signo < SIGNALS_MAX && ev->signals[si.ssi_signo].fn != NULL)
			ev->signals[si.ssi_signo].fn(
				ev, (int)si.ssi_signo, ev->signals[si.ssi_signo].arg);
	}
}

int
ev_signal_add(struct ev *ev, int signo, ev_signal_fn *fn, void *arg)
{
	int fd;

	if (signo <= 0 || signo >= SIGNALS_MAX)
		return ERR_RANGE;
	ev->signals[signo].fn = fn;
	ev->signals[signo].arg = arg;
	sigaddset(&ev->sigs, signo);
	if (sigprocmask(SIG_BLOCK, &ev->sigs, NULL) < 0)
		return ERR_SYS;
	fd = signalfd(ev->sigfd, &ev->sigs, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return ERR_SYS;
	if (ev->sigfd < 0) {
		ev->sigfd = fd;
		(void)ev_fd_add(ev, fd, EV_READ, on_signal, NULL);
	}
	return 0;
}

static int
wait_for(const struct ev *ev, int wait_ms)
{
	uint64_t now;
	uint64_t left;

	if (ev->ntimers == 0)
		return wait_ms;
	now = clock_ms(CLOCK_MONOTONIC);
	left = ev->timers[0].at_ms <= now ? 0 : ev->timers[0].at_ms - now;
	if (left > 3600000)
		left = 3600000;
	return wait_ms >= 0 && (uint64_t)wait_ms < left ? wait_ms : (int)left;
}

int
ev_turn(struct ev *ev, int wait_ms)
{
	struct epoll_event events[EVENTS_PER_TURN];
	int n = epoll_wait(ev->epfd, events, EVENTS_PER_TURN, wait_for(ev, wait_ms));
	uint64_t next;

	if (n < 0 && errno != EINTR)
		return ERR_SYS;
	ev->now_ms = clock_ms(CLOCK_MONOTONIC);
	for (int i = 0; i < n; i++) {
		struct ev_fd *w = events[i].data.ptr;
		unsigned got = ((events[i].events & EPOLLIN) ? EV_READ : 0) |
			       ((events[i].events & EPOLLOUT) ? EV_WRITE : 0) |
			       ((events[i].events & (EPOLLHUP | EPOLLERR)) ? EV_HANGUP : 0);

		if (!w->dead)
			w->fn(ev, w->fd, got, w->arg);
	}
	/* those that were there before: a timer of 0 ms that starts itself again lets descriptors have their turn */
	next = ev->next_id;
	while (ev->ntimers > 0 && ev->timers[0].at_ms <= ev->now_ms && ev->timers[0].id < next) {
		struct ev_timer t = ev->timers[0];

		timer_remove(ev, 0);
		t.fn(ev, t.arg);
	}
	free_list(&ev->dead);
	return 0;
}

int
ev_run(struct ev *ev)
{
	int rc = 0;

	ev->stop = false;
	while (!ev->stop && rc == 0)
		rc = ev_turn(ev, -1);
	return rc;
}

void
ev_stop(struct ev *ev)
{
	ev->stop = true;
}

uint64_t
ev_now_ms(const struct ev *ev)
{
	return ev->now_ms;
}

uint64_t
ev_wall_ms(void)
{
	return clock_ms(CLOCK_REALTIME);
}
