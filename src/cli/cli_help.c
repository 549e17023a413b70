/* Help and man pages, from the commands' structs. */
#include "cli.h"

#include <string.h>

#include "proto/ids.h"

static bool
in_group(const struct cli_command *c, const char *group)
{
	size_t n = group == NULL ? 0 : strlen(group);

	return group == NULL ||
	       (strncmp(c->name, group, n) == 0 && (c->name[n] == ' ' || c->name[n] == '\0'));
}

static void
put_usage(struct cli *cli, const struct cli_command *c)
{
	cli_put_style(cli, CLI_BOLD);
	cli_put_fmt(cli, "moltbot %s", c->name);
	cli_put_style(cli, CLI_PLAIN);
	if (c->options != NULL)
		cli_put(cli, " [OPTIONS]");
	if (c->args != NULL)
		cli_put_fmt(cli, c->args_min == 0 ? " [%s]" : " %s", c->args);
	cli_put(cli, "\n");
}

static void
put_option(struct cli *cli, const struct cli_option *o)
{
	char letter[] = "    ";
	char left[96];
	unsigned wide = 0;

	if (o->letter != 0)
		snprintf(letter, sizeof(letter), "-%c, ", o->letter);
	snprintf(left, sizeof(left), "%s--%s%s%s", letter, o->name, o->type == CLI_FLAG ? "" : " ",
		o->type == CLI_FLAG ? "" : o->value);
	wide = (unsigned)strlen(left);
	cli_put(cli, "  ");
	cli_put_style(cli, CLI_ACCENT);
	cli_put(cli, left);
	cli_put_style(cli, CLI_PLAIN);
	if (wide > 26) {
		cli_put(cli, "\n");
		wide = 0;
		cli_put(cli, "  ");
	}
	for (; wide < 28; wide++)
		cli_put(cli, " ");
	cli_put_fmt(cli, "%s\n", o->help);
}

static void
put_options(struct cli *cli, const char *title, const struct cli_option *o)
{
	if (o == NULL || o->name == NULL)
		return;
	cli_put(cli, "\n");
	cli_put_title(cli, title);
	for (; o->name != NULL; o++)
		put_option(cli, o);
}

void
cli_help_command(struct cli *cli, const struct cli_command *c)
{
	put_usage(cli, c);
	cli_put_wrapped(cli, 2, c->summary);
	if (c->text != NULL) {
		cli_put(cli, "\n");
		cli_put_wrapped(cli, 2, c->text);
	}
	put_options(cli, "Options", c->options);
	put_options(cli, "For every command", cli_globals);
	if (c->examples == NULL)
		return;
	cli_put(cli, "\n");
	cli_put_title(cli, "Examples");
	for (const struct cli_example *e = c->examples; e->line != NULL; e++) {
		cli_put(cli, "  ");
		cli_put_style(cli, CLI_ACCENT);
		cli_put(cli, e->line);
		cli_put_style(cli, CLI_DIM);
		cli_put_fmt(cli, "\n      %s\n", e->what);
		cli_put_style(cli, CLI_PLAIN);
	}
}

void
cli_help_overview(struct cli *cli, const char *group)
{
	if (group == NULL) {
		cli_put_style(cli, CLI_BOLD);
		cli_put(cli, "moltbot");
		cli_put_style(cli, CLI_PLAIN);
		cli_put(cli,
			": a gateway for a personal assistant that proves what it cannot do\n\n");
	}
	for (size_t i = 0; cli_commands[i] != NULL; i++) {
		const struct cli_command *c = cli_commands[i];

		if (!in_group(c, group))
			continue;
		cli_put(cli, "  ");
		cli_put_style(cli, CLI_ACCENT);
		cli_put_fmt(cli, "%-24s", c->name);
		cli_put_style(cli, CLI_PLAIN);
		cli_put_fmt(cli, " %s\n", c->summary);
	}
	if (group == NULL)
		cli_put(cli, "\nOne command starts it: moltbot gateway run. Each has --help, "
			     "--json and a manual page.\n");
}

/* Text of ours in roff: backslashes and dots at a line's beginning are escaped. */
static void
put_roff(struct cli *cli, const char *text)
{
	for (const char *p = text; *p != '\0'; p++) {
		if (p[0] == '\n' && p[1] == '\n') {
			cli_put(cli, "\n.PP\n");
			p++;
		} else if (*p == '\\') {
			cli_put(cli, "\\e");
		} else if (*p == '-') {
			cli_put(cli, "\\-");
		} else if (*p == '.' && (p == text || p[-1] == '\n')) {
			cli_put(cli, "\\&.");
		} else {
			(void)buf_put_u8(&cli->out, (uint8_t)*p);
		}
	}
	cli_put(cli, "\n");
}

static void
put_roff_options(struct cli *cli, const struct cli_option *o)
{
	for (; o != NULL && o->name != NULL; o++) {
		cli_put(cli, ".TP\n");
		if (o->letter != 0)
			cli_put_fmt(cli, "\\fB\\-%c\\fR, ", o->letter);
		cli_put(cli, "\\fB\\-\\-");
		for (const char *p = o->name; *p != '\0'; p++)
			cli_put_fmt(cli, *p == '-' ? "\\-" : "%c", *p);
		cli_put(cli, "\\fR");
		if (o->type != CLI_FLAG)
			cli_put_fmt(cli, " \\fI%s\\fR", o->value);
		cli_put(cli, "\n");
		put_roff(cli, o->help);
	}
}

static void
put_roff_examples(struct cli *cli, const struct cli_example *e)
{
	for (; e != NULL && e->line != NULL; e++) {
		cli_put(cli, ".TP\n.B ");
		put_roff(cli, e->line);
		put_roff(cli, e->what);
	}
}

static void
put_man_command(struct cli *cli, const struct cli_command *c)
{
	cli_put_fmt(cli, ".SS moltbot %s%s%s\n", c->name, c->args == NULL ? "" : " ",
		c->args == NULL ? "" : c->args);
	put_roff(cli, c->summary);
	if (c->text != NULL) {
		cli_put(cli, ".PP\n");
		put_roff(cli, c->text);
	}
	put_roff_options(cli, c->options);
	put_roff_examples(cli, c->examples);
}

/* What the whole program's page says besides its commands. */
static const struct {
	const char *title;
	const char *text;
} sections[] = {
	{"FILES", "~/.moltbot is the state directory, 0700; another one with MOLTBOT_STATE_DIR. In "
		  "it: moltbot.json (the configuration, JSON5; "
		  "it may be absent), .env (variables for the gateway, read only with mode 0600), "
		  "control.sock (the owner's door), "
		  "logs/gateway.log, audit.log, vault.box and vault.key (the sealed secrets and "
		  "what opens them), store/ (sessions), "
		  "workspace/ (the assistant's files)."},
	{"ENVIRONMENT", "MOLTBOT_STATE_DIR, MOLTBOT_CONFIG_PATH, MOLTBOT_WORKSPACE_DIR, "
			"MOLTBOT_GATEWAY_PORT, MOLTBOT_GATEWAY_BIND, "
			"MOLTBOT_GATEWAY_TOKEN and MOLTBOT_GATEWAY_PASSWORD; each also with "
			"OPENCLAW_ or CLAWDBOT_ in place of MOLTBOT_: the first of "
			"the three that is set counts. NO_COLOR turns colours off. "
			"MOLTBOT_PRINT_LINK=1 has "
			"`gateway run` print the one-time link where "
			"standard output is no terminal."},
	{"EXIT STATUS", "0: done. 1: it failed, and standard error says why. 64: the command line "
			"was wrong. 78: the configuration is wrong."},
	{"SECURITY", "A command has the rights of whoever runs it. It reaches the gateway through "
		     "the control socket, which only the "
		     "state directory's owner can open, or with --url and a token from the "
		     "environment. Secrets are never arguments, "
		     "because everybody on the machine can read those. What the gateway sends is "
		     "printed with everything escaped that would "
		     "act on a terminal."},
};

void
cli_help_man(struct cli *cli, const struct cli_command *command)
{
	cli_put(cli, ".TH MOLTBOT 1 \"\" \"Moltbot " MOLTBOT_VERSION "\"\n.SH NAME\n");
	if (command != NULL) {
		cli_put_fmt(cli, "moltbot\\-");
		for (const char *p = command->name; *p != '\0'; p++)
			cli_put_fmt(cli, *p == ' ' || *p == '-' ? "\\-" : "%c", *p);
		cli_put(cli, " \\- ");
		put_roff(cli, command->summary);
		cli_put(cli, ".SH SYNOPSIS\n");
		put_man_command(cli, command);
	} else {
		cli_put(cli, "moltbot \\- a gateway for a personal assistant that proves what it "
			     "cannot do\n"
			     ".SH SYNOPSIS\n\\fBmoltbot\\fR \\fICOMMAND\\fR [\\fIOPTIONS\\fR] "
			     "[\\fIARGUMENTS\\fR]\n.SH COMMANDS\n");
		for (size_t i = 0; cli_commands[i] != NULL; i++)
			put_man_command(cli, cli_commands[i]);
	}
	cli_put(cli, ".SH OPTIONS OF EVERY COMMAND\n");
	put_roff_options(cli, cli_globals);
	for (size_t i = 0; command == NULL && i < sizeof(sections) / sizeof(sections[0]); i++) {
		cli_put_fmt(cli, ".SH %s\n", sections[i].title);
		put_roff(cli, sections[i].text);
	}
}

/* ---- docs/commands.md ---- */

/* Text of ours in Markdown: what stands in angle brackets is no markup; in a table a bar is none either. */
static void
put_markdown(struct cli *cli, const char *text, bool in_table)
{
	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '<')
			cli_put(cli, "&lt;");
		else if (*p == '|' && in_table)
			cli_put(cli, "\\|");
		else
			(void)buf_put_u8(&cli->out, (uint8_t)*p);
	}
}

static void
put_markdown_options(struct cli *cli, const struct cli_option *o)
{
	if (o == NULL || o->name == NULL)
		return;
	cli_put(cli, "\n| option | |\n|---|---|\n");
	for (; o->name != NULL; o++) {
		cli_put(cli, "| ");
		if (o->letter != 0)
			cli_put_fmt(cli, "`-%c`, ", o->letter);
		cli_put_fmt(cli, "`--%s", o->name);
		if (o->type != CLI_FLAG) {
			cli_put(cli, " ");
			put_markdown(cli, o->value, true);
		}
		cli_put(cli, "` | ");
		put_markdown(cli, o->help, true);
		cli_put(cli, " |\n");
	}
}

static void
put_markdown_command(struct cli *cli, const struct cli_command *c)
{
	cli_put_fmt(cli, "\n## moltbot %s", c->name);
	if (c->args != NULL)
		cli_put_fmt(cli, c->args_min == 0 ? " [%s]" : " %s", c->args);
	cli_put(cli, "\n\n");
	put_markdown(cli, c->summary, false);
	cli_put(cli, ".");
	if (c->text != NULL) {
		cli_put(cli, " ");
		put_markdown(cli, c->text, false);
	}
	cli_put(cli, "\n");
	put_markdown_options(cli, c->options);
	if (c->examples == NULL)
		return;
	cli_put(cli, "\n");
	for (const struct cli_example *e = c->examples; e->line != NULL; e++) {
		cli_put_fmt(cli, "- `%s`: ", e->line);
		put_markdown(cli, e->what, false);
		cli_put(cli, "\n");
	}
}

void
cli_help_markdown(struct cli *cli)
{
	cli_put(cli, "# Commands\n\nMade by `moltbot help --markdown` from the commands "
		     "themselves.\n");
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		cli_put_fmt(cli, "\n**%c", sections[i].title[0]);
		for (const char *p = sections[i].title + 1; *p != '\0'; p++)
			(void)buf_put_u8(&cli->out,
				(uint8_t)(*p >= 'A' && *p <= 'Z' ? *p + ('a' - 'A') : *p));
		cli_put(cli, ".** ");
		put_markdown(cli, sections[i].text, false);
		cli_put(cli, "\n");
	}
	cli_put(cli, "\nOptions of every command:\n");
	put_markdown_options(cli, cli_globals);
	for (size_t i = 0; cli_commands[i] != NULL; i++)
		put_markdown_command(cli, cli_commands[i]);
}
