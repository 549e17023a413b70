#include "store.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/weak.h"

/* Ends the answer. */
static void
send_answer(const struct store_answer *a, int rc)
{
	struct store_answer copy = *a;

	if (a->kind == STORE_ANSWER_MEMORY) {
		store_memory_end(a->msg.memory, rc);
		return;
	}
	switch (a->chan == NULL ? STORE_ANSWER_NONE : a->kind) {
	case STORE_ANSWER_NONE:
		break;
	case STORE_ANSWER_ACCEPTED:
		if (rc < 0)
			copy.msg.accepted.rc = rc;
		copy.msg.accepted.options = buf_span(&a->options);
		(void)core_store_accepted_send(a->chan, &copy.msg.accepted);
		break;
	case STORE_ANSWER_STORED:
		if (rc < 0)
			copy.msg.stored.rc = rc;
		(void)core_store_stored_send(a->chan, &copy.msg.stored);
		break;
	case STORE_ANSWER_GATE:
		if (rc < 0)
			copy.msg.gate.rc = rc;
		(void)gate_store_stored_send(a->chan, &copy.msg.gate);
		break;
	case STORE_ANSWER_MEMORY:
		break;
	}
	buf_clear(&copy.options);
}

/* The batch is over; everybody who is in it hears rc. */
static void
finish(struct store *s, int rc)
{
	size_t n = s->nanswers;

	if (rc < 0 && !sqlite3_get_autocommit(s->db))
		(void)store_exec(s, store_stmt(s, STORE_SQL_ROLLBACK));
	if (rc < 0)
		s->counts = s->committed;
	else
		s->committed = s->counts;
	if (rc == 0 && s->ailing)
		log_info("the database can be written again");
	s->ailing = rc < 0;
	s->in_batch = false;
	s->sync = STORE_SYNC_NONE;
	s->broken = 0;
	s->nanswers = 0;
	ev_timer_cancel(s->child->ev, s->commit_timer);
	s->commit_timer = 0;
	for (size_t i = 0; i < n; i++)
		send_answer(&s->answers[i], WEAK(STORE_ANSWER) ? 0 : rc);
}

static int
put_counts(struct store *s)
{
	sqlite3_stmt *st = store_stmt(s, STORE_SQL_META_SET);

	if (s->counts.sessions == s->committed.sessions && s->counts.items == s->committed.items &&
		s->counts.runs == s->committed.runs)
		return 0;
	store_bind_u64(st, 1, s->counts.sessions);
	store_bind_u64(st, 2, s->counts.items);
	store_bind_u64(st, 3, s->counts.runs);
	return store_exec(s, st);
}

static void
on_idle(struct ev *ev, void *arg)
{
	struct store *s = arg;

	(void)ev;
	s->idle_timer = 0;
	if (!s->in_batch)
		store_db_checkpoint(s);
}

/*
 * After a failed sync the kernel may have dropped the pages and forgotten it: a later sync that succeeds says nothing. Only a new
 * process, which reads the log back and checks its sums, knows what is there.
 */
static void
give_up(struct store *s)
{
	finish(s, ERR_IO);
	log_error("ends: whether the last answers reached the disk is not known; the next start "
		  "reads what did");
	_exit(1);
}

static void
sync_now(struct store *s)
{
	ev_timer_cancel(s->child->ev, s->sync_timer);
	s->sync_timer = 0;
	if (store_db_sync(s) < 0)
		give_up(s);
}

static void
on_sync(struct ev *ev, void *arg)
{
	struct store *s = arg;

	(void)ev;
	s->sync_timer = 0;
	sync_now(s);
}

void
store_batch_commit(struct store *s)
{
	enum store_sync sync = WEAK(STORE_SYNC) ? STORE_SYNC_NONE : (enum store_sync)s->sync;
	int rc = s->broken;

	if (!s->in_batch)
		return;
	if (rc == 0)
		rc = put_counts(s);
	if (rc == 0)
		rc = store_exec(s, store_stmt(s, STORE_SQL_COMMIT));
	if (rc == 0 && sync == STORE_SYNC_FIRST)
		sync_now(s);
	if (rc == 0 && sync == STORE_SYNC_SOON && s->sync_timer == 0)
		s->sync_timer = ev_timer_start(s->child->ev, STORE_SYNC_MS, on_sync, s);
	finish(s, rc);
	ev_timer_cancel(s->child->ev, s->idle_timer);
	s->idle_timer = ev_timer_start(s->child->ev, STORE_IDLE_MS, on_idle, s);
	if (s->wal_pages >= STORE_WAL_PAGES)
		store_db_checkpoint(s);
}

static void
on_commit(struct ev *ev, void *arg)
{
	struct store *s = arg;

	(void)ev;
	s->commit_timer = 0;
	store_batch_commit(s);
}

int
store_batch_join(struct store *s, enum store_sync sync)
{
	int rc;

	if (!s->in_batch) {
		rc = store_exec(s, store_stmt(s, STORE_SQL_BEGIN));
		if (rc < 0) {
			s->ailing = true;
			s->broken = 0;
			return rc;
		}
		s->in_batch = true;
		/* fires once every socket that is readable now has been read */
		s->commit_timer = ev_timer_start(s->child->ev, 0, on_commit, s);
	}
	if (sync > s->sync)
		s->sync = (uint8_t)sync;
	return 0;
}

void
store_batch_answer(struct store *s, const struct store_answer *answer, int rc)
{
	if (s->broken < 0) {
		send_answer(answer, s->broken);
		finish(s, s->broken);
		return;
	}
	if (rc < 0 || !s->in_batch) {
		send_answer(answer, rc);
		return;
	}
	s->answers[s->nanswers++] = *answer;
	if (s->nanswers == STORE_BATCH_MAX)
		store_batch_commit(s);
}

void
store_batch_forget(struct store *s, const struct ipc_chan *chan)
{
	for (size_t i = 0; i < s->nanswers; i++) {
		if (s->answers[i].chan == chan)
			s->answers[i].chan = NULL;
	}
}
