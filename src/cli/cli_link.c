#include "cli_link.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "cli_env.h"
#include "jail/jail.h"

#define LINK_WAIT_MS 20000 /* for the gateway to come up */
#define LINK_STEP_MS 20
#define DEFAULT_PORT 18789

/* The code goes behind #, where no server and no proxy sees it. */
static int
make_url(struct cli *cli, const struct json_node *payload, const struct json_node *status,
	struct cli_link *link)
{
	struct span url = cli_get_str(payload, "url");
	struct span code = cli_get_str(payload, "code");
	uint64_t port = cli_get_u64(status, "gateway.port", DEFAULT_PORT);
	bool tls = cli_get_bool(status, "gateway.tls", false);
	int n;

	link->ttl_ms = cli_get_u64(payload, "ttlMs", 0);
	if (!cli_tls_fingerprint_text(cli, status, link->fingerprint))
		link->fingerprint[0] = '\0';
	if (url.len > 0)
		n = snprintf(link->url, CLI_LINK_MAX, "%s", cli_safe(url));
	else
		n = snprintf(link->url, CLI_LINK_MAX, "%s://127.0.0.1:%llu/#claim=%s",
			tls ? "https" : "http", (unsigned long long)port, cli_safe(code));
	if ((url.len == 0 && code.len == 0) || n >= CLI_LINK_MAX)
		return cli_fail(cli, NULL, "the gateway's answer holds no link");
	return 0;
}

int
cli_link_get(struct cli *cli, struct cli_client *client, struct cli_link *link)
{
	struct cli_frame frame;
	int rc = cli_client_call(cli, client, "moltbot.link.new", SPAN("{}"), 0, &frame);

	struct cli_frame status = {0};

	if (rc != 0)
		return rc;
	if (cli_client_call_quiet(client, "status", SPAN("{}"), &status) < 0 || !status.ok)
		status.payload = NULL;
	return make_url(cli, frame.payload, status.payload, link);
}

/* ---- the process that is left behind ---- */

static const struct jail_rule rules[] = {
	{.nr = __NR_socket,
		.act = JAIL_ALLOW,
		.cmp = JAIL_MASK32,
		.arg = 0,
		.mask = ~0u,
		.value = AF_UNIX},
	JAIL_PERMIT(connect),
	JAIL_PERMIT(getsockopt),
	JAIL_PERMIT(openat),
	JAIL_PERMIT(ppoll),
	JAIL_PERMIT(getpid),
	JAIL_PERMIT(kill),
	JAIL_PERMIT(geteuid),
	JAIL_RULES_END,
};
static const struct jail_limit limits[] = {
	{RLIMIT_NOFILE, 16}, {RLIMIT_FSIZE, RLIM_INFINITY}, {RLIMIT_CORE, 0}, {-1, 0}};

static const struct jail_spec link_jail = {
	.name = "cli/link",
	.purpose = "waits for the control socket, prints the one-time link, ends; no files, no "
		   "network",
	.groups = JAIL_BASE,
	.rules = rules,
	.deny_errno = EPERM,
	.landlock = true,
	.limits = limits,
};

static void
nap(void)
{
	const struct timespec ts = {.tv_nsec = LINK_STEP_MS * 1000000L};

	(void)nanosleep(&ts, NULL);
}

/* Landlock does not let us signal it, which is an answer too. */
static bool
is_there(pid_t pid)
{
	return kill(pid, 0) == 0 || errno == EPERM;
}

/* A gateway that was there before us is not ours to print a link for. */
static struct cli_client *
wait_gateway(struct cli *cli, pid_t supervisor)
{
	struct cli_client *client = NULL;
	const char *what;

	for (int waited = 0; waited < LINK_WAIT_MS && is_there(supervisor);
		waited += LINK_STEP_MS) {
		if (cli_client_open_quiet(cli, &client, &what) == 0) {
			if (cli_client_pid(client) == supervisor)
				return client;
			cli_client_close(client);
		}
		nap();
	}
	return NULL;
}

static void
put_value(struct cli *cli, const char *key, struct span value)
{
	if (value.len > 0)
		cli_put_row(cli, 8, key, value);
}

/* "moltbot" alone is found in no PATH when it runs from where it was built. */
static void
put_command(struct cli *cli, const char *key, const char *rest)
{
	char text[CLI_PATH_MAX + 64];
	int n = snprintf(text, sizeof(text), "%s %s", cli->program, rest);

	if (n > 0 && (size_t)n < sizeof(text))
		put_value(cli, key, span_from_cstr(text));
}

static void
put_block(struct cli *cli, const struct cli_link *link, const struct json_node *status)
{
	cli_put(cli, "\n");
	cli_put_style(cli, CLI_BOLD);
	cli_put(cli, "  Moltbot is ready.");
	cli_put_style(cli, CLI_PLAIN);
	cli_put(cli, " Open this once, in a browser on this machine:\n\n  ");
	cli_put_style(cli, CLI_ACCENT);
	cli_put(cli, link->url);
	cli_put_style(cli, CLI_PLAIN);
	cli_put(cli, "\n\n");
	put_value(cli, "sandbox", cli_get_str(status, "sandbox.tier"));
	put_value(cli, "auth", cli_get_str(status, "gateway.auth.mode"));
	put_value(cli, "model", cli_get_str(status, "sessions.defaults.model"));
	put_command(cli, "talk", "chat    (here, in another terminal)");
	put_command(cli, "new link", "dashboard");
	put_value(cli, "stop", SPAN("Ctrl-C"));
	cli_put(cli, "\n");
	cli_flush(cli);
}

static void
wait_and_print(struct cli *cli, pid_t supervisor)
{
	struct jail_env env = JAIL_ENV_INIT;
	struct jail_report report;
	struct cli_client *client;
	struct cli_frame status = {0};
	struct cli_frame answer = {0};
	struct cli_link link;

	if (jail_apply(&link_jail, &env, &report) < 0)
		return;
	client = wait_gateway(cli, supervisor);
	if (client == NULL ||
		cli_client_call_quiet(client, "moltbot.link.new", SPAN("{}"), &answer) < 0 ||
		!answer.ok)
		return;
	if (cli_client_call_quiet(client, "status", SPAN("{}"), &status) < 0 || !status.ok)
		status.payload = NULL;
	if (make_url(cli, answer.payload, status.payload, &link) == 0)
		put_block(cli, &link, status.payload);
	cli_client_close(client);
}

static bool
is_wanted(const struct cli *cli)
{
	const char *print = getenv("MOLTBOT_PRINT_LINK");

	if (getenv("RAILWAY_ENVIRONMENT") != NULL || getenv("RAILWAY_PROJECT_ID") != NULL ||
		getenv("RAILWAY_ENVIRONMENT_NAME") != NULL)
		return false; /* what is printed there is kept in a log */
	return print != NULL ? strcmp(print, "1") == 0 : cli->tty;
}

void
cli_link_leave(struct cli *cli)
{
	pid_t supervisor = getpid();
	pid_t child;

	if (!is_wanted(cli))
		return;
	child = fork();
	if (child == 0) {
		/* once more, so that the supervisor has no child that it does not know */
		if (fork() == 0) {
			cli_env_wipe();
			wait_and_print(cli, supervisor);
		}
		_exit(0);
	}
	if (child > 0)
		(void)waitpid(child, NULL, 0);
}
