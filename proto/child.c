#include "proto/child.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "args/args.h"
#include "base/err.h"
#include "base/log.h"
#include "base/weak.h"
#include "base/mem.h"
#include "base/secret.h"
#include "crypto/crypto.h"
#include "proto/child_describe.h"
#include "proto/child.def.h"
#ifdef MOLTBOT_ATTACKER
#include "proto/attacker.h"
#endif

struct link_chan {
	struct child *child;
	struct ipc_chan *chan;
	const struct child_link *link;
	struct ipc_ops ops;
	uint64_t instance;
	uint64_t incarnation;
	struct link_chan *next;
};

struct held {
	uint8_t what;
	uint64_t number;
	int fd;
};

struct child_link_state {
	struct ipc_chan *control;
	struct link_chan *peers;
	struct held held[CHILD_HANDLES_MAX];
	size_t nheld;
	bool started;
	int status;
};

/* ---- peers ---- */

static void
unlink_chan(struct child *child, struct link_chan *gone)
{
	struct link_chan **at = &child->state->peers;

	while (*at != NULL && *at != gone)
		at = &(*at)->next;
	if (*at != NULL)
		*at = gone->next;
}

static void
drop_peer(struct link_chan *lc)
{
	struct child *child = lc->child;

	unlink_chan(child, lc);
	if (child->spec->peer_gone != NULL)
		child->spec->peer_gone(child, lc->link->kind, lc->chan);
	ipc_chan_free(lc->chan);
	free(lc);
}

static struct link_chan *
link_of(struct child *child, const struct ipc_chan *chan)
{
	for (struct link_chan *lc = child->state->peers; lc != NULL; lc = lc->next) {
		if (lc->chan == chan)
			return lc;
	}
	return NULL;
}

void
child_accuse(struct child *child, struct ipc_chan *chan, int why)
{
	struct link_chan *lc = link_of(child, chan);

	if (lc == NULL)
		return;
	log_error("peer accused: denied", LOG_C("peer", kind_name(lc->link->kind)),
		LOG_U("instance", lc->instance), LOG_E("why", why));
	(void)child_peer_bad_send(
		child->state->control, &(struct child_peer_bad){.kind = lc->link->kind,
					       .instance = lc->instance,
					       .incarnation = lc->incarnation,
					       .why = why});
}

static void
on_peer_end(struct ipc_chan *chan, int why, void *arg)
{
	struct child *child = arg;
	struct link_chan *lc = link_of(child, chan);

	if (why != ERR_EOF && why != ERR_CLOSED)
		child_accuse(child, chan, why);
	if (lc != NULL)
		drop_peer(lc);
}

static void
on_peer_room(struct ipc_chan *chan, void *arg)
{
	struct child *child = arg;
	struct link_chan *lc = link_of(child, chan);

	if (lc != NULL && child->spec->room != NULL)
		child->spec->room(child, lc->link->kind, chan);
}

/* edge: a row of peers.def, counted from 1; 0: the first row of that kind. */
static const struct child_link *
find_link(const struct child_spec *spec, unsigned kind, unsigned edge)
{
	if (edge > peer_rows_n)
		return NULL;
	for (size_t i = 0; i < spec->nlinks; i++) {
		if (spec->links[i].kind == kind &&
			(edge == 0 ||
				strcmp(spec->links[i].proto->name, peer_rows[edge - 1].proto) == 0))
			return &spec->links[i];
	}
	return NULL;
}

static struct link_chan *
find_peer(struct child *child, const struct child_link *link, uint64_t instance)
{
	for (struct link_chan *lc = child->state->peers; lc != NULL; lc = lc->next) {
		if (lc->link == link && lc->instance == instance)
			return lc;
	}
	return NULL;
}

/* Its process has ended: the last that it said still counts. */
static void
end_peer(struct child *child, const struct child_link *link, struct link_chan *lc)
{
	uint64_t instance = lc->instance;
	uint64_t incarnation = lc->incarnation;

	ipc_chan_drain(lc->chan);
	lc = find_peer(child, link, instance);
	if (lc != NULL && lc->incarnation == incarnation)
		drop_peer(lc);
}

static int
on_peer(struct ipc_chan *control, const void *m, void *arg)
{
	const struct child_peer *msg = m;
	struct child *child = arg;
	const struct child_link *link = find_link(child->spec, msg->kind, msg->edge);
	struct link_chan *lc;

	if (link == NULL) {
		log_error("peer offered that is not in the table",
			LOG_C("kind", kind_name(msg->kind)));
		return 0;
	}
	lc = find_peer(child, link, msg->instance);
	if (lc != NULL)
		end_peer(child, link, lc);
	lc = mem_alloc(1, sizeof(*lc));
	lc->child = child;
	lc->link = link;
	lc->instance = msg->instance;
	lc->incarnation = msg->incarnation;
	lc->ops = (struct ipc_ops){.handlers = link->handlers,
		.n = link->nhandlers,
		.on_end = on_peer_end,
		.on_room = on_peer_room};
	lc->chan = ipc_chan_new(child->ev, ipc_fd_steal(control, msg->fd), link->proto, link->side,
		link->full, &lc->ops, child);
	ipc_chan_set_tag(lc->chan, msg->instance);
	lc->next = child->state->peers;
	child->state->peers = lc;
	if (child->spec->peer_up != NULL)
		child->spec->peer_up(child, msg->kind, lc->chan);
	return 0;
}

static int
on_peer_gone(struct ipc_chan *control, const void *m, void *arg)
{
	const struct child_peer_gone *msg = m;
	struct child *child = arg;

	(void)control;
	for (size_t i = 0; i < child->spec->nlinks; i++) {
		const struct child_link *link = &child->spec->links[i];
		struct link_chan *lc =
			link->kind == msg->kind ? find_peer(child, link, msg->instance) : NULL;

		if (lc != NULL && lc->incarnation == msg->incarnation)
			end_peer(child, link, lc);
	}
	return 0;
}

struct ipc_chan *
child_peer(struct child *child, uint8_t kind, uint64_t instance)
{
	const struct child_link *link = find_link(child->spec, kind, 0);
	struct link_chan *lc = link == NULL ? NULL : find_peer(child, link, instance);

	return lc != NULL && ipc_chan_is_open(lc->chan) ? lc->chan : NULL;
}

void
child_peers(struct child *child, uint8_t kind,
	void (*fn)(struct child *child, struct ipc_chan *chan, void *arg), void *arg)
{
	struct link_chan *next;

	for (struct link_chan *lc = child->state->peers; lc != NULL; lc = next) {
		next = lc->next;
		if (lc->link->kind == kind && ipc_chan_is_open(lc->chan))
			fn(child, lc->chan, arg);
	}
}

/* ---- messages of the supervisor ---- */

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
	rc = ipc_body_map(msg->slice, IPC_BODY_MAX, &slice);
	if (rc < 0)
		return rc;
	ipc_body_unmap(child->old_slice);
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

static const struct ipc_handler control_handlers[] = {
	{CHILD_KEY, on_key},
	{CHILD_PEER, on_peer},
	{CHILD_PEER_GONE, on_peer_gone},
	{CHILD_START, on_start},
	{CHILD_FORK, on_fork},
	{CHILD_REFUSED, on_refused},
	{CHILD_PANIC_STATE, on_panic_state},
	{CHILD_SLICE, on_slice},
	{CHILD_CONFIG_STATE, on_config_state},
	{CHILD_CENSUS_ROW, on_census_row},
	{CHILD_READINESS, on_readiness},
	{CHILD_DRAIN, on_drain},
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

static const struct ipc_ops control_ops = {
	.handlers = control_handlers,
	.n = sizeof(control_handlers) / sizeof(control_handlers[0]),
	.on_end = on_control_end,
};

/* ---- handles and options ---- */

static struct held *
find_held(struct child *child, enum handle what, size_t nth)
{
	for (size_t i = 0; i < child->state->nheld; i++) {
		struct held *h = &child->state->held[i];

		if (h->what == (uint8_t)what && h->fd >= 0 && nth-- == 0)
			return h;
	}
	return NULL;
}

int
child_handle(struct child *child, enum handle what, uint64_t number)
{
	struct held *h;

	for (size_t i = 0; (h = find_held(child, what, i)) != NULL; i++) {
		if (h->number == number)
			return h->fd;
	}
	return -1;
}

int
child_handle_steal(struct child *child, enum handle what, size_t nth, uint64_t *number_out)
{
	struct held *h = find_held(child, what, nth);
	int fd;

	if (h == NULL)
		return -1;
	if (number_out != NULL)
		*number_out = h->number;
	fd = h->fd;
	h->fd = -1;
	return fd;
}

static void
close_held(struct child *child)
{
	for (size_t i = 0; i < child->state->nheld; i++) {
		if (child->state->held[i].fd >= 0)
			close(child->state->held[i].fd);
	}
	child->state->nheld = 0;
}

uint64_t
child_option_u64(const struct child *child, const char *name, uint64_t fallback)
{
	uint64_t v;

	return args_get_u64(child->slice, name, 0, UINT64_MAX, &v) == 0 ? v : fallback;
}

bool
child_option_bool(const struct child *child, const char *name, bool fallback)
{
	bool v;

	return args_get_bool(child->slice, name, &v) == 0 ? v : fallback;
}

struct span
child_option_str(const struct child *child, const char *name, struct span fallback)
{
	struct span v;

	return args_get_str(child->slice, name, &v) == 0 ? v : fallback;
}

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
child_panic(struct child *child, bool on)
{
	(void)child_panic_send(child->state->control, &(struct child_panic){.on = on});
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

/* ---- life cycle ---- */

static int
take_handle(struct child *child, const struct child_handle *msg)
{
	struct child_link_state *s = child->state;

	if (s->nheld == CHILD_HANDLES_MAX)
		return ERR_FULL;
	s->held[s->nheld++] =
		(struct held){.what = msg->what, .number = msg->number, .fd = msg->fd};
	if (msg->what == HANDLE_SLICE)
		return ipc_body_map(msg->fd, IPC_BODY_MAX, &child->slice);
	return 0;
}

static struct ipc_received received;

static int
read_jail(int control, struct jail_env *env)
{
	const struct child_jail *jail = (const void *)received.msg.bytes;
	int rc = ipc_sync_recv(control, &child_proto, IPC_SIDE_B, -1, &received);

	if (rc < 0 || received.id != CHILD_JAIL)
		return rc < 0 ? rc : ERR_PROTO;
	env->uid = jail->uid;
	env->gid = jail->gid;
	env->parent = (pid_t)jail->parent;
	env->landlock_abi_max = jail->landlock_max == UINT32_MAX ? -1 : (int)jail->landlock_max;
	env->userns = jail->userns;
	return 0;
}

/* Handles come first, HELLO last. */
static int
read_hello(struct child *child, int control, struct jail_env *env)
{
	struct ipc_received *in = &received;
	int rc;

	while ((rc = ipc_sync_recv(control, &child_proto, IPC_SIDE_B, -1, in)) == 0) {
		const struct child_hello *hello = (const void *)in->msg.bytes;

		if (in->id == CHILD_HANDLE) {
			rc = take_handle(child, (const void *)in->msg.bytes);
			if (rc < 0)
				break;
			continue;
		}
		/* who is jailed already cannot become somebody else */
		if (in->id != CHILD_HELLO || hello->kind != child->spec->kind ||
			(child->spec->jail_first &&
				(hello->uid != env->uid || hello->gid != env->gid))) {
			rc = ERR_PROTO;
			break;
		}
		child->instance = hello->instance;
		child->incarnation = hello->incarnation;
		child->tier = (enum jail_tier)hello->tier;
		child->flags = hello->flags;
		child->uid = hello->uid;
		child->gid = hello->gid;
		child->panic = (hello->flags & HELLO_PANIC) != 0;
		child->landlock_max =
			hello->landlock_max == UINT32_MAX ? -1 : (int)hello->landlock_max;
		env->uid = hello->uid;
		env->gid = hello->gid;
		env->parent = (pid_t)hello->parent;
		env->landlock_abi_max = child->landlock_max;
		env->userns = (hello->flags & HELLO_USERNS) != 0;
		break;
	}
	return rc;
}

static int
enter_jail(struct child *child, const struct jail_env *env)
{
	int rc;

	if (child->spec->jail == NULL)
		return 0;
	rc = jail_apply(child->spec->jail, env, &child->jail);
	if (rc < 0)
		log_error("not jailed: ends",
			LOG_C("step", child->jail.step == NULL ? "" : child->jail.step),
			LOG_ERRNO("errno", child->jail.err), LOG_E("why", rc));
	return rc;
}

static int
prepare(struct child *child, int control)
{
	struct jail_env env = JAIL_ENV_INIT;
	int rc = crypto_init();

	env.landlock_abi_max = child->landlock_max;
	if (rc == 0 && child->spec->jail_told)
		rc = read_jail(control, &env);
	if (rc == 0 && child->spec->jail_first)
		rc = enter_jail(child, &env);
	if (rc == 0 && child->spec->jail_first)
		rc = ipc_sync_send(control, &child_proto, IPC_SIDE_B, CHILD_JAILED,
			&(struct child_jailed){
				.layers = child->jail.applied, .missing = child->jail.missing});
	if (rc == 0 && child->spec->ahead != NULL)
		child->spec->ahead();
	if (rc == 0)
		rc = read_hello(child, control, &env);
	if (rc < 0)
		return rc;
	if ((child->flags & HELLO_DEBUG) != 0)
		log_set_level(LOG_DEBUG);
	log_set_json((child->flags & HELLO_JSON) != 0);
	if (child->spec->setup != NULL)
		rc = child->spec->setup(child, &env);
	close_held(child);
	return rc < 0 || child->spec->jail_first ? rc : enter_jail(child, &env);
}

int
child_run(const struct child_spec *spec, int control, int landlock_max)
{
	struct child_link_state state = {0};
	struct child child = {
		.spec = spec, .ev = ev_new(), .landlock_max = landlock_max, .state = &state};
	int rc;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a log at a limit must not end the process that logs */
	log_open(spec->name, 2, fcntl(CHILD_LOG_FD, F_GETFD) >= 0 ? CHILD_LOG_FD : -1);
	rc = prepare(&child, control);
	if (rc < 0) {
		if (rc != ERR_EOF)
			log_error("start failed", LOG_E("why", rc));
		(void)ipc_sync_send(control, &child_proto, IPC_SIDE_B, CHILD_FAILED,
			&(struct child_failed){.why = rc});
		return 1;
	}
	state.control = ipc_chan_new(
		child.ev, control, &child_proto, IPC_SIDE_B, IPC_FULL_END, &control_ops, &child);
	(void)child_ready_send(state.control,
		&(struct child_ready){.layers = child.jail.applied, .missing = child.jail.missing});
	rc = ev_run(child.ev);
	return rc < 0 ? 1 : state.status;
}

static const struct child_spec *
pick(const struct child_spec *const *specs, size_t n, const char *role)
{
	for (size_t i = 0; role != NULL && i < n; i++) {
		const char *name = kind_name(specs[i]->kind);
		const char *slash = strchr(name, '/');

		if (slash != NULL && strcmp(slash + 1, role) == 0)
			return specs[i];
	}
	return specs[0];
}

int
child_main(const struct child_spec *const *specs, size_t n, int argc, char **argv)
{
	if (!WEAK(JAIL_DUMPABLE))
		(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	/* what a large table takes from the heap comes fresh from the kernel, and only what is used of it is touched */
	(void)mallopt(M_TOP_PAD, 0);
	if (argc > 1 && strcmp(argv[1], "--describe") == 0)
		return child_describe(specs, n);
	return child_run(pick(specs, n, argc > 1 ? argv[1] : NULL), CHILD_CONTROL_FD, -1);
}
