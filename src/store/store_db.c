#include "store.h"

#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"

#define APPLICATION_ID 0x4d6f6c74 /* "Molt": in the file's header */

static const char *const sql_text[STORE_SQL_N] = {
#define SQL(ID, text) text,
#include "store_sql.def"
#undef SQL
};

static const char *const steps[] = {
#define STEP(version, text) text,
#include "store_schema.def"
};
static const char each_start[] =
#define EACH_START(text) text
#include "store_schema.def"
	;
#define VERSION ((int)(sizeof(steps) / sizeof(steps[0])))

struct cause {
	int sqlite; /* primary result code */
	int rc;
	const char *what;
};

static const struct cause causes[] = {
	{SQLITE_FULL, ERR_FULL,
		"no room left on the disk of the state directory: free some; what was asked was "
		"not stored"},
	{SQLITE_IOERR, ERR_IO,
		"the disk of the state directory does not read or write: look at the kernel's log "
		"(dmesg)"},
	{SQLITE_CORRUPT, ERR_IO,
		"the database is damaged: stop the gateway and put store/store.db back from a "
		"backup (without store.db-wal), or move "
		"the folder store away to start with an empty one"},
	{SQLITE_NOTADB, ERR_IO,
		"store/store.db is not a database: put it back from a backup (without "
		"store.db-wal), or move the folder store away "
		"to start with an empty one"},
	{SQLITE_BUSY, ERR_BUSY,
		"another process has the database open: is a second gateway running on this state "
		"directory?"},
	{SQLITE_CANTOPEN, ERR_SYS,
		"the database's files cannot be opened: does the folder store belong to the "
		"gateway's user?"},
	{SQLITE_READONLY, ERR_DENIED,
		"the database's files are not writable: do they belong to the gateway's user?"},
	{SQLITE_PERM, ERR_DENIED,
		"the database's files are not accessible: do they belong to the gateway's user?"},
	{SQLITE_NOMEM, ERR_NOMEM, "out of memory"},
	{SQLITE_TOOBIG, ERR_TOOBIG, "a value is too long for the database"},
	{SQLITE_CONSTRAINT, ERR_EXISTS, "a row contradicts the others"},
};

static int
say(struct store *s, int code, const char *doing)
{
	int rc = ERR_IO;
	const char *what = "the database does not answer as it should";

	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
		if (causes[i].sqlite == (code & 0xff)) {
			rc = causes[i].rc;
			what = causes[i].what;
		}
	}
	if (!s->ailing)
		log_error(what, LOG_C("doing", doing), LOG_I("sqlite", code),
			LOG_C("message", sqlite3_errmsg(s->db)));
	return rc;
}

/* ---- statements ---- */

static int
prepare(struct store *s, enum store_sql id)
{
	int code = sqlite3_prepare_v3(
		s->db, sql_text[id], -1, SQLITE_PREPARE_PERSISTENT, &s->stmts[id], NULL);

	return code == SQLITE_OK ? 0 : say(s, code, sql_text[id]);
}

int
store_db_prepare(struct store *s)
{
	int rc = 0;

	for (unsigned i = 0; i < STORE_SQL_N && rc == 0; i++) {
		if (s->stmts[i] == NULL)
			rc = prepare(s, (enum store_sql)i);
	}
	return rc;
}

/* NULL when it cannot be prepared: binding to that does nothing, and stepping it fails. */
sqlite3_stmt *
store_stmt(struct store *s, enum store_sql id)
{
	if (s->stmts[id] == NULL && prepare(s, id) < 0)
		return NULL;
	sqlite3_reset(s->stmts[id]);
	sqlite3_clear_bindings(s->stmts[id]);
	return s->stmts[id];
}

int
store_step(struct store *s, sqlite3_stmt *st)
{
	int code = sqlite3_step(st);

	if (code == SQLITE_ROW)
		return 1;
	if (code == SQLITE_DONE) {
		sqlite3_reset(st);
		return 0;
	}
	s->broken = say(s, code, st == NULL ? "prepare" : sqlite3_sql(st));
	sqlite3_reset(st);
	return s->broken;
}

int
store_exec(struct store *s, sqlite3_stmt *st)
{
	int rc = store_step(s, st);

	sqlite3_reset(st);
	return rc < 0 ? rc : 0;
}

void
store_bind_u64(sqlite3_stmt *st, int at, uint64_t v)
{
	(void)sqlite3_bind_int64(st, at, (sqlite3_int64)v);
}

void
store_bind_text(sqlite3_stmt *st, int at, struct span v)
{
	(void)sqlite3_bind_text64(
		st, at, v.len == 0 ? "" : (const char *)v.ptr, v.len, SQLITE_STATIC, SQLITE_UTF8);
}

void
store_bind_blob(sqlite3_stmt *st, int at, struct span v)
{
	(void)sqlite3_bind_blob64(
		st, at, v.len == 0 ? (const void *)"" : v.ptr, v.len, SQLITE_STATIC);
}

uint64_t
store_column_u64(sqlite3_stmt *st, int at)
{
	return (uint64_t)sqlite3_column_int64(st, at);
}

struct span
store_column_span(sqlite3_stmt *st, int at)
{
	const void *p = sqlite3_column_blob(st, at);

	return span_of(p, (size_t)sqlite3_column_bytes(st, at));
}

/* ---- opening ---- */

static int
run_text(struct store *s, const char *doing, const char *text)
{
	int code = sqlite3_exec(s->db, text, NULL, NULL, NULL);

	return code == SQLITE_OK ? 0 : say(s, code, doing);
}

static int
read_pragma(struct store *s, const char *text, int *out)
{
	sqlite3_stmt *st = NULL;
	int code = sqlite3_prepare_v2(s->db, text, -1, &st, NULL);

	if (code == SQLITE_OK && (code = sqlite3_step(st)) == SQLITE_ROW) {
		*out = sqlite3_column_int(st, 0);
		code = SQLITE_OK;
	}
	sqlite3_finalize(st);
	return code == SQLITE_OK ? 0 : say(s, code, text);
}

static const int switches[][2] = {
	{SQLITE_DBCONFIG_DEFENSIVE, 1},
	{SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
	{SQLITE_DBCONFIG_ENABLE_FKEY, 1},
	{SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
	{SQLITE_DBCONFIG_ENABLE_VIEW, 0},
	{SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
	{SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0},
	{SQLITE_DBCONFIG_DQS_DML, 0},
	{SQLITE_DBCONFIG_DQS_DDL, 0},
};

/*
 * EXCLUSIVE: we are the only one, so the index of the log is in our own memory and no third file is mapped. NORMAL: the log is
 * forced to the disk by store_db_sync, and only for batches that ask for it.
 */
static const char settings[] = "PRAGMA locking_mode=EXCLUSIVE;"
			       "PRAGMA temp_store=MEMORY;"
			       "PRAGMA mmap_size=0;"
			       "PRAGMA cell_size_check=ON;"
			       "PRAGMA cache_size=-1024;"
			       "PRAGMA journal_mode=WAL;"
			       "PRAGMA synchronous=FULL;" /* until it is open */
			       "PRAGMA wal_autocheckpoint=0;"
			       "PRAGMA journal_size_limit=16777216;";

static int
configure(struct store *s)
{
	int keep = 1;

	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
		if (sqlite3_db_config(s->db, switches[i][0], switches[i][1], NULL) != SQLITE_OK)
			return ERR_UNSUPPORTED;
	}
	sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, (int)(IPC_BODY_MAX + KIB(64u)));
	sqlite3_limit(s->db, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_busy_timeout(s->db, STORE_LOCK_MS);
	(void)sqlite3_file_control(s->db, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
	return run_text(s, "opening", settings);
}

static int
upgrade(struct store *s)
{
	char text[96];
	int version = 0;
	int app = 0;
	int rc = read_pragma(s, "PRAGMA user_version", &version);

	if (rc == 0)
		rc = read_pragma(s, "PRAGMA application_id", &app);
	if (rc < 0)
		return rc;
	if (version > VERSION || (version > 0 && app != APPLICATION_ID)) {
		log_error("the database is of a newer version or of another program: start that "
			  "one, or move the folder store away",
			LOG_I("version", version), LOG_I("known", VERSION));
		return ERR_UNSUPPORTED;
	}
	for (; rc == 0 && version < VERSION; version++) {
		snprintf(text, sizeof(text),
			"PRAGMA user_version=%d; PRAGMA application_id=%d; COMMIT", version + 1,
			APPLICATION_ID);
		rc = run_text(s, "upgrade", "BEGIN IMMEDIATE");
		if (rc == 0)
			rc = run_text(s, "upgrade", steps[version]);
		if (rc == 0)
			rc = run_text(s, "upgrade", text);
	}
	return rc;
}

static int
on_wal(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct store *s = arg;

	(void)db;
	(void)name;
	s->wal_pages = pages;
	return SQLITE_OK;
}

static int
load_counts(struct store *s)
{
	sqlite3_stmt *st = store_stmt(s, STORE_SQL_META_GET);
	int rc = store_step(s, st);

	if (rc == 1) {
		s->counts = (struct store_counts){.sessions = store_column_u64(st, 0),
			.items = store_column_u64(st, 1),
			.runs = store_column_u64(st, 2)};
		s->committed = s->counts;
		sqlite3_reset(st);
		return 0;
	}
	return rc < 0 ? rc : ERR_IO;
}

/* Older databases have sessions with random numbers, nearly all of them above this; those stay as they are. */
#define SESSION_MAX (1ull << 48)

static int
load_next_session(struct store *s)
{
	sqlite3_stmt *st = store_stmt(s, STORE_SQL_SESSION_LAST);
	int rc;

	store_bind_u64(st, 1, SESSION_MAX);
	rc = store_step(s, st);
	s->next_session = rc == 1 ? store_column_u64(st, 0) + 1 : 0;
	sqlite3_reset(st);
	return rc < 0 ? rc : 0;
}

int
store_db_open(struct store *s)
{
	int code = sqlite3_open_v2("store.db", &s->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
			SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE,
		"store");
	int rc = code == SQLITE_OK ? configure(s) : say(s, code, "open");

	if (rc == 0)
		rc = upgrade(s);
	/* The first write makes the log, and its sync makes its name in the directory durable: afterwards nothing is opened. */
	if (rc == 0)
		rc = run_text(s, "opening",
			"UPDATE meta SET starts = starts + 1, items = items - (SELECT"
			" ifnull(sum(fleeting), 0) FROM session WHERE fleeting > 0) WHERE one = 1;"
			"UPDATE session SET items = items - fleeting, fleeting = 0 WHERE fleeting "
			"> 0;"
			"PRAGMA synchronous=NORMAL");
	if (rc == 0)
		rc = run_text(s, "opening", each_start);
	if (rc == 0)
		rc = load_counts(s);
	if (rc == 0)
		rc = load_next_session(s);
	(void)sqlite3_wal_hook(s->db, on_wal, s);
	return rc;
}

void
store_db_checkpoint(struct store *s)
{
	int code;

	if (s->wal_pages == 0)
		return;
	code = sqlite3_wal_checkpoint_v2(s->db, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	if (code == SQLITE_OK)
		s->wal_pages = 0;
	else
		(void)say(s, code, "checkpoint");
}

int
store_db_sync(struct store *s)
{
	sqlite3_file *wal = NULL;
	int code = sqlite3_file_control(s->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);

	if (code == SQLITE_OK && wal != NULL && wal->pMethods != NULL)
		code = wal->pMethods->xSync(wal, SQLITE_SYNC_NORMAL);
	else
		code = SQLITE_IOERR;
	return code == SQLITE_OK ? 0 : say(s, code, "sync");
}
