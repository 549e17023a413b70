/*
 * A private key that is not here, for OpenSSL 3: a provider whose keys know what their public half says of them, and whose
 * signatures are made by tls/key (provider-keymgmt(7), provider-signature(7)). It must see the content as a whole, which is why
 * this is no engine of a signature over a hash.
 */
#include "tls_session.h"

#include <stdlib.h>

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include "base/mem.h"
#include "tls_content.h"

#define NAME "moltbot"
#define PROPERTY "provider=moltbot"

/* Of the one key that there is. */
static struct {
	int bits;
	int security_bits;
	int size;
	char group[32];
} facts;

struct key {
	bool is_rsa;
};

struct signing {
	const struct key *key;
	unsigned bits; /* of the hash */
};

/* ---- keys ---- */

static void *
key_new(bool is_rsa)
{
	struct key *k = mem_alloc(1, sizeof(*k));

	k->is_rsa = is_rsa;
	return k;
}

static void *
key_new_ec(void *provider)
{
	(void)provider;
	return key_new(false);
}

static void *
key_new_rsa(void *provider)
{
	(void)provider;
	return key_new(true);
}

static int
key_has(const void *key, int selection)
{
	(void)key;
	(void)selection;
	return 1;
}

/* That the halves belong together tls/key has seen. */
static int
key_match(const void *a, const void *b, int selection)
{
	(void)a;
	(void)b;
	(void)selection;
	return 1;
}

static int
key_import(void *key, int selection, const OSSL_PARAM params[])
{
	(void)key;
	(void)selection;
	(void)params;
	return 1;
}

static const OSSL_PARAM *
key_import_types(int selection)
{
	static const OSSL_PARAM none[] = {OSSL_PARAM_END};

	(void)selection;
	return none;
}

static int
key_get(void *key, OSSL_PARAM params[])
{
	const struct key *k = key;
	OSSL_PARAM *p;

	if ((p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_BITS)) != NULL &&
		OSSL_PARAM_set_int(p, facts.bits) != 1)
		return 0;
	if ((p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_SECURITY_BITS)) != NULL &&
		OSSL_PARAM_set_int(p, facts.security_bits) != 1)
		return 0;
	if ((p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_MAX_SIZE)) != NULL &&
		OSSL_PARAM_set_int(p, facts.size) != 1)
		return 0;
	p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_GROUP_NAME);
	return p == NULL || (!k->is_rsa && OSSL_PARAM_set_utf8_string(p, facts.group) == 1);
}

static const OSSL_PARAM *
key_gettable(void *provider)
{
	static const OSSL_PARAM list[] = {OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0), OSSL_PARAM_END};

	(void)provider;
	return list;
}

static const char *
key_operation_ec(int operation)
{
	(void)operation;
	return "ECDSA";
}

#define FN(id, fn)                                                                                 \
	{                                                                                          \
		OSSL_FUNC_##id, (void (*)(void))(fn)                                               \
	}
#define KEY_COMMON                                                                                 \
	FN(KEYMGMT_FREE, free), FN(KEYMGMT_HAS, key_has), FN(KEYMGMT_MATCH, key_match),            \
		FN(KEYMGMT_IMPORT, key_import), FN(KEYMGMT_IMPORT_TYPES, key_import_types),        \
		FN(KEYMGMT_GET_PARAMS, key_get), FN(KEYMGMT_GETTABLE_PARAMS, key_gettable)

static const OSSL_DISPATCH key_ec[] = {KEY_COMMON, FN(KEYMGMT_NEW, key_new_ec),
	FN(KEYMGMT_QUERY_OPERATION_NAME, key_operation_ec), {0, NULL}};
static const OSSL_DISPATCH key_rsa[] = {KEY_COMMON, FN(KEYMGMT_NEW, key_new_rsa), {0, NULL}};
static const OSSL_ALGORITHM keys[] = {{"EC:id-ecPublicKey:1.2.840.10045.2.1", PROPERTY, key_ec,
					      "a P-256 or P-384 key of tls/key"},
	{"RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTY, key_rsa, "an RSA key of tls/key"},
	{NULL, NULL, NULL, NULL}};

/* ---- signatures ---- */

static void *
sign_new(void *provider, const char *properties)
{
	(void)provider;
	(void)properties;
	return mem_alloc(1, sizeof(struct signing));
}

static int
sign_init(void *signing, const char *hash, void *key, const OSSL_PARAM params[])
{
	struct signing *s = signing;
	struct span name = span_from_cstr(hash);

	(void)params;
	if (key != NULL)
		s->key = key;
	s->bits = span_eq_nocase(name, SPAN("SHA256")) || span_eq_nocase(name, SPAN("SHA2-256"))
			  ? 256
		  : span_eq_nocase(name, SPAN("SHA384")) || span_eq_nocase(name, SPAN("SHA2-384"))
			  ? 384
		  : span_eq_nocase(name, SPAN("SHA512")) || span_eq_nocase(name, SPAN("SHA2-512"))
			  ? 512
			  : 0;
	return s->key != NULL && s->bits != 0;
}

static uint32_t
scheme_of(const struct signing *s)
{
	if (!s->key->is_rsa)
		return s->bits == 256 ? TLS_ECDSA_P256 : s->bits == 384 ? TLS_ECDSA_P384 : 0;
	return s->bits == 256 ? TLS_PSS_SHA256 : s->bits == 384 ? TLS_PSS_SHA384 : TLS_PSS_SHA512;
}

static int
sign(void *signing, unsigned char *to, size_t *len, size_t cap, const unsigned char *content,
	size_t content_len)
{
	if (to == NULL) {
		*len = (size_t)facts.size;
		return 1;
	}
	*len = tls_session_sign(scheme_of(signing), span_of(content, content_len), to, cap);
	return *len > 0;
}

/* The padding that TLS 1.3 has for RSA is the only one that tls/key makes. */
static int
sign_set(void *signing, const OSSL_PARAM params[])
{
	(void)signing;
	(void)params;
	return 1;
}

static const OSSL_PARAM *
sign_settable(void *signing, void *provider)
{
	static const OSSL_PARAM list[] = {
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0), OSSL_PARAM_END};

	(void)signing;
	(void)provider;
	return list;
}

static const OSSL_DISPATCH signatures_of[] = {FN(SIGNATURE_NEWCTX, sign_new),
	FN(SIGNATURE_FREECTX, free), FN(SIGNATURE_DIGEST_SIGN_INIT, sign_init),
	FN(SIGNATURE_DIGEST_SIGN, sign), FN(SIGNATURE_SET_CTX_PARAMS, sign_set),
	FN(SIGNATURE_SETTABLE_CTX_PARAMS, sign_settable), {0, NULL}};
static const OSSL_ALGORITHM signatures[] = {{"ECDSA", PROPERTY, signatures_of, "by tls/key"},
	{"RSA", PROPERTY, signatures_of, "by tls/key"}, {NULL, NULL, NULL, NULL}};

/* ---- the provider ---- */

static const OSSL_ALGORITHM *
query(void *provider, int operation, int *no_cache)
{
	(void)provider;
	*no_cache = 0;
	return operation == OSSL_OP_KEYMGMT     ? keys
	       : operation == OSSL_OP_SIGNATURE ? signatures
						: NULL;
}

static int
provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
	void **provider)
{
	static const OSSL_DISPATCH table[] = {FN(PROVIDER_QUERY_OPERATION, query), {0, NULL}};

	(void)in;
	*out = table;
	*provider = (void *)(uintptr_t)handle;
	return 1;
}

int
tls_session_setup(void)
{
	/* no file of the machine's says which algorithms there are; what is in two providers is the default one's */
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1 ||
		OSSL_PROVIDER_load(NULL, "default") == NULL ||
		OSSL_PROVIDER_add_builtin(NULL, NAME, provider_init) != 1 ||
		OSSL_PROVIDER_load(NULL, NAME) == NULL ||
		EVP_set_default_properties(NULL, "?provider=default") != 1)
		return -1;
	return 0;
}

EVP_PKEY *
tls_provider_key(EVP_PKEY *public)
{
	bool is_rsa = EVP_PKEY_is_a(public, "RSA") == 1;
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *ctx;
	OSSL_PARAM none[] = {OSSL_PARAM_END};

	if (!is_rsa && EVP_PKEY_is_a(public, "EC") != 1)
		return NULL;
	facts.bits = EVP_PKEY_get_bits(public);
	facts.security_bits = EVP_PKEY_get_security_bits(public);
	facts.size = EVP_PKEY_get_size(public);
	if (facts.size <= 0 || facts.size > (int)TLS_SIGNATURE_MAX ||
		(!is_rsa && EVP_PKEY_get_group_name(
				    public, facts.group, sizeof(facts.group), NULL) != 1))
		return NULL;
	ctx = EVP_PKEY_CTX_new_from_name(NULL, is_rsa ? "RSA" : "EC", PROPERTY);
	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
		EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, none) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return key;
}
