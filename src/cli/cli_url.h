/* Where a gateway is that is not asked over the control socket: --url, or gateway.remote of the configuration. */
#ifndef CLI_CLI_URL_H
#define CLI_CLI_URL_H

#include "cli.h"
#include "proto/tls_client.h"

#define CLI_URL_MAX 512

struct cli_url {
	char text[CLI_URL_MAX + 1]; /* empty: the control socket */
	bool is_pinned;             /* wss: this certificate and no other */
	uint8_t fingerprint[TLS_FINGERPRINT_LEN];
};

/* From --url and --tls-fingerprint. 0, or ERR_UNSUPPORTED and *what. */
int cli_url_given(const struct cli *cli, struct cli_url *url, const char **what);
/* From gateway.remote, for commands that have --url; empty when there is none, or none that can be read. */
void cli_url_configured(struct cli *cli, struct cli_url *url);

/*
 * A stream to wss://HOST[:PORT], or to ws://HOST:PORT on this machine. Of wss without a fingerprint: of this machine the certificate of
 * the state directory's gateway is good, of others what this machine trusts. *what: what went wrong, our own words. The fd, or
 * ERR_CLOSED (nobody listens), ERR_UNSUPPORTED (the URL), ERR_CRYPTO (the certificate), ERR_TIMEOUT, ERR_SYS.
 */
int cli_url_open(
	const struct cli *cli, const struct cli_url *url, int64_t timeout_ms, const char **what);

/* What Host says for it; of the control socket localhost. */
struct span cli_url_host(const struct cli_url *url);

#endif
