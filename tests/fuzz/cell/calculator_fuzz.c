/* An expression for the calculator: it always ends, with a number or with an error. */
#include <stdint.h>
#include <stdlib.h>

#include "args/args.h"
#include "cell.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool failed;

void
cell_say_error(struct cell_call *call, const char *what, struct span subject, const char *why)
{
	(void)call;
	(void)subject;
	failed = true;
	if (what == NULL || why == NULL)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cell_result result = {.text = {.max = CELL_OUTPUT_MAX}};
	struct buf list = {.max = MIB(1u)};
	struct args_out out;
	struct cell_call call = {.workspace = -1, .result = &result};

	failed = false;
	args_out_init(&out, &list, false);
	args_out_str(&out, "expression", span_of(data, size));
	if (args_out_done(&out) == 0) {
		call.args = buf_span(&list);
		tool_calculator(&call);
		if (failed == (result.text.len > 0))
			abort();
	}
	buf_clear(&list);
	buf_clear(&result.text);
	return 0;
}
