#include "cli_url.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "cli_client.h"
#include "cli_run.h"
#include "cli_socket.h"
#include "cli_tls.h"

#define VALUES_MAX MIB(4u)

/* A URL in its parts. */
struct parts {
	bool tls;
	char host[256]; /* without the brackets of an IPv6 address */
	char port[8];
};

/* ---- which ---- */

static int
set(struct cli_url *url, struct span text, struct span fingerprint, const char **what)
{
	*url = (struct cli_url){0};
	if (span_to_cstr(text, url->text, sizeof(url->text)) < 0) {
		*what = "too long";
		return ERR_UNSUPPORTED;
	}
	if (fingerprint.len == 0)
		return 0;
	url->is_pinned = true;
	if (cli_tls_fingerprint_parse(fingerprint, url->fingerprint) == 0)
		return 0;
	*what = "the fingerprint must be a SHA-256 of 64 digits, with colons or without";
	return ERR_UNSUPPORTED;
}

int
cli_url_given(const struct cli *cli, struct cli_url *url, const char **what)
{
	return set(url, span_from_cstr(cli_str(cli, "url", "")),
		span_from_cstr(cli_str(cli, "tls-fingerprint", "")), what);
}

static bool
has_option(const struct cli *cli, const char *name)
{
	for (const struct cli_option *o = cli->command->options; o != NULL && o->name != NULL;
		o++) {
		if (strcmp(o->name, name) == 0)
			return true;
	}
	return false;
}

void
cli_url_configured(struct cli *cli, struct cli_url *url)
{
	struct buf out = {.max = VALUES_MAX};
	struct arena arena;
	struct json_node *root;
	const char *what;

	*url = (struct cli_url){0};
	if (!has_option(cli, "url") || access(cli->paths.config, R_OK) < 0)
		return;
	arena_init(&arena, 4 * VALUES_MAX);
	if (cli_run(cli, "moltbot-config", (const char *[]){"--values", cli->paths.config, NULL},
		    true, &out) >= 0 &&
		json_parse(&arena, buf_span(&out), NULL, &root, NULL) == 0 &&
		set(url, cli_get_str(root, "remote.url"),
			cli_get_str(root, "remote.tlsFingerprint"), &what) < 0)
		*url = (struct cli_url){0};
	arena_clear(&arena);
	buf_clear(&out);
}

struct span
cli_url_host(const struct cli_url *url)
{
	struct span s = span_from_cstr(url->text);

	if (s.len == 0)
		return SPAN("localhost");
	s = span_sub(s, span_starts_with(s, SPAN("wss://")) ? 6 : 5, SIZE_MAX);
	return span_ends_with(s, SPAN("/")) ? span_sub(s, 0, s.len - 1) : s;
}

static bool
is_host(struct span host)
{
	for (size_t i = 0; i < host.len; i++) {
		uint8_t c = host.ptr[i];

		if ((c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') &&
			c != '.' && c != '-' && c != ':' && c != '_')
			return false;
	}
	return host.len > 0;
}

static bool
split(const struct cli_url *url, struct parts *p)
{
	struct span s = cli_url_host(url);
	struct span host;
	uint64_t port = 443;
	bool v6 = span_starts_with(s, SPAN("["));

	p->tls = span_starts_with(span_from_cstr(url->text), SPAN("wss://"));
	if (!p->tls && !span_starts_with(span_from_cstr(url->text), SPAN("ws://")))
		return false;
	if (v6)
		s = span_sub(s, 1, SIZE_MAX);
	host = span_cut(&s, v6 ? ']' : ':');
	if (v6 && s.len > 0 && s.ptr[0] == ':')
		s = span_sub(s, 1, SIZE_MAX);
	else if (v6 && s.len > 0)
		return false;
	if ((s.len > 0 || !p->tls) && span_to_u64(s, 1, 65535, &port) < 0)
		return false;
	snprintf(p->port, sizeof(p->port), "%u", (unsigned)port);
	return is_host(host) && span_to_cstr(host, p->host, sizeof(p->host)) == 0;
}

/* ---- the connection ---- */

static bool
is_this_machine(const struct parts *p)
{
	return strcmp(p->host, "127.0.0.1") == 0 || strcmp(p->host, "localhost") == 0 ||
	       strcmp(p->host, "::1") == 0;
}

/* At the first of its addresses that answers. */
static int
connect_to(const struct parts *p, int64_t timeout_ms, const char **what)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
		.ai_family = strcmp(p->host, "localhost") == 0 ? AF_INET : AF_UNSPEC};
	struct timeval tv = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
	const struct timeval none = {0};
	struct addrinfo *list = NULL;
	int yes = 1;
	int fd = ERR_SYS;

	if (getaddrinfo(p->host, p->port, &hints, &list) != 0) {
		*what = "its name has no address";
		return ERR_SYS;
	}
	for (const struct addrinfo *a = list; a != NULL && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0)
			continue;
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
		fd = cli_socket_connect(fd, a->ai_addr, a->ai_addrlen, what);
	}
	freeaddrinfo(list);
	if (fd >= 0) {
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof(none));
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	}
	return fd;
}

int
cli_url_open(
	const struct cli *cli, const struct cli_url *url, int64_t timeout_ms, const char **what)
{
	uint8_t own[TLS_FINGERPRINT_LEN];
	const uint8_t *good = url->is_pinned ? url->fingerprint : NULL;
	struct parts p;
	int fd;

	/* without TLS the token must not leave the machine */
	if (!split(url, &p) || (!p.tls && !is_this_machine(&p))) {
		*what = "expected wss://HOST[:PORT], or on this machine ws://127.0.0.1:PORT, "
			"ws://[::1]:PORT or ws://localhost:PORT";
		return ERR_UNSUPPORTED;
	}
	if (!p.tls && url->is_pinned) {
		*what = "a fingerprint is for wss://";
		return ERR_UNSUPPORTED;
	}
	if (good == NULL && is_this_machine(&p) && cli_tls_fingerprint_own(cli, own) == 0)
		good = own;
	fd = connect_to(&p, timeout_ms, what);
	return fd < 0 || !p.tls ? fd : cli_tls_start(cli, fd, p.host, good, timeout_ms, what);
}
