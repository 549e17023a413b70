#include "store.h"

#include "base/err.h"

/*
 * The items of sessions that are not to be kept: rows of a table of SQLite's temporary database, which temp_store=MEMORY keeps in
 * this process. Its statements see it and the table on the disk as one (the view items).
 */

/* 1: the row of st, whose columns are number, session and length, was deleted; 0: there was none. */
static int
delete_row(struct store *s, sqlite3_stmt *st)
{
	uint64_t number, session, bytes;
	int rc = store_step(s, st);

	if (rc != 1)
		return rc;
	number = store_column_u64(st, 0);
	session = store_column_u64(st, 1);
	bytes = store_column_u64(st, 2);
	sqlite3_reset(st);
	st = store_stmt(s, STORE_SQL_FLEETING_DELETE);
	store_bind_u64(st, 1, number);
	rc = store_exec(s, st);
	if (rc < 0)
		return rc;
	st = store_stmt(s, STORE_SQL_SESSION_LOST);
	store_bind_u64(st, 1, session);
	rc = store_exec(s, st);
	s->counts.items--;
	s->counts.fleeting -= bytes;
	return rc < 0 ? rc : 1;
}

int
store_fleeting_keep(struct store *s, uint64_t bytes)
{
	int rc = 1;

	s->counts.fleeting += bytes;
	while (rc == 1 && s->counts.fleeting > FLEETING_BYTES_MAX)
		rc = delete_row(s, store_stmt(s, STORE_SQL_FLEETING_OLDEST));
	return rc < 0 ? rc : 0;
}

int
store_fleeting_forget(struct store *s, uint64_t session)
{
	int rc;

	do {
		sqlite3_stmt *st = store_stmt(s, STORE_SQL_FLEETING_OF);

		store_bind_u64(st, 1, session);
		rc = delete_row(s, st);
	} while (rc == 1);
	return rc;
}
