/* The struct of every command: src/cli/cmd_<words>.c defines one each, or a few that belong together. */
#ifndef CLI_CLI_COMMANDS_H
#define CLI_CLI_COMMANDS_H

#include "auditlog/auditlog.h"
#include "cli.h"

/* What `audit verify` asks of the log besides its chain: every effect has its verdict. */
extern const struct auditlog_rule cli_audit_rule;

extern const struct cli_command cmd_agent;
extern const struct cli_command cmd_audit_verify;
extern const struct cli_command cmd_chat;
extern const struct cli_command cmd_completion;
extern const struct cli_command cmd_config_edit;
extern const struct cli_command cmd_config_get;
extern const struct cli_command cmd_config_history;
extern const struct cli_command cmd_config_rollback;
extern const struct cli_command cmd_config_schema;
extern const struct cli_command cmd_config_set;
extern const struct cli_command cmd_config_unset;
extern const struct cli_command cmd_config_validate;
extern const struct cli_command cmd_dashboard;
extern const struct cli_command cmd_devices_approve;
extern const struct cli_command cmd_devices_list;
extern const struct cli_command cmd_devices_reject;
extern const struct cli_command cmd_devices_remove;
extern const struct cli_command cmd_doctor;
extern const struct cli_command cmd_gateway_call;
extern const struct cli_command cmd_gateway_health;
extern const struct cli_command cmd_gateway_install;
extern const struct cli_command cmd_gateway_probe;
extern const struct cli_command cmd_gateway_restart;
extern const struct cli_command cmd_gateway_resume;
extern const struct cli_command cmd_gateway_run;
extern const struct cli_command cmd_gateway_status;
extern const struct cli_command cmd_gateway_stop;
extern const struct cli_command cmd_health;
extern const struct cli_command cmd_help;
extern const struct cli_command cmd_logs;
extern const struct cli_command cmd_models;
extern const struct cli_command cmd_panic;
extern const struct cli_command cmd_secrets_show;
extern const struct cli_command cmd_security_audit;
extern const struct cli_command cmd_sessions;
extern const struct cli_command cmd_status;
extern const struct cli_command cmd_topology;
extern const struct cli_command cmd_version;

#endif
