/* Attempts at namespaces, at other processes, and at the kernel's wider doors. */
#include "probe.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#define NR_PIDFD_OPEN 434
#define NR_PIDFD_GETFD 438
#define SEIZE 0x4206 /* PTRACE_SEIZE: unlike PTRACE_ATTACH it does not stop who is traced */

static char junk[256] = "x";

long
attempt_MOUNT(void)
{
	return mount("none", ".", "tmpfs", 0, NULL);
}

long
attempt_UMOUNT(void)
{
	return umount2(".", MNT_DETACH);
}

long
attempt_REMOUNT(void)
{
	return mount(NULL, "/usr", NULL, MS_REMOUNT | MS_BIND, NULL);
}

long
attempt_PIVOT_ROOT(void)
{
	return syscall(__NR_pivot_root, ".", ".");
}

long
attempt_CHROOT(void)
{
	return chroot(".");
}

long
attempt_UNSHARE_USER(void)
{
	return unshare(CLONE_NEWUSER);
}

long
attempt_CLONE_USER(void)
{
	long pid = syscall(__NR_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	return pid;
}

/* Any descriptor will do: what the kernel thinks of it comes after whether it is asked at all. */
long
attempt_SETNS(void)
{
	return setns(0, 0);
}

long
attempt_HOST_NAME(void)
{
	struct utsname u;

	if (uname(&u) != 0)
		return -1;
	return strcmp(u.nodename, "cell") == 0 ? probe_fail(ENODATA) : 0;
}

/* How many segments of System V shared memory there are: in a namespace of its own none. */
long
attempt_SYSV(void)
{
	struct shm_info info = {0};

	if (shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&info) < 0)
		return -1;
	return info.used_ids > 0 ? 0 : probe_fail(ENODATA);
}

long
attempt_PTRACE(void)
{
	return syscall(__NR_ptrace, SEIZE, getppid(), 0, 0);
}

long
attempt_VM_READ(void)
{
	char byte;
	struct iovec mine = {&byte, 1};
	struct iovec theirs = {junk, 1};

	return syscall(__NR_process_vm_readv, getppid(), &mine, 1, &theirs, 1, 0);
}

long
attempt_PIDFD_GETFD(void)
{
	long fd = syscall(NR_PIDFD_OPEN, getppid(), 0);

	return fd < 0 ? fd : syscall(NR_PIDFD_GETFD, fd, 0, 0);
}

long
attempt_KILL_OTHERS(void)
{
	return kill((pid_t)probe_world.host_pid, 0);
}

long
attempt_FDS(void)
{
	for (int fd = 0; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0 && (fd >= 64 || !(probe_world.fds >> fd & 1)))
			return fd;
	return probe_fail(ENODATA);
}

long
attempt_KEYCTL(void)
{
	return syscall(__NR_keyctl, 0, -3, 1, 0, 0);
}

/* Below, arguments that mean nothing: a kernel that gets as far as saying so has let the caller in. */
long
attempt_BPF(void)
{
	return syscall(__NR_bpf, 0, junk, 72);
}

long
attempt_IO_URING(void)
{
	memset(junk, 0, sizeof(junk));
	return syscall(__NR_io_uring_setup, 1, junk);
}

long
attempt_USERFAULTFD(void)
{
	return syscall(__NR_userfaultfd, O_CLOEXEC);
}

long
attempt_PERF(void)
{
	return syscall(__NR_perf_event_open, junk, 0, -1, -1, 0);
}

long
attempt_HANDLE_AT(void)
{
	return syscall(__NR_open_by_handle_at, AT_FDCWD, junk, 0);
}

long
attempt_MODULE(void)
{
	return syscall(__NR_finit_module, -1, "", 0);
}

long
attempt_KEXEC(void)
{
	return syscall(__NR_kexec_load, 0, 1000, NULL, ~0ul);
}

/* With the wrong magic numbers: nothing restarts. */
long
attempt_REBOOT(void)
{
	return syscall(__NR_reboot, 1, 2, 3, 0);
}

long
attempt_PERSONALITY(void)
{
	return syscall(__NR_personality, 0x0400000);
}

long
attempt_SETUID(void)
{
	return syscall(__NR_setresuid, 0, 0, 0);
}

long
attempt_CAPSET(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
		{.effective = 1u << CAP_DAC_OVERRIDE, .permitted = 1u << CAP_DAC_OVERRIDE}};

	return syscall(__NR_capset, &head, data);
}

/* On a terminal of its own where one can be opened. */
long
attempt_TIOCSTI(void)
{
	int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);

	return ioctl(fd >= 0 ? fd : 0, TIOCSTI, junk);
}

long
attempt_TIOCLINUX(void)
{
	junk[0] = 6; /* TIOCL_GETSHIFTSTATE: asks, changes nothing */
	return ioctl(0, TIOCLINUX, junk);
}

static const char *const plain[] = {NULL};

static long
run_true(int fd)
{
	static char name[] = "true";
	static char *const argv[] = {name, NULL};

	return syscall(__NR_execveat, fd, fd < 0 ? "/bin/true" : "", argv, plain,
		fd < 0 ? 0 : 0x1000 /* AT_EMPTY_PATH */);
}

/* When it works nothing comes back: the program ends with 0, which is what success is. */
long
attempt_EXECVE(void)
{
	return run_true(-1);
}

long
attempt_MEMFD_EXEC(void)
{
	static const char script[] = "#!/bin/true\n";
	int fd = memfd_create("x", 0);

	if (fd < 0)
		return -1;
	if (write(fd, script, sizeof(script) - 1) < 0)
		return -1;
	return run_true(fd);
}

long
attempt_X32(void)
{
#ifdef __x86_64__
	return syscall(0x40000000L | __NR_getpid);
#else
	return probe_fail(ENOSYS);
#endif
}

/* Runs a program and takes what it says; its length, or -1. */
static ssize_t
output_of(const char *path, char *const argv[], char *const envp[], char *out, size_t cap)
{
	size_t len = 0;
	ssize_t n;
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) != 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		if (dup2(fds[1], 1) < 0 || dup2(fds[1], 2) < 0)
			_exit(126);
		(void)execve(path, argv, envp);
		_exit(127);
	}
	close(fds[1]);
	while (len < cap && (n = read(fds[0], out + len, cap - len)) > 0)
		len += (size_t)n;
	close(fds[0]);
	(void)waitpid(pid, NULL, 0);
	return pid < 0 ? -1 : (ssize_t)len;
}

/* What `env` prints, compared byte for byte with what programs in cells are to be given. */
long
attempt_ENVIRONMENT(void)
{
	static char name[] = "env";
	static char *const argv[] = {name, NULL};
	char expected[512];
	char got[4096];
	size_t len = 0;
	ssize_t n;

	for (const char *const *e = cell_environment; *e != NULL; e++)
		len += (size_t)snprintf(expected + len, sizeof(expected) - len, "%s\n", *e);
	n = output_of("/usr/bin/env", argv,
		probe_world.outside ? environ : (char *const *)(uintptr_t)cell_environment, got,
		sizeof(got));
	return n == (ssize_t)len && memcmp(got, expected, len) == 0 ? probe_fail(ENODATA) : 0;
}

/*
 * A program that is set-uid says nothing of its auxiliary vector, because the loader sees that the kernel raised it. One that
 * was not raised prints it.
 */
long
attempt_SETUID_PROGRAM(void)
{
	static const char *const programs[] = {
		"/usr/bin/su", "/usr/bin/passwd", "/usr/bin/mount", "/usr/bin/chsh", "/bin/su"};
	static char show[] = "LD_SHOW_AUXV=1", help[] = "--help", name[] = "x";
	static char *const envp[] = {show, NULL};
	static char *const argv[] = {name, help, NULL};
	char got[4096];

	if (probe_world.outside && geteuid() == 0 &&
		syscall(__NR_setresuid, 65534, 65534, 65534) != 0)
		return probe_fail(EPERM);
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		ssize_t n;

		if (access(programs[i], X_OK) != 0)
			continue;
		n = output_of(programs[i], argv, envp, got, sizeof(got));
		if (n > 0 && span_find(span_of(got, (size_t)n), SPAN("AT_SECURE:")) < 0)
			return 0;
	}
	return probe_fail(EPERM);
}
