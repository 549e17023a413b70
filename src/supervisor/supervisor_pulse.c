/*
 * A process that has ended is noticed; one that stands still for good is not, and who asked it would wait for ever. So each whose
 * loop never blocks is asked in turn, and killed when it has left CHILD_PULSES_MISSED questions without an answer. Questions are
 * counted, not time: when we stood still ourselves, or the whole machine did, it still has that many chances.
 */
#include "supervisor.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/weak.h"
#include "proto/child.def.h"

/* An agent is straight-line code under the clock of its run; config and its desks read one text and end. */
static bool
has_pulse(const struct sup_child *c)
{
	return (c->state == SUP_UP || c->state == SUP_STARTING || c->state == SUP_READY) &&
	       c->control != NULL && c->kind != KIND_AGENT && c->kind != KIND_CONFIG &&
	       c->kind != KIND_DESK;
}

/* Another question; false: too many wait. Whoever is not up yet is asked by everything that it has been told so far. */
static bool
ask(struct sup_child *c)
{
	unsigned *waiting = c->state == SUP_UP ? &c->pings : &c->begun;

	if (*waiting == CHILD_PULSES_MISSED)
		return false;
	(*waiting)++;
	if (c->state == SUP_UP)
		(void)child_ping_send(c->control, &(struct child_ping){});
	return true;
}

static void
end(struct sup *sup, struct sup_child *c)
{
	log_error("process does not answer any more: killed", LOG_C("process", kind_name(c->kind)),
		LOG_U("instance", c->instance));
	supervisor_audit(sup, AUDIT_PROCESS_BAD, c->kind, c->instance, ERR_TIMEOUT);
	supervisor_child_kill(sup, c);
}

static void
on_pulse(struct ev *ev, void *arg)
{
	struct sup *sup = arg;

	(void)ev;
	if (sup->stopping)
		return;
	for (size_t i = 0; i < sup->nchildren; i++) {
		struct sup_child *c = &sup->children[i];

		if (has_pulse(c) && !ask(c) && !WEAK(PULSE))
			end(sup, c);
	}
	supervisor_pulse_start(sup);
}

void
supervisor_pulse_start(struct sup *sup)
{
	(void)ev_timer_start(sup->ev, CHILD_PULSE_MS, on_pulse, sup);
}
