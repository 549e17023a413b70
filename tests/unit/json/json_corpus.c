#include "json_corpus.h"

#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void
read_one(const FTSENT *e, void (*fn)(const char *, struct span, void *), void *arg)
{
	int fd = open(e->fts_path, O_RDONLY | O_CLOEXEC);
	size_t len = (size_t)e->fts_statp->st_size;
	uint8_t *data = mem_alloc(
		len, 1); /* exact: a read behind the end is seen by the address sanitizer */

	if (fd < 0 || read(fd, data, len) != (ssize_t)len) {
		fprintf(stderr, "%s: cannot be read\n", e->fts_path);
		abort();
	}
	close(fd);
	fn(e->fts_path, span_of(data, len), arg);
	free(data);
}

unsigned
corpus_each(
	const char *folder, void (*fn)(const char *path, struct span text, void *arg), void *arg)
{
	char path[4096];
	char *const paths[] = {path, NULL};
	unsigned n = 0;
	FTS *fts;
	FTSENT *e;

	snprintf(path, sizeof(path), "%s/%s", CORPORA, folder);
	fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
	while (fts != NULL && (e = fts_read(fts)) != NULL) {
		if (e->fts_info == FTS_F) {
			read_one(e, fn, arg);
			n++;
		}
	}
	if (fts != NULL)
		fts_close(fts);
	return n;
}
