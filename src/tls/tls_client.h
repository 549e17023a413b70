/* The client's side, for the command line (proto/tls_client.h). */
#ifndef TLS_TLS_CLIENT_H
#define TLS_TLS_CLIENT_H

#include "jail/jail.h"

/* jail.c */
extern const struct jail_spec tls_client_jail;

/*
 * host: the name that the certificate must be for; fingerprint: in hex, of the one certificate that is good whoever vouches for it, or
 * empty. Returns the exit status.
 */
int tls_client_run(const char *host, const char *fingerprint);

#endif
