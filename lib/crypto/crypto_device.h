/* Device identity of the gateway protocol 3: what a device signs when it connects, and the check of
 * it. */
#ifndef CRYPTO_CRYPTO_DEVICE_H
#define CRYPTO_CRYPTO_DEVICE_H

#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/span.h"
#include "crypto/crypto.h"

#define CRYPTO_DEVICE_ID_LEN 64 /* hex digits */

/* The fields of `connect` as they were sent; all borrowed. */
struct crypto_device_claim {
	struct span id;            /* device.id */
	struct span client_id;     /* client.id */
	struct span client_mode;   /* client.mode */
	struct span role;          /* effective role: "operator" where the request has none */
	const struct span *scopes; /* as sent, in that order */
	size_t nscopes;
	uint64_t signed_at_ms;
	struct span token; /* auth.token of this request; empty without one */
	struct span nonce; /* empty without one: the v1 form, else v2 */
};

/* device.id of a key: SHA-256 in lower-case hex, with a NUL. */
void crypto_device_id(const uint8_t pub[CRYPTO_PUBLIC_LEN], char out[CRYPTO_DEVICE_ID_LEN + 1]);

/*
 * The bytes that are signed: "v1|id|client|mode|role|scopes|ms|token" or, with a nonce,
 * "v2|...|token|nonce". 0; ERR_SYNTAX when the text would be ambiguous ('|' in a field other than
 * the token, ',' in a scope, an empty scope); ERR_TOOBIG above out's max. Appends; what is in out
 * after an error means nothing.
 */
int crypto_device_payload_put(struct buf *out, const struct crypto_device_claim *c);

/*
 * Checks a claim: public_key as crypto_public_decode() takes it, signature as base64url or base64.
 * 0; ERR_SYNTAX: key not decodable; ERR_AUTH: id is not that of the key; ERR_CRYPTO: signature
 * wrong (or the payload has no unambiguous form). Time and nonce are the caller's to compare. On 0
 * pub holds the key.
 */
int crypto_device_check(const struct crypto_device_claim *c, struct span public_key,
	struct span signature, uint8_t pub[CRYPTO_PUBLIC_LEN]);

#endif
