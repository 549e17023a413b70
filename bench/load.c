/*
 * load PORT MODE LANES SECONDS: loads a gateway on loopback over WebSockets and prints one line: operations a second, and the
 * 50th and 99th percentile in microseconds. The token is read from the environment (MOLTBOT_GATEWAY_TOKEN).
 *
 *   connect  connect, authenticate, health, close; LANES at once
 *   health   health calls over LANES open connections, one under way on each
 *   turns    chat.send to the chat final event, LANES sessions at once over one connection; they are new ones, so that every
 *            start of this program makes the same load
 *   once     one connection: time from start to the first health answer, connecting again until it works
 *   panic    LANES sessions run `sleep` as a tool; once they all sleep, the kill switch: time until the last of them is dead
 *   abort    the same with chat.abort of every session; LOAD_AGENT in the environment is an agent's pid that must be dead, too
 *   flood    LANES connections that never sign in (load_attack.h)
 *   idle     opens LANES authenticated connections, prints "ready", keeps them until standard input closes
 *   slow     the same, but every tenth reads nothing any more once it is signed in, and takes little unread
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "ev/ev.h"
#include "load_attack.h"
#include "ws/ws.h"

#define SAMPLES_MAX 4000000
#define FRAME_MAX (8u << 20)

enum mode { CONNECT, HEALTH, TURNS, ONCE, IDLE, PANIC, ABORT, FLOOD, SLOW };
enum state { SHAKING, CHALLENGE, HELLO, OPEN };

struct lane {
	int fd;
	struct ev_fd *watch;
	enum state state;
	struct buf in;
	struct ws_decoder dec;
	uint64_t since_us; /* of the operation under way */
	size_t number;
};

static struct {
	struct ev *ev;
	enum mode mode;
	uint16_t port;
	const char *token;
	size_t lanes;
	size_t open;
	uint64_t start_us;
	uint64_t end_us;
	uint32_t *samples;
	size_t n;
	uint64_t errors;
	uint64_t turn;     /* next turn's number */
	uint64_t *turn_us; /* when a session's turn was sent */
	uint64_t *turn_of; /* its number */
	char mark[32];     /* how long the tools sleep, in the command line of each */
} g;

static uint64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Connections that stay and are sent what happens. */
/* Tools that sleep, and then the word that ends them. */
static bool
is_stop(void)
{
	return g.mode == PANIC || g.mode == ABORT;
}

static bool
is_crowd(void)
{
	return g.mode == IDLE || g.mode == SLOW;
}

static bool
is_slow(const struct lane *l)
{
	return g.mode == SLOW && l->number % 10 == 0;
}

static void
sample(uint64_t since)
{
	if (g.n < SAMPLES_MAX)
		g.samples[g.n++] = (uint32_t)(now_us() - since);
}

static void
send_text(struct lane *l, struct span text)
{
	static const uint8_t key[4] = {1, 2, 3, 4};
	struct buf out = {.max = FRAME_MAX};

	ws_put(&out, WS_TEXT, text, key);
	if (write(l->fd, out.ptr, out.len) != (ssize_t)out.len)
		g.errors++;
	buf_clear(&out);
}

static void on_lane(struct ev *ev, int fd, unsigned events, void *arg);

static int
lane_connect(struct lane *l)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(g.port)};
	struct buf head = {.max = 1024};
	int little = 4096;
	int yes = 1;

	l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	l->since_us = now_us();
	if (is_slow(l))
		(void)setsockopt(l->fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof(little));
	if (l->fd < 0 || connect(l->fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0) {
		close(l->fd);
		return -1;
	}
	(void)setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	l->state = SHAKING;
	l->in.max = WS_BUFFER_MAX(FRAME_MAX);
	buf_reset(&l->in);
	ws_decoder_init(&l->dec, WS_CLIENT, FRAME_MAX);
	buf_put_fmt(&head,
		"GET / HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUpgrade: websocket\r\nConnection: "
		"Upgrade\r\nSec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
		g.port);
	if (write(l->fd, head.ptr, head.len) < 0)
		g.errors++;
	buf_clear(&head);
	l->watch = ev_fd_add(g.ev, l->fd, EV_READ, on_lane, l);
	return 0;
}

static void
lane_close(struct lane *l)
{
	struct linger now = {1, 0};

	ev_fd_del(l->watch);
	/* no port of ours stays in TIME_WAIT */
	(void)setsockopt(l->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(l->fd);
}

static void
finish(void)
{
	ev_stop(g.ev);
}

static void
start_turn(struct lane *l, size_t session)
{
	struct buf m = {.max = 1024};

	g.turn_of[session] = ++g.turn;
	g.turn_us[session] = now_us();
	buf_put_fmt(&m,
		"{\"type\":\"req\",\"id\":\"t\",\"method\":\"chat.send\",\"params\":{"
		"\"sessionKey\":\"bench-%d-%zu\",\"message\":\"%s%s\","
		"\"idempotencyKey\":\"%d-%zu-%llu\"}}",
		(int)getpid(), session, is_stop() ? "run: exec sleep " : "go", g.mark,
		(int)getpid(), session, (unsigned long long)g.turn);
	send_text(l, buf_span(&m));
	buf_clear(&m);
}

#define SLEEPERS_MAX 64

static void
say_stop(struct lane *l)
{
	if (g.mode == PANIC)
		send_text(l, SPAN("{\"type\":\"req\",\"id\":\"p\",\"method\":\"moltbot.panic\"}"));
	for (size_t i = 0; g.mode == ABORT && i < g.lanes; i++) {
		struct buf m = {.max = 256};

		buf_put_fmt(&m,
			"{\"type\":\"req\",\"id\":\"a\",\"method\":\"chat.abort\",\"params\":{"
			"\"sessionKey\":\"bench-%d-%zu\"}}",
			(int)getpid(), i);
		send_text(l, buf_span(&m));
		buf_clear(&m);
	}
}

/* The agent that has to end as well, if one was named: one more in pidfds. */
static size_t
add_agent(int *pidfds, size_t n)
{
	const char *text = getenv("LOAD_AGENT");
	uint64_t pid;

	if (text == NULL)
		return n;
	if (span_to_u64(span_from_cstr(text), 1, INT32_MAX, &pid) == 0)
		pidfds[n] = pidfd_open((pid_t)pid, 0);
	if (pidfds[n] >= 0)
		return n + 1;
	g.errors++;
	return n;
}

/* The sleepers are looked for until all are there; then nothing is between the word and their end but the gateway. */
static void
on_sleepers(struct ev *ev, void *arg)
{
	struct lane *l = arg;
	int pidfds[SLEEPERS_MAX + 1] = {0};
	size_t n = load_marked(g.mark, pidfds, SLEEPERS_MAX);

	if (n >= g.lanes) {
		uint64_t from;

		n = add_agent(pidfds, n);
		from = now_us();
		say_stop(l);
		g.errors += load_wait_ended(pidfds, n) < 0;
		sample(from);
		finish();
	} else if (now_us() > g.end_us) {
		g.errors++;
		finish();
	} else {
		ev_timer_start(ev, 20, on_sleepers, l);
	}
	for (size_t i = 0; i < n; i++)
		close(pidfds[i]);
}

static void
ask_health(struct lane *l)
{
	l->since_us = now_us();
	send_text(l, SPAN("{\"type\":\"req\",\"id\":\"h\",\"method\":\"health\"}"));
}

static void
say_hello(struct lane *l)
{
	struct buf m = {.max = 4096};

	buf_put_fmt(&m,
		"{\"type\":\"req\",\"id\":\"c\",\"method\":\"connect\",\"params\":{\"minProtocol\":"
		"3,\"maxProtocol\":3,\"client\":{\"id\":\"cli\","
		"\"version\":\"bench\",\"platform\":\"linux\",\"mode\":\"cli\"},\"auth\":{"
		"\"token\":\"%s\"}}}",
		g.token);
	send_text(l, buf_span(&m));
	buf_clear(&m);
}

static void
on_open(struct lane *l)
{
	l->state = OPEN;
	g.open++;
	if (g.mode == TURNS || is_stop()) {
		for (size_t i = 0; i < g.lanes; i++)
			start_turn(l, i);
		if (is_stop())
			on_sleepers(g.ev, l);
	} else if (is_crowd()) {
		if (is_slow(l))
			ev_fd_del(l->watch);
		if (g.open == g.lanes) {
			printf("ready\n");
			fflush(stdout);
		}
	} else if (g.mode == CONNECT || g.mode == ONCE) {
		/* since_us stays: the whole is measured */
		send_text(l, SPAN("{\"type\":\"req\",\"id\":\"h\",\"method\":\"health\"}"));
	} else {
		ask_health(l);
	}
}

/* The session of a final event of ours: runId is pid-session-turn. */
static bool
turn_of(struct span text, size_t *session)
{
	struct buf want = {.max = 64};
	ptrdiff_t at;
	struct span rest;
	struct span digits;
	uint64_t s;

	buf_put_fmt(&want, "\"runId\":\"%d-", (int)getpid());
	at = span_find(text, buf_span(&want));
	rest = at < 0 ? SPAN_EMPTY : span_sub(text, (size_t)at + want.len, text.len);
	buf_clear(&want);
	digits = span_cut(&rest, '-');
	if (at < 0 || span_to_u64(digits, 0, g.lanes - 1, &s) < 0)
		return false;
	*session = (size_t)s;
	return true;
}

static bool
has(struct span text, const char *what)
{
	return span_find(text, span_from_cstr(what)) >= 0;
}

static void
on_turn_message(struct lane *l, struct span text)
{
	size_t session;

	if (has(text, "\"ok\":false")) {
		fprintf(stderr, "refused: %.*s\n", (int)text.len, (const char *)text.ptr);
		g.errors++;
		finish();
		return;
	}
	if (!has(text, "\"event\":\"chat\"") || has(text, "\"state\":\"delta\"") ||
		!turn_of(text, &session))
		return;
	if (!has(text, "\"state\":\"final\"")) {
		fprintf(stderr, "no answer: %.*s\n", (int)text.len, (const char *)text.ptr);
		g.errors++;
	}
	sample(g.turn_us[session]);
	if (now_us() < g.end_us)
		start_turn(l, session);
	else
		finish();
}

static void
on_message(struct lane *l, struct span text)
{
	switch (l->state) {
	case SHAKING:
	case CHALLENGE:
		if (has(text, "connect.challenge")) {
			l->state = HELLO;
			say_hello(l);
		}
		return;
	case HELLO:
		if (has(text, "hello-ok"))
			on_open(l);
		else if (has(text, "\"ok\":false"))
			g.errors++;
		return;
	case OPEN:
		break;
	}
	if (g.mode == TURNS) {
		on_turn_message(l, text);
		return;
	}
	if (is_crowd() || is_stop() || !has(text, "\"type\":\"res\""))
		return;
	if (!has(text, "\"ok\":true"))
		g.errors++;
	sample(l->since_us);
	if (g.mode == ONCE || now_us() >= g.end_us) {
		finish();
	} else if (g.mode == HEALTH) {
		ask_health(l);
	} else {
		lane_close(l);
		if (lane_connect(l) < 0) {
			g.errors++;
			finish();
		}
	}
}

static bool
shake(struct lane *l)
{
	ptrdiff_t end;

	if (l->state != SHAKING)
		return true;
	end = span_find(buf_span(&l->in), SPAN("\r\n\r\n"));
	if (end < 0)
		return false;
	buf_consume(&l->in, (size_t)end + 4);
	l->state = CHALLENGE;
	return true;
}

static void
again(struct ev *ev, void *arg)
{
	(void)ev;
	if (lane_connect(arg) < 0)
		ev_timer_start(g.ev, 1, again, arg);
}

static void
on_lane(struct ev *ev, int fd, unsigned events, void *arg)
{
	struct lane *l = arg;
	uint8_t *room = buf_room(&l->in, 65536);
	ssize_t n = read(fd, room, 65536);
	struct ws_event e;
	int was = l->fd;

	(void)ev;
	(void)events;
	if (n <= 0) {
		if (g.mode == ONCE) { /* not up yet */
			lane_close(l);
			ev_timer_start(g.ev, 1, again, l);
			return;
		}
		g.errors++;
		finish();
		return;
	}
	buf_added(&l->in, (size_t)n);
	if (!shake(l))
		return;
	while (l->fd == was && ws_decode(&l->dec, &l->in, &e) == 0) {
		if (e.kind == WS_TEXT)
			on_message(l, e.data);
		else if (e.kind == WS_CLOSE) {
			g.errors++;
			finish();
			return;
		}
		if (l->state == SHAKING)
			return; /* connected anew */
	}
}

static int
by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void
report(void)
{
	double seconds = (double)(now_us() - g.start_us) / 1e6;

	qsort(g.samples, g.n, sizeof(g.samples[0]), by_value);
	printf("%.1f %u %u %llu\n", (double)g.n / seconds, g.n == 0 ? 0 : g.samples[g.n / 2],
		g.n == 0 ? 0 : g.samples[g.n - 1 - g.n / 100], (unsigned long long)g.errors);
}

static void
on_stdin(struct ev *ev, int fd, unsigned events, void *arg)
{
	char c;

	(void)events;
	(void)arg;
	if (read(fd, &c, 1) <= 0)
		ev_stop(ev);
}

static int
parse(int argc, char **argv, uint64_t *seconds)
{
	static const char *const modes[] = {
		"connect", "health", "turns", "once", "idle", "panic", "abort", "flood", "slow"};
	uint64_t port;
	uint64_t lanes;

	if (argc != 5 || span_to_u64(span_from_cstr(argv[1]), 1, 65535, &port) < 0 ||
		span_to_u64(span_from_cstr(argv[3]), 1, 100000, &lanes) < 0 ||
		span_to_u64(span_from_cstr(argv[4]), 1, 3600, seconds) < 0)
		return -1;
	g.port = (uint16_t)port;
	g.lanes = (size_t)lanes;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(argv[2], modes[i]) == 0) {
			g.mode = (enum mode)i;
			return 0;
		}
	}
	return -1;
}

int
main(int argc, char **argv)
{
	struct rlimit files = {65536, 65536};
	struct lane *lanes;
	uint64_t seconds;
	size_t conns;

	g.token = getenv("MOLTBOT_GATEWAY_TOKEN");
	if (g.token == NULL || parse(argc, argv, &seconds) < 0) {
		fprintf(stderr, "load PORT connect|health|turns|once|idle|panic|abort|flood|slow "
				"LANES SECONDS; "
				"MOLTBOT_GATEWAY_TOKEN in the environment\n");
		return 64;
	}
	signal(SIGPIPE, SIG_IGN);
	(void)setrlimit(RLIMIT_NOFILE, &files);
	if (g.mode == FLOOD)
		return load_flood(g.port, g.lanes);
	if (is_stop())
		(void)snprintf(g.mark, sizeof(g.mark), "60.%07d", (int)getpid());
	g.ev = ev_new();
	g.samples = mem_alloc(SAMPLES_MAX, sizeof(*g.samples));
	g.turn_us = mem_alloc(g.lanes, sizeof(*g.turn_us));
	g.turn_of = mem_alloc(g.lanes, sizeof(*g.turn_of));
	conns = g.mode == TURNS || is_stop() || g.mode == ONCE ? 1 : g.lanes;
	lanes = mem_alloc(conns, sizeof(*lanes));
	g.start_us = now_us();
	g.end_us = g.start_us + seconds * 1000000;
	if (is_crowd())
		ev_fd_add(g.ev, 0, EV_READ, on_stdin, NULL);
	for (size_t i = 0; i < conns; i++) {
		lanes[i].number = i;
		if (lane_connect(&lanes[i]) < 0) {
			if (g.mode != ONCE)
				return 1;
			ev_timer_start(g.ev, 1, again, &lanes[i]);
		}
		while (is_crowd() && lanes[i].state != OPEN && g.errors == 0)
			ev_turn(g.ev, 100);
	}
	ev_run(g.ev);
	report();
	return g.errors > 0;
}
