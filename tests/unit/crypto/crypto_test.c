/* Tests of lib/crypto: comparison, keyed hashes, signatures, the box. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <sys/wait.h>
#include <cmocka.h>
#include <sodium.h>

#include "base/err.h"
#include "base/limits.h"
#include "crypto/crypto.h"
#include "crypto/crypto_encode.h"

static uint8_t key[CRYPTO_KEY_LEN];

/* Runs first, in a child, before crypto_init(). */
static void
comparing_before_init_ends_the_process(void **state)
{
	int status = 0;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		signal(SIGABRT, SIG_DFL);
		_exit(crypto_secret_equal(SPAN("a"), SPAN("a")) ? 1 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_int_equal(crypto_init(), 0);
	assert_int_equal(crypto_init(), 0);
}

static void
secrets_compare_by_content(void **state)
{
	(void)state;
	assert_true(crypto_secret_equal(SPAN("correct"), SPAN("correct")));
	assert_false(crypto_secret_equal(SPAN("correct"), SPAN("correcT")));
	assert_false(crypto_secret_equal(SPAN("correct"), SPAN("correct ")));
	assert_false(crypto_secret_equal(SPAN("correct"), SPAN("correc")));
	assert_false(crypto_secret_equal(SPAN("a\0b"), SPAN("a\0c")));
	assert_false(crypto_secret_equal(SPAN("a"), SPAN("a\0")));
}

static void
an_empty_secret_equals_nothing(void **state)
{
	(void)state;
	assert_false(crypto_secret_equal(SPAN_EMPTY, SPAN_EMPTY));
	assert_false(crypto_secret_equal(SPAN(""), SPAN("")));
	assert_false(crypto_secret_equal(SPAN(""), SPAN("a")));
	assert_false(crypto_secret_equal(SPAN("a"), SPAN_EMPTY));
}

static void
secrets_up_to_the_limit_compare(void **state)
{
	static uint8_t a[SECRET_LEN_MAX + 1], b[SECRET_LEN_MAX + 1];

	(void)state;
	assert_true(crypto_secret_equal(span_of(a, SECRET_LEN_MAX), span_of(b, SECRET_LEN_MAX)));
	assert_false(crypto_secret_equal(
		span_of(a, SECRET_LEN_MAX + 1), span_of(b, SECRET_LEN_MAX + 1)));
	b[SECRET_LEN_MAX - 1] = 1;
	assert_false(crypto_secret_equal(span_of(a, SECRET_LEN_MAX), span_of(b, SECRET_LEN_MAX)));
}

static void
assert_hex(const uint8_t *bytes, size_t n, const char *want)
{
	char text[2 * 64 + 1];

	crypto_hex_encode(span_of(bytes, n), text);
	assert_string_equal(text, want);
}

static void
macs_have_their_known_values(void **state)
{
	const struct span spans[] = {SPAN("ab"), SPAN_EMPTY, SPAN("c")};
	uint8_t out[32];

	(void)state;
	/* computed with another BLAKE2b over: purpose, then domain, count and spans, lengths as 8
	 * bytes little-endian */
	crypto_mac(key, "test v1", spans, 3, out);
	assert_hex(out, 32, "051d506b4d65cab62b8c35591608ac6ee1ccfeb26aa4a8ab2ec7d27603b57694");
	assert_int_equal(crypto_mac_check(key, "test v1", spans, 3, span_of(out, 32)), 0);
	crypto_derive(key, "test v1", SPAN("epoch 1"), out);
	assert_hex(out, 32, "66f3343b3033c6ffb4420f2aaa48eedd8c514afe870c0be79a64b4a1c31d8079");
}

static void
macs_of_different_lists_differ(void **state)
{
	const struct span lists[][3] = {{SPAN("ab"), SPAN("c"), SPAN("")},
		{SPAN("a"), SPAN("bc"), SPAN("")}, {SPAN("abc"), SPAN(""), SPAN("")},
		{SPAN(""), SPAN("abc"), SPAN("")}, {SPAN("ab"), SPAN("c"), SPAN("\0")}};
	uint8_t macs[16][32];
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < 5; i++)
		crypto_mac(key, "a", lists[i], 3, macs[n++]);
	crypto_mac(key, "a", lists[0], 2, macs[n++]);
	crypto_mac(key, "a", lists[0], 1, macs[n++]);
	crypto_mac(key, "a", NULL, 0, macs[n++]);
	crypto_mac(key, "b", lists[0], 3, macs[n++]);
	crypto_mac(key, "", lists[0], 3, macs[n++]);
	crypto_derive(
		key, "a", lists[2][0], macs[n++]); /* against crypto_mac(key, "a", {"abc"}) below */
	crypto_mac(key, "a", lists[2], 1, macs[n++]);
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(macs[i], macs[j], 32);
	}
}

static void
a_wrong_mac_is_refused(void **state)
{
	const struct span s = SPAN("plan");
	uint8_t mac[33] = {0};

	(void)state;
	crypto_mac(key, "warrant", &s, 1, mac);
	assert_int_equal(crypto_mac_check(key, "warrant", &s, 1, span_of(mac, 32)), 0);
	assert_int_equal(crypto_mac_check(key, "warrant", &s, 1, span_of(mac, 31)), ERR_CRYPTO);
	assert_int_equal(crypto_mac_check(key, "warrant", &s, 1, span_of(mac, 33)), ERR_CRYPTO);
	assert_int_equal(crypto_mac_check(key, "warrant", &s, 1, SPAN_EMPTY), ERR_CRYPTO);
	assert_int_equal(crypto_mac_check(key, "grant", &s, 1, span_of(mac, 32)), ERR_CRYPTO);
	for (size_t bit = 0; bit < 256; bit++) {
		mac[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(
			crypto_mac_check(key, "warrant", &s, 1, span_of(mac, 32)), ERR_CRYPTO);
		mac[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void
sha256_matches_fips_180_whole_and_in_parts(void **state)
{
	struct crypto_sha256 h;
	uint8_t out[32];
	const char *abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

	(void)state;
	crypto_sha256(SPAN("abc"), out);
	assert_hex(out, 32, abc);
	crypto_sha256(SPAN_EMPTY, out);
	assert_hex(out, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	crypto_sha256_init(&h);
	crypto_sha256_put(&h, SPAN("a"));
	crypto_sha256_put(&h, SPAN_EMPTY);
	crypto_sha256_put(&h, SPAN("bc"));
	crypto_sha256_final(&h, out);
	assert_hex(out, 32, abc);
}

/* RFC 8032 section 7.1, test 1: an empty message. */
#define SEED1 "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
#define PUB1 "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
#define SIG1                                                                                       \
	"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e3970" \
	"1cf9b46bd25bf5f0595bbe24655141438e7a100b"
/* the same with the group order added to S */
#define SIG1_LARGE_S                                                                               \
	"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901554c8c7872aa064e049dbb3013" \
	"fbf29380d25bf5f0595bbe24655141438e7a101b"

static void
ed25519_matches_rfc_8032(void **state)
{
	uint8_t seed[32], pub[32], priv[64], sig[64];

	(void)state;
	assert_int_equal(crypto_hex_decode(SPAN(SEED1), seed, 32), 0);
	crypto_keypair(seed, pub, priv);
	assert_hex(pub, 32, PUB1);
	crypto_ed25519_sign(priv, SPAN_EMPTY, sig);
	assert_hex(sig, 64, SIG1);
	assert_int_equal(crypto_ed25519_verify(pub, SPAN_EMPTY, span_of(sig, 64)), 0);
	assert_int_equal(crypto_ed25519_verify(pub, SPAN("x"), span_of(sig, 64)), ERR_CRYPTO);
	assert_int_equal(crypto_ed25519_verify(pub, SPAN_EMPTY, span_of(sig, 63)), ERR_CRYPTO);
	assert_int_equal(crypto_ed25519_verify(pub, SPAN_EMPTY, SPAN_EMPTY), ERR_CRYPTO);
	sig[0] ^= 1;
	assert_int_equal(crypto_ed25519_verify(pub, SPAN_EMPTY, span_of(sig, 64)), ERR_CRYPTO);
}

static void
ed25519_refuses_malleable_and_small_order_values(void **state)
{
	uint8_t pub[32], sig[64] = {0};

	(void)state;
	crypto_hex_decode(SPAN(PUB1), pub, 32);
	assert_int_equal(crypto_hex_decode(SPAN(SIG1_LARGE_S), sig, 64), 0);
	assert_int_equal(crypto_ed25519_verify(pub, SPAN_EMPTY, span_of(sig, 64)), ERR_CRYPTO);
	/* key and R the neutral element, S zero: S*B = R + h*A holds for every message where nobody
	 * checks */
	memset(pub, 0, sizeof(pub));
	memset(sig, 0, sizeof(sig));
	pub[0] = sig[0] = 1;
	assert_int_equal(crypto_ed25519_verify(pub, SPAN("any"), span_of(sig, 64)), ERR_CRYPTO);
	memset(pub, 0, sizeof(pub)); /* order 4 */
	assert_int_equal(crypto_ed25519_verify(pub, SPAN("any"), span_of(sig, 64)), ERR_CRYPTO);
	memset(pub, 0xff, sizeof(pub)); /* y above the field's prime */
	assert_int_equal(crypto_ed25519_verify(pub, SPAN("any"), span_of(sig, 64)), ERR_CRYPTO);
}

static void
sealing_is_nonce_then_xchacha20_poly1305(void **state)
{
	struct buf box = {.max = 256};
	uint8_t plain[5];
	unsigned long long n = 0;

	(void)state;
	assert_int_equal(crypto_seal(key, SPAN("vault v1"), SPAN("hello"), &box), 0);
	assert_int_equal(box.len, 5 + CRYPTO_SEAL_EXTRA);
	assert_int_equal(crypto_aead_xchacha20poly1305_ietf_decrypt(plain, &n, NULL, box.ptr + 24,
				 box.len - 24, (const uint8_t *)"vault v1", 8, box.ptr, key),
		0);
	assert_memory_equal(plain, "hello", 5);
	buf_clear(&box);
}

static void
a_sealed_box_opens_only_unchanged(void **state)
{
	struct buf box = {.max = 256}, out = {.max = 256};
	uint8_t other[32] = {1};

	(void)state;
	assert_int_equal(crypto_seal(key, SPAN("ad"), SPAN("hello"), &box), 0);
	assert_int_equal(crypto_open(key, SPAN("ad"), buf_span(&box), &out), 0);
	assert_true(span_eq(buf_span(&out), SPAN("hello")));
	buf_reset(&out);
	assert_int_equal(crypto_open(key, SPAN("da"), buf_span(&box), &out), ERR_CRYPTO);
	assert_int_equal(crypto_open(key, SPAN_EMPTY, buf_span(&box), &out), ERR_CRYPTO);
	assert_int_equal(crypto_open(other, SPAN("ad"), buf_span(&box), &out), ERR_CRYPTO);
	for (size_t len = 0; len < box.len; len++)
		assert_int_equal(
			crypto_open(key, SPAN("ad"), span_of(box.ptr, len), &out), ERR_CRYPTO);
	for (size_t i = 0; i < box.len; i++) {
		box.ptr[i] ^= 0x40;
		assert_int_equal(crypto_open(key, SPAN("ad"), buf_span(&box), &out), ERR_CRYPTO);
		box.ptr[i] ^= 0x40;
	}
	assert_int_equal(out.len, 0);
	out.max = 4;
	buf_clear(&out);
	assert_int_equal(crypto_open(key, SPAN("ad"), buf_span(&box), &out), ERR_TOOBIG);
	buf_clear(&box);
	buf_clear(&out);
}

static void
a_box_opens_into_a_secret(void **state)
{
	struct buf box = {.max = 256};
	struct secret sec = {0};

	(void)state;
	assert_int_equal(crypto_seal(key, SPAN_EMPTY, SPAN("seed"), &box), 0);
	assert_int_equal(crypto_open_secret(key, SPAN_EMPTY, buf_span(&box), &sec), 0);
	assert_true(span_eq(secret_get(&sec), SPAN("seed")));
	box.ptr[30] ^= 1;
	assert_int_equal(crypto_open_secret(key, SPAN_EMPTY, buf_span(&box), &sec), ERR_CRYPTO);
	assert_int_equal(secret_get(&sec).len, 0);
	secret_clear(&sec);
	buf_clear(&box);
}

static void
nonces_and_random_numbers_do_not_repeat(void **state)
{
	struct buf a = {.max = 64}, b = {.max = 64};

	(void)state;
	crypto_seal(key, SPAN_EMPTY, SPAN("x"), &a);
	crypto_seal(key, SPAN_EMPTY, SPAN("x"), &b);
	assert_memory_not_equal(a.ptr, b.ptr, 24);
	assert_true(crypto_random_u64() != crypto_random_u64());
	buf_clear(&a);
	buf_clear(&b);
}

static void
a_ratchet_moves_on_in_place(void **state)
{
	uint8_t k[32], next[32];

	(void)state;
	memcpy(k, key, 32);
	crypto_derive(k, "epoch", SPAN("1"), next);
	crypto_derive(k, "epoch", SPAN("1"), k);
	assert_memory_equal(k, next, 32);
	assert_memory_not_equal(k, key, 32);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comparing_before_init_ends_the_process),
		cmocka_unit_test(secrets_compare_by_content),
		cmocka_unit_test(an_empty_secret_equals_nothing),
		cmocka_unit_test(secrets_up_to_the_limit_compare),
		cmocka_unit_test(macs_have_their_known_values),
		cmocka_unit_test(macs_of_different_lists_differ),
		cmocka_unit_test(a_wrong_mac_is_refused),
		cmocka_unit_test(sha256_matches_fips_180_whole_and_in_parts),
		cmocka_unit_test(ed25519_matches_rfc_8032),
		cmocka_unit_test(ed25519_refuses_malleable_and_small_order_values),
		cmocka_unit_test(sealing_is_nonce_then_xchacha20_poly1305),
		cmocka_unit_test(a_sealed_box_opens_only_unchanged),
		cmocka_unit_test(a_box_opens_into_a_secret),
		cmocka_unit_test(nonces_and_random_numbers_do_not_repeat),
		cmocka_unit_test(a_ratchet_moves_on_in_place),
	};

	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
