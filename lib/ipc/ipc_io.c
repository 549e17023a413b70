#include "ipc/ipc_io.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/err.h"

union control {
	struct cmsghdr align;
	uint8_t bytes[CMSG_SPACE(sizeof(int) * IPC_FDS_MAX)];
};

int
ipc_io_send(int fd, struct span datagram, const int *fds, size_t nfds, bool wait)
{
	union control control = {0};
	struct iovec iov = {.iov_len = datagram.len};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};

	/* sendmsg takes a non-const pointer */
	memcpy(&iov.iov_base, &datagram.ptr, sizeof(datagram.ptr));
	if (nfds > 0) {
		struct cmsghdr *c;

		mh.msg_control = control.bytes;
		mh.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * nfds);
	}
	for (;;) {
		ssize_t n = sendmsg(fd, &mh, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));

		if (n == (ssize_t)datagram.len)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			struct pollfd p = {.fd = fd, .events = POLLOUT};

			if (!wait)
				return ERR_AGAIN;
			(void)poll(&p, 1, -1);
			continue;
		}
		if (n < 0 && (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN))
			return ERR_CLOSED;
		return ERR_SYS;
	}
}

static void
take_fds(struct msghdr *mh, int fds[IPC_FDS_MAX], size_t *nfds)
{
	*nfds = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c != NULL; c = CMSG_NXTHDR(mh, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (*nfds < IPC_FDS_MAX)
				fds[(*nfds)++] = fd;
			else
				close(fd);
		}
	}
}

int
ipc_io_recv(int fd, uint8_t *buf, size_t *len, int fds[IPC_FDS_MAX], size_t *nfds)
{
	union control control;
	struct iovec iov = {.iov_base = buf, .iov_len = IPC_MSG_MAX};
	struct msghdr mh = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control)};
	ssize_t n;

	*nfds = 0;
	do {
		n = recvmsg(fd, &mh, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? ERR_AGAIN : errno == ECONNRESET ? ERR_EOF : ERR_SYS;
	take_fds(&mh, fds, nfds);
	*len = (size_t)n;
	if ((mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
		for (size_t i = 0; i < *nfds; i++)
			close(fds[i]);
		*nfds = 0;
		return ERR_PROTO;
	}
	return n == 0 ? ERR_EOF : 0; /* our messages are never empty */
}
