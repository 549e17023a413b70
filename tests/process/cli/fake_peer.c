#include "fake_peer.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "json/json.h"
#include "ws/ws.h"

#define MESSAGE_MAX MIB(32u)

int
fake_peer_listen(const char *state)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/control.sock", state);
	(void)unlink(sa.sun_path);
	return bind(fd, (const void *)&sa, sizeof(sa)) < 0 || listen(fd, 8) < 0 ? -1 : fd;
}

static int
more(int fd, struct buf *in)
{
	uint8_t *p = buf_room(in, 65536);
	ssize_t n = p == NULL ? -1 : read(fd, p, 65536);

	if (n <= 0)
		return -1;
	buf_added(in, (size_t)n);
	return 0;
}

static void
send_all(int fd, struct span s)
{
	while (s.len > 0) {
		ssize_t n = send(fd, s.ptr, s.len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		s = span_sub(s, (size_t)n, SIZE_MAX);
	}
}

static void
send_text(int fd, struct span text)
{
	struct buf b = {.max = MESSAGE_MAX};

	(void)ws_put(&b, WS_TEXT, text, NULL);
	send_all(fd, buf_span(&b));
	buf_clear(&b);
}

/* @ID and @RUN replaced. */
static void
send_filled(int fd, struct span frame, struct span id, struct span run)
{
	struct buf b = {.max = MESSAGE_MAX};

	while (frame.len > 0) {
		if (span_starts_with(frame, SPAN("@ID"))) {
			(void)buf_put(&b, id);
			frame = span_sub(frame, 3, SIZE_MAX);
		} else if (span_starts_with(frame, SPAN("@RUN"))) {
			(void)buf_put(&b, run);
			frame = span_sub(frame, 4, SIZE_MAX);
		} else {
			(void)buf_put_u8(&b, frame.ptr[0]);
			frame = span_sub(frame, 1, SIZE_MAX);
		}
	}
	send_text(fd, buf_span(&b));
	buf_clear(&b);
}

static struct span
text_of(const struct json_node *n)
{
	struct span s = SPAN_EMPTY;

	(void)json_node_str(n, &s);
	return s;
}

/* False: the table says to close. */
static bool
answer(int fd, struct span text, const struct fake_answer *answers)
{
	struct arena a;
	struct json_node *root = NULL;
	const struct json_node *params;
	struct span method;
	bool open = true;

	arena_init(&a, MESSAGE_MAX);
	(void)json_parse(&a, text, NULL, &root, NULL);
	params = json_get(root, SPAN("params"));
	method = text_of(json_get(root, SPAN("method")));
	for (; answers->method != NULL; answers++) {
		struct span rest = span_from_cstr(answers->frames);

		if (!span_eq(method, span_from_cstr(answers->method)))
			continue;
		while (rest.len > 0 && open) {
			struct span frame = span_cut(&rest, '\n');

			open = !span_eq(frame, SPAN("@CLOSE"));
			if (open)
				send_filled(fd, frame, text_of(json_get(root, SPAN("id"))),
					text_of(json_get(params, SPAN("idempotencyKey"))));
		}
		break;
	}
	arena_clear(&a);
	return open;
}

static int
upgrade(int fd, struct buf *in)
{
	static const char name[] = "Sec-WebSocket-Key: ";
	char accept[WS_ACCEPT_LEN];
	struct buf b = {.max = 1024};
	ptrdiff_t at;

	while (span_find(buf_span(in), SPAN("\r\n\r\n")) < 0) {
		if (more(fd, in) < 0)
			return -1;
	}
	at = span_find(buf_span(in), span_from_cstr(name));
	if (at < 0 || ws_accept_key(span_sub(buf_span(in), (size_t)at + sizeof(name) - 1, 24),
			      accept) < 0)
		return -1;
	buf_consume(in, (size_t)span_find(buf_span(in), SPAN("\r\n\r\n")) + 4);
	(void)buf_put_fmt(&b,
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Accept: %.*s\r\n\r\n",
		WS_ACCEPT_LEN, accept);
	send_all(fd, buf_span(&b));
	buf_clear(&b);
	send_text(fd, SPAN("{\"type\":\"event\",\"event\":\"connect.challenge\",\"payload\":{"
			   "\"nonce\":\"n\",\"ts\":1}}"));
	return 0;
}

static void
serve_one(int fd, const struct fake_answer *answers)
{
	struct buf in = {.max = WS_BUFFER_MAX(MIB(1u))};
	struct ws_decoder d;
	struct ws_event ev;
	bool open = upgrade(fd, &in) == 0;

	ws_decoder_init(&d, WS_SERVER, MIB(1u));
	while (open) {
		int rc = ws_decode(&d, &in, &ev);

		if (rc == 0 && ev.kind == WS_TEXT)
			open = answer(fd, ev.data, answers);
		else if (rc == ERR_AGAIN)
			open = more(fd, &in) == 0;
		else
			open = false;
	}
	buf_clear(&in);
	close(fd);
}

void
fake_peer_serve(int listener, const struct fake_answer *answers)
{
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd >= 0)
			serve_one(fd, answers);
	}
}
