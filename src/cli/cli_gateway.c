#include "cli_gateway.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "cli_tls.h"
#include "text/text.h"

#define TREE_MAX 4096

/* ---- seen from outside ---- */

/* The parent of a process, from /proc; 0 when it is gone. */
static int
parent_of(int pid)
{
	char path[64];
	char text[512];
	struct span rest;
	uint64_t ppid;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return 0;
	/* the name in parentheses may hold anything; what follows the last one is numbers */
	rest = span_of(text, (size_t)n);
	while (span_find_byte(rest, ')') >= 0)
		(void)span_cut(&rest, ')');
	(void)span_cut(&rest, ' ');
	(void)span_cut(&rest, ' ');
	return span_to_u64(span_cut(&rest, ' '), 0, INT32_MAX, &ppid) < 0 ? 0 : (int)ppid;
}

struct proc {
	int pid;
	int ppid;
	bool in_tree;
};

static size_t
list_processes(struct proc *list, size_t max)
{
	DIR *dir = opendir("/proc");
	struct dirent *e;
	size_t n = 0;
	uint64_t pid;

	while (dir != NULL && n < max && (e = readdir(dir)) != NULL) {
		if (span_to_u64(span_from_cstr(e->d_name), 1, INT32_MAX, &pid) == 0)
			list[n++] = (struct proc){.pid = (int)pid, .ppid = parent_of((int)pid)};
	}
	if (dir != NULL)
		closedir(dir);
	return n;
}

static bool
has_parent_in_tree(const struct proc *list, size_t n, const struct proc *p)
{
	for (size_t i = 0; i < n; i++) {
		if (list[i].in_tree && list[i].pid == p->ppid)
			return true;
	}
	return false;
}

size_t
cli_gateway_tree(int root, unsigned *pids, size_t max)
{
	struct proc *list = mem_alloc(TREE_MAX, sizeof(*list));
	size_t n = list_processes(list, TREE_MAX);
	size_t count = 0;
	bool grew = true;

	for (size_t i = 0; i < n; i++)
		list[i].in_tree = list[i].pid == root;
	while (grew) {
		grew = false;
		for (size_t i = 0; i < n; i++) {
			if (!list[i].in_tree && has_parent_in_tree(list, n, &list[i]))
				list[i].in_tree = grew = true;
		}
	}
	for (size_t i = 0; i < n; i++) {
		if (list[i].in_tree && count < max && pids != NULL)
			pids[count] = (unsigned)list[i].pid;
		count += list[i].in_tree && (pids == NULL || count < max);
	}
	free(list);
	return count;
}

static bool
panic_stored(const struct cli *cli)
{
	char path[CLI_PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/panic", cli->paths.state);
	return access(path, F_OK) == 0;
}

/* ---- asked ---- */

static const struct json_node *
ask(struct cli_client *client, const char *method)
{
	struct cli_frame frame;

	return cli_client_call_quiet(client, method, SPAN("{}"), &frame) == 0 && frame.ok
		       ? frame.payload
		       : NULL;
}

int
cli_gateway_look(struct cli *cli, struct cli_gateway *g)
{
	int rc;

	*g = (struct cli_gateway){.panic = panic_stored(cli)};
	rc = cli_client_open_quiet(cli, &g->client, &g->why);
	if (rc < 0) {
		if (rc == ERR_NOTFOUND || rc == ERR_CLOSED)
			g->why = "not running";
		else if (g->why == NULL)
			g->why = rc == ERR_TIMEOUT ? "it does not answer"
				 : rc == ERR_AUTH  ? "it refuses this credential"
						   : err_text(rc);
		return rc;
	}
	g->pid = cli_client_pid(g->client);
	g->processes = g->pid > 0 ? (unsigned)cli_gateway_tree(g->pid, NULL, 0) : 0;
	g->hello = cli_client_hello(g->client);
	g->status = ask(g->client, "status");
	g->health = ask(g->client, "health");
	g->panic = cli_get_bool(g->status, "gateway.stopped", g->panic);
	return 0;
}

/* ---- shown ---- */

static void
put_number(struct cli *cli, const char *key, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	if (value > 0)
		cli_put_row(cli, 10, key, span_from_cstr(text));
}

static void
put_colored(
	struct cli *cli, const char *key, enum cli_style style, struct span value, struct span more)
{
	cli_put_style(cli, CLI_DIM);
	cli_put_fmt(cli, "  %-10s  ", key);
	cli_put_style(cli, CLI_PLAIN);
	cli_put_style(cli, style);
	cli_put_safe(cli, value);
	cli_put_style(cli, CLI_PLAIN);
	if (more.len > 0) {
		cli_put(cli, ": ");
		cli_put_safe(cli, more);
	}
	cli_put(cli, "\n");
}

static void
put_sandbox(struct cli *cli, const struct json_node *sandbox)
{
	struct span tier = cli_get_str(sandbox, "tier");
	struct span proof = cli_get_str(sandbox, "proof");
	bool full = span_eq(tier, SPAN("full"));

	if (tier.len > 0)
		put_colored(cli, "sandbox", full ? CLI_GOOD : CLI_WARN, tier,
			full ? SPAN_EMPTY : cli_get_str(sandbox, "why"));
	if (proof.len == 0)
		return;
	if (span_eq(proof, SPAN("passed")))
		put_colored(cli, "proof", CLI_GOOD, proof, SPAN_EMPTY);
	else
		put_colored(cli, "proof", span_eq(proof, SPAN("failed")) ? CLI_BAD : CLI_WARN,
			proof, SPAN("tools that execute are off"));
}

static void
put_uptime(struct cli *cli, uint64_t ms)
{
	struct buf b = {.max = 64};

	if (text_duration_put_short(&b, ms) == 0)
		cli_put_row(cli, 10, "uptime", buf_span(&b));
	buf_clear(&b);
}

/* One line as it would stand in the configuration, because that is what people and scripts look for. */
static void
put_effective(struct cli *cli, const char *path, struct span value)
{
	if (value.len == 0)
		return;
	cli_put_fmt(cli, "  %s = \"", path);
	cli_put_safe(cli, value);
	cli_put(cli, "\"\n");
}

void
cli_gateway_put(struct cli *cli, const struct cli_gateway *g)
{
	const struct json_node *gateway = cli_get(g->status, "gateway");
	struct span version = cli_get_str(g->hello, "server.version");
	char tls[CLI_FINGERPRINT_MAX];

	if (g->panic)
		put_colored(cli, "kill switch", CLI_BAD, SPAN("on"),
			SPAN("nothing runs until `moltbot gateway resume`"));
	put_effective(cli, "auth.mode", cli_get_str(gateway, "auth.mode"));
	put_effective(cli, "gateway.bind", cli_get_str(gateway, "bind"));
	if (cli_get_u64(gateway, "port", 0) > 0)
		cli_put_fmt(cli, "  gateway.port = %llu\n",
			(unsigned long long)cli_get_u64(gateway, "port", 0));
	if (cli_tls_fingerprint_text(cli, g->status, tls))
		cli_put_row(cli, 10, "sha256", span_from_cstr(tls));
	put_number(cli, "pid", (uint64_t)g->pid);
	put_uptime(cli,
		cli_get_u64(gateway, "uptimeMs", cli_get_u64(g->hello, "snapshot.uptimeMs", 0)));
	put_number(cli, "processes", g->processes);
	if (version.len > 0)
		cli_put_row(cli, 10, "version", version);
	put_sandbox(cli, cli_get(g->status, "sandbox"));
	cli_put_row(cli, 10, "model", cli_get_str(g->status, "sessions.defaults.model"));
	put_number(cli, "sessions", cli_get_u64(g->status, "sessions.count", 0));
	put_number(cli, "running", cli_get_u64(gateway, "runsActive", 0));
	cli_put_row(cli, 10, "state", span_from_cstr(cli->paths.state));
}

static void
put_node(struct json_out *o, const char *key, const struct json_node *n)
{
	(void)json_out_key(o, span_from_cstr(key));
	if (n != NULL)
		(void)json_out_node(o, n);
	else
		(void)json_out_null(o);
}

void
cli_gateway_put_json(struct cli *cli, const struct cli_gateway *g, struct json_out *o)
{
	char tls[CLI_FINGERPRINT_MAX];

	cli_json_bool(o, "running", g->client != NULL);
	if (g->why != NULL && g->client == NULL)
		cli_json_str(o, "why", span_from_cstr(g->why));
	cli_json_bool(o, "panic", g->panic);
	cli_json_str(o, "stateDir", span_from_cstr(cli->paths.state));
	cli_json_str(o, "configPath", span_from_cstr(cli->paths.config));
	if (g->client == NULL)
		return;
	cli_json_u64(o, "pid", (uint64_t)g->pid);
	cli_json_u64(o, "processes", g->processes);
	cli_json_str(o, "version", cli_get_str(g->hello, "server.version"));
	put_node(o, "auth", cli_get(g->status, "gateway.auth"));
	put_node(o, "gateway", cli_get(g->status, "gateway"));
	if (cli_tls_fingerprint_text(cli, g->status, tls))
		cli_json_cstr(o, "tlsFingerprint", tls);
	put_node(o, "sandbox", cli_get(g->status, "sandbox"));
}
