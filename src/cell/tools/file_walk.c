#include "file_walk.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

int
walk_start(struct walk *w, int dirfd)
{
	w->depth = 0;
	w->path_len = 0;
	w->missed = false;
	w->dirs[0] = fdopendir(dirfd);
	if (w->dirs[0] == NULL) {
		close(dirfd);
		return ERR_SYS;
	}
	w->name_at[0] = 0;
	w->depth = 1;
	return 0;
}

bool
walk_next(struct walk *w)
{
	while (w->depth > 0) {
		struct dirent *e = readdir(w->dirs[w->depth - 1]);
		size_t at = w->name_at[w->depth - 1];
		size_t len;

		if (e == NULL) {
			closedir(w->dirs[--w->depth]);
			continue;
		}
		len = strlen(e->d_name);
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (at + len + 2 > sizeof(w->path) ||
			fstatat(dirfd(w->dirs[w->depth - 1]), e->d_name, &w->st,
				AT_SYMLINK_NOFOLLOW) != 0) {
			w->missed = true;
			continue;
		}
		memcpy(w->path + at, e->d_name, len + 1);
		w->path_len = at + len;
		return true;
	}
	return false;
}

void
walk_enter(struct walk *w)
{
	int fd;
	DIR *d;

	if (w->depth == WALK_DEPTH_MAX)
		return;
	fd = openat(walk_dirfd(w), walk_name(w), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	d = fdopendir(fd);
	if (d == NULL) {
		close(fd);
		return;
	}
	w->path[w->path_len] = '/';
	w->name_at[w->depth] = w->path_len + 1;
	w->dirs[w->depth++] = d;
}

int
walk_dirfd(const struct walk *w)
{
	return dirfd(w->dirs[w->depth - 1]);
}

const char *
walk_name(const struct walk *w)
{
	return w->path + w->name_at[w->depth - 1];
}

void
walk_end(struct walk *w)
{
	while (w->depth > 0)
		closedir(w->dirs[--w->depth]);
}
