/* Tests of lib/ev. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "ev/ev.h"

/* What callbacks saw, in order. */
struct seen {
	char names[64];
	size_t n;
	struct ev_fd *victim;
	uint64_t timer;
	int fd;
	unsigned events;
};

struct mark {
	struct seen *seen;
	char name;
};

static void
see(struct seen *s, char name)
{
	assert_true(s->n + 1 < sizeof(s->names));
	s->names[s->n++] = name;
}

static void
on_mark(struct ev *ev, void *arg)
{
	struct mark *m = arg;

	(void)ev;
	see(m->seen, m->name);
}

static void
on_stop(struct ev *ev, void *arg)
{
	(void)arg;
	ev_stop(ev);
}

static void
timers_fire_in_the_order_of_their_times(void **state)
{
	struct ev *ev = ev_new();
	struct seen s = {0};
	struct mark m[] = {{&s, 'a'}, {&s, 'b'}, {&s, 'c'}, {&s, 'd'}};

	(void)state;
	ev_timer_start(ev, 30, on_stop, NULL);
	ev_timer_start(ev, 20, on_mark, &m[3]);
	ev_timer_start(ev, 0, on_mark, &m[0]);
	ev_timer_start(ev, 10, on_mark, &m[2]);
	ev_timer_start(ev, 5, on_mark, &m[1]);
	assert_int_equal(ev_run(ev), 0);
	assert_string_equal(s.names, "abcd");
	ev_free(ev);
}

static void
timers_of_the_same_time_fire_in_the_order_of_their_start(void **state)
{
	struct ev *ev = ev_new();
	struct seen s = {0};
	struct mark m[40];
	uint64_t until;

	(void)state;
	for (size_t i = 0; i < 40; i++) {
		m[i] = (struct mark){&s, (char)('0' + i)};
		ev_timer_start(ev, 0, on_mark, &m[i]);
	}
	/* all were started within a few milliseconds: when all are due, ids decide among equals */
	until = ev_wall_ms() + 1000;
	while (s.n < 40 && ev_wall_ms() < until)
		assert_int_equal(ev_turn(ev, 10), 0);
	assert_int_equal(s.n, 40);
	for (size_t i = 0; i < 40; i++)
		assert_int_equal(s.names[i], '0' + (int)i);
	ev_free(ev);
}

static void
a_cancelled_timer_does_not_fire_and_the_others_do(void **state)
{
	struct ev *ev = ev_new();
	struct seen s = {0};
	struct mark m[26];
	uint64_t ids[26];

	(void)state;
	for (size_t i = 0; i < 26; i++) {
		m[i] = (struct mark){&s, (char)('a' + i)};
		ids[i] = ev_timer_start(ev, (i * 7) % 26, on_mark, &m[i]);
		assert_true(ids[i] != 0);
	}
	for (size_t i = 0; i < 26; i += 2)
		ev_timer_cancel(ev, ids[i]);
	ev_timer_cancel(ev, 0);
	ev_timer_cancel(ev, ids[0]);
	ev_timer_start(ev, 60, on_stop, NULL);
	assert_int_equal(ev_run(ev), 0);
	assert_int_equal(s.n, 13);
	for (size_t i = 0; i < s.n; i++)
		assert_int_equal((s.names[i] - 'a') % 2, 1);
	ev_free(ev);
}

static void
on_cancel_other(struct ev *ev, void *arg)
{
	struct seen *s = arg;

	see(s, 'x');
	ev_timer_cancel(ev, s->timer);
}

static void
a_timer_cancelled_by_another_of_the_same_turn_does_not_fire(void **state)
{
	struct ev *ev = ev_new();
	struct seen s = {0};
	struct mark m = {&s, 'y'};

	(void)state;
	ev_timer_start(ev, 0, on_cancel_other, &s);
	s.timer = ev_timer_start(ev, 1, on_mark, &m);
	usleep(5000);
	assert_int_equal(ev_turn(ev, 0), 0);
	assert_string_equal(s.names, "x");
	ev_free(ev);
}

static void
on_restart(struct ev *ev, void *arg)
{
	struct seen *s = arg;

	see(s, 'r');
	if (s->n < 5)
		ev_timer_start(ev, 1, on_restart, s);
	else
		ev_stop(ev);
}

static void
a_timer_may_start_the_next(void **state)
{
	struct ev *ev = ev_new();
	struct seen s = {0};

	(void)state;
	ev_timer_start(ev, 1, on_restart, &s);
	assert_int_equal(ev_run(ev), 0);
	assert_string_equal(s.names, "rrrrr");
	ev_free(ev);
}

static void
a_turn_waits_no_longer_than_it_was_told(void **state)
{
	struct ev *ev = ev_new();
	struct seen s = {0};
	struct mark m = {&s, 'z'};
	uint64_t before;

	(void)state;
	ev_timer_start(ev, 3600000, on_mark, &m);
	assert_int_equal(ev_turn(ev, 0), 0);
	before = ev_now_ms(ev);
	assert_int_equal(ev_turn(ev, 20), 0);
	assert_in_range(ev_now_ms(ev) - before, 19, 20000);
	assert_int_equal(s.n, 0);
	ev_free(ev);
}

static void
on_delete_both(struct ev *ev, int fd, unsigned events, void *arg)
{
	struct seen *s = arg;

	(void)ev;
	(void)fd;
	(void)events;
	see(s, 'd');
	/* both are ready; whichever is called first deletes both, its own watch included */
	ev_fd_del(s[0].victim);
	ev_fd_del(s[1].victim);
}

static void
a_watch_deleted_during_the_turn_is_not_called_again(void **state)
{
	struct ev *ev = ev_new();
	struct seen s[2] = {{.n = 0}, {.n = 0}};
	int a[2];
	int b[2];

	(void)state;
	assert_int_equal(pipe2(a, O_CLOEXEC), 0);
	assert_int_equal(pipe2(b, O_CLOEXEC), 0);
	s[0].victim = ev_fd_add(ev, a[0], EV_READ, on_delete_both, s);
	s[1].victim = ev_fd_add(ev, b[0], EV_READ, on_delete_both, s);
	assert_int_equal(write(a[1], "x", 1), 1);
	assert_int_equal(write(b[1], "x", 1), 1);
	assert_int_equal(ev_turn(ev, 100), 0);
	assert_int_equal(ev_turn(ev, 0), 0);
	assert_int_equal(s[0].n + s[1].n, 1);
	ev_fd_del(NULL);
	ev_free(ev);
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
}

static void
on_events(struct ev *ev, int fd, unsigned events, void *arg)
{
	struct seen *s = arg;

	(void)ev;
	s->fd = fd;
	s->events = events;
	s->n++;
}

static void
on_replace(struct ev *ev, int fd, unsigned events, void *arg)
{
	struct seen *s = arg;

	(void)events;
	see(s, 'o');
	ev_fd_del(s->victim);
	s->victim = ev_fd_add(ev, fd, EV_READ, on_events, s);
}

static void
a_callback_may_replace_its_own_watch(void **state)
{
	struct ev *ev = ev_new();
	struct seen s = {0};
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(write(p[1], "x", 1), 1);
	s.victim = ev_fd_add(ev, p[0], EV_READ, on_replace, &s);
	assert_int_equal(ev_turn(ev, 100), 0);
	assert_string_equal(s.names, "o");
	assert_int_equal(ev_turn(ev, 100), 0);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.fd, p[0]);
	assert_int_equal(s.events, EV_READ);
	ev_fd_del(s.victim);
	ev_free(ev);
	close(p[0]);
	close(p[1]);
}

static void
a_paused_watch_reports_the_hangup_only(void **state)
{
	struct ev *ev = ev_new();
	struct seen s = {0};
	struct ev_fd *w;
	int sv[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	w = ev_fd_add(ev, sv[0], EV_READ, on_events, &s);
	ev_fd_set(w, 0);
	assert_int_equal(write(sv[1], "x", 1), 1);
	assert_int_equal(ev_turn(ev, 10), 0);
	assert_int_equal(s.n, 0);
	ev_fd_set(w, EV_READ | EV_WRITE);
	assert_int_equal(ev_turn(ev, 100), 0);
	assert_int_equal(s.events, EV_READ | EV_WRITE);
	ev_fd_set(w, 0);
	close(sv[1]);
	assert_int_equal(ev_turn(ev, 100), 0);
	assert_int_equal(s.events, EV_HANGUP);
	assert_int_equal(s.n, 2);
	ev_fd_del(w);
	ev_fd_set(w, EV_READ); /* deleted, not yet freed: nothing happens */
	assert_int_equal(ev_turn(ev, 0), 0);
	assert_int_equal(s.n, 2);
	ev_free(ev);
	close(sv[0]);
}

static void
on_signo(struct ev *ev, int signo, void *arg)
{
	struct seen *s = arg;

	(void)ev;
	see(s, signo == SIGUSR1 ? '1' : '2');
}

static void
signals_reach_their_handlers_and_kill_nobody(void **state)
{
	struct ev *ev = ev_new();
	struct seen s = {0};

	(void)state;
	assert_int_equal(ev_signal_add(ev, SIGUSR1, on_signo, &s), 0);
	assert_int_equal(ev_signal_add(ev, SIGUSR2, on_signo, &s), 0);
	assert_int_equal(kill(getpid(), SIGUSR2), 0);
	assert_int_equal(ev_turn(ev, 100), 0);
	assert_int_equal(kill(getpid(), SIGUSR1), 0);
	assert_int_equal(ev_turn(ev, 100), 0);
	assert_int_equal(ev_turn(ev, 0), 0);
	assert_string_equal(s.names, "21");
	assert_int_equal(ev_signal_add(ev, 0, on_signo, &s), ERR_RANGE);
	assert_int_equal(ev_signal_add(ev, 1000, on_signo, &s), ERR_RANGE);
	ev_free(ev);
}

static void
the_loop_leaves_the_callers_descriptors_open_and_its_own_closed(void **state)
{
	struct seen s = {0};
	int p[2];
	int before;
	int after;

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	before = dup(p[0]);
	close(before);
	for (int i = 0; i < 10; i++) {
		struct ev *ev = ev_new();

		ev_fd_del(ev_fd_add(ev, p[0], EV_READ, on_events, &s));
		assert_non_null(
			ev_fd_add(ev, p[1], EV_WRITE, on_events, &s)); /* freed with the loop */
		assert_int_equal(ev_signal_add(ev, SIGUSR1, on_signo, &s), 0);
		ev_free(ev);
	}
	after = dup(p[0]);
	assert_int_equal(after, before);
	close(after);
	assert_int_equal(close(p[0]), 0);
	assert_int_equal(close(p[1]), 0);
	ev_free(NULL);
}

static void
a_child_that_frees_its_copy_of_the_loop_leaves_the_parents_alone(void **state)
{
	struct ev *ev = ev_new();
	struct seen s = {0};
	int status = -1;
	int p[2];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	s.victim = ev_fd_add(ev, p[0], EV_READ, on_events, &s);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		ev_free(ev);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(write(p[1], "x", 1), 1);
	assert_int_equal(ev_turn(ev, 100), 0);
	assert_int_equal(s.n, 1);
	ev_free(ev);
	close(p[0]);
	close(p[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_fire_in_the_order_of_their_times),
		cmocka_unit_test(timers_of_the_same_time_fire_in_the_order_of_their_start),
		cmocka_unit_test(a_cancelled_timer_does_not_fire_and_the_others_do),
		cmocka_unit_test(a_timer_cancelled_by_another_of_the_same_turn_does_not_fire),
		cmocka_unit_test(a_timer_may_start_the_next),
		cmocka_unit_test(a_turn_waits_no_longer_than_it_was_told),
		cmocka_unit_test(a_watch_deleted_during_the_turn_is_not_called_again),
		cmocka_unit_test(a_callback_may_replace_its_own_watch),
		cmocka_unit_test(a_paused_watch_reports_the_hangup_only),
		cmocka_unit_test(signals_reach_their_handlers_and_kill_nobody),
		cmocka_unit_test(the_loop_leaves_the_callers_descriptors_open_and_its_own_closed),
		cmocka_unit_test(a_child_that_frees_its_copy_of_the_loop_leaves_the_parents_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
