#include "../cell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "args/args.h"
#include "base/err.h"

/* What stands under the name now: nothing, or a plain file with one name. */
static const char *
refusal(int dir, const char *name)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? NULL : "the folder cannot be read";
	if (!S_ISREG(st.st_mode))
		return "there is something that is not a plain file";
	return st.st_nlink == 1 ? NULL : "the file has other names (hard links)";
}

/* The content under a name of our own, then moved to the wanted one: a reader sees the old or the new, whole. */
static int
write_whole(int dir, const char *name, struct span content, bool keep)
{
	char temp[64];
	uint64_t random = 0;
	size_t done = 0;
	int fd;

	if (syscall(__NR_getrandom, &random, sizeof(random), 0) != (long)sizeof(random))
		return ERR_SYS;
	(void)snprintf(temp, sizeof(temp), ".moltbot-%016llx.tmp", (unsigned long long)random);
	fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return ERR_SYS;
	while (done < content.len) {
		ssize_t n = write(fd, content.ptr + done, content.len - done);

		if (n < 0)
			break;
		done += (size_t)n;
	}
	if (close(fd) != 0 || done < content.len ||
		renameat2(dir, temp, dir, name, keep ? RENAME_NOREPLACE : 0) != 0) {
		int saved = errno;

		(void)unlinkat(dir, temp, 0);
		errno = saved;
		return ERR_SYS;
	}
	return 0;
}

static bool
is_there(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Into the folder, under that name; what could not be done is said. */
static void
write_leaf(struct cell_call *call, int dir, const char *leaf, struct span name, struct span content)
{
	const char *why = refusal(dir, leaf);
	bool kept = why == NULL && call->keep && is_there(dir, leaf);

	if (why == NULL && !kept && write_whole(dir, leaf, content, call->keep) < 0) {
		kept = call->keep && errno == EEXIST;
		why = errno == ENOSPC || errno == EDQUOT ? "no room left" : "writing failed";
	}
	if (kept) {
		cell_say_refused(call, "file_write", name, REASON_TAINTED,
			"there is such a file, and the run has read content that the owner did not "
			"write: nobody is there to approve replacing it");
	} else if (why != NULL) {
		cell_say_error(call, "file_write", name, why);
	} else {
		(void)buf_put_cstr(&call->result->text, "wrote ");
		(void)buf_put_u64_dec(&call->result->text, content.len);
		(void)buf_put_cstr(&call->result->text, " bytes");
	}
}

void
tool_file_write(struct cell_call *call)
{
	struct cell_path path;
	struct span name = SPAN_EMPTY, content = SPAN_EMPTY;
	char leaf[256];
	int dir;

	(void)args_get_str(call->args, "path", &name);
	(void)args_get_str(call->args, "content", &content);
	if (cell_path_parse(name, &path) < 0) {
		cell_say_refused(call, "file_write", name, REASON_PATH,
			"the path leaves the workspace or is malformed");
		return;
	}
	if (cell_path_is_instruction(&path)) {
		cell_say_refused(call, "file_write", name, REASON_INSTRUCTIONS,
			"instruction files are the owner's; tools do not change them");
		return;
	}
	dir = cell_path_parent(call->workspace, &path, true, leaf);
	if (dir < 0) {
		cell_say_error(call, "file_write", name,
			errno == EISDIR
				? "that is a folder"
				: "the folder is not in the workspace (links are not followed)");
		return;
	}
	write_leaf(call, dir, leaf, name, content);
	close(dir);
}
