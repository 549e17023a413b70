/* Attempts to use more than a cell is given. Each stops by itself a little past the limit, should there be none. */
#include "probe.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/limits.h"

/* The children wait for the pipe to end, which it does with this process. */
long
attempt_PROCESSES(void)
{
	pid_t pids[4 * CELL_PIDS];
	int n = 0;
	int saved = 0;
	int fds[2];
	char c;

	if (pipe2(fds, O_CLOEXEC) != 0)
		return -1;
	while (n < 4 * CELL_PIDS) {
		pid_t pid = fork();

		if (pid == 0) {
			close(fds[1]);
			_exit(read(fds[0], &c, 1) < 0 ? 1 : 0);
		}
		if (pid < 0) {
			saved = errno;
			break;
		}
		pids[n++] = pid;
	}
	close(fds[1]);
	while (n > 0)
		(void)waitpid(pids[--n], NULL, 0);
	return saved == 0 ? 0 : probe_fail(saved);
}

long
attempt_MEMORY(void)
{
	const size_t step = MIB(16u);

	for (uint64_t used = 0; used < 2ull * CELL_MEM; used += step) {
		void *p = mmap(
			NULL, step, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			return -1;
		memset(p, 1, step);
	}
	return 0;
}

long
attempt_BIG_FILE(void)
{
	int fd = open(".moltbot-probe", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	long rc;
	int saved;

	if (fd < 0)
		return 0;
	(void)signal(SIGXFSZ, SIG_IGN);
	rc = pwrite(fd, "x", 1, 100000000000LL);
	saved = errno;
	close(fd);
	(void)unlink(".moltbot-probe");
	errno = saved;
	return rc;
}

long
attempt_MANY_FILES(void)
{
	char path[64];
	int saved = 0;
	int n = 0;

	while (n < 20000 && saved == 0) {
		(void)snprintf(path, sizeof(path), "/tmp/.moltbot-probe-%d-%d", (int)getpid(), n);
		if (probe_close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) < 0)
			saved = errno;
		else
			n++;
	}
	while (n > 0) {
		(void)snprintf(path, sizeof(path), "/tmp/.moltbot-probe-%d-%d", (int)getpid(), --n);
		(void)unlink(path);
	}
	return saved == 0 ? 0 : probe_fail(saved);
}

long
attempt_MANY_FDS(void)
{
	for (int i = 0; i < 4 * CELL_FDS; i++)
		if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
			return -1;
	return 0;
}
