#include "store.h"

#include <string.h>

#include "args/args.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/utf8.h"

#define TITLE_MAX 96
#define DAY_MS 86400000u

_Static_assert(
	RUN_DONE == 4, "the schema's partial index and its statements name the first final state");

int
store_body_open(struct span text, int fd, struct store_body *body)
{
	*body = (struct store_body){.text = text};
	if (fd < 0)
		return 0;
	body->mapped = true;
	return ipc_body_get(fd, IPC_BODY_MAX, &body->text);
}

void
store_body_close(struct store_body *body)
{
	if (body->mapped)
		ipc_body_free(body->text);
}

/* ---- rows ---- */

int
store_run_get(struct store *s, uint64_t number, struct store_run *out)
{
	sqlite3_stmt *st = store_stmt(s, STORE_SQL_RUN_GET);
	int rc;

	store_bind_u64(st, 1, number);
	rc = store_step(s, st);
	if (rc == 1) {
		*out = (struct store_run){number, store_column_u64(st, 0), store_column_u64(st, 1),
			store_column_u64(st, 2), store_column_u64(st, 3) != 0,
			store_column_u64(st, 4) != 0};
		sqlite3_reset(st);
		return 0;
	}
	return rc < 0 ? rc : ERR_NOTFOUND;
}

/* A run that has no final state yet. */
static int
get_open_run(struct store *s, uint64_t number, struct store_run *out)
{
	int rc = store_run_get(s, number, out);

	if (rc == 0 && out->state >= RUN_DONE)
		rc = ERR_STATE;
	return rc;
}

static int
next_item(struct store *s, const struct store_run *run, uint64_t *id)
{
	sqlite3_stmt *st = store_stmt(s, STORE_SQL_ITEM_LAST);
	uint64_t last;
	int rc;

	store_bind_u64(st, 1, run->session);
	store_bind_u64(st, 2, STORE_TURN_FIRST(run->turn));
	store_bind_u64(st, 3, STORE_TURN_LAST(run->turn));
	rc = store_step(s, st);
	last = rc == 1 ? store_column_u64(st, 0) : 0;
	sqlite3_reset(st);
	if (rc < 0)
		return rc;
	*id = last == 0 ? STORE_TURN_FIRST(run->turn) : last + 1;
	return *id > STORE_TURN_LAST(run->turn) ? ERR_FULL : 0;
}

int
store_item_add(struct store *s, const struct store_run *run, uint64_t id,
	const struct core_store_item_put *item, struct span text, enum run_state state)
{
	sqlite3_stmt *st =
		store_stmt(s, run->fleeting ? STORE_SQL_FLEETING_ADD : STORE_SQL_ITEM_ADD);
	int rc;

	store_bind_u64(st, 1, run->session);
	store_bind_u64(st, 2, id);
	store_bind_u64(st, 3, run->run);
	store_bind_u64(st, 4, item->role);
	store_bind_u64(st, 5, item->kind);
	store_bind_text(st, 6, item->name);
	store_bind_text(st, 7, item->call_id);
	store_bind_u64(st, 8, item->error);
	store_bind_u64(st, 9, item->at);
	store_bind_blob(st, 10, item->label);
	store_bind_blob(st, 11, item->args);
	store_bind_blob(st, 12, text);
	store_bind_u64(st, 13, state);
	s->counts.items++;
	rc = store_exec(s, st);
	return rc < 0 || !run->fleeting ? rc : store_fleeting_keep(s, item->args.len + text.len);
}

/* ---- ACCEPT ---- */

/* The first line of the first message, whole characters only. */
static struct span
title_of(struct span text)
{
	struct span line = span_cut(&text, '\n');

	line = span_trim(line);
	if (line.len > TITLE_MAX) {
		size_t len = TITLE_MAX;

		while (len > 0 && (line.ptr[len] & 0xc0) == 0x80)
			len--;
		line = span_sub(line, 0, len);
	}
	return utf8_is_valid(line) ? line : SPAN_EMPTY;
}

/* 1: this idempotency key was accepted before in this session. */
static int
find_duplicate(struct store *s, const struct core_store_accept *m, uint64_t session,
	struct core_store_accepted *out)
{
	sqlite3_stmt *st = store_stmt(s, STORE_SQL_RUN_BY_IDEM);
	int rc;

	if (m->idem.len == 0)
		return 0;
	store_bind_text(st, 1, m->idem);
	store_bind_u64(st, 2, session);
	rc = store_step(s, st);
	if (rc == 1) {
		out->duplicate = true;
		out->run = store_column_u64(st, 0);
		out->state = (uint8_t)store_column_u64(st, 1);
		out->session = session;
		sqlite3_reset(st);
	}
	return rc;
}

static int
add_run(struct store *s, const struct core_store_accept *m, const struct store_run *run)
{
	sqlite3_stmt *st = store_stmt(s, STORE_SQL_RUN_ADD);

	store_bind_u64(st, 1, run->run);
	store_bind_u64(st, 2, run->session);
	store_bind_u64(st, 3, run->turn);
	if (m->idem.len > 0)
		store_bind_text(st, 4, m->idem);
	store_bind_u64(st, 5, m->principal);
	store_bind_u64(st, 6, m->at);
	store_bind_u64(st, 7, RUN_ACCEPTED);
	store_bind_blob(st, 8, m->label);
	store_bind_blob(st, 9, m->options);
	store_bind_u64(st, 10, m->fleeting);
	s->counts.runs++;
	return store_exec(s, st);
}

int
store_turn_count(struct store *s, const struct store_run *run, uint64_t at, struct span title)
{
	sqlite3_stmt *st = store_stmt(s, STORE_SQL_SESSION_ACCEPT);

	store_bind_u64(st, 1, run->session);
	store_bind_u64(st, 2, at);
	store_bind_u64(st, 3, run->turn);
	store_bind_text(st, 4, run->fleeting ? SPAN_EMPTY : title);
	store_bind_u64(st, 5, run->fleeting);
	return store_exec(s, st);
}

static bool
may_send(const struct store_session *session)
{
	struct span policy;

	return args_get_str(buf_span(&session->options), "sendPolicy", &policy) < 0 ||
	       !span_eq(policy, SPAN("deny"));
}

/* The session that the message goes into: the one there is, or a new one. */
static int
take_session(struct store *s, const struct core_store_accept *m, struct span text, bool found,
	const struct store_session *session, struct store_run *run)
{
	bool stale = found && (m->fresh || session->updated < m->stale);
	int rc = 0;

	run->session = session->id;
	run->turn = session->turns;
	if (found && !stale)
		return 0;
	if (stale)
		rc = store_session_archive(s, session->id);
	run->turn = 0;
	return rc < 0 ? rc
		      : store_session_add(s, m->session_key, m->at,
				m->fleeting ? SPAN_EMPTY : title_of(text), found ? session : NULL,
				&run->session);
}

/* Everything that can be refused is looked at before anything is written: a refusal leaves the batch as it was. */
static int
may_accept(struct store *s, const struct core_store_accept *m, bool found,
	const struct store_session *session, struct core_store_accepted *out)
{
	struct store_run other;
	int rc = 0;

	if (found)
		rc = find_duplicate(s, m, session->id, out);
	if (rc < 0 || out->duplicate)
		return rc < 0 ? rc : 0;
	if (found && !may_send(session))
		return ERR_DENIED;
	rc = store_run_get(s, m->run, &other);
	if (rc != ERR_NOTFOUND)
		return rc < 0 ? rc : ERR_EXISTS;
	return 0;
}

static int
write_message(struct store *s, const struct core_store_accept *m, struct span text, bool found,
	const struct store_session *session, struct core_store_accepted *out)
{
	struct store_run run = {.run = m->run, .fleeting = m->fleeting};
	int rc = take_session(s, m, text, found, session, &run);

	run.turn++;
	if (rc == 0)
		rc = add_run(s, m, &run);
	if (rc == 0)
		rc = store_item_add(s, &run, STORE_TURN_FIRST(run.turn),
			&(struct core_store_item_put){.role = ROLE_USER,
				.kind = ITEM_TEXT,
				.at = m->at,
				.label = m->label},
			text, RUN_NONE);
	if (rc == 0)
		rc = store_turn_count(s, &run, m->at, title_of(text));
	out->run = m->run;
	out->session = run.session;
	out->state = RUN_ACCEPTED;
	return rc;
}

static int
accept_message(struct store *s, const struct core_store_accept *m, struct span text,
	struct store_session *session, struct core_store_accepted *out)
{
	int found;
	int rc;

	if (m->run == 0 || m->session_key.len == 0)
		return ERR_RANGE;
	found = store_session_find(s, m->session_key, session);
	rc = found < 0 ? found : may_accept(s, m, found == 1, session, out);
	if (rc == 0 && !out->duplicate)
		rc = write_message(s, m, text, found == 1, session, out);
	return rc;
}

int
store_run_accept(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct core_store_accept *m = msg;
	struct store *s = ((struct child *)arg)->ctx;
	struct store_answer a = {.chan = chan,
		.kind = STORE_ANSWER_ACCEPTED,
		.msg.accepted = {.req = m->req, .run = m->run}};
	struct store_session session = {0};
	struct store_body body;
	int rc = store_body_open(m->text, m->body, &body);

	if (rc < 0)
		return rc;
	rc = store_batch_join(s, STORE_SYNC_FIRST);
	if (rc == 0)
		rc = accept_message(s, m, body.text, &session, &a.msg.accepted);
	store_body_close(&body);
	a.options = session.options;
	session.options = (struct buf){0};
	store_session_clear(&session);
	store_batch_answer(s, &a, rc);
	return 0;
}

/* ---- RUN_STATE, ITEM_PUT ---- */

static struct store_answer
stored(struct ipc_chan *chan, uint64_t req)
{
	return (struct store_answer){
		.chan = chan, .kind = STORE_ANSWER_STORED, .msg.stored = {.req = req}};
}

static int
set_state(struct store *s, const struct core_store_run_state *m)
{
	sqlite3_stmt *st;
	struct store_run run;
	int rc;

	if (m->state != RUN_RUNNING && m->state != RUN_EFFECT)
		return ERR_STATE;
	rc = get_open_run(s, m->run, &run);
	if (rc < 0)
		return rc;
	st = store_stmt(s, STORE_SQL_RUN_STATE);
	store_bind_u64(st, 1, m->run);
	store_bind_u64(st, 2, m->state);
	store_bind_u64(st, 3, m->call);
	return store_exec(s, st);
}

/* Only EFFECT must be on the disk before it is answered: losing a RUNNING means running again, which is right. */
int
store_run_state(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct core_store_run_state *m = msg;
	struct store *s = ((struct child *)arg)->ctx;
	struct store_answer a = stored(chan, m->req);
	int rc = store_batch_join(s, m->state == RUN_EFFECT ? STORE_SYNC_FIRST : STORE_SYNC_NONE);

	if (rc == 0)
		rc = set_state(s, m);
	store_batch_answer(s, &a, rc);
	return 0;
}

static int
put_item(struct store *s, const struct core_store_item_put *m, struct span text)
{
	sqlite3_stmt *st;
	struct store_run run;
	uint64_t id;
	int rc;

	if (m->role == ROLE_NONE || m->role > ROLE_SYSTEM || m->kind < ITEM_TEXT ||
		m->kind > ITEM_TOOL_RESULT)
		return ERR_RANGE;
	rc = get_open_run(s, m->run, &run);
	if (rc == 0)
		rc = next_item(s, &run, &id);
	if (rc == 0)
		rc = store_item_add(s, &run, id, m, text, RUN_NONE);
	if (rc < 0)
		return rc;
	st = store_stmt(s, STORE_SQL_SESSION_ITEM);
	store_bind_u64(st, 1, run.session);
	store_bind_u64(st, 2, run.fleeting);
	return store_exec(s, st);
}

int
store_run_item(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct core_store_item_put *m = msg;
	struct store *s = ((struct child *)arg)->ctx;
	struct store_answer a = stored(chan, m->req);
	struct store_body body;
	int rc = store_body_open(m->text, m->body, &body);

	if (rc < 0)
		return rc;
	rc = store_batch_join(s, STORE_SYNC_NONE);
	if (rc == 0)
		rc = put_item(s, m, body.text);
	store_body_close(&body);
	store_batch_answer(s, &a, rc);
	return 0;
}

/* ---- FINISH ---- */

static int
count_usage(struct store *s, const struct core_store_finish *m)
{
	sqlite3_stmt *st = store_stmt(s, STORE_SQL_USAGE_ADD);

	store_bind_u64(st, 1, m->at / DAY_MS);
	store_bind_u64(st, 2, m->tokens_in);
	store_bind_u64(st, 3, m->tokens_out);
	return store_exec(s, st);
}

static int
finish_session(struct store *s, const struct core_store_finish *m, const struct store_run *run)
{
	sqlite3_stmt *st = store_stmt(s, STORE_SQL_SESSION_FINISH);

	store_bind_u64(st, 1, run->session);
	store_bind_u64(st, 2, m->at);
	store_bind_u64(st, 3, m->tokens_in);
	store_bind_u64(st, 4, m->tokens_out);
	store_bind_text(st, 5, m->model);
	store_bind_blob(st, 6, m->label);
	store_bind_u64(st, 7, run->fleeting);
	return store_exec(s, st);
}

/* The transcript shows why there is no answer where there is none. */
static int
finish_run(struct store *s, const struct core_store_finish *m, struct span text)
{
	struct core_store_item_put item = {.role = ROLE_ASSISTANT,
		.kind = ITEM_TEXT,
		.error = m->state != RUN_DONE,
		.at = m->at,
		.label = m->label};
	sqlite3_stmt *st;
	struct store_run run;
	uint64_t id;
	int rc;

	if (m->state < RUN_DONE || m->state > RUN_REPORTED)
		return ERR_STATE;
	rc = get_open_run(s, m->run, &run);
	if (rc == 0)
		rc = next_item(s, &run, &id);
	if (rc == 0)
		rc = store_item_add(s, &run, id, &item,
			text.len == 0 && item.error ? m->reason : text, (enum run_state)m->state);
	if (rc < 0)
		return rc;
	st = store_stmt(s, STORE_SQL_RUN_FINISH);
	store_bind_u64(st, 1, m->run);
	store_bind_u64(st, 2, m->state);
	store_bind_text(st, 3, run.fleeting ? SPAN_EMPTY : m->reason);
	rc = store_exec(s, st);
	if (rc == 0)
		rc = count_usage(s, m);
	return rc < 0 ? rc : finish_session(s, m, &run);
}

int
store_run_finish(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct core_store_finish *m = msg;
	struct store *s = ((struct child *)arg)->ctx;
	struct store_answer a = stored(chan, m->req);
	struct store_body body;
	int rc = store_body_open(m->text, m->body, &body);

	if (rc < 0)
		return rc;
	rc = store_batch_join(s, STORE_SYNC_SOON);
	if (rc == 0)
		rc = finish_run(s, m, body.text);
	store_body_close(&body);
	store_batch_answer(s, &a, rc);
	return 0;
}
