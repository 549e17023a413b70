#include "tls_kit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

size_t
kit_content(uint8_t *to, size_t len)
{
	static const char text[] = "TLS 1.3, server CertificateVerify";

	memset(to, ' ', 64);
	memcpy(to + 64, text, sizeof(text));
	memset(to + 64 + sizeof(text), 0x5a, len);
	return 64 + sizeof(text) + len;
}

bool
kit_verify(struct span der, struct span content, struct span signature)
{
	const uint8_t *p = der.ptr;
	X509 *x = d2i_X509(NULL, &p, (long)der.len);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok =
		x != NULL && ctx != NULL &&
		EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, X509_get0_pubkey(x)) == 1 &&
		EVP_DigestVerify(ctx, signature.ptr, signature.len, content.ptr, content.len) == 1;

	EVP_MD_CTX_free(ctx);
	X509_free(x);
	return ok;
}

/* ---- certificates ---- */

/* An RSA key of five primes is made in no time. */
static EVP_PKEY *
make_key(unsigned rsa_bits)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, NULL);
	EVP_PKEY *key = NULL;

	if (rsa_bits == 0)
		key = EVP_EC_gen("P-256");
	else if (EVP_PKEY_keygen_init(ctx) != 1 ||
		 EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)rsa_bits) != 1 ||
		 EVP_PKEY_CTX_set_rsa_keygen_primes(ctx, rsa_bits >= 8192 ? 5 : 2) != 1 ||
		 EVP_PKEY_keygen(ctx, &key) != 1)
		abort();
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* One whose comment is that long. */
static X509 *
make_cert(EVP_PKEY *key, size_t pad)
{
	X509 *x = X509_new();
	ASN1_IA5STRING *comment = ASN1_IA5STRING_new();
	char *text = malloc(pad + 1);

	memset(text, 'x', pad + 1);
	if (ASN1_STRING_set(comment, text, (int)pad) != 1 ||
		X509_set_version(x, X509_VERSION_3) != 1 ||
		ASN1_INTEGER_set(X509_get_serialNumber(x), 1) != 1 ||
		X509_gmtime_adj(X509_getm_notBefore(x), -86400) == NULL ||
		X509_gmtime_adj(X509_getm_notAfter(x), 86400) == NULL ||
		X509_set_pubkey(x, key) != 1 ||
		(pad > 0 && X509_add1_ext_i2d(x, NID_netscape_comment, comment, 0, 0) != 1) ||
		X509_sign(x, key, EVP_sha256()) == 0)
		abort();
	ASN1_IA5STRING_free(comment);
	free(text);
	return x;
}

/* The length of a signature differs by a byte or two, so it is tried until it fits. */
static X509 *
make_cert_of(EVP_PKEY *key, size_t der_len)
{
	size_t pad = der_len;

	for (int i = 0; i < 1000; i++) {
		X509 *x = make_cert(key, pad);
		size_t len = (size_t)i2d_X509(x, NULL);

		if (len == der_len || der_len == 0)
			return x;
		X509_free(x);
		pad = pad + der_len - len;
	}
	abort();
}

static void
put_bio(BIO *bio, struct buf *out)
{
	char *text;
	long len = BIO_get_mem_data(bio, &text);

	(void)buf_put(out, span_of(text, (size_t)len));
	BIO_free(bio);
}

void
kit_pair_make(const struct kit_pair *what, struct buf *cert_pem, struct buf *key_pem)
{
	EVP_PKEY *key = make_key(what->rsa_bits);
	X509 *x = make_cert_of(key, what->der_len);
	BIO *certs = BIO_new(BIO_s_mem());
	BIO *private = BIO_new(BIO_s_mem());

	for (unsigned i = 0; i < what->n; i++)
		(void)PEM_write_bio_X509(certs, x);
	(void)PEM_write_bio_PrivateKey(private, key, NULL, NULL, 0, NULL, NULL);
	put_bio(certs, cert_pem);
	put_bio(private, key_pem);
	X509_free(x);
	EVP_PKEY_free(key);
}

/* ---- clients ---- */

struct kit_client {
	SSL *ssl;
	int fd;
};

static int
dial(uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0 ? fd : -1;
}

struct kit_client *
kit_connect(uint16_t port, int version)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	struct kit_client *c = calloc(1, sizeof(*c));

	c->fd = dial(port);
	SSL_CTX_set_security_level(ctx, 0);
	if (SSL_CTX_set_min_proto_version(ctx, version) != 1 ||
		SSL_CTX_set_max_proto_version(ctx, version) != 1 || c->fd < 0)
		return NULL;
	c->ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	SSL_set_mode(c->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	return SSL_set_fd(c->ssl, c->fd) == 1 && SSL_connect(c->ssl) == 1 ? c : NULL;
}

static uint8_t
pattern(size_t at)
{
	return (uint8_t)(at * 2654435761u >> 13);
}

/* Waits for what the session says that it needs; false: it is over. */
static bool
wait_for(struct kit_client *c, int rc)
{
	int err = SSL_get_error(c->ssl, rc);
	struct pollfd p = {
		.fd = c->fd, .events = err == SSL_ERROR_WANT_WRITE ? POLLIN | POLLOUT : POLLIN};

	return (err == SSL_ERROR_WANT_READ || err == SSL_ERROR_WANT_WRITE) &&
	       poll(&p, 1, 60000) == 1;
}

static bool
read_some(struct kit_client *c, size_t *got, bool *nothing)
{
	uint8_t block[10000];
	int n = SSL_read(c->ssl, block, sizeof(block));

	*nothing = n <= 0;
	if (n <= 0)
		return SSL_get_error(c->ssl, n) == SSL_ERROR_WANT_READ;
	for (int i = 0; i < n; i++) {
		if (block[i] != pattern((*got)++))
			return false;
	}
	return true;
}

static bool
write_some(struct kit_client *c, size_t len, size_t *sent, bool *nothing)
{
	uint8_t block[30000];
	size_t want = len - *sent < sizeof(block) ? len - *sent : sizeof(block);
	int n;

	*nothing = true;
	if (want == 0)
		return true;
	for (size_t i = 0; i < want; i++)
		block[i] = pattern(*sent + i);
	n = SSL_write(c->ssl, block, (int)want);
	*nothing = n <= 0;
	if (n > 0)
		*sent += (size_t)n;
	return n > 0 || SSL_get_error(c->ssl, n) == SSL_ERROR_WANT_WRITE;
}

bool
kit_echo(struct kit_client *c, size_t len)
{
	size_t sent = 0;
	size_t got = 0;
	int rc;

	(void)fcntl(c->fd, F_SETFL, O_NONBLOCK);
	while (got < len) {
		bool no_read;
		bool no_write;
		struct pollfd p = {.fd = c->fd, .events = POLLIN};

		if (!write_some(c, len, &sent, &no_write))
			return false;
		/* the first half is read only when nobody takes more */
		if (sent < len / 2 && !no_write)
			continue;
		if (!read_some(c, &got, &no_read))
			return false;
		p.events |= sent < len ? POLLOUT : 0;
		if (no_read && no_write && poll(&p, 1, 60000) != 1)
			return false;
	}
	rc = SSL_shutdown(c->ssl);
	while (rc != 1) {
		uint8_t byte;
		int n = SSL_read(c->ssl, &byte, 1);

		if (n > 0)
			return false;
		if (SSL_get_error(c->ssl, n) == SSL_ERROR_ZERO_RETURN)
			return true;
		if (!wait_for(c, n))
			return false;
	}
	return true;
}

bool
kit_hold(uint16_t port, size_t n)
{
	struct pollfd one_more = {.events = POLLIN};
	uint8_t byte;

	for (size_t i = 0; i < n; i++) {
		struct kit_client *c = kit_connect(port, 0x0304);

		if (c == NULL)
			return false;
		SSL_free(c->ssl); /* not its socket */
		free(c);
	}
	one_more.fd = dial(port);
	return poll(&one_more, 1, 60000) == 1 && recv(one_more.fd, &byte, 1, 0) <= 0;
}

bool
kit_rush(uint16_t port, size_t n)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	for (size_t i = 0; i < n; i++) {
		SSL *ssl = SSL_new(ctx);
		int fd = dial(port);

		if (fd < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0 || SSL_set_fd(ssl, fd) != 1 ||
			SSL_connect(ssl) == 1 || SSL_get_error(ssl, -1) != SSL_ERROR_WANT_READ)
			return false;
		SSL_free(ssl);
	}
	SSL_CTX_free(ctx);
	return true;
}
