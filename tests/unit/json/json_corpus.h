/* Test files written by others: read at run time from CORPORA (set by the build), absent in most
 * checkouts. */
#ifndef TESTS_JSON_CORPUS_H
#define TESTS_JSON_CORPUS_H

#include "base/mem.h"

/* Calls fn for each regular file below CORPORA/folder, in the order of the names; returns how many
 * there were. */
unsigned corpus_each(
	const char *folder, void (*fn)(const char *path, struct span text, void *arg), void *arg);

#endif
