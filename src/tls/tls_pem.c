/* The private key and its certificate: read, made, checked, used. */
#include "tls_key.h"

#include <stdlib.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/log.h"
#include "tls_content.h"

#define DAY 86400L
#define RSA_BITS_MIN 2048

struct tls_private {
	EVP_PKEY *pkey;
};

int
tls_private_setup(void)
{
	return OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 1 ? 0 : -1;
}

void
tls_private_free(struct tls_private *key)
{
	if (key == NULL)
		return;
	EVP_PKEY_free(key->pkey);
	free(key);
}

static bool
refused(const char *why)
{
	log_error("TLS: denied", LOG_C("why", why));
	ERR_clear_error();
	return false;
}

/* ---- what a key can do ---- */

static const char *
hash_of(EVP_PKEY *pkey, uint32_t scheme)
{
	bool is_rsa = EVP_PKEY_is_a(pkey, "RSA") == 1;
	bool is_ec = EVP_PKEY_is_a(pkey, "EC") == 1;
	int bits = EVP_PKEY_get_bits(pkey);

	switch (scheme) {
	case TLS_ECDSA_P256:
		return is_ec && bits == 256 ? "SHA256" : NULL;
	case TLS_ECDSA_P384:
		return is_ec && bits == 384 ? "SHA384" : NULL;
	case TLS_PSS_SHA256:
		return is_rsa ? "SHA256" : NULL;
	case TLS_PSS_SHA384:
		return is_rsa ? "SHA384" : NULL;
	case TLS_PSS_SHA512:
		return is_rsa ? "SHA512" : NULL;
	default:
		return NULL;
	}
}

static bool
is_kind_good(EVP_PKEY *pkey)
{
	char group[32] = "";

	if (EVP_PKEY_is_a(pkey, "RSA") == 1)
		return EVP_PKEY_get_bits(pkey) >= RSA_BITS_MIN &&
		       EVP_PKEY_get_size(pkey) <= (int)TLS_SIGNATURE_MAX;
	(void)EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL);
	return span_eq(span_from_cstr(group), SPAN("prime256v1")) ||
	       span_eq(span_from_cstr(group), SPAN("secp384r1"));
}

size_t
tls_private_sign(
	struct tls_private *key, uint32_t scheme, struct span content, uint8_t *to, size_t cap)
{
	const char *hash = hash_of(key->pkey, scheme);
	EVP_MD_CTX *ctx = hash == NULL ? NULL : EVP_MD_CTX_new();
	EVP_PKEY_CTX *how = NULL;
	size_t len = cap;
	bool ok = ctx != NULL &&
		  EVP_DigestSignInit_ex(ctx, &how, hash, NULL, NULL, key->pkey, NULL) == 1;

	if (ok && EVP_PKEY_is_a(key->pkey, "RSA") == 1)
		ok = EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) == 1 &&
		     EVP_PKEY_CTX_set_rsa_pss_saltlen(how, RSA_PSS_SALTLEN_DIGEST) == 1;
	ok = ok && EVP_DigestSign(ctx, to, &len, content.ptr, content.len) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return ok ? len : 0;
}

/* ---- certificates ---- */

void
tls_chain_clear(struct tls_chain *chain)
{
	for (size_t i = 0; i < chain->n; i++)
		free(chain->der[i]);
	*chain = (struct tls_chain){0};
}

static bool
add(struct tls_chain *chain, X509 *x)
{
	unsigned char *der = NULL;
	int len = i2d_X509(x, &der);

	if (len <= 0 || len > (int)TLS_CERT_MAX || chain->n == TLS_CERTS_MAX) {
		OPENSSL_free(der);
		return refused("gateway.tls.certPath: more or larger certificates than are sent");
	}
	chain->der[chain->n] = mem_copy(span_of(der, (size_t)len));
	chain->len[chain->n++] = (size_t)len;
	OPENSSL_free(der);
	return true;
}

static bool
put_pem(X509 *x, struct buf *pem)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	bool ok = bio != NULL && PEM_write_bio_X509(bio, x) == 1;
	long len = ok ? BIO_get_mem_data(bio, &text) : 0;

	ok = ok && len > 0 && buf_put(pem, span_of(text, (size_t)len)) == 0;
	BIO_free(bio);
	return ok;
}

static bool
read_chain(struct span text, EVP_PKEY *pkey, struct tls_chain *chain, struct buf *pem)
{
	BIO *bio = BIO_new_mem_buf(text.ptr, (int)text.len);
	bool ok = bio != NULL;
	X509 *x;

	while (ok && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		if (chain->n == 0 && X509_check_private_key(x, pkey) != 1)
			ok = refused(
				"gateway.tls.keyPath is not the key of the first certificate in "
				"gateway.tls.certPath");
		if (chain->n == 0)
			ok = ok && put_pem(x, pem);
		ok = ok && add(chain, x);
		X509_free(x);
	}
	BIO_free(bio);
	ERR_clear_error(); /* the end of the file is an error */
	if (ok && chain->n == 0)
		ok = refused("gateway.tls.certPath holds no certificate in PEM");
	return ok;
}

static int
no_passphrase(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static struct tls_private *
private_new(EVP_PKEY *pkey)
{
	struct tls_private *key = mem_alloc(1, sizeof(*key));

	key->pkey = pkey;
	return key;
}

struct tls_private *
tls_private_read(
	struct span cert_pem, struct span key_pem, struct tls_chain *chain, struct buf *pem)
{
	BIO *bio = BIO_new_mem_buf(key_pem.ptr, (int)key_pem.len);
	EVP_PKEY *pkey =
		bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	bool ok = pkey != NULL
			  ? true
			  : refused("gateway.tls.keyPath holds no private key in PEM without a "
				    "passphrase");

	BIO_free(bio);
	if (ok && !is_kind_good(pkey))
		ok = refused(
			"gateway.tls.keyPath: expected a key for P-256, P-384 or RSA of 2048 bits "
			"or more");
	if (ok && read_chain(cert_pem, pkey, chain, pem))
		return private_new(pkey);
	EVP_PKEY_free(pkey);
	tls_chain_clear(chain);
	return NULL;
}

/* ---- one of our own ---- */

static bool
extend(X509 *x, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;
	bool ok;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = ext != NULL && X509_add_ext(x, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	return ok;
}

/* RFC 5280; ten years, because nobody but its owner's clients knows it. */
static bool
describe(X509 *x, EVP_PKEY *pkey)
{
	X509_NAME *name = X509_get_subject_name(x);
	BIGNUM *serial = BN_new();
	bool ok = serial != NULL &&
		  BN_rand(serial, 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
		  BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(x)) != NULL;

	BN_free(serial);
	return ok && X509_set_version(x, X509_VERSION_3) == 1 &&
	       X509_gmtime_adj(X509_getm_notBefore(x), -DAY) != NULL &&
	       X509_gmtime_adj(X509_getm_notAfter(x), 3650 * DAY) != NULL &&
	       X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
		       (const unsigned char *)"moltbot gateway", -1, -1, 0) == 1 &&
	       X509_set_issuer_name(x, name) == 1 && X509_set_pubkey(x, pkey) == 1 &&
	       extend(x, NID_basic_constraints, "critical,CA:FALSE") &&
	       extend(x, NID_key_usage, "critical,digitalSignature") &&
	       extend(x, NID_ext_key_usage, "serverAuth") &&
	       extend(x, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1") &&
	       X509_sign(x, pkey, EVP_sha256()) > 0;
}

/* The key and then the certificate, both DER. */
static bool
put_plain(EVP_PKEY *pkey, const struct tls_chain *chain, struct buf *plain)
{
	unsigned char *der = NULL;
	int len = i2d_PrivateKey(pkey, &der);
	bool ok = len > 0 && buf_put(plain, span_of(der, (size_t)len)) == 0 &&
		  buf_put(plain, span_of(chain->der[0], chain->len[0])) == 0;

	if (len > 0)
		OPENSSL_clear_free(der, (size_t)len);
	return ok;
}

struct tls_private *
tls_private_make(struct tls_chain *chain, struct buf *plain, struct buf *pem)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	bool ok = pkey != NULL && x != NULL && describe(x, pkey) && add(chain, x) &&
		  put_pem(x, pem) && put_plain(pkey, chain, plain);

	X509_free(x);
	if (ok)
		return private_new(pkey);
	(void)refused("a certificate could not be made");
	EVP_PKEY_free(pkey);
	tls_chain_clear(chain);
	return NULL;
}

struct tls_private *
tls_private_load(struct span plain, struct tls_chain *chain, struct buf *pem)
{
	const unsigned char *p = plain.ptr;
	EVP_PKEY *pkey = d2i_AutoPrivateKey(NULL, &p, (long)plain.len);
	X509 *x = pkey == NULL ? NULL : d2i_X509(NULL, &p, (long)(plain.ptr + plain.len - p));
	bool ok = x != NULL && X509_check_private_key(x, pkey) == 1 && add(chain, x) &&
		  put_pem(x, pem);

	X509_free(x);
	if (ok)
		return private_new(pkey);
	(void)refused("tls.box does not hold a key and its certificate");
	EVP_PKEY_free(pkey);
	tls_chain_clear(chain);
	return NULL;
}
