#include "checks/deep.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "cli_socket.h"
#include "cli_tls.h"
#include "crypto/crypto.h"
#include "crypto/crypto_encode.h"

uint8_t
deep_source(struct check_deep *d)
{
	if (d->next < 254)
		d->next++;
	return d->next;
}

/* What is done to the gateway is done within TLS where it has it; that it refuses clear text is no attack's matter. */
static int
within_tls(const struct check_deep *d, int net)
{
	const char *what;
	int fd = cli_tls_start(d->cli, net, "127.0.0.1", d->fingerprint, DEEP_TIMEOUT_MS, &what);

	if (fd >= 0)
		(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd >= 0 ? fd : ERR_CLOSED;
}

int
deep_connect(struct check_deep *d, uint8_t source)
{
	struct sockaddr_in from = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(d->net | source)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err = 0;
	socklen_t len = sizeof(err);
	int yes = 1;

	if (fd < 0)
		return ERR_SYS;
	d->connections++;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (bind(fd, (const void *)&from, sizeof(from)) == 0 &&
		(connect(fd, (const void *)&d->target, sizeof(d->target)) == 0 ||
			errno == EINPROGRESS)) {
		struct pollfd p = {.fd = fd, .events = POLLOUT};

		if (poll(&p, 1, DEEP_TIMEOUT_MS) == 1 &&
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) == 0 && err == 0)
			return d->tls ? within_tls(d, fd) : fd;
	}
	close(fd);
	return ERR_CLOSED;
}

/* ---- HTTP ---- */

struct span
deep_field(const struct deep_answer *a, struct span name)
{
	struct span rest = a->head;

	while (rest.len > 0) {
		struct span line = span_cut(&rest, '\n');
		struct span field = span_cut(&line, ':');

		if (span_eq_nocase(field, name))
			return span_trim(line);
	}
	return SPAN_EMPTY;
}

/* True when the answer is whole. */
static bool
is_whole(struct deep_answer *a)
{
	ptrdiff_t end = span_find(buf_span(&a->in), SPAN("\r\n\r\n"));
	struct span line;
	struct span length;
	uint64_t want = 0;
	uint64_t status;

	if (end < 0)
		return false;
	a->head = span_of(a->in.ptr, (size_t)end + 2);
	a->body = span_sub(buf_span(&a->in), (size_t)end + 4, SIZE_MAX);
	line = a->head;
	(void)span_cut(&line, ' ');
	if (span_to_u64(span_sub(line, 0, 3), 100, 599, &status) == 0)
		a->status = (unsigned)status;
	length = deep_field(a, SPAN("content-length"));
	(void)span_to_u64(length, 0, DEEP_ANSWER_MAX, &want);
	return length.len > 0 ? a->body.len >= want : a->status == 101 || a->status == 304;
}

void
deep_ask(struct check_deep *d, uint8_t source, struct span request, struct deep_answer *a)
{
	int fd = deep_connect(d, source);

	*a = (struct deep_answer){.rc = fd < 0 ? fd : 0, .in = {.max = DEEP_ANSWER_MAX}};
	d->requests++;
	if (fd < 0)
		return;
	/* who refuses early may not read it all: the answer counts */
	(void)cli_socket_write(fd, request, DEEP_TIMEOUT_MS);
	while (a->rc == 0 && !is_whole(a)) {
		a->rc = cli_socket_read(fd, &a->in, DEEP_TIMEOUT_MS);
		if (a->rc == ERR_ABORTED)
			a->rc = 0;
	}
	if (a->rc == ERR_EOF && a->status > 0)
		a->rc = 0;
	close(fd);
}

void
deep_answer_clear(struct deep_answer *a)
{
	buf_clear(&a->in);
}

void
deep_request_put(struct check_deep *d, struct buf *out, const char *method, const char *path,
	const char *host, const char *lines, const char *body)
{
	struct span text = span_from_cstr(body);

	(void)buf_put_cstr(out, method);
	(void)buf_put_u8(out, ' ');
	(void)buf_put_cstr(out, path);
	(void)buf_put_cstr(out, " HTTP/1.1\r\nHost: ");
	(void)buf_put_cstr(out, host == NULL ? d->host : host);
	(void)buf_put_cstr(out, "\r\nUser-Agent: moltbot-security-audit\r\nConnection: close\r\n");
	(void)buf_put_cstr(out, lines);
	if (text.len > 0)
		(void)buf_put_fmt(
			out, "Content-Type: application/json\r\nContent-Length: %zu\r\n", text.len);
	(void)buf_put_cstr(out, "\r\n");
	(void)buf_put(out, text);
}

/* ---- WebSocket ---- */

static void
put_upgrade(struct check_deep *d, struct buf *out, const char *path, const char *host,
	const char *lines)
{
	struct buf key = {.max = 64};
	uint8_t random[16];

	crypto_random(random, sizeof(random));
	(void)crypto_base64_put(&key, span_of(random, sizeof(random)));
	(void)buf_put_cstr(out, "GET ");
	(void)buf_put_cstr(out, path);
	(void)buf_put_cstr(out, " HTTP/1.1\r\nHost: ");
	(void)buf_put_cstr(out, host == NULL ? d->host : host);
	(void)buf_put_cstr(out,
		"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Key: ");
	(void)buf_put(out, buf_span(&key));
	(void)buf_put_cstr(out, "\r\n");
	(void)buf_put_cstr(out, lines);
	(void)buf_put_cstr(out, "\r\n");
	buf_clear(&key);
}

static int
read_head(struct deep_ws *ws, unsigned *status)
{
	struct span line;
	uint64_t number;
	ptrdiff_t end;

	while ((end = span_find(buf_span(&ws->in), SPAN("\r\n\r\n"))) < 0) {
		int rc = cli_socket_read(ws->fd, &ws->in, DEEP_TIMEOUT_MS);

		if (rc < 0 && rc != ERR_ABORTED)
			return rc;
	}
	line = buf_span(&ws->in);
	(void)span_cut(&line, ' ');
	if (span_to_u64(span_sub(line, 0, 3), 100, 599, &number) < 0)
		return ERR_PROTO;
	*status = (unsigned)number;
	buf_consume(&ws->in, (size_t)end + 4);
	return number == 101 ? 0 : ERR_DENIED;
}

int
deep_ws_open(struct check_deep *d, uint8_t source, const char *path, const char *host,
	const char *lines, struct deep_ws *ws, unsigned *status)
{
	struct buf out = {.max = KIB(16u)};
	int rc;

	*status = 0;
	*ws = (struct deep_ws){
		.fd = deep_connect(d, source), .in = {.max = WS_BUFFER_MAX(DEEP_ANSWER_MAX)}};
	d->requests++;
	arena_init(&ws->arena, 4 * DEEP_ANSWER_MAX);
	if (ws->fd < 0)
		return ws->fd;
	ws_decoder_init(&ws->decoder, WS_CLIENT, DEEP_ANSWER_MAX);
	put_upgrade(d, &out, path, host, lines);
	rc = cli_socket_write(ws->fd, buf_span(&out), DEEP_TIMEOUT_MS);
	buf_clear(&out);
	return rc < 0 ? rc : read_head(ws, status);
}

void
deep_ws_close(struct deep_ws *ws)
{
	if (ws->fd >= 0)
		close(ws->fd);
	buf_clear(&ws->in);
	arena_clear(&ws->arena);
	ws->fd = -1;
}

int
deep_ws_send(struct deep_ws *ws, struct span text)
{
	struct buf out = {.max = text.len + WS_HEAD_MAX};
	uint8_t key[4];
	int rc;

	crypto_random(key, sizeof(key));
	rc = ws_put(&out, WS_TEXT, text, key);
	rc = rc < 0 ? rc : cli_socket_write(ws->fd, buf_span(&out), DEEP_TIMEOUT_MS);
	buf_clear(&out);
	return rc;
}

int
deep_ws_next(struct deep_ws *ws, const struct json_node **root)
{
	struct json_node *node;
	struct ws_event ev;

	for (;;) {
		int rc = ws_decode(&ws->decoder, &ws->in, &ev);

		if (rc == ERR_AGAIN) {
			rc = cli_socket_read(ws->fd, &ws->in, DEEP_TIMEOUT_MS);
			rc = rc == ERR_ABORTED ? 0 : rc;
		} else if (rc == 0 && ev.kind == WS_CLOSE) {
			rc = ERR_EOF;
		} else if (rc == 0 && ev.kind == WS_TEXT) {
			arena_clear(&ws->arena);
			if (json_parse(&ws->arena, ev.data, NULL, &node, NULL) == 0 &&
				span_eq(cli_get_str(node, "type"), SPAN("res"))) {
				*root = node;
				return 0;
			}
		}
		if (rc < 0)
			return rc == ERR_CLOSED ? ERR_EOF : rc;
	}
}

void
deep_ws_connect_put(struct buf *out, const char *scopes, struct span token)
{
	struct json_out o;

	(void)buf_put_cstr(out,
		"{\"type\":\"req\",\"id\":\"connect\",\"method\":\"connect\",\"params\":{"
		"\"minProtocol\":3,\"maxProtocol\":3,\"client\":{\"id\":\"moltbot-probe\","
		"\"mode\":\"probe\",\"version\":\"" MOLTBOT_VERSION
		"\",\"platform\":\"linux\"},\"role\":\"operator\",\"scopes\":");
	(void)buf_put_cstr(out, scopes);
	if (token.len > 0) {
		(void)buf_put_cstr(out, ",\"auth\":{\"token\":");
		json_out_init(&o, out, NULL);
		(void)json_out_str(&o, token);
		(void)buf_put_u8(out, '}');
	}
	(void)buf_put_cstr(out, "}}");
}

int
deep_ws_connect(struct deep_ws *ws, const char *scopes, struct span token)
{
	struct buf out = {.max = KIB(16u)};
	const struct json_node *root;
	int rc;

	deep_ws_connect_put(&out, scopes, token);
	rc = deep_ws_send(ws, buf_span(&out));
	buf_clear(&out);
	rc = rc < 0 ? rc : deep_ws_next(ws, &root);
	if (rc < 0)
		return rc == ERR_EOF ? ERR_DENIED : rc;
	return cli_get_bool(root, "ok", false) ? 0 : ERR_DENIED;
}
