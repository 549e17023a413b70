/* moltbot dashboard: a one-time link to the web page. */
#include "cli_commands.h"

#include "cli_client.h"
#include "cli_link.h"

static int
run(struct cli *cli)
{
	struct cli_client *client = NULL;
	struct cli_link link;
	int rc = cli_paths_find(cli);

	rc = rc != 0 ? rc : cli_client_open(cli, &client);
	rc = rc != 0 ? rc : cli_link_get(cli, client, &link);
	cli_client_close(client);
	if (rc != 0)
		return rc;
	if (cli->json) {
		struct json_out *o = cli_json_begin(cli);

		(void)json_out_begin_object(o);
		cli_json_str(o, "url", span_from_cstr(link.url));
		cli_json_u64(o, "ttlMs", link.ttl_ms);
		if (link.fingerprint[0] != '\0')
			cli_json_cstr(o, "tlsFingerprint", link.fingerprint);
		(void)json_out_end_object(o);
		cli_json_end(cli);
		return CLI_OK;
	}
	if (!cli->tty) {
		cli_put_fmt(cli, "%s\n", link.url);
		return CLI_OK;
	}
	cli_put(cli, "Open this in a browser on this machine:\n\n  ");
	cli_put_style(cli, CLI_ACCENT);
	cli_put(cli, link.url);
	cli_put_style(cli, CLI_DIM);
	cli_put_fmt(cli, "\n\nIt works once, within %llu minutes.\n",
		(unsigned long long)(link.ttl_ms + 59999) / 60000);
	cli_put_style(cli, CLI_PLAIN);
	if (link.fingerprint[0] != '\0')
		cli_put_fmt(cli, "\nThe browser's certificate must have this SHA-256:\n\n  %s\n",
			link.fingerprint);
	return CLI_OK;
}

static const struct cli_option options[] = {
	{"no-open", 0, CLI_FLAG, NULL, 0, 0,
		"open no browser (none is opened anyway: its arguments would show the code)"},
	CLI_TIMEOUT_OPTION,
	{NULL, 0, CLI_FLAG, NULL, 0, 0, NULL},
};

const struct cli_command cmd_dashboard = {
	.name = "dashboard",
	.summary = "print a one-time link to the web page",
	.text = "The link holds a code that signs one browser in, once. Treat it like a password "
		"until it is used. From another machine, "
		"forward the port first: ssh -L 18789:127.0.0.1:18789 HOST.",
	.options = options,
	.run = run,
};
