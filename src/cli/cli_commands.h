/* The struct of every command: src/cli/cmd_<words>.c defines one each. */
#ifndef CLI_CLI_COMMANDS_H
#define CLI_CLI_COMMANDS_H

#include "cli.h"

extern const struct cli_command cmd_gateway_run;
extern const struct cli_command cmd_version;
extern const struct cli_command cmd_help;

#endif
