#include "cli_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "cli.h"
#include "crypto/crypto.h"
#include "crypto/crypto_encode.h"
#include "ws/ws.h"

#define READ_STEP KIB(64u)

int
cli_socket_connect(int fd, const struct sockaddr *sa, socklen_t len, const char **what)
{
	int saved;

	if (connect(fd, sa, len) == 0)
		return fd;
	saved = errno;
	*what = strerror(saved);
	close(fd);
	if (saved == EINPROGRESS)
		return ERR_TIMEOUT; /* SO_SNDTIMEO */
	if (saved == ENOENT || saved == ECONNREFUSED)
		return saved == ENOENT ? ERR_NOTFOUND : ERR_CLOSED;
	return saved == EACCES || saved == EPERM ? ERR_DENIED : ERR_SYS;
}

/* Whoever listens there must be us or root: a state directory is private, so anything else is somebody's trick. */
static int
check_listener(int fd, const char **what)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 &&
		(cred.uid == geteuid() || cred.uid == 0))
		return fd;
	close(fd);
	*what = "the control socket belongs to another user";
	return ERR_DENIED;
}

int
cli_socket_pid(int fd)
{
	struct ucred cred = {0};
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 ? cred.pid : 0;
}

int
cli_socket_control(const char *state, const char **what)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int dir = open(state, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd;

	if (dir < 0) {
		*what = strerror(errno);
		return errno == ENOENT ? ERR_NOTFOUND : errno == EACCES ? ERR_DENIED : ERR_SYS;
	}
	/* The path may be longer than sun_path: go through the directory's descriptor. */
	snprintf(sa.sun_path, sizeof(sa.sun_path), "/proc/self/fd/%d/control.sock", dir);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		*what = strerror(errno);
	else
		fd = cli_socket_connect(fd, (const void *)&sa, sizeof(sa), what);
	close(dir);
	return fd < 0 ? fd : check_listener(fd, what);
}

/* Signals are let in only here. Where there is progress to be shown it is, second by second. */
static int
wait_for(int fd, short events, int64_t timeout_ms)
{
	bool ticks = cli_progress_is_on();
	bool ends = timeout_ms >= 0;
	struct pollfd p = {.fd = fd, .events = events};
	sigset_t none;
	int n;

	sigemptyset(&none);
	do {
		int64_t ms = ticks && (!ends || timeout_ms > 1000) ? 1000 : timeout_ms;
		struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

		n = ppoll(&p, 1, ms < 0 ? NULL : &ts, &none);
		timeout_ms -= ms;
		if (n == 0 && ticks)
			cli_progress_tick();
	} while (n == 0 && (!ends || timeout_ms > 0));
	if (n < 0)
		return errno == EINTR ? ERR_ABORTED : ERR_SYS;
	return n == 0 ? ERR_TIMEOUT : 0;
}

int
cli_socket_write(int fd, struct span s, int64_t timeout_ms)
{
	while (s.len > 0) {
		ssize_t n = send(fd, s.ptr, s.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		int rc = 0;

		if (n > 0)
			s = span_sub(s, (size_t)n, SIZE_MAX);
		else if (n < 0 && errno == EAGAIN)
			rc = wait_for(fd, POLLOUT, timeout_ms);
		else if (n < 0 && errno != EINTR)
			return ERR_EOF;
		if (rc < 0 && rc != ERR_ABORTED)
			return rc;
	}
	return 0;
}

int
cli_socket_read(int fd, struct buf *in, int64_t timeout_ms)
{
	size_t step = in->max - in->len < READ_STEP ? in->max - in->len : READ_STEP;
	uint8_t *p = step == 0 ? NULL : buf_room(in, step);
	int rc = wait_for(fd, POLLIN, timeout_ms);
	ssize_t n;

	if (p == NULL)
		return ERR_TOOBIG;
	if (rc < 0)
		return rc;
	n = recv(fd, p, step, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return ERR_EOF;
	buf_added(in, (size_t)n);
	return 0;
}

/* The value of a field in an answer's head; empty when it is not there. */
static struct span
field_of(struct span head, struct span name)
{
	while (head.len > 0) {
		struct span line = span_cut(&head, '\n');
		struct span field = span_cut(&line, ':');

		if (span_eq_nocase(field, name))
			return span_trim(line);
	}
	return SPAN_EMPTY;
}

static int
check_answer(struct span head, struct span key, const char **what)
{
	char accept[WS_ACCEPT_LEN];

	if (span_starts_with(head, SPAN("HTTP/1.1 400 "))) {
		*what = "it refuses ws:// (a gateway with gateway.tls is wss://)";
		return ERR_PROTO;
	}
	if (!span_starts_with(head, SPAN("HTTP/1.1 101 "))) {
		*what = "the other side does not speak WebSocket; is it Moltbot?";
		return ERR_PROTO;
	}
	if (ws_accept_key(key, accept) < 0 || !span_eq(field_of(head, SPAN("sec-websocket-accept")),
						      span_of(accept, sizeof(accept)))) {
		*what = "the answer to the WebSocket handshake is wrong";
		return ERR_PROTO;
	}
	return 0;
}

int
cli_socket_upgrade(int fd, struct span host, struct buf *in, int64_t timeout_ms, const char **what)
{
	struct buf out = {.max = KIB(1u)};
	uint8_t random[16];
	struct buf key = {.max = 64};
	ptrdiff_t end = -1;
	int rc;

	crypto_random(random, sizeof(random));
	(void)crypto_base64_put(&key, span_of(random, sizeof(random)));
	(void)buf_put(&out, SPAN("GET / HTTP/1.1\r\nHost: "));
	(void)buf_put(&out, host);
	(void)buf_put(
		&out, SPAN("\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: "));
	(void)buf_put(&out, buf_span(&key));
	(void)buf_put(&out, SPAN("\r\nSec-WebSocket-Version: 13\r\n\r\n"));
	rc = out.err < 0 ? out.err : cli_socket_write(fd, buf_span(&out), timeout_ms);
	buf_clear(&out);
	while (rc == 0 && end < 0) {
		rc = in->len > HTTP_HEAD_MAX ? ERR_PROTO : cli_socket_read(fd, in, timeout_ms);
		if (rc == ERR_ABORTED)
			rc = 0;
		if (rc == 0)
			end = span_find(buf_span(in), SPAN("\r\n\r\n"));
	}
	if (rc == 0)
		rc = check_answer(span_of(in->ptr, (size_t)end + 2), buf_span(&key), what);
	if (rc == 0)
		buf_consume(in, (size_t)end + 4);
	buf_clear(&key);
	return rc;
}
