/* Durations, sizes and session keys that are accepted write back to what reads the same. */
#include <stdlib.h>

#include "text/ident.h"
#include "text/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span s = span_of(data, size);
	struct buf b = {.max = 1024}, again = {.max = 1024};
	uint64_t v = 0, w = 0;

	if (text_duration_parse(s, 1000, UINT64_MAX, &v) == 0) {
		text_duration_put(&b, v);
		if (text_duration_parse(buf_span(&b), 0, UINT64_MAX, &w) < 0 || v != w)
			abort();
		text_duration_put_short(&b, v);
	}
	buf_reset(&b);
	if (text_size_parse(s, UINT64_MAX, &v) == 0) {
		text_size_put(&b, v);
		if (text_size_parse(buf_span(&b), UINT64_MAX, &w) < 0 || v != w)
			abort();
		text_size_put_short(&b, v);
	}
	buf_reset(&b);
	if (text_session_key_put(&b, s) == 0) {
		if (text_session_key_put(&again, buf_span(&b)) < 0 ||
			!span_eq(buf_span(&b), buf_span(&again)))
			abort();
	}
	buf_reset(&b);
	display_name_put(&b, display_name_of(s));
	for (size_t i = 0; i < b.len; i++) {
		if (b.ptr[i] < 0x20 || b.ptr[i] == 0x7f)
			abort();
	}
	buf_clear(&b);
	buf_clear(&again);
	return 0;
}
