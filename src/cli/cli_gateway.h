/* What is known about a gateway of this state directory, running or not: asked of it, or seen from outside. */
#ifndef CLI_CLI_GATEWAY_H
#define CLI_CLI_GATEWAY_H

#include "cli_client.h"

struct cli_gateway {
	struct cli_client *client; /* NULL: not running, or refused; then why says what */
	const char *why;
	int pid;            /* of the supervisor; 0 unknown */
	unsigned processes; /* of its tree, itself included */
	bool panic;
	const struct json_node *hello;
	const struct json_node *status; /* NULL: no answer */
	const struct json_node *health;
};

/* Never says anything: a gateway that is down is an answer too. 0: it is up. Close the client afterwards. */
int cli_gateway_look(struct cli *cli, struct cli_gateway *gateway);

/* The processes of a tree, its root included: how many; the first max of them into pids, which may be NULL. */
size_t cli_gateway_tree(int root, unsigned *pids, size_t max);

/* Up time for people; the auth line as in the configuration. */
void cli_gateway_put(struct cli *cli, const struct cli_gateway *gateway);
/* Members of an open object. */
void cli_gateway_put_json(struct cli *cli, const struct cli_gateway *gateway, struct json_out *o);

#endif
