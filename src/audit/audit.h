/* The audit process: one append-only file, one signing key at a time. Private. */
#ifndef AUDIT_AUDIT_H
#define AUDIT_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "auditlog/auditlog.h"
#include "base/mem.h"
#include "proto/audit_vault.h"
#include "proto/audit_writer.h"
#include "proto/child.h"

#define AUDIT_WRITERS                                                                              \
	128 /* sockets of writers at once: five processes, the supervisor and each egress */

/* Lines taken on a writer's socket, and how many of them it has been told are in the file. */
struct audit_writer {
	struct ipc_chan *chan; /* NULL: free */
	uint64_t taken;
	uint64_t told;
};

struct audit {
	struct child *child;
	int fd;
	struct auditlog_tail found; /* the file as this process found it; chain goes on in it */
	struct buf out;             /* lines not yet written */
	bool is_late;               /* lines written and not yet synced */
	bool is_ailing;             /* the disk takes none; said once in the log */
	bool is_paused;             /* writers wait */
	uint64_t unsigned_lines;
	uint64_t epoch_lines;
	uint64_t epoch_since_ms;
	uint64_t epoch; /* of the key in use; 0: none yet */
	uint8_t key[CRYPTO_PRIVATE_LEN];
	uint64_t next_epoch; /* announced to the file and being sealed; 0: none */
	uint8_t next_seed[CRYPTO_SEED_LEN];
	uint8_t next_key[CRYPTO_PRIVATE_LEN];
	struct audit_writer writers[AUDIT_WRITERS];
	uint64_t write_timer;
	uint64_t sync_timer;
	uint64_t sign_timer;
	uint64_t seal_timer;
};

extern const struct jail_spec audit_jail;
extern const struct child_link audit_links[];
extern const size_t audit_links_n;

/* ---- audit_kept.c ---- */

/* A line of this socket is in out. ERR_FULL: more sockets than there can be. */
int audit_kept_take(struct audit *a, struct ipc_chan *chan);
/* Everything in out is in the file: every writer is told. */
void audit_kept_tell(struct audit *a);
void audit_kept_forget(struct audit *a, const struct ipc_chan *chan);

/* ---- audit_file.c ---- */

/* Lines were added to out: they are written at the end of this turn and synced soon. */
void audit_file_touch(struct audit *a);
/* Writes what there is. False while the disk takes none; it is tried again by itself. */
bool audit_file_flush(struct audit *a);
/* Writes and syncs. Ends the process when a sync fails: nobody can tell then what the disk holds. */
void audit_file_sync(struct audit *a);
/* Writers are paused while there is no room for their lines, or nothing to chain them to. */
void audit_file_pace(struct audit *a);

/* ---- audit_epoch.c ---- */

/* vault is there: ask it for the key, or have the next one sealed. */
void audit_epoch_ask(struct audit *a);
/* May lines be added: the file has its first key. */
bool audit_epoch_has_begun(const struct audit *a);
/* Signs what is unsigned, when there is a key. */
void audit_epoch_sign(struct audit *a);
/* Lines were added: signs or changes the key when it is time. */
void audit_epoch_count(struct audit *a, uint64_t lines);
int audit_epoch_sealed(struct ipc_chan *chan, const void *m, void *arg);
int audit_epoch_seed(struct ipc_chan *chan, const void *m, void *arg);

/* ---- audit_line.c ---- */

int audit_line_add(
	struct audit *a, uint8_t writer, uint64_t instance, const struct audit_writer_line *m);

#endif
