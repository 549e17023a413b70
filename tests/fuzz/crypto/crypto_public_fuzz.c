/* A public key that decodes, raw or from PEM, is the key of its own base64url text too. */
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto_encode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t pub[CRYPTO_PUBLIC_LEN], again[CRYPTO_PUBLIC_LEN];
	struct buf text = {.max = 64};

	if (crypto_public_decode(span_of(data, size), pub) < 0)
		return 0;
	if (crypto_base64url_put(&text, span_of(pub, sizeof(pub))) < 0 ||
		crypto_public_decode(buf_span(&text), again) < 0 ||
		memcmp(pub, again, sizeof(pub)) != 0)
		abort();
	buf_clear(&text);
	return 0;
}
