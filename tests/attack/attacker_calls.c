#include "attacker_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "jail/jail.h"

static long
inet_connect(uint32_t v4, uint16_t port)
{
	struct sockaddr_in sa = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(v4)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	/* under way is reached; refused because nobody listens has been let through as well */
	return connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0 && errno != EINPROGRESS &&
			       errno != ECONNREFUSED
		       ? -1
		       : 0;
}

static long
connect_public(void)
{
	return inet_connect(0x08080808, 53);
}

static long
connect_loopback(void)
{
	return inet_connect(INADDR_LOOPBACK, 18789);
}

static long
socket_raw(void)
{
	return socket(AF_INET, SOCK_RAW, 1);
}

static long
socket_netlink(void)
{
	return socket(AF_NETLINK, SOCK_RAW, 0);
}

static long
socket_packet(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0);
}

static long
socket_vsock(void)
{
	return socket(AF_VSOCK, SOCK_STREAM, 0);
}

static long
listen_tcp(void)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd < 0 ? -1 : bind(fd, (const struct sockaddr *)&sa, sizeof(sa));
}

static long
open_shadow(void)
{
	return open("/etc/shadow", O_RDONLY);
}

static long
open_passwd(void)
{
	return open("/etc/passwd", O_RDONLY);
}

static long
open_parent_memory(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)syscall(__NR_getppid));
	return open(path, O_RDWR);
}

static long
open_environ(void)
{
	return open("/proc/self/environ", O_RDONLY);
}

static long
create_in_tmp(void)
{
	return open("/tmp/moltbot-attacker", O_RDWR | O_CREAT, 0600);
}

static long
exec_program(void)
{
	char *argv[] = {NULL};

	return execve("/bin/true", argv, argv);
}

static long
exec_memfd(void)
{
	int fd = (int)syscall(__NR_memfd_create, "x", 0);

	return fd < 0 ? -1 : syscall(__NR_execveat, fd, "", NULL, NULL, AT_EMPTY_PATH);
}

static long
make_child(void)
{
	long pid = fork();

	if (pid == 0)
		_exit(0);
	return pid;
}

static long
clone_namespace(void)
{
	return syscall(__NR_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
}

static long
unshare_user(void)
{
	return unshare(CLONE_NEWUSER);
}

static long
unshare_net(void)
{
	return unshare(CLONE_NEWNET);
}

static long
enter_namespace(void)
{
	return setns(0, 0);
}

static long
mount_tmpfs(void)
{
	return mount("none", "/tmp", "tmpfs", 0, NULL);
}

static long
change_root(void)
{
	return chroot("/");
}

static long
pivot(void)
{
	return syscall(__NR_pivot_root, "/", "/");
}

static long
become_root(void)
{
	return setresuid(0, 0, 0);
}

static long
take_capabilities(void)
{
	struct {
		uint32_t version;
		int pid;
	} head = {0x20080522, 0};
	uint32_t data[6] = {~0u, ~0u, ~0u, ~0u, ~0u, ~0u};

	return syscall(__NR_capset, &head, data);
}

static long
trace_parent(void)
{
	return ptrace(PTRACE_ATTACH, (int)syscall(__NR_getppid), NULL, NULL);
}

static long
read_parent(void)
{
	char c;
	struct iovec one = {&c, 1};

	return process_vm_readv((int)syscall(__NR_getppid), &one, 1, &one, 1, 0);
}

static long
signal_parent(void)
{
	/* ignored by default: that it may be sent is what counts */
	return kill((int)syscall(__NR_getppid), SIGURG);
}

/* kill(-1) succeeds even where nobody may be signalled, so everybody is tried by name. */
static long
signal_all(void)
{
	int self = (int)syscall(__NR_getpid);
	long rc = kill(1, 0);

	for (int pid = self - 256; pid < self + 256; pid++) {
		if (pid > 1 && pid != self && kill(pid, 0) == 0)
			rc = 0;
	}
	return rc;
}

static long
executable_memory(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -1 : mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static long
become_dumpable(void)
{
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static long
load_bpf(void)
{
	char attr[128] = {0};

	return syscall(__NR_bpf, 0, attr, sizeof(attr));
}

static long
use_keyring(void)
{
	return syscall(__NR_keyctl, 0, -3, 1);
}

static long
io_uring(void)
{
	char params[120] = {0};

	return syscall(__NR_io_uring_setup, 4, params);
}

static long
fault_handler(void)
{
	return syscall(__NR_userfaultfd, 0);
}

static long
perf_counter(void)
{
	char attr[128] = {0};

	attr[4] = 112; /* size */
	return syscall(__NR_perf_event_open, attr, 0, -1, -1, 0);
}

static long
change_personality(void)
{
	return syscall(__NR_personality, 0x0040000);
}

static long
open_by_handle(void)
{
	return syscall(__NR_open_by_handle_at, 0, NULL, 0);
}

static long
raise_core(void)
{
	uint64_t limit[2] = {1, 1};

	return syscall(__NR_prlimit64, 0, 4, limit, NULL);
}

static long
connect_abstract(void)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX, .sun_path = "\0moltbot"};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (fd < 0)
		return -1;
	return connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0 && errno != ECONNREFUSED
		       ? -1
		       : 0;
}

static long
other_abi(void)
{
	return syscall(0x40000000 | __NR_getpid);
}

/*
 * JAIL_PROGRAM and JAIL_IDENT are sandbox's alone: it opens what everybody may read and makes files and sockets as any program
 * does, because its filter is inherited by programs in cells; and it keeps CAP_KILL, which ends cells of another uid. A cell's own
 * jail takes all of it away again, and the probes of the self-proof try that.
 */
const struct attacker_call attacker_calls[] = {
	{"connect to a public address", connect_public, JAIL_CONNECT},
	{"connect to loopback", connect_loopback, JAIL_CONNECT},
	{"raw socket", socket_raw, 0},
	{"netlink socket", socket_netlink, 0},
	{"packet socket", socket_packet, 0},
	{"vsock socket", socket_vsock, 0},
	{"listen on TCP", listen_tcp, 0},
	{"open /etc/shadow", open_shadow, 0},
	{"open /etc/passwd", open_passwd, JAIL_PROGRAM},
	{"open the parent's memory", open_parent_memory, 0},
	{"open /proc/self/environ", open_environ, 0},
	{"create a file in /tmp", create_in_tmp, JAIL_PROGRAM},
	{"execute a program", exec_program, JAIL_EXEC},
	{"execute a memfd", exec_memfd, JAIL_EXEC},
	{"fork", make_child, JAIL_FORK},
	{"clone with a namespace", clone_namespace, JAIL_NS},
	{"unshare user", unshare_user, JAIL_NS},
	{"unshare net", unshare_net, JAIL_NS},
	{"setns", enter_namespace, 0},
	{"mount", mount_tmpfs, JAIL_NS},
	{"chroot", change_root, 0},
	{"pivot_root", pivot, JAIL_NS},
	{"become root", become_root, 0},
	{"take capabilities", take_capabilities, 0},
	{"trace the parent", trace_parent, 0},
	{"read the parent's memory", read_parent, 0},
	{"signal the parent", signal_parent, JAIL_IDENT},
	{"signal everybody", signal_all, JAIL_IDENT},
	{"make memory executable", executable_memory, JAIL_EXEC},
	{"become dumpable", become_dumpable, JAIL_IDENT},
	{"bpf", load_bpf, 0},
	{"keyctl", use_keyring, 0},
	{"io_uring", io_uring, 0},
	{"userfaultfd", fault_handler, 0},
	{"perf_event_open", perf_counter, 0},
	{"personality", change_personality, 0},
	{"open_by_handle_at", open_by_handle, 0},
	{"raise the core limit", raise_core, 0},
	{"abstract unix socket", connect_abstract, JAIL_PROGRAM},
	{"x32 system call", other_abi, 0},
};
const size_t attacker_ncalls = sizeof(attacker_calls) / sizeof(attacker_calls[0]);
