/* A path given by a model: its parts are names, and none of them leads up or out. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "cell.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cell_path path;

	if (cell_path_parse(span_of(data, size), &path) < 0)
		return 0;
	if (path.n > CELL_PATH_PARTS)
		abort();
	for (size_t i = 0; i < path.n; i++) {
		struct span s = path.parts[i];

		if (s.len == 0 || span_eq(s, SPAN(".")) || span_eq(s, SPAN("..")) ||
			memchr(s.ptr, '/', s.len) != NULL || memchr(s.ptr, '\0', s.len) != NULL)
			abort();
	}
	(void)cell_path_is_instruction(&path);
	return 0;
}
