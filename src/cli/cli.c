/* moltbot: finds the command, reads its options, runs it. */
#include "cli.h"

#include <signal.h>
#include <stdlib.h>

#include "base/log.h"
#include "cli_commands.h"
#include "crypto/crypto.h"

#define OUT_MAX MIB(64u)

const struct cli_command *const cli_commands[] = {
	&cmd_gateway_run,
	&cmd_gateway_status,
	&cmd_gateway_call,
	&cmd_gateway_health,
	&cmd_gateway_probe,
	&cmd_gateway_stop,
	&cmd_gateway_restart,
	&cmd_gateway_install,
	&cmd_gateway_resume,
	&cmd_panic,
	&cmd_status,
	&cmd_health,
	&cmd_chat,
	&cmd_agent,
	&cmd_sessions,
	&cmd_models,
	&cmd_dashboard,
	&cmd_doctor,
	&cmd_topology,
	&cmd_logs,
	&cmd_audit_verify,
	&cmd_config_get,
	&cmd_config_set,
	&cmd_config_unset,
	&cmd_config_edit,
	&cmd_config_validate,
	&cmd_config_schema,
	&cmd_config_history,
	&cmd_config_rollback,
	&cmd_devices_list,
	&cmd_devices_approve,
	&cmd_devices_reject,
	&cmd_devices_remove,
	&cmd_secrets_show,
	&cmd_security_audit,
	&cmd_completion,
	&cmd_version,
	&cmd_help,
	NULL,
};

const struct cli_option cli_globals[] = {
	{"json", 0, CLI_FLAG, NULL, 0, 0, "print JSON and nothing else on standard output"},
	{"profile", 0, CLI_STR, "NAME", 1, 32, "use the state directory ~/.moltbot-NAME"},
	{"no-color", 0, CLI_FLAG, NULL, 0, 0, "no colours (as with NO_COLOR in the environment)"},
	{"help", 'h', CLI_FLAG, NULL, 0, 0, "show the help of the command"},
	{NULL, 0, CLI_FLAG, NULL, 0, 0, NULL},
};

int
main(int argc, char **argv)
{
	static struct cli cli;
	int rc;

	log_open("moltbot", 2, -1);
	signal(SIGPIPE, SIG_IGN);
	cli.out.max = OUT_MAX;
	cli.program = argc > 0 ? argv[0] : "moltbot";
	cli_term_init(&cli);
	if (crypto_init() < 0)
		return cli_fail(&cli, NULL, "the cryptography library could not be set up");
	rc = cli_args_read(&cli, argc, argv);
	if (rc == 0)
		rc = cli.command->run(&cli);
	else if (rc < 0)
		rc = CLI_OK;
	cli_flush(&cli);
	buf_clear(&cli.out);
	return rc;
}
