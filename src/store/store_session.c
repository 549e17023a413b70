/* Sessions as rows: what is set for one, how it ends, what of it is still read. */
#include "store.h"

#include "args/args.h"
#include "base/err.h"
#include "crypto/crypto_encode.h"

#define NAME_MAX_LEN 64
#define OPTIONS_MAX 2048

/* ---- rows ---- */

static void
copy(struct buf *to, size_t max, struct span s)
{
	buf_init(to, max);
	(void)buf_put(to, s);
}

int
store_session_find(struct store *s, struct span key, struct store_session *out)
{
	sqlite3_stmt *st = store_stmt(s, STORE_SQL_SESSION_BY_KEY);
	int rc;

	*out = (struct store_session){0};
	store_bind_text(st, 1, key);
	rc = store_step(s, st);
	if (rc == 1) {
		out->id = store_column_u64(st, 0);
		out->turns = store_column_u64(st, 1);
		out->first = store_column_u64(st, 2);
		out->updated = store_column_u64(st, 3);
		copy(&out->name, NAME_MAX_LEN, store_column_span(st, 4));
		copy(&out->parent, SESSION_KEY_MAX, store_column_span(st, 5));
		copy(&out->options, OPTIONS_MAX, store_column_span(st, 6));
	}
	sqlite3_reset(st);
	return rc;
}

void
store_session_clear(struct store_session *session)
{
	buf_clear(&session->name);
	buf_clear(&session->parent);
	buf_clear(&session->options);
}

int
store_session_add(struct store *s, struct span key, uint64_t at, struct span title,
	const struct store_session *from, uint64_t *id)
{
	sqlite3_stmt *st = store_stmt(s, STORE_SQL_SESSION_ADD);
	char uuid[CRYPTO_UUID_LEN + 1];

	crypto_uuid(uuid);
	*id = s->next_session++;
	store_bind_u64(st, 1, *id);
	store_bind_text(st, 2, key);
	store_bind_text(st, 3, span_of(uuid, CRYPTO_UUID_LEN));
	store_bind_u64(st, 4, at);
	store_bind_text(st, 5, title);
	store_bind_text(st, 6, from == NULL ? SPAN_EMPTY : buf_span(&from->name));
	store_bind_text(st, 7, from == NULL ? SPAN_EMPTY : buf_span(&from->parent));
	store_bind_blob(st, 8, from == NULL ? SPAN_EMPTY : buf_span(&from->options));
	s->counts.sessions++;
	return store_exec(s, st);
}

int
store_session_archive(struct store *s, uint64_t id)
{
	sqlite3_stmt *st = store_stmt(s, STORE_SQL_SESSION_ARCHIVE);
	int rc;

	store_bind_u64(st, 1, id);
	s->counts.sessions--;
	rc = store_exec(s, st);
	return rc < 0 ? rc : store_fleeting_forget(s, id);
}

/* A change of one session, from its statement to the answer after the commit. */
static int
answer(struct store *s, struct ipc_chan *chan, uint64_t req, int rc)
{
	struct store_answer a = {.chan = chan,
		.kind = STORE_ANSWER_STORED,
		.msg.stored = {.req = req, .rc = rc > 0 ? rc : 0}};

	store_batch_answer(s, &a, rc < 0 ? rc : 0);
	return 0;
}

/* ---- SESSION_GET ---- */

int
store_session_get(struct ipc_chan *chan, const void *msg, void *arg)
{
	static const enum store_sql by[] = {[SESSION_BY_KEY] = STORE_SQL_SESSION_GET_KEY,
		[SESSION_BY_ID] = STORE_SQL_SESSION_GET_ID,
		[SESSION_BY_NAME] = STORE_SQL_SESSION_GET_NAME};
	const struct core_store_session_get *m = msg;
	struct store *s = ((struct child *)arg)->ctx;
	struct store_reader r = {.chan = chan, .req = m->req};
	sqlite3_stmt *st;
	int rc;

	if (m->by < SESSION_BY_KEY || m->by > SESSION_BY_NAME)
		return ERR_PROTO;
	st = store_stmt(s, by[m->by]);
	store_bind_text(st, 1, m->value);
	rc = store_step(s, st);
	if (rc == 1) {
		rc = store_session_send(chan, m->req, st, SPAN_EMPTY);
		r.count = 1;
	}
	sqlite3_reset(st);
	store_reader_done(s, &r, rc < 0 ? rc : 0);
	return 0;
}

/* ---- SESSION_PATCH ---- */

/* ERR_EXISTS when another session has the name. */
static int
check_name(struct store *s, struct span name, uint64_t id)
{
	sqlite3_stmt *st = store_stmt(s, STORE_SQL_SESSION_GET_NAME);
	int rc;

	store_bind_text(st, 1, name);
	rc = store_step(s, st);
	if (rc == 1 && store_column_u64(st, 0) != id)
		rc = ERR_EXISTS;
	sqlite3_reset(st);
	return rc < 0 ? rc : 0;
}

static int
set_columns(struct store_session *session, const struct args_leaf *leaf)
{
	if (span_eq(leaf->path[0].key, SPAN("label"))) {
		buf_reset(&session->name);
		return buf_put(&session->name, leaf->value);
	}
	if (session->parent.len > 0 && !span_eq(buf_span(&session->parent), leaf->value))
		return ERR_STATE;
	buf_reset(&session->parent);
	return buf_put(&session->parent, leaf->value);
}

static bool
is_column(const struct args_leaf *leaf)
{
	return span_eq(leaf->path[0].key, SPAN("label")) ||
	       span_eq(leaf->path[0].key, SPAN("spawnedBy"));
}

static bool
has_key(struct span list, struct span key)
{
	struct args_leaf leaf;

	while (args_next(&list, &leaf) > 0) {
		if (leaf.depth == 1 && span_eq(leaf.path[0].key, key))
			return true;
	}
	return false;
}

/* What was set before and is not set now, then what is set now. */
static int
merge(struct store_session *session, struct span patch)
{
	struct span old = buf_span(&session->options);
	struct span rest = patch;
	struct buf merged = {.max = OPTIONS_MAX};
	struct args_leaf leaf;
	int rc = 0;

	while (args_next(&old, &leaf) > 0) {
		if (leaf.depth == 1 && !has_key(patch, leaf.path[0].key))
			rc = args_put_leaf(&merged, &leaf);
	}
	while (rc >= 0 && (rc = args_next(&rest, &leaf)) > 0) {
		if (leaf.depth != 1)
			rc = leaf.depth == 0 ? 0 : ERR_TYPE;
		else if (is_column(&leaf))
			rc = set_columns(session, &leaf);
		else if (leaf.type != ARGS_NULL)
			rc = args_put_leaf(&merged, &leaf);
	}
	if (rc >= 0)
		rc = merged.err;
	buf_clear(&session->options);
	session->options = merged;
	return rc < 0 ? rc : 0;
}

static int
patch_session(struct store *s, const struct core_store_session_patch *m)
{
	struct store_session session;
	sqlite3_stmt *st;
	int found = store_session_find(s, m->session_key, &session);
	int rc;

	if (found == 0) {
		buf_init(&session.name, NAME_MAX_LEN);
		buf_init(&session.parent, SESSION_KEY_MAX);
	}
	rc = found < 0 ? found : merge(&session, m->patch);
	if (rc == 0 && session.name.len > 0)
		rc = check_name(s, buf_span(&session.name), session.id);
	if (rc == 0 && found == 0) {
		rc = store_session_add(s, m->session_key, m->at, SPAN_EMPTY, &session, &session.id);
	} else if (rc == 0) {
		st = store_stmt(s, STORE_SQL_SESSION_SET);
		store_bind_u64(st, 1, session.id);
		store_bind_u64(st, 2, m->at);
		store_bind_text(st, 3, buf_span(&session.name));
		store_bind_text(st, 4, buf_span(&session.parent));
		store_bind_blob(st, 5, buf_span(&session.options));
		rc = store_exec(s, st);
	}
	store_session_clear(&session);
	return rc;
}

int
store_session_patch(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct core_store_session_patch *m = msg;
	struct store *s = ((struct child *)arg)->ctx;
	int rc = m->session_key.len == 0 ? ERR_RANGE : store_batch_join(s, STORE_SYNC_NONE);

	return answer(s, chan, m->req, rc == 0 ? patch_session(s, m) : rc);
}

/* ---- SESSION_END ---- */

static int
end_session(struct store *s, const struct core_store_session_end *m)
{
	struct store_session session;
	int rc = store_session_find(s, m->session_key, &session);

	if (rc == 1) {
		rc = store_session_archive(s, session.id);
		if (rc == 0 && m->how == SESSION_RESET)
			rc = store_session_add(
				s, m->session_key, m->at, SPAN_EMPTY, &session, &session.id);
	} else if (rc == 0) {
		rc = m->how == SESSION_DELETE ? ERR_NOTFOUND
					      : store_session_add(s, m->session_key, m->at,
							SPAN_EMPTY, NULL, &session.id);
	}
	store_session_clear(&session);
	return rc;
}

int
store_session_end(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct core_store_session_end *m = msg;
	struct store *s = ((struct child *)arg)->ctx;
	int rc = store_batch_join(s, STORE_SYNC_FIRST);

	if (m->how != SESSION_RESET && m->how != SESSION_DELETE)
		return ERR_PROTO;
	return answer(s, chan, m->req, rc == 0 ? end_session(s, m) : rc);
}

/* ---- SESSION_CUT ---- */

/* 1 and the oldest item that stays, when there is an older one; 0 when everything stays. */
static int
find_cut(struct store *s, const struct store_session *session, uint32_t keep, uint64_t *first)
{
	sqlite3_stmt *st = store_stmt(s, STORE_SQL_ITEM_NTH);
	int rc;

	store_bind_u64(st, 1, session->id);
	store_bind_u64(st, 2, session->first);
	store_bind_u64(st, 3, keep - 1);
	rc = store_step(s, st);
	if (rc == 1) {
		*first = store_column_u64(st, 0);
		rc = store_step(s, st);
	}
	sqlite3_reset(st);
	return rc;
}

static int
cut_session(struct store *s, const struct core_store_session_cut *m)
{
	struct store_session session;
	sqlite3_stmt *st;
	uint64_t first = 0;
	int rc = store_session_find(s, m->session_key, &session);

	if (rc == 0)
		rc = ERR_NOTFOUND;
	else if (rc == 1)
		rc = find_cut(s, &session, m->keep, &first);
	if (rc == 1) {
		st = store_stmt(s, STORE_SQL_SESSION_CUT);
		store_bind_u64(st, 1, session.id);
		store_bind_u64(st, 2, first);
		rc = store_exec(s, st);
		rc = rc < 0 ? rc : (int)m->keep;
	}
	store_session_clear(&session);
	return rc;
}

int
store_session_cut(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct core_store_session_cut *m = msg;
	struct store *s = ((struct child *)arg)->ctx;
	int rc = m->keep == 0 ? ERR_RANGE : store_batch_join(s, STORE_SYNC_NONE);

	return answer(s, chan, m->req, rc == 0 ? cut_session(s, m) : rc);
}

/* ---- INJECT ---- */

static int
inject(struct store *s, const struct core_store_inject *m, struct span text)
{
	struct store_session session;
	struct store_run run;
	int rc = store_session_find(s, m->session_key, &session);

	if (rc == 0)
		rc = ERR_NOTFOUND;
	run = (struct store_run){
		.session = session.id, .turn = session.turns + 1, .fleeting = m->fleeting};
	if (rc == 1)
		rc = store_item_add(s, &run, STORE_TURN_FIRST(run.turn),
			&(struct core_store_item_put){.role = ROLE_ASSISTANT,
				.kind = ITEM_TEXT,
				.at = m->at,
				.label = m->label},
			text, RUN_DONE);
	if (rc == 0)
		rc = store_turn_count(s, &run, m->at, SPAN_EMPTY);
	store_session_clear(&session);
	return rc;
}

int
store_session_inject(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct core_store_inject *m = msg;
	struct store *s = ((struct child *)arg)->ctx;
	struct store_body body;
	int rc = store_body_open(m->text, m->body, &body);

	if (rc < 0)
		return rc;
	rc = store_batch_join(s, STORE_SYNC_FIRST);
	if (rc == 0)
		rc = inject(s, m, body.text);
	store_body_close(&body);
	return answer(s, chan, m->req, rc);
}
