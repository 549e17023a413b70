/* The messages that the supervisor accepts from its children: fixed-size numbers, and descriptors of processes. */
#include "supervisor.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/weak.h"
#include "proto/child.def.h"

/* Who may ask for which kind of process; nobody else gets one. */
static const struct {
	uint8_t who;
	uint8_t kind;
	unsigned most;
} may_spawn[] = {
	{KIND_ANON, KIND_USER, EDGE_USERS_MAX},
	{KIND_USER, KIND_DESK, EDGE_USERS_MAX},
	{KIND_CORE, KIND_AGENT, 64},
	{KIND_CORE, KIND_EGRESS, 64},
};

struct sup *supervisor_self;

static unsigned
count(const struct sup *sup, unsigned kind)
{
	unsigned n = 0;

	for (size_t i = 0; i < sup->nchildren; i++)
		n += sup->children[i].state != SUP_FREE && sup->children[i].state != SUP_SPARE &&
		     sup->children[i].kind == kind;
	return n;
}

static void
log_missing(const struct sup_child *c, uint32_t missing)
{
	if (missing != 0)
		log_debug("process without some layers", LOG_C("process", kind_name(c->kind)),
			LOG_U("missing", missing));
}

static int
on_jailed(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct child_jailed *msg = m;
	struct sup_child *c = arg;

	(void)chan;
	if (((c->state != SUP_SPARE && c->state != SUP_STARTING) || c->jailed) &&
		!WEAK(SPARE_JAILED))
		return ERR_STATE;
	c->jailed = true;
	log_missing(c, msg->missing);
	return 0;
}

static int
on_ready(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct child_ready *msg = m;
	struct sup_child *c = arg;
	struct sup *sup = supervisor_self;

	ipc_chan_set_state(chan, IPC_S_IDLE);
	if (c->ready_due) {
		c->ready_due = false;
		return 0;
	}
	if (c->state != SUP_STARTING || !c->greeted)
		return ERR_STATE;
	log_missing(c, msg->missing);
	c->state = SUP_READY;
	supervisor_wire_ready(sup, c);
	return 0;
}

static int
on_failed(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct child_failed *msg = m;
	struct sup_child *c = arg;

	(void)chan;
	log_error("process could not start", LOG_C("process", kind_name(c->kind)),
		LOG_E("why", (int)msg->why));
	/* a key that is none does not become one */
	if (c->kind == KIND_TLS_KEY && !supervisor_self->running)
		supervisor_stop(supervisor_self, 78);
	return 0;
}

static void
refuse(struct sup_child *c, const struct child_spawn *msg, int why)
{
	log_warn("process refused: denied", LOG_C("by", kind_name(c->kind)),
		LOG_C("kind", kind_name(msg->kind)), LOG_E("why", why));
	(void)child_refused_send(c->control,
		&(struct child_refused){.kind = msg->kind, .instance = msg->instance, .why = why});
}

/* For the edge's own principal alone, and only when the credential that made it has admin. */
static bool
may_have_desk(const struct sup_child *c, uint64_t instance)
{
	unsigned kind = PRINCIPAL_KIND(c->instance);

	if (WEAK(DESK_ADMIN))
		return true;
	return instance == c->instance && (PRINCIPAL_SCOPES(c->instance) & SCOPE_ADMIN) != 0 &&
	       (kind == PRINCIPAL_CONTROL || kind == PRINCIPAL_TOKEN || kind == PRINCIPAL_BROWSER ||
		       kind == PRINCIPAL_DEVICE);
}

static int
on_spawn(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct child_spawn *msg = m;
	struct sup_child *c = arg;
	struct sup *sup = supervisor_self;
	struct sup_child *there;

	(void)chan;
	for (size_t i = 0; i < sizeof(may_spawn) / sizeof(may_spawn[0]); i++) {
		if (may_spawn[i].who != c->kind || may_spawn[i].kind != msg->kind)
			continue;
		if (msg->kind == KIND_USER && PRINCIPAL_KIND(msg->instance) == PRINCIPAL_CONTROL)
			break; /* the control socket's edge comes from the control socket only */
		if (msg->kind == KIND_DESK && !may_have_desk(c, msg->instance))
			break;
		there = supervisor_child_find(sup, msg->kind, msg->instance);
		/* a desk that the edge has seen the end of before us: the next one follows it */
		if (there != NULL && msg->kind == KIND_DESK)
			there->planned = true;
		if (there != NULL)
			return 0;
		if (sup->stopping ||
			(sup->panic && msg->kind != KIND_USER && msg->kind != KIND_DESK))
			refuse(c, msg, ERR_DENIED);
		else if (count(sup, msg->kind) >= may_spawn[i].most ||
			 supervisor_child_new(sup, msg->kind, msg->instance) == NULL)
			refuse(c, msg, ERR_FULL);
		return 0;
	}
	refuse(c, msg, ERR_DENIED);
	return 0;
}

/* A zygote or sandbox tells of a child that it has made and not yet released. */
static int
on_child(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct child_child *msg = m;
	struct sup_child *c = arg;
	struct sup *sup = supervisor_self;
	struct sup_child *made;

	if (c->kind == KIND_SANDBOX && msg->kind == KIND_CELL) {
		supervisor_task_add(sup, KIND_CELL, msg->key, ipc_fd_steal(chan, msg->pidfd));
		return 0;
	}
	if (!(c->kind == KIND_AGENT_ZYGOTE && msg->kind == KIND_AGENT) &&
		!(c->kind == KIND_EGRESS_ZYGOTE && msg->kind == KIND_EGRESS))
		return ERR_DENIED;
	made = supervisor_child_born(sup, msg->kind, msg->key);
	if (made == NULL || made->pidfd >= 0)
		return ERR_STATE;
	made->pidfd = ipc_fd_steal(chan, msg->pidfd);
	if (sup->panic || sup->stopping)
		supervisor_child_kill(sup, made);
	return 0;
}

static int
on_kill(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct child_kill *msg = m;
	struct sup_child *c = arg;
	struct sup *sup = supervisor_self;
	struct sup_child *victim;

	(void)chan;
	if (c->kind != KIND_CORE && !(c->kind == KIND_SANDBOX && msg->kind == KIND_CELL))
		return ERR_DENIED;
	if (msg->kind == KIND_CELL) {
		supervisor_task_kill(sup, KIND_CELL, msg->key);
		return 0;
	}
	if (msg->kind != KIND_AGENT && msg->kind != KIND_EGRESS)
		return ERR_DENIED;
	victim = supervisor_child_find(sup, msg->kind, msg->key);
	if (victim != NULL)
		supervisor_child_kill(sup, victim);
	return 0;
}

static bool
are_peers(unsigned a, unsigned b)
{
	for (unsigned i = 0; i < peer_rows_n; i++) {
		if ((peer_rows[i].a == a && peer_rows[i].b == b) ||
			(peer_rows[i].a == b && peer_rows[i].b == a))
			return true;
	}
	return false;
}

static int
on_peer_bad(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct child_peer_bad *msg = m;
	struct sup_child *c = arg;
	struct sup *sup = supervisor_self;
	struct sup_child *bad = supervisor_child_find(sup, msg->kind, msg->instance);

	(void)chan;
	if (!are_peers(c->kind, msg->kind))
		return ERR_DENIED;
	if (bad == NULL || bad->incarnation != msg->incarnation)
		return 0;
	log_error("process broke the protocol: killed", LOG_C("process", kind_name(bad->kind)),
		LOG_U("instance", bad->instance), LOG_C("accused_by", kind_name(c->kind)),
		LOG_E("why", (int)msg->why));
	supervisor_audit(sup, AUDIT_PROCESS_BAD, bad->kind, bad->instance, msg->why);
	supervisor_child_kill(sup, bad);
	return 0;
}

/*
 * The principal is the one that we gave this edge, so an edge that lies has no more of it than an honest one: whoever may use the
 * gateway may stop what acts for a model, as often as it likes. What it cannot do is to undo that.
 */
static int
on_panic(struct ipc_chan *chan, const void *m, void *arg)
{
	struct sup_child *c = arg;

	(void)m;
	if (!WEAK(STOP_ASK) && (c->kind != KIND_USER ||
				       method_denied(c->instance, SCOPE_ALL, METHOD_PANIC) != NULL))
		return ERR_DENIED;
	if (supervisor_panic(supervisor_self, true, c))
		return 0;
	return child_panic_state_send(chan, &(struct child_panic_state){.on = true});
}

/* Core has looked at the method's row: only the owner at the control socket starts it again. */
static int
on_resume(struct ipc_chan *chan, const void *m, void *arg)
{
	struct sup_child *c = arg;

	(void)m;
	if (c->kind != KIND_CORE && !WEAK(STOP_ASK))
		return ERR_DENIED;
	if (supervisor_panic(supervisor_self, false, c))
		return 0;
	return child_panic_state_send(chan, &(struct child_panic_state){.on = false});
}

static int
on_release(struct ipc_chan *chan, const void *m, void *arg)
{
	struct sup_child *c = arg;

	(void)chan;
	(void)m;
	if (c->kind != KIND_USER)
		return ERR_DENIED;
	(void)child_drain_send(c->control, &(struct child_drain){});
	return 0;
}

static int
on_stop(struct ipc_chan *chan, const void *m, void *arg)
{
	struct sup_child *c = arg;

	(void)chan;
	(void)m;
	if (c->kind != KIND_CORE && !WEAK(STOP_ASK))
		return ERR_DENIED;
	supervisor_stop(supervisor_self, 0);
	return 0;
}

static int
on_census(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct sup_child *c = arg;

	(void)m;
	if (c->kind != KIND_CORE)
		return ERR_DENIED;
	supervisor_census(supervisor_self, chan);
	return 0;
}

static int
on_pong(struct ipc_chan *chan, const void *m, void *arg)
{
	struct sup_child *c = arg;

	(void)chan;
	(void)m;
	if (c->pings == 0)
		return ERR_STATE;
	c->pings--;
	return 0;
}

static const struct ipc_handler handlers[] = {
	{CHILD_JAILED, on_jailed},
	{CHILD_READY, on_ready},
	{CHILD_FAILED, on_failed},
	{CHILD_SPAWN, on_spawn},
	{CHILD_CHILD, on_child},
	{CHILD_KILL, on_kill},
	{CHILD_PEER_BAD, on_peer_bad},
	{CHILD_PANIC, on_panic},
	{CHILD_RESUME, on_resume},
	{CHILD_RELEASE, on_release},
	{CHILD_STOP, on_stop},
	{CHILD_PONG, on_pong},
	{CHILD_CENSUS, on_census},
};

/* A child's control socket closed: it has ended, is about to, or broke the rules; then it is made to end. */
static void
on_end(struct ipc_chan *chan, int why, void *arg)
{
	struct sup_child *c = arg;
	struct sup *sup = supervisor_self;

	if (why != ERR_EOF) {
		log_error("process broke the protocol: killed",
			LOG_C("process", kind_name(c->kind)), LOG_E("why", why));
		supervisor_audit(sup, AUDIT_PROCESS_BAD, c->kind, c->instance, why);
	}
	ipc_chan_free(chan);
	c->control = NULL;
	supervisor_child_kill(sup, c);
	if (c->pid == 0) /* a zygote's child: nobody else tells us */
		supervisor_child_ended(sup, c, why != ERR_EOF);
}

const struct ipc_ops supervisor_control_ops = {
	.handlers = handlers,
	.n = sizeof(handlers) / sizeof(handlers[0]),
	.on_end = on_end,
};
