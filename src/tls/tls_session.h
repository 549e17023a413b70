/* OpenSSL, as tls needs it. Its headers and base/err.h do not go together, so no error code of ours is here. */
#ifndef TLS_TLS_SESSION_H
#define TLS_TLS_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/span.h"

/* A certificate and those that vouch for it, as they are sent. */
struct tls_chain {
	uint8_t *der[TLS_CERTS_MAX];
	size_t len[TLS_CERTS_MAX];
	size_t n;
};
void tls_chain_clear(struct tls_chain *chain);

/* What OpenSSL needs before the jail. 0 or negative. */
int tls_session_setup(void);

struct tls_context;
struct tls_session;

/* Asks tls/key; false when it cannot be asked. The answer is given to tls_session_sign_done. */
typedef bool tls_ask_fn(void *arg, uint32_t scheme, struct span content);

/* TLS 1.3 and nothing before it, ALPN http/1.1, no tickets. NULL and a log line: this chain cannot be used. */
struct tls_context *tls_context_new(const struct tls_chain *chain, tls_ask_fn *ask);
/* For clients: TLS 1.3. ca_file: who vouches for certificates, or NULL (the caller knows the one that is good). NULL: not read. */
struct tls_context *tls_context_new_client(const char *ca_file);
void tls_context_free(struct tls_context *context); /* sessions of it go on; NULL is legal */

/* fd stays the caller's. NULL: no memory. */
struct tls_session *tls_session_new(struct tls_context *context, int fd, void *arg);
/* host: whom the certificate must be for. NULL: no memory, or no such name. */
struct tls_session *tls_session_new_client(struct tls_context *context, int fd, const char *host);
/* After the handshake: SHA-256 of the other side's certificate; false: there is none. */
bool tls_session_peer(const struct tls_session *s, uint8_t fingerprint[32]);
/* And did somebody of ca_file vouch for it, for this host and now? */
bool tls_session_is_trusted(const struct tls_session *s);
/* No signature may be awaited. NULL is legal. */
void tls_session_free(struct tls_session *s);

enum tls_result {
	TLS_DONE,
	TLS_WANT_READ,
	TLS_WANT_WRITE,
	TLS_WANT_SIGNATURE,
	TLS_ENDED, /* the other side has said that no more comes */
	TLS_BROKEN,
};
enum tls_result tls_session_shake(struct tls_session *s);
enum tls_result tls_session_read(struct tls_session *s, uint8_t *to, size_t cap, size_t *n);
enum tls_result tls_session_write(struct tls_session *s, struct span bytes, size_t *n);
enum tls_result tls_session_say_end(struct tls_session *s);
/* Empty: refused, or it will not come. tls_session_shake goes on then. */
void tls_session_sign_done(struct tls_session *s, struct span signature);

/*
 * tls_provider.c: for OpenSSL the private key is one whose signatures are made elsewhere. The content goes to
 * tls_session_sign as a whole. NULL: the public key is of no kind that we have.
 */
struct evp_pkey_st;
struct evp_pkey_st *tls_provider_key(struct evp_pkey_st *public);
/* Within a handshake: waits for the signature. 0: there is none. */
size_t tls_session_sign(uint32_t scheme, struct span content, uint8_t *to, size_t cap);

#endif
