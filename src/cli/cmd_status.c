/* moltbot status [--all] [--deep] */
#include "cli_commands.h"

#include "cli_gateway.h"
#include "ev/ev.h"
#include "text/text_table.h"

struct report {
	struct cli_gateway gateway;
	const struct json_node *sessions;
	const struct json_node *devices;
	const struct json_node *presence;
	const struct json_node *processes;
	const struct json_node *probe; /* what health says when it looks anew */
	uint64_t probe_ms;
};

static const struct json_node *
ask(struct cli_client *client, const char *method, struct span params)
{
	struct cli_frame frame;

	return cli_client_call_quiet(client, method, params, &frame) == 0 && frame.ok
		       ? frame.payload
		       : NULL;
}

static void
look(struct cli *cli, struct report *r)
{
	bool all = cli_has(cli, "all");
	struct cli_client *client;

	*r = (struct report){0};
	if (cli_gateway_look(cli, &r->gateway) < 0)
		return;
	client = r->gateway.client;
	r->sessions = ask(
		client, "sessions.list", all ? SPAN("{\"limit\":1000}") : SPAN("{\"limit\":10}"));
	if (all || cli_has(cli, "deep")) {
		uint64_t start = ev_wall_ms();

		r->probe = ask(client, "health", SPAN("{\"probe\":true}"));
		r->probe_ms = ev_wall_ms() - start;
	}
	if (!all)
		return;
	r->devices = ask(client, "device.pair.list", SPAN("{}"));
	r->presence = ask(client, "system-presence", SPAN("{}"));
	r->processes = ask(client, "moltbot.processes", SPAN("{}"));
}

static void
put_sessions(struct cli *cli, const struct json_node *payload)
{
	static const char *const titles[] = {"Session", "Kind", ">Age", "Model", ">Tokens"};
	const struct json_node *s = json_first(cli_get(payload, "sessions"));
	struct text_table *t = text_table_new(titles, 5);
	struct buf a = {.max = 64};
	struct buf n = {.max = 64};

	cli_put(cli, "\n");
	cli_put_title(cli, "Sessions");
	if (s == NULL)
		cli_put(cli, "  none yet: `moltbot chat` begins one\n");
	for (; s != NULL; s = s->next)
		(void)text_table_add(
			t, (const struct span[]){cli_get_str(s, "key"), cli_get_str(s, "kind"),
				   cli_age(&a, cli_get_u64(s, "updatedAt", 0)),
				   cli_get_str(s, "model"),
				   cli_number(&n, cli_get_u64(s, "totalTokens", 0))});
	if (json_first(cli_get(payload, "sessions")) != NULL)
		cli_put_table(cli, t);
	text_table_free(t);
	buf_clear(&a);
	buf_clear(&n);
}

static void
put_clients(struct cli *cli, const struct json_node *list)
{
	static const char *const titles[] = {"Client", "Mode", "Version", "Platform", "From"};
	struct text_table *t = text_table_new(titles, 5);
	size_t n = 0;

	for (const struct json_node *c = json_first(list); c != NULL; c = c->next, n++) {
		struct span name = cli_get_str(c, "host");

		(void)text_table_add(t, (const struct span[]){name, cli_get_str(c, "mode"),
						cli_get_str(c, "version"),
						cli_get_str(c, "platform"), cli_get_str(c, "ip")});
	}
	if (n > 0) {
		cli_put(cli, "\n");
		cli_put_title(cli, "Clients");
		cli_put_table(cli, t);
	}
	text_table_free(t);
}

static void
put_counts(struct cli *cli, const struct json_node *devices)
{
	const struct json_node *pending = cli_get(devices, "pending");
	const struct json_node *paired = cli_get(devices, "paired");

	cli_put(cli, "\n");
	cli_put_title(cli, "Devices");
	cli_put_fmt(cli, "  %u paired, %u waiting for approval (`moltbot devices list`)\n",
		paired == NULL ? 0 : paired->n, pending == NULL ? 0 : pending->n);
}

static void
put_processes(struct cli *cli, const struct json_node *payload)
{
	static const char *const titles[] = {"Process", "Instances", "Holds", "May"};
	struct text_table *t = text_table_new(titles, 4);

	for (const struct json_node *p = json_first(cli_get(payload, "processes")); p != NULL;
		p = p->next)
		(void)text_table_add(t,
			(const struct span[]){cli_get_str(p, "name"), cli_get_str(p, "instances"),
				cli_get_str(p, "holds"), cli_get_str(p, "may")});
	cli_put(cli, "\n");
	cli_put_title(cli, "Processes");
	cli_put_table(cli, t);
	text_table_free(t);
}

static void
put_health(struct cli *cli, const struct report *r)
{
	static const char *const titles[] = {"Channel", "Running", "Trouble"};
	struct text_table *t = text_table_new(titles, 3);
	size_t n = 0;
	char took[32];

	cli_put(cli, "\n");
	cli_put_title(cli, "Health");
	snprintf(took, sizeof(took), "%llu ms", (unsigned long long)r->probe_ms);
	cli_put_row(cli, 10, "answered", span_from_cstr(took));
	cli_put_row(cli, 10, "config", cli_get_str(r->probe, "config"));
	cli_put_row(cli, 10, "proof", cli_get_str(r->probe, "sandbox.proof"));
	for (const struct json_node *c = json_first(cli_get(r->probe, "channels")); c != NULL;
		c = c->next, n++)
		(void)text_table_add(
			t, (const struct span[]){c->key,
				   cli_get_bool(c, "running", false) ? SPAN("yes") : SPAN("no"),
				   cli_get_str(c, "lastError")});
	if (n > 0)
		cli_put_table(cli, t);
	text_table_free(t);
}

static void
put_text(struct cli *cli, const struct report *r)
{
	bool up = r->gateway.client != NULL;

	cli_put_title(cli, "Gateway");
	if (!up) {
		cli_put_style(cli, CLI_BAD);
		cli_put_fmt(cli, "  down: %s.", r->gateway.why);
		cli_put_style(cli, CLI_PLAIN);
		cli_put(cli, " Start it with `moltbot gateway run`.\n");
		cli_put_row(cli, 10, "state", span_from_cstr(cli->paths.state));
		return;
	}
	cli_gateway_put(cli, &r->gateway);
	if (r->probe != NULL)
		put_health(cli, r);
	put_sessions(cli, r->sessions);
	if (r->devices != NULL)
		put_counts(cli, r->devices);
	if (r->presence != NULL)
		put_clients(cli, r->presence);
	if (r->processes != NULL)
		put_processes(cli, r->processes);
}

static void
put_member(struct json_out *o, const char *key, const struct json_node *n)
{
	if (n == NULL)
		return;
	(void)json_out_key(o, span_from_cstr(key));
	(void)json_out_node(o, n);
}

static void
put_json(struct cli *cli, const struct report *r)
{
	struct json_out *o = cli_json_begin(cli);

	(void)json_out_begin_object(o);
	cli_json_bool(o, "ok", r->gateway.client != NULL);
	cli_gateway_put_json(cli, &r->gateway, o);
	put_member(o, "status", r->gateway.status);
	put_member(o, "health", r->gateway.health);
	put_member(o, "probe", r->probe);
	put_member(o, "sessions", r->sessions);
	put_member(o, "devices", r->devices);
	put_member(o, "presence", r->presence);
	put_member(o, "topology", r->processes);
	(void)json_out_end_object(o);
	cli_json_end(cli);
}

static int
run(struct cli *cli)
{
	struct report r;
	int rc = cli_paths_find(cli);

	if (rc != 0)
		return rc;
	look(cli, &r);
	if (cli->json)
		put_json(cli, &r);
	else
		put_text(cli, &r);
	rc = r.gateway.client != NULL ? CLI_OK : CLI_FAILED;
	cli_client_close(r.gateway.client);
	return rc;
}

static const struct cli_option options[] = {
	{"deep", 0, CLI_FLAG, NULL, 0, 0, "have the gateway look at everything anew"},
	{"all", 0, CLI_FLAG, NULL, 0, 0, "everything: all sessions, devices, clients, processes"},
	CLI_CONNECT_OPTIONS,
	{NULL, 0, CLI_FLAG, NULL, 0, 0, NULL},
};

const struct cli_command cmd_status = {
	.name = "status",
	.summary = "show the gateway and its sessions",
	.options = options,
	.run = run,
};
