/* moltbot security audit [--deep] [--fix] [--all] */
#include "cli_commands.h"

#include <stdlib.h>

#include "cli_client.h"
#include "checks/checks.h"

#define WORST_WARN 2
#define WORST_CRITICAL 3

struct mended {
	struct check_fixed rows[CHECK_FILES_MAX];
	size_t n;
};

static void
mend(struct checks *c, const char *path, mode_t mode, void *arg)
{
	struct mended *m = arg;
	struct check_fixed *f = &m->rows[m->n];

	(void)mode;
	if (m->n == CHECK_FILES_MAX)
		return;
	m->n++;
	f->path = check_text(c, "%s", path);
	f->rc = check_mode_mend(path, &f->before, &f->after);
}

static int
run(struct cli *cli)
{
	static struct checks c;
	struct mended *mended;
	enum check_severity worst;
	bool failed;
	int rc = cli_paths_find(cli);

	if (rc != 0)
		return rc;
	mended = mem_alloc(1, sizeof(*mended));
	c.cli = cli;
	c.deep = cli_has(cli, "deep");
	checks_open(&c);
	if (cli_has(cli, "fix"))
		check_modes_each(&c, mend, mended);
	checks_make(&c);
	if (cli->json)
		checks_put_json(&c, mended->rows, mended->n);
	else
		checks_put(&c, mended->rows, mended->n);
	failed = checks_worst(&c, &worst);
	checks_close(&c);
	free(mended);
	if (!failed || worst == CHECK_INFO)
		return CLI_OK;
	return worst == CHECK_WARN ? WORST_WARN : WORST_CRITICAL;
}

static const struct cli_option options[] = {
	{"deep", 0, CLI_FLAG, NULL, 0, 0,
		"attack the running gateway from outside as well, and try to escape from its "
		"sandbox"},
	{"fix", 0, CLI_FLAG, NULL, 0, 0,
		"first take others' rights from files of the state directory and the "
		"configuration"},
	{"all", 0, CLI_FLAG, NULL, 0, 0, "also show what passed, and why the rest cannot be told"},
	CLI_TIMEOUT_OPTION,
	{NULL, 0, CLI_FLAG, NULL, 0, 0, NULL},
};

static const struct cli_example examples[] = {
	{"moltbot security audit", "what is wrong, how bad it is, and the command that mends it"},
	{"moltbot security audit --deep", "the same after attacking the running gateway"},
	{"moltbot security audit --deep --json || alert", "from cron: by the exit status, as data"},
	{NULL, NULL},
};

const struct cli_command cmd_security_audit = {
	.name = "security audit",
	.summary = "check the whole installation against the security checklist",
	.text = "Every line of the checklist is a row: pass, fail with its evidence and the "
		"command that "
		"mends it, or unknown with the reason; what cannot be looked at never passes. "
		"Works "
		"with the gateway up or down; run it as the user who runs the gateway, or as "
		"root.\n\n"
		"--deep attacks the running gateway over TCP, from loopback addresses that nobody "
		"else "
		"uses: every route and method without, with wrong and with too weak credentials, "
		"foreign "
		"Host and Origin, a token in the URL, forwarded headers, spellings of paths, too "
		"large "
		"frames and bodies, guesses until they are refused, and the escapes of `doctor "
		"--prove` but for its bombs. It "
		"asks vault for the token, which the audit log notes, changes nothing and ends by "
		"itself. --fix changes modes of files and nothing else, and follows no links.\n\n"
		"Exit status: 0 nothing worse than a note, 2 the worst is a warning, 3 something "
		"is "
		"critical, 1 the audit could not be made, 64 wrong usage.",
	.options = options,
	.examples = examples,
	.run = run,
};
