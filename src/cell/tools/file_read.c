#include "../cell.h"

#include <errno.h>
#include <string.h>

#include "args/args.h"
#include "base/err.h"
#include "base/limits.h"

/* The part of text from line first (from 1), at most count lines. */
static struct span
lines_of(struct span text, uint64_t first, uint64_t count)
{
	size_t start = 0;
	size_t end;

	for (uint64_t line = 1; line < first; line++) {
		ptrdiff_t at = span_find_byte(span_sub(text, start, text.len), '\n');

		if (at < 0)
			return SPAN_EMPTY;
		start += (size_t)at + 1;
	}
	end = start;
	for (uint64_t i = 0; i < count && end < text.len; i++) {
		ptrdiff_t at = span_find_byte(span_sub(text, end, text.len), '\n');

		end = at < 0 ? text.len : end + (size_t)at + 1;
	}
	return span_sub(text, start, end - start);
}

/* Reads on until the wanted lines are there or the file ends; what lies before them is dropped block by block. */
static int
read_into(int fd, uint64_t first, struct buf *out)
{
	static uint8_t block[65536];
	uint64_t line = 1;
	ssize_t n;

	while ((n = read(fd, block, sizeof(block))) > 0) {
		struct span s = span_of(block, (size_t)n);

		while (line < first && s.len > 0) {
			ptrdiff_t at = span_find_byte(s, '\n');

			s = at < 0 ? SPAN_EMPTY : span_sub(s, (size_t)at + 1, s.len);
			line += at < 0 ? 0 : 1;
		}
		if (buf_put(out, span_sub(s, 0, out->max - out->len)) < 0)
			return ERR_TOOBIG;
		if (out->len == out->max)
			break;
	}
	return n < 0 ? ERR_IO : 0;
}

void
tool_file_read(struct cell_call *call)
{
	struct cell_path path;
	struct span name = SPAN_EMPTY;
	uint64_t size, first = 1, count = UINT64_MAX;
	struct buf b = {.max = FILE_READ_MAX + 1};
	struct span wanted;
	int rc, fd;

	(void)args_get_str(call->args, "path", &name);
	(void)args_get_u64(call->args, "offset", 0, UINT64_MAX, &first);
	(void)args_get_u64(call->args, "limit", 0, UINT64_MAX, &count);
	rc = cell_path_parse(name, &path);
	if (rc < 0) {
		cell_say_refused(call, "file_read", name, REASON_PATH,
			"the path leaves the workspace or is malformed");
		return;
	}
	fd = cell_path_open_file(call->workspace, &path, &size);
	if (fd == ERR_DENIED) {
		cell_say_refused(
			call, "file_read", name, REASON_PATH, "not a plain file with one name");
		return;
	}
	if (fd < 0) {
		cell_say_error(call, "file_read", name,
			errno == ENOENT ? "no such file"
					: "not readable in the workspace (links are not followed)");
		return;
	}
	if (read_into(fd, first, &b) < 0) {
		cell_say_error(call, "file_read", name, "reading failed");
	} else {
		wanted = lines_of(buf_span(&b), 1, count);
		call->result->truncated = wanted.len > FILE_READ_MAX;
		(void)buf_put(&call->result->text, span_sub(wanted, 0, FILE_READ_MAX));
	}
	close(fd);
	buf_clear(&b);
}
