#include "cell.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/err.h"
#include "base/weak.h"
#include "proto/tools.h"

int
cell_path_parse(struct span text, struct cell_path *out)
{
	static const struct span prefix = {(const uint8_t *)"/workspace/", 11};
	struct span rest = text;

	out->n = 0;
	if (text.len > 4096)
		return ERR_TOOBIG;
	if (span_find_byte(text, 0) >= 0)
		return ERR_SYNTAX;
	if (span_eq(text, SPAN("/workspace")))
		return 0;
	if (span_starts_with(text, prefix)) /* what a shell in the cell calls it */
		rest = span_sub(text, prefix.len, text.len);
	else if (span_starts_with(text, SPAN("/")))
		return ERR_DENIED;
	while (rest.len > 0) {
		struct span part = span_cut(&rest, '/');

		if (part.len == 0 || span_eq(part, SPAN(".")))
			continue;
		if (span_eq(part, SPAN("..")) && !WEAK(PATH_RULES))
			return ERR_DENIED;
		if (part.len > 255 || out->n == CELL_PATH_PARTS)
			return ERR_TOOBIG;
		out->parts[out->n++] = part;
	}
	return 0;
}

bool
cell_path_is_instruction(const struct cell_path *path)
{
	return path->n == 1 && tool_is_instruction(path->parts[0]);
}

static int
open_beneath(int dir, const char *name, int flags, uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC | O_NOFOLLOW),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | resolve,
	};
	long fd;

	if (WEAK(PATH_RULES)) {
		fd = openat(dir, name, flags | O_CLOEXEC);
		return fd < 0 ? ERR_SYS : (int)fd;
	}
	do {
		fd = syscall(__NR_openat2, dir, name, &how, sizeof(how));
	} while (fd < 0 && (errno == EAGAIN || errno == EINTR));
	return fd < 0 ? ERR_SYS : (int)fd;
}

static size_t
join(const struct cell_path *path, size_t n, char *out)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			out[len++] = '/';
		memcpy(out + len, path->parts[i].ptr, path->parts[i].len);
		len += path->parts[i].len;
	}
	if (len == 0)
		out[len++] = '.';
	out[len] = '\0';
	return len;
}

int
cell_path_open(int workspace, const struct cell_path *path, int flags)
{
	char name[4096 + CELL_PATH_PARTS + 2];

	(void)join(path, path->n, name);
	/* The instruction files are mounts of their own, read-only; everything else lies on the workspace's one. */
	return open_beneath(
		workspace, name, flags, cell_path_is_instruction(path) ? 0 : RESOLVE_NO_XDEV);
}

int
cell_path_parent(int workspace, const struct cell_path *path, bool make, char name[256])
{
	int dir = open_beneath(workspace, ".", O_PATH | O_DIRECTORY, RESOLVE_NO_XDEV);

	if (path->n == 0) {
		errno = EISDIR;
		goto fail;
	}
	for (size_t i = 0; dir >= 0 && i < path->n; i++) {
		int next;

		memcpy(name, path->parts[i].ptr, path->parts[i].len);
		name[path->parts[i].len] = '\0';
		if (i + 1 == path->n)
			return dir;
		next = open_beneath(dir, name, O_PATH | O_DIRECTORY, RESOLVE_NO_XDEV);
		if (next < 0 && errno == ENOENT && make && mkdirat(dir, name, 0755) == 0)
			next = open_beneath(dir, name, O_PATH | O_DIRECTORY, RESOLVE_NO_XDEV);
		int saved = errno;
		close(dir);
		errno = saved;
		dir = next;
	}
	return ERR_SYS;
fail:
	if (dir >= 0) {
		int saved = errno;

		close(dir);
		errno = saved;
	}
	return ERR_SYS;
}

int
cell_path_open_file(int workspace, const struct cell_path *path, uint64_t *size)
{
	int fd = cell_path_open(workspace, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return ERR_SYS;
	/* A second name may be somebody else's file, put here by whoever can link. */
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
		(st.st_nlink != 1 && !WEAK(PATH_RULES))) {
		close(fd);
		return ERR_DENIED;
	}
	*size = (uint64_t)st.st_size;
	return fd;
}
