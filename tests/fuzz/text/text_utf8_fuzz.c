/* Text in pieces is judged like the whole; cutting, counting and width agree with each other. */
#include <stdlib.h>

#include "base/utf8.h"
#include "text/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span s = span_of(data, size), start;
	struct text_utf8 whole = {0}, pieces = {0};
	bool valid = utf8_is_valid(s);
	size_t at = 0;

	(void)text_utf8_put(&whole, s);
	while (at < size) { /* the bytes themselves say how long the pieces are */
		size_t n = 1 + data[at] % 7u;

		(void)text_utf8_put(&pieces, span_sub(s, at, n));
		at += n;
	}
	if ((text_utf8_finish(&whole) == 0) != valid || (text_utf8_finish(&pieces) == 0) != valid)
		abort();
	if (text_utf8_count(s) > size || text_width(s) > 2 * size)
		abort();
	for (size_t n = 0; n <= size && n < 64; n++) {
		start = text_utf8_truncate(s, n);
		if (start.len > n || (valid && !utf8_is_valid(start)) ||
			(valid && n - start.len > 3))
			abort();
		if (text_width(text_width_truncate(s, n)) > n)
			abort();
	}
	return 0;
}
