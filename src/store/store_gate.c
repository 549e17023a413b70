#include "store.h"

#include "base/err.h"

/* The version of the stored row and what is in it; 0: there is none, 1: there is. */
static int
get_row(struct store *s, uint8_t table, uint64_t key, sqlite3_stmt **out)
{
	sqlite3_stmt *st = store_stmt(s, STORE_SQL_GATE_GET);

	store_bind_u64(st, 1, table);
	store_bind_u64(st, 2, key);
	*out = st;
	return store_step(s, st);
}

/* A row never goes back to an older version; the same one again must be the same row. */
static int
check_version(struct store *s, const struct gate_store_put *m)
{
	sqlite3_stmt *st;
	int rc = get_row(s, m->table, m->key, &st);

	if (rc == 1) {
		uint64_t version = store_column_u64(st, 0);

		rc = 0;
		if (m->version < version ||
			(m->version == version &&
				(!span_eq(m->value, store_column_span(st, 1)) ||
					!span_eq(m->mac, store_column_span(st, 2)))))
			rc = ERR_REPLAY;
	}
	sqlite3_reset(st);
	return rc;
}

static int
put_row(struct store *s, const struct gate_store_put *m)
{
	sqlite3_stmt *st;
	int rc = check_version(s, m);

	if (rc < 0)
		return rc;
	st = store_stmt(s, m->value.len == 0 ? STORE_SQL_GATE_DELETE : STORE_SQL_GATE_PUT);
	store_bind_u64(st, 1, m->table);
	store_bind_u64(st, 2, m->key);
	if (m->value.len > 0) {
		store_bind_u64(st, 3, m->version);
		store_bind_blob(st, 4, m->value);
		store_bind_blob(st, 5, m->mac);
	}
	return store_exec(s, st);
}

int
store_gate_put(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct gate_store_put *m = msg;
	struct store *s = ((struct child *)arg)->ctx;
	struct store_answer a = {
		.chan = chan, .kind = STORE_ANSWER_GATE, .msg.gate = {.req = m->req}};
	int rc = store_batch_join(s, m->durable ? STORE_SYNC_FIRST : STORE_SYNC_NONE);

	if (rc == 0)
		rc = put_row(s, m);
	store_batch_answer(s, &a, rc);
	return 0;
}

int
store_gate_get(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct gate_store_get *m = msg;
	struct store *s = ((struct child *)arg)->ctx;
	struct gate_store_row row = {.req = m->req, .key = m->key};
	sqlite3_stmt *st;
	int rc = get_row(s, m->table, m->key, &st);

	if (rc == 1) {
		row.found = true;
		row.version = store_column_u64(st, 0);
		row.value = store_column_span(st, 1);
		row.mac = store_column_span(st, 2);
	}
	if (rc >= 0)
		(void)gate_store_row_send(chan, &row);
	sqlite3_reset(st);
	if (rc < 0 && !s->in_batch)
		s->broken = 0;
	/* "not found" would make gate start from nothing: a row that cannot be read ends the channel instead */
	return rc < 0 ? rc : 0;
}
