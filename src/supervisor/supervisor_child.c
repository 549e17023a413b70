/* The table of processes: made, kept ahead, ended, and started anew with back-off. How one is born: supervisor_birth.c. */
#include "supervisor.h"

#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "proto/child.def.h"

struct sup_child *
supervisor_child_find(struct sup *sup, unsigned kind, uint64_t instance)
{
	for (size_t i = 0; i < sup->nchildren; i++) {
		struct sup_child *c = &sup->children[i];

		if (c->state != SUP_FREE && c->state != SUP_SPARE && c->kind == kind &&
			c->instance == instance)
			return c;
	}
	return NULL;
}

struct sup_child *
supervisor_child_born(struct sup *sup, unsigned kind, uint64_t incarnation)
{
	for (size_t i = 0; i < sup->nchildren; i++) {
		struct sup_child *c = &sup->children[i];

		if (c->state != SUP_FREE && c->kind == kind && c->incarnation == incarnation)
			return c;
	}
	return NULL;
}

static struct sup_child *
free_slot(struct sup *sup)
{
	for (size_t i = 0; i < sup->nchildren; i++) {
		if (sup->children[i].state == SUP_FREE)
			return &sup->children[i];
	}
	return sup->nchildren == SUP_CHILDREN_MAX ? NULL : &sup->children[sup->nchildren++];
}

static struct sup_child *
make(struct sup *sup, uint8_t kind, uint64_t instance, enum sup_state state)
{
	struct sup_child *c = free_slot(sup);

	if (c == NULL)
		return NULL;
	*c = (struct sup_child){
		.kind = kind, .instance = instance, .pidfd = -1, .theirs = -1, .state = state};
	if (supervisor_child_birth(sup, c) < 0) {
		if (c->theirs >= 0)
			close(c->theirs);
		*c = (struct sup_child){.pidfd = -1, .theirs = -1};
		return NULL;
	}
	return c;
}

static struct sup_child *
find_spare(struct sup *sup, uint8_t kind)
{
	for (size_t i = 0; i < sup->nchildren; i++) {
		struct sup_child *c = &sup->children[i];

		if (c->state == SUP_SPARE && c->kind == kind && c->control != NULL)
			return c;
	}
	return NULL;
}

void
supervisor_spare_fill(struct sup *sup)
{
	const struct sup_child *zygote = supervisor_child_find(sup, KIND_AGENT_ZYGOTE, 0);

	if (!sup->stopping && !sup->panic && zygote != NULL && zygote->state == SUP_UP &&
		find_spare(sup, KIND_AGENT) == NULL)
		(void)make(sup, KIND_AGENT, 0, SUP_SPARE);
}

/* The first client's, loaded and jailed beside the others; who that is decides vault, and only then it is greeted. */
void
supervisor_spare_user(struct sup *sup)
{
	(void)make(sup, KIND_USER, 0, SUP_SPARE);
}

/* Nobody came: an idle process less. */
void
supervisor_spare_user_end(struct sup *sup)
{
	struct sup_child *c = find_spare(sup, KIND_USER);

	if (c == NULL)
		return;
	ipc_chan_free(c->control);
	c->control = NULL;
}

struct sup_child *
supervisor_child_new(struct sup *sup, uint8_t kind, uint64_t instance)
{
	struct sup_child *c = find_spare(sup, kind);

	if (c == NULL)
		return make(sup, kind, instance, SUP_STARTING);
	c->instance = instance;
	c->state = SUP_STARTING;
	c->started_ms = ev_now_ms(sup->ev);
	supervisor_child_greet(sup, c);
	if (!c->jailed || !sup->running)
		return c;
	/* who it is, with whom it talks and that it may begin, in one go: what READY has to tell it has told already */
	c->ready_due = true;
	c->state = SUP_READY;
	supervisor_wire_ready(sup, c);
	return c;
}

void
supervisor_child_kill(struct sup *sup, struct sup_child *c)
{
	(void)sup;
	if (c->pidfd >= 0)
		(void)pidfd_send_signal(c->pidfd, SIGKILL, NULL, 0);
	if (c->theirs >= 0) /* not forked yet, and now never */
		close(c->theirs);
	c->theirs = -1;
}

static void
forget(struct sup *sup, struct sup_child *c)
{
	ev_timer_cancel(sup->ev, c->drain_timer);
	ipc_chan_free(c->desk);
	ipc_chan_free(c->control);
	if (c->pidfd >= 0)
		close(c->pidfd);
	if (c->theirs >= 0)
		close(c->theirs);
	ev_timer_cancel(sup->ev, c->restart_timer);
	*c = (struct sup_child){.pidfd = -1, .theirs = -1};
}

static void
restart(struct ev *ev, void *arg)
{
	struct sup_child *c = arg;

	(void)ev;
	c->restart_timer = 0;
	c->state = SUP_STARTING;
	if (supervisor_self->stopping || supervisor_child_birth(supervisor_self, c) < 0)
		c->state = SUP_FREE;
}

/* Nothing for the first few crashes in a short time; then doubling. */
static uint64_t
backoff_ms(struct sup_child *c, uint64_t now)
{
	size_t recent = 0;

	memmove(&c->crashes_ms[1], &c->crashes_ms[0],
		sizeof(c->crashes_ms) - sizeof(c->crashes_ms[0]));
	c->crashes_ms[0] = now;
	for (size_t i = 0; i <= CHILD_RESTARTS_FREE; i++)
		recent += c->crashes_ms[i] != 0 && now - c->crashes_ms[i] < CHILD_RESTART_WINDOW_MS;
	if (recent <= CHILD_RESTARTS_FREE)
		return 0;
#ifdef MOLTBOT_ATTACKER
	if (supervisor_self->attack != NULL)
		return 0; /* one attempt a life: many lives */
#endif
	return now - c->started_ms < CHILD_BACKOFF_MS ? CHILD_BACKOFF_MS : CHILD_BACKOFF_SHORT_MS;
}

/* Its edge waits for it and was never wired to it. */
static void
desk_failed(struct sup *sup, const struct sup_child *c)
{
	struct sup_child *edge = supervisor_child_find(sup, KIND_USER, c->instance);

	if (edge != NULL && edge->state == SUP_UP && edge->control != NULL)
		(void)child_refused_send(edge->control,
			&(struct child_refused){
				.kind = KIND_DESK, .instance = c->instance, .why = ERR_SYS});
}

void
supervisor_child_ended(struct sup *sup, struct sup_child *c, bool crashed)
{
	uint64_t delay;
	uint8_t kind = c->kind;
	bool was_up = c->state == SUP_UP;

	/* a spare one without its socket was told to go */
	if (crashed && (c->state != SUP_SPARE || c->control != NULL)) {
		sup->crashes[kind]++;
		sup->crashed_ms[kind] = ev_now_ms(sup->ev);
	}
	if (c->state != SUP_SPARE) { /* nobody has met a spare one */
		supervisor_wire_gone(sup, c);
		supervisor_audit(sup, AUDIT_PROCESS_END, c->kind, c->instance, crashed);
	}
	if (kind == KIND_DESK && c->state != SUP_UP)
		desk_failed(sup, c);
	ipc_chan_free(c->control);
	c->control = NULL;
	if (c->pidfd >= 0)
		close(c->pidfd);
	c->pidfd = -1;
	c->pid = 0;
	if (c->kind == KIND_CONFIG)
		supervisor_config_ended(sup);
	if (kind == KIND_USER && PRINCIPAL_KIND(c->instance) == PRINCIPAL_CONTROL &&
		sup->control_watch != NULL)
		ev_fd_set(sup->control_watch, EV_READ);
	if (sup->stopping || process_rows[kind].life != LIFE_ALWAYS) {
		bool again = kind == KIND_DESK && c->planned && !sup->stopping;
		uint64_t instance = c->instance;

		forget(sup, c);
		if (again)
			(void)supervisor_child_new(sup, kind, instance);
		if (sup->stopping)
			supervisor_stop_step(sup);
		return;
	}
	ev_timer_cancel(sup->ev, c->drain_timer);
	c->drain_timer = 0;
	c->state = SUP_WAITING;
	supervisor_wire_readiness(sup, false);
	if (c->planned) {
		c->planned = false;
		c->restart_timer = ev_timer_start(sup->ev, 0, restart, c);
		return;
	}
	delay = backoff_ms(c, ev_now_ms(sup->ev));
	log_error("process ended: restarting", LOG_C("process", kind_name(kind)),
		LOG_U("instance", c->instance), LOG_U("delay_ms", delay));
	c->restart_timer = ev_timer_start(sup->ev, delay, restart, c);
	if (!was_up)
		supervisor_reload_failed(sup, kind);
}

void
supervisor_child_reap(struct sup *sup)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (size_t i = 0; i < sup->nchildren; i++) {
			struct sup_child *c = &sup->children[i];

			if (c->state == SUP_FREE || c->pid != pid)
				continue;
			if (WIFSIGNALED(status))
				log_error("process killed by a signal",
					LOG_C("process", kind_name(c->kind)), LOG_U("pid", pid),
					LOG_C("signal", sigabbrev_np(WTERMSIG(status))));
			supervisor_child_ended(
				sup, c, !WIFEXITED(status) || WEXITSTATUS(status) != 0);
			break;
		}
	}
}
