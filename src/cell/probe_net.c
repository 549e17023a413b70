/* Attempts at the network and at sockets of the host. Refused, unreachable and under way all mean that a packet had somewhere to go. */
#include "probe.h"

#include <linux/netlink.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

static long
connect4(uint32_t address)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET, .sin_port = htons(80), .sin_addr = {htonl(address)}};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -1 : connect(fd, (struct sockaddr *)&sin, sizeof(sin));
}

long
attempt_TCP_LOOPBACK(void)
{
	return connect4(INADDR_LOOPBACK);
}

long
attempt_TCP6_LOOPBACK(void)
{
	struct sockaddr_in6 sin = {.sin6_family = AF_INET6,
		.sin6_port = htons(80),
		.sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -1 : connect(fd, (struct sockaddr *)&sin, sizeof(sin));
}

long
attempt_METADATA(void)
{
	return connect4(0xa9fea9feu);
}

long
attempt_PUBLIC(void)
{
	return connect4(0x01010101u);
}

long
attempt_UDP(void)
{
	return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

long
attempt_RAW_SOCKET(void)
{
	return socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, 1);
}

long
attempt_NETLINK(void)
{
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
}

long
attempt_PACKET(void)
{
	return socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
}

long
attempt_VSOCK(void)
{
	return socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/* The sandbox listens there while it proves. */
long
attempt_ABSTRACT(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int n = snprintf(sun.sun_path + 1, sizeof(sun.sun_path) - 1, "moltbot-probe-%u",
		probe_world.host_pid);

	return fd < 0 ? -1
		      : connect(fd, (struct sockaddr *)&sun,
				(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
					    (size_t)n));
}
