#include "edge_kit.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "proto/anon_user.h"

#define WAIT_MS 30000

char kit_last[65536];

int
kit_listen(uint16_t *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 4096), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

static void
put_file(int dir, const char *name, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

int
kit_ui(void)
{
	char path[] = "/tmp/edge-ui-XXXXXX";
	int fd;

	assert_non_null(mkdtemp(path));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	put_file(fd, "index.html", "<!doctype html><title>ui</title>");
	put_file(fd, "app.js", "export const x = 1;");
	put_file(fd, "app.js.gz", "packed");
	put_file(fd, ".hidden", "secret");
	assert_int_equal(mkdirat(fd, "assets", 0700), 0);
	put_file(fd, "assets/logo.svg", "<svg/>");
	assert_int_equal(symlinkat("/etc/passwd", fd, "link.txt"), 0);
	return fd;
}

static void
drop_ui(int fd)
{
	static const char *const names[] = {
		"index.html", "app.js", "app.js.gz", ".hidden", "assets/logo.svg", "link.txt"};
	char self[64];
	char path[256];
	ssize_t n;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlinkat(fd, names[i], 0);
	(void)unlinkat(fd, "assets", AT_REMOVEDIR);
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	n = readlink(self, path, sizeof(path) - 1);
	if (n > 0) {
		path[n] = 0;
		(void)rmdir(path);
	}
	close(fd);
}

size_t
kit_raise_files(size_t most)
{
	struct rlimit r;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &r), 0);
	r.rlim_cur = r.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &r);
	return r.rlim_cur > most + 100 ? most : (size_t)r.rlim_cur - 100;
}

struct harness *
kit_anon(const char *program, uint16_t *port, int *vault, void (*options)(struct args_out *out))
{
	int listener = kit_listen(port);
	int ui = kit_ui();
	struct buf slice = {.max = KIB(8)};
	struct args_out out;
	struct harness *h;

	args_out_init(&out, &slice, false);
	args_out_u64(&out, "gateway.port", *port);
	if (options != NULL)
		options(&out);
	assert_int_equal(args_out_done(&out), 0);
	h = harness_new(program, "anon",
		&(struct harness_options){.kind = KIND_ANON,
			.has_clock = true,
			.slice = buf_span(&slice),
			.nhandles = 2,
			.handles = {{HANDLE_LISTEN, *port, listener}, {HANDLE_UI, 0, ui}}});
	*vault = harness_peer(h, KIND_VAULT, 0);
	harness_start(h);
	close(listener);
	drop_ui(ui);
	buf_clear(&slice);
	return h;
}

int
kit_connect(uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

void
kit_send(int fd, const char *text)
{
	size_t len = strlen(text);

	while (len > 0) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n <= 0)
			return; /* refused meanwhile: the answer says so */
		text += n;
		len -= (size_t)n;
	}
}

static size_t
read_more(int fd, size_t at)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	ssize_t n;

	if (poll(&p, 1, WAIT_MS) != 1)
		fail_msg("nothing came for %d ms; so far: %.*s", WAIT_MS, (int)at, kit_last);
	n = recv(fd, kit_last + at, sizeof(kit_last) - 1 - at, 0);
	return n > 0 ? (size_t)n : 0;
}

const char *
kit_read(int fd, const char *needle)
{
	size_t at = 0;
	size_t n;

	kit_last[0] = 0;
	while ((n = read_more(fd, at)) > 0) {
		at += n;
		kit_last[at] = 0;
		if (needle != NULL && strstr(kit_last, needle) != NULL)
			return kit_last;
	}
	if (needle != NULL)
		fail_msg("closed before %s: %s", needle, kit_last);
	return kit_last;
}

static bool
is_whole(size_t at, bool head)
{
	const char *end = strstr(kit_last, "\r\n\r\n");
	const char *len = strstr(kit_last, "Content-Length: ");

	if (end == NULL)
		return false;
	if (head || len == NULL || len > end)
		return len == NULL ? strstr(kit_last, " 304 ") != NULL ||
					     strstr(kit_last, " 101 ") != NULL
				   : head;
	return at >= (size_t)(end + 4 - kit_last) + strtoul(len + 16, NULL, 10);
}

const char *
kit_ask(int fd, const char *text)
{
	size_t at = 0;
	size_t n;

	kit_last[0] = 0;
	kit_send(fd, text);
	while ((n = read_more(fd, at)) > 0) {
		at += n;
		kit_last[at] = 0;
		if (is_whole(at, strncmp(text, "HEAD", 4) == 0))
			break;
	}
	return kit_last;
}

int
kit_status(uint16_t port, const char *text)
{
	int fd = kit_connect(port);
	const char *answer = kit_ask(fd, text);

	close(fd);
	return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? (int)strtol(answer + 9, NULL, 10) : 0;
}

int
kit_hand_over(int anon, bool websocket, const char *unread, bool device)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	harness_send(anon, &anon_user_proto, IPC_SIDE_A, ANON_USER_HANDOVER,
		&(struct anon_user_handover){.client = pair[1],
			.ticket = KIT_TICKET,
			.websocket = websocket,
			.unread = span_from_cstr(unread),
			.connect_id = SPAN("c1"),
			.client_id = SPAN("test"),
			.client_mode = SPAN("test"),
			.client_version = SPAN("1"),
			.platform = SPAN("linux"),
			.role = SPAN("operator"),
			.source = SPAN("127.0.0.1"),
			.host = SPAN("x"),
			.device = device});
	close(pair[1]);
	return pair[0];
}

/* ---- WebSocket ---- */

void
kit_ws_wrap(struct kit_ws *w, int fd)
{
	*w = (struct kit_ws){.fd = fd, .in = {.max = WS_BUFFER_MAX(MIB(8))}};
	ws_decoder_init(&w->d, WS_CLIENT, MIB(8));
}

void
kit_ws_open(struct kit_ws *w, uint16_t port, const char *lines)
{
	char head[2048];
	const char *text;
	const char *nonce;
	const char *end;

	kit_ws_wrap(w, kit_connect(port));
	(void)snprintf(head, sizeof(head),
		"GET / HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUpgrade: websocket\r\nConnection: "
		"Upgrade\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: "
		"13\r\n%s\r\n",
		port, lines);
	kit_send(w->fd, head);
	for (size_t at = 0; at < 4 || strcmp(kit_last + at - 4, "\r\n\r\n") != 0; at++) {
		assert_int_equal(recv(w->fd, kit_last + at, 1, MSG_WAITALL), 1);
		kit_last[at + 1] = 0;
	}
	assert_int_equal(strncmp(kit_last, "HTTP/1.1 101 ", 13), 0);
	assert_non_null(strstr(kit_last, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
	assert_int_equal(kit_ws_next(w, &text, NULL), WS_TEXT);
	nonce = strstr(text, "\"nonce\":\"");
	assert_non_null(nonce);
	end = strchr(nonce + 9, '"');
	assert_non_null(end);
	memcpy(w->nonce, nonce + 9, (size_t)(end - nonce - 9));
}

void
kit_ws_send_bytes(struct kit_ws *w, enum ws_opcode opcode, struct span bytes)
{
	static const uint8_t key[4] = {0x11, 0x22, 0x33, 0x44};
	struct buf out = {.max = bytes.len + 64};
	size_t at = 0;

	assert_int_equal(ws_put(&out, opcode, bytes, key), 0);
	while (at < out.len) {
		ssize_t n = send(w->fd, out.ptr + at, out.len - at, MSG_NOSIGNAL);

		if (n <= 0)
			break;
		at += (size_t)n;
	}
	buf_clear(&out);
}

void
kit_ws_send(struct kit_ws *w, const char *text)
{
	kit_ws_send_bytes(w, WS_TEXT, span_from_cstr(text));
}

enum ws_opcode
kit_ws_next(struct kit_ws *w, const char **text, uint16_t *code)
{
	static uint8_t *copy;
	struct ws_event ev;
	int rc;

	for (;;) {
		rc = ws_decode(&w->d, &w->in, &ev);
		if (rc == 0 && ev.kind == WS_PING)
			continue;
		if (rc != ERR_AGAIN)
			break;
		struct pollfd p = {.fd = w->fd, .events = POLLIN};
		ssize_t n;

		if (poll(&p, 1, WAIT_MS) != 1)
			fail_msg("no frame for %d ms", WAIT_MS);
		n = recv(w->fd, buf_room(&w->in, KIB(64)), KIB(64), 0);
		if (n <= 0)
			fail_msg("the connection ended without a close frame (errno %d)",
				n < 0 ? errno : 0);
		buf_added(&w->in, (size_t)n);
	}
	if (rc != 0)
		fail_msg("frame: %s", err_text(rc));
	free(copy);
	copy = mem_copy(ev.data);
	*text = (const char *)copy;
	if (code != NULL)
		*code = ev.code;
	return ev.kind;
}

const char *
kit_ws_wait(struct kit_ws *w, const char *needle)
{
	const char *text;

	for (;;) {
		if (kit_ws_next(w, &text, NULL) == WS_CLOSE)
			fail_msg("closed (%s) before %s", text, needle);
		if (strstr(text, needle) != NULL)
			return text;
	}
}

uint16_t
kit_ws_closed(struct kit_ws *w)
{
	const char *text;
	uint16_t code = 0;

	while (kit_ws_next(w, &text, &code) != WS_CLOSE)
		;
	return code;
}

void
kit_ws_free(struct kit_ws *w)
{
	close(w->fd);
	buf_clear(&w->in);
}

long
kit_rss_kib(pid_t pid)
{
	char path[64];
	char line[256];
	long kib = -1;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	if (f == NULL)
		return -1;
	while (fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, "VmRSS:", 6) == 0)
			kib = strtol(line + 6, NULL, 10);
	}
	(void)fclose(f);
	return kib;
}
