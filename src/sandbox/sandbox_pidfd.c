#include "sandbox_launch.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/span.h"

/* What the kernel says of a descriptor: a line "Pid:", a tab, its number; -1 when it has ended. 0: no such line. */
static uint64_t
pid_of(int pidfd)
{
	char text[512];
	struct span rest;
	uint64_t pid = 0;
	ssize_t n;
	int fd;

	(void)snprintf(text, sizeof(text), "/proc/self/fdinfo/%d", pidfd);
	fd = open(text, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text));
	close(fd);
	rest = span_of(text, n > 0 ? (size_t)n : 0);
	while (rest.len > 0) {
		struct span line = span_cut(&rest, '\n');

		if (span_starts_with(line, SPAN("Pid:\t")) &&
			span_to_u64(span_sub(line, 5, line.len), 1, INT32_MAX, &pid) < 0)
			return 0;
	}
	return pid;
}

bool
sandbox_is_own_child(int pidfd, pid_t pid)
{
	return pid > 1 && pid_of(pidfd) == (uint64_t)pid && waitpid(pid, NULL, WNOHANG) == 0;
}
