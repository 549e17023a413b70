/* OpenSSL for the tests of tls and tls/key; base/err.h may not be here. */
#ifndef TESTS_TLS_KIT_H
#define TESTS_TLS_KIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/span.h"

#define KIT_CONTENT_MAX 160

/* The content of a server's CertificateVerify over a hash of len bytes; returns its length. */
size_t kit_content(uint8_t *to, size_t len);
/* Is this the signature of the certificate's key (P-256, SHA-256) over content? */
bool kit_verify(struct span der, struct span content, struct span signature);

/* A certificate signed by itself, n times, and its key. */
struct kit_pair {
	unsigned rsa_bits; /* 0: P-256 */
	size_t der_len;    /* bytes of the certificate; 0: as it comes */
	unsigned n;
};
void kit_pair_make(const struct kit_pair *what, struct buf *cert_pem, struct buf *key_pem);

/* A TLS client's side of a connection: version is that of TLS to offer (0x0303, 0x0304). NULL: no handshake. */
struct kit_client;
struct kit_client *kit_connect(uint16_t port, int version);
/*
 * Sends len bytes of a pattern while it reads as many, each of which must be what was sent. At half of it, sends no more for a while
 * and reads nothing. Then says its end, and the other side must say its own. true: all of it was so.
 */
bool kit_echo(struct kit_client *c, size_t len);
/* n handshakes, whose connections stay open; then the other side closes one more that does not say a byte. */
bool kit_hold(uint16_t port, size_t n);
/* n clients who begin a handshake and do not wait for its end. */
bool kit_rush(uint16_t port, size_t n);

#endif
