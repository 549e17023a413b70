#include "../cell.h"
#include "file_walk.h"

#include <errno.h>
#include <fcntl.h>

#include "args/args.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"

static void
put_entry(struct buf *out, const struct walk *w)
{
	const char *kind = S_ISDIR(w->st.st_mode)   ? "dir "
			   : S_ISREG(w->st.st_mode) ? "file"
			   : S_ISLNK(w->st.st_mode) ? "link"
						    : "other";

	(void)buf_put_fmt(out, "%s %10llu ", kind, (unsigned long long)w->st.st_size);
	log_put_safe(out, span_of(w->path, w->path_len));
	(void)buf_put_u8(out, '\n');
}

void
tool_file_list(struct cell_call *call)
{
	static struct walk w;
	struct cell_path path;
	struct span name = SPAN_EMPTY;
	bool deep = false;
	size_t n = 0;
	int fd;

	(void)args_get_str(call->args, "path", &name);
	(void)args_get_bool(call->args, "recursive", &deep);
	if (cell_path_parse(name, &path) < 0) {
		cell_say_refused(call, "file_list", name, REASON_PATH,
			"the path leaves the workspace or is malformed");
		return;
	}
	fd = cell_path_open(call->workspace, &path, O_RDONLY | O_DIRECTORY);
	if (fd < 0 || walk_start(&w, fd) < 0) {
		cell_say_error(call, "file_list", name,
			"no such folder in the workspace (links are not followed)");
		return;
	}
	while (walk_next(&w)) {
		if (n == FILE_LIST_MAX || call->result->text.len + 8192 > call->result->text.max) {
			call->result->truncated = true;
			break;
		}
		n++;
		put_entry(&call->result->text, &w);
		if (deep && S_ISDIR(w.st.st_mode))
			walk_enter(&w);
	}
	walk_end(&w);
}
