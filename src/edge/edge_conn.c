#include "edge_conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/weak.h"
#include "base/limits.h"

#define SHARED_LEN KIB(64u)
#define READ_MIN KIB(4u)
#define SWEEP_MS 500

static uint8_t shared[SHARED_LEN];

static void sweep(struct ev *ev, void *arg);
static void on_fd(struct ev *ev, int fd, unsigned events, void *arg);

void
edge_conns_init(struct edge_conns *conns, struct ev *ev, const struct edge_conn_ops *ops,
	size_t in_max, size_t out_max)
{
	*conns = (struct edge_conns){.ev = ev, .ops = ops, .in_max = in_max, .out_max = out_max};
}

static void
unlink_conn(struct edge_conn *c)
{
	struct edge_conns *all = c->conns;

	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		all->first = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	else
		all->last = c->prev;
	c->next = NULL;
	c->prev = NULL;
}

static void
link_last(struct edge_conn *c)
{
	struct edge_conns *all = c->conns;

	c->prev = all->last;
	if (all->last != NULL)
		all->last->next = c;
	else
		all->first = c;
	all->last = c;
}

static void
reap(struct edge_conns *all)
{
	while (all->dead != NULL) {
		struct edge_conn *c = all->dead;

		all->dead = c->next;
		free(c);
	}
}

void
edge_conn_init(struct edge_conn *c, struct edge_conns *conns, int fd)
{
	c->conns = conns;
	c->fd = fd;
	c->in.max = conns->in_max;
	c->out.max = conns->out_max;
	c->events = EV_READ;
	c->watch = ev_fd_add(conns->ev, fd, EV_READ, on_fd, c);
	link_last(c);
	conns->n++;
	if (conns->sweep == 0)
		conns->sweep = ev_timer_start(conns->ev, SWEEP_MS, sweep, conns);
}

void
edge_conn_account(struct edge_conn *c)
{
	size_t now = c->is_dead ? 0 : c->in.cap + c->out.cap + c->extra;

	c->conns->held += now - c->held;
	c->held = now;
}

static void
end(struct edge_conn *c)
{
	struct edge_conns *all = c->conns;

	c->is_dead = true;
	ev_timer_cancel(all->ev, c->more);
	ev_fd_del(c->watch);
	c->watch = NULL;
	close(c->fd);
	c->fd = -1;
	buf_clear(&c->in);
	buf_clear(&c->out);
	edge_conn_account(c);
	unlink_conn(c);
	all->n--;
	all->ops->gone(c);
	c->next = all->dead;
	all->dead = c;
}

void
edge_conn_close(struct edge_conn *c)
{
	if (!c->is_dead)
		end(c);
}

void
edge_conn_abandon(struct edge_conn *c)
{
	edge_conn_close(c); /* our descriptor only: the socket lives on in its new owner */
}

size_t
edge_conn_waiting(const struct edge_conn *c)
{
	return c->out.len + c->tail.len;
}

void
edge_conn_watch(struct edge_conn *c)
{
	unsigned want = 0;

	if (c->is_dead)
		return;
	if (!c->at_eof &&
		(c->is_finishing || (c->more == 0 && c->conns->ops->window(c) > c->in.len)))
		want |= EV_READ;
	if (edge_conn_waiting(c) > 0)
		want |= EV_WRITE;
	if (want == c->events)
		return;
	c->events = want;
	ev_fd_set(c->watch, want);
}

/* What the socket takes now: the number of bytes, 0 for none, negative when it is broken. */
static ssize_t
write_now(struct edge_conn *c, const struct span *parts, size_t nparts)
{
	struct iovec iov[EDGE_CONN_PARTS_MAX];
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = nparts};
	ssize_t n;

	for (size_t i = 0; i < nparts; i++)
		iov[i] = (struct iovec){(void *)(uintptr_t)parts[i].ptr, parts[i].len};
	n = sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -1;
}

static void
flush(struct edge_conn *c)
{
	const struct span parts[] = {buf_span(&c->out), c->tail};
	ssize_t n = write_now(c, parts, 2);
	size_t from_out;

	if (n < 0) {
		end(c);
		return;
	}
	from_out = (size_t)n < c->out.len ? (size_t)n : c->out.len;
	buf_consume(&c->out, from_out);
	c->tail = span_sub(c->tail, (size_t)n - from_out, c->tail.len);
	if (c->out.len == 0 && c->out.cap > 0)
		buf_clear(&c->out);
	edge_conn_account(c);
	if (edge_conn_waiting(c) > 0)
		return;
	if (c->is_finishing && !c->is_shut) {
		c->is_shut = true;
		(void)shutdown(c->fd, SHUT_WR);
	} else if (!c->is_finishing && c->conns->ops->drained != NULL) {
		c->conns->ops->drained(c);
	}
}

int
edge_conn_send_file(struct edge_conn *c, struct span head, struct span file)
{
	const struct span parts[] = {head, file};
	ssize_t n = 0;

	if (c->is_dead || c->is_finishing)
		return ERR_CLOSED;
	if (edge_conn_waiting(c) == 0)
		n = write_now(c, parts, 2);
	if (n < 0) {
		end(c);
		return ERR_CLOSED;
	}
	if ((size_t)n < head.len) {
		if (c->tail.len > 0 || buf_put(&c->out, span_sub(head, (size_t)n, head.len)) < 0)
			return ERR_TOOBIG;
		n = 0;
	} else {
		n -= (ssize_t)head.len;
	}
	if ((size_t)n < file.len)
		c->tail = span_sub(file, (size_t)n, file.len);
	edge_conn_account(c);
	edge_conn_watch(c);
	return 0;
}

int
edge_conn_send_parts(struct edge_conn *c, const struct span *parts, size_t nparts)
{
	ssize_t n = 0;
	size_t sent;

	if (c->is_dead || c->is_finishing)
		return ERR_CLOSED;
	if (edge_conn_waiting(c) == 0)
		n = write_now(c, parts, nparts);
	if (n < 0) {
		end(c);
		return ERR_CLOSED;
	}
	sent = (size_t)n;
	for (size_t i = 0; i < nparts; i++) {
		size_t from = sent < parts[i].len ? sent : parts[i].len;
		struct span rest = span_sub(parts[i], from, parts[i].len);

		sent -= from;
		if (rest.len > 0 && (c->tail.len > 0 || buf_put(&c->out, rest) < 0))
			return ERR_TOOBIG;
	}
	edge_conn_account(c);
	edge_conn_watch(c);
	return 0;
}

int
edge_conn_send(struct edge_conn *c, struct span bytes)
{
	return edge_conn_send_parts(c, &bytes, 1);
}

void
edge_conn_finish(struct edge_conn *c)
{
	if (c->is_dead || c->is_finishing)
		return;
	c->is_finishing = true;
	c->deadline_ms = ev_now_ms(c->conns->ev) + EDGE_LINGER_MS;
	buf_clear(&c->in);
	if (edge_conn_waiting(c) == 0) {
		c->is_shut = true;
		(void)shutdown(c->fd, SHUT_WR);
	}
	if (c->at_eof && edge_conn_waiting(c) == 0) {
		end(c);
		return;
	}
	edge_conn_account(c);
	edge_conn_watch(c);
}

static void
saw_eof(struct edge_conn *c)
{
	c->at_eof = true;
	if (c->is_finishing && edge_conn_waiting(c) == 0) {
		end(c);
		return;
	}
	if (!c->is_finishing)
		c->conns->ops->eof(c);
}

/* What the handler left: kept in memory of the connection's own. */
static void
keep(struct edge_conn *c, struct buf *view)
{
	if (c->is_dead || c->is_finishing)
		return;
	if (view != &c->in && view->len > 0 && buf_put(&c->in, buf_span(view)) < 0) {
		end(c);
		return;
	}
	if (c->in.len == 0 && c->in.cap > 0)
		buf_clear(&c->in);
	edge_conn_account(c);
}

static void
hand_on(struct edge_conn *c, struct buf *view)
{
	c->conns->ops->bytes(c, view);
	keep(c, view);
}

static void
discard(struct edge_conn *c)
{
	ssize_t n = recv(c->fd, shared, sizeof(shared), MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		end(c);
}

static void
read_some(struct edge_conn *c)
{
	size_t window = c->conns->ops->window(c);
	size_t room = window > c->in.len ? window - c->in.len : 0;
	struct buf view = {.ptr = shared, .cap = sizeof(shared), .max = sizeof(shared)};
	struct buf *in = &view;
	ssize_t n;

	if (room == 0 || c->at_eof)
		return;
	if (c->in.len > 0) {
		in = &c->in;
		if (room > READ_MIN && room > c->in.len)
			room = c->in.len > READ_MIN ? c->in.len : READ_MIN;
		if (buf_room(in, room) == NULL) {
			end(c);
			return;
		}
	} else if (room > sizeof(shared)) {
		room = sizeof(shared);
	}
	n = recv(c->fd, in->ptr + in->len, room, MSG_DONTWAIT);
	if (n > 0) {
		unlink_conn(c);
		link_last(c);
		buf_added(in, (size_t)n);
		hand_on(c, in);
	} else if (n == 0) {
		saw_eof(c);
	} else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
		end(c);
	}
}

void
edge_conn_resume(struct edge_conn *c)
{
	if (!c->is_dead && !c->is_finishing && c->in.len > 0)
		hand_on(c, &c->in);
	edge_conn_watch(c);
}

static void
on_more(struct ev *ev, void *arg)
{
	struct edge_conn *c = arg;

	(void)ev;
	c->more = 0;
	edge_conn_resume(c);
}

void
edge_conn_yield(struct edge_conn *c)
{
	if (c->more == 0)
		c->more = ev_timer_start(c->conns->ev, 0, on_more, c);
}

static void
on_fd(struct ev *ev, int fd, unsigned events, void *arg)
{
	struct edge_conn *c = arg;

	(void)ev;
	(void)fd;
	reap(c->conns);
	if ((events & EV_WRITE) != 0)
		flush(c);
	if (!c->is_dead && (events & EV_READ) != 0) {
		if (c->is_finishing)
			discard(c);
		else
			read_some(c);
	}
	if (!c->is_dead && (events & EV_HANGUP) != 0 && (events & EV_READ) == 0)
		end(c); /* both sides are closed: nobody reads what we could still say */
	edge_conn_watch(c);
}

static void
sweep(struct ev *ev, void *arg)
{
	struct edge_conns *all = arg;
	uint64_t now = ev_now_ms(ev);
	struct edge_conn *next;

	reap(all);
	for (struct edge_conn *c = all->first; c != NULL; c = next) {
		next = c->next;
		if (c->deadline_ms == 0 || c->deadline_ms > now || WEAK(EDGE_LATE))
			continue;
		c->deadline_ms = 0;
		if (c->is_finishing)
			end(c);
		else
			all->ops->late(c);
	}
	all->sweep = all->n > 0 || all->dead != NULL ? ev_timer_start(ev, SWEEP_MS, sweep, all) : 0;
}
