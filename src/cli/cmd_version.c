/* moltbot version */
#include "cli_commands.h"

static int
run(struct cli *cli)
{
	if (cli->json) {
		struct json_out *o = cli_json_begin(cli);

		(void)json_out_begin_object(o);
		cli_json_str(o, "version", SPAN(MOLTBOT_VERSION));
		cli_json_u64(o, "protocol", 3);
		(void)json_out_end_object(o);
		cli_json_end(cli);
	} else {
		cli_put(cli, MOLTBOT_VERSION "\n");
	}
	return CLI_OK;
}

const struct cli_command cmd_version = {
	.name = "version",
	.summary = "print the version",
	.run = run,
};
