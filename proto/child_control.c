/* Between a process and the supervisor: what it says once the process is jailed, and what is asked of it. */
#include "proto/child_state.h"

#include <string.h>

#include "base/err.h"
#include "base/secret.h"
#include "proto/child.def.h"
#ifdef MOLTBOT_ATTACKER
#include "proto/attacker.h"
#endif

static int
on_key(struct ipc_chan *control, const void *m, void *arg)
{
	const struct child_key *msg = m;
	struct child *child = arg;
	const uint64_t words[4] = {msg->k0, msg->k1, msg->k2, msg->k3};
	uint8_t key[WARRANT_KEY_LEN];

	(void)control;
	memcpy(key, words, sizeof(key));
	if (child->spec->key != NULL)
		child->spec->key(child, msg->kind, msg->instance, msg->incarnation, key);
	secret_wipe(key, sizeof(key));
	return 0;
}

#ifdef MOLTBOT_ATTACKER
static void
attack(struct child *child)
{
	struct attacker_peer peers[64] = {{.name = "supervisor",
		.proto = &child_proto,
		.side = IPC_SIDE_B,
		.fd = ipc_chan_fd(child->state->control)}};
	size_t n = 1;

	if ((child->flags & HELLO_ATTACK) == 0)
		return;
	for (struct link_chan *lc = child->state->peers; lc != NULL && n < 64; lc = lc->next)
		peers[n++] = (struct attacker_peer){kind_name(lc->link->kind), lc->link->proto,
			lc->link->side, ipc_chan_fd(lc->chan)};
	attacker_attempt(child, peers, n);
}
#endif

static int
on_start(struct ipc_chan *control, const void *m, void *arg)
{
	struct child *child = arg;

	(void)control;
	(void)m;
	if (!child->state->started && child->spec->start != NULL)
		child->spec->start(child);
	child->state->started = true;
#ifdef MOLTBOT_ATTACKER
	attack(child);
#endif
	return 0;
}

static int
on_fork(struct ipc_chan *control, const void *m, void *arg)
{
	const struct child_fork *msg = m;
	struct child *child = arg;

	if (child->spec->fork == NULL)
		return ERR_STATE;
	child->spec->fork(child, msg->kind, msg->instance, ipc_fd_steal(control, msg->control));
	return 0;
}

static int
on_refused(struct ipc_chan *control, const void *m, void *arg)
{
	const struct child_refused *msg = m;
	struct child *child = arg;

	(void)control;
	if (child->spec->refused != NULL)
		child->spec->refused(child, msg->kind, msg->instance, (int)msg->why);
	return 0;
}

static int
on_panic_state(struct ipc_chan *control, const void *m, void *arg)
{
	const struct child_panic_state *msg = m;
	struct child *child = arg;

	(void)control;
	child->panic = msg->on;
	if (child->spec->panic != NULL)
		child->spec->panic(child, msg->on);
	return 0;
}

static int
on_slice(struct ipc_chan *control, const void *m, void *arg)
{
	const struct child_slice *msg = m;
	struct child *child = arg;
	struct span slice;
	int rc;

	(void)control;
	if (child->spec->slice == NULL)
		return ERR_STATE;
	rc = ipc_body_get(msg->slice, IPC_BODY_MAX, &slice);
	if (rc < 0)
		return rc;
	ipc_body_free(child->old_slice);
	child->old_slice = child->slice;
	child->slice = slice;
	return child->spec->slice(child);
}

static int
on_config_state(struct ipc_chan *control, const void *m, void *arg)
{
	const struct child_config_state *msg = m;
	struct child *child = arg;

	(void)control;
	if (child->spec->config_state == NULL)
		return ERR_STATE;
	child->spec->config_state(child, msg->state);
	return 0;
}

static int
on_census_row(struct ipc_chan *control, const void *m, void *arg)
{
	struct child *child = arg;

	(void)control;
	return child->spec->census == NULL ? ERR_STATE : child->spec->census(child, m);
}

static int
on_readiness(struct ipc_chan *control, const void *m, void *arg)
{
	const struct child_readiness *msg = m;
	struct child *child = arg;

	(void)control;
	if (child->spec->readiness == NULL)
		return ERR_STATE;
	child->spec->readiness(child, msg->ready);
	return 0;
}

static int
on_drain(struct ipc_chan *control, const void *m, void *arg)
{
	struct child *child = arg;

	(void)control;
	(void)m;
	if (child->spec->drain != NULL)
		child->spec->drain(child);
	else
		child_stop(child);
	return 0;
}

static int
on_ping(struct ipc_chan *control, const void *m, void *arg)
{
	(void)m;
	(void)arg;
	(void)child_pong_send(control, &(struct child_pong){});
	return 0;
}

static const struct ipc_handler control_handlers[] = {
	{CHILD_KEY, on_key},
	{CHILD_PEER, child_on_peer},
	{CHILD_PEER_GONE, child_on_peer_gone},
	{CHILD_START, on_start},
	{CHILD_FORK, on_fork},
	{CHILD_REFUSED, on_refused},
	{CHILD_PANIC_STATE, on_panic_state},
	{CHILD_SLICE, on_slice},
	{CHILD_CONFIG_STATE, on_config_state},
	{CHILD_CENSUS_ROW, on_census_row},
	{CHILD_READINESS, on_readiness},
	{CHILD_DRAIN, on_drain},
	{CHILD_PING, on_ping},
};

/* Without the supervisor nobody would restart, wire or stop us: end at once. */
static void
on_control_end(struct ipc_chan *chan, int why, void *arg)
{
	struct child *child = arg;

	(void)chan;
	child->state->status = why == ERR_EOF ? 0 : 1;
	ev_stop(child->ev);
}

const struct ipc_ops child_control_ops = {
	.handlers = control_handlers,
	.n = sizeof(control_handlers) / sizeof(control_handlers[0]),
	.on_end = on_control_end,
};

/* ---- requests ---- */

void
child_spawn(struct child *child, uint8_t kind, uint64_t instance)
{
	(void)child_spawn_send(
		child->state->control, &(struct child_spawn){.kind = kind, .instance = instance});
}

void
child_announce(struct child *child, uint8_t kind, uint64_t key, int pidfd)
{
	(void)child_child_send(child->state->control,
		&(struct child_child){.key = key, .kind = kind, .pidfd = pidfd});
}

void
child_kill(struct child *child, uint8_t kind, uint64_t key)
{
	(void)child_kill_send(
		child->state->control, &(struct child_kill){.kind = kind, .key = key});
}

void
child_panic(struct child *child)
{
	(void)child_panic_send(child->state->control, &(struct child_panic){});
}

void
child_resume(struct child *child)
{
	(void)child_resume_send(child->state->control, &(struct child_resume){});
}

void
child_release(struct child *child)
{
	(void)child_release_send(child->state->control, &(struct child_release){});
}

void
child_stop_gateway(struct child *child)
{
	(void)child_stop_send(child->state->control, &(struct child_stop){});
}

void
child_census(struct child *child)
{
	(void)child_census_send(child->state->control, &(struct child_census){});
}

void
child_stop(struct child *child)
{
	ev_stop(child->ev);
}
