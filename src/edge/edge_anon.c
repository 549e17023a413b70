#include "edge_anon.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/weak.h"
#include "base/log.h"
#include "edge_http.h"
#include "edge_static.h"
#include "proto/tls_anon.h"

#define ACCEPTS_PER_TURN 64
#define FDS_BESIDES 64 /* descriptors that are no clients */
#define LISTENERS_MAX (sizeof(((struct anon *)0)->listeners) / sizeof(int))

static struct anon the_anon;

/* ---- what the connection layer asks ---- */

/* Whoever has been silent for longest pays for what others hold. */
static void
shed(struct anon *anon)
{
	while (anon->conns.held > EDGE_ANON_HELD_MAX && anon->conns.first != NULL)
		edge_conn_close(anon->conns.first);
}

static void
on_bytes(struct edge_conn *c, struct buf *in)
{
	struct anon_conn *a = (struct anon_conn *)c;
	unsigned n = 0;

	shed(anon_of(a));
	while (!c->is_dead && !c->is_finishing && in->len > 0) {
		size_t before = in->len;
		uint8_t phase = a->phase;

		if (n++ == EDGE_TURN_FRAMES) {
			edge_conn_yield(c);
			return;
		}
		if (phase == ANON_HTTP && edge_conn_waiting(c) == 0)
			anon_http_bytes(a, in);
		else if (phase == ANON_CONNECT)
			anon_ws_bytes(a, in);
		if (a->phase == phase && (c->is_dead || in->len == before))
			return;
		if (a->phase == ANON_VERIFY || a->phase == ANON_HANDOVER)
			return;
	}
}

static size_t
window(struct edge_conn *c)
{
	struct anon_conn *a = (struct anon_conn *)c;

	if (a->phase == ANON_CONNECT)
		return WS_BUFFER_MAX(WEAK(ANON_FRAME) ? WS_FRAME_MAX : WS_ANON_FRAME_MAX);
	if (a->phase != ANON_HTTP || edge_conn_waiting(c) > 0)
		return 0;
	return c->in.len < EDGE_WINDOW_MAX ? EDGE_WINDOW_MAX : HTTP_HEAD_MAX + HTTP_ANON_BODY_MAX;
}

static void
on_eof(struct edge_conn *c)
{
	struct anon_conn *a = (struct anon_conn *)c;

	if (a->phase == ANON_VERIFY || a->phase == ANON_HANDOVER)
		return; /* the answer may still be read */
	if (edge_conn_waiting(c) > 0)
		edge_conn_finish(c);
	else
		edge_conn_close(c);
}

static void
on_drained(struct edge_conn *c)
{
	edge_conn_resume(c);
}

static void
on_late(struct edge_conn *c)
{
	struct anon_conn *a = (struct anon_conn *)c;
	struct edge_refusal r = {.close = WS_CODE_NORMAL};

	if (a->phase == ANON_CONNECT)
		anon_ws_refuse(a, SPAN_EMPTY, &r);
	else if (a->phase == ANON_VERIFY || a->phase == ANON_HANDOVER)
		anon_ask_unavailable(a);
	else if (a->partial)
		edge_http_send(c, &(struct edge_answer){.status = 408});
	else
		edge_conn_close(c);
}

static void
on_gone(struct edge_conn *c)
{
	anon_ask_free((struct anon_conn *)c);
}

const struct edge_conn_ops anon_ops = {.bytes = on_bytes,
	.window = window,
	.eof = on_eof,
	.drained = on_drained,
	.late = on_late,
	.gone = on_gone};

/* ---- accepting ---- */

struct anon_conn *
anon_conn_new(struct anon *anon, int fd, struct span unread)
{
	struct anon_conn *a;

	if (anon->conns.n >= anon->conns_max && anon->conns.first != NULL && !WEAK(ACCEPT_ROOM))
		edge_conn_close(
			anon->conns
				.first); /* the one that has been silent for longest makes room */
	a = mem_alloc(1, sizeof(*a));
	a->peer = edge_source_peer(fd);
	edge_conn_init(&a->c, &anon->conns, fd);
	a->born_ms = ev_now_ms(anon->child->ev);
	a->c.deadline_ms = a->born_ms + EDGE_IDLE_MS;
	if (unread.len > 0) {
		if (buf_put(&a->c.in, unread) < 0) {
			edge_conn_close(&a->c);
			return NULL;
		}
		edge_conn_resume(&a->c);
	}
	return a;
}

int
anon_on_tls_client(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct tls_anon_client *msg = m;
	struct child *child = arg;
	struct anon_conn *a;
	struct addr peer;
	struct addr local;

	if (addr_parse(msg->source, &peer) < 0 || addr_parse(msg->local, &local) < 0 ||
		msg->port == 0)
		return ERR_PROTO;
	a = anon_conn_new(child->ctx, ipc_fd_steal(chan, msg->client), SPAN_EMPTY);
	a->peer = peer;
	a->local = local;
	a->port = (uint16_t)msg->port;
	return 0;
}

static void
on_listener(struct ev *ev, int fd, unsigned events, void *arg)
{
	struct anon *anon = arg;

	(void)ev;
	(void)events;
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (client < 0 &&
			(errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
				errno == ENOMEM) &&
			anon->conns.first != NULL && !WEAK(ACCEPT_ROOM)) {
			edge_conn_close(anon->conns.first);
			continue;
		}
		if (client < 0)
			break;
		(void)anon_conn_new(anon, client, SPAN_EMPTY);
	}
}

/* ---- life cycle ---- */

/* As many clients as descriptors permit; the jail can only lower that later. */
static size_t
raise_files(size_t want)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		return 256;
	if (r.rlim_cur < want + FDS_BESIDES) {
		struct rlimit more = {want + FDS_BESIDES,
			r.rlim_max < want + FDS_BESIDES ? want + FDS_BESIDES : r.rlim_max};

		if (setrlimit(RLIMIT_NOFILE, &more) < 0) {
			more = (struct rlimit){
				r.rlim_max < want + FDS_BESIDES ? r.rlim_max : want + FDS_BESIDES,
				r.rlim_max};
			(void)setrlimit(RLIMIT_NOFILE, &more);
		}
		(void)getrlimit(RLIMIT_NOFILE, &r);
	}
	if (r.rlim_cur <= 2 * FDS_BESIDES)
		return FDS_BESIDES;
	return r.rlim_cur - FDS_BESIDES < want ? (size_t)r.rlim_cur - FDS_BESIDES : want;
}

static int
take_listeners(struct anon *anon)
{
	int on = 1;
	int fd;

	while (anon->nlisteners < LISTENERS_MAX &&
		(fd = child_handle_steal(anon->child, HANDLE_LISTEN, 0, NULL)) >= 0) {
		(void)fcntl(fd, F_SETFL, O_NONBLOCK);
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on,
			sizeof(on)); /* inherited by what it accepts */
		anon->listeners[anon->nlisteners++] = fd;
	}
	return 0;
}

int
anon_setup(struct child *child, struct jail_env *jail_env)
{
	struct anon *anon = &the_anon;
	int ui = child_handle(child, HANDLE_UI, 0);
	int rc = 0;

	(void)jail_env;
	child->ctx = anon;
	anon->child = child;
	edge_conns_init(
		&anon->conns, child->ev, &anon_ops, HTTP_HEAD_MAX + HTTP_ANON_BODY_MAX, KIB(64));
	anon->conns_max = raise_files(EDGE_ANON_CONNS_MAX);
	take_listeners(anon);
	if (anon->nlisteners == 0 && anon->conns_max > TLS_ANON_CONNS_MAX)
		anon->conns_max = TLS_ANON_CONNS_MAX; /* tls has the listeners */
	edge_hosts_load(&anon->hosts, child, anon->listeners, anon->nlisteners);
	anon->allow_insecure_auth =
		child_option_bool(child, "gateway.controlUi.allowInsecureAuth", false);
	anon->base = child_option_str(child, "gateway.controlUi.basePath", SPAN_EMPTY);
	if (span_ends_with(anon->base, SPAN("/")))
		anon->base.len--;
	anon->ui = ui >= 0 && child_option_bool(child, "gateway.controlUi.enabled", true);
	if (anon->ui)
		rc = edge_static_load(ui);
	if (rc < 0)
		log_error("control ui: files not read", LOG_E("why", rc));
	return rc;
}

void
anon_start(struct child *child)
{
	struct anon *anon = child->ctx;

	for (size_t i = 0; i < anon->nlisteners; i++)
		anon->listen_watch[i] =
			ev_fd_add(child->ev, anon->listeners[i], EV_READ, on_listener, anon);
}

void
anon_peer_up(struct child *child, uint8_t kind, struct ipc_chan *chan)
{
	if (kind == KIND_USER)
		anon_hand_over(child->ctx, chan);
}

static void
fail_asks(struct anon *anon, enum anon_phase phase, uint64_t principal)
{
	for (size_t i = 0; i < anon->asks_top; i++) {
		struct anon_conn *a = anon->asks[i];

		if (a != NULL && a->phase == phase &&
			(phase != ANON_HANDOVER || a->ask->principal == principal))
			anon_ask_unavailable(a);
	}
}

void
anon_peer_gone(struct child *child, uint8_t kind, struct ipc_chan *chan)
{
	if (kind == KIND_VAULT)
		fail_asks(child->ctx, ANON_VERIFY, 0);
	else
		fail_asks(child->ctx, ANON_HANDOVER, ipc_chan_tag(chan));
}

void
anon_refused(struct child *child, uint8_t kind, uint64_t instance, int why)
{
	log_warn("no process for a signed-in client", LOG_C("kind", kind_name(kind)),
		LOG_X("principal", span_of(&instance, sizeof(instance))), LOG_E("why", why));
	fail_asks(child->ctx, ANON_HANDOVER, instance);
}

void
anon_readiness(struct child *child, bool ready)
{
	struct anon *anon = child->ctx;

	anon->ready = ready;
}
