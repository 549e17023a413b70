/* Completions of shells, from the table of commands. */
#include "cli.h"

#include <string.h>

#define WORDS_MAX 256

/* The second words that may follow a first one. */
static bool
follows(const struct cli_command *c, struct span first, struct span *second)
{
	struct span rest = span_from_cstr(c->name);

	if (!span_eq(span_cut(&rest, ' '), first))
		return false;
	*second = rest;
	return true;
}

static struct span
first_word(const struct cli_command *c)
{
	struct span rest = span_from_cstr(c->name);

	return span_cut(&rest, ' ');
}

/* Is this command the first one with its first word? */
static bool
is_first_of_group(size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (span_eq(first_word(cli_commands[k]), first_word(cli_commands[i])))
			return false;
	}
	return true;
}

static void
put_span(struct cli *cli, struct span s)
{
	(void)buf_put(&cli->out, s);
}

static void
put_options(struct cli *cli, const struct cli_option *o)
{
	for (; o != NULL && o->name != NULL; o++)
		cli_put_fmt(cli, " --%s", o->name);
}

/* ---- bash; zsh reads the same through bashcompinit ---- */

static void
put_bash_words(struct cli *cli)
{
	cli_put(cli, "\tcase \"$1\" in\n");
	for (size_t i = 0; cli_commands[i] != NULL; i++) {
		struct span first = first_word(cli_commands[i]);
		struct span second;

		if (!is_first_of_group(i))
			continue;
		cli_put(cli, "\t'");
		put_span(cli, first);
		cli_put(cli, "') words='");
		for (size_t k = 0; cli_commands[k] != NULL; k++) {
			if (follows(cli_commands[k], first, &second) && second.len > 0) {
				put_span(cli, second);
				cli_put(cli, " ");
			}
		}
		cli_put(cli, "' ;;\n");
	}
	cli_put(cli, "\t'') words='");
	for (size_t i = 0; cli_commands[i] != NULL; i++) {
		if (is_first_of_group(i)) {
			put_span(cli, first_word(cli_commands[i]));
			cli_put(cli, " ");
		}
	}
	cli_put(cli, "' ;;\n\tesac\n");
}

static void
put_bash(struct cli *cli)
{
	cli_put(cli, "# moltbot: completion for bash\n_moltbot_words() {\n\tlocal words=''\n");
	put_bash_words(cli);
	cli_put(cli, "\techo \"$words\"\n}\n_moltbot_options() {\n\tcase \"$1\" in\n");
	for (size_t i = 0; cli_commands[i] != NULL; i++) {
		cli_put_fmt(cli, "\t'%s') echo '", cli_commands[i]->name);
		put_options(cli, cli_commands[i]->options);
		put_options(cli, cli_globals);
		cli_put(cli, "' ;;\n");
	}
	cli_put(cli, "\tesac\n}\n"
		     "_moltbot() {\n"
		     "\tlocal cur=${COMP_WORDS[COMP_CWORD]} one=${COMP_WORDS[1]} "
		     "two=${COMP_WORDS[2]} list\n"
		     "\tif [ \"$COMP_CWORD\" = 1 ]; then\n"
		     "\t\tlist=$(_moltbot_words '')\n"
		     "\telif [ \"${cur#-}\" != \"$cur\" ]; then\n"
		     "\t\tlist=$(_moltbot_options \"$one $two\")\n"
		     "\t\t[ -n \"$list\" ] || list=$(_moltbot_options \"$one\")\n"
		     "\telif [ \"$COMP_CWORD\" = 2 ]; then\n"
		     "\t\tlist=$(_moltbot_words \"$one\")\n"
		     "\tfi\n"
		     "\tCOMPREPLY=($(compgen -W \"$list\" -- \"$cur\"))\n"
		     "}\n"
		     "complete -o default -F _moltbot moltbot\n");
}

static void
put_zsh(struct cli *cli)
{
	cli_put(cli, "#compdef moltbot\nautoload -U +X bashcompinit && bashcompinit\n");
	put_bash(cli);
}

/* ---- fish ---- */

/* Our summaries in single quotes: neither ' nor \ may stand there as it is. */
static void
put_quoted(struct cli *cli, const char *s)
{
	cli_put(cli, "'");
	for (; *s != '\0'; s++) {
		if (*s == '\'' || *s == '\\')
			cli_put(cli, "\\");
		(void)buf_put_u8(&cli->out, (uint8_t)*s);
	}
	cli_put(cli, "'");
}

static void
put_fish_command(struct cli *cli, const struct cli_command *c, size_t i)
{
	struct span first = first_word(c);
	struct span second = SPAN_EMPTY;

	(void)follows(c, first, &second);
	if (is_first_of_group(i)) {
		cli_put(cli, "complete -c moltbot -n __fish_use_subcommand -a ");
		put_span(cli, first);
		cli_put(cli, " -d ");
		put_quoted(cli, second.len == 0 ? c->summary : "its commands");
		cli_put(cli, "\n");
	}
	if (second.len > 0) {
		cli_put(cli, "complete -c moltbot -n '__fish_seen_subcommand_from ");
		put_span(cli, first);
		cli_put(cli, "' -a ");
		put_span(cli, second);
		cli_put(cli, " -d ");
		put_quoted(cli, c->summary);
		cli_put(cli, "\n");
	}
	for (const struct cli_option *o = c->options; o != NULL && o->name != NULL; o++) {
		cli_put(cli, "complete -c moltbot -n '__fish_seen_subcommand_from ");
		put_span(cli, second.len > 0 ? second : first);
		cli_put_fmt(cli, "' -l %s%s -d ", o->name, o->type == CLI_FLAG ? "" : " -x");
		put_quoted(cli, o->help);
		cli_put(cli, "\n");
	}
}

static void
put_fish(struct cli *cli)
{
	cli_put(cli, "# moltbot: completion for fish\ncomplete -c moltbot -f\n");
	for (size_t i = 0; cli_commands[i] != NULL; i++)
		put_fish_command(cli, cli_commands[i], i);
	for (const struct cli_option *o = cli_globals; o->name != NULL; o++) {
		cli_put_fmt(cli, "complete -c moltbot -l %s%s -d ", o->name,
			o->type == CLI_FLAG ? "" : " -x");
		put_quoted(cli, o->help);
		cli_put(cli, "\n");
	}
}

int
cli_complete_put(struct cli *cli, const char *shell)
{
	static const struct {
		const char *name;
		void (*put)(struct cli *cli);
	} shells[] = {{"bash", put_bash}, {"zsh", put_zsh}, {"fish", put_fish}};

	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
		if (strcmp(shells[i].name, shell) == 0) {
			shells[i].put(cli);
			return 0;
		}
	}
	return -1;
}
