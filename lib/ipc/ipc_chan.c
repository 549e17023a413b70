#include "ipc/ipc.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/weak.h"
#include "ipc/ipc_io.h"

#define READS_PER_TURN 64 /* datagrams of one channel before others have their turn */

struct queued {
	struct queued *next;
	const struct ipc_message *m;
	bool is_due; /* its rate allows it: it waits for the socket alone */
	int fds[IPC_FDS_MAX];
	size_t nfds;
	size_t len;
	uint8_t data[];
};

/*
 * What is left per message id. Of one that comes: this second's. Of one that goes: half a second's worth may go at once, and then
 * a quarter of the rate, so that whoever reads late and then all at once, up to two seconds, still sees no more than the rate.
 */
struct allowance {
	uint64_t since_ms;
	uint32_t used;
	uint64_t spent; /* of one that goes: what of its burst is used, in 4000 a message */
};

#define SPENT_EACH 4000u

struct ipc_chan {
	struct ev *ev;
	int fd;
	struct ev_fd *watch;
	const struct ipc_proto *proto;
	enum ipc_side side;
	enum ipc_full full;
	const struct ipc_ops *ops;
	void *arg;
	uint64_t tag;
	uint8_t state;
	bool paused;
	bool in_handler;
	bool freed;      /* ipc_chan_free came while a handler ran */
	bool wants_room; /* ERR_AGAIN was said */
	uint64_t
		pace_timer; /* until the rate allows the first that waits; 0: it waits for the socket */
	int ended;          /* why, once it has */
	uint64_t end_timer;
	struct queued *head;
	struct queued **tail;
	size_t queued;
	int stolen[IPC_FDS_MAX];
	size_t nstolen;
	struct allowance allowance[];
};

static void on_fd(struct ev *ev, int fd, unsigned events, void *arg);

struct ipc_chan *
ipc_chan_new(struct ev *ev, int fd, const struct ipc_proto *proto, enum ipc_side side,
	enum ipc_full full, const struct ipc_ops *ops, void *arg)
{
	struct ipc_chan *c = mem_alloc(1, sizeof(*c) + proto->n * sizeof(c->allowance[0]));

	c->ev = ev;
	c->fd = fd;
	c->proto = proto;
	c->side = side;
	c->full = full;
	c->ops = ops;
	c->arg = arg;
	c->state = IPC_S_NEW;
	c->tail = &c->head;
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	c->watch = ev_fd_add(ev, fd, EV_READ, on_fd, c);
	return c;
}

static void
close_queue(struct ipc_chan *c)
{
	while (c->head != NULL) {
		struct queued *q = c->head;

		c->head = q->next;
		for (size_t i = 0; i < q->nfds; i++)
			close(q->fds[i]);
		free(q);
	}
	c->tail = &c->head;
	c->queued = 0;
}

static void
shut(struct ipc_chan *c)
{
	ev_fd_del(c->watch);
	c->watch = NULL;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	ev_timer_cancel(c->ev, c->pace_timer);
	c->pace_timer = 0;
	close_queue(c);
}

void
ipc_chan_free(struct ipc_chan *c)
{
	if (c == NULL || c->freed)
		return;
	shut(c);
	ev_timer_cancel(c->ev, c->end_timer);
	c->end_timer = 0;
	c->freed = true;
	if (!c->in_handler)
		free(c);
}

static void
tell_end(struct ev *ev, void *arg)
{
	struct ipc_chan *c = arg;

	(void)ev;
	c->end_timer = 0;
	c->ops->on_end(c, c->ended, c->arg);
}

/* on_end is called from the loop, never from within a send, so that callers need not expect to vanish. */
static void
end(struct ipc_chan *c, int why)
{
	if (c->ended < 0 || c->freed)
		return;
	c->ended = why;
	shut(c);
	c->end_timer = ev_timer_start(c->ev, 0, tell_end, c);
}

static void
update_watch(struct ipc_chan *c)
{
	if (c->watch != NULL)
		ev_fd_set(c->watch, (c->paused ? 0 : EV_READ) |
					    (c->head != NULL && c->pace_timer == 0 ? EV_WRITE : 0));
}

/* False when the channel is gone. */
static bool
tell_room(struct ipc_chan *c)
{
	if (c->fd < 0 || c->head != NULL || !c->wants_room)
		return true;
	c->wants_room = false;
	if (c->ops->on_room == NULL)
		return true;
	c->in_handler = true;
	c->ops->on_room(c, c->arg);
	c->in_handler = false;
	if (!c->freed)
		return true;
	free(c);
	return false;
}

static void flush(struct ipc_chan *c);

static void
on_pace(struct ev *ev, void *arg)
{
	struct ipc_chan *c = arg;

	(void)ev;
	c->pace_timer = 0;
	flush(c);
	(void)tell_room(c);
}

/* Takes one message from what may go of its kind. False: not yet, and the timer is set. */
static bool
may_go(struct ipc_chan *c, const struct ipc_message *m)
{
	struct allowance *a = &c->allowance[m->id - 1];
	uint64_t burst = m->rate < 2 ? SPENT_EACH : (uint64_t)m->rate * (SPENT_EACH / 2);
	uint64_t now = ev_now_ms(c->ev);
	/* a quarter of the rate: in 4000 a message, and milliseconds */
	uint64_t back = (now - a->since_ms) * m->rate;

	a->spent -= back < a->spent ? back : a->spent;
	a->since_ms = now;
	if (a->spent + SPENT_EACH <= burst) {
		a->spent += SPENT_EACH;
		return true;
	}
	if (c->pace_timer == 0)
		c->pace_timer = ev_timer_start(
			c->ev, (a->spent + SPENT_EACH - burst) / m->rate + 1, on_pace, c);
	return false;
}

static void
flush(struct ipc_chan *c)
{
	while (c->head != NULL) {
		struct queued *q = c->head;
		int rc;

		q->is_due = q->is_due || may_go(c, q->m);
		if (!q->is_due)
			break;
		rc = ipc_io_send(c->fd, span_of(q->data, q->len), q->fds, q->nfds, false);
		if (rc == ERR_AGAIN)
			break;
		if (rc < 0) {
			end(c, ERR_EOF);
			return;
		}
		c->head = q->next;
		if (c->head == NULL)
			c->tail = &c->head;
		c->queued -= sizeof(*q) + q->len;
		for (size_t i = 0; i < q->nfds; i++)
			close(q->fds[i]);
		free(q);
	}
	update_watch(c);
}

static int
enqueue(struct ipc_chan *c, const struct ipc_message *m, bool is_due, struct span datagram,
	const int *fds, size_t nfds)
{
	size_t size = sizeof(struct queued) + datagram.len;
	struct queued *q;

	if (c->queued + size > IPC_QUEUE_MAX) {
		if (c->full == IPC_FULL_WAIT) {
			c->wants_room = true;
			return ERR_AGAIN;
		}
		if (c->full == IPC_FULL_END)
			end(c, ERR_FULL);
		return ERR_FULL;
	}
	q = mem_alloc(1, size);
	q->m = m;
	q->is_due = is_due;
	memcpy(q->data, datagram.ptr, datagram.len);
	q->len = datagram.len;
	for (size_t i = 0; i < nfds; i++) {
		q->fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
		if (q->fds[i] < 0) {
			while (i > 0)
				close(q->fds[--i]);
			free(q);
			return ERR_SYS;
		}
		q->nfds = i + 1;
	}
	*c->tail = q;
	c->tail = &q->next;
	c->queued += size;
	update_watch(c);
	return 0;
}

static bool
is_mine_to_send(const struct ipc_chan *c, const struct ipc_message *m)
{
	return (m->dir == IPC_A_TO_B) == (c->side == IPC_SIDE_A);
}

int
ipc_send(struct ipc_chan *c, uint16_t id, const void *msg)
{
	/* not on the stack, of which every page is probed: a small message touches one page */
	static uint8_t buf[IPC_MSG_MAX];
	const struct ipc_message *m = ipc_message_find(c->proto, id);
	int fds[IPC_FDS_MAX];
	size_t nfds;
	int len;
	int rc;

	if (c->fd < 0)
		return ERR_CLOSED;
	if (m == NULL || !is_mine_to_send(c, m))
		return ERR_STATE;
	len = ipc_encode(m, msg, buf, fds, &nfds);
	if (len < 0) {
		log_error("message not sent", LOG_C("proto", c->proto->name),
			LOG_C("message", m->name), LOG_E("why", len));
		return len;
	}
	if (c->head != NULL || !may_go(c, m))
		return enqueue(c, m, false, span_of(buf, (size_t)len), fds, nfds);
	rc = ipc_io_send(c->fd, span_of(buf, (size_t)len), fds, nfds, false);
	if (rc == ERR_AGAIN)
		return enqueue(c, m, true, span_of(buf, (size_t)len), fds, nfds);
	if (rc < 0) {
		/* what the peer sent before it closed is still read; the reader then sees the end */
		return rc == ERR_CLOSED ? ERR_CLOSED : rc;
	}
	return 0;
}

static bool
within_rate(struct ipc_chan *c, const struct ipc_message *m)
{
	struct allowance *a = &c->allowance[m->id - 1];
	uint64_t now = ev_now_ms(c->ev);

	if (now - a->since_ms >= 1000) {
		a->since_ms = now;
		a->used = 0;
	}
	return a->used++ < m->rate || WEAK(IPC_RATE);
}

static const struct ipc_handler *
handler_for(const struct ipc_chan *c, uint16_t id)
{
	for (size_t i = 0; i < c->ops->n; i++) {
		if (c->ops->handlers[i].id == id)
			return &c->ops->handlers[i];
	}
	return NULL;
}

/* Checks everything about a datagram before a handler sees it. */
static int
admit(struct ipc_chan *c, struct span datagram, const int *fds, size_t nfds,
	const struct ipc_message **m, void *msg)
{
	if (datagram.len < 2)
		return ERR_PROTO;
	*m = ipc_message_find(c->proto, (uint16_t)(datagram.ptr[0] | datagram.ptr[1] << 8));
	if (*m == NULL || is_mine_to_send(c, *m) || handler_for(c, (*m)->id) == NULL)
		return ERR_PROTO;
	if (((*m)->states & c->state) == 0 && !WEAK(IPC_STATES))
		return ERR_STATE;
	if (!within_rate(c, *m))
		return ERR_RATE;
	return ipc_decode(*m, span_sub(datagram, 2, datagram.len), fds, nfds, msg);
}

static bool
is_stolen(const struct ipc_chan *c, int fd)
{
	for (size_t i = 0; i < c->nstolen; i++) {
		if (c->stolen[i] == fd)
			return true;
	}
	return false;
}

int
ipc_fd_steal(struct ipc_chan *c, int fd)
{
	if (fd >= 0 && c->nstolen < IPC_FDS_MAX)
		c->stolen[c->nstolen++] = fd;
	return fd;
}

/* One datagram: admitted and handled. False when the channel is gone. */
static bool
receive(struct ipc_chan *c, struct span datagram, const int *fds, size_t nfds)
{
	union {
		uint64_t align;
		uint8_t bytes[IPC_STRUCT_MAX];
	} msg;
	const struct ipc_message *m = NULL;
	int rc = admit(c, datagram, fds, nfds, &m, msg.bytes);

	c->nstolen = 0;
	if (rc < 0) {
		log_error("peer broke the protocol: denied", LOG_C("proto", c->proto->name),
			LOG_C("message", m == NULL ? "unknown" : m->name),
			LOG_U("bytes", datagram.len), LOG_E("why", rc));
		rc = rc == ERR_RATE ? ERR_RATE : ERR_PROTO;
	} else {
		c->in_handler = true;
		rc = handler_for(c, m->id)->fn(c, msg.bytes, c->arg);
		c->in_handler = false;
	}
	for (size_t i = 0; i < nfds; i++) {
		if (!is_stolen(c, fds[i]))
			close(fds[i]);
	}
	if (c->freed) {
		free(c);
		return false;
	}
	if (rc < 0)
		end(c, rc);
	return c->fd >= 0;
}

/*
 * Where a datagram lies while it is handled. Not on the stack, of which every page is probed. A handler that drains another
 * channel, or forks and becomes another process, still has its own message.
 */
static uint8_t buffers[2][IPC_MSG_MAX];
static size_t buffers_used;

/* One datagram is read and handled. 0, ERR_AGAIN when there is none, ERR_CLOSED when the channel is gone. */
static int
read_one(struct ipc_chan *c)
{
	size_t mine = buffers_used++;
	uint8_t *more =
		mine < sizeof(buffers) / sizeof(buffers[0]) ? NULL : mem_alloc(1, IPC_MSG_MAX);
	uint8_t *buf = more == NULL ? buffers[mine] : more;
	int fds[IPC_FDS_MAX];
	size_t nfds;
	size_t len;
	int rc = ipc_io_recv(c->fd, buf, &len, fds, &nfds);

	if (rc == 0) {
		rc = receive(c, span_of(buf, len), fds, nfds) ? 0 : ERR_CLOSED;
	} else if (rc != ERR_AGAIN) {
		end(c, rc);
		rc = ERR_CLOSED;
	}
	free(more);
	buffers_used = mine;
	return rc;
}

static void
read_some(struct ipc_chan *c)
{
	for (int i = 0; i < READS_PER_TURN && !c->paused; i++) {
		if (read_one(c) < 0)
			return;
	}
}

void
ipc_chan_drain(struct ipc_chan *c)
{
	int rc = c->fd < 0 ? ERR_CLOSED : 0;

	while (rc == 0)
		rc = read_one(c);
}

static void
on_fd(struct ev *ev, int fd, unsigned events, void *arg)
{
	struct ipc_chan *c = arg;

	(void)ev;
	(void)fd;
	if ((events & EV_WRITE) != 0) {
		flush(c);
		if (!tell_room(c))
			return;
	}
	if (c->fd >= 0 && (events & (EV_READ | EV_HANGUP)) != 0) {
		if (c->paused && (events & EV_HANGUP) != 0)
			c->paused = false; /* the peer is gone: read what is left, then end */
		read_some(c);
	}
}

void
ipc_chan_pause(struct ipc_chan *c, bool paused)
{
	c->paused = paused;
	update_watch(c);
}

void
ipc_chan_set_state(struct ipc_chan *c, uint8_t state)
{
	c->state = state;
}

uint8_t
ipc_chan_state(const struct ipc_chan *c)
{
	return c->state;
}

void
ipc_chan_set_arg(struct ipc_chan *c, void *arg)
{
	c->arg = arg;
}

void
ipc_chan_set_tag(struct ipc_chan *c, uint64_t tag)
{
	c->tag = tag;
}

uint64_t
ipc_chan_tag(const struct ipc_chan *c)
{
	return c->tag;
}

size_t
ipc_chan_queued(const struct ipc_chan *c)
{
	return c->queued;
}

bool
ipc_chan_is_open(const struct ipc_chan *c)
{
	return c != NULL && c->fd >= 0;
}

#ifdef MOLTBOT_ATTACKER
int
ipc_chan_fd(const struct ipc_chan *c)
{
	return c->fd;
}
#endif
