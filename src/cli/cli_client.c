#include "cli_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "cli_socket.h"
#include "crypto/crypto.h"
#include "ws/ws.h"

#define ARENA_MAX (4 * (size_t)CLI_MESSAGE_MAX)
#define KEPT_MAX 16 /* answers that live as long as the client */

struct cli_client {
	int fd;
	struct ws_decoder decoder;
	struct buf in;
	struct arena frame;
	struct arena kept[KEPT_MAX];
	size_t nkept;
	const struct json_node *hello;
	uint64_t last_id;
};

static struct cli_url the_url; /* where the last one was tried */

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* What is left until a time of now_ms(); -1 stays. */
static int64_t
left(int64_t end)
{
	int64_t n = end - now_ms();

	return end < 0 ? -1 : n < 0 ? 0 : n;
}

static int
send_frame(struct cli_client *c, enum ws_opcode opcode, struct span payload)
{
	struct buf out = {.max = WS_FRAME_MAX + WS_HEAD_MAX};
	uint8_t key[4];
	int rc;

	crypto_random(key, sizeof(key));
	rc = payload.len > WS_FRAME_MAX ? ERR_TOOBIG : ws_put(&out, opcode, payload, key);
	if (rc == 0)
		rc = cli_socket_write(c->fd, buf_span(&out), CLI_TIMEOUT_MS);
	buf_clear(&out);
	return rc;
}

int
cli_client_send(struct cli_client *c, const char *method, struct span params, uint64_t *id)
{
	struct buf b = {.max = WS_FRAME_MAX};
	int rc;

	*id = ++c->last_id;
	(void)buf_put_fmt(&b, "{\"type\":\"req\",\"id\":\"%llu\",\"method\":\"%s\"",
		(unsigned long long)*id, method);
	if (params.len > 0) {
		(void)buf_put(&b, SPAN(",\"params\":"));
		(void)buf_put(&b, params);
	}
	rc = buf_put_u8(&b, '}');
	rc = rc < 0 ? rc : send_frame(c, WS_TEXT, buf_span(&b));
	buf_clear(&b);
	return rc == ERR_TOOBIG ? rc : rc < 0 ? ERR_CLOSED : 0;
}

/* The next text message; pings are answered. */
static int
next_text(struct cli_client *c, int64_t end, struct span *text)
{
	struct ws_event ev;

	for (;;) {
		int rc = ws_decode(&c->decoder, &c->in, &ev);

		if (rc == ERR_AGAIN)
			rc = cli_socket_read(c->fd, &c->in, left(end));
		else if (rc == 0 && ev.kind == WS_TEXT) {
			*text = ev.data;
			return 0;
		} else if (rc == 0 && ev.kind == WS_PING)
			rc = send_frame(c, WS_PONG, ev.data);
		else if (rc == ERR_CLOSED || (rc == 0 && ev.kind == WS_CLOSE))
			return ERR_EOF;
		if (rc < 0)
			return rc;
	}
}

static int
read_frame(struct cli_client *c, struct span text, struct cli_frame *frame)
{
	struct json_node *root;
	struct span type;

	*frame = (struct cli_frame){0};
	arena_clear(&c->frame);
	if (json_parse(&c->frame, text, NULL, &root, NULL) < 0)
		return ERR_PROTO;
	type = cli_get_str(root, "type");
	frame->payload = cli_get(root, "payload");
	if (span_eq(type, SPAN("event"))) {
		frame->is_event = true;
		frame->event = cli_get_str(root, "event");
		return 0;
	}
	frame->ok = cli_get_bool(root, "ok", false);
	frame->error = cli_get(root, "error");
	return span_eq(type, SPAN("res")) &&
			       span_to_u64(cli_get_str(root, "id"), 1, UINT64_MAX, &frame->id) == 0
		       ? 0
		       : ERR_PROTO;
}

int
cli_client_next(struct cli_client *c, int64_t timeout_ms, struct cli_frame *frame)
{
	struct span text;
	int rc = next_text(c, timeout_ms < 0 ? -1 : now_ms() + timeout_ms, &text);

	return rc < 0 ? rc : read_frame(c, text, frame);
}

/* What the frame points at stays until the client is closed. */
static int
keep(struct cli_client *c)
{
	if (c->nkept == KEPT_MAX)
		return ERR_FULL;
	c->kept[c->nkept++] = c->frame;
	arena_init(&c->frame, ARENA_MAX);
	return 0;
}

static int
wait_answer(struct cli_client *c, uint64_t id, int64_t end, struct cli_frame *frame)
{
	bool ours = cli_progress_begin("waiting for the gateway");
	int rc;

	do
		rc = cli_client_next(c, left(end), frame);
	while (rc == 0 && (frame->is_event || frame->id != id));
	if (ours)
		cli_progress(NULL);
	return rc < 0 ? rc : keep(c);
}

static int
wait_challenge(struct cli_client *c, int64_t end)
{
	struct cli_frame frame;
	int rc;

	do
		rc = cli_client_next(c, left(end), &frame);
	while (rc == 0 && !(frame.is_event && span_eq(frame.event, SPAN("connect.challenge"))));
	return rc;
}

/* Rights at the control socket come from the socket; elsewhere from the token or password of the environment. */
static int
say_hello(struct cli_client *c, bool with_token, int64_t end, struct cli_frame *frame)
{
	struct buf b = {.max = KIB(16u)};
	struct json_out o;
	const char *token = with_token ? cli_env_era("GATEWAY_TOKEN") : NULL;
	const char *password = with_token && token == NULL ? cli_env_era("GATEWAY_PASSWORD") : NULL;
	uint64_t id;
	int rc;

	json_out_init(&o, &b, NULL);
	(void)json_out_begin_object(&o);
	cli_json_u64(&o, "minProtocol", 3);
	cli_json_u64(&o, "maxProtocol", 3);
	(void)json_out_key(&o, SPAN("client"));
	(void)json_out_begin_object(&o);
	cli_json_str(&o, "id", SPAN("cli"));
	cli_json_str(&o, "mode", SPAN("cli"));
	cli_json_str(&o, "version", SPAN(MOLTBOT_VERSION));
	cli_json_str(&o, "platform", SPAN("linux"));
	(void)json_out_end_object(&o);
	cli_json_str(&o, "role", SPAN("operator"));
	(void)json_out_key(&o, SPAN("scopes"));
	(void)json_out_begin_array(&o);
	(void)json_out_str(&o, SPAN("operator.admin"));
	(void)json_out_str(&o, SPAN("operator.approvals"));
	(void)json_out_str(&o, SPAN("operator.pairing"));
	(void)json_out_end_array(&o);
	if (token != NULL || password != NULL) {
		(void)json_out_key(&o, SPAN("auth"));
		(void)json_out_begin_object(&o);
		cli_json_str(&o, token != NULL ? "token" : "password",
			span_from_cstr(token != NULL ? token : password));
		(void)json_out_end_object(&o);
	}
	(void)json_out_end_object(&o);
	rc = json_out_finish(&o);
	rc = rc < 0 ? rc : cli_client_send(c, "connect", buf_span(&b), &id);
	buf_clear(&b);
	return rc < 0 ? rc : wait_answer(c, id, end, frame);
}

static struct cli_client *
client_new(int fd)
{
	struct cli_client *c = mem_alloc(1, sizeof(*c));

	c->fd = fd;
	c->in.max = WS_BUFFER_MAX(CLI_MESSAGE_MAX);
	ws_decoder_init(&c->decoder, WS_CLIENT, CLI_MESSAGE_MAX);
	arena_init(&c->frame, ARENA_MAX);
	return c;
}

void
cli_client_close(struct cli_client *c)
{
	struct buf out = {.max = WS_HEAD_MAX + WS_CONTROL_MAX};
	uint8_t key[4];

	if (c == NULL)
		return;
	crypto_random(key, sizeof(key));
	if (ws_put_close(&out, WS_CODE_NORMAL, SPAN_EMPTY, key) == 0)
		(void)cli_socket_write(c->fd, buf_span(&out), 1000);
	buf_clear(&out);
	close(c->fd);
	for (size_t i = 0; i < c->nkept; i++)
		arena_clear(&c->kept[i]);
	arena_clear(&c->frame);
	buf_clear(&c->in);
	free(c);
}

/* *frame is the answer to connect when there was one. */
static int
open_at(int fd, int64_t timeout_ms, struct cli_client **out, const char **what,
	struct cli_frame *frame)
{
	struct cli_client *c = client_new(fd);
	int64_t end = now_ms() + timeout_ms;
	int rc = cli_socket_upgrade(fd, cli_url_host(&the_url), &c->in, timeout_ms, what);

	rc = rc < 0 ? rc : wait_challenge(c, end);
	rc = rc < 0 ? rc : say_hello(c, the_url.text[0] != '\0', end, frame);
	if (rc == 0 && frame->ok)
		c->hello = frame->payload;
	else if (rc == 0)
		rc = ERR_AUTH;
	*out = c;
	return rc;
}

static int
open_client(struct cli *cli, struct cli_client **out, const char **what, struct cli_frame *frame)
{
	int64_t timeout_ms = cli_int(cli, "timeout", CLI_TIMEOUT_MS);
	int rc = cli_url_given(cli, &the_url, what);
	int fd;
	bool ours;

	*out = NULL;
	if (rc < 0)
		return rc;
	fd = the_url.text[0] == '\0' ? cli_socket_control(cli->paths.state, what)
				     : cli_url_open(cli, &the_url, timeout_ms, what);
	/* nobody here: the gateway elsewhere, where the configuration names one */
	if ((fd == ERR_NOTFOUND || fd == ERR_CLOSED) && the_url.text[0] == '\0') {
		cli_url_configured(cli, &the_url);
		if (the_url.text[0] != '\0')
			fd = cli_url_open(cli, &the_url, timeout_ms, what);
	}
	if (fd < 0)
		return fd;
	ours = cli_progress_begin("waiting for the gateway");
	rc = open_at(fd, timeout_ms, out, what, frame);
	if (ours)
		cli_progress(NULL);
	return rc;
}

int
cli_client_open_quiet(struct cli *cli, struct cli_client **out, const char **what)
{
	struct cli_frame frame = {0};
	int rc = open_client(cli, out, what, &frame);

	if (rc < 0) {
		cli_client_close(*out);
		*out = NULL;
	}
	return rc;
}

static int
say_unreachable(struct cli *cli, int rc, const char *what)
{
	const char *url = cli_safe(span_from_cstr(the_url.text));
	const char *state = cli_safe(span_from_cstr(cli->paths.state));

	if (rc == ERR_UNSUPPORTED)
		return cli_usage(cli, "--url %s: %s", url, what);
	if (the_url.text[0] != '\0' && rc == ERR_CLOSED)
		return cli_fail(cli, "Start it with `moltbot gateway run`, or check the port.",
			"nobody listens at %s", url);
	if (the_url.text[0] != '\0' && rc != ERR_TIMEOUT)
		return cli_fail(cli,
			rc == ERR_CRYPTO ? "`moltbot gateway status` shows the fingerprint on the "
					   "gateway's machine."
					 : NULL,
			"the gateway at %s cannot be reached: %s", url,
			what != NULL ? what : err_text(rc));
	if (rc == ERR_NOTFOUND || rc == ERR_CLOSED)
		return cli_fail(cli,
			"Start it with `moltbot gateway run`. If it uses another state directory, "
			"set MOLTBOT_STATE_DIR.",
			"the gateway is not running (state directory %s)", state);
	if (rc == ERR_DENIED)
		return cli_fail(cli, "Run as the user who started the gateway.",
			"the gateway's control socket in %s cannot be used: %s", state, what);
	if (rc == ERR_TIMEOUT)
		return cli_fail(cli,
			"See `moltbot logs`; `moltbot gateway stop` and `run` restart it.",
			"the gateway does not answer");
	return cli_fail(cli, "See `moltbot logs`.", "the gateway cannot be reached: %s",
		what != NULL ? what : err_text(rc));
}

int
cli_client_open(struct cli *cli, struct cli_client **out)
{
	struct cli_frame frame = {0};
	const char *what = NULL;
	int rc = open_client(cli, out, &what, &frame);

	if (rc == 0)
		return 0;
	rc = rc == ERR_AUTH ? cli_client_refused(cli, &frame, "connect")
			    : say_unreachable(cli, rc, what);
	cli_client_close(*out);
	*out = NULL;
	return rc;
}

int
cli_client_pid(const struct cli_client *client)
{
	/* the other end of a pair of ours would be ourselves */
	return cli_client_is_elsewhere() ? 0 : cli_socket_pid(client->fd);
}

bool
cli_client_is_elsewhere(void)
{
	return the_url.text[0] != '\0';
}

const struct json_node *
cli_client_hello(const struct cli_client *client)
{
	return client->hello;
}

/* What an error says, and what helps. */
static const struct {
	struct span says;
	const char *help;
} helps[] = {
#define TOKEN_HELP                                                                                 \
	"Set MOLTBOT_GATEWAY_TOKEN to what `moltbot secrets show gateway-token` prints on the "    \
	"gateway's machine."
	{SPAN("unauthorized"), TOKEN_HELP},
	{SPAN("device identity required"), TOKEN_HELP},
	{SPAN("unknown method"), "The gateway is of another version than this program."},
	{SPAN("unknown requestId"),
		"`moltbot devices list` shows who waits; a request ends after a while, or when its "
		"device asks anew."},
	{SPAN("unknown deviceId"), "`moltbot devices list` shows the ids."},
};

int
cli_client_refused(struct cli *cli, const struct cli_frame *frame, const char *method)
{
	struct span message = cli_get_str(frame->error, "message");
	const char *help = NULL;

	for (size_t i = 0; i < sizeof(helps) / sizeof(helps[0]) && help == NULL; i++) {
		if (span_find(message, helps[i].says) >= 0)
			help = helps[i].help;
	}
	return cli_fail(cli, help, "%s: %s", method,
		message.len > 0 ? cli_safe(message) : "refused without a reason");
}

int
cli_client_broken(struct cli *cli, int rc, const char *method)
{
	if (rc == ERR_TIMEOUT)
		return cli_fail(cli, "Wait longer with --timeout, or see `moltbot logs`.",
			"%s: no answer in time", method);
	if (rc == ERR_EOF || rc == ERR_CLOSED)
		return cli_fail(cli, "See `moltbot gateway status` and `moltbot logs`.",
			"%s: the gateway closed the connection", method);
	if (rc == ERR_ABORTED)
		return cli_fail(cli, NULL, "%s: interrupted", method);
	return cli_fail(cli, "See `moltbot logs`.", "%s: what the gateway sent cannot be read: %s",
		method, err_text(rc));
}

int
cli_client_call(struct cli *cli, struct cli_client *c, const char *method, struct span params,
	int64_t timeout_ms, struct cli_frame *frame)
{
	uint64_t id;
	int rc = cli_client_send(c, method, params, &id);

	if (timeout_ms == 0)
		timeout_ms = cli_int(cli, "timeout", CLI_TIMEOUT_MS);
	rc = rc < 0 ? rc : wait_answer(c, id, now_ms() + timeout_ms, frame);
	if (rc < 0)
		return cli_client_broken(cli, rc, method);
	return frame->ok ? 0 : cli_client_refused(cli, frame, method);
}

int
cli_client_ask(struct cli *cli, const char *method, const char *key, const char *value,
	struct cli_client **client, struct cli_frame *frame)
{
	struct buf b = {.max = 4096};
	struct json_out o;
	int rc = cli_paths_find(cli);

	json_out_init(&o, &b, NULL);
	(void)json_out_begin_object(&o);
	if (key != NULL)
		cli_json_cstr(&o, key, value);
	(void)json_out_end_object(&o);
	if (json_out_finish(&o) < 0)
		rc = cli_usage(cli, "the %s is too long", key);
	rc = rc != 0 ? rc : cli_client_open(cli, client);
	if (rc == 0)
		rc = *client == NULL
			     ? CLI_FAILED
			     : cli_client_call(cli, *client, method, buf_span(&b), 0, frame);
	buf_clear(&b);
	return rc;
}

int
cli_client_call_quiet(
	struct cli_client *c, const char *method, struct span params, struct cli_frame *frame)
{
	uint64_t id;
	int rc = cli_client_send(c, method, params, &id);

	return rc < 0 ? rc : wait_answer(c, id, now_ms() + CLI_TIMEOUT_MS, frame);
}

const struct json_node *
cli_get(const struct json_node *obj, const char *path)
{
	struct span rest = span_from_cstr(path);

	while (obj != NULL && rest.len > 0)
		obj = json_get(obj, span_cut(&rest, '.'));
	return obj;
}

struct span
cli_get_str(const struct json_node *obj, const char *path)
{
	struct span s = SPAN_EMPTY;

	(void)json_node_str(cli_get(obj, path), &s);
	return s;
}

uint64_t
cli_get_u64(const struct json_node *obj, const char *path, uint64_t fallback)
{
	(void)json_node_u64(cli_get(obj, path), &fallback);
	return fallback;
}

bool
cli_get_bool(const struct json_node *obj, const char *path, bool fallback)
{
	(void)json_node_bool(cli_get(obj, path), &fallback);
	return fallback;
}

void
cli_json_payload(struct cli *cli, const struct json_node *payload)
{
	struct json_out *o = cli_json_begin(cli);

	if (payload == NULL)
		(void)json_out_null(o);
	else
		(void)json_out_node(o, payload);
	cli_json_end(cli);
}
