/* A URL that is accepted has a canonical form that reads back as the same URL, with plain bytes
 * only. */
#include <stdlib.h>
#include <string.h>

#include "url/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf text = {.max = 2 * URL_MAX};
	struct url u, again;

	(void)url_parse_origin(span_of(data, size), &again);
	if (url_parse(span_of(data, size), URL_ALLOW_WS, &u) < 0)
		return 0;
	if (url_put(&text, &u) < 0 || u.kind == URL_HOST_NONE || u.port == 0 || u.target[0] != '/')
		abort();
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (c <= 0x20 || c >= 0x7f || c == '\\' ||
			(c == '@' && i < text.len - u.target_len))
			abort();
	}
	if (text.len <= URL_MAX) {
		if (url_parse(buf_span(&text), URL_ALLOW_WS, &again) < 0 ||
			/* url_parse zeroes all of it: NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-exp42-c,cert-flp37-c) */
			memcmp(&u, &again, sizeof(u)) != 0)
			abort();
	}
	buf_clear(&text);
	return 0;
}
