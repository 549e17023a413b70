/* moltbot completion SHELL */
#include "cli_commands.h"

static int
run(struct cli *cli)
{
	if (cli_complete_put(cli, cli->args[0]) < 0)
		return cli_usage(cli, "there are completions for bash, zsh and fish, not for '%s'",
			cli_safe(span_from_cstr(cli->args[0])));
	if (cli->json) {
		struct buf script = cli->out;
		struct json_out *o;

		cli->out = (struct buf){.max = script.max};
		o = cli_json_begin(cli);
		(void)json_out_begin_object(o);
		cli_json_str(o, "shell", span_from_cstr(cli->args[0]));
		cli_json_str(o, "script", buf_span(&script));
		(void)json_out_end_object(o);
		cli_json_end(cli);
		buf_clear(&script);
	}
	return CLI_OK;
}

static const struct cli_example examples[] = {
	{"source <(moltbot completion bash)", "in ~/.bashrc"},
	{"moltbot completion fish > ~/.config/fish/completions/moltbot.fish", "once"},
	{NULL, NULL},
};

const struct cli_command cmd_completion = {
	.name = "completion",
	.args = "bash|zsh|fish",
	.args_min = 1,
	.args_max = 1,
	.summary = "print a completion script for a shell",
	.examples = examples,
	.run = run,
};
