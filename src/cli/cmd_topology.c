/* moltbot topology: processes, edges, messages, rights and jails, from the tables and from the programs themselves. */
#include "cli_commands.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "cli_client.h"
#include "cli_run.h"
#include "ipc/ipc.h"
#include "proto/child.def.h"
#include "proto/ids.h"
#include "proto/routes.h"
#include "text/text_table.h"

#define DESCRIBE_MAX KIB(256u)

static const char *const lives[] = {"always", "on request", "once", "made by another"};

/* What the programs say of themselves, one JSON array each. */
struct jails {
	struct arena arena;
	const struct json_node *root
		[KIND_N]; /* NULL: it says nothing, or is the same program as an earlier kind's */
};

static bool
is_program_seen(unsigned kind)
{
	for (unsigned k = 0; k < kind; k++) {
		if (strcmp(process_rows[k].program, process_rows[kind].program) == 0)
			return true;
	}
	return false;
}

static void
describe(struct cli *cli, struct jails *j)
{
	static const char *const args[] = {"--describe", NULL};

	arena_init(&j->arena, MIB(16u));
	for (unsigned k = 0; k < KIND_N; k++) {
		struct buf out = {.max = DESCRIBE_MAX};
		struct json_node *root = NULL;

		j->root[k] = NULL;
		if (k == KIND_SUPERVISOR || k == KIND_CLI || is_program_seen(k))
			continue;
		if (cli_run(cli, process_rows[k].program, args, false, &out) == 0 &&
			json_parse(&j->arena, buf_span(&out), NULL, &root, NULL) == 0)
			j->root[k] = root;
		buf_clear(&out);
	}
}

/* The description of one kind, wherever its program gave it. */
static const struct json_node *
jail_of(const struct jails *j, unsigned kind)
{
	for (unsigned k = 0; k < KIND_N; k++) {
		for (const struct json_node *n = json_first(j->root[k]); n != NULL; n = n->next) {
			if (span_eq(cli_get_str(n, "process"), span_from_cstr(kind_name(kind))))
				return n;
		}
	}
	return NULL;
}

/* ---- JSON ---- */

static const char *
type_name(enum ipc_type type)
{
	static const char *const names[] = {
		"u8", "u32", "u64", "i64", "bool", "str", "bytes", "args", "fd"};

	return (size_t)type < sizeof(names) / sizeof(names[0]) ? names[type] : "?";
}

static void
json_messages(struct json_out *o, const struct ipc_proto *p)
{
	(void)json_out_key(o, SPAN("messages"));
	(void)json_out_begin_array(o);
	for (size_t i = 0; i < p->n; i++) {
		const struct ipc_message *m = &p->messages[i];

		(void)json_out_begin_object(o);
		cli_json_cstr(o, "name", m->name);
		cli_json_cstr(o, "from", m->dir == IPC_A_TO_B ? p->a : p->b);
		cli_json_cstr(o, "to", m->dir == IPC_A_TO_B ? p->b : p->a);
		cli_json_u64(o, "perSecond", m->rate);
		(void)json_out_key(o, SPAN("fields"));
		(void)json_out_begin_array(o);
		for (size_t f = 0; f < m->nfields; f++) {
			(void)json_out_begin_object(o);
			cli_json_cstr(o, "name", m->fields[f].name);
			cli_json_cstr(o, "type", type_name(m->fields[f].type));
			cli_json_u64(o, "max", m->fields[f].max);
			(void)json_out_end_object(o);
		}
		(void)json_out_end_array(o);
		(void)json_out_end_object(o);
	}
	(void)json_out_end_array(o);
}

static void
json_edges(struct json_out *o)
{
	(void)json_out_key(o, SPAN("edges"));
	(void)json_out_begin_array(o);
	for (unsigned i = 0; i < peer_rows_n; i++) {
		const struct peer_row *p = &peer_rows[i];
		const struct peer_about *about = &peer_abouts[i];

		(void)json_out_begin_object(o);
		cli_json_cstr(o, "proto", p->proto);
		cli_json_cstr(o, "a", kind_name(p->a));
		cli_json_cstr(o, "b", kind_name(p->b));
		cli_json_cstr(o, "aFull", about->a_full);
		cli_json_cstr(o, "bFull", about->b_full);
		cli_json_cstr(o, "why", about->why);
		json_messages(o, about->proto);
		(void)json_out_end_object(o);
	}
	(void)json_out_end_array(o);
	(void)json_out_key(o, SPAN("control"));
	(void)json_out_begin_object(o);
	cli_json_cstr(o, "proto", child_proto.name);
	cli_json_cstr(o, "a", "supervisor");
	cli_json_cstr(o, "b", "every process");
	json_messages(o, &child_proto);
	(void)json_out_end_object(o);
}

static void
put_json(struct cli *cli, const struct jails *j)
{
	struct json_out *o = cli_json_begin(cli);

	(void)json_out_begin_object(o);
	(void)json_out_key(o, SPAN("processes"));
	(void)json_out_begin_array(o);
	for (unsigned k = 0; k < KIND_N; k++) {
		const struct process_row *row = &process_rows[k];
		const struct process_about *about = &process_abouts[k];
		const struct json_node *jail = jail_of(j, k);

		(void)json_out_begin_object(o);
		cli_json_cstr(o, "name", row->name);
		cli_json_cstr(o, "program", row->program);
		cli_json_cstr(o, "instances", about->instances);
		cli_json_cstr(o, "life", lives[row->life]);
		cli_json_cstr(o, "holds", about->holds);
		cli_json_cstr(o, "may", about->may);
		cli_json_cstr(o, "takeover", about->takeover);
		(void)json_out_key(o, SPAN("jail"));
		if (cli_get(jail, "jail") != NULL)
			(void)json_out_node(o, cli_get(jail, "jail"));
		else
			(void)json_out_null(o);
		if (cli_get(jail, "links") != NULL) {
			(void)json_out_key(o, SPAN("links"));
			(void)json_out_node(o, cli_get(jail, "links"));
		}
		(void)json_out_end_object(o);
	}
	(void)json_out_end_array(o);
	json_edges(o);
	(void)json_out_end_object(o);
	cli_json_end(cli);
}

/* ---- text ---- */

static void
put_words(struct cli *cli, const char *key, const struct json_node *list)
{
	if (list == NULL)
		return;
	cli_put_style(cli, CLI_DIM);
	cli_put_fmt(cli, "    %-9s ", key);
	cli_put_style(cli, CLI_PLAIN);
	for (const struct json_node *n = json_first(list); n != NULL; n = n->next) {
		struct span s = SPAN_EMPTY;

		(void)json_node_str(n, &s);
		cli_put_safe(cli, s);
		cli_put(cli, n->next == NULL ? "" : ", ");
	}
	cli_put(cli, json_first(list) == NULL ? "none\n" : "\n");
}

static void
put_fact(struct cli *cli, const char *key, const char *value)
{
	cli_put_style(cli, CLI_DIM);
	cli_put_fmt(cli, "    %-9s ", key);
	cli_put_style(cli, CLI_PLAIN);
	cli_put_fmt(cli, "%s\n", value);
}

static void
put_process(struct cli *cli, unsigned kind, const struct json_node *described)
{
	const struct process_row *row = &process_rows[kind];
	const struct process_about *about = &process_abouts[kind];
	const struct json_node *jail = cli_get(described, "jail");

	cli_put(cli, "  ");
	cli_put_style(cli, CLI_ACCENT);
	cli_put(cli, row->name);
	cli_put_style(cli, CLI_DIM);
	cli_put_fmt(cli, "  %s, %s, %s\n", row->program, about->instances, lives[row->life]);
	cli_put_style(cli, CLI_PLAIN);
	put_fact(cli, "holds", about->holds);
	put_fact(cli, "may", about->may);
	put_fact(cli, "takeover", about->takeover);
	put_words(cli, "layers", cli_get(jail, "layers"));
	put_words(cli, "calls", cli_get(jail, "calls"));
	put_words(cli, "rules", cli_get(jail, "rules"));
	put_words(cli, "files", cli_get(jail, "files"));
	if (jail == NULL && kind != KIND_SUPERVISOR && kind != KIND_CLI && kind != KIND_CHANNEL)
		put_fact(cli, "jail", "its program is not there to say");
}

static void
put_edges(struct cli *cli)
{
	static const char *const titles[] = {
		"A", "B", "Protocol", "A's full", "B's full", "What for"};
	struct text_table *t = text_table_new(titles, 6);

	for (unsigned i = 0; i < peer_rows_n; i++) {
		const struct peer_row *p = &peer_rows[i];
		const struct peer_about *about = &peer_abouts[i];

		(void)text_table_add(
			t, (const struct span[]){span_from_cstr(kind_name(p->a)),
				   span_from_cstr(kind_name(p->b)), span_from_cstr(p->proto),
				   span_from_cstr(about->a_full), span_from_cstr(about->b_full),
				   span_from_cstr(about->why)});
	}
	cli_put_table(cli, t);
	text_table_free(t);
}

static void
put_message(struct cli *cli, const struct ipc_proto *p, const struct ipc_message *m)
{
	cli_put_fmt(cli, "    %s > %s  ", m->dir == IPC_A_TO_B ? p->a : p->b,
		m->dir == IPC_A_TO_B ? p->b : p->a);
	cli_put_style(cli, CLI_BOLD);
	cli_put(cli, m->name);
	cli_put_style(cli, CLI_PLAIN);
	cli_put(cli, "(");
	for (size_t f = 0; f < m->nfields; f++)
		cli_put_fmt(cli, "%s%s %s", f == 0 ? "" : ", ", type_name(m->fields[f].type),
			m->fields[f].name);
	cli_put(cli, ")");
	cli_put_style(cli, CLI_DIM);
	cli_put_fmt(cli, " %u/s\n", m->rate);
	cli_put_style(cli, CLI_PLAIN);
}

static void
put_protocol(struct cli *cli, const struct ipc_proto *p)
{
	cli_put(cli, "  ");
	cli_put_style(cli, CLI_ACCENT);
	cli_put_fmt(cli, "%s\n", p->name);
	cli_put_style(cli, CLI_PLAIN);
	for (size_t i = 0; i < p->n; i++)
		put_message(cli, p, &p->messages[i]);
}

static void
put_protocols(struct cli *cli)
{
	put_protocol(cli, &child_proto);
	for (unsigned i = 0; i < peer_rows_n; i++) {
		bool seen = false;

		for (unsigned k = 0; k < i; k++)
			seen |= peer_abouts[k].proto == peer_abouts[i].proto;
		if (!seen)
			put_protocol(cli, peer_abouts[i].proto);
	}
}

/* ---- methods: who may call what ---- */

static const char *
who_may(const struct method_row *row)
{
	if (row->who == WHO_CONTROL)
		return "control socket";
	if (row->who == WHO_NODE)
		return "node";
	return scope_name(row->scope) != NULL ? scope_name(row->scope) : "operator";
}

static const char *
where_done(const struct method_row *row)
{
	static const char *const names[] = {[AT_CORE] = "core",
		[AT_VAULT] = "vault",
		[AT_SUPERVISOR] = "supervisor",
		[AT_EDGE] = "edge",
		[AT_CONFIG] = "config/desk",
		[AT_NOWHERE] = ""};

	if (row->where == AT_NOWHERE)
		return row->later ? "not yet" : "left out";
	return names[row->where];
}

static void
json_methods(struct cli *cli)
{
	struct json_out *o = cli_json_begin(cli);

	(void)json_out_begin_array(o);
	for (unsigned i = 0; i < METHOD_N; i++) {
		const struct method_row *row = &method_rows[i];

		(void)json_out_begin_object(o);
		cli_json_cstr(o, "method", row->name);
		cli_json_cstr(o, "who", who_may(row));
		cli_json_cstr(o, "where", where_done(row));
		if (row->feature != NULL)
			cli_json_cstr(o, "feature", row->feature);
		(void)json_out_key(o, SPAN("advertised"));
		(void)json_out_bool(o, (row->flags & METHOD_HIDDEN) == 0);
		(void)json_out_end_object(o);
	}
	(void)json_out_end_array(o);
	cli_json_end(cli);
}

static void
put_methods(struct cli *cli)
{
	static const char *const titles[] = {"Method", "Who", "Where", "Feature"};
	struct text_table *t = text_table_new(titles, 4);

	cli_put_title(cli, "Methods: who may call what. A model may call none of them; write "
			   "includes read, admin everything");
	for (unsigned i = 0; i < METHOD_N; i++) {
		const struct method_row *row = &method_rows[i];

		(void)text_table_add(
			t, (const struct span[]){span_from_cstr(row->name),
				   span_from_cstr(who_may(row)), span_from_cstr(where_done(row)),
				   span_from_cstr(row->feature != NULL ? row->feature : "")});
	}
	cli_put_table(cli, t);
	text_table_free(t);
}

/* "GET HEAD": what OPTIONS and 405 say, too. */
static const char *
route_methods(const struct route_row *row)
{
	return (row->methods & ROUTE_GET) != 0 ? "GET HEAD" : "POST";
}

static const char *
route_who(const struct route_row *row)
{
	return row->who == ROUTE_PUBLIC ? "anybody" : who_may(&method_rows[row->method]);
}

static void
json_routes(struct cli *cli)
{
	struct json_out *o = cli_json_begin(cli);

	(void)json_out_begin_array(o);
	for (unsigned i = 0; i < ROUTE_N; i++) {
		const struct route_row *row = &route_rows[i];

		(void)json_out_begin_object(o);
		cli_json_cstr(o, "path", row->path);
		cli_json_cstr(o, "methods", route_methods(row));
		cli_json_cstr(o, "who", route_who(row));
		if (row->who == ROUTE_CALL)
			cli_json_cstr(o, "calls", method_rows[row->method].name);
		cli_json_u64(o, "maxBody", row->body_max);
		if (row->option[0] != 0)
			cli_json_cstr(o, "option", row->option);
		cli_json_cstr(o, "what", row->help);
		(void)json_out_end_object(o);
	}
	(void)json_out_end_array(o);
	cli_json_end(cli);
}

static void
put_routes(struct cli *cli)
{
	static const char *const titles[] = {"Route", "Methods", "Who", "Calls", "What"};
	struct text_table *t = text_table_new(titles, 5);

	cli_put_title(cli, "Routes: every path that HTTP answers at, besides the files of the "
			   "Control UI");
	for (unsigned i = 0; i < ROUTE_N; i++) {
		const struct route_row *row = &route_rows[i];
		const char *calls = row->who == ROUTE_CALL ? method_rows[row->method].name : "";

		(void)text_table_add(t,
			(const struct span[]){span_from_cstr(row->path),
				span_from_cstr(route_methods(row)), span_from_cstr(route_who(row)),
				span_from_cstr(calls), span_from_cstr(row->help)});
	}
	cli_put_table(cli, t);
	text_table_free(t);
}

static int
run(struct cli *cli)
{
	struct jails jails;
	int rc;

	if (cli_has(cli, "routes")) {
		if (cli->json)
			json_routes(cli);
		else
			put_routes(cli);
		return CLI_OK;
	}
	if (cli_has(cli, "methods")) {
		if (cli->json)
			json_methods(cli);
		else
			put_methods(cli);
		return CLI_OK;
	}
	rc = cli_paths_find(cli);
	if (rc != 0)
		return rc;
	describe(cli, &jails);
	if (cli->json) {
		put_json(cli, &jails);
	} else {
		cli_put_title(cli, "Processes: what each holds, what it may do, and what a "
				   "takeover of it yields");
		for (unsigned k = 0; k < KIND_N; k++)
			put_process(cli, k, jail_of(&jails, k));
		cli_put(cli, "\n");
		cli_put_title(cli, "Edges: who may talk to whom, and what happens when the other "
				   "does not keep up");
		put_edges(cli);
		cli_put(cli, "\n");
		cli_put_title(cli, "Messages: every one that one process may send another, and how "
				   "many a second");
		put_protocols(cli);
	}
	arena_clear(&jails.arena);
	return CLI_OK;
}

static const struct cli_option options[] = {
	{"methods", 0, CLI_FLAG, NULL, 0, 0, "only the methods, and who may call each"},
	{"routes", 0, CLI_FLAG, NULL, 0, 0, "only the HTTP routes, and who may call each"},
	{NULL, 0, CLI_FLAG, NULL, 0, 0, NULL},
};

static const struct cli_example examples[] = {
	{"moltbot topology --methods", "who may call what"},
	{"moltbot topology | less -R", "read the security design"},
	{"moltbot topology --json | jq '.processes[] | {name, jail}'", "the jails as data"},
	{NULL, NULL},
};

const struct cli_command cmd_topology = {
	.name = "topology",
	.summary = "show every process, right, edge and message",
	.text = "Printed from the tables that the programs are built from; the jails are asked of "
		"the installed programs themselves.",
	.options = options,
	.examples = examples,
	.run = run,
};
