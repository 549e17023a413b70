/* The audit's result for people and for programs. */
#include "checks/checks.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/err.h"

static const char *const severity_names[] = {"info", "warn", "critical"};
static const char *const verdict_names[] = {"unknown", "pass", "fail"};

struct tally {
	size_t failed[CHECK_CRITICAL + 1];
	size_t passed;
	size_t unknown;
};

/* Each finding once, at its own severity. */
static struct tally
count(const struct checks *c)
{
	struct tally t = {0};

	for (size_t i = 0; i < CHECK_N; i++) {
		const struct check_result *r = &c->results[i];

		t.passed += r->verdict == CHECK_PASS;
		t.unknown += r->verdict == CHECK_UNKNOWN;
		for (size_t k = 0; k < r->n; k++)
			t.failed[r->findings[k].severity]++;
	}
	return t;
}

/* ---- for people ---- */

static void
put_styled(struct cli *cli, enum cli_style style, const char *text)
{
	cli_put_style(cli, style);
	cli_put_safe(cli, span_from_cstr(text));
	cli_put_style(cli, CLI_PLAIN);
}

static void
put_summary(struct cli *cli, const struct tally *t)
{
	static const char *const words[] = {"notes", "warnings", "critical"};
	static const enum cli_style styles[] = {CLI_ACCENT, CLI_WARN, CLI_BAD};
	char text[64];

	cli_put_style(cli, CLI_BOLD);
	cli_put(cli, "Security audit: ");
	cli_put_style(cli, CLI_PLAIN);
	for (int s = CHECK_CRITICAL; s >= CHECK_INFO; s--) {
		snprintf(text, sizeof(text), "%zu %s", t->failed[s], words[s]);
		put_styled(cli, t->failed[s] > 0 ? styles[s] : CLI_DIM, text);
		cli_put(cli, ", ");
	}
	cli_put_fmt(cli, "%zu checks passed, %zu cannot be told.\n", t->passed, t->unknown);
}

static void
put_what(struct cli *cli, const struct check_finding *f)
{
	cli_put(cli, "    ");
	cli_put_safe(cli, span_from_cstr(f->what));
	cli_put(cli, "\n");
}

/* Once for findings in a row that the same command mends. */
static void
put_mend(struct cli *cli, const struct check_result *r, size_t k)
{
	const struct check_finding *f = &r->findings[k];

	if (f->fix[0] == '\0' || (k + 1 < r->n && r->findings[k + 1].severity == f->severity &&
					 strcmp(r->findings[k + 1].fix, f->fix) == 0))
		return;
	cli_put_style(cli, CLI_DIM);
	cli_put(cli, "      fix: ");
	cli_put_style(cli, CLI_PLAIN);
	cli_put_safe(cli, span_from_cstr(f->fix));
	cli_put(cli, "\n");
}

/* The findings of one severity, row by row. */
static void
put_group(struct checks *c, enum check_severity severity)
{
	static const char *const titles[] = {"Notes", "Warnings", "Critical"};
	static const enum cli_style styles[] = {CLI_ACCENT, CLI_WARN, CLI_BAD};
	bool any = false;

	for (size_t i = 0; i < CHECK_N; i++) {
		const struct check_result *r = &c->results[i];
		bool headed = false;

		for (size_t k = 0; k < r->n; k++) {
			if (r->findings[k].severity != severity)
				continue;
			if (!any) {
				cli_put(c->cli, "\n");
				put_styled(c->cli, styles[severity], titles[severity]);
				cli_put(c->cli, "\n");
			}
			if (!headed) {
				cli_put_fmt(c->cli, "  %s (wanted: ", r->row->id);
				cli_put(c->cli, r->row->title);
				cli_put(c->cli, ")\n");
			}
			any = headed = true;
			put_what(c->cli, &r->findings[k]);
			put_mend(c->cli, r, k);
		}
		if (headed && r->more > 0)
			cli_put_fmt(c->cli, "    and %zu more\n", r->more);
	}
}

static void
put_others(struct checks *c, enum check_verdict verdict, const char *title)
{
	enum check_section section = CHECK_SECTIONS;

	cli_put(c->cli, "\n");
	cli_put_title(c->cli, title);
	for (size_t i = 0; i < CHECK_N; i++) {
		const struct check_result *r = &c->results[i];

		if (r->verdict != verdict)
			continue;
		if (r->row->section != section)
			cli_put_fmt(c->cli, "  %s\n", check_section_titles[r->row->section]);
		section = r->row->section;
		cli_put_fmt(c->cli, "    %s: ", r->row->title);
		put_styled(c->cli, CLI_DIM, r->evidence);
		cli_put(c->cli, "\n");
	}
}

static void
put_fixed(struct cli *cli, const struct check_fixed *f, size_t n)
{
	cli_put_title(cli, "Mended");
	if (n == 0)
		cli_put(cli, "  nothing had to be: no file is open to others\n");
	for (size_t i = 0; i < n; i++) {
		cli_put(cli, "  ");
		cli_put_safe(cli, span_from_cstr(f[i].path));
		if (f[i].rc == 0)
			cli_put_fmt(cli, ": mode %03o, was %03o\n", (unsigned)f[i].after,
				(unsigned)f[i].before);
		else
			cli_put_fmt(cli, ": left as it is: %s\n", err_text(f[i].rc));
	}
	cli_put(cli, "\n");
}

void
checks_put(struct checks *c, const struct check_fixed *fixed, size_t n)
{
	struct tally t = count(c);

	if (cli_has(c->cli, "fix"))
		put_fixed(c->cli, fixed, n);
	put_summary(c->cli, &t);
	for (int s = CHECK_CRITICAL; s >= CHECK_INFO; s--)
		put_group(c, (enum check_severity)s);
	if (cli_has(c->cli, "all"))
		put_others(c, CHECK_PASS, "Passed");
	if (cli_has(c->cli, "all"))
		put_others(c, CHECK_UNKNOWN, "Cannot be told");
	else
		cli_put(c->cli,
			"\n`moltbot security audit --all` shows what passed, and why the rest "
			"cannot be told.\n");
	if (!c->deep)
		cli_put(c->cli,
			"`moltbot security audit --deep` attacks the running gateway as well.\n");
}

/* ---- for programs ---- */

static void
put_texts(struct json_out *o, const char *key, const struct check_result *r, bool fixes)
{
	(void)json_out_key(o, span_from_cstr(key));
	(void)json_out_begin_array(o);
	for (size_t k = 0; k < r->n; k++)
		(void)json_out_str(
			o, span_from_cstr(fixes ? r->findings[k].fix : r->findings[k].what));
	if (r->n == 0 && !fixes && r->evidence != NULL)
		(void)json_out_str(o, span_from_cstr(r->evidence));
	(void)json_out_end_array(o);
}

static void
put_row(struct json_out *o, const struct check_result *r)
{
	(void)json_out_begin_object(o);
	cli_json_str(o, "id", span_from_cstr(r->row->id));
	cli_json_str(o, "section", span_from_cstr(check_section_names[r->row->section]));
	if (r->row->line > 0)
		cli_json_u64(o, "line", r->row->line);
	cli_json_str(o, "verdict", span_from_cstr(verdict_names[r->verdict]));
	cli_json_str(o, "severity", span_from_cstr(severity_names[r->row->severity]));
	cli_json_str(o, "title", span_from_cstr(r->row->title));
	put_texts(o, "evidence", r, false);
	put_texts(o, "fix", r, true);
	(void)json_out_end_object(o);
}

static void
put_findings(const struct checks *c, struct json_out *o)
{
	(void)json_out_key(o, SPAN("findings"));
	(void)json_out_begin_array(o);
	for (size_t i = 0; i < CHECK_N; i++) {
		const struct check_result *r = &c->results[i];

		for (size_t k = 0; k < r->n; k++) {
			const struct check_finding *f = &r->findings[k];

			(void)json_out_begin_object(o);
			cli_json_str(o, "checkId", span_from_cstr(f->id));
			cli_json_str(o, "severity", span_from_cstr(severity_names[f->severity]));
			cli_json_str(o, "title", span_from_cstr(r->row->title));
			cli_json_str(o, "detail", span_from_cstr(f->what));
			cli_json_str(o, "remediation", span_from_cstr(f->fix));
			cli_json_str(o, "check", span_from_cstr(r->row->id));
			(void)json_out_end_object(o);
		}
	}
	(void)json_out_end_array(o);
}

static void
put_report(struct checks *c, struct json_out *o)
{
	struct tally t = count(c);

	(void)json_out_begin_object(o);
	cli_json_u64(o, "ts", (uint64_t)time(NULL) * 1000);
	(void)json_out_key(o, SPAN("summary"));
	(void)json_out_begin_object(o);
	cli_json_u64(o, "critical", t.failed[CHECK_CRITICAL]);
	cli_json_u64(o, "warn", t.failed[CHECK_WARN]);
	cli_json_u64(o, "info", t.failed[CHECK_INFO]);
	cli_json_u64(o, "passed", t.passed);
	cli_json_u64(o, "unknown", t.unknown);
	(void)json_out_end_object(o);
	put_findings(c, o);
	(void)json_out_key(o, SPAN("checks"));
	(void)json_out_begin_array(o);
	for (size_t i = 0; i < CHECK_N; i++)
		put_row(o, &c->results[i]);
	(void)json_out_end_array(o);
	if (c->deep)
		check_deep_put_json(c, o);
	(void)json_out_end_object(o);
}

static void
put_fix(const struct checks *c, struct json_out *o, const struct check_fixed *f, size_t n)
{
	char mode[8];

	(void)json_out_key(o, SPAN("fix"));
	(void)json_out_begin_object(o);
	cli_json_bool(o, "ok", true);
	cli_json_str(o, "stateDir", span_from_cstr(c->cli->paths.state));
	cli_json_str(o, "configPath", span_from_cstr(c->cli->paths.config));
	cli_json_bool(o, "configWritten", false);
	(void)json_out_key(o, SPAN("actions"));
	(void)json_out_begin_array(o);
	for (size_t i = 0; i < n; i++) {
		(void)json_out_begin_object(o);
		cli_json_str(o, "kind", SPAN("chmod"));
		cli_json_str(o, "path", span_from_cstr(f[i].path));
		snprintf(mode, sizeof(mode), "%03o", (unsigned)f[i].after & 07777);
		cli_json_str(o, "mode", span_from_cstr(mode));
		cli_json_bool(o, "ok", f[i].rc == 0);
		if (f[i].rc != 0)
			cli_json_str(o, "error", span_from_cstr(err_text(f[i].rc)));
		(void)json_out_end_object(o);
	}
	(void)json_out_end_array(o);
	(void)json_out_end_object(o);
}

void
checks_put_json(struct checks *c, const struct check_fixed *fixed, size_t n)
{
	struct json_out *o = cli_json_begin(c->cli);

	if (!cli_has(c->cli, "fix")) {
		put_report(c, o);
	} else {
		(void)json_out_begin_object(o);
		put_fix(c, o, fixed, n);
		(void)json_out_key(o, SPAN("report"));
		put_report(c, o);
		(void)json_out_end_object(o);
	}
	cli_json_end(c->cli);
}
