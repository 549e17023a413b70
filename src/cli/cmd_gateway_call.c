/* moltbot gateway call, health, gateway health: one method of the gateway asked, its answer shown. */
#include "cli_commands.h"

#include <string.h>

#include "base/limits.h"
#include "cli_client.h"
#include "ev/ev.h"

/* JSON5 as it was typed, as the JSON that goes over the wire. */
static int
read_params(struct cli *cli, struct buf *out)
{
	const struct json_opts opts = {.mode = JSON_JSON5};
	const char *text = cli_str(cli, "params", NULL);
	struct json_node *node = NULL;
	struct json_error err;
	struct arena arena;
	struct json_out o;
	int rc = 0;

	if (text == NULL)
		return 0;
	arena_init(&arena, MIB(8u));
	json_out_init(&o, out, NULL);
	if (json_parse(&arena, span_from_cstr(text), &opts, &node, &err) < 0)
		rc = cli_usage(
			cli, "--params: line %u, column %u: %s", err.at.line, err.at.col, err.msg);
	else if (node->kind != JSON_OBJECT)
		rc = cli_usage(cli, "--params takes an object, as {sessionKey: \"main\"}");
	else if (json_out_node(&o, node) < 0 || json_out_finish(&o) < 0)
		rc = cli_usage(cli, "--params is too long");
	arena_clear(&arena);
	return rc;
}

static int
run_call(struct cli *cli)
{
	struct buf params = {.max = WS_FRAME_MAX};
	struct cli_client *client = NULL;
	struct cli_frame frame;
	int rc = cli_paths_find(cli);

	rc = rc != 0 ? rc : read_params(cli, &params);
	rc = rc != 0 ? rc : cli_client_open(cli, &client);
	rc = rc != 0 ? rc
		     : cli_client_call(cli, client, cli->args[0],
			       params.len > 0 ? buf_span(&params) : SPAN("{}"), 0, &frame);
	if (rc == 0)
		cli_json_payload(cli, frame.payload);
	cli_client_close(client);
	buf_clear(&params);
	return rc;
}

/* ---- health ---- */

static void
put_health(struct cli *cli, const struct json_node *h, uint64_t took_ms)
{
	const struct json_node *sandbox = cli_get(h, "sandbox");
	bool stopped = cli_get_bool(h, "stopped", false);

	cli_put_style(cli, stopped ? CLI_WARN : CLI_GOOD);
	cli_put(cli, stopped ? "The gateway answers, and the kill switch is on" : "OK");
	cli_put_style(cli, CLI_PLAIN);
	cli_put_fmt(cli, " (%llu ms)\n", (unsigned long long)took_ms);
	cli_put_row(cli, 10, "sandbox", cli_get_str(sandbox, "tier"));
	cli_put_row(cli, 10, "proof", cli_get_str(sandbox, "proof"));
	cli_put_row(cli, 10, "config", cli_get_str(h, "config"));
	cli_put_fmt(cli, "  %-10s  %llu\n", "sessions",
		(unsigned long long)cli_get_u64(h, "sessions.count", 0));
}

static int
run_health(struct cli *cli)
{
	struct cli_client *client = NULL;
	struct cli_frame frame;
	uint64_t start = 0;
	int rc = cli_paths_find(cli);

	rc = rc != 0 ? rc : cli_client_open(cli, &client);
	if (rc == 0) {
		start = ev_wall_ms();
		rc = cli_client_call(cli, client, "health", SPAN("{\"probe\":true}"), 0, &frame);
	}
	if (rc == 0 && cli->json)
		cli_json_payload(cli, frame.payload);
	else if (rc == 0)
		put_health(cli, frame.payload, ev_wall_ms() - start);
	if (rc == 0 && cli_get_bool(frame.payload, "stopped", false))
		rc = CLI_FAILED;
	cli_client_close(client);
	return rc;
}

static const struct cli_option call_options[] = {
	{"params", 0, CLI_STR, "OBJECT", 1, 0, "the method's parameters, JSON5"},
	CLI_CONNECT_OPTIONS,
	{NULL, 0, CLI_FLAG, NULL, 0, 0, NULL},
};
static const struct cli_option options[] = {
	CLI_CONNECT_OPTIONS,
	{NULL, 0, CLI_FLAG, NULL, 0, 0, NULL},
};
static const struct cli_example call_examples[] = {
	{"moltbot gateway call sessions.list --params '{limit: 5}'", "what the method answers"},
	{"moltbot topology --methods", "every method, who may call it, and its parameters"},
	{NULL, NULL},
};
static const struct cli_example health_examples[] = {
	{"moltbot health || echo down", "for a monitor: the exit status says it all"},
	{NULL, NULL},
};

#define HEALTH_TEXT                                                                                \
	"Asked of the running gateway. Exit status 0 when it answers and may work, 1 when it is "  \
	"down or its kill switch is on."

const struct cli_command cmd_gateway_call = {
	.name = "gateway call",
	.args = "METHOD",
	.args_min = 1,
	.args_max = 1,
	.summary = "call one method of the gateway and print its answer as JSON",
	.text = "With the rights of the control socket, or of the token with --url. Exit status 1 "
		"when the method was refused; the reason is on standard error.",
	.options = call_options,
	.examples = call_examples,
	.run = run_call,
};

const struct cli_command cmd_gateway_health = {
	.name = "gateway health",
	.summary = "ask the gateway how it is; the same as moltbot health",
	.text = HEALTH_TEXT,
	.options = options,
	.run = run_health,
};

const struct cli_command cmd_health = {
	.name = "health",
	.summary = "ask the gateway how it is",
	.text = HEALTH_TEXT,
	.options = options,
	.examples = health_examples,
	.run = run_health,
};
