#include "../cell.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "args/args.h"
#include "base/err.h"

static const char *
delete_leaf(int dir, const char *leaf)
{
	struct stat st;

	if (fstatat(dir, leaf, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return "no such file";
	if (unlinkat(dir, leaf, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) == 0)
		return NULL;
	return errno == ENOTEMPTY ? "the folder is not empty" : "deleting failed";
}

void
tool_file_delete(struct cell_call *call)
{
	struct cell_path path;
	struct span name = SPAN_EMPTY;
	char leaf[256];
	const char *why;
	int dir;

	(void)args_get_str(call->args, "path", &name);
	if (cell_path_parse(name, &path) < 0) {
		cell_say_refused(call, "file_delete", name, REASON_PATH,
			"the path leaves the workspace or is malformed");
		return;
	}
	if (cell_path_is_instruction(&path)) {
		cell_say_refused(call, "file_delete", name, REASON_INSTRUCTIONS,
			"instruction files are the owner's; tools do not delete them");
		return;
	}
	dir = cell_path_parent(call->workspace, &path, false, leaf);
	if (dir < 0) {
		cell_say_error(call, "file_delete", name,
			"no such file in the workspace (links are not followed)");
		return;
	}
	why = delete_leaf(dir, leaf);
	close(dir);
	if (why != NULL)
		cell_say_error(call, "file_delete", name, why);
	else
		(void)buf_put_cstr(&call->result->text, "deleted");
}
