/* The store process: one SQLite database in a directory of its own. Private. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/span.h"
#include "jail/jail.h"
#include "proto/child.h"
#include "proto/core_store.h"
#include "proto/gate_store.h"
#include "proto/warrant.h"
#include "proto/witness.h"

enum store_sql {
#define SQL(ID, text) STORE_SQL_##ID,
#include "store_sql.def"
#undef SQL
	STORE_SQL_N
};

struct store_counts {
	uint64_t sessions;
	uint64_t items;
	uint64_t runs;
	uint64_t fleeting; /* bytes of items that are in memory only */
};

/* Answers that wait for the commit which makes them true. */
enum store_answer_kind {
	STORE_ANSWER_NONE,
	STORE_ANSWER_ACCEPTED,
	STORE_ANSWER_STORED,
	STORE_ANSWER_GATE,
	STORE_ANSWER_MEMORY
};

enum store_memory_phase {
	STORE_MEMORY_FREE,
	STORE_MEMORY_WITNESSING, /* audit is told that it begins */
	STORE_MEMORY_SEALING,    /* gate is asked for the label of what will be stored */
	STORE_MEMORY_LABELLING,  /* gate is shown what was found */
	STORE_MEMORY_STORING,    /* in the batch */
};

/* One call of the owner's memory under way. */
struct store_memory {
	struct store *store;
	enum store_memory_phase phase;
	struct ipc_chan *core; /* NULL: it is gone */
	uint8_t tool;
	uint64_t req; /* core's */
	uint64_t run;
	uint64_t call;
	uint64_t at;
	uint8_t plan[WARRANT_HASH_LEN];
	struct buf args;
	uint64_t gate_req; /* ours */
	uint64_t id;       /* of what will be stored */
	uint64_t found[STORE_FOUND_MAX];
	size_t nfound;
	size_t nlabelled;
};

struct store_answer {
	struct ipc_chan *chan; /* NULL: whoever asked is gone */
	enum store_answer_kind kind;
	union {
		struct core_store_accepted accepted;
		struct core_store_stored stored;
		struct gate_store_stored gate;
		struct store_memory *memory;
	} msg;
	struct buf options; /* ACCEPTED; freed with the answer */
};

struct store_reader;

struct store {
	struct child *child;
	struct witness *witness;
	sqlite3 *db;
	sqlite3_stmt *stmts[STORE_SQL_N];
	/* the code of a statement that failed since the batch began: the batch is lost */
	int broken;
	bool ailing;                   /* the last commit failed; said once in the log */
	struct store_counts counts;    /* with what the open batch adds */
	struct store_counts committed; /* without */
	uint64_t next_session; /* numbers go up: what is new lies together in the database */
	bool in_batch;
	uint8_t sync; /* enum store_sync: the most that somebody in the open batch asks for */
	uint64_t commit_timer;
	uint64_t idle_timer;
	uint64_t sync_timer;          /* what was committed must be on the disk by then */
	int wal_pages;                /* in the write-ahead log since the last checkpoint */
	struct store_answer *answers; /* STORE_BATCH_MAX */
	size_t nanswers;
	struct store_reader *readers;
	uint64_t read_timer;
	uint8_t gate_key
		/* until the next gate's comes; what the last one issued expires by itself */
		[WARRANT_KEY_LEN];
	bool has_gate_key;
	struct warrant_window window;
	struct store_memory memory[STORE_MEMORY_CALLS_MAX];
	uint64_t memory_req;
	uint64_t memory_last; /* the id given out last; 0: not asked for yet, or none */
};

extern const struct jail_spec store_jail;

/* ---- store_vfs.c: SQLite sees one directory and names without a slash ---- */

/* Makes dirfd the place of all files. Before store_db_open. 0 or ERR_SYS, ERR_IO. */
int store_vfs_init(int dirfd);

/* ---- store_db.c: the database and its statements ---- */

/*
 * Opens, makes or upgrades the database. Nothing is opened later, so the jail permits no open.
 * 0, or ERR_BUSY (another store has it), ERR_IO (damaged or unreadable), ERR_UNSUPPORTED (of a newer version), ERR_FULL. The reason
 * and what helps are in the log.
 */
int store_db_open(struct store *s);
/* Those statements that no one has asked for yet. 0 or negative: the database is not what it should be. */
int store_db_prepare(struct store *s);
/* Writes what is in the log into the database. The files stay as they are: a kill is as good as an end. */
void store_db_checkpoint(struct store *s);
/* Forces the write-ahead log to the disk. 0 or ERR_IO. */
int store_db_sync(struct store *s);

/* A statement without bindings, ready to be bound and stepped. NULL when the database does not know it: stepping that fails. */
sqlite3_stmt *store_stmt(struct store *s, enum store_sql id);
/* 1: a row, 0: done (and reset), negative: failed (logged, s->broken set, reset). */
int store_step(struct store *s, sqlite3_stmt *st);
/* Steps a statement that gives no rows. 0 or negative. */
int store_exec(struct store *s, sqlite3_stmt *st);

void store_bind_u64(sqlite3_stmt *st, int at, uint64_t v);
void store_bind_text(
	sqlite3_stmt *st, int at, struct span v); /* borrowed until the statement is used again */
void store_bind_blob(sqlite3_stmt *st, int at, struct span v); /* borrowed */
uint64_t store_column_u64(sqlite3_stmt *st, int at);
struct span store_column_span(sqlite3_stmt *st, int at); /* borrowed until the next step */

/* ---- store_batch.c: one transaction for what a turn of the loop brings ---- */

/* Joins the open batch or opens one. Negative: nothing can be written now; answer with that code. */
enum store_sync {
	STORE_SYNC_NONE,  /* with the next one that asks for it */
	STORE_SYNC_SOON,  /* STORE_SYNC_MS after the answer at the latest */
	STORE_SYNC_FIRST, /* before it is answered */
};
int store_batch_join(struct store *s, enum store_sync sync);
/* Queues the answer until the commit; sends it at once when rc is negative or no batch is open. */
void store_batch_answer(struct store *s, const struct store_answer *answer, int rc);
void store_batch_commit(struct store *s);
/* Forgets the answers for a peer that is gone. What it asked to be written stays. */
void store_batch_forget(struct store *s, const struct ipc_chan *chan);

/* ---- store_session.c ---- */

/* What a session's row holds besides its counts; clear with store_session_clear. */
struct store_session {
	uint64_t id;
	uint64_t turns;
	uint64_t first; /* the oldest item that is still read */
	uint64_t updated;
	struct buf name, parent, options;
};
/* 1: found, 0: there is none, negative: failed. */
int store_session_find(struct store *s, struct span key, struct store_session *out);
void store_session_clear(struct store_session *session);
/* Makes its row; with what was set for from, if not NULL. */
int store_session_add(struct store *s, struct span key, uint64_t at, struct span title,
	const struct store_session *from, uint64_t *id);
/* It ends; its rows stay, its key is free. */
int store_session_archive(struct store *s, uint64_t id);
int store_session_get(struct ipc_chan *chan, const void *m, void *arg);
int store_session_patch(struct ipc_chan *chan, const void *m, void *arg);
int store_session_end(struct ipc_chan *chan, const void *m, void *arg);
int store_session_cut(struct ipc_chan *chan, const void *m, void *arg);
int store_session_inject(struct ipc_chan *chan, const void *m, void *arg);

/* ---- store_run.c ---- */

/* Text of a message, or the body behind its descriptor. */
struct store_body {
	struct span text;
	bool mapped;
};
int store_body_open(struct span text, int fd, struct store_body *body);
void store_body_close(struct store_body *body);

struct store_run {
	uint64_t run;
	uint64_t session;
	uint64_t turn;
	uint64_t state;
	bool fleeting; /* its items are in memory only */
	bool lost;     /* and were lost with it: its message is not there */
};
/* state: a final one in the run's last item, else 0. */
int store_item_add(struct store *s, const struct store_run *run, uint64_t id,
	const struct core_store_item_put *item, struct span text, enum run_state state);
/* The session has one turn more, which run->turn is. title: for one that has none. */
int store_turn_count(struct store *s, const struct store_run *run, uint64_t at, struct span title);

/* 0 or ERR_NOTFOUND. */
int store_run_get(struct store *s, uint64_t number, struct store_run *out);

/* ---- store_fleeting.c: items that are in memory only ---- */

/* Counts an item of so many bytes; beyond FLEETING_BYTES_MAX the oldest go. 0 or negative. */
int store_fleeting_keep(struct store *s, uint64_t bytes);
/* The session has ended: nobody reads them any more. */
int store_fleeting_forget(struct store *s, uint64_t session);

int store_run_accept(struct ipc_chan *chan, const void *m, void *arg);
int store_run_state(struct ipc_chan *chan, const void *m, void *arg);
int store_run_item(struct ipc_chan *chan, const void *m, void *arg);
int store_run_finish(struct ipc_chan *chan, const void *m, void *arg);

/* ---- store_read.c: lists, sent as fast as the reader takes them ---- */

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
	/* Sends the row the statement stands at and moves the place behind it. 0 or negative. */
	int (*send)(struct store *s, struct store_reader *r, sqlite3_stmt *st);
	uint64_t session;
	/* the place: items: next id; runs, sessions: time and number of the last one sent; days: next */
	uint64_t at;
	uint64_t number;
	uint64_t last;
	uint64_t since;
	uint64_t count;  /* rows sent */
	uint64_t looked; /* rows looked at */
	uint64_t limit;
	bool preview;
	bool packed;
	size_t search_len, name_len, parent_len;
	uint8_t search[256];
	uint8_t name[64];
	uint8_t parent[SESSION_KEY_MAX];
};
bool store_reader_has_room(const struct store_reader *r);
void store_reader_start(struct store *s, const struct store_reader *from);
/* Steps a bound statement and sends its rows while there is room: what step returns. */
int store_reader_rows(struct store *s, struct store_reader *r, sqlite3_stmt *st);
/* Answers DONE. A read outside a batch that failed concerns nobody else. */
void store_reader_done(struct store *s, const struct store_reader *r, int rc);
int store_read_history(struct ipc_chan *chan, const void *m, void *arg);
void store_read_forget(struct store *s, const struct ipc_chan *chan);

/* ---- store_list.c ---- */

/* Sends SESSION from a row of SESSION_COLUMNS. preview may be empty. */
int store_session_send(struct ipc_chan *chan, uint64_t req, sqlite3_stmt *st, struct span preview);
int store_read_usage(struct ipc_chan *chan, const void *m, void *arg);
int store_read_sessions(struct ipc_chan *chan, const void *m, void *arg);
int store_read_open_runs(struct ipc_chan *chan, const void *m, void *arg);
int store_read_find_run(struct ipc_chan *chan, const void *m, void *arg);
int store_read_counts(struct ipc_chan *chan, const void *m, void *arg);

/* ---- store_memory.c ---- */

int store_memory_put(struct ipc_chan *chan, const void *m, void *arg);
int store_memory_find(struct ipc_chan *chan, const void *m, void *arg);
int store_memory_sealed(struct ipc_chan *chan, const void *m, void *arg);
int store_memory_recall_ok(struct ipc_chan *chan, const void *m, void *arg);
/* It is over: a line, the answer to core, and m is free. */
void store_memory_end(struct store_memory *m, int rc);
/* That core or gate is gone. */
void store_memory_forget(struct store *s, uint8_t kind, const struct ipc_chan *chan);

/* ---- store_recall.c ---- */

/* Searches and shows gate each row; m->found are their ids. 0, or why not. */
int store_recall_ask(struct store_memory *m, struct ipc_chan *gate);

/* ---- store_gate.c ---- */

int store_gate_put(struct ipc_chan *chan, const void *m, void *arg);
int store_gate_get(struct ipc_chan *chan, const void *m, void *arg);

/* ---- msg.c ---- */

extern const struct child_link store_links[];
extern const size_t store_links_n;

/* The run's place in its session is in the upper bits of an item's id. */
#define STORE_TURN_SHIFT 20
#define STORE_TURN_FIRST(turn) ((uint64_t)(turn) << STORE_TURN_SHIFT)
#define STORE_TURN_LAST(turn) (STORE_TURN_FIRST((turn) + 1) - 1)

#endif
