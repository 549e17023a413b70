/*
 * What a process writes into the audit log about what it decided or did. A line stays here until audit says KEPT: it is in the
 * file, handed over by write(2), so that no death of a process loses it; the disk has it AUDIT_SYNC_MS later, because a sync
 * before every effect would cost more than a machine that loses its power can lose. Until then the line goes to audit's next
 * incarnation again (a kill between writing and saying so makes it stand there twice).
 *
 * Write-ahead: whoever decides or does something asks with witness_line_then() and goes on when the line is kept. When audit does
 * not come in time, or too many lines wait, the answer is no: what cannot be written down is not done. One witness a process.
 */
#ifndef PROTO_WITNESS_H
#define PROTO_WITNESS_H

#include <stdbool.h>

#include "ev/ev.h"
#include "ipc/ipc.h"
#include "proto/audit_writer.h"

struct child;
struct witness;

/* Text of waiting lines is copied. Freed with witness_free (NULL is legal), which calls nobody. */
struct witness *witness_new(struct child *child);
/* The same for a process that is no child: audit gives its present socket to audit, or NULL while there is none. */
struct witness *witness_new_at(struct ev *ev, struct ipc_chan *(*audit)(void *arg), void *arg);
void witness_free(struct witness *w);

/* True while another line can be taken. Ask before the effect. */
bool witness_has_room(const struct witness *w);

/* Sends the line, or keeps it until audit is there. ERR_FULL: not taken (it is in the log of the process then). */
int witness_line(struct witness *w, const struct audit_writer_line *line);

/* rc 0: the line is in the file; ERR_TIMEOUT: not within WITNESS_KEEP_MS (it stays in the queue and may get there later). */
typedef void witness_fn(void *arg, int rc);
/* The same, and calls fn once, never before it returns. ERR_FULL: not taken, fn is not called. */
int witness_line_then(
	struct witness *w, const struct audit_writer_line *line, witness_fn *fn, void *arg);
/* What was to be called with arg will not be; the lines stay. */
void witness_cancel(struct witness *w, const void *arg);

/* From peer_up of KIND_AUDIT: sends what waits, in order. */
void witness_flush(struct witness *w);

/* What is accepted on the socket to audit: the rows of the link to KIND_AUDIT. */
extern const struct ipc_handler witness_rows[];
#define WITNESS_ROWS_N 1

#endif
