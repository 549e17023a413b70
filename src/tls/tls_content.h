/* What tls/key signs. No OpenSSL here: it is read, tested and fuzzed by itself. */
#ifndef TLS_TLS_CONTENT_H
#define TLS_TLS_CONTENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

/* Signature schemes (RFC 8446, 4.2.3), those that a key of ours can have. */
enum tls_scheme {
	TLS_ECDSA_P256 = 0x0403,
	TLS_ECDSA_P384 = 0x0503,
	TLS_PSS_SHA256 = 0x0804,
	TLS_PSS_SHA384 = 0x0805,
	TLS_PSS_SHA512 = 0x0806,
};

/*
 * Is this what a server signs in TLS 1.3 (RFC 8446, 4.4.3): 64 spaces, "TLS 1.3, server CertificateVerify", a zero byte and
 * the hash of the handshake so far (SHA-256 or SHA-384), and nothing behind it. Nothing else that is ever signed with a key of a
 * certificate begins like that.
 */
bool tls_content_is_good(struct span content);

#endif
