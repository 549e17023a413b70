/*
 * A connection to the gateway: protocol 3 over WebSocket over the control socket, or over TCP with --url. Synchronous: one
 * thread asks and waits. What the gateway sends is data to be shown, never trusted to be well-formed.
 */
#ifndef CLI_CLI_CLIENT_H
#define CLI_CLI_CLIENT_H

#include "cli.h"
#include "cli_url.h"

/* Options of every command that talks to the gateway; rows of its option table. */
/* For commands that know the control socket alone. */
#define CLI_TIMEOUT_OPTION                                                                         \
	{                                                                                          \
		"timeout", 0, CLI_TIME, "TIME", 0, 86400000,                                       \
			"wait at most this long for an answer (default 10s)"                       \
	}

#define CLI_CONNECT_OPTIONS                                                                        \
	{"url", 0, CLI_STR, "URL", 1, CLI_URL_MAX,                                                 \
		"use wss://HOST[:PORT], or ws://127.0.0.1:PORT on this machine, and "              \
		"MOLTBOT_GATEWAY_TOKEN, not the control socket"},                                  \
		{"tls-fingerprint", 0, CLI_STR, "SHA256", 1, 128,                                  \
			"with wss://: the certificate with this fingerprint is good, and no "      \
			"other"},                                                                  \
		CLI_TIMEOUT_OPTION

#define CLI_TIMEOUT_MS 10000

struct cli_client;

struct cli_frame {
	bool is_event;
	bool ok;                         /* of an answer */
	uint64_t id;                     /* of an answer: which request's */
	struct span event;               /* of an event: its name */
	const struct json_node *payload; /* NULL when there is none */
	const struct json_node *error;   /* of an answer that is not ok */
};

/* Connects and says hello. 0, or an exit code after saying what is wrong and what helps. */
int cli_client_open(struct cli *cli, struct cli_client **out);

/* The same without a word and with own eyes on the clock: 0, ERR_NOTFOUND or ERR_CLOSED (nobody there), or another code. */
int cli_client_open_quiet(struct cli *cli, struct cli_client **out, const char **what);

void cli_client_close(struct cli_client *client);

/* The process that listens at the control socket: the supervisor. 0 for a connection by --url. */
int cli_client_pid(const struct cli_client *client);

/* The last one that was opened, or tried, is elsewhere: --url or gateway.remote.url. */
bool cli_client_is_elsewhere(void);

/* The payload of hello-ok; lives as long as the client. */
const struct json_node *cli_client_hello(const struct cli_client *client);

/*
 * Sends a request and waits for its (final) answer; params is a JSON object or empty. What *frame points at lives as long as
 * the client. timeout_ms 0: --timeout or CLI_TIMEOUT_MS. 0, or an exit code after saying what is wrong.
 */
int cli_client_call(struct cli *cli, struct cli_client *client, const char *method,
	struct span params, int64_t timeout_ms, struct cli_frame *frame);
/* The same in one: opens the gateway and asks with {key: value}, or with nothing when key is NULL. The caller closes *client. */
int cli_client_ask(struct cli *cli, const char *method, const char *key, const char *value,
	struct cli_client **client, struct cli_frame *frame);

/* The same without a word: 0 and frame->ok, or a code. */
int cli_client_call_quiet(
	struct cli_client *client, const char *method, struct span params, struct cli_frame *frame);

/* Parts of it, for those who follow events. *id: the request's. 0 or ERR_CLOSED, ERR_TOOBIG. */
int cli_client_send(
	struct cli_client *client, const char *method, struct span params, uint64_t *id);
/*
 * The next answer or event; what *frame points at lives until the next call. -1: no limit. Returns ERR_TIMEOUT, ERR_ABORTED
 * after a signal (which is let in only while waiting here), ERR_EOF, ERR_PROTO.
 */
int cli_client_next(struct cli_client *client, int64_t timeout_ms, struct cli_frame *frame);

/* Says what an answer's error means. Returns the exit code. */
int cli_client_refused(struct cli *cli, const struct cli_frame *frame, const char *method);
/* The same for a code of cli_client_next or _send. */
int cli_client_broken(struct cli *cli, int rc, const char *method);

/* Members of answers; a missing one, or one of another kind, is the fallback. */
struct span cli_get_str(const struct json_node *obj, const char *path); /* "a.b.c" */
uint64_t cli_get_u64(const struct json_node *obj, const char *path, uint64_t fallback);
bool cli_get_bool(const struct json_node *obj, const char *path, bool fallback);
const struct json_node *cli_get(const struct json_node *obj, const char *path);

/* An answer's payload as pretty JSON. */
void cli_json_payload(struct cli *cli, const struct json_node *payload);

#endif
