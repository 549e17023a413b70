/* moltbot gateway status */
#include "cli_commands.h"

#include "cli_gateway.h"

static int
put_json(struct cli *cli, const struct cli_gateway *g)
{
	struct json_out *o = cli_json_begin(cli);

	(void)json_out_begin_object(o);
	cli_json_bool(o, "ok", g->client != NULL);
	cli_gateway_put_json(cli, g, o);
	(void)json_out_end_object(o);
	cli_json_end(cli);
	return g->client != NULL ? CLI_OK : CLI_FAILED;
}

static int
put_down(struct cli *cli, const struct cli_gateway *g)
{
	cli_put_style(cli, CLI_BAD);
	cli_put(cli, "The gateway is down");
	cli_put_style(cli, CLI_PLAIN);
	cli_put_fmt(cli, ": %s.\n", g->why);
	cli_put_row(cli, 10, "state", span_from_cstr(cli->paths.state));
	cli_put_row(cli, 10, "config", span_from_cstr(cli->paths.config));
	if (g->panic)
		cli_put_row(cli, 10, "panic",
			SPAN("the kill switch is stored: nothing will run until `moltbot gateway "
			     "resume`"));
	cli_put(cli, "Start it with `moltbot gateway run`.\n");
	return CLI_FAILED;
}

static int
run(struct cli *cli)
{
	struct cli_gateway g;
	int rc = cli_paths_find(cli);

	if (rc != 0)
		return rc;
	(void)cli_gateway_look(cli, &g);
	if (cli->json) {
		rc = put_json(cli, &g);
	} else if (g.client == NULL) {
		rc = put_down(cli, &g);
	} else {
		cli_put_style(cli, CLI_GOOD);
		cli_put(cli, "The gateway is running.\n");
		cli_put_style(cli, CLI_PLAIN);
		cli_gateway_put(cli, &g);
	}
	cli_client_close(g.client);
	return rc;
}

static const struct cli_option options[] = {
	CLI_CONNECT_OPTIONS,
	{NULL, 0, CLI_FLAG, NULL, 0, 0, NULL},
};

static const struct cli_example examples[] = {
	{"moltbot gateway status | grep auth.mode",
		"what is in force, as it would stand in the configuration"},
	{"moltbot gateway status --json", "the same as data; exit status 1 when it is down"},
	{NULL, NULL},
};

const struct cli_command cmd_gateway_status = {
	.name = "gateway status",
	.summary = "show whether the gateway runs, and with which settings",
	.options = options,
	.examples = examples,
	.run = run,
};
