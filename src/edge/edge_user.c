#include "edge_user.h"
#include "edge_host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "edge_http.h"

#define SLOT_BITS 14
#define OUT_MAX MIB(16)
#define SHUTDOWN_MS 400

_Static_assert(EDGE_CONNS_MAX <= 1u << SLOT_BITS, "a connection's number holds the slot");

static struct user the_user;

/* ---- what the connection layer asks ---- */

static void
on_bytes(struct edge_conn *c, struct buf *in)
{
	struct user_conn *u = (struct user_conn *)c;

	switch (u->phase) {
	case USER_WS:
		user_ws_bytes(u, in);
		return;
	case USER_HTTP:
		user_http_bytes(u, in);
		return;
	case USER_UPGRADE:
	case USER_CONNECT:
		user_control_bytes(u, in);
		if (u->phase == USER_WS && in->len > 0 && !c->is_dead && !c->is_finishing)
			user_ws_bytes(u, in);
		return;
	default:
		return;
	}
}

static size_t
window(struct edge_conn *c)
{
	struct user_conn *u = (struct user_conn *)c;

	switch (u->phase) {
	case USER_WS:
		return edge_conn_waiting(c) > WS_BUFFERED_MAX ? 0 : WS_BUFFER_MAX(WS_FRAME_MAX);
	case USER_HTTP:
		return user_http_window(u);
	case USER_UPGRADE:
	case USER_CONNECT:
		return WS_BUFFER_MAX(WS_ANON_FRAME_MAX);
	default:
		return 0;
	}
}

static void
on_eof(struct edge_conn *c)
{
	struct user_conn *u = (struct user_conn *)c;

	if (u->phase == USER_HTTP)
		user_http_gone(u);
	edge_conn_close(c);
}

static void
on_late(struct edge_conn *c)
{
	edge_conn_close(c);
}

static void
on_drained(struct edge_conn *c)
{
	edge_conn_resume(c);
}

static void
on_reap(struct ev *ev, void *arg)
{
	struct user *user = arg;

	(void)ev;
	user->reap = 0;
	if (user->conns.n == 0 && !user->is_control)
		child_release(user->child);
}

static void
on_gone(struct edge_conn *c)
{
	struct user_conn *u = (struct user_conn *)c;
	struct user *user = user_of(u);
	struct ipc_chan *core = child_peer(user->child, KIND_CORE, 0);

	if (u->http != NULL)
		user_http_gone(u);
	if (core != NULL && u->is_announced)
		(void)edge_core_client_send(core, &(struct edge_core_client){.conn = u->id});
	if (core != NULL)
		(void)edge_core_closed_send(core, &(struct edge_core_closed){.conn = u->id});
	user->by_id[u->id & ((1u << SLOT_BITS) - 1)] = NULL;
	user_cast_leave(u);
	user_calls_free(u);
	user_http_free(u);
	user_greet_free(u);
	if (user->conns.n == 0 && user->reap == 0)
		user->reap = ev_timer_start(user->child->ev, EDGE_USER_REAP_MS, on_reap, user);
}

static const struct edge_conn_ops user_ops = {.bytes = on_bytes,
	.window = window,
	.eof = on_eof,
	.drained = on_drained,
	.late = on_late,
	.gone = on_gone};

/* ---- connections ---- */

static struct user_conn *
conn_new(struct user *user, int fd)
{
	struct user_conn *u;

	if (user->conns.n >= EDGE_CONNS_MAX) {
		log_warn("too many connections: refused", LOG_U("max", EDGE_CONNS_MAX));
		close(fd);
		return NULL;
	}
	while (user->by_id[user->next_slot] != NULL)
		user->next_slot = (user->next_slot + 1) % EDGE_CONNS_MAX;
	u = mem_alloc(1, sizeof(*u));
	u->id = (++user->generation << SLOT_BITS) | user->next_slot;
	user->by_id[user->next_slot] = u;
	user->next_slot = (user->next_slot + 1) % EDGE_CONNS_MAX;
	edge_conn_init(&u->c, &user->conns, fd);
	u->c.deadline_ms = ev_now_ms(user->child->ev) + EDGE_HANDSHAKE_MS;
	ev_timer_cancel(user->child->ev, user->reap);
	user->reap = 0;
	return u;
}

struct user_conn *
user_conn_find(struct user *user, uint32_t id)
{
	struct user_conn *u = user->by_id[(id & ((1u << SLOT_BITS) - 1)) % EDGE_CONNS_MAX];

	return u != NULL && u->id == id && !u->c.is_dead ? u : NULL;
}

static struct span
store(struct user_greet *g, struct span s)
{
	size_t at = g->store.len;

	(void)buf_put(&g->store, s);
	return span_of(g->store.ptr + at, s.len);
}

static struct user_greet *
greet_new(const struct anon_user_handover *m)
{
	struct user_greet *g = mem_alloc(1, sizeof(*g));

	buf_init(&g->store, KIB(4));
	(void)buf_room(&g->store, KIB(3)); /* nothing moves afterwards */
	g->connect_id = store(g, m->connect_id);
	g->client_id = store(g, m->client_id);
	g->client_mode = store(g, m->client_mode);
	g->client_version = store(g, m->client_version);
	g->platform = store(g, m->platform);
	g->display = store(g, m->display);
	g->family = store(g, m->device_family);
	g->model = store(g, m->model);
	g->scopes = store(g, m->scopes);
	g->instance_id = store(g, m->instance_id);
	g->role = store(g, m->role);
	g->user_agent = store(g, m->user_agent);
	g->source = store(g, m->source);
	g->device = m->device;
	return g;
}

int
user_on_handover(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct anon_user_handover *h = m;
	struct child *child = arg;
	struct user *user = child->ctx;
	struct ipc_chan *vault = child_peer(child, KIND_VAULT, 0);
	struct user_conn *u = conn_new(user, ipc_fd_steal(chan, h->client));

	if (u == NULL)
		return 0;
	u->greet = greet_new(h);
	u->door = h->websocket ? DOOR_WS : DOOR_HTTP;
	u->is_secure = h->secure || user->behind_tls;
	u->lasts = edge_host_lasts(u->is_secure, h->host);
	u->req = ++user->next_seq;
	(void)buf_put(&u->c.in, h->unread);
	edge_conn_watch(&u->c);
	if (vault == NULL ||
		user_vault_redeem_send(
			vault, &(struct user_vault_redeem){.req = u->req, .ticket = h->ticket}) < 0)
		edge_conn_close(&u->c);
	return 0;
}

static struct user_conn *
find_redeem(struct user *user, uint64_t req)
{
	for (struct edge_conn *c = user->conns.last; c != NULL; c = c->prev) {
		struct user_conn *u = (struct user_conn *)c;

		if (u->phase == USER_REDEEM && u->req == req)
			return u;
	}
	return NULL;
}

int
user_on_principal(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct user_vault_principal *p = m;
	struct child *child = arg;
	struct user *user = child->ctx;
	struct user_conn *u = find_redeem(user, p->req);

	(void)chan;
	if (u == NULL)
		return 0;
	if (!p->ok || p->principal != child->instance) {
		log_warn("ticket denied", LOG_U("conn", u->id));
		edge_conn_close(&u->c);
		return 0;
	}
	u->scopes = p->scopes & PRINCIPAL_SCOPES(child->instance) & user_scopes_asked(u);
	u->epoch = p->epoch;
	u->is_node = span_eq(p->role, SPAN("node"));
	u->greet->role = store(u->greet, p->role);
	u->greet->device_id = store(u->greet, p->device_id);
	u->greet->device_token = store(u->greet, p->device_token);
	u->greet->issued_at = p->issued_at;
	if (u->door == DOOR_WS) {
		user_greet(u);
		edge_conn_resume(&u->c);
		return 0;
	}
	user_greet_free(u);
	user_http_new(u);
	u->phase = USER_HTTP;
	edge_conn_resume(&u->c);
	return 0;
}

int
user_on_revoked(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct user_vault_revoked *r = m;
	struct child *child = arg;
	struct user *user = child->ctx;
	struct edge_conn *next;

	(void)chan;
	for (struct edge_conn *c = user->conns.first; c != NULL; c = next) {
		struct user_conn *u = (struct user_conn *)c;

		next = c->next;
		if (u->door == DOOR_CONTROL || u->epoch >= r->epoch)
			continue;
		if (u->phase == USER_WS)
			user_ws_close(u, WS_CODE_POLICY, "credential revoked");
		else
			edge_conn_close(c);
	}
	return 0;
}

/* ---- the control socket ---- */

static void
on_listener(struct ev *ev, int fd, unsigned events, void *arg)
{
	struct user *user = arg;
	struct ucred cred;
	socklen_t len = sizeof(cred);
	struct user_conn *u;
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)ev;
	(void)events;
	if (client < 0)
		return;
	if (getsockopt(client, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 ||
		(cred.uid != 0 && cred.uid != user->control_uid)) {
		log_warn("control socket: another user, denied", LOG_U("uid", cred.uid),
			LOG_I("pid", cred.pid));
		close(client);
		return;
	}
	u = conn_new(user, client);
	if (u == NULL)
		return;
	u->door = DOOR_CONTROL;
	u->scopes = SCOPE_ALL;
	u->phase = USER_UPGRADE;
	edge_conn_watch(&u->c);
}

/* ---- life cycle ---- */

int
user_slice(struct child *child)
{
	struct user *user = child->ctx;
	uint64_t before = user->rate_max;

	user->control_uid = child_option_u64(child, "control.uid", 0);
	user->rate_max = 0;
	user->behind_tls = child_option_bool(child, "gateway.behindTlsProxy", false);
	for (unsigned i = 0; i < ROUTE_N; i++)
		user->route_off[i] = route_rows[i].option[0] != 0 &&
				     !child_option_bool(child, route_rows[i].option, true);
	if (child_option_bool(child, "gateway.rateLimit.enabled", false))
		user->rate_max =
			child_option_u64(child, "gateway.rateLimit.maxRequestsPerMinute", 60);
	/* what is permitted now and was not before may come at once */
	if (user->rate_max > before)
		user->rate_level += (user->rate_max - before) * 1000;
	if (user->rate_level > user->rate_max * 1000)
		user->rate_level = user->rate_max * 1000;
	return 0;
}

int
user_setup(struct child *child, struct jail_env *jail_env)
{
	struct user *user = &the_user;

	(void)jail_env;
	child->ctx = user;
	user->child = child;
	edge_conns_init(&user->conns, child->ev, &user_ops, WS_BUFFER_MAX(WS_FRAME_MAX), OUT_MAX);
	user->is_control = PRINCIPAL_KIND(child->instance) == PRINCIPAL_CONTROL;
	user->listener = user->is_control ? child_handle_steal(child, HANDLE_CONTROL, 0, NULL) : -1;
	if (user->listener >= 0)
		(void)fcntl(user->listener, F_SETFL, O_NONBLOCK);
	user->log_fd = child_handle_steal(child, HANDLE_LOG, 0, NULL);
	(void)user_slice(child);
	buf_init(&user->snapshot, IPC_BODY_MAX);
	return 0;
}

void
user_start(struct child *child)
{
	struct user *user = child->ctx;

	if (user->listener >= 0)
		user->listen_watch =
			ev_fd_add(child->ev, user->listener, EV_READ, on_listener, user);
	user->reap = ev_timer_start(child->ev, EDGE_USER_REAP_MS, on_reap, user);
}

/* Calls that core had are lost with it: it may carry them out after its restart, but nobody will answer. */
void
user_peer_gone(struct child *child, uint8_t kind, struct ipc_chan *chan)
{
	struct user *user = child->ctx;
	struct edge_refusal r = {.retry_ms = 1000};
	struct edge_conn *next;

	(void)chan;
	if (kind == KIND_DESK)
		user_desk_gone(user);
	if (kind == KIND_ANON || kind == KIND_DESK)
		return;
	edge_refuse(&r, RPC_UNAVAILABLE, 0, "%s restarted: try again", kind_name(kind));
	for (struct edge_conn *c = user->conns.first; c != NULL; c = next) {
		struct user_conn *u = (struct user_conn *)c;

		next = c->next;
		if (kind == KIND_VAULT && u->phase == USER_REDEEM)
			edge_conn_close(c);
		else if (kind == KIND_VAULT)
			user_vault_gone(u, &r);
		else if (kind == KIND_CORE)
			user_calls_lost(u, &r);
	}
}

static void
on_shutdown(struct ev *ev, void *arg)
{
	struct user *user = arg;

	(void)ev;
	child_stop(user->child);
}

/* core tells clients why (shutdown event); then they are let go. */
void
user_drain(struct child *child)
{
	struct user *user = child->ctx;

	(void)ev_timer_start(child->ev, SHUTDOWN_MS, on_shutdown, user);
}
