/* moltbot gateway probe: each door of the gateway tried from outside, with the time that it took. */
#include "cli_commands.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "cli_client.h"
#include "cli_socket.h"
#include "text/text_table.h"

struct door {
	char name[CLI_PATH_MAX + 32];
	bool ok;
	double connect_ms; /* until the greeting, or the connection where there is none */
	double answer_ms;
	char why[256];
};

static double
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

/* Protocol 3: by the control socket, or by --url. */
static void
try_client(struct cli *cli, struct door *d, uint64_t *port, bool *tls)
{
	struct cli_client *client = NULL;
	const char *why = NULL;
	struct cli_frame frame = {0};
	double start = now_ms();
	int rc = cli_client_open_quiet(cli, &client, &why);

	d->connect_ms = now_ms() - start;
	start = now_ms();
	if (rc == 0)
		rc = cli_client_call_quiet(client, "status", SPAN("{}"), &frame);
	d->answer_ms = now_ms() - start;
	d->ok = rc == 0 && frame.ok;
	*port = d->ok ? cli_get_u64(frame.payload, "gateway.port", 0) : 0;
	*tls = d->ok && cli_get_bool(frame.payload, "gateway.tls", false);
	if (!d->ok)
		snprintf(d->why, sizeof(d->why), "%s",
			rc == ERR_NOTFOUND || rc == ERR_CLOSED ? "not running"
			: why != NULL                          ? why
			: rc < 0                               ? err_text(rc)
							       : "refused");
	cli_client_close(client);
}

/* The port, as a health check of somebody who has no credential asks it. */
static void
try_http(struct cli *cli, struct door *d, const struct cli_url *url)
{
	struct span host = cli_url_host(url);
	struct buf in = {.max = KIB(64)};
	struct buf out = {.max = KIB(1)};
	const char *why = "no answer";
	double start = now_ms();
	int fd = cli_url_open(cli, url, CLI_TIMEOUT_MS, &why);

	d->connect_ms = now_ms() - start;
	start = now_ms();
	(void)buf_put_fmt(&out, "GET /healthz HTTP/1.1\r\nHost: %.*s\r\nConnection: close\r\n\r\n",
		(int)host.len, (const char *)host.ptr);
	if (fd >= 0 && cli_socket_write(fd, buf_span(&out), CLI_TIMEOUT_MS) == 0 &&
		cli_socket_read(fd, &in, CLI_TIMEOUT_MS) == 0)
		d->ok = span_starts_with(buf_span(&in), SPAN("HTTP/1.1 200"));
	d->answer_ms = now_ms() - start;
	if (!d->ok)
		snprintf(d->why, sizeof(d->why), "%s", why);
	if (fd >= 0)
		close(fd);
	buf_clear(&in);
	buf_clear(&out);
}

static void
put_text(struct cli *cli, const struct door *doors, size_t n)
{
	static const char *const titles[] = {"Door", "Result", ">Connect", ">Answer"};
	struct text_table *t = text_table_new(titles, 4);

	for (size_t i = 0; i < n; i++) {
		char connect[32] = "";
		char answer[32] = "";

		if (doors[i].ok) {
			snprintf(connect, sizeof(connect), "%.1f ms", doors[i].connect_ms);
			snprintf(answer, sizeof(answer), "%.1f ms", doors[i].answer_ms);
		}
		(void)text_table_add(
			t, (const struct span[]){span_from_cstr(doors[i].name),
				   doors[i].ok ? SPAN("ok") : span_from_cstr(doors[i].why),
				   span_from_cstr(connect), span_from_cstr(answer)});
	}
	cli_put_table(cli, t);
	text_table_free(t);
}

static void
put_number(struct json_out *o, const char *key, double v)
{
	char number[32];

	snprintf(number, sizeof(number), "%.3f", v);
	(void)json_out_key(o, span_from_cstr(key));
	(void)json_out_raw_number(o, span_from_cstr(number));
}

static void
put_json(struct cli *cli, const struct door *doors, size_t n, bool ok)
{
	struct json_out *o = cli_json_begin(cli);

	(void)json_out_begin_object(o);
	cli_json_bool(o, "ok", ok);
	(void)json_out_key(o, SPAN("doors"));
	(void)json_out_begin_array(o);
	for (size_t i = 0; i < n; i++) {
		(void)json_out_begin_object(o);
		cli_json_str(o, "name", span_from_cstr(doors[i].name));
		cli_json_bool(o, "ok", doors[i].ok);
		if (doors[i].ok) {
			put_number(o, "connectMs", doors[i].connect_ms);
			put_number(o, "answerMs", doors[i].answer_ms);
		} else {
			cli_json_str(o, "why", span_from_cstr(doors[i].why));
		}
		(void)json_out_end_object(o);
	}
	(void)json_out_end_array(o);
	(void)json_out_end_object(o);
	cli_json_end(cli);
}

static int
run(struct cli *cli)
{
	static struct door doors[2];
	const char *url = cli_str(cli, "url", NULL);
	struct cli_url http = {0};
	uint64_t port = 0;
	bool tls = false;
	size_t n = 1;
	bool ok;
	int rc = cli_paths_find(cli);

	if (rc != 0)
		return rc;
	snprintf(doors[0].name, sizeof(doors[0].name), "%s%s", url != NULL ? url : cli->paths.state,
		url != NULL ? "" : "/control.sock");
	try_client(cli, &doors[0], &port, &tls);
	ok = doors[0].ok;
	if (url == NULL && port > 0) {
		snprintf(http.text, sizeof(http.text), "%s://127.0.0.1:%u", tls ? "wss" : "ws",
			(unsigned)port);
		snprintf(doors[1].name, sizeof(doors[1].name), "%s://127.0.0.1:%u/healthz",
			tls ? "https" : "http", (unsigned)port);
		try_http(cli, &doors[1], &http);
		ok = ok && doors[1].ok;
		n = 2;
	}
	if (cli->json)
		put_json(cli, doors, n, ok);
	else
		put_text(cli, doors, n);
	return ok ? CLI_OK : CLI_FAILED;
}

static const struct cli_option options[] = {
	CLI_CONNECT_OPTIONS,
	{NULL, 0, CLI_FLAG, NULL, 0, 0, NULL},
};
static const struct cli_example examples[] = {
	{"moltbot gateway probe", "is it there, and how fast does it answer"},
	{"moltbot gateway probe --url ws://127.0.0.1:18789", "as another program would come in"},
	{NULL, NULL},
};

const struct cli_command cmd_gateway_probe = {
	.name = "gateway probe",
	.summary = "try each door of the gateway and show how long it takes",
	.text = "The control socket (or --url) with a greeting and a question, and the port as a "
		"health check without a credential sees it. Exit status 1 when one does not "
		"answer.",
	.options = options,
	.examples = examples,
	.run = run,
};
