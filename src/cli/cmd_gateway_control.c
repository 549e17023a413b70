/* moltbot gateway stop, gateway resume, panic. */
#include "cli_commands.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/pidfd.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "cli_client.h"
#include "cli_socket.h"

static double
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static int
say_done(struct cli *cli, const char *key, const char *text, double took_ms)
{
	if (cli->json) {
		struct json_out *o = cli_json_begin(cli);
		char number[32];

		(void)json_out_begin_object(o);
		cli_json_bool(o, "ok", true);
		cli_json_str(o, "action", span_from_cstr(key));
		snprintf(number, sizeof(number), "%.3f", took_ms);
		(void)json_out_key(o, SPAN("tookMs"));
		(void)json_out_raw_number(o, span_from_cstr(number));
		(void)json_out_end_object(o);
		cli_json_end(cli);
	} else {
		cli_put_style(cli, CLI_GOOD);
		cli_put(cli, text);
		cli_put_style(cli, CLI_PLAIN);
		cli_put_fmt(cli, " (%.1f ms)\n", took_ms);
	}
	return CLI_OK;
}

/* Ended when the process that listens at the control socket has ended; the answer alone would be a promise. */
static int
wait_end(struct cli *cli, int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	int64_t left = cli_int(cli, "timeout", CLI_TIMEOUT_MS);
	int n;

	cli_progress("waiting for its processes to end");
	do {
		n = poll(&p, 1, left > 1000 ? 1000 : (int)left);
		left -= 1000;
		cli_progress_tick();
	} while (n == 0 && left > 0);
	cli_progress(NULL);

	return n == 1 ? 0
		      : cli_fail(cli,
				"See `moltbot logs`; as a last means kill the moltbot-supervisor "
				"process: all others end with it.",
				"the gateway did not end in time");
}

static int
run_stop(struct cli *cli)
{
	struct cli_client *client = NULL;
	struct cli_frame frame;
	double start = now_ms();
	uint64_t id;
	int pidfd = -1;
	int rc = cli_paths_find(cli);

	rc = rc != 0 ? rc : cli_client_open(cli, &client);
	if (rc != 0)
		return rc;
	pidfd = pidfd_open(cli_client_pid(client), 0);
	if (cli_client_send(client, "moltbot.gateway.stop", SPAN("{}"), &id) < 0)
		rc = cli_client_broken(cli, ERR_CLOSED, "moltbot.gateway.stop");
	/* the answer, or the end of the connection, whichever the gateway finds time for */
	while (rc == 0) {
		int got = cli_client_next(client, CLI_TIMEOUT_MS, &frame);

		if (got == ERR_EOF)
			break;
		if (got < 0)
			rc = cli_client_broken(cli, got, "moltbot.gateway.stop");
		else if (!frame.is_event && frame.id == id && !frame.ok)
			rc = cli_client_refused(cli, &frame, "moltbot.gateway.stop");
		else if (!frame.is_event && frame.id == id)
			break;
	}
	if (rc == 0 && pidfd >= 0)
		rc = wait_end(cli, pidfd);
	cli_client_close(client);
	if (pidfd >= 0)
		close(pidfd);
	return rc != 0 ? rc : say_done(cli, "stop", "the gateway has stopped", now_ms() - start);
}

static int
call_simple(struct cli *cli, const char *method, const char *key, const char *text)
{
	struct cli_client *client = NULL;
	struct cli_frame frame;
	double start = 0;
	int rc = cli_paths_find(cli);

	rc = rc != 0 ? rc : cli_client_open(cli, &client);
	if (rc == 0) {
		start = now_ms();
		rc = cli_client_call(cli, client, method, SPAN("{}"), 0, &frame);
	}
	cli_client_close(client);
	return rc != 0 ? rc : say_done(cli, key, text, now_ms() - start);
}

static int
run_resume(struct cli *cli)
{
	return call_simple(cli, "moltbot.resume", "resume",
		"the kill switch is off: agents and tools may run again");
}

static int
run_panic(struct cli *cli)
{
	return call_simple(cli, "moltbot.panic", "panic",
		"stopped: agents and tools are dead, nothing goes out");
}

static const struct cli_option control_options[] = {
	CLI_TIMEOUT_OPTION,
	{NULL, 0, CLI_FLAG, NULL, 0, 0, NULL},
};

static const struct cli_option panic_options[] = {
	CLI_CONNECT_OPTIONS,
	{NULL, 0, CLI_FLAG, NULL, 0, 0, NULL},
};

const struct cli_command cmd_gateway_stop = {
	.name = "gateway stop",
	.summary = "stop the gateway and wait until it has ended",
	.text = "An orderly stop: clients are told, what is under way is ended, then every "
		"process. Only at the control socket.",
	.options = control_options,
	.run = run_stop,
};

const struct cli_command cmd_gateway_resume = {
	.name = "gateway resume",
	.summary = "turn the kill switch off again",
	.text = "After `moltbot panic` nothing runs, also after a restart, until this is said at "
		"the control socket.",
	.options = control_options,
	.run = run_resume,
};

const struct cli_command cmd_panic = {
	.name = "panic",
	.summary = "kill every agent and tool now and let nothing out",
	.text = "The kill switch. It goes straight to the supervisor, which kills agents, tools "
		"and outgoing connections; it stays on after a "
		"restart until `moltbot gateway resume`. Prints how long it took.",
	.options = panic_options,
	.run = run_panic,
};
