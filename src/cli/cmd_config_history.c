/* moltbot config history [HASH]: former texts of the configuration, and what one of them changed. */
#include "cli_commands.h"

#include <time.h>

#include "base/limits.h"
#include "cli_client.h"
#include "cli_diff.h"
#include "text/text_table.h"

static struct span
when(struct buf *b, const struct json_node *entry)
{
	time_t t = (time_t)(cli_get_u64(entry, "ts", 0) / 1000);
	char text[32];
	struct tm tm;

	buf_reset(b);
	if (localtime_r(&t, &tm) != NULL &&
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) > 0)
		(void)buf_put_cstr(b, text);
	return buf_span(b);
}

static struct span
short_hash(const struct json_node *entry)
{
	return span_sub(cli_get_str(entry, "hash"), 0, 12);
}

static void
put_table(struct cli *cli, const struct json_node *entries)
{
	static const char *const titles[] = {"Hash", "When", ">Bytes", "By", ""};
	struct text_table *t = text_table_new(titles, 5);
	struct buf time = {.max = 64};
	struct buf n = {.max = 64};

	for (const struct json_node *e = json_first(entries); e != NULL; e = e->next)
		(void)text_table_add(
			t, (const struct span[]){short_hash(e), when(&time, e),
				   cli_number(&n, cli_get_u64(e, "bytes", 0)), cli_get_str(e, "by"),
				   cli_get_bool(e, "current", false) ? SPAN("(now)") : SPAN_EMPTY});
	if (json_first(entries) != NULL)
		cli_put_table(cli, t);
	else
		cli_put(cli, "No change has been kept yet.\n");
	text_table_free(t);
	buf_clear(&time);
	buf_clear(&n);
}

/* ---- one change ---- */

struct change {
	struct cli *cli;
	struct json_out *o; /* NULL: lines */
	size_t told;
};

static void
on_line(void *arg, char op, size_t number, struct span line)
{
	struct change *ch = arg;
	struct cli *cli = ch->cli;

	ch->told++;
	if (ch->o != NULL) {
		(void)json_out_begin_object(ch->o);
		cli_json_str(ch->o, "op", span_of(&op, 1));
		cli_json_u64(ch->o, "line", number);
		cli_json_str(ch->o, "text", line);
		(void)json_out_end_object(ch->o);
		return;
	}
	cli_put_style(cli, op == '+'   ? CLI_GOOD
			   : op == '-' ? CLI_BAD
			   : op == '@' ? CLI_DIM
				       : CLI_PLAIN);
	if (op == '@')
		cli_put_fmt(cli, "@ from line %zu", number);
	else
		cli_put_safe(cli, span_of(&op, 1));
	cli_put_text(cli, line);
	cli_put_style(cli, CLI_PLAIN);
	cli_put(cli, "\n");
}

static void
put_head(struct cli *cli, const char *mark, const struct json_node *entry)
{
	struct buf b = {.max = 64};

	cli_put(cli, mark);
	cli_put_safe(cli,
		entry == NULL ? SPAN("nothing: the first text that was kept") : short_hash(entry));
	if (entry != NULL) {
		cli_put(cli, "  ");
		cli_put_safe(cli, when(&b, entry));
		cli_put(cli, "  ");
		cli_put_safe(cli, cli_get_str(entry, "by"));
	}
	cli_put(cli, "\n");
	buf_clear(&b);
}

static void
put_change(struct cli *cli, const struct json_node *entry, const struct json_node *before,
	struct span old, struct span text)
{
	struct change ch = {.cli = cli};

	if (cli->json) {
		ch.o = cli_json_begin(cli);
		(void)json_out_begin_object(ch.o);
		cli_json_str(ch.o, "hash", cli_get_str(entry, "hash"));
		cli_json_str(ch.o, "before", cli_get_str(before, "hash"));
		cli_json_u64(ch.o, "ts", cli_get_u64(entry, "ts", 0));
		cli_json_str(ch.o, "by", cli_get_str(entry, "by"));
		(void)json_out_key(ch.o, SPAN("lines"));
		(void)json_out_begin_array(ch.o);
		cli_diff(old, text, on_line, &ch);
		(void)json_out_end_array(ch.o);
		(void)json_out_end_object(ch.o);
		cli_json_end(cli);
		return;
	}
	put_head(cli, "--- ", before);
	put_head(cli, "+++ ", entry);
	cli_diff(old, text, on_line, &ch);
	if (ch.told == 0)
		cli_put(cli,
			"No line that may be shown differs: a secret was changed, or nothing.\n");
}

/* The text of an entry, without its secrets, into b. */
static int
take_text(struct cli *cli, struct cli_client *client, const struct json_node *entry, struct buf *b)
{
	struct buf params = {.max = 256};
	struct cli_frame frame;
	struct json_out o;
	struct span raw;
	int rc;

	json_out_init(&o, &params, NULL);
	(void)json_out_begin_object(&o);
	cli_json_str(&o, "hash", cli_get_str(entry, "hash"));
	(void)json_out_end_object(&o);
	(void)json_out_finish(&o);
	rc = cli_client_call(cli, client, "moltbot.config.history", buf_span(&params), 0, &frame);
	if (rc == 0 && json_node_str(cli_get(frame.payload, "raw"), &raw) < 0)
		rc = cli_fail(cli, NULL,
			"the text %s has mistakes, and where its secrets are cannot be told: it is "
			"not shown",
			cli_safe(short_hash(entry)));
	else if (rc == 0)
		(void)buf_put(b, raw);
	buf_clear(&params);
	return rc;
}

/* The entry whose hash begins with the argument, and the one before it in time. */
static int
find(struct cli *cli, const struct json_node *entries, const struct json_node **entry)
{
	struct span want = span_from_cstr(cli->args[0]);

	for (*entry = json_first(entries); *entry != NULL; *entry = (*entry)->next) {
		if (want.len >= 8 && span_starts_with(cli_get_str(*entry, "hash"), want))
			return 0;
	}
	return cli_fail(cli,
		"moltbot config history lists them; at least eight digits of a hash name one.",
		"no such text in the history: %s", cli_safe(want));
}

static int
one_change(struct cli *cli, struct cli_client *client, const struct json_node *entries)
{
	struct buf text = {.max = 2 * CONFIG_FILE_MAX};
	struct buf old = {.max = 2 * CONFIG_FILE_MAX};
	const struct json_node *entry;
	int rc = find(cli, entries, &entry);

	rc = rc != 0 ? rc : take_text(cli, client, entry, &text);
	if (rc == 0 && entry->next != NULL)
		rc = take_text(cli, client, entry->next, &old);
	if (rc == 0)
		put_change(cli, entry, entry->next, buf_span(&old), buf_span(&text));
	buf_clear(&text);
	buf_clear(&old);
	return rc;
}

static int
run(struct cli *cli)
{
	struct cli_client *client = NULL;
	struct buf copy = {.max = KIB(64)};
	struct json_node *entries = NULL;
	struct cli_frame frame;
	struct arena arena;
	struct json_out o;
	int rc = cli_paths_find(cli);

	arena_init(&arena, MIB(1u));
	rc = rc != 0 ? rc : cli_client_open(cli, &client);
	rc = rc != 0 ? rc
		     : cli_client_call(
			       cli, client, "moltbot.config.history", SPAN_EMPTY, 0, &frame);
	if (rc == 0 && cli->nargs > 0) {
		/* the next answer takes the place of this one */
		json_out_init(&o, &copy, NULL);
		(void)json_out_node(&o, cli_get(frame.payload, "entries"));
		rc = json_out_finish(&o) < 0 ||
				     json_parse(&arena, buf_span(&copy), NULL, &entries, NULL) < 0
			     ? cli_fail(cli, NULL, "the history is too long")
			     : one_change(cli, client, entries);
	} else if (rc == 0 && cli->json) {
		cli_json_payload(cli, frame.payload);
	} else if (rc == 0) {
		put_table(cli, cli_get(frame.payload, "entries"));
	}
	cli_client_close(client);
	arena_clear(&arena);
	buf_clear(&copy);
	return rc;
}

static const struct cli_option options[] = {
	CLI_TIMEOUT_OPTION,
	{NULL, 0, CLI_FLAG, NULL, 0, 0, NULL},
};
static const struct cli_example examples[] = {
	{"moltbot config history", "the last 50 texts: hash, when, size, by whom"},
	{"moltbot config history 3f2a9c01", "what the text whose hash begins like this changed"},
	{NULL, NULL},
};

const struct cli_command cmd_config_history = {
	.name = "config history",
	.args = "HASH",
	.args_max = 1,
	.summary = "list former texts of the configuration, or show what one changed",
	.text = "Each change is kept, with when and by whom; edits by hand too. They lie in "
		"<state>/config-history. With HASH, the beginning, at least eight digits, of one "
		"of them: its lines that are new (+) and those of the text before it that are "
		"gone (-), without secrets. The gateway must be running. Exit status 0, or 1 when "
		"there is no such text.",
	.options = options,
	.examples = examples,
	.run = run,
};
