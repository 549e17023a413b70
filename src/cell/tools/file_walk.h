/* A walk through folders of the workspace without recursion, links not followed, depth first. */
#ifndef CELL_FILE_WALK_H
#define CELL_FILE_WALK_H

#include <dirent.h>
#include <sys/stat.h>

#include "base/span.h"

#define WALK_DEPTH_MAX 24

struct walk {
	DIR *dirs[WALK_DEPTH_MAX];
	size_t name_at[WALK_DEPTH_MAX]; /* where this level's names start in path */
	size_t depth;
	char path[4096];
	size_t path_len;
	struct stat st; /* of the present entry, not followed */
	bool missed;    /* an entry was passed over: it could not be looked at */
};

/* Starts at dirfd (taken). 0 or ERR_SYS. */
int walk_start(struct walk *w, int dirfd);
/* Next entry: its path in w->path (NUL-terminated) and w->st; false at the end. */
bool walk_next(struct walk *w);
/* Goes into the entry just returned (a folder); too deep or unreadable ones are passed over. */
void walk_enter(struct walk *w);
/* The folder that holds the present entry, and the entry's own name. Borrowed. */
int walk_dirfd(const struct walk *w);
const char *walk_name(const struct walk *w);
void walk_end(struct walk *w);

#endif
