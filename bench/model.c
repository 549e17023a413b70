/*
 * model PORT: an instant OpenAI-compatible model on loopback. Every POST is answered at once with the same completion, so that
 * what a turn takes is the gateway's own time. A request that holds "run: WORDS" and no result of a tool yet is answered with
 * a call of shell_exec with these words as its command. Ends when its standard input closes.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "ev/ev.h"

static const char whole[] = "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":1,\"model\":"
			    "\"m\",\"choices\":[{\"index\":0,\"message\":"
			    "{\"role\":\"assistant\",\"content\":\"done\"},\"finish_reason\":"
			    "\"stop\"}],\"usage\":{\"prompt_tokens\":1,"
			    "\"completion_tokens\":1,\"total_tokens\":2}}";

static const char call_head[] =
	"{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",\"choices\":[{"
	"\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":"
	"\"t1\","
	"\"type\":\"function\",\"function\":{\"name\":\"shell_exec\",\"arguments\":\"{"
	"\\\"command\\\":"
	"\\\"";
static const char call_tail[] =
	"\\\"}\"}}]},\"finish_reason\":\"tool_calls\"}],\"usage\":{\"prompt_tokens\":1,"
	"\"completion_tokens\":1,\"total_tokens\":2}}";

struct conn {
	struct ev_fd *watch;
	struct buf in;
};

static void
drop(struct conn *c, int fd)
{
	ev_fd_del(c->watch);
	close(fd);
	buf_clear(&c->in);
	free(c);
}

/* The length of the first whole request in what has come, 0 while it is not whole. */
static size_t
request_len(struct span in)
{
	ptrdiff_t head = span_find(in, SPAN("\r\n\r\n"));
	ptrdiff_t at = span_find(in, SPAN("Content-Length: "));
	struct span digits;
	uint64_t n = 0;

	if (head < 0)
		return 0;
	if (at >= 0 && at < head) {
		digits = span_sub(in, (size_t)at + 16, in.len);
		digits.len = (size_t)span_find_byte(digits, '\r');
		(void)span_to_u64(digits, 0, 1u << 26, &n);
	}
	return in.len >= (size_t)head + 4 + n ? (size_t)head + 4 + (size_t)n : 0;
}

static void
answer(struct span request, struct buf *out)
{
	ptrdiff_t at = span_find(request, SPAN("run: "));
	struct span words = at < 0 ? SPAN_EMPTY : span_sub(request, (size_t)at + 5, request.len);
	struct span command = span_cut(&words, '"');

	buf_put_fmt(out, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ");
	if (at < 0 || span_find(request, SPAN("\"role\":\"tool\"")) >= 0) {
		buf_put_fmt(out, "%zu\r\n\r\n%s", sizeof(whole) - 1, whole);
		return;
	}
	buf_put_fmt(out, "%zu\r\n\r\n%s", sizeof(call_head) + sizeof(call_tail) - 2 + command.len,
		call_head);
	buf_put(out, command);
	buf_put_cstr(out, call_tail);
}

static void
on_conn(struct ev *ev, int fd, unsigned events, void *arg)
{
	struct conn *c = arg;
	struct buf out = {.max = 65536};
	uint8_t tmp[65536];
	ssize_t n = read(fd, tmp, sizeof(tmp));
	size_t len;

	(void)ev;
	(void)events;
	if (n <= 0) {
		drop(c, fd);
		return;
	}
	buf_put(&c->in, span_of(tmp, (size_t)n));
	while ((len = request_len(buf_span(&c->in))) > 0) {
		answer(span_sub(buf_span(&c->in), 0, len), &out);
		buf_consume(&c->in, len);
	}
	if (out.len > 0 && write(fd, out.ptr, out.len) < 0)
		drop(c, fd);
	buf_clear(&out);
}

static void
on_listen(struct ev *ev, int fd, unsigned events, void *arg)
{
	int s = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct conn *c;
	int yes = 1;

	(void)events;
	(void)arg;
	if (s < 0)
		return;
	(void)setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	c = mem_alloc(1, sizeof(*c));
	c->in.max = 1u << 26;
	c->watch = ev_fd_add(ev, s, EV_READ, on_conn, c);
}

static void
on_stdin(struct ev *ev, int fd, unsigned events, void *arg)
{
	char c;

	(void)events;
	(void)arg;
	if (read(fd, &c, 1) <= 0)
		ev_stop(ev);
}

int
main(int argc, char **argv)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct ev *ev = ev_new();
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int yes = 1;
	uint64_t port;

	if (argc != 2 || span_to_u64(span_from_cstr(argv[1]), 1, 65535, &port) < 0)
		return 64;
	sa.sin_port = htons((uint16_t)port);
	signal(SIGPIPE, SIG_IGN);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(fd, 256) < 0)
		return 1;
	ev_fd_add(ev, fd, EV_READ, on_listen, NULL);
	ev_fd_add(ev, 0, EV_READ, on_stdin, NULL);
	return ev_run(ev) < 0;
}
