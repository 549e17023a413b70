/* Where things are: the state directory and configuration (variables of three eras), and the other programs beside us. */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "proto/options.h"

static const char *const config_names[] = {
	"moltbot.json", "clawdbot.json", "openclaw.json", "moldbot.json"};
static const char *const legacy_dirs[] = {".moltbot", ".clawdbot", ".openclaw", ".moldbot"};

const char *
cli_env_era(const char *suffix)
{
	char name[64];

	for (size_t i = 0; i < OPTION_ERAS; i++) {
		const char *value;

		snprintf(name, sizeof(name), "%s%s", option_eras[i], suffix);
		value = getenv(name);
		if (value != NULL && span_trim(span_from_cstr(value)).len > 0)
			return value;
	}
	return NULL;
}

static int
too_long(struct cli *cli, const char *path)
{
	return cli_fail(cli, NULL, "the path is too long: %s", cli_safe(span_from_cstr(path)));
}

/* Into dst: given with "~" and relative to the working directory resolved; no link is followed. */
static int
make_absolute(struct cli *cli, const char *given, char dst[CLI_PATH_MAX])
{
	char cwd[CLI_PATH_MAX];
	struct span s = span_trim(span_from_cstr(given));
	int n;

	if (s.len >= CLI_PATH_MAX)
		return too_long(cli, given);
	if (s.len > 0 && s.ptr[0] == '~' && (s.len == 1 || s.ptr[1] == '/'))
		n = snprintf(dst, CLI_PATH_MAX, "%s%.*s", cli->paths.home, (int)s.len - 1,
			(const char *)s.ptr + 1);
	else if (s.len > 0 && s.ptr[0] == '/')
		n = snprintf(dst, CLI_PATH_MAX, "%.*s", (int)s.len, (const char *)s.ptr);
	else if (getcwd(cwd, sizeof(cwd)) == NULL)
		return cli_fail(
			cli, NULL, "the working directory cannot be read: %s", strerror(errno));
	else
		n = snprintf(dst, CLI_PATH_MAX, "%s/%.*s", cwd, (int)s.len, (const char *)s.ptr);
	if (n < 0 || n >= CLI_PATH_MAX)
		return too_long(cli, given);
	while (n > 1 && dst[n - 1] == '/')
		dst[--n] = '\0';
	return 0;
}

static int
join(struct cli *cli, char dst[CLI_PATH_MAX], const char *a, const char *b)
{
	int n = snprintf(dst, CLI_PATH_MAX, "%s/%s", a, b);

	return n < 0 || n >= CLI_PATH_MAX ? too_long(cli, a) : 0;
}

static bool
exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static bool
is_name(const char *s)
{
	for (; *s != '\0'; s++) {
		if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
			    (*s >= '0' && *s <= '9') || *s == '-' || *s == '_'))
			return false;
	}
	return true;
}

static int
find_state(struct cli *cli)
{
	const char *given = cli_env_era("STATE_DIR");
	const char *profile = cli_str(cli, "profile", NULL);
	char name[64] = ".moltbot";

	if (profile != NULL && !is_name(profile))
		return cli_usage(cli, "--profile needs letters, digits, - and _ only");
	if (given != NULL)
		return make_absolute(cli, given, cli->paths.state);
	if (cli->paths.home[0] == '\0')
		return cli_fail(cli, "Set MOLTBOT_STATE_DIR to a directory of your own.",
			"there is no HOME, so the state directory is not known");
	if (profile != NULL && strcmp(profile, "default") != 0)
		snprintf(name, sizeof(name), ".moltbot-%s", profile);
	return join(cli, cli->paths.state, cli->paths.home, name);
}

/* The first file of the known names in the folder; 0 none, 1 found, or an exit code. */
static bool
config_in(struct cli *cli, const char *folder)
{
	for (size_t i = 0; i < sizeof(config_names) / sizeof(config_names[0]); i++) {
		int n = snprintf(cli->paths.config, CLI_PATH_MAX, "%s/%s", folder, config_names[i]);

		if (n > 0 && n < CLI_PATH_MAX && exists(cli->paths.config))
			return true;
	}
	return false;
}

/* A state directory that was chosen is the only place to look; else those of earlier eras follow. */
static int
find_config(struct cli *cli)
{
	const char *given = cli_env_era("CONFIG_PATH");
	bool chosen = cli_env_era("STATE_DIR") != NULL || cli_has(cli, "profile");

	if (given != NULL)
		return make_absolute(cli, given, cli->paths.config);
	if (config_in(cli, cli->paths.state))
		return 0;
	for (size_t i = 0; !chosen && i < sizeof(legacy_dirs) / sizeof(legacy_dirs[0]); i++) {
		char folder[CLI_PATH_MAX];

		if (join(cli, folder, cli->paths.home, legacy_dirs[i]) == 0 &&
			config_in(cli, folder))
			return 0;
	}
	return join(cli, cli->paths.config, cli->paths.state, config_names[0]);
}

/* The source folder of a build tree stands in a file beside the program. */
static int
read_source(const char *path, char dst[CLI_PATH_MAX])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, dst, CLI_PATH_MAX - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return ERR_NOTFOUND;
	dst[n] = '\0';
	dst[strcspn(dst, "\n")] = '\0';
	return 0;
}

/* "/a/b/" to "/a" */
static void
parent_of(char *path)
{
	for (int cuts = 0; cuts < 2; cuts++) {
		char *slash = strrchr(path, '/');

		if (slash != NULL && slash != path)
			*slash = '\0';
	}
}

static int
find_programs(struct cli *cli)
{
	char here[CLI_PATH_MAX];
	char path[CLI_PATH_MAX];
	char source[CLI_PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", here, sizeof(here) - 1);
	char *slash;

	if (n <= 0)
		return cli_fail(cli, "Is /proc mounted?", "the program cannot find itself: %s",
			strerror(errno));
	here[n] = '\0';
	slash = strrchr(here, '/');
	if (slash == NULL)
		return cli_fail(cli, NULL, "the program cannot find itself");
	*slash = '\0';
	if (join(cli, cli->paths.libexec, here, CLI_LIBEXEC) != 0 ||
		join(cli, cli->paths.ui, here, CLI_UI) != 0 ||
		join(cli, path, cli->paths.libexec, "moltbot-supervisor") != 0)
		return CLI_FAILED;
	if (exists(path))
		return 0;
	if (join(cli, cli->paths.libexec, here, "") != 0)
		return CLI_FAILED;
	parent_of(cli->paths.libexec);
	if (join(cli, path, cli->paths.libexec, "supervisor/moltbot-supervisor") != 0)
		return CLI_FAILED;
	if (exists(path) && join(cli, path, here, "source-root") == 0 &&
		read_source(path, source) == 0)
		return join(cli, cli->paths.ui, source, "ui");
	return cli_fail(cli,
		"Install Moltbot again; its programs lie in " CLI_LIBEXEC " as seen from moltbot.",
		"the gateway's programs are not beside %s/moltbot", cli_safe(span_from_cstr(here)));
}

int
cli_paths_find(struct cli *cli)
{
	const char *home = getenv("HOME");
	const char *workspace = cli_env_era("WORKSPACE_DIR");
	int rc;

	if (home != NULL && home[0] == '/' &&
		snprintf(cli->paths.home, CLI_PATH_MAX, "%s", home) >= CLI_PATH_MAX)
		return too_long(cli, home);
	rc = find_state(cli);
	if (rc == 0)
		rc = find_config(cli);
	if (rc == 0 && workspace != NULL)
		rc = make_absolute(cli, workspace, cli->paths.workspace);
	return rc == 0 ? find_programs(cli) : rc;
}
