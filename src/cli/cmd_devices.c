/* moltbot devices list, approve, reject, remove. */
#include "cli_commands.h"

#include "cli_client.h"
#include "text/text_table.h"

static void
put_scopes(struct buf *b, const struct json_node *list)
{
	buf_reset(b);
	for (const struct json_node *n = json_first(list); n != NULL; n = n->next) {
		struct span s = SPAN_EMPTY;

		(void)json_node_str(n, &s);
		if (span_starts_with(s, SPAN("operator.")))
			s = span_sub(s, 9, SIZE_MAX);
		if (b->len > 0)
			(void)buf_put(b, SPAN(" "));
		(void)buf_put(b, s);
	}
}

/* pending: the id to approve first; paired: the device's. */
static void
put_devices(struct cli *cli, const struct json_node *list, bool pending)
{
	static const char *const titles[] = {
		"Id", "Device", "Platform", "Client", "Role", "Scopes", "Age"};
	struct text_table *t = text_table_new(titles, 7);
	struct buf age = {.max = 64};
	struct buf scopes = {.max = 1024};

	for (const struct json_node *d = json_first(list); d != NULL; d = d->next) {
		struct span name = cli_get_str(d, "displayName");
		struct span cells[7];

		put_scopes(&scopes, cli_get(d, "scopes"));
		cells[0] = cli_get_str(d, pending ? "requestId" : "deviceId");
		cells[1] = name.len > 0 ? name : span_sub(cli_get_str(d, "deviceId"), 0, 12);
		cells[2] = cli_get_str(d, "platform");
		cells[3] = cli_get_str(d, "clientId");
		cells[4] = cli_get_str(d, "role");
		cells[5] = buf_span(&scopes);
		cells[6] = cli_age(&age, cli_get_u64(d, pending ? "ts" : "approvedAtMs", 0));
		(void)text_table_add(t, cells);
	}
	cli_put_table(cli, t);
	text_table_free(t);
	buf_clear(&age);
	buf_clear(&scopes);
}

static int
run_list(struct cli *cli)
{
	struct cli_client *client = NULL;
	struct cli_frame frame;
	int rc = cli_client_ask(cli, "device.pair.list", NULL, NULL, &client, &frame);
	const struct json_node *pending = rc == 0 ? cli_get(frame.payload, "pending") : NULL;
	const struct json_node *paired = rc == 0 ? cli_get(frame.payload, "paired") : NULL;

	if (rc == 0 && cli->json) {
		cli_json_payload(cli, frame.payload);
	} else if (rc == 0) {
		if (json_first(pending) != NULL) {
			cli_put_title(cli, "Waiting for approval");
			put_devices(cli, pending, true);
			cli_put(cli, "\nApprove with: moltbot devices approve ID\n\n");
		}
		cli_put_title(cli, "Paired");
		if (json_first(paired) != NULL)
			put_devices(cli, paired, false);
		else
			cli_put(cli, "  none\n");
	}
	cli_client_close(client);
	return rc;
}

static int
act(struct cli *cli, const char *method, const char *key, const char *done)
{
	struct cli_client *client = NULL;
	struct cli_frame frame;
	int rc = cli_client_ask(cli, method, key, cli->args[0], &client, &frame);

	if (rc == 0 && cli->json) {
		cli_json_payload(cli, frame.payload);
	} else if (rc == 0) {
		cli_put_fmt(cli, "%s: %s\n", done, cli_safe(span_from_cstr(cli->args[0])));
	}
	cli_client_close(client);
	return rc;
}

static int
run_approve(struct cli *cli)
{
	return act(cli, "device.pair.approve", "requestId", "approved");
}

static int
run_reject(struct cli *cli)
{
	return act(cli, "device.pair.reject", "requestId", "rejected");
}

static int
run_remove(struct cli *cli)
{
	return act(cli, "device.pair.remove", "deviceId", "removed; its connections are closed");
}

static const struct cli_option options[] = {
	CLI_CONNECT_OPTIONS,
	{NULL, 0, CLI_FLAG, NULL, 0, 0, NULL},
};

static const struct cli_example list_examples[] = {
	{"moltbot devices list --json", "pending and paired devices as data"},
	{NULL, NULL},
};

const struct cli_command cmd_devices_list = {
	.name = "devices list",
	.summary = "show paired devices and those that wait for approval",
	.options = options,
	.examples = list_examples,
	.run = run_list,
};

const struct cli_command cmd_devices_approve = {
	.name = "devices approve",
	.args = "ID",
	.args_min = 1,
	.args_max = 1,
	.summary = "let a device in that asked for it",
	.text = "ID is the request's, as `moltbot devices list` shows it. Look at the scopes "
		"first: admin may do everything you may.",
	.options = options,
	.run = run_approve,
};

const struct cli_command cmd_devices_reject = {
	.name = "devices reject",
	.args = "ID",
	.args_min = 1,
	.args_max = 1,
	.summary = "turn a device away that asked to be let in",
	.options = options,
	.run = run_reject,
};

const struct cli_command cmd_devices_remove = {
	.name = "devices remove",
	.args = "DEVICE",
	.args_min = 1,
	.args_max = 1,
	.summary = "forget a paired device and close its connections",
	.options = options,
	.run = run_remove,
};
