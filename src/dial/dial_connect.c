#include "dial/dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"

/* One address being tried. */
struct attempt {
	struct dial_call *call;
	int fd; /* -1: over */
	struct ev_fd *watch;
	uint64_t timer;
	struct addr addr;
};

struct dial_call {
	struct dial_call *next;
	struct child *child;
	struct ipc_chan *chan;
	uint64_t req;
	uint16_t port;
	bool local;
	struct dial_resolver *resolver;
	uint64_t stagger;
	struct addr addrs[DIAL_ANSWERS_MAX];
	size_t naddrs;
	struct attempt attempts[DIAL_ANSWERS_MAX];
	size_t nstarted;
	size_t nopen;
	int why; /* of the last attempt that failed */
};

static void try_next(struct dial_call *c);

void
dial_call_refuse(struct ipc_chan *chan, uint64_t req, int rc, struct span detail)
{
	(void)egress_dial_connected_send(chan,
		&(struct egress_dial_connected){
			.req = req, .rc = rc, .detail = span_sub(detail, 0, 256), .socket = -1});
}

/* ---- the end of a call ---- */

static void
attempt_end(struct attempt *a)
{
	if (a->fd < 0)
		return;
	ev_timer_cancel(a->call->child->ev, a->timer);
	ev_fd_del(a->watch);
	close(a->fd);
	a->fd = -1;
	a->call->nopen--;
}

static void
call_free(struct dial_call *c)
{
	struct dial *d = c->child->ctx;
	struct dial_call **at = &d->calls;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	d->ncalls--;
	dial_resolve_cancel(c->resolver);
	ev_timer_cancel(c->child->ev, c->stagger);
	for (size_t i = 0; i < c->nstarted; i++)
		attempt_end(&c->attempts[i]);
	free(c);
}

static void
call_fail(struct dial_call *c, int rc, struct span detail)
{
	log_info("not connected", LOG_U("egress", ipc_chan_tag(c->chan)), LOG_E("why", rc),
		LOG_S("detail", detail));
	dial_call_refuse(c->chan, c->req, rc, detail);
	call_free(c);
}

void
dial_calls_drop(struct child *child, const struct ipc_chan *chan)
{
	struct dial *d = child->ctx;
	struct dial_call *next;

	for (struct dial_call *c = d->calls; c != NULL; c = next) {
		next = c->next;
		if (c->chan == chan)
			call_free(c);
	}
}

/* ---- one address ---- */

union any_addr {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t
to_sockaddr(const struct addr *a, uint16_t port, union any_addr *out)
{
	memset(out, 0, sizeof(*out));
	if (a->family == 4) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons(port);
		memcpy(&out->v4.sin_addr, a->bytes, 4);
		return sizeof(out->v4);
	}
	out->v6.sin6_family = AF_INET6;
	out->v6.sin6_port = htons(port);
	memcpy(&out->v6.sin6_addr, a->bytes, 16);
	return sizeof(out->v6);
}

/* What the kernel says we are connected to is the very address that was judged. */
static bool
is_peer(int fd, const struct addr *a, uint16_t port)
{
	union any_addr want;
	union any_addr got;
	socklen_t len = sizeof(got);

	(void)to_sockaddr(a, port, &want);
	memset(&got, 0, sizeof(got));
	if (getpeername(fd, &got.sa, &len) < 0 || got.sa.sa_family != want.sa.sa_family)
		return false;
	if (a->family == 4)
		return got.v4.sin_port == want.v4.sin_port &&
		       memcmp(&got.v4.sin_addr, &want.v4.sin_addr, 4) == 0;
	return got.v6.sin6_port == want.v6.sin6_port &&
	       memcmp(&got.v6.sin6_addr, &want.v6.sin6_addr, 16) == 0;
}

static void
attempt_failed(struct attempt *a, int err)
{
	struct dial_call *c = a->call;

	c->why = err;
	attempt_end(a);
	try_next(c);
}

static void
attempt_done(struct attempt *a)
{
	struct dial_call *c = a->call;
	char text[ADDR_TEXT_MAX];
	int on = 1;

	if (!is_peer(a->fd, &a->addr, c->port)) {
		attempt_failed(a, ECONNABORTED);
		return;
	}
	(void)setsockopt(a->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)addr_format(&a->addr, text);
	log_debug("connected", LOG_U("egress", ipc_chan_tag(c->chan)), LOG_C("address", text),
		LOG_U("port", c->port));
	(void)egress_dial_connected_send(c->chan,
		&(struct egress_dial_connected){
			.req = c->req, .rc = 0, .address = span_from_cstr(text), .socket = a->fd});
	call_free(c);
}

static void
on_connect(struct ev *ev, int fd, unsigned events, void *arg)
{
	struct attempt *a = arg;
	int err = 0;
	socklen_t len = sizeof(err);

	(void)ev;
	(void)events;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		err = errno;
	if (err != 0)
		attempt_failed(a, err);
	else
		attempt_done(a);
}

static void
on_late(struct ev *ev, void *arg)
{
	struct attempt *a = arg;

	(void)ev;
	a->timer = 0;
	attempt_failed(a, ETIMEDOUT);
}

/* 0: under way (or done); an errno. */
static int
attempt_start(struct attempt *a)
{
	struct dial_call *c = a->call;
	union any_addr sa;
	socklen_t len = to_sockaddr(&a->addr, c->port, &sa);
	int fd = socket(sa.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);

	if (fd < 0)
		return errno;
	if (connect(fd, &sa.sa, len) < 0 && errno != EINPROGRESS) {
		int err = errno;

		close(fd);
		return err;
	}
	a->fd = fd;
	c->nopen++;
	a->watch = ev_fd_add(c->child->ev, fd, EV_WRITE, on_connect, a);
	a->timer = ev_timer_start(c->child->ev, DIAL_CONNECT_MS, on_late, a);
	return 0;
}

/* ---- all of them ---- */

static void
on_stagger(struct ev *ev, void *arg)
{
	struct dial_call *c = arg;

	(void)ev;
	c->stagger = 0;
	try_next(c);
}

/* The next address; when there is none and nothing is under way, the call has failed. */
static void
try_next(struct dial_call *c)
{
	ev_timer_cancel(c->child->ev, c->stagger);
	c->stagger = 0;
	while (c->nstarted < c->naddrs) {
		struct attempt *a = &c->attempts[c->nstarted];

		*a = (struct attempt){.call = c, .fd = -1, .addr = c->addrs[c->nstarted]};
		c->nstarted++;
		c->why = attempt_start(a);
		if (c->why != 0)
			continue;
		if (c->nstarted < c->naddrs)
			c->stagger = ev_timer_start(c->child->ev, DIAL_STAGGER_MS, on_stagger, c);
		return;
	}
	if (c->nopen == 0)
		call_fail(c, c->why == ETIMEDOUT ? ERR_TIMEOUT : ERR_SYS,
			span_from_cstr(strerrordesc_np(c->why)));
}

static void
call_connect(struct dial_call *c, const struct addr *addrs, size_t n)
{
	int bad = dial_first_bad(addrs, n, c->local);
	struct buf detail = {.max = 256};
	char text[ADDR_TEXT_MAX];

	if (bad >= 0) {
		(void)addr_format(&addrs[bad], text);
		buf_put_fmt(&detail, "the address %s is not public: %s", text,
			addr_class_text(addr_classify(&addrs[bad])));
		call_fail(c, ERR_DENIED, buf_span(&detail));
		buf_clear(&detail);
		return;
	}
	memcpy(c->addrs, addrs, n * sizeof(*addrs));
	c->naddrs = n;
	try_next(c);
}

static void
on_resolved(void *arg, const struct dial_answer *answer)
{
	struct dial_call *c = arg;

	c->resolver = NULL;
	if (answer->rc < 0)
		call_fail(c, answer->rc,
			answer->rc == ERR_NOTFOUND ? SPAN("the name has no address")
						   : SPAN("the name could not be resolved"));
	else
		call_connect(c, answer->addrs, answer->n);
}

void
dial_call_start(
	struct child *child, struct ipc_chan *chan, uint64_t req, const struct url *to, bool local)
{
	struct dial *d = child->ctx;
	struct dial_call *c;
	int rc;

	if (d->ncalls == DIAL_CALLS_MAX) {
		dial_call_refuse(chan, req, ERR_BUSY, SPAN("too many connections are being made"));
		return;
	}
	c = mem_alloc(1, sizeof(*c));
	*c = (struct dial_call){.next = d->calls,
		.child = child,
		.chan = chan,
		.req = req,
		.port = to->port,
		.local = local};
	d->calls = c;
	d->ncalls++;
	if (to->kind != URL_HOST_NAME) {
		call_connect(c, &to->addr, 1);
		return;
	}
	rc = dial_resolve_start(child, to->host, on_resolved, c, &c->resolver);
	if (rc < 0)
		call_fail(c, rc, SPAN("the name could not be resolved"));
}
