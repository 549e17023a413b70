/* Clients: the first byte, the handshake, the hand-over to edge/anon, and then bytes both ways, at most one record held each way. */
#include "tls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"

#define ACCEPTS_PER_TURN 64
#define TURN_RECORDS 16 /* of one connection before the others have their turn */
#define RECORD_LEN KIB(16u)
#define HANDSHAKE_BYTE 0x16 /* ContentType of RFC 8446, 5.1 */

static uint8_t record[RECORD_LEN];

static void on_client(struct ev *ev, int fd, unsigned events, void *arg);
static void on_inner(struct ev *ev, int fd, unsigned events, void *arg);

/* ---- the end of one ---- */

static void
leave_handshakes(struct tls *tls, struct tls_conn *c)
{
	if (tls->first == c)
		tls->first = c->next;
	else if (c->prev != NULL)
		c->prev->next = c->next;
	if (tls->last == c)
		tls->last = c->prev;
	else if (c->next != NULL)
		c->next->prev = c->prev;
	c->prev = NULL;
	c->next = NULL;
	tls->nshaking--;
	ev_timer_cancel(tls->child->ev, c->timer);
	c->timer = 0;
}

static void
conn_close(struct tls_conn *c)
{
	struct tls *tls = c->tls;

	if (c->req != 0) { /* the handshake must come to its end before it can be freed */
		c->req = 0;
		tls_session_sign_done(c->session, SPAN_EMPTY);
		(void)tls_session_shake(c->session);
	}
	if (c->prev != NULL || tls->first == c)
		leave_handshakes(tls, c);
	ev_timer_cancel(tls->child->ev, c->timer);
	ev_fd_del(c->watch);
	ev_fd_del(c->inner_watch);
	tls_session_free(c->session);
	close(c->fd);
	if (c->inner >= 0)
		close(c->inner);
	free(c->inward.ptr);
	free(c->outward.ptr);
	tls->conns[c->slot] = NULL;
	tls->n--;
	free(c);
}

/* The one that has taken longest makes room. */
static void
make_room(struct tls *tls)
{
	struct tls_conn *oldest = tls->first;

	leave_handshakes(tls, oldest);
	conn_close(oldest);
}

static void
on_late(struct ev *ev, void *arg)
{
	struct tls_conn *c = arg;

	(void)ev;
	c->timer = 0;
	conn_close(c);
}

static void
end_within(struct tls_conn *c, int64_t ms)
{
	ev_timer_cancel(c->tls->child->ev, c->timer);
	c->timer = ev_timer_start(c->tls->child->ev, ms, on_late, c);
}

/* ---- bytes ---- */

static void
hold(struct tls_held *h, struct span bytes)
{
	if (h->ptr == NULL)
		h->ptr = mem_alloc(1, RECORD_LEN);
	memcpy(h->ptr, bytes.ptr, bytes.len);
	h->from = 0;
	h->len = bytes.len;
}

static void
took(struct tls_held *h, size_t n)
{
	h->from += n;
	h->len -= n;
	if (h->len > 0)
		return;
	free(h->ptr);
	h->ptr = NULL;
}

/* When nobody reads any more they are dropped: what was said to the client before is still on its way. */
static void
put_inward(struct tls_conn *c, struct span bytes)
{
	ssize_t n = send(c->inner, bytes.ptr, bytes.len, MSG_NOSIGNAL);
	bool again = n < 0 && (errno == EAGAIN || errno == EINTR);
	size_t done = again ? 0 : n < 0 ? bytes.len : (size_t)n;

	if (bytes.ptr == record && done < bytes.len)
		hold(&c->inward, span_sub(bytes, done, bytes.len));
	else if (bytes.ptr != record)
		took(&c->inward, done);
}

/* From the client. TLS_DONE: there may be more; TLS_WANT_READ: not now; else the connection is over. */
static enum tls_result
step_inward(struct tls_conn *c)
{
	enum tls_result r;
	size_t n;

	if (c->inward.len > 0)
		put_inward(c, span_of(c->inward.ptr + c->inward.from, c->inward.len));
	if (c->inward.len > 0 || c->inward.is_over)
		return TLS_WANT_READ;
	r = tls_session_read(c->session, record, sizeof(record), &n);
	if (r == TLS_ENDED) {
		c->inward.is_over = true;
		(void)shutdown(c->inner, SHUT_WR);
		return TLS_WANT_READ;
	}
	if (r == TLS_WANT_WRITE)
		c->wants_write = true;
	if (r != TLS_DONE)
		return r == TLS_BROKEN ? r : TLS_WANT_READ;
	put_inward(c, span_of(record, n));
	return TLS_DONE;
}

static enum tls_result
put_outward(struct tls_conn *c, struct span bytes)
{
	size_t n = 0;
	enum tls_result r = tls_session_write(c->session, bytes, &n);

	if (r == TLS_WANT_WRITE)
		c->wants_write = true;
	if (bytes.ptr == record && n < bytes.len)
		hold(&c->outward, span_sub(bytes, n, bytes.len));
	else if (bytes.ptr != record)
		took(&c->outward, n);
	return r == TLS_DONE || r == TLS_WANT_WRITE ? TLS_DONE : TLS_BROKEN;
}

/* To the client. */
static enum tls_result
step_outward(struct tls_conn *c)
{
	enum tls_result r = TLS_DONE;
	ssize_t n;

	if (c->outward.len > 0)
		r = put_outward(c, span_of(c->outward.ptr + c->outward.from, c->outward.len));
	if (r != TLS_DONE || c->outward.len > 0 || c->outward.is_over)
		return r == TLS_DONE ? TLS_WANT_READ : r;
	n = recv(c->inner, record, sizeof(record), 0);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? TLS_WANT_READ : TLS_BROKEN;
	if (n > 0)
		return put_outward(c, span_of(record, (size_t)n));
	c->outward.is_over = true;
	(void)tls_session_say_end(c->session);
	(void)shutdown(c->fd, SHUT_WR);
	end_within(c, EDGE_LINGER_MS);
	return TLS_WANT_READ;
}

static void
watch(struct tls_conn *c)
{
	bool reads = c->inward.len == 0 && !c->inward.is_over;
	bool hears = c->outward.len == 0 && !c->outward.is_over;

	ev_fd_set(c->watch, (reads ? EV_READ : 0) | (c->wants_write ? EV_WRITE : 0));
	if (c->inner_watch == NULL && hears)
		c->inner_watch = ev_fd_add(c->tls->child->ev, c->inner, EV_READ, on_inner, c);
	if (c->inner_watch != NULL)
		ev_fd_set(
			c->inner_watch, (hears ? EV_READ : 0) | (c->inward.len > 0 ? EV_WRITE : 0));
}

static void
relay(struct tls_conn *c)
{
	enum tls_result in = TLS_DONE;
	enum tls_result out = TLS_DONE;

	c->wants_write = false;
	for (unsigned i = 0; i < TURN_RECORDS && (in == TLS_DONE || out == TLS_DONE); i++) {
		in = step_inward(c);
		if (in != TLS_BROKEN)
			out = step_outward(c);
		if (in == TLS_BROKEN || out == TLS_BROKEN ||
			(c->inward.is_over && c->outward.is_over)) {
			conn_close(c);
			return;
		}
	}
	watch(c);
}

static void
on_inner(struct ev *ev, int fd, unsigned events, void *arg)
{
	struct tls_conn *c = arg;

	(void)ev;
	(void)fd;
	/* it is closed, which is reported until it is looked at no more; the client has a while to take the rest */
	if ((events & EV_HANGUP) != 0 && (c->outward.len > 0 || c->outward.is_over)) {
		ev_fd_del(c->inner_watch);
		c->inner_watch = NULL;
		if (c->timer == 0)
			end_within(c, EDGE_IDLE_MS);
	}
	relay(c);
}

/* ---- the hand-over ---- */

static bool
hand_over(struct tls_conn *c, int theirs)
{
	struct ipc_chan *anon = child_peer(c->tls->child, KIND_ANON, 0);
	struct sockaddr_storage from = {0};
	struct sockaddr_storage to = {0};
	socklen_t from_len = sizeof(from);
	socklen_t to_len = sizeof(to);
	char source[ADDR_TEXT_MAX];
	char local[ADDR_TEXT_MAX];
	struct tls_anon_client m = {.client = theirs};
	struct addr a;
	uint16_t port = 0;

	if (anon == NULL || getpeername(c->fd, (struct sockaddr *)&from, &from_len) < 0 ||
		getsockname(c->fd, (struct sockaddr *)&to, &to_len) < 0)
		return false;
	a = addr_from_socket(&from, &port);
	m.source = span_of(source, addr_format(&a, source));
	a = addr_from_socket(&to, &port);
	m.local = span_of(local, addr_format(&a, local));
	m.port = port;
	return tls_anon_client_send(anon, &m) >= 0;
}

static bool
start_relay(struct tls_conn *c)
{
	int fds[2];
	bool ok;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		return false;
	ok = hand_over(c, fds[1]);
	close(fds[1]);
	c->inner = fds[0];
	if (!ok)
		return false;
	leave_handshakes(c->tls, c);
	c->phase = TLS_P_RELAY;
	c->inner_watch = ev_fd_add(c->tls->child->ev, c->inner, EV_READ, on_inner, c);
	return true;
}

/* ---- the handshake ---- */

static void
shake(struct tls_conn *c)
{
	switch (tls_session_shake(c->session)) {
	case TLS_DONE:
		if (start_relay(c))
			relay(c);
		else
			conn_close(c);
		break;
	case TLS_WANT_READ:
		ev_fd_set(c->watch, EV_READ);
		break;
	case TLS_WANT_WRITE:
		ev_fd_set(c->watch, EV_WRITE);
		break;
	case TLS_WANT_SIGNATURE:
		ev_fd_set(c->watch, 0);
		break;
	case TLS_ENDED:
	case TLS_BROKEN:
		conn_close(c);
		break;
	}
}

/* A browser that was given http:// learns why it gets no page. */
static void
say_plain(const struct tls_conn *c)
{
	static const char answer[] =
		"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n"
		"Content-Type: text/plain; charset=utf-8\r\nContent-Length: 42\r\n\r\n"
		"This port speaks HTTPS: use https:// here\n";

	(void)send(c->fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL);
	(void)shutdown(c->fd, SHUT_WR);
	while (recv(c->fd, record, sizeof(record), 0) > 0)
		continue; /* so that the answer is not lost in a reset */
}

static void
first_byte(struct tls_conn *c)
{
	uint8_t byte;
	ssize_t n = recv(c->fd, &byte, 1, MSG_PEEK);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == 1 && byte >= 'A' && byte <= 'Z')
		say_plain(c);
	if (n != 1 || byte != HANDSHAKE_BYTE || c->tls->context == NULL) {
		conn_close(c);
		return;
	}
	c->session = tls_session_new(c->tls->context, c->fd, c);
	if (c->session == NULL) {
		conn_close(c);
		return;
	}
	c->phase = TLS_P_SHAKE;
	shake(c);
}

static void
on_client(struct ev *ev, int fd, unsigned events, void *arg)
{
	struct tls_conn *c = arg;
	bool waits = c->req != 0 || c->inward.len > 0 || c->inward.is_over;

	(void)ev;
	(void)fd;
	if (waits && (events & EV_HANGUP) != 0)
		conn_close(c);
	else if (c->phase == TLS_P_FIRST)
		first_byte(c);
	else if (c->phase == TLS_P_SHAKE && c->req == 0)
		shake(c);
	else if (c->phase == TLS_P_RELAY)
		relay(c);
}

void
tls_signed(struct tls *tls, uint64_t req, struct span signature)
{
	uint64_t slot = req & ((1u << TLS_SLOT_BITS) - 1);
	struct tls_conn *c = slot < TLS_CONNS_MAX ? tls->conns[slot] : NULL;

	if (c == NULL || req == 0 || c->req != req)
		return; /* the client did not wait */
	c->req = 0;
	tls_session_sign_done(c->session, signature);
	shake(c);
}

void
tls_key_gone(struct tls *tls)
{
	tls->nasked = 0;
	for (size_t i = 0; i < TLS_CONNS_MAX; i++) {
		if (tls->conns[i] != NULL && tls->conns[i]->req != 0)
			conn_close(tls->conns[i]);
	}
}

/* ---- accepting ---- */

_Static_assert(TLS_CONNS_MAX <= 1u << TLS_SLOT_BITS, "a request's number holds the slot");

static void
conn_new(struct tls *tls, int fd)
{
	struct tls_conn *c;

	if (tls->first != NULL && (tls->nshaking >= TLS_HANDSHAKES_MAX || tls->n >= tls->max))
		make_room(tls);
	if (tls->n >= tls->max) {
		close(fd);
		return;
	}
	c = mem_alloc(1, sizeof(*c));
	*c = (struct tls_conn){.tls = tls, .fd = fd, .inner = -1, .prev = tls->last};
	while (tls->conns[tls->next_slot] != NULL)
		tls->next_slot = (tls->next_slot + 1) % TLS_CONNS_MAX;
	c->slot = tls->next_slot;
	tls->conns[c->slot] = c;
	tls->next_slot = (tls->next_slot + 1) % TLS_CONNS_MAX;
	tls->n++;
	tls->nshaking++;
	if (tls->last != NULL)
		tls->last->next = c;
	else
		tls->first = c;
	tls->last = c;
	c->watch = ev_fd_add(tls->child->ev, fd, EV_READ, on_client, c);
	c->timer = ev_timer_start(tls->child->ev, TLS_HANDSHAKE_MS, on_late, c);
}

static void
on_listener(struct ev *ev, int fd, unsigned events, void *arg)
{
	struct tls *tls = arg;

	(void)ev;
	(void)events;
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (client < 0 &&
			(errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
				errno == ENOMEM) &&
			tls->first != NULL) {
			make_room(tls);
			break; /* and once more in the next turn */
		}
		if (client < 0)
			break;
		conn_new(tls, client);
	}
}

void
tls_listen(struct tls *tls)
{
	for (size_t i = 0; i < tls->nlisteners; i++)
		tls->watches[i] =
			ev_fd_add(tls->child->ev, tls->listeners[i], EV_READ, on_listener, tls);
}
