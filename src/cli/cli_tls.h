/* TLS for a connection of the command line, done by a process of its own (moltbot-tls client), and the fingerprints of certificates. */
#ifndef CLI_CLI_TLS_H
#define CLI_CLI_TLS_H

#include "cli.h"
#include "proto/tls_client.h"

#define CLI_FINGERPRINT_MAX (3 * TLS_FINGERPRINT_LEN + 8)

/* 64 digits of hex in any case, with colons between or not, "sha256:" before or not. 0 or ERR_PROTO. */
int cli_tls_fingerprint_parse(struct span text, uint8_t fingerprint[TLS_FINGERPRINT_LEN]);
/* "AB:CD:…" */
void cli_tls_fingerprint_format(
	const uint8_t fingerprint[TLS_FINGERPRINT_LEN], char text[CLI_FINGERPRINT_MAX]);
/* Of the certificate that the gateway of this state directory gives to clients (<state>/tls-cert.pem). 0, ERR_NOTFOUND, ERR_PROTO. */
int cli_tls_fingerprint_own(const struct cli *cli, uint8_t fingerprint[TLS_FINGERPRINT_LEN]);
/* The same as text, when its status says that it has TLS and it is this state directory's. */
struct json_node;
bool cli_tls_fingerprint_text(
	const struct cli *cli, const struct json_node *status, char text[CLI_FINGERPRINT_MAX]);

/*
 * Takes the connection net to host and returns one end of a pair of sockets, whose bytes go over TLS. fingerprint: of the one certificate
 * that is good; NULL: this machine's certificate authorities decide. *what: what went wrong. ERR_PROTO, ERR_CRYPTO (another certificate, or
 * one that is not trusted), ERR_TIMEOUT, ERR_NOTFOUND, ERR_SYS.
 */
int cli_tls_start(const struct cli *cli, int net, const char *host, const uint8_t *fingerprint,
	int64_t timeout_ms, const char **what);

#endif
