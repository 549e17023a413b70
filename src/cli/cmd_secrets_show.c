/* moltbot secrets show NAME */
#include "cli_commands.h"

#include "cli_client.h"

static int
run(struct cli *cli)
{
	struct cli_client *client = NULL;
	struct buf b = {.max = 1024};
	struct cli_frame frame;
	struct json_out o;
	int rc = cli_paths_find(cli);

	json_out_init(&o, &b, NULL);
	(void)json_out_begin_object(&o);
	cli_json_str(&o, "name", span_from_cstr(cli->args[0]));
	(void)json_out_end_object(&o);
	if (json_out_finish(&o) < 0)
		rc = cli_usage(cli, "the name is too long");
	rc = rc != 0 ? rc : cli_client_open(cli, &client);
	rc = rc != 0 ? rc
		     : cli_client_call(
			       cli, client, "moltbot.secrets.show", buf_span(&b), 0, &frame);
	buf_clear(&b);
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
	{"timeout", 0, CLI_TIME, "TIME", 0, 86400000,
		"wait at most this long for an answer (default 10s)"},
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
