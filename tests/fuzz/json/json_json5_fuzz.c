/* JSON5: what is accepted is a sound tree and valid UTF-8. */
#include "json_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (check_parse(span_of(data, len), JSON_JSON5) == 0)
		CHECK(utf8_is_valid(span_of(data, len)));
	return 0;
}
