/*
 * Text that decodes encodes to itself again, libsodium decodes it alike, and bytes come back from
 * their text. libsodium 1.0.18 takes bytes from 0x80 up for '/': only ASCII is compared with it.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto_encode.h"
#include "crypto/crypto_entropy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
is_ascii(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] >= 0x80)
			return false;
	}
	return true;
}

static void
check(struct span s, int (*decode)(struct span, struct buf *),
	int (*put)(struct buf *, struct span), int variant)
{
	struct buf bytes = {.max = s.len + 1}, text = {.max = 2 * s.len + 8};
	uint8_t *theirs = mem_alloc(s.len + 1, 1);
	size_t n = 0;
	int rc = decode(s, &bytes);
	int their_rc = s.len == 0 ? 0
				  : sodium_base642bin(theirs, s.len + 1, (const char *)s.ptr, s.len,
					    NULL, &n, NULL, variant);

	if (is_ascii(s) && ((rc == 0) != (their_rc == 0) ||
				   (rc == 0 && !span_eq(buf_span(&bytes), span_of(theirs, n)))))
		abort();
	if (rc == 0 && !is_ascii(s))
		abort();
	if (rc == 0 && (put(&text, buf_span(&bytes)) < 0 || !span_eq(buf_span(&text), s)))
		abort();
	buf_reset(&text);
	buf_reset(&bytes);
	if (put(&text, s) < 0 || decode(buf_span(&text), &bytes) < 0 ||
		!span_eq(buf_span(&bytes), s))
		abort();
	buf_clear(&bytes);
	buf_clear(&text);
	free(theirs);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span s = span_of(data, size);
	struct buf any = {.max = size + 1};

	check(s, crypto_base64_decode, crypto_base64_put, sodium_base64_VARIANT_ORIGINAL);
	check(s, crypto_base64url_decode, crypto_base64url_put,
		sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	(void)crypto_base64any_decode(s, &any);
	buf_clear(&any);
	if (crypto_entropy_bits(s) > 8 * size)
		abort();
	return 0;
}
