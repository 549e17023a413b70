/* moltbot config edit: the file in the owner's editor; it is replaced when what was written is right. */
#include "cli_commands.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "cli_client.h"
#include "cli_config.h"

/* $VISUAL, $EDITOR, or vi; words of it are arguments, as in EDITOR="code --wait". */
static int
run_editor(struct cli *cli, const char *file)
{
	static char words[1024];
	const char *editor = getenv("VISUAL");
	char *argv[12];
	struct span rest;
	size_t n = 0;
	int status = 0;
	pid_t pid;

	if (editor == NULL || editor[0] == '\0')
		editor = getenv("EDITOR");
	snprintf(words, sizeof(words), "%s", editor == NULL || editor[0] == '\0' ? "vi" : editor);
	rest = span_from_cstr(words);
	while (rest.len > 0 && n < 10) {
		struct span word = span_cut(&rest, ' ');

		if (word.len == 0)
			continue;
		argv[n++] = words + ((const char *)word.ptr - words);
		argv[n - 1][word.len] = '\0';
	}
	argv[n++] = (char *)(uintptr_t)file;
	argv[n] = NULL;
	if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) != 0)
		return cli_fail(cli, "Set EDITOR to one that is installed.",
			"the editor %s cannot be started", cli_safe(span_from_cstr(argv[0])));
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return CLI_FAILED;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0
		       ? 0
		       : cli_fail(cli, NULL, "the editor failed; the configuration is as it was");
}

/* What will be edited: the file, or what was refused the last time. */
static int
make_draft(struct cli *cli, const char *draft, struct span text)
{
	int fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool ok;

	if (fd < 0 && errno == EEXIST) {
		cli_put(cli, "This is what was refused the last time.\n");
		cli_flush(cli);
		return 0;
	}
	if (text.len == 0)
		text = SPAN("{\n}\n");
	ok = fd >= 0 && write(fd, text.ptr, text.len) == (ssize_t)text.len;
	if (fd >= 0)
		close(fd);
	return ok ? 0
		  : cli_fail(cli, NULL, "%s cannot be written: %s", cli_safe(span_from_cstr(draft)),
			    strerror(errno));
}

static int
take_draft(struct cli *cli, const char *draft, struct span old)
{
	struct buf text = {.max = CONFIG_FILE_MAX + 1};
	int rc = cli_config_read(cli, draft, &text);

	if (rc == 0 && span_eq(buf_span(&text), old)) {
		(void)unlink(draft);
		cli_put(cli, "nothing was changed\n");
	} else if (rc == 0 && (rc = cli_config_write(cli, old, buf_span(&text))) == 0) {
		(void)unlink(draft);
		cli_put(cli, "written: ");
		cli_put_safe(cli, span_from_cstr(cli->paths.config));
		cli_put(cli, "\n");
	} else {
		(void)cli_fail(cli,
			"`moltbot config edit` goes on with it; remove it to begin anew.",
			"what you wrote is in %s", cli_safe(span_from_cstr(draft)));
	}
	buf_clear(&text);
	return rc;
}

static int
run(struct cli *cli)
{
	char draft[CLI_PATH_MAX + 32];
	struct buf old = {.max = CONFIG_FILE_MAX + 1};
	int rc = cli_paths_find(cli);

	if (rc != 0)
		return rc;
	snprintf(draft, sizeof(draft), "%s.edit.json5", cli->paths.config);
	rc = cli_config_read(cli, cli->paths.config, &old);
	rc = rc != 0 ? rc : make_draft(cli, draft, buf_span(&old));
	rc = rc != 0 ? rc : run_editor(cli, draft);
	rc = rc != 0 ? rc : take_draft(cli, draft, buf_span(&old));
	buf_clear(&old);
	return rc;
}

static const struct cli_option options[] = {
	CLI_TIMEOUT_OPTION,
	{NULL, 0, CLI_FLAG, NULL, 0, 0, NULL},
};
static const struct cli_example examples[] = {
	{"EDITOR='code --wait' moltbot config edit", "in an editor that returns at once otherwise"},
	{NULL, NULL},
};

const struct cli_command cmd_config_edit = {
	.name = "config edit",
	.summary = "edit the configuration; it is checked before it is replaced",
	.text = "Opens the file, beside its place, in $VISUAL, $EDITOR or vi. What is wrong is "
		"shown "
		"with its line, the configuration stays as it was, and the next `config edit` goes "
		"on with what you wrote. Works with the gateway up or down; the former text is in "
		"`moltbot config history`.",
	.options = options,
	.examples = examples,
	.run = run,
};
