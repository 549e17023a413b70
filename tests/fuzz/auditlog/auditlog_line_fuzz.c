/* Any bytes as a line of the log: values lie within the line, and a line that is read has the hash of its bytes. */
#include <stdlib.h>

#include "auditlog/auditlog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct auditlog_line line;

	(void)auditlog_line_read(span_of(data, size), &line);
	for (size_t i = 0; i < AUDITLOG_KEYS; i++) {
		struct span v = line.value[i];

		if (v.ptr != NULL && (v.ptr < data || v.ptr + v.len > data + size))
			abort();
	}
	return 0;
}
