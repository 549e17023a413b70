/* Each attempt as itself: the call that an attacker would make, and what the kernel said. */
#include "cell.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "ipc/ipc.h"
#include "proto/probes.h"

static uint32_t sandbox_pid;

static long
open_read(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0)
		close(fd);
	return fd;
}

static long
open_write(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
	return fd;
}

static long
read_parent(void)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%u/maps", sandbox_pid);
	return open_read(path);
}

static long
through_symlink(void)
{
	long rc;

	if (symlink("/etc/shadow", ".moltbot-probe") != 0 && errno != EEXIST)
		return -1;
	rc = open_read(".moltbot-probe");
	int saved = errno;
	(void)unlink(".moltbot-probe");
	errno = saved;
	return rc;
}

/* Connected, refused and unreachable all mean that a packet had somewhere to go. */
static long
connect4(uint32_t address)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET, .sin_port = htons(80), .sin_addr = {htonl(address)}};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -1 : connect(fd, (struct sockaddr *)&sin, sizeof(sin));
}

static long
connect6(void)
{
	struct sockaddr_in6 sin = {.sin6_family = AF_INET6,
		.sin6_port = htons(80),
		.sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -1 : connect(fd, (struct sockaddr *)&sin, sizeof(sin));
}

static long
read_init_memory(void)
{
	char byte;
	struct iovec mine = {&byte, 1};
	struct iovec theirs = {&byte, 1};

	return syscall(__NR_process_vm_readv, getppid(), &mine, 1, &theirs, 1, 0);
}

static long
take_capabilities(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
		{.effective = 1u << CAP_DAC_OVERRIDE, .permitted = 1u << CAP_DAC_OVERRIDE}};

	return syscall(__NR_capset, &head, data);
}

static long
clone_user(void)
{
	long pid = syscall(__NR_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	return pid;
}

static long
run_true(void)
{
	static char name[] = "true";
	static char *const argv[] = {name, NULL};

	return execve("/bin/true", argv, (char *const *)(uintptr_t)cell_environment);
}

static long
attempt(unsigned probe)
{
	char type[] = "x";

	switch ((enum probe)probe) {
	case PROBE_SHADOW:
		return open_read("/etc/shadow");
	case PROBE_PROC_ROOT:
		return open_read("/proc/1/root/etc");
	case PROBE_HOST_ROOT_HOME:
		return open_read("/root");
	case PROBE_HOST_HOME:
		return open_read("/home");
	case PROBE_HOST_VAR:
		return open_read("/var");
	case PROBE_HOST_SYS:
		return open_read("/sys");
	case PROBE_PARENT_PROC:
		return read_parent();
	case PROBE_WRITE_USR:
		return open_write("/usr/moltbot-probe");
	case PROBE_WRITE_ETC:
		return open_write("/etc/moltbot-probe");
	case PROBE_DOTDOT:
		return open_read("../../../../../root");
	case PROBE_SYMLINK:
		return through_symlink();
	case PROBE_TCP_LOOPBACK:
		return connect4(INADDR_LOOPBACK);
	case PROBE_TCP6_LOOPBACK:
		return connect6();
	case PROBE_METADATA:
		return connect4(0xa9fea9feu);
	case PROBE_PUBLIC:
		return connect4(0x01010101u);
	case PROBE_RAW_SOCKET:
		return socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, 1);
	case PROBE_NETLINK:
		return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
	case PROBE_PACKET:
		return socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	case PROBE_VSOCK:
		return socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
	case PROBE_MOUNT:
		return mount("none", "/tmp", "tmpfs", 0, NULL);
	case PROBE_UMOUNT:
		return umount2("/workspace", MNT_DETACH);
	case PROBE_PIVOT_ROOT:
		return syscall(__NR_pivot_root, ".", ".");
	case PROBE_CHROOT:
		return chroot(".");
	case PROBE_UNSHARE_USER:
		return unshare(CLONE_NEWUSER);
	case PROBE_CLONE_USER:
		return clone_user();
	case PROBE_SETNS:
		return setns(0, 0);
	case PROBE_PTRACE:
		return syscall(__NR_ptrace, 16 /* PTRACE_ATTACH */, getppid(), 0, 0);
	case PROBE_VM_READ:
		return read_init_memory();
	case PROBE_KEYCTL:
		return syscall(__NR_keyctl, 0, -3, 0, 0, 0);
	case PROBE_BPF:
		return syscall(__NR_bpf, 0, type, 0);
	case PROBE_IO_URING:
		return syscall(__NR_io_uring_setup, 1, type);
	case PROBE_USERFAULTFD:
		return syscall(__NR_userfaultfd, 1);
	case PROBE_PERF:
		return syscall(__NR_perf_event_open, type, 0, -1, -1, 0);
	case PROBE_HANDLE_AT:
		return syscall(__NR_open_by_handle_at, AT_FDCWD, type, 0);
	case PROBE_MODULE:
		return syscall(__NR_finit_module, 0, type, 0);
	case PROBE_PERSONALITY:
		return syscall(__NR_personality, 0x0400000);
	case PROBE_MKNOD:
		return mknod("moltbot-probe", S_IFCHR | 0600, 0x103);
	case PROBE_SETUID:
		return syscall(__NR_setresuid, 0, 0, 0);
	case PROBE_CAPSET:
		return take_capabilities();
	case PROBE_KILL_OTHERS:
		return kill((pid_t)sandbox_pid, 0);
	case PROBE_TIOCSTI:
		return ioctl(0, TIOCSTI, type);
	case PROBE_EXECVE:
		return run_true();
	case PROBE_X32:
#ifdef __x86_64__
		return syscall(0x40000000L | __NR_getpid);
#else
		errno = ENOSYS;
		return -1;
#endif
	case PROBE_N:
		break;
	}
	errno = EBADMSG;
	return -1;
}

static void
report(unsigned probe, int64_t got)
{
	(void)ipc_sync_send(CELL_SOCKET_FD, &sandbox_cell_proto, IPC_SIDE_B, SANDBOX_CELL_PROBE,
		&(struct sandbox_cell_probe){.index = probe, .got = got});
}

/* In a process of its own, so that an attempt answered by a kill, or one that works too well, does not end the others. */
static void
run_attempt(unsigned probe, unsigned profile, const struct cell_setup *setup)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		if ((setup->omit & JAIL_L_SECCOMP) == 0 &&
			(profile == PROBE_BUILTIN ? cell_jail_builtin()
						  : cell_jail_program(setup)) < 0)
			_exit(255);
		_exit(attempt(probe) >= 0 ? 0 : errno);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return;
	report(probe, WIFSIGNALED(status) ? PROBE_KILLED + WTERMSIG(status) : WEXITSTATUS(status));
}

void
cell_prove(unsigned level, unsigned profile, const struct cell_setup *setup, uint32_t host_pid)
{
	(void)level;
	sandbox_pid = host_pid;
	for (unsigned i = 0; i < PROBE_N; i++)
		if (probe_applies(i, profile, setup->tier))
			run_attempt(i, profile, setup);
}
