/* A tool call's arguments, checked against the tool's table: what passes is canonical, so it passes again unchanged. */
#include <stdint.h>
#include <stdlib.h>

#include "args/args.h"
#include "base/mem.h"
#include "proto/tools.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf once = {.max = MIB(1u)};
	struct buf twice = {.max = MIB(1u)};
	struct span what = SPAN_EMPTY;
	unsigned tool = size > 0 ? data[0] : 0;

	if (size > 0 && tool_args_check(tool, span_of(data + 1, size - 1), &once, &what) == 0 &&
		(tool_args_check(tool, buf_span(&once), &twice, &what) != 0 ||
			!span_eq(buf_span(&once), buf_span(&twice))))
		abort();
	buf_clear(&once);
	buf_clear(&twice);
	return 0;
}
