#include "cell.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "proto/tools.h"

static void (*const builtins[TOOL_N])(struct cell_call *call) = {
	[TOOL_CALCULATOR] = tool_calculator,
	[TOOL_FILE_READ] = tool_file_read,
	[TOOL_FILE_WRITE] = tool_file_write,
	[TOOL_FILE_LIST] = tool_file_list,
	[TOOL_FILE_SEARCH] = tool_file_search,
	[TOOL_FILE_DELETE] = tool_file_delete,
};

void
cell_say_error(struct cell_call *call, const char *what, struct span subject, const char *why)
{
	struct buf *b = &call->result->text;

	buf_reset(b);
	(void)buf_put_cstr(b, "error: ");
	(void)buf_put_cstr(b, what);
	if (subject.len > 0) {
		(void)buf_put_cstr(b, " \"");
		log_put_safe(b, span_sub(subject, 0, 512));
		(void)buf_put_cstr(b, "\"");
	}
	(void)buf_put_cstr(b, ": ");
	(void)buf_put_cstr(b, why);
	call->result->ok = false;
	call->result->exit_code = 1;
}

void
cell_say_refused(struct cell_call *call, const char *what, struct span subject, enum reason reason,
	const char *why)
{
	cell_say_error(call, what, subject, why);
	call->result->refused = (uint8_t)reason;
}

void
cell_tool_run(unsigned tool, struct cell_call *call)
{
	call->result->ok = true;
	if (tool >= TOOL_N || builtins[tool] == NULL) {
		cell_say_error(call, "tool", SPAN_EMPTY, "there is no such tool");
		return;
	}
	builtins[tool](call);
}
