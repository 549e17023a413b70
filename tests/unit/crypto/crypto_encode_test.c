/* Tests of lib/crypto: text forms, device identity, entropy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/limits.h"
#include "crypto/crypto.h"
#include "crypto/crypto_device.h"
#include "crypto/crypto_encode.h"
#include "crypto/crypto_entropy.h"

/* Seed, key, id and signatures as a client of protocol 3 makes them (Ed25519 is deterministic). */
#define SEED_HEX "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"
#define PUBLIC_TEXT "ebVWLo_mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmQ"
#define DEVICE_ID "65b60673d6ed884bf01c2c222d82ada0740f29ac3355d6a925c81f17f47a27b8"

struct vector {
	const char *client_id, *client_mode, *role;
	const char *scopes[3];
	uint64_t signed_at_ms;
	const char *token, *nonce, *payload, *signature;
};

static const struct vector vectors[] = {
	{"cli", "cli", "operator", {"operator.admin", "operator.approvals", "operator.pairing"},
		1700000000000, "example-token", "114ea6f5-1080-47cb-ac81-c07aeb4fb383",
		"v2|" DEVICE_ID "|cli|cli|operator|operator.admin,operator.approvals,operator."
		"pairing|1700000000000|"
		"example-token|114ea6f5-1080-47cb-ac81-c07aeb4fb383",
		"Tru5N7fdtTqM2VBFFNHCVJ82y6tsqFlWwkm4dawpGl0ub9TuYkC0IMBppHxcO5OYhAfsGeBikN7ZtXKSq-"
		"JnBg"},
	{"openclaw-control-ui", "webchat", "operator", {"operator.admin"}, 1700000000001, NULL,
		"nonce-2",
		"v2|" DEVICE_ID
		"|openclaw-control-ui|webchat|operator|operator.admin|1700000000001||nonce-2",
		"K4VJZzp8Hb1WUW0W5enG6vxgYHyNvyJV8de2MVcKzFbylPxFykJRgGDTN86BkfrJa2t2TjzXhOTlhLesE0"
		"MNDQ"},
	{"node-host", "node", "node", {NULL}, 1700000000002, "example-token", "nonce-3",
		"v2|" DEVICE_ID "|node-host|node|node||1700000000002|example-token|nonce-3",
		"HPq2ZGYYk9w1gDgJTqZrtYkSGvimcq5N8ovbLVi5C3S8lvw9LeUjBJvdhhPP3T9EObQhidk05wfe1RB4L-"
		"7pBw"},
	{"gateway-client", "backend", "operator", {"operator.read", "operator.write"},
		1700000000003, "example-token", NULL,
		"v1|" DEVICE_ID "|gateway-client|backend|operator|operator.read,operator.write|"
		"1700000000003|example-token",
		"coKmsR3leaniJFSq9bf4hlUvdqm0YjaKAfYUP0-nxx_5IgzeydPFh2dUhtSg3_g8nN_z6N7XOJNnEJhq--"
		"cICQ"},
};
#define VECTORS (sizeof(vectors) / sizeof(vectors[0]))

static struct crypto_device_claim
claim_of(const struct vector *v, struct span scopes[3])
{
	struct crypto_device_claim c = {
		.id = SPAN(DEVICE_ID),
		.client_id = span_from_cstr(v->client_id),
		.client_mode = span_from_cstr(v->client_mode),
		.role = span_from_cstr(v->role),
		.scopes = scopes,
		.signed_at_ms = v->signed_at_ms,
		.token = span_from_cstr(v->token),
		.nonce = span_from_cstr(v->nonce),
	};

	while (c.nscopes < 3 && v->scopes[c.nscopes] != NULL) {
		scopes[c.nscopes] = span_from_cstr(v->scopes[c.nscopes]);
		c.nscopes++;
	}
	return c;
}

static void
device_payloads_are_what_clients_sign(void **state)
{
	uint8_t seed[32], pub[32], priv[64], sig[64];
	struct buf b = {.max = DEVICE_PAYLOAD_MAX};
	char id[65];

	(void)state;
	assert_int_equal(crypto_hex_decode(SPAN(SEED_HEX), seed, 32), 0);
	crypto_keypair(seed, pub, priv);
	crypto_device_id(pub, id);
	assert_string_equal(id, DEVICE_ID);
	for (size_t i = 0; i < VECTORS; i++) {
		struct span scopes[3];
		struct crypto_device_claim c = claim_of(&vectors[i], scopes);

		buf_reset(&b);
		assert_int_equal(crypto_device_payload_put(&b, &c), 0);
		assert_true(span_eq(buf_span(&b), span_from_cstr(vectors[i].payload)));
		crypto_ed25519_sign(priv, buf_span(&b), sig);
		buf_reset(&b);
		assert_int_equal(crypto_base64url_put(&b, span_of(sig, 64)), 0);
		assert_true(span_eq(buf_span(&b), span_from_cstr(vectors[i].signature)));
		assert_int_equal(crypto_device_check(&c, SPAN(PUBLIC_TEXT), buf_span(&b), pub), 0);
	}
	buf_clear(&b);
}

static void
every_changed_field_of_a_claim_is_refused(void **state)
{
	uint8_t pub[32];

	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		struct span scopes[3], sig = span_from_cstr(vectors[i].signature),
				       key = SPAN(PUBLIC_TEXT);
		struct crypto_device_claim good = claim_of(&vectors[i], scopes), c = good;

		assert_int_equal(crypto_device_check(&good, key, sig, pub), 0);
		c.client_id = SPAN("tui");
		assert_int_equal(crypto_device_check(&c, key, sig, pub), ERR_CRYPTO);
		c = good;
		c.client_mode = SPAN("ui");
		assert_int_equal(crypto_device_check(&c, key, sig, pub), ERR_CRYPTO);
		c = good;
		c.role = SPAN("");
		assert_int_equal(crypto_device_check(&c, key, sig, pub), ERR_CRYPTO);
		c = good;
		c.signed_at_ms++;
		assert_int_equal(crypto_device_check(&c, key, sig, pub), ERR_CRYPTO);
		c = good;
		c.token = SPAN("another-token");
		assert_int_equal(crypto_device_check(&c, key, sig, pub), ERR_CRYPTO);
		c = good;
		c.nonce = SPAN("another");
		assert_int_equal(crypto_device_check(&c, key, sig, pub), ERR_CRYPTO);
		c = good;
		c.nscopes = good.nscopes == 0 ? 1 : good.nscopes - 1;
		scopes[0] = good.nscopes == 0 ? SPAN("operator.admin") : scopes[0];
		assert_int_equal(crypto_device_check(&c, key, sig, pub), ERR_CRYPTO);
		c = good;
		c.id = SPAN("65b60673d6ed884bf01c2c222d82ada0740f29ac3355d6a925c81f17f47a27b9");
		assert_int_equal(crypto_device_check(&c, key, sig, pub), ERR_AUTH);
		assert_int_equal(crypto_device_check(&good, SPAN("AAAA"), sig, pub), ERR_SYNTAX);
		assert_int_equal(crypto_device_check(&good, key, SPAN(""), pub), ERR_CRYPTO);
	}
}

static void
ambiguous_claims_have_no_payload(void **state)
{
	struct span scopes[3];
	struct crypto_device_claim good = claim_of(&vectors[0], scopes), c = good;
	const struct span bad_scopes[] = {SPAN("a|b"), SPAN("a,b"), SPAN("")};
	struct buf b = {.max = DEVICE_PAYLOAD_MAX};

	(void)state;
	c.client_id = SPAN("cli|cli");
	assert_int_equal(crypto_device_payload_put(&b, &c), ERR_SYNTAX);
	c = good;
	c.nonce = SPAN("a|b");
	assert_int_equal(crypto_device_payload_put(&b, &c), ERR_SYNTAX);
	c = good;
	c.role = SPAN("operator|operator.admin");
	assert_int_equal(crypto_device_payload_put(&b, &c), ERR_SYNTAX);
	for (size_t i = 0; i < 3; i++) {
		scopes[1] = bad_scopes[i];
		assert_int_equal(crypto_device_payload_put(&b, &good), ERR_SYNTAX);
	}
	buf_clear(&b);
}

static void
device_payloads_keep_their_limit(void **state)
{
	static uint8_t token[DEVICE_PAYLOAD_MAX];
	struct span scopes[3];
	struct crypto_device_claim c = claim_of(&vectors[0], scopes);
	uint8_t pub[32];
	struct buf b = {.max = DEVICE_PAYLOAD_MAX};

	(void)state;
	c.token = span_of(token, sizeof(token));
	assert_int_equal(crypto_device_payload_put(&b, &c), ERR_TOOBIG);
	assert_int_equal(crypto_device_check(
				 &c, SPAN(PUBLIC_TEXT), span_from_cstr(vectors[0].signature), pub),
		ERR_CRYPTO);
	buf_clear(&b);
}

#define PEM_BODY "MCowBQYDK2VwAyEAebVWLo/mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmQ="
#define PEM_HEAD "-----BEGIN PUBLIC KEY-----"
#define PEM_TAIL "-----END PUBLIC KEY-----"

static void
public_keys_come_raw_or_as_pem(void **state)
{
	const struct span good[] = {SPAN(PUBLIC_TEXT), SPAN(PUBLIC_TEXT "="),
		SPAN("ebVWLo/mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmQ="),
		SPAN(PEM_HEAD "\n" PEM_BODY "\n" PEM_TAIL "\n"),
		SPAN(PEM_HEAD "\r\n" PEM_BODY "\r\n" PEM_TAIL "\r\n"),
		SPAN(PEM_HEAD "\n" PEM_BODY "\n" PEM_TAIL),
		SPAN(PEM_HEAD "\nMCowBQYDK2VwAyEAebVWLo/"
			      "mVPlAeLES6KmL\np5AfhTrmlb7X4OORC60ElmQ=\n" PEM_TAIL "\n")};
	const struct span bad[] = {SPAN(""), SPAN("-----"), SPAN(PEM_HEAD),
		SPAN(PEM_HEAD "\n" PEM_TAIL), SPAN(PEM_HEAD "\n" PEM_BODY "\n"),
		SPAN(PEM_HEAD "\n\n" PEM_BODY "\n" PEM_TAIL),
		SPAN(PEM_HEAD "\n" PEM_BODY "\n" PEM_TAIL "\nmore"), SPAN(" " PUBLIC_TEXT),
		SPAN(PUBLIC_TEXT "\n"), SPAN(PUBLIC_TEXT "AAAA"),
		SPAN("ebVWLo_mVPlAeLES6KmLp5AfhTrmlb7X4OORC60Elm"),
		SPAN("ebVWLo_mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmR"), /* spare bits */
		SPAN("ebVWLo_mVPlAeLES6KmLp5AfhTrmlb7X4OORC60Elm+"),
		/* X25519 (1.3.101.110), private key header, one byte of DER missing */
		SPAN(PEM_HEAD "\nMCowBQYDK2VuAyEAebVWLo/"
			      "mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmQ=\n" PEM_TAIL),
		SPAN("-----BEGIN PRIVATE KEY-----\n" PEM_BODY "\n" PEM_TAIL),
		SPAN(PEM_HEAD "\nMCowBQYDK2VwAyEAebVWLo/"
			      "mVPlAeLES6KmLp5AfhTrmlb7X4OORC60Elg==\n" PEM_TAIL),
		SPAN(PEM_HEAD "\n" PUBLIC_TEXT "\n" PEM_TAIL)};
	uint8_t want[32], pub[32], seed[32], priv[64];
	uint8_t zero[32] = {0};

	(void)state;
	crypto_hex_decode(SPAN(SEED_HEX), seed, 32);
	crypto_keypair(seed, want, priv);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(crypto_public_decode(good[i], pub), 0);
		assert_memory_equal(pub, want, 32);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(crypto_public_decode(bad[i], pub), ERR_SYNTAX);
		assert_memory_equal(pub, zero, 32);
	}
}

static void
public_keys_keep_their_limit(void **state)
{
	uint8_t text[CRYPTO_PEM_MAX + 1], pub[32];
	const struct span pem = SPAN(PEM_HEAD "\n" PEM_BODY "\n" PEM_TAIL);

	(void)state;
	memset(text, '\n', sizeof(text));
	memcpy(text, pem.ptr, pem.len);
	assert_int_equal(crypto_public_decode(span_of(text, CRYPTO_PEM_MAX), pub), 0);
	assert_int_equal(crypto_public_decode(span_of(text, CRYPTO_PEM_MAX + 1), pub), ERR_SYNTAX);
}

static void
base64_matches_rfc_4648(void **state)
{
	static const char *const plain[] = {"", "f", "fo", "foo", "foob", "fooba", "foobar"};
	static const char *const coded[] = {
		"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
	struct buf b = {.max = 64};

	(void)state;
	for (size_t i = 0; i < 7; i++) {
		struct span text = span_from_cstr(coded[i]), url = text;

		while (url.len > 0 && url.ptr[url.len - 1] == '=')
			url.len--;
		buf_reset(&b);
		assert_int_equal(crypto_base64_put(&b, span_from_cstr(plain[i])), 0);
		assert_true(span_eq(buf_span(&b), text));
		buf_reset(&b);
		assert_int_equal(crypto_base64url_put(&b, span_from_cstr(plain[i])), 0);
		assert_true(span_eq(buf_span(&b), url));
		buf_reset(&b);
		assert_int_equal(crypto_base64_decode(text, &b), 0);
		assert_int_equal(crypto_base64url_decode(url, &b), 0);
		assert_int_equal(crypto_base64any_decode(url, &b), 0);
		assert_int_equal(crypto_base64any_decode(text, &b), 0);
		assert_int_equal(b.len, 4 * (i));
	}
	buf_clear(&b);
}

static void
base64_round_trips_every_byte_and_length(void **state)
{
	uint8_t bytes[256];
	struct buf text = {.max = 512}, back = {.max = 256};

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 167 + 13);
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		buf_reset(&text);
		buf_reset(&back);
		back.max = len; /* exact room is enough */
		assert_int_equal(crypto_base64_put(&text, span_of(bytes, len)), 0);
		assert_int_equal(crypto_base64_decode(buf_span(&text), &back), 0);
		assert_true(span_eq(buf_span(&back), span_of(bytes, len)));
		buf_reset(&text);
		buf_reset(&back);
		assert_int_equal(crypto_base64url_put(&text, span_of(bytes, len)), 0);
		assert_int_equal(crypto_base64url_decode(buf_span(&text), &back), 0);
		assert_true(span_eq(buf_span(&back), span_of(bytes, len)));
	}
	buf_clear(&text);
	buf_clear(&back);
}

static void
base64_refuses_every_other_spelling(void **state)
{
	const struct span bad[] = {SPAN("Zg"), SPAN("Zg="), SPAN("Zg==="), SPAN("Zh=="),
		SPAN("Zm9="), SPAN("Z==="), SPAN("===="), SPAN("Zm9v\n"), SPAN("\xff\x62\x61/"),
		SPAN("\xfeZm9"), SPAN("Zm9 v"), SPAN("Zm-v"), SPAN("Zm_v"), SPAN("Zg==Zg=="),
		SPAN("Z"), SPAN("Zm9vY"), SPAN("="), SPAN("Zm9v\0aaa")};
	const struct span bad_url[] = {SPAN("Zg=="), SPAN("Zm8="), SPAN("Zh"), SPAN("Zm9"),
		SPAN("Zm+v"), SPAN("Zm/v"), SPAN("Z")};
	const struct span bad_any[] = {SPAN("Zg="), SPAN("Zg==="), SPAN("-m/v"), SPAN("Zh=="),
		SPAN("Zh"), SPAN("Z"), SPAN("Zm9v=")};
	struct buf b = {.max = 64};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(crypto_base64_decode(bad[i], &b), ERR_SYNTAX);
	for (size_t i = 0; i < sizeof(bad_url) / sizeof(bad_url[0]); i++)
		assert_int_equal(crypto_base64url_decode(bad_url[i], &b), ERR_SYNTAX);
	for (size_t i = 0; i < sizeof(bad_any) / sizeof(bad_any[0]); i++)
		assert_int_equal(crypto_base64any_decode(bad_any[i], &b), ERR_SYNTAX);
	assert_int_equal(b.len, 0);
	b.max = 2;
	assert_int_equal(crypto_base64_decode(SPAN("Zm9v"), &b), ERR_TOOBIG);
	buf_clear(&b);
}

static void
hex_is_lower_case_and_exact(void **state)
{
	uint8_t out[4], zero[4] = {0};
	char text[9];
	const struct span bad[] = {SPAN("00ff10A0"), SPAN("00ff10a"), SPAN("00ff10a000"),
		SPAN("0xff10a0"), SPAN("00ff10g0"), SPAN("")};

	(void)state;
	assert_int_equal(crypto_hex_decode(SPAN("00ff10a0"), out, 4), 0);
	crypto_hex_encode(span_of(out, 4), text);
	assert_string_equal(text, "00ff10a0");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(crypto_hex_decode(bad[i], out, 4), ERR_SYNTAX);
		assert_memory_equal(out, zero, 4);
	}
}

static void
uuids_are_version_4_and_differ(void **state)
{
	char a[CRYPTO_UUID_LEN + 1], b[CRYPTO_UUID_LEN + 1];

	(void)state;
	for (unsigned i = 0; i < 64; i++) {
		crypto_uuid(a);
		crypto_uuid(b);
		assert_string_not_equal(a, b);
		assert_int_equal(a[CRYPTO_UUID_LEN], '\0');
		assert_int_equal(a[14], '4');
		assert_true(a[19] == '8' || a[19] == '9' || a[19] == 'a' || a[19] == 'b');
		assert_true(a[8] == '-' && a[13] == '-' && a[18] == '-' && a[23] == '-');
	}
}

static void
entropy_of_random_secrets_is_high(void **state)
{
	uint8_t raw[48];
	char hex[65];
	struct buf b = {.max = 128};

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		crypto_random(raw, sizeof(raw));
		crypto_hex_encode(span_of(raw, 32), hex);
		assert_true(crypto_entropy_bits(span_from_cstr(hex)) >= 192);
		assert_true(crypto_entropy_bits(span_from_cstr(hex)) <= 256);
		buf_reset(&b);
		crypto_base64_put(&b, span_of(raw, sizeof(raw)));
		assert_true(crypto_entropy_bits(buf_span(&b)) >= 288);
		assert_true(crypto_entropy_bits(buf_span(&b)) <= 384);
	}
	buf_clear(&b);
}

static void
entropy_of_guessable_secrets_is_low(void **state)
{
	static const struct {
		const char *text;
		unsigned most;
	} rows[] = {{"", 0}, {"a", 2}, {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 2},
		{"abcdefghijklmnopqrstuvwxyz", 20},
		{"0123456789012345678901234567890123456789", 20}, {"password", 8},
		{"Password123", 24}, {"changeme", 8}, {"qwertyuiop", 8},
		{"P@ssw0rdP@ssw0rdP@ssw0rdP@ssw0rd", 8}, {"supersecrettoken", 16},
		{"moltbot-gateway-token", 32}, {"your-token-here", 32},
		{"deadbeefdeadbeefdeadbeefdeadbeef", 16}, {"12345678901234567890123456789012", 20},
		{"abcabcabcabcabcabcabcabcabcabcabcabc", 10}, {"the quick brown fox", 40},
		{"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 20},
		{"ThisIsMySecretPassword2024!", 72}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned bits = crypto_entropy_bits(span_from_cstr(rows[i].text));

		if (bits > rows[i].most)
			print_error("%s: %u bits, at most %u expected\n", rows[i].text, bits,
				rows[i].most);
		assert_true(bits <= rows[i].most);
	}
}

static int
start(void **state)
{
	(void)state;
	return crypto_init();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(device_payloads_are_what_clients_sign),
		cmocka_unit_test(every_changed_field_of_a_claim_is_refused),
		cmocka_unit_test(ambiguous_claims_have_no_payload),
		cmocka_unit_test(device_payloads_keep_their_limit),
		cmocka_unit_test(public_keys_come_raw_or_as_pem),
		cmocka_unit_test(public_keys_keep_their_limit),
		cmocka_unit_test(base64_matches_rfc_4648),
		cmocka_unit_test(base64_round_trips_every_byte_and_length),
		cmocka_unit_test(base64_refuses_every_other_spelling),
		cmocka_unit_test(hex_is_lower_case_and_exact),
		cmocka_unit_test(uuids_are_version_4_and_differ),
		cmocka_unit_test(entropy_of_random_secrets_is_high),
		cmocka_unit_test(entropy_of_guessable_secrets_is_low),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
