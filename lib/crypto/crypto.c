#include "crypto/crypto.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/weak.h"

#define NONCE_LEN crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_LEN crypto_aead_xchacha20poly1305_ietf_ABYTES

_Static_assert(CRYPTO_SEAL_EXTRA == NONCE_LEN + TAG_LEN, "nonce and tag");
_Static_assert(CRYPTO_KEY_LEN == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key of the box");
_Static_assert(CRYPTO_PRIVATE_LEN == crypto_sign_ed25519_SECRETKEYBYTES, "private key");
_Static_assert(
	sizeof(struct crypto_sha256) >= sizeof(crypto_hash_sha256_state), "room for the state");

static bool ready;
static uint8_t compare_key[crypto_auth_hmacsha256_KEYBYTES];

static void
need_init(void)
{
	if (!ready)
		abort();
}

int
crypto_init(void)
{
	if (ready)
		return 0;
	if (sodium_init() < 0)
		return ERR_CRYPTO;
	randombytes_buf(compare_key, sizeof(compare_key));
	ready = true;
	return 0;
}

void
crypto_random(void *out, size_t len)
{
	need_init();
	randombytes_buf(out, len);
}

uint64_t
crypto_random_u64(void)
{
	uint64_t v = 0;

	crypto_random(&v, sizeof(v));
	return v;
}

/* libsodium's functions take no NULL, not even for zero bytes. */
static const uint8_t *
bytes(struct span s)
{
	static const uint8_t none[1];

	return s.len == 0 ? none : s.ptr;
}

bool
crypto_secret_equal(struct span a, struct span b)
{
	uint8_t ha[crypto_auth_hmacsha256_BYTES], hb[crypto_auth_hmacsha256_BYTES];
	bool same;

	need_init();
	if (a.len > SECRET_LEN_MAX || b.len > SECRET_LEN_MAX)
		return false;
	if (WEAK(SECRET_TIME))
		return span_eq(a, b) && a.len > 0;
	crypto_auth_hmacsha256(ha, bytes(a), a.len, compare_key);
	crypto_auth_hmacsha256(hb, bytes(b), b.len, compare_key);
	same = sodium_memcmp(ha, hb, sizeof(ha)) == 0;
	sodium_memzero(ha, sizeof(ha));
	sodium_memzero(hb, sizeof(hb));
	return same && a.len > 0;
}

bool
crypto_bytes_equal(const uint8_t *a, const uint8_t *b, size_t n)
{
	return sodium_memcmp(a, b, n) == 0;
}

static void
put_len(crypto_generichash_state *h, uint64_t v)
{
	uint8_t b[8];

	for (unsigned i = 0; i < 8; i++)
		b[i] = (uint8_t)(v >> (8 * i));
	crypto_generichash_update(h, b, sizeof(b));
}

static void
put_framed(crypto_generichash_state *h, struct span s)
{
	put_len(h, s.len);
	if (s.len > 0)
		crypto_generichash_update(h, s.ptr, s.len);
}

/* purpose keeps MACs ('M') and derived keys ('K') apart under one key. */
static void
keyed_hash(const uint8_t *key, uint8_t purpose, const char *domain, const struct span *spans,
	size_t n, uint8_t *out)
{
	crypto_generichash_state h;

	crypto_generichash_init(&h, key, CRYPTO_KEY_LEN, CRYPTO_MAC_LEN);
	crypto_generichash_update(&h, &purpose, 1);
	put_framed(&h, span_from_cstr(domain));
	put_len(&h, n);
	for (size_t i = 0; i < n; i++)
		put_framed(&h, spans[i]);
	crypto_generichash_final(&h, out, CRYPTO_MAC_LEN);
	sodium_memzero(&h, sizeof(h));
}

void
crypto_mac(const uint8_t key[CRYPTO_KEY_LEN], const char *domain, const struct span *spans,
	size_t n, uint8_t out[CRYPTO_MAC_LEN])
{
	keyed_hash(key, 'M', domain, spans, n, out);
}

int
crypto_mac_check(const uint8_t key[CRYPTO_KEY_LEN], const char *domain, const struct span *spans,
	size_t n, struct span mac)
{
	uint8_t want[CRYPTO_MAC_LEN];

	if (mac.len != CRYPTO_MAC_LEN)
		return ERR_CRYPTO;
	crypto_mac(key, domain, spans, n, want);
	return crypto_bytes_equal(want, mac.ptr, sizeof(want)) ? 0 : ERR_CRYPTO;
}

void
crypto_derive(const uint8_t key[CRYPTO_KEY_LEN], const char *domain, struct span info,
	uint8_t out[CRYPTO_KEY_LEN])
{
	keyed_hash(key, 'K', domain, &info, 1, out);
}

_Static_assert(CRYPTO_SALT_LEN == crypto_pwhash_SALTBYTES, "length of the salt");

int
crypto_stretch(
	struct span passphrase, const uint8_t salt[CRYPTO_SALT_LEN], uint8_t out[CRYPTO_KEY_LEN])
{
	if (passphrase.len == 0)
		return ERR_MISSING;
	if (crypto_pwhash(out, CRYPTO_KEY_LEN, (const char *)passphrase.ptr, passphrase.len, salt,
		    crypto_pwhash_OPSLIMIT_MODERATE, crypto_pwhash_MEMLIMIT_MODERATE,
		    crypto_pwhash_ALG_ARGON2ID13) != 0)
		return ERR_NOMEM;
	return 0;
}

void
crypto_sha256(struct span s, uint8_t out[CRYPTO_SHA256_LEN])
{
	crypto_hash_sha256(out, bytes(s), s.len);
}

void
crypto_sha256_init(struct crypto_sha256 *h)
{
	memset(h, 0, sizeof(*h));
	crypto_hash_sha256_init((crypto_hash_sha256_state *)h->state);
}

void
crypto_sha256_put(struct crypto_sha256 *h, struct span s)
{
	crypto_hash_sha256_update((crypto_hash_sha256_state *)h->state, bytes(s), s.len);
}

void
crypto_sha256_final(struct crypto_sha256 *h, uint8_t out[CRYPTO_SHA256_LEN])
{
	crypto_hash_sha256_final((crypto_hash_sha256_state *)h->state, out);
}

void
crypto_keypair(const uint8_t seed[CRYPTO_SEED_LEN], uint8_t pub[CRYPTO_PUBLIC_LEN],
	uint8_t priv[CRYPTO_PRIVATE_LEN])
{
	crypto_sign_seed_keypair(pub, priv, seed);
}

void
crypto_ed25519_sign(
	const uint8_t priv[CRYPTO_PRIVATE_LEN], struct span msg, uint8_t sig[CRYPTO_SIGNATURE_LEN])
{
	crypto_sign_detached(sig, NULL, bytes(msg), msg.len, priv);
}

int
crypto_ed25519_verify(const uint8_t pub[CRYPTO_PUBLIC_LEN], struct span msg, struct span sig)
{
	if (sig.len != CRYPTO_SIGNATURE_LEN)
		return ERR_CRYPTO;
	return crypto_sign_verify_detached(sig.ptr, bytes(msg), msg.len, pub) == 0 ? 0 : ERR_CRYPTO;
}

int
crypto_seal(const uint8_t key[CRYPTO_KEY_LEN], struct span ad, struct span plain, struct buf *out)
{
	uint8_t *p;

	if (plain.len > SIZE_MAX - CRYPTO_SEAL_EXTRA)
		return ERR_TOOBIG;
	p = buf_room(out, plain.len + CRYPTO_SEAL_EXTRA);
	if (p == NULL)
		return ERR_TOOBIG;
	crypto_random(p, NONCE_LEN);
	crypto_aead_xchacha20poly1305_ietf_encrypt(
		p + NONCE_LEN, NULL, bytes(plain), plain.len, bytes(ad), ad.len, NULL, p, key);
	buf_added(out, plain.len + CRYPTO_SEAL_EXTRA);
	return 0;
}

/* sealed is at least CRYPTO_SEAL_EXTRA bytes long; out has room for the rest. */
static int
open_into(const uint8_t *key, struct span ad, struct span sealed, uint8_t *out)
{
	int rc = crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, sealed.ptr + NONCE_LEN,
		sealed.len - NONCE_LEN, bytes(ad), ad.len, sealed.ptr, key);

	return rc == 0 ? 0 : ERR_CRYPTO;
}

int
crypto_open(const uint8_t key[CRYPTO_KEY_LEN], struct span ad, struct span sealed, struct buf *out)
{
	uint8_t *p;
	int rc;

	if (sealed.len < CRYPTO_SEAL_EXTRA)
		return ERR_CRYPTO;
	p = buf_room(out, sealed.len - CRYPTO_SEAL_EXTRA);
	if (p == NULL)
		return ERR_TOOBIG;
	rc = open_into(key, ad, sealed, p);
	if (rc == 0)
		buf_added(out, sealed.len - CRYPTO_SEAL_EXTRA);
	return rc;
}

int
crypto_open_secret(
	const uint8_t key[CRYPTO_KEY_LEN], struct span ad, struct span sealed, struct secret *out)
{
	struct buf plain = {.max = SECRET_LEN_MAX};
	int rc;

	secret_clear(out);
	rc = crypto_open(key, ad, sealed, &plain);
	if (rc == 0)
		rc = secret_set(out, buf_span(&plain));
	if (plain.ptr != NULL)
		secret_wipe(plain.ptr, plain.cap);
	buf_clear(&plain);
	return rc;
}
