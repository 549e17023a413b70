/* The functions of checks.def, one file a subject. */
#ifndef CLI_CHECKS_SUBJECTS_H
#define CLI_CHECKS_SUBJECTS_H

#include "checks/checks.h"

#define CHECK_DECLARE(name) void name(struct checks *c, struct check_result *r)

/* secrets.c */
CHECK_DECLARE(check_keys);
CHECK_DECLARE(check_setup);
CHECK_DECLARE(check_token);
CHECK_DECLARE(check_environment);
CHECK_DECLARE(check_literals);
CHECK_DECLARE(check_references);
/* traces.c */
CHECK_DECLARE(check_git);
CHECK_DECLARE(check_others);
/* network.c */
CHECK_DECLARE(check_https);
CHECK_DECLARE(check_plain_http);
CHECK_DECLARE(check_auth_mode);
CHECK_DECLARE(check_insecure_auth);
CHECK_DECLARE(check_ports);
CHECK_DECLARE(check_auth);
CHECK_DECLARE(check_proxies);
CHECK_DECLARE(check_rate_limit);
/* settings.c */
CHECK_DECLARE(check_valid);
CHECK_DECLARE(check_allowlists);
CHECK_DECLARE(check_ignored);
CHECK_DECLARE(check_models);
CHECK_DECLARE(check_cell_options);
CHECK_DECLARE(check_persist);
CHECK_DECLARE(check_dm_scope);
CHECK_DECLARE(check_reset);
CHECK_DECLARE(check_sandboxing);
CHECK_DECLARE(check_min_tier);
/* channels.c */
CHECK_DECLARE(check_allow_from);
CHECK_DECLARE(check_mention);
CHECK_DECLARE(check_signal_allow);
CHECK_DECLARE(check_signal_mention);
CHECK_DECLARE(check_discord_token);
CHECK_DECLARE(check_discord_guilds);
CHECK_DECLARE(check_telegram_token);
CHECK_DECLARE(check_telegram_allow);
CHECK_DECLARE(check_telegram_webhook);
CHECK_DECLARE(check_whatsapp_allow);
CHECK_DECLARE(check_slack_socket);
CHECK_DECLARE(check_slack_channels);
CHECK_DECLARE(check_slack_signing);
/* files.c */
CHECK_DECLARE(check_state_dir);
CHECK_DECLARE(check_way);
CHECK_DECLARE(check_synced);
CHECK_DECLARE(check_config_file);
CHECK_DECLARE(check_state_files);
CHECK_DECLARE(check_session_files);
CHECK_DECLARE(check_vault_key);
CHECK_DECLARE(check_backups);
CHECK_DECLARE(check_workspace);
CHECK_DECLARE(check_programs);
/* logs.c */
CHECK_DECLARE(check_failed_auth);
CHECK_DECLARE(check_errors);
CHECK_DECLARE(check_log_secrets);
CHECK_DECLARE(check_deployment_logs);
CHECK_DECLARE(check_addresses);
CHECK_DECLARE(check_audit_log);
CHECK_DECLARE(check_processes);
CHECK_DECLARE(check_sign_config);
/* live.c */
CHECK_DECLARE(check_unexpected);
CHECK_DECLARE(check_devices);
CHECK_DECLARE(check_tier);
CHECK_DECLARE(check_proof);
CHECK_DECLARE(check_tools);
/* deep.c: what the attacks found */
CHECK_DECLARE(deep_reached);
CHECK_DECLARE(deep_anonymous);
CHECK_DECLARE(deep_control_ui);
CHECK_DECLARE(deep_websocket);
CHECK_DECLARE(deep_routes);
CHECK_DECLARE(deep_methods);
CHECK_DECLARE(deep_scopes);
CHECK_DECLARE(deep_control);
CHECK_DECLARE(deep_host);
CHECK_DECLARE(deep_origin);
CHECK_DECLARE(deep_url_token);
CHECK_DECLARE(deep_forwarded);
CHECK_DECLARE(deep_paths);
CHECK_DECLARE(deep_frames);
CHECK_DECLARE(deep_headers);
CHECK_DECLARE(deep_brute);
CHECK_DECLARE(deep_escapes);

#undef CHECK_DECLARE
#endif
