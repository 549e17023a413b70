/* The two system calls of the message layer, shared by channels and blocking use. Private to lib/ipc. */
#ifndef IPC_IPC_IO_H
#define IPC_IPC_IO_H

#include "ipc/ipc.h"

/* A buffer that is written before it is read: not zeroed first, which would touch all of its pages for a message of 20 bytes. */
#define IPC_UNTOUCHED __attribute__((uninitialized))

/* 0, ERR_AGAIN (would block; only without wait), ERR_CLOSED, ERR_SYS. */
int ipc_io_send(int fd, struct span datagram, const int *fds, size_t nfds, bool wait);

/*
 * One datagram into buf (IPC_MSG_MAX). *len its length, fds/nfds what came beside it (CLOEXEC, the caller's). 0, ERR_AGAIN,
 * ERR_EOF, ERR_PROTO (truncated: the descriptors are already closed), ERR_SYS.
 */
int ipc_io_recv(int fd, uint8_t *buf, size_t *len, int fds[IPC_FDS_MAX], size_t *nfds);

#endif
