/*
 * moltbot-tls client: TLS for somebody who has none himself, the command line. Descriptor 3 is a TCP connection, 4 one end of a pair of
 * sockets. When the handshake is over it writes these bytes to 4 and, after TLS_CLIENT_GOOD, carries bytes to and fro.
 */
#ifndef PROTO_TLS_CLIENT_H
#define PROTO_TLS_CLIENT_H

#define TLS_CLIENT_NET_FD 3
#define TLS_CLIENT_PAIR_FD 4
#define TLS_FINGERPRINT_LEN 32 /* SHA-256 of the certificate in DER */

enum tls_client_word {
	TLS_CLIENT_BROKEN, /* no handshake: not TLS 1.3, or the end */
	TLS_CLIENT_GOOD,
	TLS_CLIENT_UNKNOWN, /* nobody whom this machine trusts vouches for it, or it is for another name */
	TLS_CLIENT_OTHER, /* not the certificate that was to be expected */
};

/* The word, then the fingerprint of the certificate that was presented (zeros: none was). */
#define TLS_CLIENT_ANSWER_LEN (1 + TLS_FINGERPRINT_LEN)

#endif
