/* moltbot help [COMMAND…] */
#include "cli_commands.h"

#include <string.h>

static void
put_json(struct cli *cli)
{
	struct json_out *o = cli_json_begin(cli);

	(void)json_out_begin_array(o);
	for (size_t i = 0; cli_commands[i] != NULL; i++) {
		(void)json_out_begin_object(o);
		cli_json_str(o, "command", span_from_cstr(cli_commands[i]->name));
		cli_json_str(o, "summary", span_from_cstr(cli_commands[i]->summary));
		(void)json_out_end_object(o);
	}
	(void)json_out_end_array(o);
	cli_json_end(cli);
}

static int
run(struct cli *cli)
{
	char name[64] = "";
	size_t len = 0;

	for (unsigned i = 0; i < cli->nargs && len < sizeof(name); i++)
		len += (size_t)snprintf(
			name + len, sizeof(name) - len, "%s%s", i == 0 ? "" : " ", cli->args[i]);
	for (size_t i = 0; len > 0 && cli_commands[i] != NULL; i++) {
		if (strcmp(cli_commands[i]->name, name) != 0)
			continue;
		if (cli_has(cli, "man"))
			cli_help_man(cli, cli_commands[i]);
		else
			cli_help_command(cli, cli_commands[i]);
		return CLI_OK;
	}
	if (len > 0) {
		size_t before = cli->out.len;

		cli_help_overview(cli, name);
		return cli->out.len > before ? CLI_OK
					     : cli_usage(cli, "there is no command '%s'",
						       cli_safe(span_from_cstr(name)));
	}
	if (cli_has(cli, "man"))
		cli_help_man(cli, NULL);
	else if (cli_has(cli, "markdown"))
		cli_help_markdown(cli);
	else if (cli->json)
		put_json(cli);
	else
		cli_help_overview(cli, NULL);
	return CLI_OK;
}

static const struct cli_option options[] = {
	{"man", 0, CLI_FLAG, NULL, 0, 0, "print a manual page (roff)"},
	{"markdown", 0, CLI_FLAG, NULL, 0, 0, "print all of it as docs/commands.md has it"},
	{NULL, 0, CLI_FLAG, NULL, 0, 0, NULL},
};

static const struct cli_example examples[] = {
	{"moltbot help gateway status", "the help of one command"},
	{"moltbot help --man | man -l -", "the manual page of all"},
	{NULL, NULL},
};

const struct cli_command cmd_help = {
	.name = "help",
	.args = "COMMAND",
	.args_max = 3,
	.summary = "show help",
	.options = options,
	.examples = examples,
	.run = run,
};
