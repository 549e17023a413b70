/* moltbot secrets show NAME */
#include "cli_commands.h"

#include "cli_client.h"

static int
run(struct cli *cli)
{
	struct cli_client *client = NULL;
	struct cli_frame frame;
	int rc = cli_client_ask(cli, "moltbot.secrets.show", "name", cli->args[0], &client, &frame);

	if (rc == 0 && cli->json) {
		cli_json_payload(cli, frame.payload);
	} else if (rc == 0) {
		cli_put_safe(cli, cli_get_str(frame.payload, "value"));
		cli_put(cli, "\n");
	}
	cli_client_close(client);
	return rc;
}

static const struct cli_option options[] = {
	CLI_TIMEOUT_OPTION,
	{NULL, 0, CLI_FLAG, NULL, 0, 0, NULL},
};

static const struct cli_example examples[] = {
	{"moltbot secrets show gateway-token", "what other programs need as MOLTBOT_GATEWAY_TOKEN"},
	{NULL, NULL},
};

const struct cli_command cmd_secrets_show = {
	.name = "secrets show",
	.args = "NAME",
	.args_min = 1,
	.args_max = 1,
	.summary = "print a secret that the gateway made itself",
	.text = "Only at the control socket, and only for secrets that are there to be shown: "
		"gateway-token. Each use is written to the audit "
		"log.",
	.options = options,
	.examples = examples,
	.run = run,
};
