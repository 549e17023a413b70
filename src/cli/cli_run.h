/* Runs one of the gateway's own programs and takes what it prints. */
#ifndef CLI_CLI_RUN_H
#define CLI_CLI_RUN_H

#include "cli.h"

/*
 * program: "moltbot-config"; args: what follows its name, NULL at the end. Its standard output, at most out->max bytes, is
 * appended to out; standard error is ours. with_env: it gets our environment, else none. Returns its exit status, 128 and
 * the signal that ended it, or ERR_NOTFOUND, ERR_SYS, ERR_TOOBIG.
 */
int cli_run(struct cli *cli, const char *program, const char *const *args, bool with_env,
	struct buf *out);

/* Is the program there; path of CLI_PATH_MAX + 64 bytes. */
bool cli_run_find(const struct cli *cli, const char *program, char *path);

#endif
