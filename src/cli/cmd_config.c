/* moltbot config get, set, unset, schema, rollback: by way of the running gateway, which checks and writes; the first three without one too. */
#include "cli_commands.h"

#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "cli_client.h"
#include "cli_config.h"
#include "cli_run.h"
#include "json/json.h"

#define STEPS_MAX 16

/* Opens the gateway and asks for the configuration as it stands. */
static int
open_and_get(struct cli *cli, struct cli_client **client, struct cli_frame *frame)
{
	int rc = cli_paths_find(cli);

	rc = rc != 0 ? rc : cli_client_open(cli, client);
	return rc != 0 ? rc : cli_client_call(cli, *client, "config.get", SPAN_EMPTY, 0, frame);
}

/* A call that changes the configuration; what it says is shown. */
static int
change(struct cli *cli, struct cli_client *client, const char *method, struct span params)
{
	struct cli_frame frame;
	int rc = cli_client_call_quiet(client, method, params, &frame);

	if (rc < 0)
		return cli_client_broken(cli, rc, method);
	if (!frame.ok) {
		cli_config_put_issues(cli, &frame);
		return cli_client_refused(cli, &frame, method);
	}
	if (cli->json) {
		cli_json_payload(cli, frame.payload);
		return 0;
	}
	cli_put(cli, "written: ");
	cli_put_safe(cli, cli_get_str(frame.payload, "path"));
	cli_put(cli, "\n");
	if (cli_get_bool(frame.payload, "rewritten", false))
		cli_put(cli,
			"The file was written anew: its comments could not be kept; the former "
			"text is in `moltbot config history`.\n");
	return 0;
}

/* ---- get ---- */

static int
put_value(struct cli *cli, const struct json_node *config)
{
	struct span text;
	int rc = 0;

	if (cli->nargs > 0)
		config = cli_get(config, cli->args[0]);
	if (config == NULL) {
		rc = cli_fail(cli,
			"moltbot config get shows all of it; docs/options.md has the defaults.",
			"not set: %s", cli_safe(span_from_cstr(cli->args[0])));
	} else if (!cli->json && json_node_str(config, &text) == 0) {
		cli_put_safe(cli, text);
		cli_put(cli, "\n");
	} else {
		cli_json_payload(cli, config);
	}
	return rc;
}

/* Nobody runs: the same program reads the file. */
static int
get_offline(struct cli *cli)
{
	const struct json_opts opts = {0};
	struct buf out = {.max = MIB(8u)};
	struct json_node *root = NULL;
	struct arena arena;
	int rc = cli_run(cli, "moltbot-config", (const char *[]){"--tree", cli->paths.config, NULL},
		true, &out);

	arena_init(&arena, MIB(64u));
	if (rc != 0 || json_parse(&arena, buf_span(&out), &opts, &root, NULL) < 0)
		rc = cli_fail(cli, "moltbot config validate shows every mistake at its place.",
			"the configuration cannot be shown as it stands");
	else
		rc = put_value(cli, root);
	arena_clear(&arena);
	buf_clear(&out);
	return rc;
}

static int
get(struct cli *cli)
{
	struct cli_client *client = NULL;
	struct cli_frame frame;
	int rc = cli_paths_find(cli);

	if (rc == 0 && cli_config_is_offline(cli, &client))
		return get_offline(cli);
	cli_client_close(client);
	client = NULL;
	rc = rc != 0 ? rc : open_and_get(cli, &client, &frame);
	rc = rc != 0 ? rc : put_value(cli, cli_get(frame.payload, "config"));
	cli_client_close(client);
	return rc;
}

/* ---- set and unset ---- */

/* {"a":{"b":value}} for "a.b" */
static int
put_patch(struct cli *cli, struct json_out *o, const char *path, const char *value)
{
	const struct json_opts opts = {.mode = JSON_JSON5};
	struct span rest = span_from_cstr(path);
	struct json_node *node = NULL;
	struct arena arena;
	size_t depth = 0;

	arena_init(&arena, MIB(8u));
	while (rest.len > 0 && depth < STEPS_MAX) {
		(void)json_out_begin_object(o);
		(void)json_out_key(o, span_cut(&rest, '.'));
		depth++;
	}
	if (value == NULL)
		(void)json_out_null(o);
	else if (json_parse(&arena, span_from_cstr(value), &opts, &node, NULL) == 0)
		(void)json_out_node(o, node);
	else
		(void)json_out_str(o, span_from_cstr(value));
	for (size_t i = 0; i < depth; i++)
		(void)json_out_end_object(o);
	arena_clear(&arena);
	return depth == 0 || rest.len > 0 || json_out_finish(o) < 0
		       ? cli_usage(cli, "a path is names with dots between them, as gateway.port")
		       : 0;
}

/* The file as it would be with the patch, then in its place. */
static int
patch_offline(struct cli *cli, struct buf *raw)
{
	struct buf text = {.max = 2 * CONFIG_FILE_MAX};
	struct buf old = {.max = CONFIG_FILE_MAX + 1};
	int rc = cli_config_read(cli, cli->paths.config, &old);

	(void)buf_put_u8(raw, 0);
	if (rc == 0 && cli_run(cli, "moltbot-config",
			       (const char *[]){
				       "--patch", cli->paths.config, (const char *)raw->ptr, NULL},
			       true, &text) != 0)
		rc = cli_fail(cli, NULL, "the configuration is as it was");
	rc = rc != 0 ? rc : cli_config_write(cli, buf_span(&old), buf_span(&text));
	if (rc == 0 && cli->json) {
		struct json_out *o = cli_json_begin(cli);

		(void)json_out_begin_object(o);
		cli_json_bool(o, "ok", true);
		cli_json_str(o, "path", span_from_cstr(cli->paths.config));
		(void)json_out_end_object(o);
		cli_json_end(cli);
	} else if (rc == 0) {
		cli_put(cli, "written: ");
		cli_put_safe(cli, span_from_cstr(cli->paths.config));
		cli_put(cli, "\n");
	}
	buf_clear(&text);
	buf_clear(&old);
	return rc;
}

static int
patch(struct cli *cli, const char *value)
{
	struct cli_client *client = NULL;
	struct buf raw = {.max = KIB(256)};
	struct buf params = {.max = KIB(600)};
	struct cli_frame frame;
	struct json_out o;
	int rc = cli_paths_find(cli);

	json_out_init(&o, &raw, NULL);
	rc = rc != 0 ? rc : put_patch(cli, &o, cli->args[0], value);
	if (rc == 0 && cli_config_is_offline(cli, &client)) {
		rc = patch_offline(cli, &raw);
		buf_clear(&raw);
		return rc;
	}
	cli_client_close(client);
	client = NULL;
	rc = rc != 0 ? rc : open_and_get(cli, &client, &frame);
	if (rc == 0) {
		json_out_init(&o, &params, NULL);
		(void)json_out_begin_object(&o);
		cli_json_str(&o, "raw", buf_span(&raw));
		if (cli_get_bool(frame.payload, "exists", false))
			cli_json_str(&o, "baseHash", cli_get_str(frame.payload, "hash"));
		(void)json_out_end_object(&o);
		rc = json_out_finish(&o) < 0
			     ? cli_usage(cli, "the value is too long")
			     : change(cli, client, "config.patch", buf_span(&params));
	}
	cli_client_close(client);
	buf_clear(&raw);
	buf_clear(&params);
	return rc;
}

static int
set(struct cli *cli)
{
	return patch(cli, cli->args[1]);
}

static int
unset(struct cli *cli)
{
	return patch(cli, NULL);
}

/* ---- schema, rollback ---- */

static int
schema(struct cli *cli)
{
	struct cli_client *client = NULL;
	struct cli_frame frame;
	int rc = cli_paths_find(cli);

	rc = rc != 0 ? rc : cli_client_open(cli, &client);
	rc = rc != 0 ? rc : cli_client_call(cli, client, "config.schema", SPAN_EMPTY, 0, &frame);
	if (rc == 0)
		cli_json_payload(cli, frame.payload);
	cli_client_close(client);
	return rc;
}

static int
rollback(struct cli *cli)
{
	struct cli_client *client = NULL;
	struct buf params = {.max = KIB(1)};
	struct cli_frame frame;
	struct json_out o;
	int rc = open_and_get(cli, &client, &frame);

	if (rc == 0) {
		json_out_init(&o, &params, NULL);
		(void)json_out_begin_object(&o);
		cli_json_str(&o, "hash", span_from_cstr(cli->args[0]));
		if (cli_get_bool(frame.payload, "exists", false))
			cli_json_str(&o, "baseHash", cli_get_str(frame.payload, "hash"));
		(void)json_out_end_object(&o);
		rc = json_out_finish(&o) < 0
			     ? cli_usage(cli, "the hash is too long")
			     : change(cli, client, "moltbot.config.rollback", buf_span(&params));
	}
	cli_client_close(client);
	buf_clear(&params);
	return rc;
}

static const struct cli_option options[] = {
	CLI_TIMEOUT_OPTION,
	{NULL, 0, CLI_FLAG, NULL, 0, 0, NULL},
};

static const struct cli_example get_examples[] = {
	{"moltbot config get", "all of it, secrets replaced by a mark"},
	{"moltbot config get gateway.port", "one value"},
	{NULL, NULL},
};
static const struct cli_example set_examples[] = {
	{"moltbot config set gateway.rateLimit.maxRequestsPerMinute 60", "a number"},
	{"moltbot config set tools.deny '[\"shell_exec\"]'", "a list"},
	{NULL, NULL},
};
static const struct cli_example unset_examples[] = {
	{"moltbot config unset tools.deny", "back to the default"}, {NULL, NULL}};
static const struct cli_example schema_examples[] = {
	{"moltbot config schema", "JSON Schema draft-07 and hints for forms"}, {NULL, NULL}};
static const struct cli_example rollback_examples[] = {
	{"moltbot config rollback 3f2a9c01", "the text whose hash begins like this comes back"},
	{NULL, NULL}};

#define RUNNING " The gateway must be running. Exit status 0, or 1 when it was refused."
#define EITHER " Works with the gateway up or down. Exit status 0, or 1 when it was refused."

const struct cli_command cmd_config_get = {
	.name = "config get",
	.args = "PATH",
	.args_max = 1,
	.summary = "show the configuration, or one value, without secrets",
	.text = "What the file and the files that it includes say; ${NAME} stays as it is "
		"written." EITHER,
	.options = options,
	.examples = get_examples,
	.run = get,
};
const struct cli_command cmd_config_set = {
	.name = "config set",
	.args = "PATH VALUE",
	.args_min = 2,
	.args_max = 2,
	.summary = "change one value; comments and everything else stay",
	.text = "VALUE is JSON5, and a text when it is none. It is checked like the file at the "
		"start, "
		"and nothing is written when there is a mistake. A secret does not belong here, "
		"where "
		"others can read it: write ${NAME} of a variable." EITHER,
	.options = options,
	.examples = set_examples,
	.run = set,
};
const struct cli_command cmd_config_unset = {
	.name = "config unset",
	.args = "PATH",
	.args_min = 1,
	.args_max = 1,
	.summary = "remove one value, so that its default holds",
	.text = "Comments and everything else stay." EITHER,
	.options = options,
	.examples = unset_examples,
	.run = unset,
};
const struct cli_command cmd_config_schema = {
	.name = "config schema",
	.summary = "print the schema of the configuration",
	.text = "For editors and forms." RUNNING,
	.options = options,
	.examples = schema_examples,
	.run = schema,
};
const struct cli_command cmd_config_rollback = {
	.name = "config rollback",
	.args = "HASH",
	.args_min = 1,
	.args_max = 1,
	.summary = "bring a former text of the configuration back",
	.text = "HASH is the beginning, at least eight digits, of a hash in `moltbot config "
		"history`. The "
		"text is checked first." RUNNING,
	.options = options,
	.examples = rollback_examples,
	.run = rollback,
};
