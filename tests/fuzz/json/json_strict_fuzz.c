/* Strict JSON: what is accepted is a sound tree, is valid UTF-8, and is JSON5 too. */
#include "json_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct span text = span_of(data, len);

	if (check_parse(text, JSON_STRICT) == 0) {
		CHECK(utf8_is_valid(text));
		CHECK(check_parse(text, JSON_JSON5) == 0);
	}
	return 0;
}
