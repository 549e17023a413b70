/*
 * Runs a fuzz target once over every file below the folders given, without libFuzzer: a crash or a
 * failed assertion ends the program. An empty set of seeds is a failure, so that a wrong path is
 * noticed.
 */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int
run_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint8_t *data = NULL;
	ssize_t n = -1;

	if (fd >= 0 && fstat(fd, &st) == 0) {
		/* malloc of the exact size: a read behind the end is seen by the address sanitizer
		 */
		data = malloc(st.st_size > 0 ? (size_t)st.st_size : 1);
		if (data != NULL)
			n = read(fd, data, (size_t)st.st_size);
	}
	if (n >= 0 && n == st.st_size)
		(void)LLVMFuzzerTestOneInput(data, (size_t)n);
	else
		fprintf(stderr, "%s: cannot be read\n", path);
	free(data);
	if (fd >= 0)
		close(fd);
	return n >= 0 ? 0 : -1;
}

int
main(int argc, char **argv)
{
	FTS *fts;
	FTSENT *e;
	unsigned count = 0;
	unsigned failed = 0;

	fts = argc > 1 ? fts_open(argv + 1, FTS_PHYSICAL | FTS_NOCHDIR, NULL) : NULL;
	if (fts == NULL) {
		fprintf(stderr, "usage: %s FOLDER...\n", argv[0]);
		return 2;
	}
	while ((e = fts_read(fts)) != NULL) {
		if (e->fts_info == FTS_NS || e->fts_info == FTS_DNR || e->fts_info == FTS_ERR)
			failed++;
		if (e->fts_info != FTS_F)
			continue;
		count++;
		if (run_file(e->fts_path) < 0)
			failed++;
	}
	fts_close(fts);
	printf("%u seeds, %u unreadable\n", count, failed);
	return count > 0 && failed == 0 ? 0 : 1;
}
