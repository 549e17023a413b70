/* edge/user, with the test as supervisor, anon, vault, core and gate. argv[1]: the program. */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "args/args_json.h"
#include "base/err.h"
#include "edge_kit.h"
#include "label/label.h"
#include "proto/anon_user.h"
#include "proto/edge_core.h"
#include "proto/edge_gate.h"
#include "proto/routes.h"
#include "proto/user_vault.h"

static const char *program;

#define OWNER PRINCIPAL(PRINCIPAL_TOKEN, SCOPE_ALL, 7)
#define CONTROL PRINCIPAL(PRINCIPAL_CONTROL, SCOPE_ALL, 0)
#define TICKET KIT_TICKET
#define SNAPSHOT                                                                                   \
	"{\"presence\":[{\"mode\":\"gateway\"}],\"health\":{\"ok\":true},\"startedAtMs\":1,"       \
	"\"sessionDefaults\":{\"mainKey\":\"main\"}}"

struct world {
	struct harness *h;
	int anon, vault, core, gate;
	struct ipc_received *in;
};

static void
list_of(const char *json, struct buf *list)
{
	*list = (struct buf){.max = MIB(8)};
	assert_int_equal(args_json_parse(list, span_from_cstr(json)), 0);
}

static void
send_snapshot(struct world *w)
{
	struct buf list;

	list_of(SNAPSHOT, &list);
	harness_send(w->core, &edge_core_proto, IPC_SIDE_B, EDGE_CORE_SNAPSHOT,
		&(struct edge_core_snapshot){.presence_version = 3,
			.health_version = 4,
			.args = buf_span(&list),
			.body = -1});
	buf_clear(&list);
}

static struct world
begin_as(uint64_t principal, int listener, const char *options)
{
	struct world w = {.in = mem_alloc(1, sizeof(struct ipc_received))};
	struct buf slice;
	struct harness_options o = {.kind = KIND_USER, .instance = principal};

	list_of(options, &slice);
	o.slice = buf_span(&slice);
	if (listener >= 0) {
		o.handles[0] = (struct harness_handle){HANDLE_CONTROL, 0, listener};
		o.nhandles = 1;
	}
	w.h = harness_new(program, "user", &o);
	w.anon = harness_peer(w.h, KIND_ANON, 0);
	w.vault = harness_peer(w.h, KIND_VAULT, 0);
	w.core = harness_peer(w.h, KIND_CORE, 0);
	w.gate = harness_peer(w.h, KIND_GATE, 0);
	harness_start(w.h);
	send_snapshot(&w);
	buf_clear(&slice);
	return w;
}

static struct world
begin(void)
{
	return begin_as(OWNER, -1, "{\"version\":\"1.2.3\"}");
}

static void
finish(struct world *w)
{
	close(w->anon);
	close(w->vault);
	close(w->core);
	close(w->gate);
	assert_int_equal(harness_free(w->h), 0);
	free(w->in);
}

static int
hand_over(struct world *w, bool websocket, const char *unread, bool device)
{
	return kit_hand_over(w->anon, websocket, unread, device);
}

static void
redeem(struct world *w, struct user_vault_principal p)
{
	const struct user_vault_redeem *r =
		harness_recv(w->vault, &user_vault_proto, IPC_SIDE_B, USER_VAULT_REDEEM, w->in);

	assert_true(span_eq(r->ticket, TICKET));
	p.req = r->req;
	if (p.principal == 0) {
		p.ok = true;
		p.principal = OWNER;
		p.role = SPAN("operator");
		if (p.scopes == 0)
			p.scopes = SCOPE_ALL;
	}
	harness_send(w->vault, &user_vault_proto, IPC_SIDE_B, USER_VAULT_PRINCIPAL, &p);
}

/* A signed-in WebSocket client, hello-ok and the first health read; returns its number. */
static uint32_t
sign_in(struct world *w, struct kit_ws *c, uint32_t scopes, uint64_t epoch)
{
	const struct edge_core_client *m;

	kit_ws_wrap(c, hand_over(w, true, "", false));
	redeem(w, (struct user_vault_principal){.scopes = scopes, .epoch = epoch});
	(void)kit_ws_wait(c, "\"hello-ok\"");
	(void)kit_ws_wait(c, "\"event\":\"health\"");
	m = harness_wait(w->core, &edge_core_proto, IPC_SIDE_B, EDGE_CORE_CLIENT, w->in);
	assert_true(m->up);
	return m->conn;
}

static const struct edge_core_call *
next_call(struct world *w)
{
	return harness_wait(w->core, &edge_core_proto, IPC_SIDE_B, EDGE_CORE_CALL, w->in);
}

static void
reply_to(struct world *w, const struct edge_core_call *call, struct edge_core_reply r,
	const char *json)
{
	struct buf list = {.max = 1};

	if (json != NULL)
		list_of(json, &list);
	r.conn = call->conn;
	r.seq = call->seq;
	r.args = buf_span(&list);
	r.body = -1;
	harness_send(w->core, &edge_core_proto, IPC_SIDE_B, EDGE_CORE_REPLY, &r);
	buf_clear(&list);
}

static void
send_event(struct world *w, struct edge_core_event e, const char *json)
{
	struct buf list;

	list_of(json, &list);
	e.args = buf_span(&list);
	e.body = -1;
	harness_send(w->core, &edge_core_proto, IPC_SIDE_B, EDGE_CORE_EVENT, &e);
	buf_clear(&list);
}

static void
holds(const char *text, const char *needle)
{
	if (strstr(text, needle) == NULL)
		fail_msg("no %s in %s", needle, text);
}

static void
hello_says_what_the_protocol_says(void **state)
{
	static const char *const needles[] = {"{\"type\":\"res\",\"id\":\"c1\",\"ok\":true,"
					      "\"payload\":{\"type\":\"hello-ok\",\"protocol\":3",
		"\"server\":{\"version\":\"1.2.3\"", "\"connId\":\"",
		"\"methods\":[\"health\",\"status\"", "\"chat.send\"",
		"\"events\":[\"connect.challenge\",\"agent\",\"chat\"",
		"\"presence\":[{\"mode\":\"gateway\"}]", "\"health\":{\"ok\":true}",
		"\"stateVersion\":{\"presence\":3,\"health\":4}",
		"\"uptimeMs\":", "\"sessionDefaults\":{\"mainKey\":\"main\"}",
		"\"auth\":{\"deviceToken\":\"dt\",\"role\":\"operator\",\"scopes\":[\"operator."
		"read\"],\"issuedAtMs\":99}",
		"\"policy\":{\"maxPayload\":524288,\"maxBufferedBytes\":1572864,\"tickIntervalMs\":"
		"30000}"};
	struct world w = begin();
	struct kit_ws c;
	const char *text;

	(void)state;
	kit_ws_wrap(&c, hand_over(&w, true, "", true));
	redeem(&w, (struct user_vault_principal){
			   .scopes = SCOPE_READ, .device_token = SPAN("dt"), .issued_at = 99});
	text = kit_ws_wait(&c, "hello-ok");
	for (size_t i = 0; i < sizeof(needles) / sizeof(needles[0]); i++)
		holds(text, needles[i]);
	assert_null(strstr(text, "moltbot.secrets.show"));
	holds(kit_ws_wait(&c, "\"event\":\"health\""),
		"\"payload\":{\"ok\":true},\"stateVersion\":{\"presence\":3,\"health\":4}}");
	kit_ws_free(&c);
	finish(&w);
}

static void
a_bad_ticket_ends_the_connection(void **state)
{
	static const struct user_vault_principal rows[] = {
		{.ok = false, .principal = OWNER, .scopes = SCOPE_ALL},
		{.ok = true, .principal = OWNER + 1, .scopes = SCOPE_ALL},
		{.ok = true, .principal = CONTROL, .scopes = SCOPE_ALL},
	};
	struct world w = begin();
	char byte;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd = hand_over(&w, true, "", false);

		redeem(&w, rows[i]);
		assert_true(recv(fd, &byte, 1, 0) <= 0);
		close(fd);
	}
	finish(&w);
}

static void
a_request_becomes_a_call_and_its_answer_a_response(void **state)
{
	struct world w = begin();
	struct kit_ws c;
	uint32_t conn = sign_in(&w, &c, SCOPE_READ | SCOPE_WRITE, 1);
	const struct edge_core_call *call;
	struct span v;
	uint64_t n;

	(void)state;
	kit_ws_send(&c, "{\"type\":\"req\",\"id\":\"r1\",\"method\":\"chat.history\",\"params\":{"
			"\"sessionKey\":\"main\",\"limit\":2e2}}");
	call = next_call(&w);
	assert_int_equal(call->conn, conn);
	assert_int_equal(call->method, METHOD_CHAT_HISTORY);
	assert_int_equal(call->door, DOOR_WS);
	assert_int_equal(call->scopes, SCOPE_READ | SCOPE_WRITE);
	assert_int_equal(call->turn, 0);
	assert_int_equal(args_get_str(call->args, "sessionKey", &v), 0);
	assert_true(span_eq(v, SPAN("main")));
	assert_int_equal(args_get_u64(call->args, "limit", 1, 1000, &n), 0);
	assert_int_equal(n, 200);
	reply_to(&w, call, (struct edge_core_reply){.final = true, .ok = true},
		"{\"messages\":[{\"role\":\"user\"}],\"empty\":{}}");
	holds(kit_ws_wait(&c, "\"r1\""), "{\"type\":\"res\",\"id\":\"r1\",\"ok\":true,\"payload\":{"
					 "\"messages\":[{\"role\":\"user\"}],\"empty\":{}}}");

	kit_ws_send(&c, "{\"type\":\"req\",\"id\":\"r2\",\"method\":\"health\"}");
	call = next_call(&w);
	assert_int_equal(call->args.len, 0);
	reply_to(&w, call,
		(struct edge_core_reply){.final = true,
			.code = RPC_INVALID_REQUEST,
			.message = SPAN("missing scope: operator.read")},
		NULL);
	holds(kit_ws_wait(&c, "\"r2\""), "\"ok\":false,\"error\":{\"code\":\"INVALID_REQUEST\","
					 "\"message\":\"missing scope: operator.read\"}}");

	/* two answers to one request, and a third that nobody asked for */
	kit_ws_send(&c, "{\"type\":\"req\",\"id\":\"r3\",\"method\":\"agent.wait\",\"params\":{"
			"\"runId\":\"x\"}}");
	call = next_call(&w);
	reply_to(&w, call, (struct edge_core_reply){.ok = true}, "{\"n\":1}");
	reply_to(&w, call, (struct edge_core_reply){.final = true, .ok = true}, "{\"n\":2}");
	reply_to(&w, call, (struct edge_core_reply){.final = true, .ok = true}, "{\"n\":3}");
	holds(kit_ws_wait(&c, "\"r3\""), "\"n\":1");
	holds(kit_ws_wait(&c, "\"r3\""), "\"n\":2");
	kit_ws_send(&c, "{\"type\":\"req\",\"id\":\"r4\",\"method\":\"nope\"}");
	/* rights come before names */
	holds(kit_ws_wait(&c, "\"res\""), "missing scope: operator.admin");
	kit_ws_free(&c);
	finish(&w);
}

static void
bad_requests_are_told_what_is_wrong(void **state)
{
	static const struct {
		const char *frame;
		const char *words;
	} rows[] = {
		{"{\"type\":\"req\",\"id\":\"1\",\"method\":\"health\",\"params\":{\"x\":1}}",
			"invalid health params: at root: unexpected property 'x'"},
		{"{\"type\":\"req\",\"id\":\"1\",\"method\":\"health\",\"params\":[]}",
			"invalid health params: at root: must be object"},
		{"{\"type\":\"req\",\"id\":\"1\",\"method\":\"health\",\"params\":{\"probe\":1}}",
			"invalid health params: at /probe: must be boolean"},
		{"{\"type\":\"req\",\"id\":\"1\",\"method\":\"chat.send\",\"params\":{}}",
			"invalid chat.send params: at /sessionKey: must have required property"},
		{"{\"type\":\"req\",\"id\":\"1\",\"method\":\"chat.history\",\"params\":{"
		 "\"sessionKey\":\"\"}}",
			"at /sessionKey: must NOT have fewer than 1 characters"},
		{"{\"type\":\"req\",\"id\":\"1\",\"method\":\"chat.history\",\"params\":{"
		 "\"sessionKey\":\"m\",\"limit\":1001}}",
			"at /limit: must be <= 1000"},
		{"{\"type\":\"req\",\"id\":\"1\",\"method\":\"chat.history\",\"params\":{"
		 "\"sessionKey\":\"m\",\"limit\":1.5}}",
			"at /limit: must be integer"},
		{"{\"type\":\"req\",\"id\":\"1\",\"method\":\"chat.history\",\"params\":{"
		 "\"sessionKey\":1}}",
			"at /sessionKey: must be string"},
		{"{\"type\":\"req\",\"id\":\"1\",\"method\":\"moltbot.secrets.show\",\"params\":{"
		 "\"name\":\"x\"}}",
			"unauthorized: only at the machine itself (control socket)"},
		{"{\"type\":\"req\",\"id\":\"1\",\"method\":\"connect\"}",
			"connect is only valid as the first request"},
		{"{\"type\":\"req\",\"id\":\"1\"}",
			"invalid request frame: at /method: must have required property"},
		{"{\"type\":\"hello\",\"id\":\"77\",\"method\":\"x\"}",
			"\"id\":\"77\",\"ok\":false"},
		{"{\"type\":\"req\",\"id\":\"1\",\"method\":\"health\",\"z\":1}",
			"invalid request frame: at root: unexpected property 'z'"},
		{"[1]", "\"id\":\"invalid\""},
	};
	struct world w = begin();
	struct kit_ws c;

	(void)state;
	(void)sign_in(&w, &c, 0, 1);
	kit_ws_send(&c, "{no json"); /* ignored */
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		kit_ws_send(&c, rows[i].frame);
		holds(kit_ws_wait(&c, "\"res\""), rows[i].words);
	}
	harness_quiet(w.core, 20);
	kit_ws_free(&c);
	finish(&w);
}

static void
a_turn_is_registered_before_core_hears_of_it(void **state)
{
	struct world w = begin();
	struct kit_ws c;
	const char *send = "{\"type\":\"req\",\"id\":\"t\",\"method\":\"chat.send\",\"params\":{"
			   "\"sessionKey\":\"m\",\"message\":\"hi\",\"idempotencyKey\":\"k\"}}";
	const struct edge_gate_turn *turn;
	const struct edge_core_call *call;
	uint64_t number;

	(void)state;
	(void)sign_in(&w, &c, 0, 1);
	kit_ws_send(&c, send);
	turn = harness_recv(w.gate, &edge_gate_proto, IPC_SIDE_B, EDGE_GATE_TURN, w.in);
	assert_int_equal(turn->integrity, LABEL_OWNER_TYPED);
	assert_true(turn->turn != 0);
	number = turn->turn;
	harness_quiet(w.core, 50);
	harness_send(w.gate, &edge_gate_proto, IPC_SIDE_B, EDGE_GATE_TURN_OK,
		&(struct edge_gate_turn_ok){.turn = number + 1, .ok = true});
	harness_quiet(w.core, 50);
	harness_send(w.gate, &edge_gate_proto, IPC_SIDE_B, EDGE_GATE_TURN_OK,
		&(struct edge_gate_turn_ok){.turn = number, .ok = true});
	call = next_call(&w);
	assert_true(call->turn == number);
	reply_to(&w, call, (struct edge_core_reply){.final = true, .ok = true},
		"{\"runId\":\"k\",\"status\":\"started\"}");
	(void)kit_ws_wait(&c, "\"started\"");

	kit_ws_send(&c, send);
	turn = harness_recv(w.gate, &edge_gate_proto, IPC_SIDE_B, EDGE_GATE_TURN, w.in);
	assert_true(turn->turn != number);
	harness_send(w.gate, &edge_gate_proto, IPC_SIDE_B, EDGE_GATE_TURN_OK,
		&(struct edge_gate_turn_ok){.turn = turn->turn, .ok = false});
	holds(kit_ws_wait(&c, "\"res\""), "UNAVAILABLE");
	harness_quiet(w.core, 50);
	close(w.gate);
	harness_peer_gone(w.h, KIND_GATE, 0, 0);
	(void)poll(NULL, 0, 50);
	kit_ws_send(&c, send);
	holds(kit_ws_wait(&c, "\"res\""), "UNAVAILABLE");
	w.gate = harness_peer(w.h, KIND_GATE, 0);
	kit_ws_free(&c);
	finish(&w);
}

static void
large_values_travel_as_sealed_bodies(void **state)
{
	struct world w = begin();
	struct kit_ws c;
	const struct edge_core_call *call;
	struct buf body = {.max = MIB(2)};
	struct buf list;
	struct span v;
	char *text = mem_alloc(300000, 1);
	size_t n;

	(void)state;
	(void)sign_in(&w, &c, 0, 1);
	n = (size_t)snprintf(text, 300000,
		"{\"type\":\"req\",\"id\":\"b\",\"method\":\"chat.send\",\"params\":{"
		"\"sessionKey\":\"m\",\"idempotencyKey\":\"k\",\"message\":\"");
	memset(text + n, 'x', 200000);
	memcpy(text + n + 200000, "\"}}", 4);
	kit_ws_send(&c, text);
	const struct edge_gate_turn *turn =
		harness_recv(w.gate, &edge_gate_proto, IPC_SIDE_B, EDGE_GATE_TURN, w.in);
	harness_send(w.gate, &edge_gate_proto, IPC_SIDE_B, EDGE_GATE_TURN_OK,
		&(struct edge_gate_turn_ok){.turn = turn->turn, .ok = true});
	call = next_call(&w);
	assert_int_equal(call->args.len, 0);
	assert_true(call->body >= 0);
	harness_body(call->body, &body);
	assert_int_equal(args_get_str(buf_span(&body), "message", &v), 0);
	assert_int_equal(v.len, 200000);
	close(call->body);
	list = (struct buf){.max = MIB(4)};
	struct args_out out;
	args_out_init(&out, &list, false);
	args_out_str(&out, "text", v);
	int fd = harness_seal(buf_span(&list));
	harness_send(w.core, &edge_core_proto, IPC_SIDE_B, EDGE_CORE_REPLY,
		&(struct edge_core_reply){.conn = call->conn,
			.seq = call->seq,
			.final = true,
			.ok = true,
			.body = fd});
	assert_true(strlen(kit_ws_wait(&c, "\"res\"")) > 200000);
	close(fd);
	kit_ws_send_bytes(&c, WS_TEXT, span_of(text, 299999));
	free(text);
	buf_clear(&body);
	buf_clear(&list);
	kit_ws_free(&c);
	finish(&w);
}

static void
frames_have_a_limit_after_sign_in_too(void **state)
{
	struct world w = begin();
	struct kit_ws c;
	char *big = mem_alloc(WS_FRAME_MAX + 1, 1);

	(void)state;
	(void)sign_in(&w, &c, 0, 1);
	memset(big, ' ', WS_FRAME_MAX + 1);
	memcpy(big, "{\"type\":\"req\",\"id\":\"1\",\"method\":\"nope\"}", 39);
	kit_ws_send_bytes(&c, WS_TEXT, span_of(big, WS_FRAME_MAX));
	holds(kit_ws_wait(&c, "\"res\""), "unknown method");
	kit_ws_send_bytes(&c, WS_TEXT, span_of(big, WS_FRAME_MAX + 1));
	assert_int_equal(kit_ws_closed(&c), 1009);
	free(big);
	kit_ws_free(&c);
	finish(&w);
}

static void
calls_under_way_have_a_limit(void **state)
{
	struct world w = begin();
	struct kit_ws c;

	(void)state;
	(void)sign_in(&w, &c, 0, 1);
	for (unsigned i = 0; i < EDGE_CALLS_MAX; i++) {
		kit_ws_send(&c, "{\"type\":\"req\",\"id\":\"w\",\"method\":\"health\"}");
		(void)next_call(&w);
	}
	kit_ws_send(&c, "{\"type\":\"req\",\"id\":\"over\",\"method\":\"health\"}");
	holds(kit_ws_wait(&c, "\"over\""), "too many calls under way");
	/* core dies: every call is answered, and the connection lives on */
	close(w.core);
	harness_peer_gone(w.h, KIND_CORE, 0, 4);
	for (unsigned i = 0; i < EDGE_CALLS_MAX; i++)
		holds(kit_ws_wait(&c, "\"w\""), "core restarted");
	w.core = harness_peer(w.h, KIND_CORE, 0);
	kit_ws_send(&c, "{\"type\":\"req\",\"id\":\"again\",\"method\":\"health\"}");
	reply_to(&w, next_call(&w), (struct edge_core_reply){.final = true, .ok = true},
		"{\"ok\":true}");
	(void)kit_ws_wait(&c, "\"again\"");
	kit_ws_free(&c);
	finish(&w);
}

/* The process does not run while its peer answers and ends; it hears of the end on the control socket, which was ready before. */
static void
the_last_word_of_a_peer_counts(void **state)
{
	struct world w = begin();
	struct kit_ws c;
	const struct edge_core_call *call;

	(void)state;
	(void)sign_in(&w, &c, 0, 1);
	kit_ws_send(&c, "{\"type\":\"req\",\"id\":\"last\",\"method\":\"health\"}");
	call = next_call(&w);
	assert_int_equal(kill(w.h->pid, SIGSTOP), 0);
	assert_int_equal(waitpid(w.h->pid, NULL, WUNTRACED), w.h->pid);
	harness_refuse(w.h, KIND_AGENT, 7, ERR_FULL); /* nothing to this process */
	reply_to(&w, call, (struct edge_core_reply){.final = true, .ok = true}, "{\"word\":1}");
	close(w.core);
	harness_peer_gone(w.h, KIND_CORE, 0, 4);
	assert_int_equal(kill(w.h->pid, SIGCONT), 0);
	holds(kit_ws_wait(&c, "\"last\""), "\"word\":1");
	w.core = harness_peer(w.h, KIND_CORE, 0);
	kit_ws_free(&c);
	finish(&w);
}

/* Both clients have written before the process reads; the one with many frames gets so many served, then the other has its turn. */
static void
a_client_with_many_frames_does_not_keep_others_waiting(void **state)
{
	struct world w = begin();
	struct kit_ws many;
	struct kit_ws one;
	uint32_t other;
	unsigned served = 0;

	(void)state;
	(void)sign_in(&w, &many, 0, 1);
	other = sign_in(&w, &one, 0, 1);
	assert_int_equal(kill(w.h->pid, SIGSTOP), 0);
	assert_int_equal(waitpid(w.h->pid, NULL, WUNTRACED), w.h->pid);
	for (unsigned i = 0; i < EDGE_CALLS_MAX; i++)
		kit_ws_send(&many, "{\"type\":\"req\",\"id\":\"m\",\"method\":\"health\"}");
	kit_ws_send(&one, "{\"type\":\"req\",\"id\":\"o\",\"method\":\"health\"}");
	assert_int_equal(kill(w.h->pid, SIGCONT), 0);
	while (next_call(&w)->conn != other)
		served++;
	assert_int_equal(served, EDGE_TURN_FRAMES);
	for (; served < EDGE_CALLS_MAX; served++)
		reply_to(&w, next_call(&w), (struct edge_core_reply){.final = true, .ok = true},
			"{\"ok\":true}");
	(void)kit_ws_wait(&many, "\"m\"");
	kit_ws_free(&many);
	kit_ws_free(&one);
	finish(&w);
}

static void
events_go_to_those_who_may_see_them(void **state)
{
	struct world w = begin();
	struct kit_ws reader;
	struct kit_ws pairing;

	(void)state;
	(void)sign_in(&w, &reader, SCOPE_READ, 1);
	(void)sign_in(&w, &pairing, SCOPE_PAIRING, 1);
	send_event(&w,
		(struct edge_core_event){.event = EVENT_DEVICE_PAIR_REQUESTED,
			.number = 5,
			.scopes = SCOPE_PAIRING,
			.droppable = true},
		"{\"requestId\":\"q\"}");
	send_event(&w, (struct edge_core_event){.event = EVENT_CHAT, .number = 6},
		"{\"runId\":\"r\",\"state\":\"final\"}");
	send_event(
		&w, (struct edge_core_event){.event = EVENT_HEALTH, .number = 7}, "{\"ok\":true}");
	holds(kit_ws_wait(&pairing, "\"event\""),
		"{\"type\":\"event\",\"event\":\"device.pair.requested\",\"payload\":{"
		"\"requestId\":\"q\"},\"seq\":5}");
	holds(kit_ws_wait(&reader, "\"event\""),
		"{\"type\":\"event\",\"event\":\"chat\",\"payload\":{\"runId\":\"r\",\"state\":"
		"\"final\"},\"seq\":6}");
	holds(kit_ws_wait(&reader, "\"event\""),
		"\"seq\":7,\"stateVersion\":{\"presence\":3,\"health\":4}}");
	send_event(&w, (struct edge_core_event){.event = EVENT_SHUTDOWN, .number = 8},
		"{\"reason\":\"service restart\"}");
	(void)kit_ws_wait(&reader, "\"shutdown\"");
	assert_int_equal(kit_ws_closed(&reader), 1012);
	kit_ws_free(&reader);
	kit_ws_free(&pairing);
	finish(&w);
}

static void
a_slow_consumer_is_let_go(void **state)
{
	struct world w = begin();
	struct kit_ws slow;
	struct kit_ws quick;
	struct buf list = {.max = MIB(1)};
	struct args_out out;
	char *text = mem_alloc(400001, 1);
	uint16_t code = 0;
	const char *got;
	int kept = 0;
	int fd;

	(void)state;
	(void)sign_in(&w, &slow, 0, 1);
	(void)sign_in(&w, &quick, 0, 1);
	memset(text, 'y', 400000);
	args_out_init(&out, &list, false);
	args_out_str(&out, "t", span_of(text, 400000));
	fd = harness_seal(buf_span(&list));
	for (int i = 0; i < 20; i++) {
		harness_send(w.core, &edge_core_proto, IPC_SIDE_B, EDGE_CORE_EVENT,
			&(struct edge_core_event){.event = EVENT_CHAT,
				.number = 100 + (uint64_t)i,
				.droppable = i < 12,
				.body = fd});
		(void)kit_ws_wait(&quick, "\"chat\""); /* everybody else gets all of them */
	}
	while (kit_ws_next(&slow, &got, &code) != WS_CLOSE)
		kept++;
	assert_int_equal(code, 1008);
	assert_string_equal(got, "slow consumer");
	assert_true(kept > 0 && kept < 12);
	close(fd);
	free(text);
	buf_clear(&list);
	kit_ws_free(&slow);
	kit_ws_free(&quick);
	finish(&w);
}

static void
a_revoked_credential_closes_its_connections(void **state)
{
	struct world w = begin();
	struct kit_ws old;
	struct kit_ws new;

	(void)state;
	(void)sign_in(&w, &old, 0, 4);
	(void)sign_in(&w, &new, 0, 5);
	harness_send(w.vault, &user_vault_proto, IPC_SIDE_B, USER_VAULT_REVOKED,
		&(struct user_vault_revoked){.epoch = 5});
	assert_int_equal(kit_ws_closed(&old), 1008);
	kit_ws_send(&new, "{\"type\":\"req\",\"id\":\"1\",\"method\":\"nope\"}");
	(void)kit_ws_wait(&new, "unknown method");
	kit_ws_free(&old);
	kit_ws_free(&new);
	finish(&w);
}

static void
devices_are_vaults_and_shaped_as_the_protocol_says(void **state)
{
	struct world w = begin();
	struct kit_ws c;
	const struct edge_core_call *call;
	uint64_t req;

	(void)state;
	(void)sign_in(&w, &c, 0, 1);
	kit_ws_send(&c, "{\"type\":\"req\",\"id\":\"l\",\"method\":\"device.pair.list\"}");
	call = next_call(&w);
	harness_quiet(w.vault, 30); /* not before dispatch has allowed it */
	reply_to(&w, call, (struct edge_core_reply){.final = true, .ok = true, .delegate = true},
		NULL);
	req = ((const struct user_vault_devices *)harness_recv(
		       w.vault, &user_vault_proto, IPC_SIDE_B, USER_VAULT_DEVICES, w.in))
		      ->req;
	harness_send(w.vault, &user_vault_proto, IPC_SIDE_B, USER_VAULT_DEVICE,
		&(struct user_vault_device){.req = req,
			.pending = true,
			.request_id = SPAN("q1"),
			.device_id = SPAN("d1"),
			.role = SPAN("operator"),
			.scopes = SCOPE_READ,
			.created_at = 5});
	harness_send(w.vault, &user_vault_proto, IPC_SIDE_B, USER_VAULT_DEVICE,
		&(struct user_vault_device){.req = req,
			.device_id = SPAN("d2"),
			.role = SPAN("operator"),
			.approved_at = 6,
			.last = true});
	holds(kit_ws_wait(&c, "\"l\""),
		"\"payload\":{\"pending\":[{\"requestId\":\"q1\",\"deviceId\":\"d1\"");
	kit_ws_send(&c, "{\"type\":\"req\",\"id\":\"a\",\"method\":\"device.pair.approve\","
			"\"params\":{\"requestId\":\"q1\"}}");
	reply_to(&w, next_call(&w),
		(struct edge_core_reply){.final = true, .ok = true, .delegate = true}, NULL);
	const struct user_vault_device_do *d =
		harness_recv(w.vault, &user_vault_proto, IPC_SIDE_B, USER_VAULT_DEVICE_DO, w.in);
	assert_int_equal(d->what, DEVICE_APPROVE);
	assert_true(span_eq(d->id, SPAN("q1")));
	harness_send(w.vault, &user_vault_proto, IPC_SIDE_B, USER_VAULT_DEVICE_DID,
		&(struct user_vault_device_did){.req = d->req,
			.device_id = SPAN("d1"),
			.role = SPAN("operator"),
			.scopes = SCOPE_READ,
			.at = 7});
	holds(kit_ws_wait(&c, "\"a\""),
		"\"payload\":{\"requestId\":\"q1\",\"device\":{\"deviceId\":\"d1\"");
	harness_send(w.vault, &user_vault_proto, IPC_SIDE_B, USER_VAULT_PAIRING,
		&(struct user_vault_pairing){.resolved = true,
			.approved = true,
			.request_id = SPAN("q1"),
			.device_id = SPAN("d1"),
			.at = 7});
	holds(kit_ws_wait(&c, "device.pair.resolved"), "\"decision\":\"approved\"");
	kit_ws_send(&c, "{\"type\":\"req\",\"id\":\"x\",\"method\":\"device.pair.reject\","
			"\"params\":{\"requestId\":\"nope\"}}");
	reply_to(&w, next_call(&w),
		(struct edge_core_reply){.final = true, .ok = true, .delegate = true}, NULL);
	d = harness_recv(w.vault, &user_vault_proto, IPC_SIDE_B, USER_VAULT_DEVICE_DO, w.in);
	harness_send(w.vault, &user_vault_proto, IPC_SIDE_B, USER_VAULT_DEVICE_DID,
		&(struct user_vault_device_did){.req = d->req, .rc = ERR_NOTFOUND});
	holds(kit_ws_wait(&c, "\"x\""), "unknown requestId");
	kit_ws_free(&c);
	finish(&w);
}

/* ---- HTTP ---- */

static int
chat_request(struct world *w, const char *fields, const char *body)
{
	char text[4096];
	int fd;

	(void)snprintf(text, sizeof(text),
		"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
		"t\r\n%sContent-Length: %zu\r\n\r\n%s",
		fields, strlen(body), body);
	fd = hand_over(w, false, text, false);
	redeem(w, (struct user_vault_principal){0});
	return fd;
}

static const struct edge_core_call *
admit_turn(struct world *w)
{
	const struct edge_gate_turn *turn =
		harness_recv(w->gate, &edge_gate_proto, IPC_SIDE_B, EDGE_GATE_TURN, w->in);

	assert_int_equal(turn->integrity, LABEL_OWNER); /* what a program sends was not typed */
	harness_send(w->gate, &edge_gate_proto, IPC_SIDE_B, EDGE_GATE_TURN_OK,
		&(struct edge_gate_turn_ok){.turn = turn->turn, .ok = true});
	return next_call(w);
}

#define RESULT                                                                                     \
	"{\"runId\":\"x\",\"status\":\"ok\",\"result\":{\"payloads\":[{\"text\":\"Hello "          \
	"there\"}],\"meta\":{\"agentMeta\":{\"usage\":"                                            \
	"{\"input\":11,\"output\":4,\"total\":15}}}}}"

static void
a_chat_completion_is_answered_whole(void **state)
{
	struct world w = begin();
	int fd = chat_request(&w, "X-Openclaw-Session-Key: agent:main:mine\r\n",
		"{\"model\":\"moltbot:main\",\"messages\":[{\"role\":\"system\",\"content\":\"Be "
		"brief.\"},{\"role\":\"user\",\"content\":\"one\"},"
		"{\"role\":\"assistant\",\"content\":\"two\"},{\"role\":\"user\",\"content\":[{"
		"\"type\":\"text\",\"text\":\"three\"}]}]}");
	const struct edge_core_call *call = admit_turn(&w);
	struct span v;
	const char *a;

	(void)state;
	assert_int_equal(call->method, METHOD_AGENT);
	assert_int_equal(call->door, DOOR_HTTP);
	assert_int_equal(args_get_str(call->args, "message", &v), 0);
	assert_true(span_find(v, SPAN("user: one\n\nassistant: two")) > 0);
	assert_true(span_ends_with(v, SPAN("three")));
	assert_int_equal(args_get_str(call->args, "extraSystemPrompt", &v), 0);
	assert_true(span_eq(v, SPAN("Be brief.")));
	assert_int_equal(args_get_str(call->args, "sessionKey", &v), 0);
	assert_true(span_eq(v, SPAN("agent:main:mine")));
	assert_int_equal(args_get_str(call->args, "agentId", &v), 0);
	reply_to(&w, call, (struct edge_core_reply){.ok = true}, "{\"status\":\"accepted\"}");
	reply_to(&w, call, (struct edge_core_reply){.final = true, .ok = true}, RESULT);
	a = kit_ask(fd, "");
	holds(a, "HTTP/1.1 200 OK");
	holds(a, "\"object\":\"chat.completion\"");
	holds(a, "\"message\":{\"role\":\"assistant\",\"content\":\"Hello "
		 "there\"},\"finish_reason\":\"stop\"");
	holds(a, "\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":4,\"total_tokens\":15}");
	/* the connection goes on with the same credential */
	a = kit_ask(fd, "GET /v1/none HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t\r\n\r\n");
	holds(a, "HTTP/1.1 404 ");
	close(fd);
	finish(&w);
}

static void
a_chat_completion_is_streamed_to_its_end(void **state)
{
	struct world w = begin();
	int fd = chat_request(&w, "",
		"{\"stream\":true,\"stream_options\":{\"include_usage\":true},\"user\":\"ann\","
		"\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
	const struct edge_core_call *call = admit_turn(&w);
	struct edge_core_call copy = *call;
	char run[128] = "";
	struct span v;
	const char *a;

	(void)state;
	assert_int_equal(args_get_str(call->args, "sessionKey", &v), 0);
	assert_true(span_eq(v, SPAN("agent:main:openai-user:ann")));
	assert_int_equal(args_get_str(call->args, "idempotencyKey", &v), 0);
	assert_int_equal(span_to_cstr(v, run, sizeof(run)), 0);
	reply_to(&w, &copy, (struct edge_core_reply){.ok = true}, "{\"status\":\"accepted\"}");
	send_event(&w,
		(struct edge_core_event){.event = EVENT_AGENT, .number = 1, .run = SPAN("other")},
		"{\"stream\":\"assistant\",\"data\":{\"text\":\"NOT MINE\"}}");
	send_event(&w,
		(struct edge_core_event){
			.event = EVENT_AGENT, .number = 2, .run = span_from_cstr(run)},
		"{\"stream\":\"assistant\",\"data\":{\"text\":\"Hello\",\"delta\":\"Hello\"}}");
	send_event(&w,
		(struct edge_core_event){
			.event = EVENT_AGENT, .number = 3, .run = span_from_cstr(run)},
		"{\"stream\":\"tool\",\"data\":{\"text\":\"tool text\"}}");
	reply_to(&w, &copy, (struct edge_core_reply){.final = true, .ok = true}, RESULT);
	a = kit_read(fd, "[DONE]");
	holds(a, "Content-Type: text/event-stream; charset=utf-8\r\n");
	holds(a, "Transfer-Encoding: chunked\r\n");
	holds(a, "\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null");
	holds(a, "\"delta\":{\"content\":\"Hello\"},\"finish_reason\":null");
	holds(a, "\"delta\":{\"content\":\" there\"},\"finish_reason\":null");
	holds(a, "\"delta\":{},\"finish_reason\":\"stop\"");
	holds(a, "\"choices\":[],\"usage\":{\"prompt_tokens\":11");
	holds(a, "data: [DONE]\n\n");
	assert_null(strstr(a, "NOT MINE"));
	assert_null(strstr(a, "tool text"));
	close(fd);
	finish(&w);
}

static void
a_client_that_leaves_aborts_its_run(void **state)
{
	struct world w = begin();
	int fd = chat_request(
		&w, "", "{\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
	const struct edge_core_call *call = admit_turn(&w);
	char run[128] = "";
	struct span v;

	(void)state;
	assert_int_equal(args_get_str(call->args, "idempotencyKey", &v), 0);
	assert_int_equal(span_to_cstr(v, run, sizeof(run)), 0);
	close(fd);
	call = next_call(&w);
	assert_int_equal(call->method, METHOD_CHAT_ABORT);
	assert_int_equal(args_get_str(call->args, "runId", &v), 0);
	assert_true(span_eq(v, span_from_cstr(run)));
	(void)harness_recv(w.core, &edge_core_proto, IPC_SIDE_B, EDGE_CORE_CLOSED, w.in);
	finish(&w);
}

#define ONE_MESSAGE "{\"role\":\"user\",\"content\":\"x\"}"

static void
many_messages(char *head, size_t cap, size_t n)
{
	(void)snprintf(head, cap,
		"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t\r\n"
		"Content-Length: %zu\r\n\r\n{\"messages\":[",
		13 + n * sizeof(ONE_MESSAGE) + 1);
}

static void
many_rest(int fd, size_t n)
{
	for (size_t i = 0; i < n; i++)
		kit_send(fd, i + 1 < n ? ONE_MESSAGE "," : ONE_MESSAGE "]}");
}

static void
bad_chat_requests_are_openai_errors(void **state)
{
	static const struct {
		const char *body;
		const char *status;
		const char *words;
	} rows[] = {
		{"{", "HTTP/1.1 400 ", "\"type\":\"invalid_request_error\""},
		{"[]", "HTTP/1.1 400 ", "expected a JSON object"},
		{"{\"messages\":[]}", "HTTP/1.1 400 ", "Missing user message"},
		{"{\"messages\":[{\"role\":\"system\",\"content\":\"x\"}]}", "HTTP/1.1 400 ",
			"Missing user message"},
		{"{\"messages\":[{\"content\":\"x\"}]}", "HTTP/1.1 400 ", "expected a JSON object"},
	};
	struct world w = begin();
	char header[1024];
	char many[512];
	int fd;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fd = chat_request(&w, "", rows[i].body);
		holds(kit_ask(fd, ""), rows[i].status);
		holds(kit_last, rows[i].words);
		close(fd);
	}
	fd = chat_request(&w, "", "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
	reply_to(&w, admit_turn(&w),
		(struct edge_core_reply){
			.final = true, .code = RPC_UNAVAILABLE, .message = SPAN("model failed")},
		NULL);
	holds(kit_ask(fd, ""), "HTTP/1.1 500 ");
	holds(kit_last, "{\"error\":{\"message\":\"model failed\",\"type\":\"api_error\"}}");
	close(fd);
	fd = hand_over(&w, false,
		"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
		"t\r\nContent-Length: 1048577\r\n\r\n",
		false);
	redeem(&w, (struct user_vault_principal){0});
	holds(kit_ask(fd, ""), "HTTP/1.1 413 ");
	close(fd);
	memset(header, 'k', sizeof(header));
	memcpy(header, "X-Moltbot-Session-Key: ", 23);
	memcpy(header + 23 + SESSION_KEY_MAX + 1, "\r\n", 3);
	fd = chat_request(&w, header, "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
	holds(kit_ask(fd, ""), "HTTP/1.1 413 ");
	close(fd);
	many_messages(many, sizeof(many), EDGE_CHAT_MESSAGES_MAX + 1);
	fd = hand_over(&w, false, many, false);
	redeem(&w, (struct user_vault_principal){0});
	many_rest(fd, EDGE_CHAT_MESSAGES_MAX + 1);
	holds(kit_ask(fd, ""), "HTTP/1.1 400 ");
	close(fd);
	finish(&w);
}

#define SECOND(path, host, fields) ("GET " path " HTTP/1.1\r\nHost: " host "\r\n" fields "\r\n")

/* Somebody else's request, and one that a page could have made a browser send, are strangers' again. */
/* ---- what an HTTP principal may reach ---- */

static bool
may(unsigned held, unsigned need)
{
	return held == SCOPE_ADMIN || held == need || (held == SCOPE_WRITE && need == SCOPE_READ);
}

static int
ask_route(struct world *w, const struct route_row *row, unsigned scopes)
{
	size_t len = strcspn(row->path, "*");
	bool reads = (row->methods & ROUTE_GET) != 0;
	char text[512];
	int fd;

	(void)snprintf(text, sizeof(text),
		"%s %.*s%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t\r\nContent-Length: %d\r\n"
		"\r\n%s",
		reads ? "GET" : "POST", (int)len, row->path, row->path[len] == '*' ? "nobody" : "",
		reads ? 0 : 2, reads ? "" : "{}");
	fd = hand_over(w, false, text, false);
	redeem(w, (struct user_vault_principal){.scopes = scopes});
	return fd;
}

/* Nobody who comes over HTTP today has fewer than all scopes; the edge asks all the same. */
static void
a_route_asks_for_the_scope_of_its_method(void **state)
{
	static const unsigned scopes[] = {
		SCOPE_READ, SCOPE_WRITE, SCOPE_APPROVALS, SCOPE_PAIRING, SCOPE_ADMIN};
	struct world w = begin();
	unsigned refused = 0;
	unsigned passed = 0;

	(void)state;
	for (unsigned r = 0; r < ROUTE_N; r++) {
		const struct route_row *row = &route_rows[r];

		for (size_t i = 0; row->who == ROUTE_CALL && i < 5; i++) {
			unsigned need = method_rows[row->method].scope;
			int fd = ask_route(&w, row, scopes[i]);

			if (!may(scopes[i], need)) {
				holds(kit_ask(fd, ""), "HTTP/1.1 403 ");
				holds(kit_last, "missing scope: operator.");
				refused++;
			} else if ((row->methods & ROUTE_GET) != 0) {
				assert_int_equal(next_call(&w)->method, row->method);
				passed++;
			} else {
				holds(kit_ask(fd, ""), "HTTP/1.1 400 ");
				passed++;
			}
			close(fd);
		}
	}
	assert_true(refused > 8 && passed > 8);
	finish(&w);
}

static void
another_credential_goes_back(void **state)
{
	static const char *const seconds[] = {
		SECOND("/v1/x", "x", "Authorization: Bearer other\r\n"),
		SECOND("/v1/x", "x", ""),
		SECOND("/v1/x", "evil", "Authorization: Bearer t\r\n"),
		SECOND("/v1/x", "x", "Origin: http://e\r\nAuthorization: Bearer t\r\n"),
		SECOND("/healthz", "x", "Authorization: Bearer t\r\n"),
	};
	struct world w = begin();

	(void)state;
	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
		int fd = hand_over(&w, false,
			"GET /v1/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t\r\n\r\n", false);
		const struct anon_user_return *r;

		redeem(&w, (struct user_vault_principal){0});
		holds(kit_ask(fd, ""), "HTTP/1.1 404 ");
		if (strstr(kit_last, "Connection: close") != NULL)
			fail_msg("closed: %s", kit_last);
		kit_send(fd, seconds[i]);
		r = harness_recv(w.anon, &anon_user_proto, IPC_SIDE_A, ANON_USER_RETURN, w.in);
		assert_true(span_eq(r->unread, span_from_cstr(seconds[i])));
		close(r->client);
		close(fd);
	}
	finish(&w);
}

static void
work_has_a_rate_when_one_is_configured(void **state)
{
	struct world w = begin_as(OWNER, -1,
		"{\"gateway.rateLimit.enabled\":true,\"gateway.rateLimit.maxRequestsPerMinute\":"
		"2}");
	struct kit_ws c;
	const char *send = "{\"type\":\"req\",\"id\":\"t\",\"method\":\"chat.send\",\"params\":{"
			   "\"sessionKey\":\"m\",\"message\":\"hi\",\"idempotencyKey\":\"k\"}}";

	(void)state;
	(void)sign_in(&w, &c, 0, 1);
	for (int i = 0; i < 2; i++) {
		kit_ws_send(&c, send);
		(void)harness_recv(w.gate, &edge_gate_proto, IPC_SIDE_B, EDGE_GATE_TURN, w.in);
	}
	kit_ws_send(&c, send);
	holds(kit_ws_wait(&c, "\"res\""), "rate limit");
	harness_quiet(w.gate, 30);
	kit_ws_send(&c,
		/* looking costs nothing */
		"{\"type\":\"req\",\"id\":\"h\",\"method\":\"health\"}");
	(void)next_call(&w);
	kit_ws_free(&c);
	finish(&w);
}

/* ---- the control socket ---- */

/* Jailed ahead as one, told that it is another: it would serve one principal with the rights of somebody else. */
static void
who_is_jailed_already_becomes_nobody_else(void **state)
{
	struct harness *h = harness_new(program, "user",
		&(struct harness_options){.kind = KIND_USER,
			.instance = CONTROL,
			.told_uid = 4711,
			.keep_not_ready = true});
	const struct child_failed *failed;

	(void)state;
	(void)harness_expect(h, CHILD_JAILED);
	failed = harness_expect(h, CHILD_FAILED);
	assert_int_equal(failed->why, ERR_PROTO);
	assert_int_equal(harness_free(h), 1);
}

static void
the_control_socket_is_the_owners_door(void **state)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	char options[128];
	struct world w;
	struct kit_ws c;
	const struct edge_core_call *call;
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)state;
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "/tmp/edge-control-%d", (int)getpid());
	(void)unlink(a.sun_path);
	assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(listener, 8), 0);
	(void)snprintf(options, sizeof(options), "{\"control.uid\":%u}", (unsigned)getuid());
	w = begin_as(CONTROL, listener, options);
	kit_ws_wrap(&c, socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	assert_int_equal(connect(c.fd, (struct sockaddr *)&a, sizeof(a)), 0);
	kit_send(c.fd, "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: "
		       "Upgrade\r\nSec-WebSocket-Key: "
		       "dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
	for (size_t at = 0; at < 4 || strcmp(kit_last + at - 4, "\r\n\r\n") != 0; at++) {
		assert_int_equal(recv(c.fd, kit_last + at, 1, MSG_WAITALL), 1);
		kit_last[at + 1] = 0;
	}
	(void)kit_ws_wait(&c, "connect.challenge");
	kit_ws_send(&c, "{\"type\":\"req\",\"id\":\"c\",\"method\":\"connect\",\"params\":{"
			"\"minProtocol\":3,\"maxProtocol\":3,\"client\":{\"id\":\"cli\","
			"\"version\":\"1\",\"platform\":\"linux\",\"mode\":\"cli\"}}}");
	kit_ws_send(&c, "{\"type\":\"req\",\"id\":\"s\",\"method\":\"moltbot.link.new\"}");
	(void)kit_ws_wait(&c, "hello-ok");
	call = next_call(&w);
	assert_int_equal(call->door, DOOR_CONTROL);
	assert_int_equal(call->scopes, SCOPE_ALL);
	reply_to(&w, call, (struct edge_core_reply){.final = true, .ok = true, .delegate = true},
		NULL);
	const struct user_vault_claim_new *n =
		harness_recv(w.vault, &user_vault_proto, IPC_SIDE_B, USER_VAULT_CLAIM_NEW, w.in);
	harness_send(w.vault, &user_vault_proto, IPC_SIDE_B, USER_VAULT_CLAIM_CODE,
		&(struct user_vault_claim_code){
			.req = n->req, .ok = true, .code = SPAN("abc"), .ttl_ms = 600000});
	holds(kit_ws_wait(&c, "\"s\""), "\"payload\":{\"code\":\"abc\",\"ttlMs\":600000}");
	kit_ws_free(&c);
	finish(&w);
	close(listener);
	(void)unlink(a.sun_path);
}

static void
a_core_that_delegates_what_it_must_not_is_accused(void **state)
{
	struct world w = begin();
	struct kit_ws c;

	(void)state;
	(void)sign_in(&w, &c, 0, 1);
	kit_ws_send(&c, "{\"type\":\"req\",\"id\":\"s\",\"method\":\"health\"}");
	reply_to(&w, next_call(&w),
		(struct edge_core_reply){.final = true, .ok = true, .delegate = true}, NULL);
	assert_int_equal(((const struct child_peer_bad *)harness_expect(w.h, CHILD_PEER_BAD))->kind,
		KIND_CORE);
	holds(kit_ws_wait(&c, "\"s\""), "UNAVAILABLE");
	kit_ws_free(&c);
	finish(&w);
}

/* ---- cost ---- */

static void
an_idle_signed_in_client_costs_little(void **state)
{
	struct rlimit r;
	struct world w;
	struct kit_ws *c;
	size_t n;
	long before;
	long after;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &r), 0);
	r.rlim_cur = r.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &r);
	n = r.rlim_cur > 1100 ? 1000 : (size_t)r.rlim_cur - 100;
	c = mem_alloc(n, sizeof(*c));
	w = begin();
	(void)sign_in(&w, &c[0], 0, 1);
	before = kit_rss_kib(w.h->pid);
	for (size_t i = 1; i < n; i++)
		(void)sign_in(&w, &c[i], 0, 1);
	after = kit_rss_kib(w.h->pid);
	print_message(
		"%zu idle WebSockets: %ld bytes each\n", n, (after - before) * 1024 / (long)n);
	assert_true(before > 0);
	assert_true((after - before) * 1024 / (long)n <= 16 * 1024);
	for (size_t i = 0; i < n; i++)
		kit_ws_free(&c[i]);
	free(c);
	finish(&w);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hello_says_what_the_protocol_says),
		cmocka_unit_test(a_bad_ticket_ends_the_connection),
		cmocka_unit_test(a_request_becomes_a_call_and_its_answer_a_response),
		cmocka_unit_test(bad_requests_are_told_what_is_wrong),
		cmocka_unit_test(a_turn_is_registered_before_core_hears_of_it),
		cmocka_unit_test(large_values_travel_as_sealed_bodies),
		cmocka_unit_test(frames_have_a_limit_after_sign_in_too),
		cmocka_unit_test(calls_under_way_have_a_limit),
		cmocka_unit_test(the_last_word_of_a_peer_counts),
		cmocka_unit_test(a_client_with_many_frames_does_not_keep_others_waiting),
		cmocka_unit_test(events_go_to_those_who_may_see_them),
		cmocka_unit_test(a_slow_consumer_is_let_go),
		cmocka_unit_test(a_revoked_credential_closes_its_connections),
		cmocka_unit_test(devices_are_vaults_and_shaped_as_the_protocol_says),
		cmocka_unit_test(a_chat_completion_is_answered_whole),
		cmocka_unit_test(a_chat_completion_is_streamed_to_its_end),
		cmocka_unit_test(a_client_that_leaves_aborts_its_run),
		cmocka_unit_test(bad_chat_requests_are_openai_errors),
		cmocka_unit_test(a_route_asks_for_the_scope_of_its_method),
		cmocka_unit_test(another_credential_goes_back),
		cmocka_unit_test(work_has_a_rate_when_one_is_configured),
		cmocka_unit_test(who_is_jailed_already_becomes_nobody_else),
		cmocka_unit_test(the_control_socket_is_the_owners_door),
		cmocka_unit_test(a_core_that_delegates_what_it_must_not_is_accused),
		cmocka_unit_test(an_idle_signed_in_client_costs_little),
	};

	if (argc < 2)
		return 2;
	program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
