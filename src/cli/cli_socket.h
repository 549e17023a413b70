/* A stream socket to the gateway with deadlines; the opening handshake of WebSocket on it (RFC 6455, 4.1). */
#ifndef CLI_CLI_SOCKET_H
#define CLI_CLI_SOCKET_H

#include "cli.h"

/*
 * The control socket of the state directory. *what: what went wrong, our own words. The fd, or ERR_NOTFOUND (no such socket), ERR_CLOSED
 * (nobody listens), ERR_DENIED, ERR_SYS.
 */
int cli_socket_control(const char *state, const char **what);
/* connect(2) with those codes; fd is closed when it fails. */
struct sockaddr;
int cli_socket_connect(int fd, const struct sockaddr *sa, unsigned len, const char **what);

/* Who listens at the other end of a control socket; 0 when that is not known. */
int cli_socket_pid(int fd);

/* All of s, within timeout_ms. 0, ERR_TIMEOUT, ERR_EOF. */
int cli_socket_write(int fd, struct span s, int64_t timeout_ms);
/* Appends what is there, at least a byte. 0, ERR_TIMEOUT, ERR_EOF, ERR_ABORTED (a signal), ERR_TOOBIG. -1: no limit. */
int cli_socket_read(int fd, struct buf *in, int64_t timeout_ms);

/* Asks for a WebSocket; what follows the answer's head stays in *in. 0, ERR_PROTO with *what, or as above. */
int cli_socket_upgrade(
	int fd, struct span host, struct buf *in, int64_t timeout_ms, const char **what);

#endif
