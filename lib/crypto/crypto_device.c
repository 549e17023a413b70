#include "crypto/crypto_device.h"

#include "base/err.h"
#include "base/limits.h"
#include "crypto/crypto_encode.h"

void
crypto_device_id(const uint8_t pub[CRYPTO_PUBLIC_LEN], char out[CRYPTO_DEVICE_ID_LEN + 1])
{
	uint8_t hash[CRYPTO_SHA256_LEN];

	crypto_sha256(span_of(pub, CRYPTO_PUBLIC_LEN), hash);
	crypto_hex_encode(span_of(hash, sizeof(hash)), out);
}

/*
 * The fields are joined by '|'. Only the token may hold one: it stands last (v1) or before a nonce
 * that holds none (v2), so two different claims never have the same text.
 */
static bool
is_unambiguous(const struct crypto_device_claim *c)
{
	const struct span fields[] = {c->id, c->client_id, c->client_mode, c->role, c->nonce};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (span_find_byte(fields[i], '|') >= 0)
			return false;
	}
	for (size_t i = 0; i < c->nscopes; i++) {
		struct span s = c->scopes[i];

		if (s.len == 0 || span_find_byte(s, '|') >= 0 || span_find_byte(s, ',') >= 0)
			return false;
	}
	return true;
}

int
crypto_device_payload_put(struct buf *out, const struct crypto_device_claim *c)
{
	const struct span head[] = {c->id, c->client_id, c->client_mode, c->role};

	if (!is_unambiguous(c))
		return ERR_SYNTAX;
	buf_put(out, c->nonce.len > 0 ? SPAN("v2|") : SPAN("v1|"));
	for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++) {
		buf_put(out, head[i]);
		buf_put_u8(out, '|');
	}
	for (size_t i = 0; i < c->nscopes; i++) {
		if (i > 0)
			buf_put_u8(out, ',');
		buf_put(out, c->scopes[i]);
	}
	buf_put_u8(out, '|');
	buf_put_u64_dec(out, c->signed_at_ms);
	buf_put_u8(out, '|');
	buf_put(out, c->token);
	if (c->nonce.len > 0) {
		buf_put_u8(out, '|');
		buf_put(out, c->nonce);
	}
	return out->err;
}

int
crypto_device_check(const struct crypto_device_claim *c, struct span public_key,
	struct span signature, uint8_t pub[CRYPTO_PUBLIC_LEN])
{
	struct buf payload = {.max = DEVICE_PAYLOAD_MAX}, sig = {.max = CRYPTO_SIGNATURE_LEN};
	char id[CRYPTO_DEVICE_ID_LEN + 1];
	int rc = ERR_CRYPTO;

	if (crypto_public_decode(public_key, pub) < 0)
		return ERR_SYNTAX;
	crypto_device_id(pub, id);
	if (!span_eq(c->id, span_from_cstr(id)))
		return ERR_AUTH;
	if (crypto_base64any_decode(signature, &sig) == 0 &&
		crypto_device_payload_put(&payload, c) == 0)
		rc = crypto_ed25519_verify(pub, buf_span(&payload), buf_span(&sig));
	if (payload.ptr != NULL)
		secret_wipe(payload.ptr, payload.cap); /* it holds the token */
	buf_clear(&payload);
	buf_clear(&sig);
	return rc;
}
