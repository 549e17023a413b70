/* An address literal that is accepted means the same to the C library, and its canonical text reads
 * back. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "url/addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[ADDR_TEXT_MAX], given[256] = {0};
	uint8_t bytes[16] = {0};
	struct addr a, again;

	if (size >= sizeof(given))
		return 0;
	memcpy(given, data, size);
	if (addr_parse(span_of(data, size), &a) < 0) {
		/* inet_pton() takes no form of IPv6 that we do not */
		if (memchr(data, 0, size) == NULL && size > 0 &&
			inet_pton(AF_INET6, given, bytes) == 1)
			abort();
		return 0;
	}
	if (inet_pton(a.family == 4 ? AF_INET : AF_INET6, given, bytes) != 1 ||
		memcmp(bytes, a.bytes, 16) != 0)
		abort();
	if (addr_format(&a, text) == 0 || addr_parse(span_from_cstr(text), &again) < 0 ||
		!addr_is_equal(&a, &again))
		abort();
	if (addr_classify(&a) == ADDR_UNKNOWN)
		abort();
	return 0;
}
