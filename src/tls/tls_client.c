/* One connection of the command line: in a jail before the first byte from outside, without a file, a name or a credential. */
#include "tls_client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/weak.h"
#include "crypto/crypto_encode.h"
#include "jail/jail.h"
#include "proto/tls_client.h"
#include "tls_session.h"

#define NET TLS_CLIENT_NET_FD
#define PAIR TLS_CLIENT_PAIR_FD
#define CA_FILE "/etc/ssl/certs/ca-certificates.crt"
#define RECORD_LEN KIB(16u)

/* Bytes on their way to one side. */
struct way {
	uint8_t bytes[RECORD_LEN];
	size_t from;
	size_t len;
	bool is_over;
};

static struct way inward;  /* to the command line */
static struct way outward; /* to the gateway */

/* ---- the handshake ---- */

/* False: the command line has gone. */
static bool
wait_for(short net_events, short pair_events)
{
	struct pollfd p[] = {
		{.fd = NET, .events = net_events}, {.fd = PAIR, .events = pair_events}};

	return poll(p, 2, -1) > 0 &&
	       (pair_events != 0 || (p[1].revents & (POLLHUP | POLLERR)) == 0);
}

static bool
shake(struct tls_session *s)
{
	for (;;) {
		switch (tls_session_shake(s)) {
		case TLS_DONE:
			return true;
		case TLS_WANT_READ:
			if (!wait_for(POLLIN, 0))
				return false;
			break;
		case TLS_WANT_WRITE:
			if (!wait_for(POLLOUT, 0))
				return false;
			break;
		case TLS_WANT_SIGNATURE:
		case TLS_ENDED:
		case TLS_BROKEN:
			return false;
		}
	}
}

/* Nothing of ours has gone to whoever it is before this says that he is the right one. */
static enum tls_client_word
judge(struct tls_session *s, struct span expected, uint8_t fingerprint[TLS_FINGERPRINT_LEN])
{
	if (!shake(s) || !tls_session_peer(s, fingerprint))
		return TLS_CLIENT_BROKEN;
	if (WEAK(TLS_PIN))
		return TLS_CLIENT_GOOD;
	if (expected.len > 0)
		return span_eq(expected, span_of(fingerprint, TLS_FINGERPRINT_LEN))
			       ? TLS_CLIENT_GOOD
			       : TLS_CLIENT_OTHER;
	return tls_session_is_trusted(s) ? TLS_CLIENT_GOOD : TLS_CLIENT_UNKNOWN;
}

/* ---- bytes ---- */

/* Each of the two: true when something has moved; *over: there is no use in going on. */
static bool
move_inward(struct tls_session *s, bool *over)
{
	enum tls_result r;
	ssize_t n;

	if (inward.len > 0) {
		n = send(PAIR, inward.bytes + inward.from, inward.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		*over = n < 0 && errno != EAGAIN && errno != EINTR;
		if (n <= 0)
			return false;
		inward.from += (size_t)n;
		inward.len -= (size_t)n;
		return true;
	}
	inward.from = 0;
	r = tls_session_read(s, inward.bytes, sizeof(inward.bytes), &inward.len);
	if (r != TLS_DONE)
		inward.len = 0;
	*over = r == TLS_ENDED || r == TLS_BROKEN;
	return r == TLS_DONE;
}

static bool
move_outward(struct tls_session *s, bool *over)
{
	enum tls_result r;
	size_t done = 0;
	ssize_t n;

	if (outward.len == 0) {
		n = recv(PAIR, outward.bytes, sizeof(outward.bytes), MSG_DONTWAIT);
		*over = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
		if (n == 0)
			(void)tls_session_say_end(s);
		outward.from = 0;
		outward.len = n > 0 ? (size_t)n : 0;
		return n > 0;
	}
	r = tls_session_write(s, span_of(outward.bytes + outward.from, outward.len), &done);
	*over = r == TLS_BROKEN || r == TLS_ENDED;
	if (r != TLS_DONE)
		return false;
	outward.from += done;
	outward.len -= done;
	return true;
}

static void
relay(struct tls_session *s)
{
	for (;;) {
		bool over[2] = {false, false};
		bool moved = move_inward(s, &over[0]);

		moved = move_outward(s, &over[1]) || moved;
		if (over[0] || over[1])
			return;
		if (!moved && !wait_for((short)((inward.len == 0 ? POLLIN : 0) |
						(outward.len > 0 ? POLLOUT : 0)),
				      (short)((outward.len == 0 ? POLLIN : 0) |
					      (inward.len > 0 ? POLLOUT : 0))))
			return;
	}
}

int
tls_client_run(const char *host, const char *fingerprint)
{
	struct jail_env env = JAIL_ENV_INIT;
	struct jail_report report;
	struct span hex = span_from_cstr(fingerprint);
	uint8_t expected[TLS_FINGERPRINT_LEN];
	uint8_t answer[TLS_CLIENT_ANSWER_LEN] = {TLS_CLIENT_BROKEN};
	struct tls_context *context;
	struct tls_session *s;

	if (hex.len > 0 && (hex.len != 2 * sizeof(expected) ||
				   crypto_hex_decode(hex, expected, sizeof(expected)) < 0))
		return 64;
	context = tls_session_setup() < 0 ? NULL
					  : tls_context_new_client(hex.len > 0 ? NULL : CA_FILE);
	if (context == NULL || fcntl(NET, F_SETFL, O_NONBLOCK) < 0 ||
		jail_apply(&tls_client_jail, &env, &report) < 0)
		return 1;
	s = tls_session_new_client(context, NET, host);
	if (s != NULL)
		answer[0] = (uint8_t)judge(s, span_of(expected, hex.len / 2), answer + 1);
	if (send(PAIR, answer, sizeof(answer), MSG_NOSIGNAL) == sizeof(answer) &&
		answer[0] == TLS_CLIENT_GOOD)
		relay(s);
	tls_session_free(s);
	tls_context_free(context);
	return answer[0] == TLS_CLIENT_GOOD ? 0 : 1;
}
