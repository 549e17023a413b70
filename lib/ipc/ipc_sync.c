#include "ipc/ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/weak.h"
#include "ipc/ipc_io.h"

#define TMPFS_MAGIC_NUMBER 0x01021994

int
ipc_pair(int fds[2])
{
	int size = (int)IPC_MSG_MAX * 16;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return ERR_SYS;
	for (int i = 0; i < 2; i++)
		(void)setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return 0;
}

int
ipc_sync_send(
	int fd, const struct ipc_proto *proto, enum ipc_side side, uint16_t id, const void *msg)
{
	uint8_t buf[IPC_MSG_MAX] IPC_UNTOUCHED;
	const struct ipc_message *m = ipc_message_find(proto, id);
	int fds[IPC_FDS_MAX];
	size_t nfds;
	int len;

	if (m == NULL || (m->dir == IPC_A_TO_B) != (side == IPC_SIDE_A))
		return ERR_STATE;
	len = ipc_encode(m, msg, buf, fds, &nfds);
	return len < 0 ? len : ipc_io_send(fd, span_of(buf, (size_t)len), fds, nfds, true);
}

int
ipc_sync_recv(int fd, const struct ipc_proto *proto, enum ipc_side side, int timeout_ms,
	struct ipc_received *in)
{
	const struct ipc_message *m;
	int fds[IPC_FDS_MAX];
	size_t nfds;
	size_t len;
	int rc;

	/* who has no limit waits in the call that receives, unless the socket says that it does not wait */
	rc = timeout_ms < 0 ? ipc_io_recv(fd, in->datagram, &len, fds, &nfds) : ERR_AGAIN;
	while (rc == ERR_AGAIN) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int n = poll(&p, 1, timeout_ms);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_SYS;
		if (n == 0)
			return ERR_TIMEOUT;
		rc = ipc_io_recv(fd, in->datagram, &len, fds, &nfds);
	}
	if (rc < 0)
		return rc;
	in->id = len < 2 ? 0 : (uint16_t)(in->datagram[0] | in->datagram[1] << 8);
	m = ipc_message_find(proto, in->id);
	if (m == NULL || (m->dir == IPC_A_TO_B) == (side == IPC_SIDE_A) ||
		ipc_decode(m, span_of(in->datagram + 2, len - 2), fds, nfds, in->msg.bytes) < 0) {
		for (size_t i = 0; i < nfds; i++)
			close(fds[i]);
		return ERR_PROTO;
	}
	return 0;
}

static int
write_all(int fd, struct span s)
{
	while (s.len > 0) {
		ssize_t n = write(fd, s.ptr, s.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return ERR_SYS;
		s = span_sub(s, (size_t)n, s.len);
	}
	return 0;
}

#define ALL_SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)

int
ipc_body_seal(struct span body)
{
	int fd;

	if (body.len > IPC_BODY_MAX)
		return ERR_TOOBIG;
	fd = memfd_create("body", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return ERR_SYS;
	if (write_all(fd, body) < 0 || fcntl(fd, F_ADD_SEALS, ALL_SEALS) < 0) {
		close(fd);
		return ERR_SYS;
	}
	return fd;
}

/* The length of a body that is what it must be: nobody can change it any more. */
static int
body_len(int fd, size_t max, size_t *len)
{
	struct stat st;
	struct statfs fs;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || (seals & ALL_SEALS) != ALL_SEALS || fstat(fd, &st) < 0 ||
		fstatfs(fd, &fs) < 0 || fs.f_type != TMPFS_MAGIC_NUMBER || !S_ISREG(st.st_mode) ||
		st.st_size < 0)
		return ERR_PROTO;
	if ((uint64_t)st.st_size > max || (uint64_t)st.st_size > IPC_BODY_MAX)
		return ERR_TOOBIG;
	*len = (size_t)st.st_size;
	return 0;
}

static int
map(int fd, size_t len, struct span *out)
{
	void *p = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);

	if (p == MAP_FAILED)
		return ERR_SYS;
	*out = span_of(p, len);
	return 0;
}

/*
 * A short body is copied: taking a mapping away costs more than that, because every processor that the process ran on hears of it. What
 * is freed knows by its length which of the two it was.
 */
#define COPY_MAX KIB(64u)

static int
copy(int fd, size_t len, struct span *out)
{
	uint8_t *memory = mem_grow(NULL, len, 1);
	ssize_t n;

	do {
		n = pread(fd, memory, len, 0);
	} while (n < 0 && errno == EINTR);
	if (n != (ssize_t)len) {
		secret_wipe(memory, len);
		free(memory);
		return ERR_SYS;
	}
	*out = span_of(memory, len);
	return 0;
}

int
ipc_body_get(int fd, size_t max, struct span *out)
{
	size_t len = 0;
	int rc = body_len(fd, max, &len);

	*out = SPAN_EMPTY;
	if (rc < 0 || len == 0)
		return rc;
	return len > COPY_MAX ? map(fd, len, out) : copy(fd, len, out);
}

void
ipc_body_free(struct span body)
{
	uint8_t *p;

	memcpy(&p, &body.ptr, sizeof(p));
	if (p == NULL)
		return;
	if (body.len > COPY_MAX) {
		munmap(p, body.len);
		return;
	}
	if (!WEAK(IPC_WIPE))
		secret_wipe(p, body.len); /* it may have been a secret */
	free(p);
}
