#include "tls/tls_content.h"

#define SPACES 64u

bool
tls_content_is_good(struct span content)
{
	/* the zero byte behind the text is the literal's own */
	static const char text[] = "TLS 1.3, server CertificateVerify";
	size_t head = SPACES + sizeof(text);

	if (content.len != head + 32 && content.len != head + 48)
		return false;
	for (size_t i = 0; i < SPACES; i++) {
		if (content.ptr[i] != ' ')
			return false;
	}
	return span_eq(span_sub(content, SPACES, sizeof(text)), span_of(text, sizeof(text)));
}
