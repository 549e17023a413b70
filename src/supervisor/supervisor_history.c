/* <state>/config-history: a file a text. The name says everything else: when, by whom, and the hash. */
#include "supervisor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "crypto/crypto.h"
#include "crypto/crypto_encode.h"

#define FOLDER "config-history"
#define NAME_LEN 104 /* 15 digits, 16 and 64 of hexadecimal, .json5 */
#define NAMES_MAX (CONFIG_HISTORY_MAX + 50)
#define TEMPORARY ".moltbot-new"

struct names {
	char rows[NAMES_MAX][NAME_LEN];
	size_t n;
};

static bool
parse(const char *name, struct sup_past *past)
{
	struct span rest = span_from_cstr(name);
	struct span at = span_cut(&rest, '-');
	struct span who = span_cut(&rest, '-');
	uint8_t bytes[8];

	if (at.len != 15 || who.len != 16 || rest.len != 64 + 6 ||
		!span_eq(span_sub(rest, 64, 6), SPAN(".json5")))
		return false;
	while (at.len > 1 && at.ptr[0] == '0')
		at = span_sub(at, 1, at.len);
	if (span_to_u64(at, 0, UINT64_MAX, &past->at_ms) < 0 ||
		crypto_hex_decode(who, bytes, sizeof(bytes)) < 0 ||
		crypto_hex_decode(span_sub(rest, 0, 64), past->hash, sizeof(past->hash)) < 0)
		return false;
	past->principal = 0;
	for (size_t i = 0; i < sizeof(bytes); i++)
		past->principal = past->principal << 8 | bytes[i];
	return true;
}

static int
newest_first(const void *a, const void *b)
{
	return strcmp(b, a);
}

/* The names that are ours, the newest first. folder stays the caller's. */
static void
list(int folder, struct names *names)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct sup_past past;
	struct dirent *e;

	names->n = 0;
	while (dir != NULL && (e = readdir(dir)) != NULL && names->n < NAMES_MAX) {
		if (parse(e->d_name, &past))
			memcpy(names->rows[names->n++], e->d_name, strlen(e->d_name) + 1);
	}
	if (dir != NULL)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
	qsort(names->rows, names->n, NAME_LEN, newest_first);
}

static int
open_folder(const struct sup *sup)
{
	if (mkdirat(sup->state_fd, FOLDER, 0700) < 0 && errno != EEXIST)
		return -1;
	return openat(sup->state_fd, FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

/* All of text into a new file, on the disk before it is known by its name. */
static int
put_file(int folder, const char *name, struct span text, const struct stat *like)
{
	int fd;
	int rc = 0;

	(void)unlinkat(folder, TEMPORARY, 0);
	fd = openat(folder, TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return ERR_IO;
	while (text.len > 0 && rc == 0) {
		ssize_t n = write(fd, text.ptr, text.len);

		if (n < 0 && errno == EINTR)
			continue;
		rc = n <= 0 ? ERR_IO : 0;
		text = span_sub(text, n <= 0 ? text.len : (size_t)n, text.len);
	}
	/* as root, the file stays its owner's */
	if (rc == 0 && like != NULL && like->st_uid != geteuid() &&
		fchown(fd, like->st_uid, like->st_gid) < 0)
		rc = ERR_IO;
	if (rc == 0 && fsync(fd) < 0)
		rc = ERR_IO;
	close(fd);
	if (rc == 0 && renameat(folder, TEMPORARY, folder, name) < 0)
		rc = ERR_IO;
	if (rc < 0)
		(void)unlinkat(folder, TEMPORARY, 0);
	else if (fsync(folder) < 0)
		rc = ERR_IO;
	return rc;
}

void
supervisor_history_add(
	const struct sup *sup, uint64_t principal, const uint8_t hash[32], struct span text)
{
	struct names *names = mem_alloc(1, sizeof(*names));
	int folder = open_folder(sup);
	struct sup_past past;
	char name[NAME_LEN];
	char hex[65];

	if (folder < 0) {
		log_error("the history of the configuration cannot be opened",
			LOG_ERRNO("errno", errno));
		free(names);
		return;
	}
	list(folder, names);
	if (names->n == 0 || !parse(names->rows[0], &past) || memcmp(past.hash, hash, 32) != 0) {
		crypto_hex_encode(span_of(hash, 32), hex);
		snprintf(name, sizeof(name), "%015llu-%016llx-%s.json5",
			(unsigned long long)ev_wall_ms(), (unsigned long long)principal, hex);
		if (put_file(folder, name, text, NULL) < 0)
			log_error("the history of the configuration cannot be written");
		else
			list(folder, names);
	}
	for (size_t i = CONFIG_HISTORY_MAX; i < names->n; i++)
		(void)unlinkat(folder, names->rows[i], 0);
	close(folder);
	free(names);
}

uint32_t
supervisor_history_get(const struct sup *sup, uint32_t n, struct sup_past *past, int *fd)
{
	struct names *names = mem_alloc(1, sizeof(*names));
	int folder = open_folder(sup);
	uint32_t of = 0;

	*fd = -1;
	if (folder >= 0) {
		list(folder, names);
		of = (uint32_t)names->n;
		if (n < of && parse(names->rows[n], past))
			*fd = openat(folder, names->rows[n], O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		close(folder);
	}
	free(names);
	return of;
}

/* ---- the configuration itself ---- */

/* Its text, at most one file's worth; ERR_NOTFOUND, ERR_IO, ERR_TOOBIG. */
static int
read_config(const struct sup *sup, struct buf *out)
{
	int fd = open(sup->paths.config, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t n = 1;

	if (fd < 0)
		return errno == ENOENT ? ERR_NOTFOUND : ERR_IO;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		n = -1;
	while (n > 0) {
		uint8_t *p = buf_room(out, KIB(64));

		n = p == NULL ? -1 : read(fd, p, KIB(64));
		if (n > 0)
			buf_added(out, (size_t)n);
	}
	close(fd);
	if (n < 0)
		return out->err < 0 ? ERR_TOOBIG : ERR_IO;
	return out->len > CONFIG_FILE_MAX ? ERR_TOOBIG : 0;
}

void
supervisor_history_note(const struct sup *sup)
{
	struct buf text = {.max = CONFIG_FILE_MAX + KIB(64)};
	uint8_t hash[32];

	if (read_config(sup, &text) == 0) {
		crypto_sha256(buf_span(&text), hash);
		supervisor_history_add(sup, 0, hash, buf_span(&text));
	}
	buf_clear(&text);
}

/* Is the file what the writer has seen? The text that is replaced goes into the history, if it is not there yet. */
static int
check_base(const struct sup *sup, const uint8_t *base)
{
	struct buf text = {.max = CONFIG_FILE_MAX + KIB(64)};
	uint8_t hash[32];
	int rc = read_config(sup, &text);

	if (rc == 0) {
		crypto_sha256(buf_span(&text), hash);
		rc = base != NULL && memcmp(base, hash, sizeof(hash)) == 0 ? 0 : ERR_STATE;
	} else if (rc == ERR_NOTFOUND) {
		rc = base == NULL ? 0 : ERR_STATE;
	}
	if (rc == 0 && base != NULL)
		supervisor_history_add(sup, 0, hash, buf_span(&text));
	buf_clear(&text);
	return rc;
}

int
supervisor_config_write(
	const struct sup *sup, uint64_t principal, const uint8_t *base, struct span text)
{
	const char *slash = strrchr(sup->paths.config, '/');
	const char *name = slash == NULL ? sup->paths.config : slash + 1;
	int folder = supervisor_config_folder(sup);
	uint8_t hash[32];
	struct stat st;
	bool there;
	int rc;

	if (folder < 0)
		return ERR_IO;
	there = fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	rc = there && S_ISLNK(st.st_mode) ? ERR_DENIED : check_base(sup, base);
	if (rc == 0)
		rc = put_file(folder, name, text, there ? &st : NULL);
	close(folder);
	if (rc < 0)
		return rc;
	crypto_sha256(text, hash);
	supervisor_history_add(sup, principal, hash, text);
	return 0;
}
