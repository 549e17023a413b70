/* moltbot agent -m TEXT: one message, one answer. */
#include "cli_commands.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "cli_turn.h"

/* The message is the option's, or what comes on standard input for "-". */
static int
read_message(struct cli *cli, struct buf *b)
{
	const char *text = cli_str(cli, "message", NULL);
	ssize_t n = 1;

	b->max = WS_FRAME_MAX;
	if (text == NULL)
		return cli_usage(
			cli, "what shall it say? Give -m TEXT, or -m - to read standard input");
	if (strcmp(text, "-") != 0)
		return buf_put_cstr(b, text) < 0 ? cli_usage(cli, "the message is too long") : 0;
	while (n > 0) {
		uint8_t *p = buf_room(b, KIB(16u));

		if (p == NULL)
			return cli_usage(
				cli, "the message is longer than the gateway takes (512 KiB)");
		n = read(0, p, KIB(16u));
		if (n > 0)
			buf_added(b, (size_t)n);
	}
	return b->len > 0 ? 0 : cli_usage(cli, "standard input is empty");
}

static void
put_json(struct cli *cli, const struct cli_turn *t, enum cli_turn_end end)
{
	struct json_out *o;

	if (t->result != NULL) {
		cli_json_payload(cli, t->result);
		return;
	}
	o = cli_json_begin(cli);
	(void)json_out_begin_object(o);
	cli_json_str(o, "runId", span_from_cstr(t->run));
	cli_json_str(o, "status", end == CLI_TURN_ABORTED ? SPAN("aborted") : SPAN("error"));
	cli_json_str(
		o, "summary", end == CLI_TURN_ABORTED ? SPAN("aborted") : span_from_cstr(t->error));
	(void)json_out_end_object(o);
	cli_json_end(cli);
}

static int
report(struct cli *cli, const struct cli_turn *t, enum cli_turn_end end)
{
	if (cli->json) {
		put_json(cli, t, end);
		return end == CLI_TURN_DONE ? CLI_OK : CLI_FAILED;
	}
	if (!t->live && t->text.len > 0) {
		cli_put_text(cli, buf_span(&t->text));
		if (t->text.ptr[t->text.len - 1] != '\n')
			cli_put(cli, "\n");
	}
	if (end == CLI_TURN_DONE)
		return CLI_OK;
	return cli_fail(
		cli, NULL, "%s", end == CLI_TURN_ABORTED ? "the run was aborted" : t->error);
}

static int
run(struct cli *cli)
{
	struct cli_client *client = NULL;
	struct buf message = {0};
	struct cli_turn turn = {.method = "agent", .session = cli_str(cli, "session", "main")};
	enum cli_turn_end end;
	int rc = cli_paths_find(cli);

	rc = rc != 0 ? rc : read_message(cli, &message);
	rc = rc != 0 ? rc : cli_client_open(cli, &client);
	if (rc == 0) {
		turn.message = buf_span(&message);
		turn.timeout_ms = cli_int(cli, "timeout", 600000);
		turn.live = cli->tty && !cli->json;
		end = cli_turn_run(cli, client, &turn);
		rc = report(cli, &turn, end);
	}
	buf_clear(&turn.text);
	buf_clear(&message);
	cli_client_close(client);
	return rc;
}

static const struct cli_option options[] = {
	{"message", 'm', CLI_STR, "TEXT", 1, 0, "the message; - reads standard input"},
	{"session", 's', CLI_STR, "KEY", 1, SESSION_KEY_MAX,
		"the session it belongs to (default main)"},
	{"timeout", 't', CLI_TIME, "TIME", 0, 86400000,
		"end the run after this time (default 10m)"},
	{"url", 0, CLI_STR, "URL", 1, 512,
		"use ws://127.0.0.1:PORT and MOLTBOT_GATEWAY_TOKEN, not the control socket"},
	{NULL, 0, CLI_FLAG, NULL, 0, 0, NULL},
};

static const struct cli_example examples[] = {
	{"moltbot agent -m 'what is 17 * 23?'", "ask, wait, print the answer"},
	{"git log -5 | moltbot agent -m - --session work --json",
		"a message from a pipe, the result as JSON"},
	{NULL, NULL},
};

const struct cli_command cmd_agent = {
	.name = "agent",
	.summary = "send one message and print the answer",
	.text = "On a terminal the answer is printed as it is written, with the tools it calls; in "
		"a pipe only the answer.",
	.options = options,
	.examples = examples,
	.run = run,
};
