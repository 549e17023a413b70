/* Ending: the kill switch, which needs nobody, and the orderly stop, which asks first. */
#include "supervisor.h"

#include <signal.h>
#include <sys/pidfd.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/weak.h"
#include "proto/child.def.h"

/* Agents, egresses and cells: whatever acts for a model. */
static void
kill_actors(struct sup *sup)
{
	if (WEAK(PANIC_KILL))
		return;
	for (size_t i = 0; i < SUP_TASKS_MAX; i++) {
		if (sup->tasks[i].used)
			(void)pidfd_send_signal(sup->tasks[i].pidfd, SIGKILL, NULL, 0);
	}
	for (size_t i = 0; i < sup->nchildren; i++) {
		struct sup_child *c = &sup->children[i];

		if (c->state != SUP_FREE && (c->kind == KIND_AGENT || c->kind == KIND_EGRESS))
			supervisor_child_kill(sup, c);
	}
}

bool
supervisor_panic(struct sup *sup, bool on, const struct sup_child *by)
{
	if (on)
		kill_actors(sup);
	if (sup->panic == on && supervisor_panic_stored(sup) == on)
		return false; /* whoever says it again, however often, changes nothing */
	sup->panic = on;
	supervisor_panic_store(sup, on);
	for (size_t i = 0; i < sup->nchildren; i++) {
		if (sup->children[i].state == SUP_UP && sup->children[i].control != NULL)
			(void)child_panic_state_send(
				sup->children[i].control, &(struct child_panic_state){.on = on});
	}
	if (on) {
		kill_actors(sup); /* what was being born meanwhile */
		log_warn("kill switch on: agents and tools are dead, nothing goes out");
	} else {
		log_info("kill switch off");
	}
	supervisor_audit(sup, on ? AUDIT_PANIC_ON : AUDIT_PANIC_OFF, by->kind, by->instance, 0);
	return true;
}

/* Those who face clients end first, while the rest can still answer them. */
static bool
is_front(unsigned kind)
{
	return kind == KIND_ANON || kind == KIND_USER || kind == KIND_CORE || kind == KIND_CONFIG;
}

static void
drain(struct sup *sup, bool front)
{
	for (size_t i = 0; i < sup->nchildren; i++) {
		struct sup_child *c = &sup->children[i];

		if (c->state == SUP_FREE || c->control == NULL || is_front(c->kind) != front)
			continue;
		/* one that has not yet started would not read it */
		if (c->state == SUP_UP)
			(void)child_drain_send(c->control, &(struct child_drain){});
		else
			supervisor_child_kill(sup, c);
	}
}

static size_t
alive(const struct sup *sup, bool front)
{
	size_t n = 0;

	for (size_t i = 0; i < sup->nchildren; i++)
		n += sup->children[i].state != SUP_FREE && sup->children[i].state != SUP_WAITING &&
		     is_front(sup->children[i].kind) == front;
	return n;
}

static void
on_grace_over(struct ev *ev, void *arg)
{
	struct sup *sup = arg;

	(void)ev;
	sup->stop_timer = 0;
	for (size_t i = 0; i < sup->nchildren; i++) {
		if (sup->children[i].state != SUP_FREE)
			supervisor_child_kill(sup, &sup->children[i]);
	}
	ev_stop(sup->ev);
}

void
supervisor_stop_step(struct sup *sup)
{
	static bool back_drained;

	if (alive(sup, true) > 0)
		return;
	if (!back_drained) {
		back_drained = true;
		supervisor_audit(sup, AUDIT_STOP, KIND_SUPERVISOR, 0, 0);
		drain(sup, false);
	}
	if (alive(sup, false) == 0)
		ev_stop(sup->ev);
}

void
supervisor_stop(struct sup *sup, int status)
{
	if (sup->stopping)
		return;
	sup->stopping = true;
	sup->status = status;
	if (status == 0)
		log_info("gateway stopping");
	kill_actors(sup);
	supervisor_spare_user_end(sup);
	sup->stop_timer = ev_timer_start(sup->ev, STOP_GRACE_MS, on_grace_over, sup);
	drain(sup, true);
	supervisor_stop_step(sup);
}
