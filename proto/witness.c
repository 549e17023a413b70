#include "proto/witness.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/weak.h"
#include "proto/ids.h"

#define TEXT_MAX 256
#define HASH_MAX 32

struct waiting {
	struct audit_writer_line line;
	uint8_t hash[HASH_MAX];
	uint8_t text[TEXT_MAX];
};

/* Somebody who goes on when the line with this number is kept. */
struct then {
	uint64_t number;
	uint64_t until_ms;
	witness_fn *fn; /* NULL: cancelled */
	void *arg;
};

struct witness {
	struct ev *ev;
	struct ipc_chan *(*audit)(void *arg);
	void *audit_arg;
	struct waiting ring[WITNESS_WAITING_MAX];
	size_t first;
	size_t n;
	size_t sent;       /* of them, to the present audit */
	uint64_t kept;     /* of what the present audit was sent */
	uint64_t all_kept; /* of all lines; the next of the ring has this number and one */
	struct then thens[WITNESS_WAITING_MAX]; /* a ring, too: by number and so by time */
	size_t first_then;
	size_t nthens;
	uint64_t timer;
};

static struct witness *only;

struct witness *
witness_new_at(struct ev *ev, struct ipc_chan *(*audit)(void *arg), void *arg)
{
	struct witness *w = mem_alloc(1, sizeof(*w));

	w->ev = ev;
	w->audit = audit;
	w->audit_arg = arg;
	only = w;
	return w;
}

void
witness_free(struct witness *w)
{
	if (w == NULL)
		return;
	if (w == only)
		only = NULL;
	ev_timer_cancel(w->ev, w->timer);
	free(w);
}

bool
witness_has_room(const struct witness *w)
{
	return w->n < WITNESS_WAITING_MAX && w->nthens < WITNESS_WAITING_MAX;
}

static struct span
keep(uint8_t *to, size_t cap, struct span s)
{
	s = span_sub(s, 0, cap);
	if (s.len > 0)
		memcpy(to, s.ptr, s.len);
	return span_of(to, s.len);
}

static int
wait_for_audit(struct witness *w, const struct audit_writer_line *line)
{
	struct waiting *slot;

	if (!witness_has_room(w)) {
		log_error("audit line lost: too many wait",
			LOG_C("event", audit_event_name(line->event)), LOG_U("run", line->run));
		return ERR_FULL;
	}
	slot = &w->ring[(w->first + w->n++) % WITNESS_WAITING_MAX];
	slot->line = *line;
	slot->line.hash = keep(slot->hash, HASH_MAX, line->hash);
	slot->line.text = keep(slot->text, TEXT_MAX, line->text);
	return 0;
}

/* Sends what has not been sent; a socket that is gone is noticed by peer_up of the next one. */
static void
send_on(struct witness *w)
{
	struct ipc_chan *audit = w->audit(w->audit_arg);

	while (audit != NULL && w->sent < w->n &&
		audit_writer_line_send(
			audit, &w->ring[(w->first + w->sent) % WITNESS_WAITING_MAX].line) == 0)
		w->sent++;
}

int
witness_line(struct witness *w, const struct audit_writer_line *line)
{
	int rc = wait_for_audit(w, line);

	if (rc == 0)
		send_on(w);
	return rc;
}

/* ---- who goes on then ---- */

static void on_late(struct ev *ev, void *arg);

static void
set_timer(struct witness *w)
{
	uint64_t now = ev_now_ms(w->ev);
	uint64_t until = w->thens[w->first_then].until_ms;

	ev_timer_cancel(w->ev, w->timer);
	w->timer = 0;
	if (w->nthens > 0)
		w->timer = ev_timer_start(w->ev, until > now ? until - now : 0, on_late, w);
}

/* Calls the first one; whoever is called may write lines and wait for them. */
static void
call_first(struct witness *w, int rc)
{
	struct then first = w->thens[w->first_then];

	w->first_then = (w->first_then + 1) % WITNESS_WAITING_MAX;
	w->nthens--;
	if (first.fn != NULL)
		first.fn(first.arg, rc);
}

static void
on_late(struct ev *ev, void *arg)
{
	struct witness *w = arg;
	uint64_t now = ev_now_ms(ev);

	w->timer = 0;
	while (w->nthens > 0 && w->thens[w->first_then].until_ms <= now)
		call_first(w, WEAK(AUDIT_AHEAD) ? 0 : ERR_TIMEOUT);
	set_timer(w);
}

int
witness_line_then(
	struct witness *w, const struct audit_writer_line *line, witness_fn *fn, void *arg)
{
	uint64_t keep_ms = WEAK(AUDIT_AHEAD) ? 0 : WITNESS_KEEP_MS;
	int rc = witness_has_room(w) ? witness_line(w, line) : ERR_FULL;

	if (rc < 0)
		return rc;
	w->thens[(w->first_then + w->nthens++) % WITNESS_WAITING_MAX] =
		(struct then){w->all_kept + w->n, ev_now_ms(w->ev) + keep_ms, fn, arg};
	if (w->timer == 0)
		set_timer(w);
	return 0;
}

void
witness_cancel(struct witness *w, const void *arg)
{
	for (size_t i = 0; i < w->nthens; i++) {
		struct then *t = &w->thens[(w->first_then + i) % WITNESS_WAITING_MAX];

		if (t->arg == arg)
			t->fn = NULL;
	}
}

void
witness_flush(struct witness *w)
{
	w->sent = 0;
	w->kept = 0;
	send_on(w);
}

static int
on_kept(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct audit_writer_kept *m = msg;
	uint64_t n;

	(void)chan;
	(void)arg;
	if (only == NULL)
		return 0;
	if (m->count < only->kept || m->count - only->kept > only->sent)
		return ERR_PROTO;
	n = m->count - only->kept;
	only->kept = m->count;
	only->first = (only->first + n) % WITNESS_WAITING_MAX;
	only->n -= n;
	only->sent -= n;
	only->all_kept += n;
	while (only->nthens > 0 && only->thens[only->first_then].number <= only->all_kept)
		call_first(only, 0);
	set_timer(only);
	return 0;
}

const struct ipc_handler witness_rows[WITNESS_ROWS_N] = {{AUDIT_WRITER_KEPT, on_kept}};
