#include "store.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"

#define TEXT_INLINE 6144 /* core_store.def: the longest text inside an ITEM */

/*
 * A list under way. Rows are sent while little waits in the channel, then the list goes on from its place, so that a long
 * one costs neither memory nor the channel.
 */
struct store_reader {
	struct store_reader *next;
	struct ipc_chan *chan;
	uint64_t req;
	/* Sends what there is room for. 1: more to come, 0: the end, negative: failed. */
	int (*step)(struct store *s, struct store_reader *r);
	uint64_t session;
	uint64_t
		/* the place: items: next id; runs, sessions: time and number of the last one sent */
		at;
	uint64_t number;
	uint64_t last;
	uint64_t since;
	uint64_t count;  /* rows sent */
	uint64_t looked; /* rows looked at */
	uint64_t limit;
	size_t search_len;
	uint8_t search[256];
};

static bool
has_room(const struct store_reader *r)
{
	return ipc_chan_is_open(r->chan) && ipc_chan_queued(r->chan) < STORE_QUEUE_MAX;
}

static void
done(const struct store_reader *r, int rc)
{
	(void)core_store_done_send(
		r->chan, &(struct core_store_done){.req = r->req, .rc = rc, .count = r->count});
}

/* A failed read outside a batch concerns nobody else. */
static int
read_failed(struct store *s, int rc)
{
	if (!s->in_batch)
		s->broken = 0;
	return rc;
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
	done(r, rc < 0 ? read_failed(s, rc) : 0);
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
		if (has_room(r) && advance(s, r))
			remove_reader(s, r);
	}
	wait_more(s);
}

static void
start_reader(struct store *s, const struct store_reader *from)
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

static int
send_item(struct store_reader *r, sqlite3_stmt *st)
{
	struct core_store_item m = {.req = r->req, .session = r->session, .body = -1};
	struct span text = store_column_span(st, 10);
	int rc;

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
	if (text.len <= TEXT_INLINE)
		m.text = text;
	else if ((m.body = ipc_body_seal(text)) < 0)
		return m.body;
	rc = core_store_item_send(r->chan, &m);
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
	int rc = 1;

	store_bind_u64(st, 1, r->session);
	store_bind_u64(st, 2, r->at);
	store_bind_u64(st, 3, r->last);
	while (has_room(r) && (rc = store_step(s, st)) == 1) {
		rc = send_item(r, st);
		if (rc < 0)
			break;
		rc = 1;
	}
	sqlite3_reset(st);
	return rc;
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

/* 0, or ERR_NOTFOUND when the session or run is not there. */
static int
find_range(struct store *s, const struct core_store_history *m, struct store_reader *r)
{
	sqlite3_stmt *st;
	int rc = 1;

	if (m->session == 0) {
		st = store_stmt(s, STORE_SQL_SESSION_BY_KEY);
		store_bind_text(st, 1, m->session_key);
		rc = store_step(s, st);
		if (rc == 1)
			r->session = store_column_u64(st, 0);
		sqlite3_reset(st);
	}
	if (rc == 1 && m->run != 0) {
		st = store_stmt(s, STORE_SQL_RUN_GET);
		store_bind_u64(st, 1, m->run);
		rc = store_step(s, st);
		if (rc == 1 && store_column_u64(st, 0) != r->session)
			rc = 0;
		if (rc == 1)
			r->last = STORE_TURN_LAST(store_column_u64(st, 1));
		sqlite3_reset(st);
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
		.session = m->session,
		.last = INT64_MAX - 1,
		.limit = m->limit == 0 ? HISTORY_LIMIT_MAX : m->limit};
	int rc = find_range(s, m, &r);

	if (rc == 0)
		rc = find_first(s, &r, m->max_bytes);
	if (rc < 0)
		done(&r, rc == ERR_NOTFOUND && m->run == 0
				 ? 0
				 : read_failed(s, rc)); /* a session without messages is empty */
	else
		start_reader(s, &r);
	return 0;
}

/* ---- SESSIONS ---- */

static bool
contains(struct span text, struct span what)
{
	for (size_t i = 0; i + what.len <= text.len; i++) {
		if (span_eq_nocase(span_sub(text, i, what.len), what))
			return true;
	}
	return false;
}

static int
send_session(struct store_reader *r, sqlite3_stmt *st)
{
	struct core_store_session m = {.req = r->req};

	m.id = store_column_u64(st, 0);
	m.key = store_column_span(st, 1);
	m.session_id = store_column_span(st, 2);
	m.created = store_column_u64(st, 3);
	m.updated = store_column_u64(st, 4);
	m.tokens_in = store_column_u64(st, 5);
	m.tokens_out = store_column_u64(st, 6);
	m.model = store_column_span(st, 7);
	m.title = store_column_span(st, 8);
	m.label = store_column_span(st, 9);
	m.items = store_column_u64(st, 10);
	r->count++;
	return core_store_session_send(r->chan, &m);
}

static int
step_sessions(struct store *s, struct store_reader *r)
{
	sqlite3_stmt *st = store_stmt(s, STORE_SQL_SESSION_LIST);
	struct span search = span_of(r->search, r->search_len);
	unsigned looked = 0;
	int rc = 0;

	store_bind_u64(st, 1, r->at);
	store_bind_u64(st, 2, r->number);
	store_bind_u64(st, 3, r->since);
	while (r->count < r->limit && r->looked < STORE_SEARCH_MAX) {
		/* a search goes over many rows: others have their turn in between */
		rc = 1;
		if (!has_room(r) || looked == STORE_SEARCH_TURN)
			break;
		rc = store_step(s, st);
		if (rc != 1)
			break;
		r->number = store_column_u64(st, 0);
		r->at = store_column_u64(st, 4);
		r->looked++;
		looked++;
		if (search.len == 0 || contains(store_column_span(st, 1), search) ||
			contains(store_column_span(st, 8), search))
			rc = send_session(r, st);
		else
			rc = 0;
		if (rc < 0)
			break;
	}
	sqlite3_reset(st);
	return rc;
}

int
store_read_sessions(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct core_store_sessions *m = msg;
	struct store_reader r = {.chan = chan,
		.req = m->req,
		.step = step_sessions,
		.at = INT64_MAX,
		.number = INT64_MAX,
		.since = m->since,
		.limit = m->limit == 0 ? HISTORY_LIMIT_MAX : m->limit,
		.search_len = m->search.len};

	if (m->search.len > 0)
		memcpy(r.search, m->search.ptr, m->search.len);
	start_reader(((struct child *)arg)->ctx, &r);
	return 0;
}

/* ---- OPEN_RUNS, FIND_RUN ---- */

static int
send_run(struct store_reader *r, sqlite3_stmt *st)
{
	struct core_store_run m = {.req = r->req};

	m.run = store_column_u64(st, 0);
	m.session = store_column_u64(st, 1);
	m.session_key = store_column_span(st, 2);
	m.idem = store_column_span(st, 3);
	m.principal = store_column_u64(st, 4);
	m.at = store_column_u64(st, 5);
	m.state = (uint8_t)store_column_u64(st, 6);
	m.call = store_column_u64(st, 7);
	m.label = store_column_span(st, 8);
	m.options = store_column_span(st, 9);
	r->at = m.at;
	r->number = m.run;
	r->count++;
	return core_store_run_send(r->chan, &m);
}

static int
step_open_runs(struct store *s, struct store_reader *r)
{
	sqlite3_stmt *st = store_stmt(s, STORE_SQL_RUN_OPEN);
	int rc = 1;

	store_bind_u64(st, 1, r->at);
	store_bind_u64(st, 2, r->number);
	while (has_room(r) && (rc = store_step(s, st)) == 1) {
		rc = send_run(r, st);
		if (rc < 0)
			break;
		rc = 1;
	}
	sqlite3_reset(st);
	return rc;
}

int
store_read_open_runs(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct core_store_open_runs *m = msg;
	struct store_reader r = {.chan = chan,
		.req = m->req,
		.step = step_open_runs,
		.at = (uint64_t)INT64_MIN,
		.number = (uint64_t)INT64_MIN};

	start_reader(((struct child *)arg)->ctx, &r);
	return 0;
}

int
store_read_find_run(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct core_store_find_run *m = msg;
	struct store *s = ((struct child *)arg)->ctx;
	struct store_reader r = {.chan = chan, .req = m->req};
	sqlite3_stmt *st = store_stmt(s, STORE_SQL_RUN_FIND);
	int rc;

	store_bind_text(st, 1, m->idem);
	store_bind_u64(st, 2, m->principal);
	rc = store_step(s, st);
	if (rc == 1)
		rc = send_run(&r, st);
	sqlite3_reset(st);
	done(&r, rc < 0 ? read_failed(s, rc) : 0);
	return 0;
}

/* ---- COUNTS ---- */

int
store_read_counts(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct core_store_counts *m = msg;
	struct store *s = ((struct child *)arg)->ctx;
	sqlite3_stmt *st = store_stmt(s, STORE_SQL_SIZE);
	uint64_t pages = 0;
	int rc = store_step(s, st);

	if (rc == 1)
		pages = store_column_u64(st, 0);
	else
		(void)read_failed(s, rc);
	sqlite3_reset(st);
	(void)core_store_counted_send(chan, &(struct core_store_counted){.req = m->req,
						    .sessions = s->committed.sessions,
						    .items = s->committed.items,
						    .runs = s->committed.runs,
						    .bytes = pages * 4096});
	return 0;
}
