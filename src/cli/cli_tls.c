#include "cli_tls.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/weak.h"
#include "cli_client.h"
#include "cli_run.h"
#include "cli_socket.h"
#include "crypto/crypto.h"
#include "crypto/crypto_encode.h"

#define FD_ABOVE 16 /* of what is passed on, so that one does not take the other's place */

/* ---- fingerprints ---- */

int
cli_tls_fingerprint_parse(struct span text, uint8_t fingerprint[TLS_FINGERPRINT_LEN])
{
	struct buf hex = {.max = 2 * TLS_FINGERPRINT_LEN};
	int rc = 0;

	if (span_eq_nocase(span_sub(text, 0, 7), SPAN("sha256:")))
		text = span_sub(text, 7, SIZE_MAX);
	for (size_t i = 0; i < text.len && rc == 0; i++) {
		uint8_t c = text.ptr[i];

		if (c != ':')
			rc = buf_put_u8(&hex, c >= 'A' && c <= 'F' ? (uint8_t)(c | 0x20) : c);
	}
	if (rc < 0 || hex.len != 2 * TLS_FINGERPRINT_LEN ||
		crypto_hex_decode(buf_span(&hex), fingerprint, TLS_FINGERPRINT_LEN) < 0)
		rc = ERR_PROTO;
	buf_clear(&hex);
	return rc;
}

void
cli_tls_fingerprint_format(
	const uint8_t fingerprint[TLS_FINGERPRINT_LEN], char text[CLI_FINGERPRINT_MAX])
{
	for (size_t i = 0; i < TLS_FINGERPRINT_LEN; i++)
		(void)snprintf(text + 3 * i, CLI_FINGERPRINT_MAX - 3 * i,
			i + 1 < TLS_FINGERPRINT_LEN ? "%02X:" : "%02X", fingerprint[i]);
}

/* What stands between the lines of the first certificate of a PEM file. */
static struct span
pem_body(struct span pem)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----";
	ptrdiff_t from = span_find(pem, SPAN("-----BEGIN CERTIFICATE-----"));
	struct span rest =
		from < 0 ? SPAN_EMPTY : span_sub(pem, (size_t)from + sizeof(begin) - 1, SIZE_MAX);
	ptrdiff_t end = span_find(rest, SPAN("-----END CERTIFICATE-----"));

	return end < 0 ? SPAN_EMPTY : span_sub(rest, 0, (size_t)end);
}

int
cli_tls_fingerprint_own(const struct cli *cli, uint8_t fingerprint[TLS_FINGERPRINT_LEN])
{
	char path[CLI_PATH_MAX + 32];
	char pem[2 * TLS_CERT_MAX];
	struct buf text = {.max = sizeof(pem)};
	struct buf der = {.max = TLS_CERT_MAX};
	struct span body;
	ssize_t n;
	int fd;
	int rc;

	snprintf(path, sizeof(path), "%s/tls-cert.pem", cli->paths.state);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	n = fd < 0 ? -1 : read(fd, pem, sizeof(pem));
	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return ERR_NOTFOUND;
	body = pem_body(span_of(pem, (size_t)n));
	while (body.len > 0)
		(void)buf_put(&text, span_trim(span_cut(&body, '\n')));
	rc = text.len == 0 ? ERR_PROTO : crypto_base64_decode(buf_span(&text), &der);
	if (rc >= 0 && der.len > 0)
		crypto_sha256(buf_span(&der), fingerprint);
	rc = rc < 0 || der.len == 0 ? ERR_PROTO : 0;
	buf_clear(&text);
	buf_clear(&der);
	return rc;
}

bool
cli_tls_fingerprint_text(
	const struct cli *cli, const struct json_node *status, char text[CLI_FINGERPRINT_MAX])
{
	uint8_t fingerprint[TLS_FINGERPRINT_LEN];

	/* asked elsewhere, the gateway has another certificate than the one that lies here */
	if (cli_client_is_elsewhere() || !cli_get_bool(status, "gateway.tls", false) ||
		cli_tls_fingerprint_own(cli, fingerprint) < 0)
		return false;
	cli_tls_fingerprint_format(fingerprint, text);
	return true;
}

/* ---- the process ---- */

/* With its two descriptors and nothing else of ours, no environment either. */
static int
start(const struct cli *cli, int net, int pair, const char *host, const uint8_t *fingerprint)
{
	char path[CLI_PATH_MAX + 64];
	char hex[2 * TLS_FINGERPRINT_LEN + 1] = "";
	char *const argv[] = {(char *)(uintptr_t) "moltbot-tls", (char *)(uintptr_t) "client",
		(char *)(uintptr_t)host, hex, NULL};
	char *const none[] = {WEAK_ENVIRON NULL};
	posix_spawn_file_actions_t fa;
	pid_t pid;
	int rc;

	if (!cli_run_find(cli, "moltbot-tls", path))
		return ERR_NOTFOUND;
	if (fingerprint != NULL)
		crypto_hex_encode(span_of(fingerprint, TLS_FINGERPRINT_LEN), hex);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, net, TLS_CLIENT_NET_FD);
	posix_spawn_file_actions_adddup2(&fa, pair, TLS_CLIENT_PAIR_FD);
	rc = posix_spawn(&pid, path, &fa, NULL, argv, none);
	posix_spawn_file_actions_destroy(&fa);
	return rc == 0 ? 0 : ERR_SYS;
}

static int
explain(const uint8_t answer[TLS_CLIENT_ANSWER_LEN], const char **what)
{
	static char text[CLI_FINGERPRINT_MAX + 160];
	char fingerprint[CLI_FINGERPRINT_MAX];

	cli_tls_fingerprint_format(answer + 1, fingerprint);
	*what = text;
	switch (answer[0]) {
	case TLS_CLIENT_GOOD:
		return 0;
	case TLS_CLIENT_OTHER:
		snprintf(text, sizeof(text),
			"its certificate is another one than was expected (%s): perhaps somebody "
			"else answers",
			fingerprint);
		return ERR_CRYPTO;
	case TLS_CLIENT_UNKNOWN:
		snprintf(text, sizeof(text),
			"nobody vouches for its certificate (%s); when that is its fingerprint, "
			"say so with --tls-fingerprint",
			fingerprint);
		return ERR_CRYPTO;
	default:
		*what = "no TLS 1.3 is spoken there";
		return ERR_PROTO;
	}
}

static int
wait_answer(int fd, int64_t timeout_ms, const char **what)
{
	struct buf answer = {.max = TLS_CLIENT_ANSWER_LEN};
	int rc = 0;

	while (rc == 0 && answer.len < TLS_CLIENT_ANSWER_LEN) {
		rc = cli_socket_read(fd, &answer, timeout_ms);
		if (rc == ERR_ABORTED)
			rc = 0;
	}
	if (rc == 0)
		rc = explain(answer.ptr, what);
	else if (rc == ERR_EOF)
		*what = "TLS could not be started";
	rc = rc == ERR_EOF ? ERR_SYS : rc;
	buf_clear(&answer);
	return rc;
}

int
cli_tls_start(const struct cli *cli, int net, const char *host, const uint8_t *fingerprint,
	int64_t timeout_ms, const char **what)
{
	int fds[2] = {-1, -1};
	int theirs[2] = {fcntl(net, F_DUPFD_CLOEXEC, FD_ABOVE), -1};
	int rc = ERR_SYS;

	close(net);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0)
		theirs[1] = fcntl(fds[1], F_DUPFD_CLOEXEC, FD_ABOVE);
	*what = "TLS could not be started";
	if (theirs[0] >= 0 && theirs[1] >= 0)
		rc = start(cli, theirs[0], theirs[1], host, fingerprint);
	if (rc == ERR_NOTFOUND)
		*what = "the program moltbot-tls is not installed";
	for (size_t i = 0; i < 2; i++) {
		if (theirs[i] >= 0)
			close(theirs[i]);
	}
	if (fds[1] >= 0)
		close(fds[1]);
	if (rc == 0)
		rc = wait_answer(fds[0], timeout_ms, what);
	if (rc == 0)
		return fds[0];
	if (fds[0] >= 0)
		close(fds[0]);
	return rc == ERR_NOTFOUND ? ERR_SYS : rc;
}
