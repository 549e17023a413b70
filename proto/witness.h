/*
 * What a process writes into the audit log about what it decided or did. A line stays here until audit says that it is in the
 * file, and goes to audit's next incarnation otherwise (a kill between writing and saying so makes it stand there twice). When too
 * many wait, whoever wants to act must not: what cannot be written down is not done. One witness a process.
 */
#ifndef PROTO_WITNESS_H
#define PROTO_WITNESS_H

#include <stdbool.h>

#include "proto/audit_writer.h"
#include "proto/child.h"

struct witness;

/* Zeroed counters; text of waiting lines is copied. Freed with witness_free (NULL is legal). */
struct witness *witness_new(struct child *child);
void witness_free(struct witness *w);

/* True while another line can be taken. Ask before the effect. */
bool witness_has_room(const struct witness *w);

/* Sends the line, or keeps it until audit is there. ERR_FULL: not taken (it is in the log of the process then). */
int witness_line(struct witness *w, const struct audit_writer_line *line);

/* From peer_up of KIND_AUDIT: sends what waits, in order. */
void witness_flush(struct witness *w);

/* What is accepted on the socket to audit: the rows of the link to KIND_AUDIT. */
extern const struct ipc_handler witness_rows[];
#define WITNESS_ROWS_N 1

#endif
