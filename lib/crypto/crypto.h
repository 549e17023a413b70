/*
 * The cryptography of the program: a small set of operations over libsodium with nothing to choose,
 * so that there is little to choose wrongly. crypto_init() comes first in every process that uses
 * any of them; the functions that need it end the process (abort) when it has not been called.
 */
#ifndef CRYPTO_CRYPTO_H
#define CRYPTO_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/secret.h"
#include "base/span.h"

#define CRYPTO_KEY_LEN 32 /* symmetric keys */
#define CRYPTO_MAC_LEN 32 /* crypto_mac */
#define CRYPTO_SHA256_LEN 32
#define CRYPTO_SEED_LEN 32      /* Ed25519 seed */
#define CRYPTO_PUBLIC_LEN 32    /* Ed25519 public key */
#define CRYPTO_PRIVATE_LEN 64   /* Ed25519 seed and public key, as libsodium keeps them */
#define CRYPTO_SIGNATURE_LEN 64 /* Ed25519 signature */
#define CRYPTO_SEAL_EXTRA 40    /* bytes that sealing adds: nonce 24, tag 16 */

/* Once per process, before sandboxing (it may open /dev/urandom on old kernels). 0 or ERR_CRYPTO.
 * May be repeated. */
int crypto_init(void);

/* Random bytes of the kernel's generator; never fails (the process ends when there is no
 * randomness). */
void crypto_random(void *out, size_t len);
uint64_t crypto_random_u64(void);

/*
 * Are two secrets the same bytes. Compares HMAC-SHA256 of both under a random key of this process,
 * so the time tells nothing about where they differ (it grows with the lengths). An empty secret
 * equals nothing, not even another empty one: what was never set lets nobody in. False above
 * SECRET_LEN_MAX bytes.
 */
bool crypto_secret_equal(struct span a, struct span b);

/* Equal bytes in constant time, for two values of the same public length n (hashes, MACs). */
bool crypto_bytes_equal(const uint8_t *a, const uint8_t *b, size_t n);

/*
 * Keyed hash (BLAKE2b-256) over a list of spans. Every span, the domain and the number of spans are
 * framed with their length: no two different lists give the same input. domain says what the value
 * is for ("warrant v1"): a MAC made in one domain is never valid in another.
 */
void crypto_mac(const uint8_t key[CRYPTO_KEY_LEN], const char *domain, const struct span *spans,
	size_t n, uint8_t out[CRYPTO_MAC_LEN]);

/* 0, or ERR_CRYPTO when mac (any length) is not the MAC of these spans. Constant time. */
int crypto_mac_check(const uint8_t key[CRYPTO_KEY_LEN], const char *domain,
	const struct span *spans, size_t n, struct span mac);

/*
 * A new key from a key (BLAKE2b-256): for a ratchet derive the next key and wipe the old one; for
 * several keys from one use one domain each. Derived keys and MACs under the same key never
 * coincide. out may be key itself.
 */
void crypto_derive(const uint8_t key[CRYPTO_KEY_LEN], const char *domain, struct span info,
	uint8_t out[CRYPTO_KEY_LEN]);

#define CRYPTO_SALT_LEN 16

/*
 * A key from a passphrase (Argon2id, libsodium's "moderate" cost: about a second and 256 MiB). 0;
 * ERR_MISSING for an empty passphrase; ERR_NOMEM.
 */
int crypto_stretch(
	struct span passphrase, const uint8_t salt[CRYPTO_SALT_LEN], uint8_t out[CRYPTO_KEY_LEN]);

/* SHA-256, whole and in parts. The state holds no secret worth wiping unless its input was one. */
struct crypto_sha256 {
	uint8_t state[128] __attribute__((aligned(16)));
};
void crypto_sha256(struct span s, uint8_t out[CRYPTO_SHA256_LEN]);
void crypto_sha256_init(struct crypto_sha256 *h);
void crypto_sha256_put(struct crypto_sha256 *h, struct span s);
void crypto_sha256_final(struct crypto_sha256 *h, uint8_t out[CRYPTO_SHA256_LEN]);

/* Ed25519 (RFC 8032). Caller wipes priv with secret_wipe(). */
void crypto_keypair(const uint8_t seed[CRYPTO_SEED_LEN], uint8_t pub[CRYPTO_PUBLIC_LEN],
	uint8_t priv[CRYPTO_PRIVATE_LEN]);
void crypto_ed25519_sign(
	const uint8_t priv[CRYPTO_PRIVATE_LEN], struct span msg, uint8_t sig[CRYPTO_SIGNATURE_LEN]);

/*
 * 0 or ERR_CRYPTO. Strict: refuses signatures of another length, a non-canonical S, and keys or R
 * values that are non-canonical or of small order.
 */
int crypto_ed25519_verify(const uint8_t pub[CRYPTO_PUBLIC_LEN], struct span msg, struct span sig);

/*
 * XChaCha20-Poly1305 (IETF) under a random nonce: appends nonce, ciphertext and tag to out,
 * CRYPTO_SEAL_EXTRA more bytes than plain. ad is authenticated, not stored: say in it what is
 * sealed and for which place. 0 or ERR_TOOBIG.
 */
int crypto_seal(
	const uint8_t key[CRYPTO_KEY_LEN], struct span ad, struct span plain, struct buf *out);

/*
 * The reverse: appends the plain text to out. 0, ERR_TOOBIG, or ERR_CRYPTO (wrong key, wrong ad,
 * changed or cut), with nothing appended. Caller wipes out->ptr (cap bytes) before clearing it when
 * the content is secret.
 */
int crypto_open(
	const uint8_t key[CRYPTO_KEY_LEN], struct span ad, struct span sealed, struct buf *out);

/* The same straight into a secret; on error the former content is gone. Also ERR_NOMEM. */
int crypto_open_secret(
	const uint8_t key[CRYPTO_KEY_LEN], struct span ad, struct span sealed, struct secret *out);

#endif
