/* moltbot config validate [FILE] */
#include "cli_commands.h"

#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "cli_client.h"
#include "cli_run.h"

static int
run(struct cli *cli)
{
	const char *file = cli->nargs > 0 ? cli->args[0] : NULL;
	struct buf out = {.max = MIB(4u)};
	int rc = cli_paths_find(cli);
	int status;

	if (rc != 0)
		return rc;
	file = file == NULL ? cli->paths.config : file;
	if (cli->nargs > 0 && access(file, R_OK) != 0)
		return cli_fail(cli, NULL, "%s cannot be read", cli_safe(span_from_cstr(file)));
	status = cli_run(cli, "moltbot-config",
		(const char *[]){"--check", file, cli->json ? "--json" : NULL, NULL}, true, &out);
	if (status < 0 || status > 1) {
		buf_clear(&out);
		return cli_fail(cli, "Install Moltbot again.",
			"moltbot-config could not check the file: %s",
			status < 0 ? err_text(status) : "it ended unexpectedly");
	}
	if (cli->json) {
		(void)buf_put(&cli->out, buf_span(&out));
	} else if (status == 0) {
		cli_put_style(cli, CLI_GOOD);
		cli_put(cli, "valid");
		cli_put_style(cli, CLI_PLAIN);
		cli_put(cli, access(file, F_OK) == 0
				     ? ": "
				     : ": there is no file, so the defaults hold: ");
		cli_put_safe(cli, span_from_cstr(file));
		cli_put(cli, "\n");
	}
	buf_clear(&out);
	return status == 0 ? CLI_OK : CLI_FAILED;
}

static const struct cli_example examples[] = {
	{"moltbot config validate", "check the configuration that the gateway would read"},
	{"moltbot config validate new.json --json", "check another file; mistakes as data"},
	{NULL, NULL},
};

const struct cli_command cmd_config_validate = {
	.name = "config validate",
	.args = "FILE",
	.args_max = 1,
	.summary = "check the configuration and show every mistake at its place",
	.text = "The same code that the gateway starts with. Each mistake is a line on standard "
		"error: file:line:column, what is wrong and what "
		"would be right. Exit status 1 when there is one.",
	.examples = examples,
	.run = run,
};
