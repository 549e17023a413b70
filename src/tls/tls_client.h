/* The client's side, for the command line (proto/tls_client.h). */
#ifndef TLS_TLS_CLIENT_H
#define TLS_TLS_CLIENT_H

/*
 * host: the name that the certificate must be for; fingerprint: in hex, of the one certificate that is good whoever vouches for it, or
 * empty. Returns the exit status.
 */
int tls_client_run(const char *host, const char *fingerprint);

#endif
