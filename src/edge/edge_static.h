/*
 * The Control UI's files, opened before the jail closes: nothing of a request ever becomes a path. Each is read into memory when
 * it is asked for the first time.
 */
#ifndef EDGE_EDGE_STATIC_H
#define EDGE_EDGE_STATIC_H

#include <stdbool.h>
#include <time.h>

#include "base/span.h"

/* The same content under the codings that there are of it: files beside it with .br or .gz, made when the page was built. */
enum edge_coding { EDGE_IDENTITY, EDGE_GZIP, EDGE_BROTLI, EDGE_CODINGS };

struct edge_file {
	struct span path; /* "/assets/app.js" */
	struct span type; /* Content-Type */
	struct span etag; /* with its quotes */
	struct span body;
	int fd; /* -1: etag and body are there */
	time_t modified;
	struct edge_file *coded[EDGE_CODINGS]; /* NULL: there is none */
	bool is_coded; /* it is one of another's: not served under its own name */
};

/* "gzip"; empty for EDGE_IDENTITY. */
struct span edge_coding_name(enum edge_coding coding);

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

/* The same under this coding, read. NULL: there is none. */
const struct edge_file *edge_static_coded(const struct edge_file *file, enum edge_coding coding);

/*
 * Sends it (edge_file.c): a is the answer's common part. Its bytes are not copied. False: the connection is closed.
 */
struct edge_conn;
struct edge_answer;
struct http_request;
bool edge_file_send(struct edge_conn *conn, const struct http_request *req,
	const struct edge_file *file, struct edge_answer *a);

#endif
