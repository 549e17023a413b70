/* The configuration as a file of the owner: read and replaced, with or without a running gateway. */
#ifndef CLI_CLI_CONFIG_H
#define CLI_CLI_CONFIG_H

#include "cli_client.h"

/* Nobody runs here; else *client is the connection, or NULL when there was trouble that cli_client_open would name. */
bool cli_config_is_offline(struct cli *cli, struct cli_client **client);

/* The text of a file, nothing when it is not there. 0, or an exit code after saying what is wrong. */
int cli_config_read(struct cli *cli, const char *path, struct buf *out);

/*
 * text in place of old, which is what the file says: by way of the gateway when it runs, else checked by the same code,
 * with the former text kept in the history. 0, or an exit code after saying what is wrong; then nothing has changed.
 */
int cli_config_write(struct cli *cli, struct span old, struct span text);

/* The mistakes that a refused text has, each with its place. */
void cli_config_put_issues(struct cli *cli, const struct cli_frame *frame);

#endif
