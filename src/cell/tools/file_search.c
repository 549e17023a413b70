#include "../cell.h"
#include "file_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "args/args.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"

#define FILE_MAX MIB(4u) /* bytes looked at in one file */
#define LINE_SHOWN 256

/* '*' any bytes, '?' one: with one place to come back to, so no worse than the product of the lengths. */
static bool
name_fits(const char *name, struct span glob)
{
	size_t g = 0, n = 0, star = SIZE_MAX, resume = 0;
	size_t len = strlen(name);

	while (n < len) {
		if (g < glob.len && (glob.ptr[g] == '?' || glob.ptr[g] == (uint8_t)name[n]) &&
			glob.ptr[g] != '*') {
			g++;
			n++;
		} else if (g < glob.len && glob.ptr[g] == '*') {
			star = g++;
			resume = n;
		} else if (star != SIZE_MAX) {
			g = star + 1;
			n = ++resume;
		} else {
			return false;
		}
	}
	while (g < glob.len && glob.ptr[g] == '*')
		g++;
	return g == glob.len;
}

static bool
has_room(struct cell_call *call, size_t found)
{
	if (found < FILE_SEARCH_MAX && call->result->text.len + 8192 < call->result->text.max)
		return true;
	call->result->truncated = true;
	return false;
}

static void
search_text(struct cell_call *call, const struct walk *w, struct span text, struct span needle,
	size_t *found)
{
	struct buf *out = &call->result->text;
	uint64_t line = 0;

	while (text.len > 0) {
		struct span one = span_cut(&text, '\n');

		line++;
		if (span_find(one, needle) < 0)
			continue;
		if (!has_room(call, *found))
			return;
		++*found;
		log_put_safe(out, span_of(w->path, w->path_len));
		(void)buf_put_fmt(out, ":%llu: ", (unsigned long long)line);
		log_put_safe(out, span_sub(one, 0, LINE_SHOWN));
		(void)buf_put_u8(out, '\n');
	}
}

static void
search_file(struct cell_call *call, const struct walk *w, struct span needle, size_t *found)
{
	static uint8_t text[FILE_MAX];
	size_t len = 0;
	ssize_t n = 0;
	int fd;

	if (w->st.st_nlink != 1)
		return;
	fd = openat(walk_dirfd(w), walk_name(w),
		O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return;
	while (len < sizeof(text) && (n = read(fd, text + len, sizeof(text) - len)) > 0)
		len += (size_t)n;
	close(fd);
	if (span_find_byte(span_of(text, len < 4096 ? len : 4096), 0) <
		0) /* binary files are passed over */
		search_text(call, w, span_of(text, len), needle, found);
}

void
tool_file_search(struct cell_call *call)
{
	static struct walk w;
	struct cell_path path;
	struct span where = SPAN_EMPTY, needle = SPAN_EMPTY, glob = SPAN("*");
	size_t found = 0;
	int fd;

	(void)args_get_str(call->args, "path", &where);
	(void)args_get_str(call->args, "text", &needle);
	(void)args_get_str(call->args, "name", &glob);
	if (cell_path_parse(where, &path) < 0) {
		cell_say_refused(call, "file_search", where, REASON_PATH,
			"the path leaves the workspace or is malformed");
		return;
	}
	fd = cell_path_open(call->workspace, &path, O_RDONLY | O_DIRECTORY);
	if (fd < 0 || walk_start(&w, fd) < 0) {
		cell_say_error(call, "file_search", where,
			"no such folder in the workspace (links are not followed)");
		return;
	}
	while (!call->result->truncated && walk_next(&w)) {
		if (S_ISDIR(w.st.st_mode)) {
			walk_enter(&w);
		} else if (S_ISREG(w.st.st_mode) && name_fits(walk_name(&w), glob)) {
			if (needle.len > 0) {
				search_file(call, &w, needle, &found);
				continue;
			}
			if (!has_room(call, found))
				break;
			found++;
			log_put_safe(&call->result->text, span_of(w.path, w.path_len));
			(void)buf_put_u8(&call->result->text, '\n');
		}
	}
	walk_end(&w);
	if (found == 0)
		(void)buf_put_cstr(&call->result->text, "nothing found\n");
}
