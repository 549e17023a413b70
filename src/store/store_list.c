#include "store.h"

#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/utf8.h"

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

int
store_session_send(struct ipc_chan *chan, uint64_t req, sqlite3_stmt *st, struct span preview)
{
	struct core_store_session m = {.req = req, .preview = preview};

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
	m.name = store_column_span(st, 11);
	m.parent = store_column_span(st, 12);
	m.options = store_column_span(st, 13);
	return core_store_session_send(chan, &m);
}

/* Whole characters only; empty when it is no text. */
static struct span
whole(struct span text)
{
	size_t n = text.len;

	for (size_t back = 0; back < 4 && n > 0; back++, n--) {
		if (utf8_is_valid(span_sub(text, 0, n)))
			return span_sub(text, 0, n);
	}
	return SPAN_EMPTY;
}

/* The last thing that was said in it. */
static int
send_session(struct store *s, struct store_reader *r, sqlite3_stmt *st)
{
	sqlite3_stmt *last = NULL;
	struct span preview = SPAN_EMPTY;
	int rc = 0;

	if (r->preview) {
		last = store_stmt(s, STORE_SQL_SESSION_PREVIEW);
		store_bind_u64(last, 1, r->number);
		rc = store_step(s, last);
		if (rc == 1)
			preview = whole(store_column_span(last, 0));
	}
	if (rc >= 0)
		rc = store_session_send(r->chan, r->req, st, preview);
	r->count++;
	if (last != NULL)
		sqlite3_reset(last);
	return rc;
}

static bool
fits(const struct store_reader *r, sqlite3_stmt *st)
{
	struct span search = span_of(r->search, r->search_len);

	if (r->name_len > 0 && !span_eq(store_column_span(st, 11), span_of(r->name, r->name_len)))
		return false;
	if (r->parent_len > 0 &&
		!span_eq(store_column_span(st, 12), span_of(r->parent, r->parent_len)))
		return false;
	return search.len == 0 || contains(store_column_span(st, 1), search) ||
	       contains(store_column_span(st, 8), search) ||
	       contains(store_column_span(st, 11), search);
}

static int
step_sessions(struct store *s, struct store_reader *r)
{
	sqlite3_stmt *st = store_stmt(s, STORE_SQL_SESSION_LIST);
	unsigned looked = 0;
	int rc = 0;

	store_bind_u64(st, 1, r->at);
	store_bind_u64(st, 2, r->number);
	store_bind_u64(st, 3, r->since);
	while (r->count < r->limit && r->looked < STORE_SEARCH_MAX) {
		/* a search goes over many rows: others have their turn in between */
		rc = 1;
		if (!store_reader_has_room(r) || looked == STORE_SEARCH_TURN)
			break;
		rc = store_step(s, st);
		if (rc != 1)
			break;
		r->number = store_column_u64(st, 0);
		r->at = store_column_u64(st, 4);
		r->looked++;
		looked++;
		rc = fits(r, st) ? send_session(s, r, st) : 0;
		if (rc < 0)
			break;
	}
	sqlite3_reset(st);
	return rc;
}

static size_t
keep(uint8_t *to, struct span s)
{
	if (s.len > 0)
		memcpy(to, s.ptr, s.len);
	return s.len;
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
		.preview = m->preview};

	r.search_len = keep(r.search, m->search);
	r.name_len = keep(r.name, m->name);
	r.parent_len = keep(r.parent, m->parent);
	store_reader_start(((struct child *)arg)->ctx, &r);
	return 0;
}

/* ---- OPEN_RUNS, FIND_RUN ---- */

static int
send_run(struct store *s, struct store_reader *r, sqlite3_stmt *st)
{
	struct core_store_run m = {.req = r->req};

	(void)s;
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

	store_bind_u64(st, 1, r->at);
	store_bind_u64(st, 2, r->number);
	return store_reader_rows(s, r, st);
}

int
store_read_open_runs(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct core_store_open_runs *m = msg;
	struct store_reader r = {.chan = chan,
		.req = m->req,
		.step = step_open_runs,
		.send = send_run,
		.at = (uint64_t)INT64_MIN,
		.number = (uint64_t)INT64_MIN};

	store_reader_start(((struct child *)arg)->ctx, &r);
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
		rc = send_run(s, &r, st);
	sqlite3_reset(st);
	store_reader_done(s, &r, rc < 0 ? rc : 0);
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
	else if (!s->in_batch)
		s->broken = 0;
	sqlite3_reset(st);
	(void)core_store_counted_send(chan, &(struct core_store_counted){.req = m->req,
						    .sessions = s->committed.sessions,
						    .items = s->committed.items,
						    .runs = s->committed.runs,
						    .bytes = pages * 4096});
	return 0;
}

/* ---- USAGE ---- */

static int
send_day(struct store *s, struct store_reader *r, sqlite3_stmt *st)
{
	struct core_store_usage_day m = {.req = r->req};

	(void)s;
	m.day = store_column_u64(st, 0);
	m.tokens_in = store_column_u64(st, 1);
	m.tokens_out = store_column_u64(st, 2);
	m.runs = store_column_u64(st, 3);
	r->at = m.day + 1;
	r->count++;
	return core_store_usage_day_send(r->chan, &m);
}

static int
step_usage(struct store *s, struct store_reader *r)
{
	sqlite3_stmt *st = store_stmt(s, STORE_SQL_USAGE_LIST);

	store_bind_u64(st, 1, r->at);
	return store_reader_rows(s, r, st);
}

int
store_read_usage(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct core_store_usage *m = msg;

	store_reader_start(((struct child *)arg)->ctx, &(struct store_reader){.chan = chan,
							       .req = m->req,
							       .step = step_usage,
							       .send = send_day,
							       .at = m->since});
	return 0;
}
