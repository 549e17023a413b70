/* moltbot sessions, moltbot models: lists of the gateway as tables. */
#include "cli_commands.h"

#include "cli_client.h"
#include "text/text_table.h"

/* Opens the gateway and asks; with --json the answer is printed already. */
static int
ask(struct cli *cli, const char *method, struct span params, struct cli_client **client,
	struct cli_frame *frame)
{
	int rc = cli_paths_find(cli);

	rc = rc != 0 ? rc : cli_client_open(cli, client);
	rc = rc != 0 ? rc : cli_client_call(cli, *client, method, params, 0, frame);
	if (rc == 0 && cli->json)
		cli_json_payload(cli, frame->payload);
	return rc;
}

/* ---- sessions ---- */

static void
put_sessions(struct cli *cli, const struct json_node *payload)
{
	static const char *const titles[] = {
		"Session", "Label", "Kind", ">Age", "Model", ">Tokens", "About"};
	const struct json_node *s = json_first(cli_get(payload, "sessions"));
	struct text_table *t = text_table_new(titles, 7);
	struct buf a = {.max = 64};
	struct buf n = {.max = 64};

	if (s == NULL)
		cli_put(cli, "No session fits. `moltbot chat` begins one.\n");
	for (size_t i = 0; s != NULL; s = s->next, i++)
		(void)text_table_add(t,
			(const struct span[]){cli_get_str(s, "key"), cli_get_str(s, "label"),
				cli_get_str(s, "kind"), cli_age(&a, cli_get_u64(s, "updatedAt", 0)),
				cli_get_str(s, "model"),
				cli_number(&n, cli_get_u64(s, "totalTokens", 0)),
				cli_get_str(s, "derivedTitle")});
	if (json_first(cli_get(payload, "sessions")) != NULL)
		cli_put_table(cli, t);
	text_table_free(t);
	buf_clear(&a);
	buf_clear(&n);
}

static int
run_sessions(struct cli *cli)
{
	struct buf params = {.max = 1024};
	struct cli_client *client = NULL;
	struct cli_frame frame;
	struct json_out o;
	int rc;

	json_out_init(&o, &params, NULL);
	(void)json_out_begin_object(&o);
	cli_json_u64(&o, "limit", (uint64_t)cli_int(cli, "limit", 50));
	if (cli_has(cli, "active"))
		cli_json_u64(&o, "activeMinutes", (uint64_t)cli_int(cli, "active", 0) / 60000);
	if (cli_has(cli, "search"))
		cli_json_str(&o, "search", span_from_cstr(cli_str(cli, "search", "")));
	cli_json_bool(&o, "includeDerivedTitles", true);
	(void)json_out_end_object(&o);
	(void)json_out_finish(&o);
	rc = ask(cli, "sessions.list", buf_span(&params), &client, &frame);
	if (rc == 0 && !cli->json)
		put_sessions(cli, frame.payload);
	cli_client_close(client);
	buf_clear(&params);
	return rc;
}

/* ---- models ---- */

static int
run_models(struct cli *cli)
{
	static const char *const titles[] = {"Model", "Name", ">Context", "Reasoning"};
	struct text_table *t = text_table_new(titles, 4);
	struct buf name = {.max = 512};
	struct buf n = {.max = 64};
	struct cli_client *client = NULL;
	struct cli_frame frame;
	int rc = ask(cli, "models.list", SPAN("{}"), &client, &frame);
	const struct json_node *m =
		rc == 0 && !cli->json ? json_first(cli_get(frame.payload, "models")) : NULL;

	if (rc == 0 && !cli->json && m == NULL)
		cli_put(cli, "No model is configured: the built-in offline assistant answers. "
			     "`moltbot config set agents.defaults.model PROVIDER/MODEL` "
			     "chooses one.\n");
	for (; m != NULL; m = m->next) {
		uint64_t window = cli_get_u64(m, "contextWindow", 0);

		buf_reset(&name);
		(void)buf_put(&name, cli_get_str(m, "provider"));
		(void)buf_put_u8(&name, '/');
		(void)buf_put(&name, cli_get_str(m, "id"));
		(void)text_table_add(
			t, (const struct span[]){buf_span(&name), cli_get_str(m, "name"),
				   window > 0 ? cli_number(&n, window) : SPAN_EMPTY,
				   cli_get_bool(m, "reasoning", false) ? SPAN("yes") : SPAN_EMPTY});
	}
	if (name.len > 0)
		cli_put_table(cli, t);
	text_table_free(t);
	buf_clear(&name);
	buf_clear(&n);
	cli_client_close(client);
	return rc;
}

static const struct cli_option session_options[] = {
	{"limit", 'n', CLI_INT, "NUMBER", 1, 1000, "at most so many, the newest (default 50)"},
	{"active", 0, CLI_TIME, "TIME", 60000, 31536000000, "only those used within this time"},
	{"search", 0, CLI_STR, "TEXT", 1, 256, "only those in whose key or label this occurs"},
	CLI_CONNECT_OPTIONS,
	{NULL, 0, CLI_FLAG, NULL, 0, 0, NULL},
};
static const struct cli_option model_options[] = {
	CLI_CONNECT_OPTIONS,
	{NULL, 0, CLI_FLAG, NULL, 0, 0, NULL},
};
static const struct cli_example session_examples[] = {
	{"moltbot sessions --active 1h", "what was used within the hour"},
	{"moltbot sessions --json | jq -r '.sessions[].key'", "the keys alone"},
	{NULL, NULL},
};
static const struct cli_example model_examples[] = {
	{"moltbot models", "what may stand in agents.defaults.model"}, {NULL, NULL}};

const struct cli_command cmd_sessions = {
	.name = "sessions",
	.summary = "list the stored sessions, the newest first",
	.options = session_options,
	.examples = session_examples,
	.run = run_sessions,
};

const struct cli_command cmd_models = {
	.name = "models",
	.summary = "list the models that are configured",
	.options = model_options,
	.examples = model_examples,
	.run = run_models,
};
