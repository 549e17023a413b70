/* moltbot help [COMMAND…] */
#include "cli_commands.h"

#include <string.h>

static bool
is_in(const struct cli_command *command, const char *group, size_t len)
{
	return strncmp(command->name, group, len) == 0 &&
	       (len == 0 || command->name[len] == ' ' || command->name[len] == '\0');
}

static void
put_options(struct json_out *o, const struct cli_option *row)
{
	for (; row != NULL && row->name != NULL; row++) {
		(void)json_out_begin_object(o);
		cli_json_cstr(o, "name", row->name);
		if (row->letter != 0)
			cli_json_str(o, "letter", span_of(&row->letter, 1));
		if (row->value != NULL)
			cli_json_cstr(o, "value", row->value);
		cli_json_cstr(o, "help", row->help);
		(void)json_out_end_object(o);
	}
}

static void
put_examples(struct json_out *o, const struct cli_example *row)
{
	for (; row != NULL && row->line != NULL; row++) {
		(void)json_out_begin_object(o);
		cli_json_cstr(o, "line", row->line);
		cli_json_cstr(o, "what", row->what);
		(void)json_out_end_object(o);
	}
}

static void
put_command(struct cli *cli, const struct cli_command *command)
{
	struct json_out *o = cli_json_begin(cli);

	(void)json_out_begin_object(o);
	cli_json_cstr(o, "name", command->name);
	cli_json_cstr(o, "args", command->args != NULL ? command->args : "");
	cli_json_cstr(o, "summary", command->summary);
	cli_json_cstr(o, "text", command->text != NULL ? command->text : "");
	(void)json_out_key(o, SPAN("options"));
	(void)json_out_begin_array(o);
	put_options(o, command->options);
	put_options(o, cli_globals);
	(void)json_out_end_array(o);
	(void)json_out_key(o, SPAN("examples"));
	(void)json_out_begin_array(o);
	put_examples(o, command->examples);
	(void)json_out_end_array(o);
	(void)json_out_end_object(o);
	cli_json_end(cli);
}

/* Those whose name begins with the words of group ("": all); how many there are. */
static size_t
put_list(struct cli *cli, const char *group)
{
	size_t len = strlen(group);
	size_t n = 0;
	struct json_out *o;

	for (size_t i = 0; cli_commands[i] != NULL; i++)
		n += is_in(cli_commands[i], group, len);
	if (n == 0)
		return 0;
	o = cli_json_begin(cli);
	(void)json_out_begin_array(o);
	for (size_t i = 0; cli_commands[i] != NULL; i++) {
		if (!is_in(cli_commands[i], group, len))
			continue;
		(void)json_out_begin_object(o);
		cli_json_cstr(o, "command", cli_commands[i]->name);
		cli_json_cstr(o, "summary", cli_commands[i]->summary);
		(void)json_out_end_object(o);
	}
	(void)json_out_end_array(o);
	cli_json_end(cli);
	return n;
}

static bool
show(struct cli *cli, const char *name)
{
	const struct cli_command *command = NULL;
	size_t before = cli->out.len;

	for (size_t i = 0; command == NULL && cli_commands[i] != NULL; i++) {
		if (strcmp(cli_commands[i]->name, name) == 0)
			command = cli_commands[i];
	}
	if (name[0] == '\0' && cli_has(cli, "markdown"))
		cli_help_markdown(cli);
	else if ((command != NULL || name[0] == '\0') && cli_has(cli, "man"))
		cli_help_man(cli, command);
	else if (command != NULL && cli->json)
		put_command(cli, command);
	else if (command != NULL)
		cli_help_command(cli, command);
	else if (cli->json)
		return put_list(cli, name) > 0;
	else
		cli_help_overview(cli, name[0] == '\0' ? NULL : name);
	return command != NULL || name[0] == '\0' || cli->out.len > before;
}

static int
run(struct cli *cli)
{
	char name[64] = "";
	size_t len = 0;

	for (unsigned i = 0; i < cli->nargs && len < sizeof(name); i++)
		len += (size_t)snprintf(
			name + len, sizeof(name) - len, "%s%s", i == 0 ? "" : " ", cli->args[i]);
	return show(cli, name)
		       ? CLI_OK
		       : cli_usage(cli, "there is no command '%s'", cli_safe(span_from_cstr(name)));
}

static const struct cli_option options[] = {
	{"man", 0, CLI_FLAG, NULL, 0, 0, "print a manual page (roff)"},
	{"markdown", 0, CLI_FLAG, NULL, 0, 0, "print all of it as docs/commands.md has it"},
	{NULL, 0, CLI_FLAG, NULL, 0, 0, NULL},
};

static const struct cli_example examples[] = {
	{"moltbot help gateway status", "the help of one command"},
	{"moltbot help --man | man -l -", "the manual page of all"},
	{"moltbot help logs --json | jq -r '.options[].name'", "its options alone"},
	{NULL, NULL},
};

const struct cli_command cmd_help = {
	.name = "help",
	.args = "COMMAND",
	.args_max = 3,
	.summary = "show help",
	.options = options,
	.examples = examples,
	.run = run,
};
