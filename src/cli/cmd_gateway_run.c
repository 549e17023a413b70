/* moltbot gateway run: parts the environment, clears it, and becomes the supervisor. */
#include "cli_commands.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/weak.h"
#include "cli_env.h"
#include "cli_link.h"

#define ARG_LEN (CLI_PATH_MAX + 16)

/* The supervisor's arguments: name=value. Only paths and numbers; everybody can read them. */
struct plan {
	char program[CLI_PATH_MAX + 64];
	char args[13][ARG_LEN];
	char *argv[15];
	size_t n;
};

static void add_arg(struct plan *plan, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
add_arg(struct plan *plan, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(plan->args[plan->n], ARG_LEN, fmt, ap);
	va_end(ap);
	plan->argv[1 + plan->n] = plan->args[plan->n];
	plan->n++;
}

static int
find_supervisor(struct cli *cli, struct plan *plan)
{
	static char name[] = "moltbot-supervisor";

	plan->argv[0] = name;
	snprintf(plan->program, sizeof(plan->program), "%s/moltbot-supervisor", cli->paths.libexec);
	if (access(plan->program, X_OK) != 0)
		snprintf(plan->program, sizeof(plan->program), "%s/supervisor/moltbot-supervisor",
			cli->paths.libexec);
	if (access(plan->program, X_OK) != 0)
		return cli_fail(
			cli, "Install Moltbot again.", "%s cannot be executed", plan->program);
	return 0;
}

static void
make_plan(struct cli *cli, const struct cli_env *env, struct plan *plan)
{
	add_arg(plan, "state=%s", cli->paths.state);
	add_arg(plan, "config=%s", cli->paths.config);
	add_arg(plan, "libexec=%s", cli->paths.libexec);
	add_arg(plan, "ui=%s", cli->paths.ui);
	if (cli->paths.workspace[0] != '\0')
		add_arg(plan, "workspace=%s", cli->paths.workspace);
	add_arg(plan, "env=%d", env->plain_fd);
	add_arg(plan, "secrets=%d", env->secrets_fd);
	if (env->key_fd >= 0)
		add_arg(plan, "vaultkey=%d", env->key_fd);
	if (cli_has(cli, "landlock"))
		add_arg(plan, "landlock=%lld", (long long)cli_int(cli, "landlock", 0));
	if (cli_has(cli, "debug"))
		add_arg(plan, "debug");
	if (cli->json)
		add_arg(plan, "json");
#ifdef MOLTBOT_ATTACKER
	if (cli_has(cli, "attack")) {
		add_arg(plan, "attack=%s", cli_str(cli, "attack", ""));
		add_arg(plan, "attempt=%lld", (long long)cli_int(cli, "attempt", 0));
	}
#endif
}

/* Only the standard descriptors and the memfds go on. */
static int
keep_only(const struct cli_env *env)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return -1;
	}
	if (close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
		return -1;
	if (env->key_fd >= 0 && fcntl(env->key_fd, F_SETFD, 0) < 0)
		return -1;
	return fcntl(env->plain_fd, F_SETFD, 0) < 0 || fcntl(env->secrets_fd, F_SETFD, 0) < 0 ? -1
											      : 0;
}

static int
run(struct cli *cli)
{
	char port[48];
	char bind[280];
	const char *extra[3] = {NULL};
	struct cli_env env = {-1, -1, -1};
	static struct plan plan;
	sigset_t none;
	size_t n = 0;
	int rc = cli_paths_find(cli);

	if (rc != 0)
		return rc;
#ifdef MOLTBOT_WEAK
	if (weak_set(cli_str(cli, "weak", "")) < 0)
		return cli_fail(cli, "The names are in lib/base/weak.def.", "no such control");
#endif
	if (cli_has(cli, "token") || cli_has(cli, "password"))
		return cli_fail(cli,
			"Put it into the environment (MOLTBOT_GATEWAY_TOKEN, "
			"MOLTBOT_GATEWAY_PASSWORD) or into <state>/.env, mode 0600.",
			"a secret is no argument: every user of this machine can read the "
			"arguments of a program");
	if (cli_has(cli, "port")) {
		snprintf(port, sizeof(port), "MOLTBOT_GATEWAY_PORT=%lld",
			(long long)cli_int(cli, "port", 0));
		extra[n++] = port;
	}
	if (cli_has(cli, "bind")) {
		snprintf(bind, sizeof(bind), "MOLTBOT_GATEWAY_BIND=%s", cli_str(cli, "bind", ""));
		extra[n++] = bind;
	}
	rc = find_supervisor(cli, &plan);
	rc = rc != 0 ? rc : cli_env_part(cli, extra, &env);
	if (rc != 0)
		return rc;
	make_plan(cli, &env, &plan);
	if (!cli->json)
		cli_link_leave(cli);
	if (!WEAK(ENV_WIPE))
		cli_env_wipe();
	umask(077);
	sigemptyset(&none);
	signal(SIGPIPE, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (chdir("/") < 0 || keep_only(&env) < 0)
		return cli_fail(cli, NULL, "the gateway cannot be started: %s", strerror(errno));
	execve(plan.program, plan.argv, WEAK(ENV_WIPE) ? environ : (char *[]){WEAK_ENVIRON NULL});
	return cli_fail(cli, "Install Moltbot again.", "%s cannot be executed: %s", plan.program,
		strerror(errno));
}

static const struct cli_option options[] = {
	{"port", 0, CLI_INT, "PORT", 1, 65535, "listen on this port (default 18789)"},
	{"bind", 0, CLI_STR, "WHERE", 1, 255,
		"loopback (the default), lan, or an address of this machine"},
	{"token", 0, CLI_STR, "TOKEN", 1, 0,
		"refused: give it as MOLTBOT_GATEWAY_TOKEN in the environment"},
	{"password", 0, CLI_STR, "PASSWORD", 1, 0,
		"refused: give it as MOLTBOT_GATEWAY_PASSWORD in the environment"},
	{"landlock", 0, CLI_INT, "ABI", 0, 64,
		"use no newer Landlock than this version (for tests)"},
	{"debug", 0, CLI_FLAG, NULL, 0, 0, "log more"},
#ifdef MOLTBOT_ATTACKER
	{"attack", 0, CLI_STR, "PROCESS", 1, 64, "the process that attacks from inside"},
	{"attempt", 0, CLI_INT, "N", 0, 65535, "its first attempt"},
#endif
#ifdef MOLTBOT_WEAK
	{"weak", 0, CLI_STR, "NAMES", 1, 0, "controls to leave out, of lib/base/weak.def"},
#endif
	{NULL, 0, CLI_FLAG, NULL, 0, 0, NULL},
};

static const struct cli_example examples[] = {
	{"moltbot gateway run",
		"start with no configuration: loopback, a token of its own, the offline assistant"},
	{"MOLTBOT_STATE_DIR=/srv/moltbot moltbot gateway run --port 8080",
		"another state directory, another port"},
	{NULL, NULL},
};

const struct cli_command cmd_gateway_run = {
	.name = "gateway run",
	.summary = "start the gateway in the foreground",
	.text = "Runs until it is told to stop: by Ctrl-C, SIGTERM or `moltbot gateway stop`. On a "
		"terminal a one-time link to the web page is "
		"printed. With --json the log on the terminal is a JSON object a line, and no link "
		"is printed.\n\n"
		"Variables that hold secrets (by their names: _TOKEN, _KEY, _SECRET, _PASSWORD at "
		"the end and the like) are handed to the vault "
		"process alone and removed from the environment before anything else is started. "
		"<state>/.env is read too, if it has mode "
		"0600; a .env in the working directory never is.\n\n"
		"The vault's box is sealed with the key in <state>/vault.key, made at the first "
		"start, unless one comes from elsewhere: "
		"the systemd credential moltbot-vault-key (LoadCredentialEncrypted=) or "
		"MOLTBOT_VAULT_KEY, 32 bytes as they are, in "
		"hexadecimal or in base64. To move an existing box there, give the contents of "
		"vault.key and delete that file.",
	.options = options,
	.examples = examples,
	.run = run,
};
