#include "store.h"

#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "crypto/crypto.h"
#include "crypto/crypto_encode.h"

#define TITLE_MAX 96

_Static_assert(
	RUN_DONE == 4, "the schema's partial index and its statements name the first final state");

struct run {
	uint64_t run;
	uint64_t session;
	uint64_t turn;
	uint64_t state;
};

/* Text of a message, or the body behind its descriptor. */
struct body {
	struct span text;
	bool mapped;
};

static int
body_open(struct span text, int fd, struct body *body)
{
	*body = (struct body){.text = text};
	if (fd < 0)
		return 0;
	body->mapped = true;
	return ipc_body_map(fd, IPC_BODY_MAX, &body->text);
}

static void
body_close(struct body *body)
{
	if (body->mapped)
		ipc_body_unmap(body->text);
}

/* ---- rows ---- */

static int
get_run(struct store *s, uint64_t number, struct run *out)
{
	sqlite3_stmt *st = store_stmt(s, STORE_SQL_RUN_GET);
	int rc;

	store_bind_u64(st, 1, number);
	rc = store_step(s, st);
	if (rc == 1) {
		*out = (struct run){number, store_column_u64(st, 0), store_column_u64(st, 1),
			store_column_u64(st, 2)};
		sqlite3_reset(st);
		return 0;
	}
	return rc < 0 ? rc : ERR_NOTFOUND;
}

/* A run that has no final state yet. */
static int
get_open_run(struct store *s, uint64_t number, struct run *out)
{
	int rc = get_run(s, number, out);

	if (rc == 0 && out->state >= RUN_DONE)
		rc = ERR_STATE;
	return rc;
}

static int
next_item(struct store *s, const struct run *run, uint64_t *id)
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

static int
add_item(struct store *s, const struct run *run, uint64_t id,
	const struct core_store_item_put *item, struct span text)
{
	sqlite3_stmt *st = store_stmt(s, STORE_SQL_ITEM_ADD);

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
	s->counts.items++;
	return store_exec(s, st);
}

/* ---- ACCEPT ---- */

/* 1: found, with its number of turns; 0: there is none. */
static int
find_session(struct store *s, struct span key, struct run *run)
{
	sqlite3_stmt *st = store_stmt(s, STORE_SQL_SESSION_BY_KEY);
	int rc;

	store_bind_text(st, 1, key);
	rc = store_step(s, st);
	if (rc == 1) {
		run->session = store_column_u64(st, 0);
		run->turn = store_column_u64(st, 1);
	}
	sqlite3_reset(st);
	return rc;
}

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

static int
add_session(struct store *s, const struct core_store_accept *m, struct span text, uint64_t *id)
{
	sqlite3_stmt *st = store_stmt(s, STORE_SQL_SESSION_ADD);
	char uuid[CRYPTO_UUID_LEN + 1];

	crypto_uuid(uuid);
	*id = s->next_session++;
	store_bind_u64(st, 1, *id);
	store_bind_text(st, 2, m->session_key);
	store_bind_text(st, 3, span_of(uuid, CRYPTO_UUID_LEN));
	store_bind_u64(st, 4, m->at);
	store_bind_text(st, 5, title_of(text));
	s->counts.sessions++;
	return store_exec(s, st);
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
add_run(struct store *s, const struct core_store_accept *m, const struct run *run)
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
	s->counts.runs++;
	return store_exec(s, st);
}

static int
count_turn(struct store *s, const struct run *run, uint64_t at)
{
	sqlite3_stmt *st = store_stmt(s, STORE_SQL_SESSION_ACCEPT);

	store_bind_u64(st, 1, run->session);
	store_bind_u64(st, 2, at);
	store_bind_u64(st, 3, run->turn);
	return store_exec(s, st);
}

/* Everything that can be refused is looked at before anything is written: a refusal leaves the batch as it was. */
static int
accept_message(struct store *s, const struct core_store_accept *m, struct span text,
	struct core_store_accepted *out)
{
	struct run run = {.run = m->run};
	struct run other;
	int found;
	int rc;

	if (m->run == 0 || m->session_key.len == 0)
		return ERR_RANGE;
	rc = found = find_session(s, m->session_key, &run);
	if (found == 1)
		rc = find_duplicate(s, m, run.session, out);
	if (rc < 0 || out->duplicate)
		return rc < 0 ? rc : 0;
	rc = get_run(s, m->run, &other);
	if (rc != ERR_NOTFOUND)
		return rc < 0 ? rc : ERR_EXISTS;
	rc = found == 1 ? 0 : add_session(s, m, text, &run.session);
	run.turn++;
	if (rc == 0)
		rc = add_run(s, m, &run);
	if (rc == 0)
		rc = add_item(s, &run, STORE_TURN_FIRST(run.turn),
			&(struct core_store_item_put){.role = ROLE_USER,
				.kind = ITEM_TEXT,
				.at = m->at,
				.label = m->label},
			text);
	if (rc == 0)
		rc = count_turn(s, &run, m->at);
	out->run = m->run;
	out->session = run.session;
	out->state = RUN_ACCEPTED;
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
	struct body body;
	int rc = body_open(m->text, m->body, &body);

	if (rc < 0)
		return rc;
	rc = store_batch_join(s, true);
	if (rc == 0)
		rc = accept_message(s, m, body.text, &a.msg.accepted);
	body_close(&body);
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
	struct run run;
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
	int rc = store_batch_join(s, m->state == RUN_EFFECT);

	if (rc == 0)
		rc = set_state(s, m);
	store_batch_answer(s, &a, rc);
	return 0;
}

static int
put_item(struct store *s, const struct core_store_item_put *m, struct span text)
{
	sqlite3_stmt *st;
	struct run run;
	uint64_t id;
	int rc;

	if (m->role == ROLE_NONE || m->role > ROLE_SYSTEM || m->kind < ITEM_TEXT ||
		m->kind > ITEM_TOOL_RESULT)
		return ERR_RANGE;
	rc = get_open_run(s, m->run, &run);
	if (rc == 0)
		rc = next_item(s, &run, &id);
	if (rc == 0)
		rc = add_item(s, &run, id, m, text);
	if (rc < 0)
		return rc;
	st = store_stmt(s, STORE_SQL_SESSION_ITEM);
	store_bind_u64(st, 1, run.session);
	return store_exec(s, st);
}

int
store_run_item(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct core_store_item_put *m = msg;
	struct store *s = ((struct child *)arg)->ctx;
	struct store_answer a = stored(chan, m->req);
	struct body body;
	int rc = body_open(m->text, m->body, &body);

	if (rc < 0)
		return rc;
	rc = store_batch_join(s, false);
	if (rc == 0)
		rc = put_item(s, m, body.text);
	body_close(&body);
	store_batch_answer(s, &a, rc);
	return 0;
}

/* ---- FINISH ---- */

static int
finish_session(struct store *s, const struct core_store_finish *m, uint64_t session)
{
	sqlite3_stmt *st = store_stmt(s, STORE_SQL_SESSION_FINISH);

	store_bind_u64(st, 1, session);
	store_bind_u64(st, 2, m->at);
	store_bind_u64(st, 3, m->tokens_in);
	store_bind_u64(st, 4, m->tokens_out);
	store_bind_text(st, 5, m->model);
	store_bind_blob(st, 6, m->label);
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
	struct run run;
	uint64_t id;
	int rc;

	if (m->state < RUN_DONE || m->state > RUN_REPORTED)
		return ERR_STATE;
	rc = get_open_run(s, m->run, &run);
	if (rc == 0)
		rc = next_item(s, &run, &id);
	if (rc == 0)
		rc = add_item(s, &run, id, &item, text.len == 0 && item.error ? m->reason : text);
	if (rc < 0)
		return rc;
	st = store_stmt(s, STORE_SQL_RUN_FINISH);
	store_bind_u64(st, 1, m->run);
	store_bind_u64(st, 2, m->state);
	store_bind_text(st, 3, m->reason);
	rc = store_exec(s, st);
	return rc < 0 ? rc : finish_session(s, m, run.session);
}

int
store_run_finish(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct core_store_finish *m = msg;
	struct store *s = ((struct child *)arg)->ctx;
	struct store_answer a = stored(chan, m->req);
	struct body body;
	int rc = body_open(m->text, m->body, &body);

	if (rc < 0)
		return rc;
	rc = store_batch_join(s, true);
	if (rc == 0)
		rc = finish_run(s, m, body.text);
	body_close(&body);
	store_batch_answer(s, &a, rc);
	return 0;
}
