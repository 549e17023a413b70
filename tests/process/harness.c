#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "clock_module.h"
#include "proto/audit_writer.h"

/* A module that a sanitizer's library is not the first before is all right with us. */
static void
load_clock(int page)
{
	char number[16];

	(void)snprintf(number, sizeof(number), "%d", page);
	if (fcntl(page, F_SETFD, 0) < 0 || setenv(CLOCK_ENV, number, 1) < 0 ||
		setenv("LD_PRELOAD", CLOCK_MODULE, 1) < 0 ||
		setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1) < 0)
		_exit(125);
}

static void
run_child(const char *program, const char *role, int control, int page)
{
	char *const argv[] = {(char *)(uintptr_t)program, (char *)(uintptr_t)role, NULL};

	if (page >= 0)
		load_clock(page);
	if (control == 3)
		(void)fcntl(3, F_SETFD, 0);
	else if (dup2(control, 3) < 0)
		_exit(126);
	execv(program, argv);
	_exit(127);
}

static void
control_send(struct harness *h, uint16_t id, const void *msg)
{
	assert_int_equal(ipc_sync_send(h->control, &child_proto, IPC_SIDE_A, id, msg), 0);
}

static void
send_hello(struct harness *h, const struct harness_options *o)
{
	if (o->kind == KIND_USER)
		control_send(h, CHILD_JAIL,
			&(struct child_jail){.uid = o->uid,
				.gid = o->uid,
				.landlock_max = UINT32_MAX,
				.parent = (uint64_t)getpid()});
	for (size_t i = 0; i < o->nhandles; i++)
		control_send(h, CHILD_HANDLE,
			&(struct child_handle){.what = (uint8_t)o->handles[i].what,
				.number = o->handles[i].number,
				.fd = o->handles[i].fd});
	if (o->slice.len > 0) {
		int fd = harness_seal(o->slice);

		control_send(
			h, CHILD_HANDLE, &(struct child_handle){.what = HANDLE_SLICE, .fd = fd});
		close(fd);
	}
	control_send(h, CHILD_HELLO,
		&(struct child_hello){.kind = o->kind,
			.instance = o->instance,
			.incarnation = 1,
			.tier = o->tier,
			.flags = o->flags,
			.uid = o->told_uid == 0 ? o->uid : o->told_uid,
			.gid = o->told_uid == 0 ? o->uid : o->told_uid,
			.landlock_max = UINT32_MAX,
			.parent = (uint64_t)getpid()});
}

static int
new_clock(struct harness *h)
{
	int memfd = memfd_create("clock", MFD_CLOEXEC);
	int page = fcntl(memfd, F_DUPFD_CLOEXEC, 4); /* 3 is the control socket's */

	assert_true(page >= 0);
	close(memfd);
	assert_int_equal(ftruncate(page, sizeof(*h->clock)), 0);
	h->clock = mmap(NULL, sizeof(*h->clock), PROT_READ | PROT_WRITE, MAP_SHARED, page, 0);
	assert_ptr_not_equal(h->clock, MAP_FAILED);
	return page;
}

#define PASS_LOOKS                                                                                 \
	2000 /* of a millisecond: it may have ended, or be busy with something else than its loop */

void
harness_pass(struct harness *h, uint64_t ms)
{
	uint64_t waits;

	assert_non_null(h->clock);
	(void)atomic_fetch_add(&h->clock->ahead_ms, ms);
	/* the turn of its loop that is under way has looked at the clock before, so it and one more must be over */
	waits = atomic_load(&h->clock->waits) + 2;
	for (unsigned i = 0; i < PASS_LOOKS && atomic_load(&h->clock->waits) < waits; i++)
		usleep(1000);
}

static uint64_t
clock_ns(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void
harness_freeze(struct harness *h)
{
	assert_non_null(h->clock);
	atomic_store(&h->clock->frozen_mono_ns, clock_ns(CLOCK_MONOTONIC));
	atomic_store(&h->clock->frozen_wall_ns, clock_ns(CLOCK_REALTIME));
}

uint64_t
harness_syncs(const struct harness *h)
{
	assert_non_null(h->clock);
	return atomic_load(&h->clock->syncs);
}

struct harness *
harness_new(const char *program, const char *role, const struct harness_options *options)
{
	struct harness *h = mem_alloc(1, sizeof(*h));
	int page = options->has_clock ? new_clock(h) : -1;
	int pair[2];

	assert_int_equal(ipc_pair(pair), 0);
	h->incarnations = 1;
	h->pid = fork();
	assert_true(h->pid >= 0);
	if (h->pid == 0)
		run_child(program, role, pair[1], page);
	close(pair[1]);
	if (page >= 0)
		close(page);
	h->control = pair[0];
	send_hello(h, options);
	if (!options->keep_not_ready)
		memcpy(&h->ready, harness_expect(h, CHILD_READY), sizeof(h->ready));
	return h;
}

/* The letter of /proc/PID/stat; 0 when there is none. */
static char
state_of(pid_t pid)
{
	char path[32];
	char text[256] = "";
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	for (ssize_t i = n - 1; i > 0; i--)
		if (text[i] == ')')
			return (char)(i + 2 < n ? text[i + 2] : 0);
	return 0;
}

void
harness_settle(struct harness *h)
{
	unsigned slept = 0;

	for (int waited = 0; waited < HARNESS_WAIT_MS && slept < 3; waited++) {
		slept = state_of(h->pid) == 'S' ? slept + 1 : 0;
		(void)poll(NULL, 0, 1);
	}
	if (slept < 3)
		fail_msg("the process does not come to rest");
}

/* Waits for the end for HARNESS_WAIT_MS, then kills it: a process that does not end is a failure the status shows. */
static int
reap(pid_t pid)
{
	int status = 0;

	for (int waited = 0; waited < HARNESS_WAIT_MS; waited += 5) {
		pid_t got = waitpid(pid, &status, WNOHANG);

		if (got == pid)
			return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		(void)poll(NULL, 0, 5);
	}
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	return 128 + SIGKILL;
}

int
harness_free(struct harness *h)
{
	int status;

	close(h->control);
	status = reap(h->pid);
	if (h->clock != NULL)
		(void)munmap(h->clock, sizeof(*h->clock));
	free(h);
	return status;
}

int
harness_peer(struct harness *h, uint8_t kind, uint64_t instance)
{
	int pair[2];

	assert_int_equal(ipc_pair(pair), 0);
	control_send(h, CHILD_PEER,
		&(struct child_peer){.kind = kind,
			.instance = instance,
			.incarnation = ++h->incarnations,
			.fd = pair[1]});
	close(pair[1]);
	return pair[0];
}

struct keeper {
	int audit;
	int lines;
};

static void *
keep(void *arg)
{
	struct keeper *k = arg;
	struct pollfd p[2] = {{.fd = k->audit, .events = POLLIN}, {.fd = k->lines}};
	static const size_t cap = IPC_MSG_MAX;
	uint8_t *bytes = mem_alloc(1, cap);
	uint64_t count = 0;
	ssize_t n;

	while (poll(p, 2, -1) > 0 && p[1].revents == 0 && (n = recv(k->audit, bytes, cap, 0)) > 0) {
		(void)send(k->lines, bytes, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
		(void)ipc_sync_send(k->audit, &audit_writer_proto, IPC_SIDE_B, AUDIT_WRITER_KEPT,
			&(struct audit_writer_kept){.count = ++count});
	}
	close(k->audit);
	close(k->lines);
	free(bytes);
	free(k);
	return NULL;
}

int
harness_keep(int audit)
{
	struct keeper *k = mem_alloc(1, sizeof(*k));
	pthread_t thread;
	int pair[2];

	assert_int_equal(ipc_pair(pair), 0);
	*k = (struct keeper){audit, pair[1]};
	assert_int_equal(pthread_create(&thread, NULL, keep, k), 0);
	pthread_detach(thread);
	return pair[0];
}

void
harness_peer_gone(struct harness *h, uint8_t kind, uint64_t instance, uint64_t incarnation)
{
	control_send(h, CHILD_PEER_GONE,
		&(struct child_peer_gone){.kind = kind,
			.instance = instance,
			.incarnation = incarnation != 0 ? incarnation : h->incarnations});
}

void
harness_key(struct harness *h, uint8_t kind, uint64_t instance, uint64_t incarnation,
	const uint8_t key[32])
{
	uint64_t k[4];

	memcpy(k, key, sizeof(k));
	control_send(h, CHILD_KEY,
		&(struct child_key){.kind = kind,
			.instance = instance,
			.incarnation = incarnation,
			.k0 = k[0],
			.k1 = k[1],
			.k2 = k[2],
			.k3 = k[3]});
}

void
harness_start(struct harness *h)
{
	control_send(h, CHILD_START, &(struct child_start){});
}

void
harness_panic(struct harness *h, bool on)
{
	control_send(h, CHILD_PANIC_STATE, &(struct child_panic_state){.on = on});
}

void
harness_drain(struct harness *h)
{
	control_send(h, CHILD_DRAIN, &(struct child_drain){});
}

void
harness_refuse(struct harness *h, uint8_t kind, uint64_t instance, int why)
{
	control_send(h, CHILD_REFUSED,
		&(struct child_refused){.kind = kind, .instance = instance, .why = why});
}

const void *
harness_expect(struct harness *h, uint16_t id)
{
	return harness_wait(h->control, &child_proto, IPC_SIDE_A, id, &h->in);
}

const void *
harness_recv(int fd, const struct ipc_proto *proto, enum ipc_side side, uint16_t id,
	struct ipc_received *in)
{
	int rc = ipc_sync_recv(fd, proto, side, HARNESS_WAIT_MS, in);
	const struct ipc_message *want = ipc_message_find(proto, id);

	if (rc < 0)
		fail_msg("%s: waited for %s: %s", proto->name, want->name, err_text(rc));
	if (in->id != id)
		fail_msg("%s: waited for %s, got %s", proto->name, want->name,
			ipc_message_find(proto, in->id)->name);
	return in->msg.bytes;
}

const void *
harness_wait(int fd, const struct ipc_proto *proto, enum ipc_side side, uint16_t id,
	struct ipc_received *in)
{
	int rc;

	do {
		rc = ipc_sync_recv(fd, proto, side, HARNESS_WAIT_MS, in);
	} while (rc == 0 && in->id != id);
	if (rc < 0)
		fail_msg("%s: waited for %s: %s", proto->name, ipc_message_find(proto, id)->name,
			err_text(rc));
	return in->msg.bytes;
}

void
harness_quiet(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	if (poll(&p, 1, ms) != 0)
		fail_msg("a message came where none should");
}

void
harness_closed(int fd, const struct ipc_proto *proto, enum ipc_side side)
{
	struct ipc_received *in = mem_alloc(1, sizeof(*in));
	int rc;

	do {
		rc = ipc_sync_recv(fd, proto, side, HARNESS_WAIT_MS, in);
	} while (rc == 0);
	free(in);
	if (rc != ERR_EOF && rc != ERR_CLOSED && rc != ERR_SYS)
		fail_msg("%s: still open: %s", proto->name, err_text(rc));
}

void
harness_send(
	int fd, const struct ipc_proto *proto, enum ipc_side side, uint16_t id, const void *msg)
{
	int rc = ipc_sync_send(fd, proto, side, id, msg);

	if (rc < 0)
		fail_msg("%s: sending %s: %s", proto->name, ipc_message_find(proto, id)->name,
			err_text(rc));
}

void
harness_send_raw(int fd, struct span datagram)
{
	assert_int_equal(send(fd, datagram.ptr, datagram.len, MSG_NOSIGNAL), (ssize_t)datagram.len);
}

int
harness_seal(struct span body)
{
	int fd = ipc_body_seal(body);

	assert_true(fd >= 0);
	return fd;
}

void
harness_body(int fd, struct buf *out)
{
	struct span body;

	assert_int_equal(ipc_body_get(fd, IPC_BODY_MAX, &body), 0);
	assert_int_equal(buf_put(out, body), 0);
	ipc_body_free(body);
}

void
harness_census(struct harness *h, uint8_t kind)
{
	(void)harness_expect(h, CHILD_CENSUS);
	for (unsigned k = 0; k < KIND_N; k++)
		control_send(h, CHILD_CENSUS_ROW,
			&(struct child_census_row){.kind = (uint8_t)k,
				.up = k == kind,
				.waiting = k == kind,
				.crashes = k == kind ? 3 : 0,
				.crashed_ago_ms = 1000,
				.age_ms = k == kind ? 5000 : 0,
				.last = k + 1 == KIND_N});
}
