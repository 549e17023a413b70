/* The private key: where it comes from, and its signatures. No OpenSSL in the interface. */
#ifndef TLS_TLS_KEY_H
#define TLS_TLS_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/span.h"
#include "tls_session.h"

struct tls_private;
struct child;

/* tls_pem.c. What OpenSSL needs before the jail. 0 or negative. */
int tls_private_setup(void);
void tls_private_free(struct tls_private *key); /* NULL is legal */
/* PEM of the owner's. pem: the first certificate again. NULL and a log line when they are no pair that clients can use. */
struct tls_private *tls_private_read(
	struct span cert_pem, struct span key_pem, struct tls_chain *chain, struct buf *pem);
/* A new one, P-256, with a certificate signed by itself for localhost. plain: its DER, the caller's to wipe; pem: the certificate. */
struct tls_private *tls_private_make(struct tls_chain *chain, struct buf *plain, struct buf *pem);
/* The DER of tls_private_make, and the certificate in PEM again. */
struct tls_private *tls_private_load(struct span plain, struct tls_chain *chain, struct buf *pem);

/*
 * Signs content when scheme is one of this key's. Returns the length, 0 when not. What content is has been looked at.
 */
size_t tls_private_sign(
	struct tls_private *key, uint32_t scheme, struct span content, uint8_t *to, size_t cap);

/* tls_key.c: the process's setup and its one message. */
struct jail_env;
int tls_key_setup(struct child *child, struct jail_env *env);
struct ipc_chan;
void tls_key_peer_up(struct child *child, uint8_t kind, struct ipc_chan *chan);
int tls_key_on_sign(struct ipc_chan *chan, const void *msg, void *arg);

#endif
