/* What config says: where to listen, a few numbers, and a sealed slice for each kind of process, passed on unread. */
#include "supervisor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "proto/child.def.h"
#include "proto/config_supervisor.h"

static void
put_be64(uint8_t *p, uint64_t v)
{
	for (size_t i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (56 - 8 * i));
}

/* One listening socket: hi and lo are the address in network order (IPv4 in the low 32 bits of lo). */
static int
listen_on(const struct config_supervisor_listen *msg, char *text, size_t cap)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)msg->port),
		.sin_addr.s_addr = htonl((uint32_t)msg->lo)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)msg->port)};
	const struct sockaddr *sa = msg->v6 ? (const void *)&v6 : (const void *)&v4;
	socklen_t len = msg->v6 ? sizeof(v6) : sizeof(v4);
	int fd =
		socket(msg->v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int yes = 1;

	put_be64(v6.sin6_addr.s6_addr, msg->hi);
	put_be64(v6.sin6_addr.s6_addr + 8, msg->lo);
	inet_ntop(msg->v6 ? AF_INET6 : AF_INET,
		msg->v6 ? (const void *)&v6.sin6_addr : (const void *)&v4.sin_addr, text,
		(socklen_t)cap);
	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (msg->v6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
	if (bind(fd, sa, len) < 0 || listen(fd, 4096) < 0) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

/* "127.0.0.1:18789"; valid until the next call. */
static const char *
address_text(const struct config_supervisor_listen *msg)
{
	static char address[64];
	char text[INET6_ADDRSTRLEN] = "";
	uint8_t bytes[16];
	uint32_t v4 = htonl((uint32_t)msg->lo);

	put_be64(bytes, msg->hi);
	put_be64(bytes + 8, msg->lo);
	inet_ntop(msg->v6 ? AF_INET6 : AF_INET, msg->v6 ? (const void *)bytes : (const void *)&v4,
		text, sizeof(text));
	snprintf(address, sizeof(address), msg->v6 ? "[%s]:%u" : "%s:%u", text, msg->port);
	return address;
}

static int
on_listen(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct config_supervisor_listen *msg = m;
	struct sup *sup = arg;
	char text[INET6_ADDRSTRLEN] = "";
	int fd;

	(void)chan;
	if (sup->reloading) {
		/* an address is changed by a restart of the gateway */
		supervisor_reload_listen(sup, address_text(msg), msg->v6);
		return 0;
	}
	if (sup->nlisteners == SUP_LISTEN_MAX)
		return ERR_FULL;
	fd = listen_on(msg, text, sizeof(text));
	if (fd < 0) {
		/* ::1 beside 127.0.0.1 is a courtesy; a machine without IPv6 is no mistake */
		bool courtesy = msg->v6 && sup->nlisteners > 0;

		log_write(courtesy ? LOG_DEBUG : LOG_ERROR, "cannot listen",
			(const struct log_field[]){LOG_C("address", text), LOG_U("port", msg->port),
				LOG_ERRNO("errno", errno), {.key = NULL}});
		sup->config_failed |= !courtesy;
		return 0;
	}
	sup->listeners[sup->nlisteners] = fd;
	snprintf(sup->addresses[sup->nlisteners], sizeof(sup->addresses[0]), "%s",
		address_text(msg));
	sup->ports[sup->nlisteners++] = msg->port;
	return 0;
}

static int
on_value(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct config_supervisor_value *msg = m;
	struct sup *sup = arg;

	(void)chan;
	if (msg->what >= VALUE_N)
		return ERR_RANGE;
	(sup->reloading ? sup->next_values : sup->values)[msg->what] = msg->number;
	return 0;
}

static int
on_slice(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct config_supervisor_slice *msg = m;
	struct sup *sup = arg;
	int *slice;

	if (msg->kind >= KIND_N)
		return ERR_RANGE;
	slice = sup->reloading ? &sup->next_slices[msg->kind] : &sup->slices[msg->kind];
	if (*slice >= 0)
		close(*slice);
	*slice = ipc_fd_steal(chan, msg->body);
	return 0;
}

static void
apply_values(struct sup *sup)
{
	if (sup->values[VALUE_UID_BASE] != 0)
		sup->uid_base = (uint32_t)sup->values[VALUE_UID_BASE];
	if (sup->values[VALUE_LOG_LEVEL] != 0)
		log_set_level((enum log_level)sup->values[VALUE_LOG_LEVEL]);
	supervisor_tier_check(sup);
}

void
supervisor_tier_check(const struct sup *sup)
{
	if (sup->probed && sup->caps.tier < (enum jail_tier)sup->values[VALUE_TIER_MIN])
		log_warn("the sandbox tier of this machine is below the configured least: tools "
			 "that run programs are off",
			LOG_C("tier", jail_tier_name(sup->caps.tier)));
}

static int
on_done(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct config_supervisor_done *msg = m;
	struct sup *sup = arg;

	ipc_chan_set_state(chan, IPC_S_OVER);
	if (sup->reloading) {
		supervisor_reload_ended(sup, msg->ok);
		return 0;
	}
	if (!msg->ok || sup->config_failed) {
		sup->config_failed = true;
		return 0;
	}
	if (supervisor_tls_start(sup) < 0) {
		sup->config_failed = true;
		return 0;
	}
	sup->configured = true;
	apply_values(sup);
	for (size_t i = 0; i < sup->nchildren; i++) {
		if (sup->children[i].state == SUP_STARTING)
			supervisor_child_greet(sup, &sup->children[i]);
		else if (sup->children[i].state == SUP_SPARE)
			supervisor_child_jail(sup, &sup->children[i]);
	}
	supervisor_audit(sup, AUDIT_CONFIG, KIND_CONFIG, 0, msg->warnings);
	return 0;
}

static void
on_end(struct ipc_chan *chan, int why, void *arg)
{
	struct sup *sup = arg;

	(void)why;
	ipc_chan_free(chan);
	sup->config = NULL;
	supervisor_config_ended(sup);
}

static const struct ipc_handler handlers[] = {
	{CONFIG_SUPERVISOR_LISTEN, on_listen},
	{CONFIG_SUPERVISOR_VALUE, on_value},
	{CONFIG_SUPERVISOR_SLICE, on_slice},
	{CONFIG_SUPERVISOR_INCLUDE, supervisor_on_include},
	{CONFIG_SUPERVISOR_TLS_FILE, supervisor_on_tls_file},
	{CONFIG_SUPERVISOR_DONE, on_done},
};
static const struct ipc_ops ops = {
	.handlers = handlers, .n = sizeof(handlers) / sizeof(handlers[0]), .on_end = on_end};

int
supervisor_config_start(struct sup *sup, struct sup_child *c)
{
	int fds[2];

	if (ipc_pair(fds) < 0)
		return ERR_SYS;
	supervisor_child_greet(sup, c);
	sup->config = ipc_chan_new(
		sup->ev, fds[1], &config_supervisor_proto, IPC_SIDE_B, IPC_FULL_END, &ops, sup);
	/* it needs no other peer, so its edge is given at once and it may begin when it is jailed */
	(void)child_peer_send(
		c->control, &(struct child_peer){.kind = KIND_SUPERVISOR, .fd = fds[0]});
	(void)child_start_send(c->control, &(struct child_start){});
	close(fds[0]);
	return 0;
}

/* When the process has ended and everything it said has been read, in whichever order the two become known. */
void
supervisor_config_ended(struct sup *sup)
{
	if (sup->config != NULL)
		return;
	if (sup->running) {
		supervisor_reload_ended(sup, false); /* without a result, if it had none */
		return;
	}
	if (sup->configured && !sup->config_failed)
		return;
	if (!sup->config_failed)
		log_error("config ended without a result: nothing is started");
	supervisor_stop(sup, 78); /* EX_CONFIG of sysexits.h */
}
