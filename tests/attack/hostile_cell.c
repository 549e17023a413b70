/*
 * A cell that is the attacker. In place of moltbot-cell: nothing of what it says is true, and what it sends is what the file "order"
 * of its workspace names. Linked into a real one (HOSTILE_JAILED) in place of its messages: it begins when it is in the jail and
 * has been given a call, whose argument is the order.
 */
#ifdef HOSTILE_JAILED
#define cell_msg_serve cell_msg_serve_honest
#include "../../src/cell/msg.c" /* NOLINT(bugprone-suspicious-include) */
#undef cell_msg_serve
#include "args/args.h"
#else
#include "ipc/ipc.h"
#include "proto/sandbox_cell.h"

#define CELL_SOCKET_FD 3
#define CELL_WORKSPACE_FD 4
#endif

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ipc/ipc_io.h"

static void
say(unsigned id, const void *msg)
{
	(void)ipc_sync_send(CELL_SOCKET_FD, &sandbox_cell_proto, IPC_SIDE_B, (uint16_t)id, msg);
}

static void
raw(unsigned id, size_t len)
{
	static uint8_t bytes[KIB(200)];

	bytes[0] = (uint8_t)id;
	(void)ipc_io_send(CELL_SOCKET_FD, span_of(bytes, len), NULL, 0, true);
}

static void
init_of(pid_t pid, pid_t pidfd_of)
{
	int fd = (int)syscall(__NR_pidfd_open, pidfd_of, 0);

	say(SANDBOX_CELL_INIT,
		&(struct sandbox_cell_init){.pid = (uint32_t)pid, .pidfd = fd < 0 ? 0 : fd});
}

static void
init(void)
{
	init_of(getpid(), getpid());
}

static void
other_init(void)
{
	init_of(getppid(), getppid());
}

/* Any other process of the machine: the file "victim" of the workspace says which. */
static void
victim(void)
{
	pid_t pid = 0;
	int fd = openat(CELL_WORKSPACE_FD, "victim", O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && read(fd, &pid, sizeof(pid)) == sizeof(pid))
		init_of(pid, pid);
}

static void
other_pidfd(void)
{
	init_of(getpid(), getppid());
}

static void
no_pidfd(void)
{
	say(SANDBOX_CELL_INIT,
		&(struct sandbox_cell_init){.pid = (uint32_t)getpid(), .pidfd = CELL_SOCKET_FD});
}

static void
init_twice(void)
{
	init();
	init();
}

static void
ready(void)
{
	say(SANDBOX_CELL_READY,
		&(struct sandbox_cell_ready){.layers = UINT32_MAX, .dumpable = 0, .fds = 0xf});
}

static void
lie(void)
{
	init();
	ready();
}

static void
output(void)
{
	say(SANDBOX_CELL_OUTPUT, &(struct sandbox_cell_output){.data = SPAN("owned")});
}

static void
found(void)
{
	static const uint8_t hash[32];

	say(SANDBOX_CELL_FOUND,
		&(struct sandbox_cell_found){.size = 1, .hash = span_of(hash, sizeof(hash))});
}

static void
probe(void)
{
	say(SANDBOX_CELL_PROBE, &(struct sandbox_cell_probe){.index = 1});
}

static void
done(void)
{
	say(SANDBOX_CELL_DONE, &(struct sandbox_cell_done){.ok = true});
}

static void
done_twice(void)
{
	done();
	done();
}

static void
late_output(void)
{
	done();
	output();
}

static void
early_done(void)
{
	init();
	done();
}

static void
unknown(void)
{
	raw(0xff, 2);
}

static void
cut(void)
{
	raw(SANDBOX_CELL_DONE, 3);
}

static void
large(void)
{
	raw(SANDBOX_CELL_OUTPUT, IPC_MSG_MAX + 1);
}

static void
far_too_large(void)
{
	raw(SANDBOX_CELL_OUTPUT, KIB(200));
}

static void
direction(void)
{
	raw(SANDBOX_CELL_RUN, 2);
}

static const struct {
	const char *name;
	void (*fn)(void);
} orders[] = {{"init", init_twice}, {"other init", other_init}, {"victim", victim},
	{"other pidfd", other_pidfd}, {"no pidfd", no_pidfd}, {"ready", ready}, {"lie", lie},
	{"output", output}, {"found", found}, {"probe", probe}, {"done", early_done},
	{"done twice", done_twice}, {"late output", late_output}, {"unknown", unknown},
	{"cut", cut}, {"large", large}, {"far too large", far_too_large}, {"direction", direction}};

/* Then it stays: it is sandbox's to end it. */
static void __attribute__((noreturn)) obey(struct span order)
{
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
		if (span_eq(order, span_from_cstr(orders[i].name)))
			orders[i].fn();
	for (;;)
		(void)poll(NULL, 0, 1000);
}

#ifdef HOSTILE_JAILED
int cell_msg_serve(const struct cell_setup *setup);

int
cell_msg_serve(const struct cell_setup *setup)
{
	const struct sandbox_cell_run *run = (const void *)in.msg.bytes;
	struct span order = SPAN_EMPTY;

	(void)setup;
	if (ipc_sync_recv(CELL_SOCKET_FD, &sandbox_cell_proto, IPC_SIDE_B, -1, &in) < 0 ||
		in.id != SANDBOX_CELL_RUN || args_get_str(run->args, "expression", &order) < 0)
		return -1;
	obey(order);
}
#else
int
main(void)
{
	char order[64];
	int fd = openat(CELL_WORKSPACE_FD, "order", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, order, sizeof(order));

	if (n < 0)
		return 1;
	obey(span_of(order, (size_t)n));
}
#endif
