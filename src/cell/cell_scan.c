/* What lies in the workspace, by content: for the labels of files. Nothing of a program runs in such a cell. */
#include "cell.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "args/args.h"
#include "base/err.h"
#include "base/limits.h"
#include "crypto/crypto.h"
#include "ipc/ipc.h"
#include "proto/scan.h"
#include "proto/tools.h"
#include "tools/file_walk.h"

#define SECOND 1000000000ull

struct scan {
	struct span table;
	uint64_t since;
	size_t entries;
	size_t changed;
	bool missed;                    /* something could not be looked at */
	bool moved[WALK_DEPTH_MAX + 1]; /* did the folder of this level change */
};

static void
put_size(uint64_t size, uint8_t out[SCAN_SIZE_LEN])
{
	for (size_t i = 0; i < SCAN_SIZE_LEN; i++)
		out[i] = (uint8_t)(size >> (8 * (SCAN_SIZE_LEN - 1 - i)));
}

/* The first record whose leading n bytes are not less than key's. */
static bool
has_record(const struct scan *s, const uint8_t *key, size_t n)
{
	size_t low = 0;
	size_t high = s->table.len / SCAN_RECORD_LEN;
	size_t end = high;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (memcmp(s->table.ptr + mid * SCAN_RECORD_LEN, key, n) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < end && memcmp(s->table.ptr + low * SCAN_RECORD_LEN, key, n) == 0;
}

/* By the kernel's word, which programs cannot set. Where it has whole seconds only, a little too much counts as changed. */
static bool
is_changed(const struct scan *s, const struct stat *st)
{
	uint64_t sec = st->st_ctim.tv_sec < 0 ? 0 : (uint64_t)st->st_ctim.tv_sec;
	uint64_t nsec = (uint64_t)st->st_ctim.tv_nsec;

	if (s->since == SCAN_SINCE_ALL || s->since == SCAN_SINCE_NONE)
		return s->since == SCAN_SINCE_ALL;
	if (nsec == 0)
		return sec + 2 >= s->since / SECOND;
	return sec * SECOND + nsec >= s->since;
}

static int
hash_file(int fd, uint8_t out[SCAN_HASH_LEN])
{
	static uint8_t block[65536];
	struct crypto_sha256 h;
	ssize_t n;

	crypto_sha256_init(&h);
	while ((n = read(fd, block, sizeof(block))) > 0)
		crypto_sha256_put(&h, span_of(block, (size_t)n));
	crypto_sha256_final(&h, out);
	return n < 0 ? ERR_IO : 0;
}

static void
hash_name(struct span path, uint8_t out[SCAN_HASH_LEN])
{
	struct crypto_sha256 h;

	crypto_sha256_init(&h);
	crypto_sha256_put(&h, SPAN(SCAN_NAME));
	crypto_sha256_put(&h, path);
	crypto_sha256_final(&h, out);
}

static void
tell(struct scan *s, uint64_t size, const uint8_t hash[SCAN_HASH_LEN], bool changed)
{
	uint8_t record[SCAN_RECORD_LEN];

	put_size(size, record);
	memcpy(record + SCAN_SIZE_LEN, hash, SCAN_HASH_LEN);
	if (!changed && !has_record(s, record, sizeof(record)))
		return;
	if ((changed && ++s->changed > FILE_LABELS_MAX) ||
		cell_msg_send(SANDBOX_CELL_FOUND, &(struct sandbox_cell_found){.size = size,
							  .hash = span_of(hash, SCAN_HASH_LEN),
							  .changed = changed}) < 0)
		s->missed = true;
}

/* Contents are read only where the size or the time says that it may matter. */
static void
look_at_file(struct scan *s, const struct walk *w)
{
	uint64_t size = (uint64_t)w->st.st_size;
	bool changed = is_changed(s, &w->st);
	uint8_t hash[SCAN_HASH_LEN];
	uint8_t key[SCAN_SIZE_LEN];
	int fd;

	put_size(size, key);
	if (!changed && !has_record(s, key, sizeof(key)))
		return;
	fd = openat(walk_dirfd(w), walk_name(w),
		O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0 && hash_file(fd, hash) == 0)
		tell(s, size, hash, changed);
	else if (changed || w->st.st_uid == geteuid()) /* else programs cannot read it, either */
		s->missed = true;
	if (fd >= 0)
		close(fd);
}

/*
 * A folder's time changes with what lies in it; it is new, or has a new name, only when the one above changed as well. Missing
 * instruction files are made by us, empty.
 */
static void
look_at_name(struct scan *s, const struct walk *w)
{
	struct span path = span_of(w->path, w->path_len);
	bool changed = is_changed(s, &w->st) && (!S_ISDIR(w->st.st_mode) || s->moved[w->depth - 1]);
	uint8_t hash[SCAN_HASH_LEN];

	if (S_ISREG(w->st.st_mode) && w->depth == 1 && tool_is_instruction(path))
		return;
	hash_name(path, hash);
	tell(s, 0, hash, changed);
}

static void
look_at(struct scan *s, struct walk *w)
{
	size_t depth = w->depth;
	bool ours = w->st.st_uid == geteuid();

	if (S_ISREG(w->st.st_mode) && w->st.st_size > 0) {
		look_at_file(s, w);
		return;
	}
	look_at_name(s, w);
	if (!S_ISDIR(w->st.st_mode))
		return;
	s->moved[depth] = is_changed(s, &w->st);
	errno = 0;
	walk_enter(w);
	/* a folder of somebody else that lets nobody in lets programs in no more than us */
	if (w->depth == depth && (ours || errno != EACCES))
		s->missed = true;
}

static void
scan_all(struct scan *s, int dir)
{
	static struct walk w;
	struct stat st;
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) != 0 || walk_start(&w, fd) < 0) {
		s->missed = true;
		return;
	}
	s->moved[0] = is_changed(s, &st);
	while (!s->missed && walk_next(&w)) {
		if (++s->entries > FILE_SCAN_MAX)
			s->missed = true;
		else
			look_at(s, &w);
	}
	s->missed = s->missed || w.missed;
	walk_end(&w);
}

/* The one file that the call will read; what it will not read need not be looked at. */
static void
scan_one(struct scan *s, int dir, struct span name)
{
	struct cell_path path;
	uint64_t size;
	uint8_t hash[SCAN_HASH_LEN];
	int fd = cell_path_parse(name, &path) == 0 ? cell_path_open_file(dir, &path, &size)
						   : ERR_DENIED;

	if (fd < 0)
		return;
	if (hash_file(fd, hash) == 0)
		tell(s, size, hash, false);
	else
		s->missed = true;
	close(fd);
}

static int
scan(const struct sandbox_cell_scan *m, struct span table)
{
	static struct scan s;
	struct span name = SPAN_EMPTY;
	int dir = openat(AT_FDCWD, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	s.table = table;
	s.since = m->since;
	if (dir < 0 || cell_jail_builtin() < 0)
		return 2;
	if (m->tool == TOOL_FILE_READ && m->since == SCAN_SINCE_NONE &&
		args_get_str(m->args, "path", &name) == 0)
		scan_one(&s, dir, name);
	else
		scan_all(&s, dir);
	return s.missed ? 1 : 0;
}

int
cell_serve_scan(const struct sandbox_cell_scan *m)
{
	struct span table = SPAN_EMPTY;
	int status = 1;
	pid_t pid;

	if (m->table >= 0 &&
		ipc_body_get(m->table, FILE_LABELS_MAX * SCAN_RECORD_LEN, &table) < 0) {
		cell_msg_send_failed("table", EINVAL);
		return ERR_PROTO;
	}
	pid = fork();
	if (pid == 0)
		_exit(scan(m, table));
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		cell_msg_send_failed("worker", errno);
		return ERR_SYS;
	}
	return cell_msg_send(SANDBOX_CELL_DONE,
		&(struct sandbox_cell_done){.ok = status == 0, .exit_code = status});
}
