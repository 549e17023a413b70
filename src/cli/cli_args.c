/* From words to a command, its options and arguments. Everything that is wrong is said with what would be right. */
#include "cli.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "text/text.h"

#define NAMES_MAX 128

static struct span
cstr(const char *s)
{
	return span_from_cstr(s);
}

/* How many of the words are the command's name; 0: none of it, -1: the command's name goes on. */
static int
words_of(const struct cli_command *command, char **words, int n)
{
	struct span name = cstr(command->name);
	int used = 0;

	while (name.len > 0) {
		struct span word = span_cut(&name, ' ');

		if (used == n || !span_eq(word, cstr(words[used])))
			return used == n && used > 0 ? -1 : 0;
		used++;
	}
	return used;
}

static const struct cli_command *
find_command(char **words, int n, int *used, bool *is_group)
{
	const struct cli_command *best = NULL;

	*used = 0;
	*is_group = false;
	for (size_t i = 0; cli_commands[i] != NULL; i++) {
		int got = words_of(cli_commands[i], words, n);

		if (got > *used) {
			best = cli_commands[i];
			*used = got;
		}
		*is_group |= got < 0;
	}
	return best;
}

/* "gateway" alone, or with options only, is `gateway run`. */
static const struct cli_command *
default_command(char **words, int n, int *used)
{
	static char word[] = "run";
	char *run[2] = {n > 0 ? words[0] : NULL, word};
	bool is_group;
	const struct cli_command *command = n > 0 ? find_command(run, 2, used, &is_group) : NULL;

	if (command == NULL || *used != 2 || (n > 1 && words[1][0] != '-'))
		return NULL;
	*used = 1;
	return command;
}

static int
unknown_command(struct cli *cli, char **words, int n)
{
	const char *names[NAMES_MAX];
	char typed[128];
	size_t k = 0;
	ptrdiff_t near;

	snprintf(typed, sizeof(typed), "%s%s%s", cli_safe(cstr(words[0])),
		n > 1 && words[1][0] != '-' ? " " : "",
		n > 1 && words[1][0] != '-' ? cli_safe(cstr(words[1])) : "");
	for (; k < NAMES_MAX && cli_commands[k] != NULL; k++)
		names[k] = cli_commands[k]->name;
	near = text_nearest(cstr(typed), names, k);
	if (near < 0)
		near = text_nearest(cstr(words[0]), names, k);
	if (near >= 0)
		return cli_usage(
			cli, "there is no command '%s'; did you mean '%s'?", typed, names[near]);
	return cli_usage(cli, "there is no command '%s'", typed);
}

static const struct cli_option *
option_in(const struct cli_option *o, struct span name, char letter)
{
	for (; o != NULL && o->name != NULL; o++) {
		if (letter != 0 ? o->letter == letter : span_eq(cstr(o->name), name))
			return o;
	}
	return NULL;
}

static const struct cli_option *
find_option(const struct cli_command *command, struct span name, char letter)
{
	const struct cli_option *o = option_in(command->options, name, letter);

	return o != NULL ? o : option_in(cli_globals, name, letter);
}

static int
unknown_option(struct cli *cli, const char *word)
{
	const char *names[CLI_OPTIONS_MAX * 2];
	size_t n = 0;
	ptrdiff_t near;

	for (const struct cli_option *o = cli->command->options; o != NULL && o->name != NULL; o++)
		names[n++] = o->name;
	for (const struct cli_option *o = cli_globals; o->name != NULL; o++)
		names[n++] = o->name;
	near = text_nearest(span_sub(cstr(word), 2, SIZE_MAX), names, n);
	if (near >= 0)
		return cli_usage(cli, "%s is no option of '%s'; did you mean --%s?",
			cli_safe(cstr(word)), cli->command->name, names[near]);
	return cli_usage(cli, "%s is no option of '%s'", cli_safe(cstr(word)), cli->command->name);
}

static bool
is_choice(const char *choices, struct span value)
{
	struct span rest = cstr(choices);

	while (rest.len > 0) {
		if (span_eq(span_cut(&rest, '|'), value))
			return true;
	}
	return false;
}

static int
check_value(struct cli *cli, struct cli_value *v)
{
	const struct cli_option *o = v->option;
	struct span text = cstr(v->text);
	uint64_t ms;

	switch (o->type) {
	case CLI_FLAG:
		return 0;
	case CLI_STR:
		if (text.len > 0 && text.len <= (o->max == 0 ? KIB(64u) : (size_t)o->max))
			return 0;
		return cli_usage(cli, "--%s needs 1 to %lld bytes", o->name,
			o->max == 0 ? 65536LL : (long long)o->max);
	case CLI_INT:
		if (span_to_i64(text, o->min, o->max, &v->number) == 0)
			return 0;
		return cli_usage(cli, "--%s needs a number from %lld to %lld, not '%s'", o->name,
			(long long)o->min, (long long)o->max, cli_safe(text));
	case CLI_CHOICE:
		if (is_choice(o->value, text))
			return 0;
		return cli_usage(
			cli, "--%s needs one of %s, not '%s'", o->name, o->value, cli_safe(text));
	case CLI_TIME:
		if (text_duration_parse(text, 1000, (uint64_t)o->max, &ms) == 0) {
			v->number = (int64_t)ms;
			return 0;
		}
		return cli_usage(cli, "--%s needs a time such as 30s or 5m, not '%s'", o->name,
			cli_safe(text));
	}
	return CLI_USAGE;
}

static int
add_value(struct cli *cli, const struct cli_option *o, const char *text)
{
	struct cli_value *v = &cli->values[cli->nvalues];

	if (cli_has(cli, o->name))
		return o->type == CLI_FLAG ? 0 : cli_usage(cli, "--%s is given twice", o->name);
	if (cli->nvalues == CLI_OPTIONS_MAX)
		return cli_usage(cli, "too many options");
	*v = (struct cli_value){.option = o, .text = text};
	cli->nvalues++;
	return check_value(cli, v);
}

/* One word that begins with a dash; *i moves over a value in the next word. */
static int
read_option(struct cli *cli, int argc, char **argv, int *i)
{
	char *word = argv[*i];
	bool is_long = word[1] == '-';
	struct span rest = is_long ? cstr(word + 2) : SPAN_EMPTY;
	struct span name = is_long ? span_cut(&rest, '=') : SPAN_EMPTY;
	char letter = (char)(is_long ? 0 : word[1]);
	const struct cli_option *o = find_option(cli->command, name, letter);
	const char *value = is_long && rest.ptr != NULL ? (const char *)rest.ptr : NULL;

	if (o == NULL)
		return unknown_option(cli, word);
	if (!is_long && word[2] != '\0') {
		if (o->type == CLI_FLAG)
			return unknown_option(cli, word);
		value = word + 2;
	}
	if (o->type == CLI_FLAG)
		return value != NULL ? cli_usage(cli, "--%s takes no value", o->name)
				     : add_value(cli, o, NULL);
	if (value == NULL && *i + 1 < argc)
		value = argv[++*i];
	if (value == NULL)
		return cli_usage(cli, "--%s needs a value: %s", o->name, o->value);
	return add_value(cli, o, value);
}

static int
read_words(struct cli *cli, int argc, char **argv)
{
	bool only_args = false;
	int rc = 0;

	for (int i = 0; i < argc && rc == 0; i++) {
		if (!only_args && strcmp(argv[i], "--") == 0)
			only_args = true;
		else if (!only_args && argv[i][0] == '-' && argv[i][1] != '\0')
			rc = read_option(cli, argc, argv, &i);
		else if (cli->nargs < CLI_ARGS_MAX)
			cli->args[cli->nargs++] = argv[i];
		else
			rc = cli_usage(cli, "too many arguments");
	}
	return rc;
}

static bool
asks_for_help(int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	}
	return false;
}

/* --json and --no-color count for usage errors too, so they are looked for before anything can be wrong. */
static void
read_early(struct cli *cli, int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--json") == 0)
			cli->json = true;
		if (strcmp(argv[i], "--no-color") == 0)
			cli->color = cli->error_color = false;
	}
}

static int
check_count(struct cli *cli)
{
	const struct cli_command *c = cli->command;

	if (cli->nargs < c->args_min)
		return cli_usage(cli, "'%s' needs %s", c->name, c->args);
	if (cli->nargs > c->args_max)
		return cli_usage(cli, "'%s' takes %s%s; '%s' is too many", c->name,
			c->args_max == 0 ? "no arguments" : "only ",
			c->args_max == 0 ? "" : c->args, cli_safe(cstr(cli->args[c->args_max])));
	return 0;
}

int
cli_args_read(struct cli *cli, int argc, char **argv)
{
	static char version[] = "version";
	bool is_group;
	int used;
	int rc;

	read_early(cli, argc, argv);
	if (argc > 1 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0))
		argv[1] = version;
	if (argc < 2 || argv[1][0] == '-') {
		cli_help_overview(cli, NULL);
		if (argc < 2 || asks_for_help(argc, argv))
			return -1;
		return cli_usage(cli, "options stand behind the command");
	}
	cli->command = find_command(argv + 1, argc - 1, &used, &is_group);
	if (cli->command == NULL && argc > 2 && is_group && asks_for_help(argc - 2, argv + 2)) {
		cli_help_overview(cli, argv[1]);
		return -1;
	}
	if (cli->command == NULL)
		cli->command = default_command(argv + 1, argc - 1, &used);
	if (cli->command == NULL && is_group && argc == 2) {
		cli_help_overview(cli, argv[1]);
		return cli_usage(cli, "'%s' needs one of these words", cli_safe(cstr(argv[1])));
	}
	if (cli->command == NULL)
		return unknown_command(cli, argv + 1, argc - 1);
	if (asks_for_help(argc - 1 - used, argv + 1 + used)) {
		if (used == 1 && is_group)
			cli_help_overview(cli, argv[1]);
		else
			cli_help_command(cli, cli->command);
		return -1;
	}
	rc = read_words(cli, argc - 1 - used, argv + 1 + used);
	return rc != 0 ? rc : check_count(cli);
}

static const struct cli_value *
find_value(const struct cli *cli, const char *name)
{
	for (unsigned i = 0; i < cli->nvalues; i++) {
		if (strcmp(cli->values[i].option->name, name) == 0)
			return &cli->values[i];
	}
	return NULL;
}

bool
cli_has(const struct cli *cli, const char *name)
{
	return find_value(cli, name) != NULL;
}

const char *
cli_str(const struct cli *cli, const char *name, const char *fallback)
{
	const struct cli_value *v = find_value(cli, name);

	return v == NULL ? fallback : v->text;
}

int64_t
cli_int(const struct cli *cli, const char *name, int64_t fallback)
{
	const struct cli_value *v = find_value(cli, name);

	return v == NULL ? fallback : v->number;
}
