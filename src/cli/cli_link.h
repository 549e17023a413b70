/* The one-time link to the web page, and the process that prints it when the gateway has come up. */
#ifndef CLI_CLI_LINK_H
#define CLI_CLI_LINK_H

#include "cli_client.h"
#include "cli_tls.h"

#define CLI_LINK_MAX 512

struct cli_link {
	char url[CLI_LINK_MAX];
	uint64_t ttl_ms;
	char fingerprint[CLI_FINGERPRINT_MAX]; /* of the certificate; empty: no TLS */
};

/* 0, or an exit code after saying what is wrong. */
int cli_link_get(struct cli *cli, struct cli_client *client, struct cli_link *link);

/*
 * Before this process becomes the supervisor: leaves a jailed process behind that waits for the gateway's answer at the control
 * socket, prints where it is to be found, and ends. Nothing is printed where there is no terminal, unless MOLTBOT_PRINT_LINK
 * is set; never on Railway. Failing to do so is no failure of the start.
 */
void cli_link_leave(struct cli *cli);

#endif
