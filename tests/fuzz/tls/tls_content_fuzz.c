/* What tls may have signed: whatever is good is the one head of RFC 8446, 4.4.3, byte by byte, and a hash of one of two lengths. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tls/tls_content.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char head[] =
		"                                                                "
		"TLS 1.3, server CertificateVerify";
	bool good = (size == sizeof(head) + 32 || size == sizeof(head) + 48) &&
		    memcmp(data, head, sizeof(head)) == 0;

	if (tls_content_is_good(span_of(data, size)) != good)
		abort();
	return 0;
}
