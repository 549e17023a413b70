#include "proto/attacker.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attacker_asks.h"
#include "attacker_calls.h"
#include "attacker_warrants.h"
#include "proto/child.def.h"
#include "proto/config_supervisor.h"
#include "proto/core_agent.h"

#define CUT_MS 10000 /* on a busy machine the peer may not even have read it before */

enum breakage {
	BREAK_UNKNOWN,
	BREAK_EMPTY,
	BREAK_LONG,
	BREAK_HUGE,
	BREAK_DIRECTION,
	BREAK_OVER,
	BREAK_FAR_OVER,
	BREAK_STATE,
	BREAKAGES
};
static const char *const breakages[BREAKAGES] = {"unknown id", "cut short", "a byte behind the end",
	"the largest datagram of noise", "the other direction", "a byte more than the largest",
	"200 KiB", "a legal message out of its state"};
#define FAR_OVER KIB(200)

static void
say(const char *process, size_t n, const char *class, const char *what, const char *result, int err)
{
	char line[256];
	int len = snprintf(line, sizeof(line), "ATTACK\t%s\t%zu\t%s\t%s\t%s\t%s\n", process, n,
		class, what, result, err == 0 ? "-" : strerrorname_np(err));
	ssize_t ignored = write(2, line, (size_t)len);

	(void)ignored;
}

static void
attempt_call(const struct child *child, const char *process, size_t n)
{
	uint32_t groups = child->spec->jail == NULL ? 0 : child->spec->jail->groups;
	const struct attacker_call *call = &attacker_calls[n];
	bool permitted = (call->groups & groups) != 0;
	long rc;

	say(process, n, "call", call->what, permitted ? "begin-permitted" : "begin", 0);
	errno = 0;
	rc = call->fn();
	say(process, n, "call", call->what,
		rc < 0      ? "held"
		: permitted ? "permitted"
			    : "REACHED",
		rc < 0 ? errno : 0);
}

/* In which state the peer's channel is when we begin: the supervisor has READY of us, and a desk may not say what config does. */
static uint8_t
state_of(const struct child *child, const struct attacker_peer *p)
{
	if (p->proto == &child_proto ||
		(p->proto == &config_supervisor_proto && child->spec->kind == KIND_DESK))
		return IPC_S_IDLE;
	/* core tells an agent its history meanwhile */
	return p->proto == &core_agent_proto ? IPC_S_ANY : IPC_S_NEW;
}

/* The datagram of one message broken in one way; 0 when this breakage does not apply to it. */
static size_t
broken(const struct child *child, const struct attacker_peer *p, const struct ipc_message *m,
	enum breakage how, uint8_t buf[FAR_OVER])
{
	bool mine = (m->dir == IPC_A_TO_B) == (p->side == IPC_SIDE_A);
	union {
		uint64_t align;
		uint8_t bytes[IPC_STRUCT_MAX];
	} zero = {0};
	int fds[IPC_FDS_MAX];
	size_t nfds;
	int len = ipc_encode(m, zero.bytes, buf, fds, &nfds);

	/* the zeroed struct names descriptor 0 where there is one: it is announced and not sent along */
	switch (how) {
	case BREAK_UNKNOWN:
		buf[0] = buf[1] = 0xff;
		return m->id == 1 ? 2 : 0;
	case BREAK_EMPTY:
		return mine && m->nfields > 0 ? 2 : 0;
	case BREAK_LONG:
		buf[len] = 0;
		return mine ? (size_t)len + 1 : 0;
	case BREAK_HUGE:
		memset(buf + 2, 0xff, IPC_MSG_MAX - 2);
		return mine && m->nfields > 0 ? IPC_MSG_MAX : 0;
	case BREAK_DIRECTION:
		return mine ? 0 : (size_t)len;
	case BREAK_OVER:
	case BREAK_FAR_OVER:
		memset(buf + len, 0, FAR_OVER - (size_t)len);
		return m->id != 1 ? 0 : how == BREAK_OVER ? IPC_MSG_MAX + 1 : FAR_OVER;
	case BREAK_STATE:
		return mine && (m->states & state_of(child, p)) == 0 ? (size_t)len : 0;
	case BREAKAGES:
		break;
	}
	return 0;
}

/* A peer that takes the message without complaint would let us live: that is the failure. */
static void
attempt_message(const char *process, size_t n, const struct attacker_peer *p,
	const struct ipc_message *m, enum breakage how, const uint8_t *buf, size_t len)
{
	char what[128];
	struct pollfd gone = {.fd = p->fd, .events = 0};

	snprintf(what, sizeof(what), "%s to %s, %s: %s", p->proto->name, p->name, m->name,
		breakages[how]);
	say(process, n, "message", what, "begin", 0);
	if (send(p->fd, buf, len, MSG_NOSIGNAL) < 0) {
		say(process, n, "message", what, "held", errno);
		return;
	}
	(void)poll(&gone, 1, CUT_MS); /* the peer closes its end, and the supervisor kills us */
	(void)poll(NULL, 0, 300);
	say(process, n, "message", what,
		(gone.revents & (POLLHUP | POLLERR)) != 0 ? "cut" : "REACHED", 0);
}

/* Whoever accepts it answers with a success; whoever does not answer has shown nothing. */
static void
attempt_fraud(const char *process, size_t n, const struct attacker_fraud *fraud,
	const struct attacker_peer *peers, size_t npeers)
{
	int64_t rc;

	say(process, n, "warrant", fraud->what, "begin", 0);
	rc = fraud->fn(peers, npeers);
	say(process, n, "warrant", fraud->what,
		rc == ATTACKER_NO_ANSWER ? "no answer"
		: rc >= 0                ? "REACHED"
					 : "refused",
		0);
}

static void
attempt_ask(const struct child *child, const char *process, size_t n,
	const struct attacker_ask *ask, const struct attacker_peer *peers, size_t npeers)
{
	static const char *const outcomes[ATTACKER_ASK_N] = {[ATTACKER_ASK_REFUSED] = "refused",
		[ATTACKER_ASK_CUT] = "cut",
		[ATTACKER_ASK_PERMITTED] = "permitted",
		[ATTACKER_ASK_REACHED] = "REACHED",
		[ATTACKER_ASK_SILENCE] = "no answer"};

	say(process, n, "ask", ask->what, "begin", 0);
	say(process, n, "ask", ask->what, outcomes[ask->fn(child, peers, npeers, ask->text)], 0);
}

void
attacker_attempt(const struct child *child, const struct attacker_peer *peers, size_t npeers)
{
	const char *process = kind_name(child->spec->kind);
	size_t n = HELLO_ATTEMPT(child->flags);
	size_t at = attacker_ncalls;
	static uint8_t buf[FAR_OVER];

	if (n < attacker_ncalls) {
		attempt_call(child, process, n);
		_exit(0);
	}
	if (child->spec->kind == KIND_CORE) {
		if (n < at + attacker_nfrauds) {
			attacker_frauds_at(child_option_u64(child, "provider.row", 0),
				child_option_u64(child, "provider.tag", 0));
			attempt_fraud(process, n, &attacker_frauds[n - at], peers, npeers);
			_exit(0);
		}
		at += attacker_nfrauds;
	}
	for (size_t i = 0; i < attacker_nasks; i++) {
		const struct attacker_ask *ask = &attacker_asks[i];

		if (!attacker_ask_is_for(ask, child->spec->kind) || at++ != n)
			continue;
		attempt_ask(child, process, n, ask, peers, npeers);
		_exit(0);
	}
	for (size_t i = 0; i < npeers; i++) {
		for (size_t k = 0; k < peers[i].proto->n; k++) {
			for (enum breakage how = 0; how < BREAKAGES; how++) {
				size_t len = broken(
					child, &peers[i], &peers[i].proto->messages[k], how, buf);

				if (len == 0 || at++ != n)
					continue;
				attempt_message(process, n, &peers[i], &peers[i].proto->messages[k],
					how, buf, len);
				_exit(0);
			}
		}
	}
	say(process, n, "end", "no more attempts", "done", 0);
}
