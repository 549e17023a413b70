/*
 * The Control UI's files, opened before the jail closes: nothing of a request ever becomes a path. Each is read into memory when
 * it is asked for the first time.
 */
#ifndef EDGE_EDGE_STATIC_H
#define EDGE_EDGE_STATIC_H

#include "base/span.h"

struct edge_file {
	struct span path; /* "/assets/app.js" */
	struct span type; /* Content-Type */
	struct span etag; /* with its quotes */
	struct span body;
	int fd; /* -1: etag and body are there */
};

/*
 * Opens every plain file below dirfd (not taken); names that begin with a dot are left out. 0, ERR_SYS, ERR_TOOBIG (EDGE_UI_MAX,
 * EDGE_UI_FILES_MAX, or folders nested more than eight deep).
 */
int edge_static_load(int dirfd);

/*
 * The file of a canonical request path; "/" and paths without an extension in their last segment are index.html. NULL: none, or it can
 * no longer be read.
 */
const struct edge_file *edge_static_find(struct span path);

#endif
