/* Where the gateway listens, and for whom. */
#include "checks/subjects.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"

#define NET_MAX MIB(4u)
#define SOCKETS_MAX 512 /* of the gateway's processes */

static bool
is_open_to_others(const struct checks *c)
{
	for (const struct json_node *n = json_first(cli_get(c->config, "listen")); n != NULL;
		n = n->next) {
		if (!cli_get_bool(n, "loopback", false))
			return true;
	}
	return json_first(cli_get(c->config, "listen")) == NULL;
}

/* Of the running gateway before that of the file. */
static bool
runs_open(const struct checks *c, bool *known)
{
	struct span bind = cli_get_str(c->gateway.status, "gateway.bind");

	*known = bind.len > 0;
	return *known && !span_eq(bind, SPAN("loopback")) && !span_eq(bind, SPAN("auto"));
}

static void
encrypted(struct checks *c, struct check_result *r, const char *held)
{
	bool known;
	bool open = runs_open(c, &known);
	bool behind = cli_get_bool(c->config, "behindTlsProxy", false);
	bool tls = cli_get_bool(c->config, "tls", false);

	if (check_is_unread(c, r))
		return;
	if ((open || is_open_to_others(c)) && !behind && !tls)
		check_fail_as(c, r, NULL, CHECK_CRITICAL, NULL,
			"the gateway listens beyond this machine, and neither "
			"gateway.behindTlsProxy nor gateway.tls.enabled is set");
	else if (tls)
		check_pass(c, r, "the gateway has TLS itself (gateway.tls)");
	else if (open || is_open_to_others(c))
		check_pass(c, r, "a proxy in front ends TLS (gateway.behindTlsProxy); %s", held);
	else
		check_pass(c, r, "only this machine reaches the gateway (%s)",
			known ? "it runs at loopback" : "gateway.bind");
}

void
check_https(struct checks *c, struct check_result *r)
{
	encrypted(c, r, "what it forwards as plain HTTP is refused");
}

void
check_plain_http(struct checks *c, struct check_result *r)
{
	encrypted(c, r, "nothing listens but what it forwards to");
}

void
check_auth_mode(struct checks *c, struct check_result *r)
{
	struct span mode = cli_get_str(c->gateway.status, "gateway.auth.mode");

	if (mode.len == 0 && check_is_unread(c, r))
		return;
	if (mode.len == 0)
		mode = cli_get_bool(c->config, "password", false) ? SPAN("password")
								  : SPAN("token");
	if (span_eq(mode, SPAN("token")))
		check_pass(c, r, "auth.mode = \"token\"%s",
			c->gateway.status != NULL ? ", says the running gateway" : "");
	else
		check_fail(c, r, NULL, "auth.mode = \"%s\": a password can be guessed and is typed",
			cli_safe(mode));
}

void
check_auth(struct checks *c, struct check_result *r)
{
	struct span mode = cli_get_str(c->gateway.status, "gateway.auth.mode");
	const struct json_node *v = check_value_next(c, "gateway.auth.mode", NULL);
	struct span want = check_value_text(c, "gateway.auth.mode");

	if (mode.len > 0 && !span_eq(mode, SPAN("token")) && !span_eq(mode, SPAN("password")))
		check_fail_as(c, r, "gateway.bind_no_auth", CHECK_CRITICAL, NULL,
			"the running gateway says auth.mode = \"%s\"", cli_safe(mode));
	if (v != NULL && !span_eq(want, SPAN("token")) && !span_eq(want, SPAN("password")))
		check_fail_as(c, r, "gateway.bind_no_auth", CHECK_CRITICAL, NULL,
			"%s: gateway.auth.mode is \"%s\"", check_place(c, v), cli_safe(want));
	if (mode.len == 0 && check_is_unread(c, r))
		return;
	check_pass(c, r, "auth.mode = \"%s\"; there is no mode without authentication",
		mode.len > 0                                 ? cli_safe(mode)
		: cli_get_bool(c->config, "password", false) ? "password"
							     : "token");
}

void
check_insecure_auth(struct checks *c, struct check_result *r)
{
	const struct json_node *v =
		check_value_next(c, "gateway.controlUi.allowInsecureAuth", NULL);

	if (check_is_unread(c, r))
		return;
	if (v != NULL && cli_get_bool(v, "value", true))
		check_fail_as(c, r, "gateway.control_ui.insecure_auth", CHECK_CRITICAL, NULL,
			"%s: gateway.controlUi.allowInsecureAuth is on", check_place(c, v));
	else
		check_pass(c, r, v == NULL ? "it is not set" : "it is false");
}

void
check_proxies(struct checks *c, struct check_result *r)
{
	if (check_is_unread(c, r))
		return;
	if (!cli_get_bool(c->config, "behindTlsProxy", false))
		check_pass(c, r, "no proxy is in front");
	else if (check_value_next(c, "gateway.trustedProxies", NULL) != NULL)
		check_pass(c, r, "gateway.trustedProxies names it");
	else if (cli_get_bool(c->config, "railway", false))
		check_pass(c, r, "the platform's proxy has no fixed address");
	else
		check_fail_as(c, r, "gateway.trusted_proxies_missing", CHECK_WARN, NULL,
			"gateway.trustedProxies is empty: all clients count as one, the proxy");
}

void
check_rate_limit(struct checks *c, struct check_result *r)
{
	const struct json_node *v = check_value_next(c, "gateway.rateLimit.enabled", NULL);

	if (check_is_unread(c, r))
		return;
	if (v != NULL && !cli_get_bool(v, "value", false))
		check_fail(c, r, NULL, "%s: gateway.rateLimit.enabled is off", check_place(c, v));
	else
		check_pass(c, r, "gateway.rateLimit is on");
}

/* ---- listening sockets ---- */

struct sockets {
	uint64_t inode[SOCKETS_MAX];
	size_t n;
	bool closed; /* some process could not be looked at */
};

static void
take_sockets(struct checks *c, unsigned pid, struct sockets *s)
{
	const char *path = check_text(c, "/proc/%u/fd", pid);
	DIR *dir = opendir(path);
	struct dirent *e;
	char link[64];

	if (dir == NULL) {
		s->closed |= errno != ENOENT &&
			     errno != ESRCH; /* a cell or an agent may have ended meanwhile */
		return;
	}
	while ((e = readdir(dir)) != NULL && s->n < SOCKETS_MAX) {
		ssize_t n = readlinkat(dirfd(dir), e->d_name, link, sizeof(link));
		struct span text = span_of(link, n > 0 ? (size_t)n : 0);

		if (span_starts_with(text, SPAN("socket:[")) &&
			span_to_u64(span_sub(text, 8, text.len - 9), 1, UINT64_MAX,
				&s->inode[s->n]) == 0)
			s->n++;
	}
	closedir(dir);
}

static bool
has_inode(const struct sockets *s, uint64_t inode)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->inode[i] == inode)
			return true;
	}
	return false;
}

/* A line of /proc/net/tcp: "sl local remote st ... inode"; hexadecimal address:port. */
static void
look_at_line(struct checks *c, struct check_result *r, const struct sockets *s, struct span line,
	const char *table, uint64_t port, unsigned *ours)
{
	struct span field[10];
	struct span local;
	uint64_t inode;
	uint64_t at = 0;

	line = span_trim(line);
	for (size_t i = 0; i < 10; i++) {
		while (line.len > 0 && line.ptr[0] == ' ')
			line = span_sub(line, 1, SIZE_MAX);
		field[i] = span_cut(&line, ' ');
	}
	/* 0A: listening; a UDP socket is open in state 07 */
	if (!span_eq(field[3], SPAN("0A")) && !span_eq(field[3], SPAN("07")))
		return;
	if (span_to_u64(field[9], 1, UINT64_MAX, &inode) < 0 || !has_inode(s, inode))
		return;
	local = field[1];
	(void)span_cut(&local, ':');
	for (size_t i = 0; i < local.len; i++)
		at = at << 4 | (uint64_t)(local.ptr[i] <= '9' ? local.ptr[i] - '0'
							      : (local.ptr[i] | 32) - 'a' + 10);
	(*ours)++;
	if (at != port)
		check_fail(c, r, NULL, "a process of the gateway listens at port %llu (%s)",
			(unsigned long long)at, table);
}

static void
look_at_table(struct checks *c, struct check_result *r, const struct sockets *s, const char *table,
	uint64_t port, unsigned *ours)
{
	struct buf b = {.max = NET_MAX};
	int fd = open(check_text(c, "/proc/net/%s", table), O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;
	struct span rest;

	while (fd >= 0 && n > 0) {
		uint8_t *p = buf_room(&b, KIB(16u));

		n = p == NULL ? 0 : read(fd, p, KIB(16u));
		if (n > 0)
			buf_added(&b, (size_t)n);
	}
	if (fd >= 0)
		close(fd);
	rest = buf_span(&b);
	(void)span_cut(&rest, '\n');
	while (rest.len > 0)
		look_at_line(c, r, s, span_cut(&rest, '\n'), table, port, ours);
	buf_clear(&b);
}

/* Every process of the supervisor's tree has its name from us. */
static void
take_tree(struct checks *c, struct sockets *s)
{
	unsigned pids[CHECK_FILES_MAX];
	size_t n = cli_gateway_tree(c->gateway.pid, pids, CHECK_FILES_MAX);

	for (size_t i = 0; i < n; i++)
		take_sockets(c, pids[i], s);
}

void
check_ports(struct checks *c, struct check_result *r)
{
	static const char *const tables[] = {"tcp", "tcp6", "udp", "udp6"};
	uint64_t port = cli_get_u64(c->gateway.status, "gateway.port", 0);
	struct sockets *s;
	unsigned ours = 0;

	if (check_is_down(c, r))
		return;
	s = mem_alloc(1, sizeof(*s));
	take_tree(c, s);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		look_at_table(c, r, s, tables[i], port, &ours);
	if (s->closed || ours == 0)
		check_unknown(c, r,
			"the gateway's processes hide their sockets from this user: "
			"run the audit as root");
	else
		check_pass(c, r, "%u listening sockets, all at port %llu", ours,
			(unsigned long long)port);
	free(s);
}
