/* One server context and its sessions. */
#include "tls_session.h"

#include <stdlib.h>

#include <openssl/async.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/log.h"
#include "base/mem.h"

#define CIPHERS "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

enum sign_state { SIGN_NONE, SIGN_ASKED, SIGN_ANSWERED };

struct tls_context {
	SSL_CTX *ssl;
	tls_ask_fn *ask;
};

struct tls_session {
	SSL *ssl;
	void *arg;
	tls_ask_fn *ask;
	enum sign_state state;
	uint8_t signature[TLS_SIGNATURE_MAX];
	size_t len;
};

/* Whose handshake is being carried on. */
static struct tls_session *current;

/* ---- the context ---- */

static int
choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
	unsigned in_len, void *arg)
{
	static const unsigned char ours[] = "\x08http/1.1";
	unsigned char *chosen;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&chosen, out_len, ours, sizeof(ours) - 1, in, in_len) !=
		OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static bool
add_chain(SSL_CTX *ctx, const struct tls_chain *chain)
{
	for (size_t i = 0; i < chain->n; i++) {
		const uint8_t *p = chain->der[i];
		X509 *x = d2i_X509(NULL, &p, (long)chain->len[i]);
		EVP_PKEY *key = x == NULL || i > 0 ? NULL : tls_provider_key(X509_get0_pubkey(x));
		bool ok = x != NULL &&
			  (i == 0 ? key != NULL && SSL_CTX_use_certificate(ctx, x) == 1 &&
						  SSL_CTX_use_PrivateKey(ctx, key) == 1
				  : SSL_CTX_add1_chain_cert(ctx, x) == 1);

		EVP_PKEY_free(key);
		X509_free(x);
		if (!ok)
			return false;
	}
	return chain->n > 0;
}

static void
say_why(const char *what)
{
	char text[256];

	ERR_error_string_n(ERR_peek_last_error(), text, sizeof(text));
	log_error(what, LOG_C("why", text));
	ERR_clear_error();
}

/* OpenSSL's macro takes it as one that may be written */
static char groups[] = "X25519:P-256:P-384";

struct tls_context *
tls_context_new(const struct tls_chain *chain, tls_ask_fn *ask)
{
	struct tls_context *context = mem_alloc(1, sizeof(*context));
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	context->ssl = ctx;
	context->ask = ask;
	if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
		SSL_CTX_set_ciphersuites(ctx, CIPHERS) != 1 ||
		SSL_CTX_set1_groups_list(ctx, groups) != 1 ||
		SSL_CTX_set_num_tickets(ctx, 0) != 1 || !add_chain(ctx, chain)) {
		say_why("this certificate cannot be used for TLS");
		tls_context_free(context);
		return NULL;
	}
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
					       SSL_OP_NO_COMPRESSION |
					       SSL_OP_CIPHER_SERVER_PREFERENCE);
	(void)SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
					    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					    SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_alpn_select_cb(ctx, choose_alpn, NULL);
	return context;
}

/* Whether the certificate is good is looked at after the handshake, before a byte of ours is sent. */
struct tls_context *
tls_context_new_client(const char *ca_file)
{
	struct tls_context *context = mem_alloc(1, sizeof(*context));
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	context->ssl = ctx;
	if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
		SSL_CTX_set_ciphersuites(ctx, CIPHERS) != 1 ||
		SSL_CTX_set1_groups_list(ctx, groups) != 1 ||
		(ca_file != NULL && SSL_CTX_load_verify_file(ctx, ca_file) != 1)) {
		tls_context_free(context);
		return NULL;
	}
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	(void)SSL_CTX_set_mode(
		ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	return context;
}

void
tls_context_free(struct tls_context *context)
{
	if (context == NULL)
		return;
	SSL_CTX_free(context->ssl);
	free(context);
}

/* ---- a session ---- */

/* The handshake runs where it can be left and come back to: while tls/key signs, others have their turn. */
struct tls_session *
tls_session_new(struct tls_context *context, int fd, void *arg)
{
	struct tls_session *s = mem_alloc(1, sizeof(*s));

	s->ssl = SSL_new(context->ssl);
	s->arg = arg;
	s->ask = context->ask;
	if (s->ssl == NULL || SSL_set_fd(s->ssl, fd) != 1) {
		tls_session_free(s);
		return NULL;
	}
	SSL_set_accept_state(s->ssl);
	(void)SSL_set_mode(s->ssl, SSL_MODE_ASYNC);
	return s;
}

/* OpenSSL's macro for it drops const */
static long
set_name(SSL *ssl, const char *host)
{
	return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
		(void *)(uintptr_t)host);
}

struct tls_session *
tls_session_new_client(struct tls_context *context, int fd, const char *host)
{
	static const unsigned char alpn[] = "\x08http/1.1";
	struct tls_session *s = mem_alloc(1, sizeof(*s));
	X509_VERIFY_PARAM *how;

	s->ssl = SSL_new(context->ssl);
	how = s->ssl == NULL ? NULL : SSL_get0_param(s->ssl);
	if (how == NULL || SSL_set_fd(s->ssl, fd) != 1 ||
		SSL_set_alpn_protos(s->ssl, alpn, sizeof(alpn) - 1) != 0 ||
		/* an address is looked for among the certificate's addresses, and is no name to say */
		(X509_VERIFY_PARAM_set1_ip_asc(how, host) != 1 &&
			(SSL_set1_host(s->ssl, host) != 1 || set_name(s->ssl, host) != 1))) {
		tls_session_free(s);
		return NULL;
	}
	SSL_set_connect_state(s->ssl);
	return s;
}

bool
tls_session_peer(const struct tls_session *s, uint8_t fingerprint[32])
{
	const X509 *x = SSL_get0_peer_certificate(s->ssl);
	unsigned len = 0;

	return x != NULL && X509_digest(x, EVP_sha256(), fingerprint, &len) == 1 && len == 32;
}

bool
tls_session_is_trusted(const struct tls_session *s)
{
	return SSL_get0_peer_certificate(s->ssl) != NULL &&
	       SSL_get_verify_result(s->ssl) == X509_V_OK;
}

void
tls_session_free(struct tls_session *s)
{
	if (s == NULL)
		return;
	SSL_free(s->ssl);
	free(s);
}

static enum tls_result
result_of(struct tls_session *s, int rc)
{
	if (rc == 1)
		return TLS_DONE;
	switch (SSL_get_error(s->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		return TLS_WANT_READ;
	case SSL_ERROR_WANT_WRITE:
		return TLS_WANT_WRITE;
	case SSL_ERROR_WANT_ASYNC:
		return TLS_WANT_SIGNATURE;
	case SSL_ERROR_ZERO_RETURN:
		return TLS_ENDED;
	default:
		ERR_clear_error();
		return TLS_BROKEN;
	}
}

enum tls_result
tls_session_shake(struct tls_session *s)
{
	enum tls_result r;

	ERR_clear_error();
	current = s;
	r = result_of(s, SSL_do_handshake(s->ssl));
	current = NULL;
	if (r == TLS_DONE)
		(void)SSL_clear_mode(s->ssl, SSL_MODE_ASYNC);
	return r;
}

enum tls_result
tls_session_read(struct tls_session *s, uint8_t *to, size_t cap, size_t *n)
{
	ERR_clear_error();
	return result_of(s, SSL_read_ex(s->ssl, to, cap, n));
}

enum tls_result
tls_session_write(struct tls_session *s, struct span bytes, size_t *n)
{
	ERR_clear_error();
	return result_of(s, SSL_write_ex(s->ssl, bytes.ptr, bytes.len, n));
}

enum tls_result
tls_session_say_end(struct tls_session *s)
{
	int rc;

	ERR_clear_error();
	rc = SSL_shutdown(s->ssl);
	return rc >= 0 ? TLS_DONE : result_of(s, rc);
}

/* ---- the signature ---- */

size_t
tls_session_sign(uint32_t scheme, struct span content, uint8_t *to, size_t cap)
{
	struct tls_session *s = current;

	if (s == NULL || s->state != SIGN_NONE || !s->ask(s->arg, scheme, content))
		return 0;
	s->state = SIGN_ASKED;
	while (s->state == SIGN_ASKED) {
		if (ASYNC_pause_job() != 1)
			return 0;
	}
	if (s->len == 0 || s->len > cap)
		return 0;
	memcpy(to, s->signature, s->len);
	return s->len;
}

void
tls_session_sign_done(struct tls_session *s, struct span signature)
{
	s->state = SIGN_ANSWERED;
	s->len = signature.len <= sizeof(s->signature) ? signature.len : 0;
	if (s->len > 0)
		memcpy(s->signature, signature.ptr, s->len);
}
