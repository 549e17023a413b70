/*
 * The labels of a workspace's files: which contents were written by runs that had read what the owner did not write. By content, so
 * that a copy keeps its label and what the owner edits is the owner's again. One file, given by the supervisor, of
 * records of SANDBOX_RECORD_LEN bytes, at most one more than FILE_LABELS_MAX:
 *
 *   record 0  the state: nothing; or a writing call is under way, or was when everything ended, since some time, with its label;
 *             or everything in the workspace has a label, because more changed than there is room for
 *   others    one entry each (proto/scan.h), never changed
 *
 * Each record ends with a check value. Whatever cannot be believed makes everything untrusted. Private to src/sandbox.
 */
#ifndef SANDBOX_FILES_H
#define SANDBOX_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/span.h"
#include "label/label.h"
#include "proto/scan.h"

#define SANDBOX_RECORD_LEN 64

enum sandbox_files_state {
	SANDBOX_FILES_QUIET = 0,
	SANDBOX_FILES_WRITING, /* what changed since has the label of the state, and is not marked yet */
	SANDBOX_FILES_ALL      /* everything has the label of the state */
};

struct sandbox_mark {
	uint8_t record[SCAN_RECORD_LEN]; /* size and hash, as in the table */
	struct label label;
};

struct sandbox_files {
	int fd;                     /* -1: nothing can be kept, so nothing may begin */
	struct sandbox_mark *marks; /* sorted by record */
	size_t n;
	size_t written; /* records behind the first; an entry has two when its label fell */
	uint8_t state;
	uint64_t since;
	struct label label;
};

/* What a file of the owner's is; no more than this needs no mark. */
extern const struct label sandbox_files_owner;
bool sandbox_files_is_plain(struct label label);

/* Takes fd (-1 is legal). 0, or ERR_IO when it cannot be read: everything is untrusted then. */
int sandbox_files_open(struct sandbox_files *f, int fd);
void sandbox_files_close(struct sandbox_files *f);

/* No mark, nothing under way: nothing need be looked at. */
bool sandbox_files_is_empty(const struct sandbox_files *f);
/* The join of every label in it. */
struct label sandbox_files_worst(const struct sandbox_files *f);
/* The label of an entry: the owner's when it has none of its own. */
struct label sandbox_files_of(const struct sandbox_files *f, uint64_t size, struct span hash);
/* The table for SCAN. */
void sandbox_files_table(const struct sandbox_files *f, struct buf *out);

/* On disk when they return 0; ERR_IO, ERR_STATE. */
int sandbox_files_begin(struct sandbox_files *f, struct label label, uint64_t since);
int sandbox_files_end(struct sandbox_files *f); /* what changed has been marked */
int sandbox_files_all(struct sandbox_files *f, struct label label);
/* An entry gets a label, joined with the one it may have: kept with the next end. ERR_FULL, ERR_IO. */
int sandbox_files_mark(
	struct sandbox_files *f, uint64_t size, struct span hash, struct label label);

#endif
