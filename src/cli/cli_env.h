/*
 * The environment of `gateway run`, parted: variables that hold secrets (by their names: proto/options.h) go into one sealed memfd, the others into another,
 * both as NAME=value NUL …, and then nothing of them is left in this process.
 */
#ifndef CLI_CLI_ENV_H
#define CLI_CLI_ENV_H

#include "cli.h"

struct cli_env {
	int plain_fd;   /* CLOEXEC, sealed */
	int secrets_fd; /* CLOEXEC, sealed */
	int key_fd;     /* CLOEXEC, sealed: the key of vault's box, 32 bytes; -1: none was given */
};

/*
 * The key of vault's box from a file "moltbot-vault-key" in the folder that CREDENTIALS_DIRECTORY names (systemd's
 * LoadCredential= and the like), or else text, the value of MOLTBOT_VAULT_KEY (empty: none): 32 bytes as they are, as 64
 * hexadecimal digits, or in base64. Both is a mistake. 0 with env->key_fd, or an exit code after saying what is wrong.
 */
int cli_vault_key(struct cli *cli, struct span text, struct cli_env *env);

/*
 * Reads environ and, where it exists, <state>/.env (which must be a plain file of ours with mode 0600, and overrides nothing of the
 * environment but what is empty there), with extra (NAME=value strings, NULL at the end) before both. Adds MOLTBOT_SECRET_NAMES, a comma list, and
 * MOLTBOT_STATE_DIR. MOLTBOT_VAULT_KEY is in neither memfd. 0, or an exit code after saying what is wrong.
 */
int cli_env_part(struct cli *cli, const char *const *extra, struct cli_env *env);

/* Overwrites every string of environ where it lies and empties environ. */
void cli_env_wipe(void);

#endif
