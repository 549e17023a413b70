#include "store.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"

#define TEXT_INLINE 6144 /* core_store.def: the longest text inside an ITEM */

bool
store_reader_has_room(const struct store_reader *r)
{
	return ipc_chan_is_open(r->chan) && ipc_chan_queued(r->chan) < STORE_QUEUE_MAX;
}

void
store_reader_done(struct store *s, const struct store_reader *r, int rc)
{
	if (rc < 0 && !s->in_batch)
		s->broken = 0;
	(void)core_store_done_send(
		r->chan, &(struct core_store_done){.req = r->req, .rc = rc, .count = r->count});
}

static void
remove_reader(struct store *s, struct store_reader *r)
{
	struct store_reader **at = &s->readers;

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	free(r);
}

static void on_more(struct ev *ev, void *arg);

/* True when the list has ended. */
static bool
advance(struct store *s, struct store_reader *r)
{
	int rc = r->step(s, r);

	if (rc == 1)
		return false;
	store_reader_done(s, r, rc);
	return true;
}

static void
wait_more(struct store *s)
{
	if (s->readers != NULL && s->read_timer == 0)
		s->read_timer = ev_timer_start(s->child->ev, STORE_READ_MS, on_more, s);
}

static void
on_more(struct ev *ev, void *arg)
{
	struct store *s = arg;
	struct store_reader *next;

	(void)ev;
	s->read_timer = 0;
	for (struct store_reader *r = s->readers; r != NULL; r = next) {
		next = r->next;
		if (store_reader_has_room(r) && advance(s, r))
			remove_reader(s, r);
	}
	wait_more(s);
}

int
store_reader_rows(struct store *s, struct store_reader *r, sqlite3_stmt *st)
{
	int rc = 1;

	while (store_reader_has_room(r) && (rc = store_step(s, st)) == 1) {
		rc = r->send(s, r, st);
		if (rc < 0)
			break;
		rc = 1;
	}
	sqlite3_reset(st);
	return rc;
}

void
store_reader_start(struct store *s, const struct store_reader *from)
{
	struct store_reader *r = mem_alloc(1, sizeof(*r));

	*r = *from;
	r->next = s->readers;
	s->readers = r;
	if (advance(s, r))
		remove_reader(s, r);
	wait_more(s);
}

void
store_read_forget(struct store *s, const struct ipc_chan *chan)
{
	struct store_reader *next;

	for (struct store_reader *r = s->readers; r != NULL; r = next) {
		next = r->next;
		if (r->chan == chan)
			remove_reader(s, r);
	}
}

/* ---- HISTORY ---- */

/* Items of one step of one reader. */
static struct ipc_pack pack;

static int
send_pack(const struct store_reader *r)
{
	struct core_store_items m = {.req = r->req, .data = span_of(pack.data, pack.len)};

	if (pack.len == 0)
		return 0;
	pack.len = 0; /* what it holds is encoded before anything is put into it again */
	return core_store_items_send(r->chan, &m);
}

/* In their order: what does not go into a pack goes behind it. */
static int
send_or_pack(const struct store_reader *r, const struct core_store_item *m)
{
	const struct ipc_message *row = ipc_message_find(&core_store_proto, CORE_STORE_ITEM);
	int rc = r->packed ? ipc_pack_put(&pack, row, m) : ERR_UNSUPPORTED;

	if (rc == 0)
		return 0;
	if (rc == ERR_FULL) {
		rc = send_pack(r);
		return rc < 0 ? rc : ipc_pack_put(&pack, row, m);
	}
	rc = send_pack(r);
	return rc < 0 ? rc : core_store_item_send(r->chan, m);
}

static int
send_item(struct store *s, struct store_reader *r, sqlite3_stmt *st)
{
	struct core_store_item m = {.req = r->req, .session = r->session, .body = -1};
	struct span text = store_column_span(st, 10);
	int rc;

	(void)s;
	m.id = store_column_u64(st, 0);
	m.run = store_column_u64(st, 1);
	m.role = (uint8_t)store_column_u64(st, 2);
	m.kind = (uint8_t)store_column_u64(st, 3);
	m.name = store_column_span(st, 4);
	m.call_id = store_column_span(st, 5);
	m.error = store_column_u64(st, 6) != 0;
	m.at = store_column_u64(st, 7);
	m.label = store_column_span(st, 8);
	m.args = store_column_span(st, 9);
	m.state = (uint8_t)store_column_u64(st, 11);
	if (text.len <= TEXT_INLINE)
		m.text = text;
	else if ((m.body = ipc_body_seal(text)) < 0)
		return m.body;
	rc = send_or_pack(r, &m);
	if (m.body >= 0)
		close(m.body);
	r->at = m.id + 1;
	r->count++;
	return rc;
}

static int
step_history(struct store *s, struct store_reader *r)
{
	sqlite3_stmt *st = store_stmt(s, STORE_SQL_ITEM_LIST);
	int sent;
	int rc;

	store_bind_u64(st, 1, r->session);
	store_bind_u64(st, 2, r->at);
	store_bind_u64(st, 3, r->last);
	rc = store_reader_rows(s, r, st);
	sent = send_pack(r);
	return sent < 0 ? sent : rc;
}

/* The oldest item that still fits: the newest ones, at most limit, together at most max_bytes. No item: first > last. */
static int
find_first(struct store *s, struct store_reader *r, uint64_t max_bytes)
{
	sqlite3_stmt *st = store_stmt(s, STORE_SQL_ITEM_SIZES);
	uint64_t bytes = 0;
	int rc;

	store_bind_u64(st, 1, r->session);
	store_bind_u64(st, 2, r->last);
	store_bind_u64(st, 3, r->limit);
	store_bind_u64(st, 4, r->since);
	r->at = r->last + 1;
	while ((rc = store_step(s, st)) == 1) {
		bytes += store_column_u64(st, 1);
		if (max_bytes != 0 && bytes > max_bytes)
			break;
		r->at = store_column_u64(st, 0);
	}
	sqlite3_reset(st);
	return rc < 0 ? rc : 0;
}

/* 1: the session and its oldest item are known; 0: there is none. */
static int
find_session(struct store *s, const struct core_store_history *m, struct store_reader *r)
{
	bool by_key = m->session == 0;
	sqlite3_stmt *st =
		store_stmt(s, by_key ? STORE_SQL_SESSION_BY_KEY : STORE_SQL_SESSION_FIRST);
	int rc;

	if (by_key)
		store_bind_text(st, 1, m->session_key);
	else
		store_bind_u64(st, 1, m->session);
	rc = store_step(s, st);
	if (rc == 1) {
		r->session = by_key ? store_column_u64(st, 0) : m->session;
		r->since = store_column_u64(st, by_key ? 2 : 0);
	}
	sqlite3_reset(st);
	return rc;
}

/* 0, or ERR_NOTFOUND when the session or run is not there, or its message is not any more. */
static int
find_range(struct store *s, const struct core_store_history *m, struct store_reader *r)
{
	struct store_run run;
	int rc = find_session(s, m, r);

	if (rc == 1 && m->run != 0) {
		rc = store_run_get(s, m->run, &run);
		if (rc < 0)
			return rc;
		r->last = STORE_TURN_LAST(run.turn);
		rc = run.session == r->session && !run.lost;
	}
	if (rc == 1)
		return 0;
	return rc < 0 ? rc : ERR_NOTFOUND;
}

int
store_read_history(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct core_store_history *m = msg;
	struct store *s = ((struct child *)arg)->ctx;
	struct store_reader r = {.chan = chan,
		.req = m->req,
		.step = step_history,
		.send = send_item,
		.last = INT64_MAX - 1,
		.packed = m->packed,
		.limit = m->limit == 0 ? HISTORY_LIMIT_MAX : m->limit};
	int rc = find_range(s, m, &r);

	if (m->before != 0 && m->before <= r.last)
		r.last = m->before - 1;
	if (rc == 0)
		rc = find_first(s, &r, m->max_bytes);
	if (rc == ERR_NOTFOUND && m->run == 0)
		store_reader_done(s, &r, 0); /* a session without messages is empty */
	else if (rc < 0)
		store_reader_done(s, &r, rc);
	else
		store_reader_start(s, &r);
	return 0;
}
