#include "cli_run.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"

#define ARGV_MAX 8
#define PATH_LEN (CLI_PATH_MAX + 64)

/* Installed side by side, or in its own folder of a build tree. */
bool
cli_run_find(const struct cli *cli, const char *program, char *path)
{
	snprintf(path, PATH_LEN, "%s/%s", cli->paths.libexec, program);
	if (access(path, X_OK) == 0)
		return true;
	snprintf(path, PATH_LEN, "%s/%s/%s", cli->paths.libexec, program + strlen("moltbot-"),
		program);
	return access(path, X_OK) == 0;
}

static int
read_all(int fd, struct buf *out)
{
	for (;;) {
		uint8_t *p = buf_room(out, KIB(4u));
		ssize_t n = p == NULL ? -1 : read(fd, p, KIB(4u));

		if (p == NULL)
			return ERR_TOOBIG;
		if (n == 0)
			return 0;
		if (n > 0)
			buf_added(out, (size_t)n);
		else if (errno != EINTR)
			return ERR_IO;
	}
}

static int
wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return ERR_SYS;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int
cli_run(struct cli *cli, const char *program, const char *const *args, bool with_env,
	struct buf *out)
{
	char path[PATH_LEN];
	char *argv[ARGV_MAX + 2] = {(char *)(uintptr_t)program};
	char *none[] = {NULL};
	posix_spawn_file_actions_t fa;
	int fds[2];
	pid_t pid;
	int rc;

	if (!cli_run_find(cli, program, path))
		return ERR_NOTFOUND;
	for (size_t i = 0; i < ARGV_MAX && args[i] != NULL; i++)
		argv[1 + i] =
			(char *)(uintptr_t)args[i]; /* exec's prototype; nobody writes to them */
	if (pipe2(fds, O_CLOEXEC) < 0)
		return ERR_SYS;
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, fds[1], 1);
	rc = posix_spawn(&pid, path, &fa, NULL, argv, with_env ? environ : none);
	posix_spawn_file_actions_destroy(&fa);
	close(fds[1]);
	if (rc == 0) {
		int got = read_all(fds[0], out);

		rc = wait_for(pid);
		rc = got < 0 ? got : rc;
	} else {
		rc = ERR_SYS;
	}
	close(fds[0]);
	return rc;
}
