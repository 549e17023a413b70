/* Names from outside: ids, session keys, what is shown of a display name. */
#include <stdint.h>
#include <stdlib.h>

#include "text/ident.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span s = span_of(data, size);
	struct buf key = {.max = KIB(4u)};
	struct buf again = {.max = KIB(4u)};
	struct text_ident ident;

	if (text_session_key_put(&key, s) == 0 &&
		(text_session_key_put(&again, buf_span(&key)) != 0 ||
			!span_eq(buf_span(&key), buf_span(&again))))
		abort();
	buf_reset(&again);
	display_name_put(&again, display_name_of(s));
	for (size_t i = 0; i < again.len; i++)
		if (again.ptr[i] < 0x20 || again.ptr[i] == 0x7f)
			abort();
	if (text_is_id(s) &&
		(text_ident_set(&ident, 1, s, 1, s) != 0 || !text_ident_is_equal(&ident, &ident)))
		abort();
	buf_clear(&key);
	buf_clear(&again);
	return 0;
}
