/*
 * The event loop of every long-lived process: descriptors (epoll, level-triggered), timers, signals (signalfd).
 * One loop a process, one thread. Callbacks may add, change and delete any watch, their own included, and may start
 * or cancel timers; a deleted watch is never called again, even within the same turn of the loop.
 */
#ifndef EV_EV_H
#define EV_EV_H

#include <stdbool.h>
#include <stdint.h>

struct ev;
struct ev_fd; /* a watch; owned by the loop, valid until ev_fd_del */

#define EV_READ 1u
#define EV_WRITE 2u
#define EV_HANGUP 4u /* reported, not asked for: EPOLLHUP or EPOLLERR */

typedef void ev_fd_fn(struct ev *ev, int fd, unsigned events, void *arg);
typedef void ev_timer_fn(struct ev *ev, void *arg);
typedef void ev_signal_fn(struct ev *ev, int signo, void *arg);

/* Ends the process when the kernel refuses an epoll descriptor. */
struct ev *ev_new(void);
/* Frees the loop and its watches; closes no descriptor of the caller's. NULL is legal. */
void ev_free(struct ev *ev);

/* Runs until ev_stop. Returns 0, or ERR_SYS when epoll fails. */
int ev_run(struct ev *ev);
void ev_stop(struct ev *ev);
/* One turn, waiting at most wait_ms (-1: until something happens). For tests and nested drains. */
int ev_turn(struct ev *ev, int wait_ms);

/* Watches fd. The caller keeps owning fd and deletes the watch before closing it. */
struct ev_fd *ev_fd_add(struct ev *ev, int fd, unsigned events, ev_fd_fn *fn, void *arg);
void ev_fd_set(struct ev_fd *w, unsigned events); /* 0 pauses it: only EV_HANGUP is then reported */
void ev_fd_del(struct ev_fd *w);                  /* NULL is legal */

/* One-shot timer; returns its id (never 0). Times come from CLOCK_MONOTONIC. One that a timer starts fires in a later turn. */
uint64_t ev_timer_start(struct ev *ev, uint64_t delay_ms, ev_timer_fn *fn, void *arg);
void ev_timer_cancel(struct ev *ev, uint64_t id); /* 0 or an expired id is legal */

/* Blocks signo and reports it here from now on. One handler a signal. */
int ev_signal_add(struct ev *ev, int signo, ev_signal_fn *fn, void *arg);

/* Milliseconds of CLOCK_MONOTONIC at the start of this turn. */
uint64_t ev_now_ms(const struct ev *ev);
/* Milliseconds since 1970 (CLOCK_REALTIME), fresh. */
uint64_t ev_wall_ms(void);

#endif
