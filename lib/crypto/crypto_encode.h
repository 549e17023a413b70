/* Text forms of bytes: hex, base64, UUIDs, and the forms in which clients send an Ed25519 public
 * key. All strict. */
#ifndef CRYPTO_CRYPTO_ENCODE_H
#define CRYPTO_CRYPTO_ENCODE_H

#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/span.h"
#include "crypto/crypto.h"

#define CRYPTO_UUID_LEN 36

/* Lower-case hex with a NUL: out holds 2 * s.len + 1 bytes. */
void crypto_hex_encode(struct span s, char *out);

/* Exactly n bytes from 2 * n lower-case digits: 0, or ERR_SYNTAX with out zeroed. */
int crypto_hex_decode(struct span s, uint8_t *out, size_t n);

/* RFC 4648 section 4 with padding, and section 5 (URL alphabet) without; appended to out. 0 or
 * ERR_TOOBIG. */
int crypto_base64_put(struct buf *out, struct span s);
int crypto_base64url_put(struct buf *out, struct span s);

/*
 * Decoders, appending to out: 0, ERR_SYNTAX (anything that its encoder does not produce: other
 * alphabet, white space, wrong padding, non-zero spare bits) or ERR_TOOBIG, with nothing appended.
 */
int crypto_base64_decode(struct span s, struct buf *out);
int crypto_base64url_decode(struct span s, struct buf *out);

/* The same for senders who use either: one of the two alphabets, padded or not. */
int crypto_base64any_decode(struct span s, struct buf *out);

/* A random UUID (RFC 9562 version 4), lower-case, with a NUL. */
void crypto_uuid(char out[CRYPTO_UUID_LEN + 1]);

/*
 * An Ed25519 public key as base64url or base64 of its 32 bytes, or as PEM of its
 * SubjectPublicKeyInfo (RFC 8410, 44 bytes of DER; lines end in LF or CRLF, nothing before or after
 * but line ends). 0 or ERR_SYNTAX. Whether the bytes are a usable point shows at the verification.
 */
int crypto_public_decode(struct span s, uint8_t pub[CRYPTO_PUBLIC_LEN]);

#endif
