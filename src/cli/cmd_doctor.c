/* moltbot doctor: looks at everything that a working gateway stands on, and says what to do. */
#include "cli_commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "checks/checks.h"
#include "cli_client.h"
#include "cli_config.h"
#include "cli_gateway.h"
#include "cli_outside.h"
#include "cli_run.h"
#include "jail/jail.h"
#include "proto/ids.h"
#include "text/text_table.h"

#define FINDINGS_MAX 64
#define FIX_MAX (CLI_PATH_MAX + 128)
#define PROVE_TIMEOUT_MS 180000
#define DISK_LEAST MIB(100u)

enum verdict_of { DOCTOR_OK, DOCTOR_WARN, DOCTOR_BAD };
static const char *const words[] = {"ok", "warn", "bad"};

struct finding {
	enum verdict_of verdict;
	const char *id;
	char what[CLI_PATH_MAX + 256];
	char fix[FIX_MAX];
};

struct doctor {
	struct cli *cli;
	struct cli_gateway gateway;
	struct finding list[FINDINGS_MAX];
	size_t n;
	const struct json_node *proof; /* NULL: not asked, or no answer */
	char no_proof[256];
	struct cli_outside outside;
};

static void add(struct doctor *d, enum verdict_of verdict, const char *id, const char *fix,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));

static void
add(struct doctor *d, enum verdict_of verdict, const char *id, const char *fix, const char *fmt,
	...)
{
	struct finding *f = &d->list[d->n];
	va_list ap;

	if (d->n == FINDINGS_MAX)
		return;
	d->n++;
	f->verdict = verdict;
	f->id = id;
	va_start(ap, fmt);
	vsnprintf(f->what, sizeof(f->what), fmt, ap);
	va_end(ap);
	snprintf(f->fix, sizeof(f->fix), "%s", fix == NULL ? "" : fix);
}

/* ---- the state directory ---- */

static const char *const files[] = {"vault.key", "vault.box", ".env", "audit.log", "moltbot.json",
	"logs/gateway.log", "control.sock"};

/* Whether what is open to others was found so, and (--repair) could not be closed. */
static bool
is_open(struct doctor *d, const char *id, const char *path, const struct stat *st, mode_t closed)
{
	char fix[FIX_MAX];
	mode_t before;
	mode_t after;

	if ((st->st_mode & 077) == 0)
		return false;
	if (cli_has(d->cli, "repair") && check_mode_mend(path, &before, &after) == 0) {
		add(d, DOCTOR_OK, id, NULL, "%s is closed to others now (mode %03o, was %03o)",
			path, (unsigned)after & 0777, (unsigned)before & 0777);
		return false;
	}
	snprintf(fix, sizeof(fix), "chmod %03o '%s'", (unsigned)closed, path);
	add(d, DOCTOR_BAD, id, fix, "%s is open to others (mode %03o)", path,
		(unsigned)st->st_mode & 0777);
	return true;
}

static void
check_files(struct doctor *d)
{
	char path[CLI_PATH_MAX + 64];
	struct stat st;
	unsigned bad = 0;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", d->cli->paths.state, files[i]);
		bad += stat(path, &st) == 0 && is_open(d, "file-mode", path, &st, 0600);
	}
	if (bad == 0)
		add(d, DOCTOR_OK, "file-mode", NULL,
			"files of the state directory are closed to others");
}

static void
check_disk(struct doctor *d)
{
	struct statvfs fs;
	uint64_t room;

	if (statvfs(d->cli->paths.state, &fs) < 0)
		return;
	room = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (room < DISK_LEAST)
		add(d, DOCTOR_BAD, "disk",
			"Make room; messages are refused when they cannot be stored.",
			"only %llu MiB are free", (unsigned long long)room >> 20);
	else
		add(d, DOCTOR_OK, "disk", NULL, "%llu MiB are free",
			(unsigned long long)room >> 20);
}

static void
check_state(struct doctor *d)
{
	const char *path = d->cli->paths.state;
	struct stat st;

	if (stat(path, &st) < 0) {
		add(d, errno == ENOENT ? DOCTOR_WARN : DOCTOR_BAD, "state",
			"`moltbot gateway run` makes it.", "%s: %s", path, strerror(errno));
		return;
	}
	if (!S_ISDIR(st.st_mode))
		add(d, DOCTOR_BAD, "state", NULL, "%s is no directory", path);
	else if (st.st_uid != geteuid())
		add(d, DOCTOR_BAD, "state", "Run as its owner.",
			"%s belongs to uid %u, we are uid %u", path, (unsigned)st.st_uid,
			(unsigned)geteuid());
	else if (!is_open(d, "state", path, &st, 0700))
		add(d, DOCTOR_OK, "state", NULL, "%s is ours and private", path);
	check_files(d);
	check_disk(d);
}

/* ---- programs, configuration ---- */

static void
check_programs(struct doctor *d)
{
	char path[CLI_PATH_MAX + 64];
	unsigned missing = 0;

	for (unsigned k = 0; k < KIND_N; k++) {
		if (k == KIND_CLI || k == KIND_CHANNEL ||
			cli_run_find(d->cli, process_rows[k].program, path))
			continue;
		add(d, DOCTOR_BAD, "programs", "Install Moltbot again.", "%s is not there",
			process_rows[k].program);
		missing++;
	}
	if (missing == 0)
		add(d, DOCTOR_OK, "programs", NULL, "all programs are in %s",
			d->cli->paths.libexec);
}

static void
check_config(struct doctor *d)
{
	const char *path = d->cli->paths.config;
	struct buf out = {.max = MIB(4u)};
	int status = cli_run(d->cli, "moltbot-config",
		(const char *[]){"--check", path, "--json", NULL}, true, &out);

	if (status == 0 && access(path, F_OK) != 0)
		add(d, DOCTOR_OK, "config", NULL, "there is no %s: the safe defaults hold", path);
	else if (status == 0)
		add(d, DOCTOR_OK, "config", NULL, "%s is valid", path);
	else if (status == 1)
		add(d, DOCTOR_BAD, "config", "moltbot config validate",
			"%s has mistakes; the gateway does not start with it", path);
	else
		add(d, DOCTOR_BAD, "config", "Install Moltbot again.",
			"the configuration could not be checked: %s",
			status < 0 ? err_text(status) : "moltbot-config ended unexpectedly");
	buf_clear(&out);
}

/* ---- the gateway and its sandbox ---- */

/* Old names in the configuration: shown, or (--repair) replaced. */
static void
check_names(struct doctor *d)
{
	const char *path = d->cli->paths.config;
	struct buf text = {.max = 2 * CONFIG_FILE_MAX};
	struct buf old = {.max = CONFIG_FILE_MAX + 1};
	bool repair = cli_has(d->cli, "repair");
	int status = cli_run(
		d->cli, "moltbot-config", (const char *[]){"--migrate", path, NULL}, true, &text);

	if (status == 0 && !repair)
		add(d, DOCTOR_WARN, "names", "moltbot doctor --repair",
			"%s uses old names; they are listed above", path);
	else if (status == 0 && cli_config_read(d->cli, path, &old) == 0 &&
		 cli_config_write(d->cli, buf_span(&old), buf_span(&text)) == 0)
		add(d, DOCTOR_OK, "names", NULL,
			"%s has the present names now; the former text is in moltbot config "
			"history",
			path);
	else if (status == 0)
		add(d, DOCTOR_BAD, "names", "moltbot config validate",
			"the old names in %s could not be replaced", path);
	buf_clear(&text);
	buf_clear(&old);
}

static void
check_gateway(struct doctor *d)
{
	const struct cli_gateway *g = &d->gateway;

	if (g->client != NULL)
		add(d, DOCTOR_OK, "gateway", NULL, "running, pid %d, %u processes", g->pid,
			g->processes);
	else
		add(d, DOCTOR_WARN, "gateway", "moltbot gateway run", "%s", g->why);
	if (g->panic)
		add(d, DOCTOR_WARN, "panic", "moltbot gateway resume",
			"the kill switch is on: nothing runs");
}

static const char *
fix_of_tier(const struct jail_caps *caps)
{
	if (!caps->userns)
		return "Allow user namespaces: sysctl kernel.unprivileged_userns_clone=1, or "
		       "kernel.apparmor_restrict_unprivileged_userns=0";
	if (caps->landlock_abi == 0)
		return "Landlock is off: boot with lsm=landlock,... or use a kernel that has it "
		       "(5.13)";
	return "See docs/sandbox.md.";
}

static void
check_tier_down(struct doctor *d)
{
	struct jail_caps caps;

	(void)jail_probe(&caps, -1);
	if (caps.tier == JAIL_TIER_FULL)
		add(d, DOCTOR_OK, "sandbox", NULL,
			"tier full; Landlock ABI %d (tried on this machine; the gateway is down)",
			caps.landlock_abi);
	else
		add(d, DOCTOR_WARN, "sandbox", fix_of_tier(&caps), "tier %s: %s%s%s",
			jail_tier_name(caps.tier), caps.why == NULL ? "" : caps.why,
			caps.err != 0 ? ": " : "", caps.err != 0 ? strerror(caps.err) : "");
}

static void
check_tier_up(struct doctor *d, const struct json_node *sandbox)
{
	struct span tier = cli_get_str(sandbox, "tier");
	struct span why = cli_get_str(sandbox, "why");
	struct span missing = cli_get_str(sandbox, "missing");
	struct span proof = cli_get_str(sandbox, "proof");
	bool full = span_eq(tier, SPAN("full"));

	add(d, full ? DOCTOR_OK : DOCTOR_WARN, "sandbox", full ? NULL : "See docs/sandbox.md.",
		"tier %s%s%s%s%s", tier.len > 0 ? cli_safe(tier) : "unknown",
		why.len > 0 ? ": " : "", why.len > 0 ? cli_safe(why) : "",
		missing.len > 0 ? "; missing: " : "", missing.len > 0 ? cli_safe(missing) : "");
	if (span_eq(proof, SPAN("passed")))
		add(d, DOCTOR_OK, "proof", NULL,
			"the self-proof at start has passed; tools that execute are on");
	else
		add(d, span_eq(proof, SPAN("failed")) ? DOCTOR_BAD : DOCTOR_WARN, "proof",
			"moltbot doctor --prove",
			"the self-proof at start: %s; tools that execute are off",
			proof.len > 0 ? cli_safe(proof) : "unknown");
}

/* ---- the proof ---- */

static void
prove(struct doctor *d)
{
	struct cli_frame frame;
	uint64_t id;
	int rc;

	if (d->gateway.client == NULL) {
		snprintf(d->no_proof, sizeof(d->no_proof), "the gateway must run: %s",
			d->gateway.why);
		return;
	}
	rc = cli_client_send(
		d->gateway.client, "moltbot.sandbox.prove", SPAN("{\"level\":1}"), &id);
	do
		rc = rc < 0 ? rc : cli_client_next(d->gateway.client, PROVE_TIMEOUT_MS, &frame);
	while (rc == 0 && (frame.is_event || frame.id != id));
	if (rc < 0)
		snprintf(d->no_proof, sizeof(d->no_proof), "no answer: %s", err_text(rc));
	else if (!frame.ok)
		snprintf(d->no_proof, sizeof(d->no_proof), "%s",
			cli_safe(cli_get_str(frame.error, "message")));
	else
		d->proof = frame.payload;
}

static void
put_proof(struct doctor *d)
{
	struct cli *cli = d->cli;
	static const char *const titles[] = {
		"Attempt", "By", "Held", "Got", "Expected", "Outside", "What"};
	static const char *const by[] = {"built-in", "program"};
	struct text_table *t = text_table_new(titles, 7);
	unsigned paired = 0;

	for (const struct json_node *p = json_first(cli_get(d->proof, "probes")); p != NULL;
		p = p->next) {
		unsigned profile = (unsigned)cli_get_u64(p, "profile", 0);
		char why[96];
		char text[128];
		enum cli_pairing pair =
			cli_outside_pairing(&d->outside, cli_get_str(p, "name"), profile, why);

		paired += pair == CLI_PAIRED;
		snprintf(text, sizeof(text), "%s%s", pair == CLI_PAIRED ? "" : "unpaired: ", why);
		(void)text_table_add(
			t, (const struct span[]){cli_get_str(p, "name"),
				   span_from_cstr(by[profile > 0]),
				   cli_get_bool(p, "held", false) ? SPAN("held") : SPAN("ESCAPED"),
				   cli_get_str(p, "got"), cli_get_str(p, "expected"),
				   span_from_cstr(text), cli_get_str(p, "what")});
	}
	cli_put(cli, "\n");
	cli_put_title(cli, "Self-proof: escapes tried from inside the sandbox, and the same "
			   "attempts outside it");
	cli_put_table(cli, t);
	cli_put_fmt(cli, "%llu attempts, %llu escaped, %u paired, tier %s\n",
		(unsigned long long)cli_get_u64(d->proof, "attempts", 0),
		(unsigned long long)cli_get_u64(d->proof, "escaped", 0), paired,
		cli_safe(cli_get_str(d->proof, "tier")));
	text_table_free(t);
}

/* ---- the report ---- */

static void
put_text(struct doctor *d)
{
	static const enum cli_style styles[] = {CLI_GOOD, CLI_WARN, CLI_BAD};
	static const char *const marks[] = {"ok  ", "warn", "bad "};
	struct cli *cli = d->cli;

	for (size_t i = 0; i < d->n; i++) {
		const struct finding *f = &d->list[i];

		cli_put(cli, "  ");
		cli_put_style(cli, styles[f->verdict]);
		cli_put(cli, marks[f->verdict]);
		cli_put_style(cli, CLI_PLAIN);
		cli_put_fmt(cli, "  %-10s  ", f->id);
		cli_put_safe(cli, span_from_cstr(f->what));
		cli_put(cli, "\n");
		if (f->fix[0] == '\0')
			continue;
		cli_put_style(cli, CLI_DIM);
		cli_put(cli, "                    fix: ");
		cli_put_safe(cli, span_from_cstr(f->fix));
		cli_put(cli, "\n");
		cli_put_style(cli, CLI_PLAIN);
	}
	if (d->proof != NULL)
		put_proof(d);
}

/* What the gateway answered, and with each attempt what came of it outside. */
static void
put_proof_json(struct doctor *d, struct json_out *o)
{
	(void)json_out_begin_object(o);
	cli_json_bool(o, "ok", cli_get_bool(d->proof, "ok", false));
	cli_json_str(o, "tier", cli_get_str(d->proof, "tier"));
	cli_json_u64(o, "attempts", cli_get_u64(d->proof, "attempts", 0));
	cli_json_u64(o, "escaped", cli_get_u64(d->proof, "escaped", 0));
	(void)json_out_key(o, SPAN("probes"));
	(void)json_out_begin_array(o);
	for (const struct json_node *p = json_first(cli_get(d->proof, "probes")); p != NULL;
		p = p->next) {
		uint64_t profile = cli_get_u64(p, "profile", 0);
		char why[96];
		enum cli_pairing pair = cli_outside_pairing(
			&d->outside, cli_get_str(p, "name"), (unsigned)profile, why);

		(void)json_out_begin_object(o);
		cli_json_str(o, "name", cli_get_str(p, "name"));
		cli_json_str(o, "what", cli_get_str(p, "what"));
		cli_json_str(o, "profile", profile > 0 ? SPAN("program") : SPAN("built-in"));
		cli_json_bool(o, "held", cli_get_bool(p, "held", false));
		cli_json_str(o, "got", cli_get_str(p, "got"));
		cli_json_str(o, "expected", cli_get_str(p, "expected"));
		cli_json_bool(o, "paired", pair == CLI_PAIRED);
		cli_json_str(o, "outside", span_from_cstr(why));
		(void)json_out_end_object(o);
	}
	(void)json_out_end_array(o);
	(void)json_out_end_object(o);
}

static void
put_json(struct doctor *d, bool ok)
{
	struct json_out *o = cli_json_begin(d->cli);

	(void)json_out_begin_object(o);
	cli_json_bool(o, "ok", ok);
	(void)json_out_key(o, SPAN("checks"));
	(void)json_out_begin_array(o);
	for (size_t i = 0; i < d->n; i++) {
		const struct finding *f = &d->list[i];

		(void)json_out_begin_object(o);
		cli_json_str(o, "id", span_from_cstr(f->id));
		cli_json_str(o, "verdict", span_from_cstr(words[f->verdict]));
		cli_json_str(o, "what", span_from_cstr(f->what));
		if (f->fix[0] != '\0')
			cli_json_str(o, "fix", span_from_cstr(f->fix));
		(void)json_out_end_object(o);
	}
	(void)json_out_end_array(o);
	if (d->proof != NULL) {
		(void)json_out_key(o, SPAN("proof"));
		put_proof_json(d, o);
	}
	(void)json_out_end_object(o);
	cli_json_end(d->cli);
}

static void
look(struct doctor *d)
{
	const struct json_node *sandbox;

	check_programs(d);
	check_state(d);
	check_config(d);
	check_names(d);
	(void)cli_gateway_look(d->cli, &d->gateway);
	check_gateway(d);
	sandbox = cli_get(d->gateway.status, "sandbox");
	if (sandbox != NULL)
		check_tier_up(d, sandbox);
	else
		check_tier_down(d);
	if (!cli_has(d->cli, "prove"))
		return;
	cli_progress("trying to escape from the sandbox");
	prove(d);
	cli_progress("trying the same outside of it");
	if (d->proof != NULL && cli_outside_try(d->cli, &d->outside) < 0)
		add(d, DOCTOR_WARN, "outside", NULL,
			"the attempts could not be made outside, so none of them is paired");
	cli_progress(NULL);
	if (d->proof == NULL)
		add(d, DOCTOR_BAD, "prove", "moltbot gateway run",
			"the sandbox could not be proved: %s", d->no_proof);
	else if (!cli_get_bool(d->proof, "ok", false) || cli_get_u64(d->proof, "escaped", 1) > 0)
		add(d, DOCTOR_BAD, "prove", "See docs/sandbox.md.", "an escape was not held");
	else
		add(d, DOCTOR_OK, "prove", NULL, "every escape that was tried was held");
}

static int
run(struct cli *cli)
{
	static struct doctor d;
	bool ok = true;
	int rc = cli_paths_find(cli);

	if (rc != 0)
		return rc;
	d.cli = cli;
	look(&d);
	for (size_t i = 0; i < d.n; i++)
		ok &= d.list[i].verdict != DOCTOR_BAD;
	if (cli->json)
		put_json(&d, ok);
	else
		put_text(&d);
	cli_client_close(d.gateway.client);
	return ok ? CLI_OK : CLI_FAILED;
}

static const struct cli_option options[] = {
	{"repair", 0, CLI_FLAG, NULL, 0, 0,
		"replace old names in the configuration by the present ones, and close what lies "
		"open to others"},
	{"prove", 0, CLI_FLAG, NULL, 0, 0,
		"try to escape from the running gateway's sandbox, and show every attempt"},
	CLI_TIMEOUT_OPTION,
	{NULL, 0, CLI_FLAG, NULL, 0, 0, NULL},
};

static const struct cli_example examples[] = {
	{"moltbot doctor", "what is wrong, and the command that fixes it"},
	{"moltbot doctor --prove --json", "every escape attempt with what came back, as data"},
	{NULL, NULL},
};

const struct cli_command cmd_doctor = {
	.name = "doctor",
	.summary = "check the machine, the state directory, the configuration and the sandbox",
	.text = "Works with the gateway up or down. --repair keeps the configuration's layout and "
		"comments, and its former text in the history. Exit status 1 when something is "
		"bad; warnings "
		"leave it 0.",
	.options = options,
	.examples = examples,
	.run = run,
};
