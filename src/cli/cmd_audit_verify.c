/* moltbot audit verify [FILE] */
#include "cli_commands.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "auditlog/auditlog.h"
#include "base/err.h"
#include "crypto/crypto_encode.h"

#define KEY_HEX (2 * CRYPTO_PUBLIC_LEN)

static const char *const effect_events[] = {"BEGUN", "EXECUTED", NULL};
static const char *const effect_writers[] = {"egress", "sandbox", "store", NULL};
const struct auditlog_rule cli_audit_rule = {
	effect_events, effect_writers, "VERDICT", "gate", "ALLOW"};

static void
put_json(struct cli *cli, const char *path, const struct auditlog_report *r, bool ok)
{
	struct json_out *o = cli_json_begin(cli);
	char genesis[KEY_HEX + 1];

	crypto_hex_encode(span_of(r->genesis, sizeof(r->genesis)), genesis);
	(void)json_out_begin_object(o);
	cli_json_bool(o, "ok", ok);
	cli_json_str(o, "file", span_from_cstr(path));
	cli_json_u64(o, "lines", r->lines);
	cli_json_u64(o, "proven", r->proven);
	cli_json_u64(o, "last", r->last);
	cli_json_u64(o, "signatures", r->signatures);
	cli_json_u64(o, "epochs", r->epochs);
	cli_json_u64(o, "restarts", r->restarts);
	cli_json_u64(o, "tornBytes", r->torn + r->tail_torn);
	cli_json_u64(o, "effects", r->effects);
	cli_json_u64(o, "effectsWithoutVerdict", r->lone);
	cli_json_str(o, "genesis", span_of(genesis, KEY_HEX));
	(void)json_out_key(o, SPAN("findings"));
	(void)json_out_begin_array(o);
	for (uint64_t i = 0; i < r->findings && i < AUDITLOG_LISTED_MAX; i++) {
		(void)json_out_begin_object(o);
		cli_json_u64(o, "line", r->finding[i].line);
		cli_json_u64(o, "seq", r->finding[i].seq);
		cli_json_str(o, "what", span_from_cstr(auditlog_fault_text(r->finding[i].fault)));
		(void)json_out_end_object(o);
	}
	(void)json_out_end_array(o);
	(void)json_out_end_object(o);
	cli_json_end(cli);
}

static void
put_bad(struct cli *cli, const struct auditlog_report *r)
{
	for (uint64_t i = 0; i < r->findings && i < AUDITLOG_LISTED_MAX; i++) {
		const struct auditlog_finding *f = &r->finding[i];

		cli_put_style(cli, CLI_BAD);
		cli_put_fmt(cli, "  line %llu", (unsigned long long)f->line);
		cli_put_style(cli, CLI_PLAIN);
		cli_put_fmt(cli, ": %s\n", auditlog_fault_text(f->fault));
	}
	for (uint64_t i = 0; i < r->lone && i < AUDITLOG_LISTED_MAX; i++) {
		const struct auditlog_lone *l = &r->lone_effect[i];

		cli_put_style(cli, CLI_BAD);
		cli_put_fmt(cli, "  seq %llu", (unsigned long long)l->seq);
		cli_put_style(cli, CLI_PLAIN);
		cli_put_fmt(cli, ": an effect of run %llu, call %llu that no verdict allowed\n",
			(unsigned long long)l->run, (unsigned long long)l->call);
	}
	if (r->findings > AUDITLOG_LISTED_MAX || r->lone > AUDITLOG_LISTED_MAX)
		cli_put_fmt(cli, "  in all %llu faults, %llu effects without a verdict\n",
			(unsigned long long)r->findings, (unsigned long long)r->lone);
}

static void
put_text(struct cli *cli, const struct auditlog_report *r, bool ok)
{
	char genesis[KEY_HEX + 1];

	crypto_hex_encode(span_of(r->genesis, sizeof(r->genesis)), genesis);
	cli_put_style(cli, ok ? CLI_GOOD : CLI_BAD);
	cli_put(cli, ok ? "The audit log holds." : "The audit log does not hold.");
	cli_put_style(cli, CLI_PLAIN);
	cli_put_fmt(cli,
		" %llu lines, proven up to %llu by %llu signatures in %llu epochs; %llu "
		"restarts.\n",
		(unsigned long long)r->lines, (unsigned long long)r->proven,
		(unsigned long long)r->signatures, (unsigned long long)r->epochs,
		(unsigned long long)r->restarts);
	cli_put_fmt(cli, "%llu effects, %llu of them without a verdict.\n",
		(unsigned long long)r->effects, (unsigned long long)r->lone);
	put_bad(cli, r);
	if (r->last > r->proven)
		cli_put_fmt(cli, "The last %llu lines are not signed yet.\n",
			(unsigned long long)(r->last - r->proven));
	if (r->torn + r->tail_torn > 0)
		cli_put_fmt(cli,
			"%llu bytes of torn lines: a writer was killed in the middle of one.\n",
			(unsigned long long)r->torn + r->tail_torn);
	if (!cli_has(cli, "genesis") && r->epochs > 0)
		cli_put_fmt(cli, "First key (keep it elsewhere, and check with --genesis): %s\n",
			genesis);
}

static int
read_genesis(struct cli *cli, uint8_t key[CRYPTO_PUBLIC_LEN])
{
	struct span text = span_from_cstr(cli_str(cli, "genesis", ""));

	return crypto_hex_decode(text, key, CRYPTO_PUBLIC_LEN) == 0
		       ? 0
		       : cli_usage(cli, "--genesis needs %d hexadecimal digits", KEY_HEX);
}

static int
run(struct cli *cli)
{
	char path[CLI_PATH_MAX + 16];
	static struct auditlog_report report;
	uint8_t genesis[CRYPTO_PUBLIC_LEN];
	int rc = cli_paths_find(cli);
	int fd;

	if (rc == 0 && cli_has(cli, "genesis"))
		rc = read_genesis(cli, genesis);
	if (rc != 0)
		return rc;
	if (cli->nargs > 0 ? snprintf(path, sizeof(path), "%s", cli->args[0]) >= (int)sizeof(path)
			   : snprintf(path, sizeof(path), "%s/audit.log", cli->paths.state) >=
				     (int)sizeof(path))
		return cli_usage(cli, "the path is too long");
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return cli_fail(cli,
			errno == ENOENT ? "Has the gateway run here?"
					: "Run as the user who started the gateway, or as root.",
			"%s cannot be read: %s", cli_safe(span_from_cstr(path)), strerror(errno));
	rc = auditlog_verify(
		fd, cli_has(cli, "genesis") ? genesis : NULL, &cli_audit_rule, &report);
	close(fd);
	if (rc < 0 && rc != ERR_CRYPTO)
		return cli_fail(cli, NULL, "%s cannot be read: %s", cli_safe(span_from_cstr(path)),
			err_text(rc));
	if (cli->json)
		put_json(cli, path, &report, rc == 0);
	else
		put_text(cli, &report, rc == 0);
	return rc == 0 ? CLI_OK : CLI_FAILED;
}

static const struct cli_option options[] = {
	{"genesis", 0, CLI_STR, "KEY", 1, 128,
		"the log must begin with this public key (hexadecimal)"},
	{NULL, 0, CLI_FLAG, NULL, 0, 0, NULL},
};

static const struct cli_example examples[] = {
	{"moltbot audit verify", "prove the log of this state directory, offline"},
	{"moltbot audit verify copy.log --genesis KEY --json",
		"a copy, against the first key as you kept it"},
	{NULL, NULL},
};

const struct cli_command cmd_audit_verify = {
	.name = "audit verify",
	.args = "FILE",
	.args_max = 1,
	.summary = "prove that nobody changed the audit log",
	.text = "Checks every line's hash, the chain, the signatures and keys, and that every "
		"effect carried out has gate's verdict. What was "
		"written behind the last signature, and a log cut off at a signature, it cannot "
		"tell; keep the first key and the number of the "
		"last signed line elsewhere. Works with the gateway up or down.",
	.options = options,
	.examples = examples,
	.run = run,
};
