/* moltbot gateway install and restart: the gateway as a service of systemd. */
#include "cli_commands.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "cli_client.h"

#define UNIT "moltbot.service"
#define UP_WAIT_MS 15000
#define POLL_MS 50

enum scope { FOR_BOTH, FOR_SYSTEM, FOR_USER };

/*
 * What systemd takes away before the gateway takes away the rest itself. It builds namespaces, mounts a /proc and control groups
 * for its cells, so nothing that forbids or hides these stands here: it would cost the tier "full".
 */
static const struct {
	enum scope scope;
	const char *line;
} hardening[] = {
	{FOR_BOTH, "# the gateway starts programs that have less than it has itself, never more"},
	{FOR_BOTH, "NoNewPrivileges=yes"},
	{FOR_BOTH, "RestrictSUIDSGID=yes"},
	{FOR_BOTH, "LockPersonality=yes"},
	{FOR_BOTH, "MemoryDenyWriteExecute=yes"},
	{FOR_BOTH, "RestrictRealtime=yes"},
	{FOR_BOTH, "SystemCallArchitectures=native"},
	{FOR_BOTH, "UMask=0077"},
	{FOR_BOTH, "LimitCORE=0"},
	{FOR_SYSTEM, "# root only to give every process, and every workspace's cells, a uid of its "
		     "own"},
	{FOR_SYSTEM, "CapabilityBoundingSet=CAP_SETUID CAP_SETGID CAP_SETPCAP CAP_CHOWN CAP_FOWNER "
		     "CAP_DAC_OVERRIDE CAP_KILL CAP_SYS_ADMIN CAP_SYS_CHROOT CAP_SYS_RESOURCE "
		     "CAP_SETFCAP"},
	{FOR_SYSTEM, "ProtectSystem=strict"},
	{FOR_SYSTEM, "ProtectHome=yes"},
	{FOR_SYSTEM, "PrivateTmp=yes"},
	{FOR_SYSTEM, "PrivateDevices=yes"},
	{FOR_SYSTEM, "ProtectClock=yes"},
	{FOR_SYSTEM, "ProtectKernelModules=yes"},
	{FOR_SYSTEM, "ProtectHostname=yes"},
	{FOR_SYSTEM, "StateDirectory=moltbot"},
	{FOR_SYSTEM, "StateDirectoryMode=0700"},
	{FOR_SYSTEM, "Environment=MOLTBOT_STATE_DIR=/var/lib/moltbot"},
	{FOR_BOTH, "# control groups for the cells"},
	{FOR_BOTH, "Delegate=yes"},
};

/* ---- install ---- */

static void
put_unit(struct buf *b, const char *program, const char *state, bool user)
{
	enum scope ours = user ? FOR_USER : FOR_SYSTEM;

	(void)buf_put_cstr(b, "[Unit]\nDescription=Moltbot, a gateway for a personal assistant\n"
			      "After=network-online.target\nWants=network-online.target\n\n"
			      "[Service]\n");
	(void)buf_put_fmt(b, "ExecStart=\"%s\" gateway run\n", program);
	(void)buf_put_cstr(b, "Restart=on-failure\nRestartSec=2\nKillMode=mixed\n"
			      "TimeoutStopSec=20\n");
	if (user)
		(void)buf_put_fmt(b, "Environment=\"MOLTBOT_STATE_DIR=%s\"\n", state);
	for (size_t i = 0; i < sizeof(hardening) / sizeof(hardening[0]); i++) {
		if (hardening[i].scope == FOR_BOTH || hardening[i].scope == ours)
			(void)buf_put_fmt(b, "%s\n", hardening[i].line);
	}
	(void)buf_put_fmt(
		b, "\n[Install]\nWantedBy=%s\n", user ? "default.target" : "multi-user.target");
}

/* What would have to be escaped in a unit file is refused instead. */
static bool
is_plain(const char *path)
{
	for (const char *p = path; *p != '\0'; p++) {
		if ((unsigned char)*p < ' ' || *p == '"' || *p == '\\' || *p == '%' || *p == '$')
			return false;
	}
	return true;
}

static int
make_folders(char *path)
{
	for (char *p = path + 1; *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return ERR_SYS;
		*p = '/';
	}
	return 0;
}

static bool
is_same_file(const char *path, struct span text)
{
	struct buf b = {.max = KIB(64)};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	uint8_t *p = buf_room(&b, KIB(32));
	ssize_t n = fd < 0 || p == NULL ? -1 : read(fd, p, KIB(32));
	bool same;

	if (n > 0)
		buf_added(&b, (size_t)n);
	same = n >= 0 && span_eq(buf_span(&b), text);
	if (fd >= 0)
		close(fd);
	buf_clear(&b);
	return same;
}

/* Beside it, synced, renamed: nobody reads half a unit. */
static int
write_unit(const char *path, struct span text)
{
	char beside[CLI_PATH_MAX + 80];
	int fd;
	bool ok;

	snprintf(beside, sizeof(beside), "%s.new", path);
	(void)unlink(beside);
	fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return ERR_SYS;
	ok = write(fd, text.ptr, text.len) == (ssize_t)text.len && fsync(fd) == 0;
	close(fd);
	if (ok && rename(beside, path) == 0)
		return 0;
	(void)unlink(beside);
	return ERR_SYS;
}

static void
put_result(struct cli *cli, const char *path, struct span text, bool written, bool user)
{
	const char *start =
		user ? "systemctl --user daemon-reload && systemctl --user enable --now "
		       "moltbot && loginctl enable-linger"
		     : "systemctl daemon-reload && systemctl enable --now moltbot";

	if (cli->json) {
		struct json_out *o = cli_json_begin(cli);

		(void)json_out_begin_object(o);
		cli_json_bool(o, "ok", true);
		cli_json_bool(o, "written", written);
		cli_json_str(o, "path", span_from_cstr(path));
		cli_json_str(o, "unit", text);
		cli_json_str(o, "start", span_from_cstr(start));
		(void)json_out_end_object(o);
		cli_json_end(cli);
		return;
	}
	cli_put_text(cli, text);
	cli_put_style(cli, CLI_GOOD);
	cli_put(cli, written ? "\nwritten: " : "\nnot written (--dry-run): ");
	cli_put_style(cli, CLI_PLAIN);
	cli_put_safe(cli, span_from_cstr(path));
	cli_put_fmt(cli, "\nStart it with: %s\n", start);
}

static int
install(struct cli *cli)
{
	static char program[CLI_PATH_MAX];
	static char path[CLI_PATH_MAX + 64];
	struct buf text = {.max = KIB(16)};
	bool user = cli_has(cli, "user") || (geteuid() != 0 && !cli_has(cli, "system"));
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
	int rc = cli_paths_find(cli);

	if (rc != 0)
		return rc;
	if (cli_has(cli, "user") && cli_has(cli, "system"))
		return cli_usage(cli, "--user or --system, not both");
	if (n <= 0 || !is_plain(program) || !is_plain(cli->paths.state))
		return cli_fail(cli, "Move it to a path without quotes, $, % and backslashes.",
			"the path of the program or of its state cannot stand in a unit file");
	if (user)
		snprintf(path, sizeof(path), "%s/.config/systemd/user/" UNIT, cli->paths.home);
	else
		snprintf(path, sizeof(path), "/etc/systemd/system/" UNIT);
	put_unit(&text, program, cli->paths.state, user);
	if (cli_has(cli, "dry-run")) {
		put_result(cli, path, buf_span(&text), false, user);
	} else if (access(path, F_OK) == 0 && !cli_has(cli, "force") &&
		   !is_same_file(path, buf_span(&text))) {
		rc = cli_fail(cli, "--force replaces it, --dry-run shows what would be written.",
			"%s is there already and says something else",
			cli_safe(span_from_cstr(path)));
	} else if (make_folders(path) < 0 || write_unit(path, buf_span(&text)) < 0) {
		rc = cli_fail(cli,
			user ? NULL : "A unit of the system is installed by root; or use --user.",
			"%s cannot be written: %s", cli_safe(span_from_cstr(path)),
			strerror(errno));
	} else {
		put_result(cli, path, buf_span(&text), true, user);
	}
	buf_clear(&text);
	return rc;
}

/* ---- restart ---- */

/* The unit that a process belongs to, from its control group; false when it is none of systemd's services. */
static bool
unit_of(int pid, char *unit, size_t cap, bool *user)
{
	char path[64];
	char text[4096];
	struct span rest;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	if (fd >= 0)
		close(fd);
	unit[0] = '\0';
	*user = false;
	rest = span_of(text, n <= 0 ? 0 : (size_t)n);
	while (rest.len > 0) {
		struct span line = span_cut(&rest, '\n');

		while (line.len > 0) {
			struct span part = span_cut(&line, '/');

			if (span_starts_with(part, SPAN("user@")))
				*user = true;
			else if (span_ends_with(part, SPAN(".service")) && part.len < cap)
				snprintf(unit, cap, "%.*s", (int)part.len, (const char *)part.ptr);
		}
	}
	return unit[0] != '\0';
}

/* systemctl, with what it says in out (NULL: on our own output). 0 or ERR_SYS. */
static int
systemctl(bool user, const char *const words[2], const char *unit, struct buf *out)
{
	char *argv[] = {(char *)(uintptr_t) "systemctl",
		(char *)(uintptr_t)(user ? "--user" : "--system"), (char *)(uintptr_t)words[0],
		(char *)(uintptr_t)words[1], (char *)(uintptr_t)unit, NULL};
	posix_spawn_file_actions_t actions;
	int status = 0;
	int fds[2];
	uint8_t *room;
	ssize_t n = 0;
	pid_t pid;
	int rc;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return ERR_SYS;
	(void)posix_spawn_file_actions_init(&actions);
	if (out != NULL)
		(void)posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
	rc = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ) == 0 ? 0 : ERR_SYS;
	(void)posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	while (rc == 0 && out != NULL && (room = buf_room(out, 64)) != NULL &&
		(n = read(fds[0], room, 64)) > 0)
		buf_added(out, (size_t)n);
	close(fds[0]);
	while (rc == 0 && waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			rc = ERR_SYS;
	}
	return rc == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : ERR_SYS;
}

/* A terminal, a login or cron has a unit, too: the gateway's own is the one whose main process it is. */
static bool
is_main(const char *unit, bool user, int pid)
{
	static const char *const words[2] = {"show", "--property=MainPID"};
	struct buf out = {.max = 256};
	struct span text;
	uint64_t main = 0;
	bool ok = systemctl(user, words, unit, &out) == 0;

	text = span_trim(buf_span(&out));
	ok = ok && span_starts_with(text, SPAN("MainPID=")) &&
	     span_to_u64(span_sub(text, 8, text.len), 0, INT32_MAX, &main) == 0 &&
	     main == (uint64_t)pid;
	buf_clear(&out);
	return ok;
}

/* The new one answers; another process than the old one. */
static bool
wait_up(struct cli *cli, int old)
{
	for (unsigned waited = 0; waited < UP_WAIT_MS; waited += POLL_MS) {
		struct cli_client *client = NULL;
		const char *why;
		int rc = cli_client_open_quiet(cli, &client, &why);
		int pid = rc == 0 ? cli_client_pid(client) : 0;

		cli_client_close(client);
		if (pid > 0 && pid != old)
			return true;
		cli_progress_tick();
		usleep(POLL_MS * 1000);
	}
	return false;
}

static int
restart(struct cli *cli)
{
	static const char *const words[2] = {"restart", "--"};
	struct cli_client *client = NULL;
	char unit[128];
	bool user;
	int pid;
	int rc = cli_paths_find(cli);

	rc = rc != 0 ? rc : cli_client_open(cli, &client);
	if (rc != 0)
		return rc;
	pid = cli_client_pid(client);
	cli_client_close(client);
	if (!unit_of(pid, unit, sizeof(unit), &user) || !is_main(unit, user, pid))
		return cli_fail(cli,
			"Whoever started it starts it again: moltbot gateway stop, then moltbot "
			"gateway run. `moltbot gateway install` makes a service of it.",
			"the gateway (process %d) is no service of systemd", pid);
	cli_progress("waiting for systemd");
	if (systemctl(user, words, unit, NULL) < 0)
		return cli_fail(cli, "See systemctl status of that unit.",
			"systemctl could not restart %s", cli_safe(span_from_cstr(unit)));
	cli_progress("waiting for the new gateway");
	if (!wait_up(cli, pid))
		return cli_fail(cli, "See `moltbot logs`.", "the new gateway does not answer");
	if (cli->json) {
		struct json_out *o = cli_json_begin(cli);

		(void)json_out_begin_object(o);
		cli_json_bool(o, "ok", true);
		cli_json_str(o, "unit", span_from_cstr(unit));
		(void)json_out_end_object(o);
		cli_json_end(cli);
	} else {
		cli_put_fmt(cli, "restarted: %s\n", cli_safe(span_from_cstr(unit)));
	}
	return CLI_OK;
}

static const struct cli_option install_options[] = {
	{"user", 0, CLI_FLAG, NULL, 0, 0, "a service of this user (the default when not root)"},
	{"system", 0, CLI_FLAG, NULL, 0, 0, "a service of the machine (the default as root)"},
	{"dry-run", 0, CLI_FLAG, NULL, 0, 0, "show the unit and write nothing"},
	{"force", 0, CLI_FLAG, NULL, 0, 0, "replace a unit that says something else"},
	{NULL, 0, CLI_FLAG, NULL, 0, 0, NULL},
};
static const struct cli_option restart_options[] = {
	CLI_TIMEOUT_OPTION,
	{NULL, 0, CLI_FLAG, NULL, 0, 0, NULL},
};
static const struct cli_example install_examples[] = {
	{"moltbot gateway install --dry-run", "see what would be written, and where"},
	{"moltbot gateway install --user", "for the one who is signed in"},
	{NULL, NULL},
};

const struct cli_command cmd_gateway_install = {
	.name = "gateway install",
	.summary = "write a hardened systemd unit that runs the gateway",
	.text = "Writes and shows " UNIT " in ~/.config/systemd/user or, as root, in "
		"/etc/systemd/system (state in /var/lib/moltbot then), and says how to start it. "
		"It starts nothing itself.",
	.options = install_options,
	.examples = install_examples,
	.run = install,
};

const struct cli_command cmd_gateway_restart = {
	.name = "gateway restart",
	.summary = "restart the gateway, where it is a service of systemd",
	.text = "Asks systemd to restart the unit that the running gateway belongs to, and waits "
		"until the new one answers. A gateway that was started by hand is restarted by "
		"whoever started it.",
	.options = restart_options,
	.run = restart,
};
