#include "load_attack.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

#define KINDS 3

static int
stranger(uint16_t port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0) {
		perror("load: stranger");
		return -1;
	}
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

/* What a stranger of this kind sends at once; the rest of it never comes. */
static struct span
opening_of(size_t kind, uint16_t port)
{
	static uint8_t frame[32768] = {0x81, 0xff, 0, 0, 0, 0, 0x40}; /* text, masked, 1 GiB */
	static char head[32768];
	static char upgrade[256];
	int n;

	if (kind == 0)
		return SPAN_EMPTY;
	if (kind == 1) {
		n = snprintf(head, sizeof(head),
			"GET / HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nX-Slow: ", port);
		memset(head + n, 'a', 7000);
		return span_of(head, (size_t)n + 7000);
	}
	if (kind == 2) {
		n = snprintf(upgrade, sizeof(upgrade),
			"GET / HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUpgrade: websocket\r\nConnection: "
			"Upgrade\r\nSec-WebSocket-Version: 13\r\n"
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
			port);
		return span_of(upgrade, (size_t)n);
	}
	return span_of(frame, sizeof(frame));
}

static void
say(int fd, struct span what)
{
	if (what.len > 0 && send(fd, what.ptr, what.len, MSG_NOSIGNAL) < 0)
		return; /* refused already: its memory is free again, which is what is measured */
}

int
load_flood(uint16_t port, size_t n)
{
	int *fds = mem_alloc(n, sizeof(*fds));
	char end;

	for (size_t i = 0; i < n; i++) {
		fds[i] = stranger(port);
		if (fds[i] < 0)
			return 1;
		say(fds[i], opening_of(i % KINDS, port));
	}
	for (size_t i = 2; i < n; i += KINDS)
		say(fds[i], opening_of(KINDS, port));
	printf("ready\n");
	fflush(stdout);
	while (read(0, &end, 1) > 0)
		continue;
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
	free(fds);
	return 0;
}

static bool
has_mark(const char *pid, const char *mark)
{
	char path[64];
	char text[4096];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%.20s/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	if (fd >= 0)
		close(fd);
	return n > 0 && memmem(text, (size_t)n, mark, strlen(mark)) != NULL;
}

size_t
load_marked(const char *mark, int *pidfds, size_t cap)
{
	DIR *proc = opendir("/proc");
	const struct dirent *e;
	uint64_t pid;
	size_t n = 0;

	while (proc != NULL && n < cap && (e = readdir(proc)) != NULL) {
		if (span_to_u64(span_from_cstr(e->d_name), 1, INT32_MAX, &pid) < 0 ||
			!has_mark(e->d_name, mark))
			continue;
		pidfds[n] = pidfd_open((pid_t)pid, 0);
		n += pidfds[n] >= 0;
	}
	if (proc != NULL)
		closedir(proc);
	return n;
}

int
load_wait_ended(const int *pidfds, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct pollfd p = {.fd = pidfds[i], .events = POLLIN};

		if (poll(&p, 1, 10000) != 1)
			return -1;
	}
	return 0;
}
