/* Somebody who has taken audit over, in its very jail, tries to change what is written already. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "jail/jail.h"

extern const struct jail_spec audit_jail;

#define WRITTEN "what was written before\n"

enum attempt {
	A_APPEND,
	A_WRITE_AT_OFFSET,
	A_SEEK,
	A_PWRITE,
	A_PWRITEV2,
	A_TRUNCATE,
	A_MAP,
	A_PUNCH,
	A_COPY,
	A_REOPEN,
	A_N
};

static void
attempt(int fd, enum attempt what)
{
	struct iovec v = {(void *)(uintptr_t) "XXXX", 4};
	loff_t from = 0;
	loff_t to = 0;
	void *p;

	(void)fcntl(fd, F_SETFL, O_RDWR);
	switch (what) {
	case A_APPEND:
		(void)fcntl(fd, F_SETFL, O_RDWR | O_APPEND);
		(void)!write(fd, "XXXX", 4);
		break;
	case A_WRITE_AT_OFFSET:
		(void)!write(fd, "XXXX", 4);
		break;
	case A_SEEK:
		(void)lseek(fd, 0, SEEK_SET);
		(void)!write(fd, "XXXX", 4);
		break;
	case A_PWRITE:
		(void)!pwrite(fd, "XXXX", 4, 0);
		break;
	case A_PWRITEV2:
		(void)!pwritev2(fd, &v, 1, 0, 0);
		break;
	case A_TRUNCATE:
		(void)!ftruncate(fd, 4);
		break;
	case A_MAP:
		p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (p != MAP_FAILED)
			memcpy(p, "XXXX", 4);
		break;
	case A_PUNCH:
		(void)fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4);
		break;
	case A_COPY:
		(void)!copy_file_range(fd, &from, fd, &to, 4, 0);
		break;
	case A_REOPEN:
		(void)!open("/proc/self/fd/3", O_RDWR);
		break;
	case A_N:
		break;
	}
	_exit(0);
}

static void
what_is_written_stays(void **state)
{
	(void)state;
	for (int what = 0; what < A_N; what++) {
		char path[] = "/tmp/moltbot-audit-XXXXXX";
		char got[64] = {0};
		int fd = mkstemp(path);
		int status;
		pid_t pid;

		assert_true(fd >= 0);
		assert_int_equal(write(fd, WRITTEN, strlen(WRITTEN)), (ssize_t)strlen(WRITTEN));
		pid = fork();
		if (pid == 0) {
			struct jail_env env = JAIL_ENV_INIT;
			struct jail_report report;

			if (jail_apply(&audit_jail, &env, &report) < 0)
				_exit(99);
			attempt(fd, (enum attempt)what);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 99);
		assert_true(pread(fd, got, sizeof(got) - 1, 0) >= (ssize_t)strlen(WRITTEN));
		if (memcmp(got, WRITTEN, strlen(WRITTEN)) != 0)
			fail_msg("attempt %d changed the file", what);
		if (what == A_APPEND)
			assert_string_equal(got + strlen(WRITTEN), "XXXX");
		close(fd);
		unlink(path);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_written_stays)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
