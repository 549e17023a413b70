/*
 * edge/user: in which order many clients are told of events. All of them are one end of the same stream, so what the test reads at the
 * other end has the order in which the process wrote. argv[1]: the program.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "args/args_json.h"
#include "edge_kit.h"
#include "label/label.h"
#include "proto/anon_user.h"
#include "proto/edge_core.h"
#include "proto/edge_gate.h"
#include "proto/user_vault.h"

static const char *program;

#define OWNER PRINCIPAL(PRINCIPAL_TOKEN, SCOPE_ALL, 7)
#define CLIENTS 24u
#define ASKER 20u /* neither among the first nor the last */
#define READS 64u /* messages of one peer that a turn of the loop takes */

struct crowd {
	struct harness *h;
	int anon, vault, core, gate;
	int end; /* theirs */
	struct kit_ws all;
	struct ipc_received *in;
};

static void
send_list(struct crowd *w, uint16_t id, void *msg, struct span *args, const char *json)
{
	struct buf list = {.max = KIB(64)};

	assert_int_equal(args_json_parse(&list, span_from_cstr(json)), 0);
	*args = buf_span(&list);
	harness_send(w->core, &edge_core_proto, IPC_SIDE_B, id, msg);
	buf_clear(&list);
}

static void
tell(struct crowd *w, struct edge_core_event e, const char *json)
{
	e.event = e.event == 0 ? EVENT_CHAT : e.event;
	e.body = -1;
	send_list(w, EDGE_CORE_EVENT, &e, &e.args, json);
}

static void
sign_in(struct crowd *w, struct span unread, uint32_t scopes)
{
	const struct user_vault_redeem *r;

	harness_send(w->anon, &anon_user_proto, IPC_SIDE_A, ANON_USER_HANDOVER,
		&(struct anon_user_handover){.client = w->end,
			.ticket = KIT_TICKET,
			.websocket = true,
			.unread = unread,
			.connect_id = SPAN("c"),
			.client_id = SPAN("test"),
			.client_mode = SPAN("test"),
			.client_version = SPAN("1"),
			.platform = SPAN("linux"),
			.role = SPAN("operator"),
			.source = SPAN("127.0.0.1"),
			.host = SPAN("x")});
	r = harness_recv(w->vault, &user_vault_proto, IPC_SIDE_B, USER_VAULT_REDEEM, w->in);
	harness_send(w->vault, &user_vault_proto, IPC_SIDE_B, USER_VAULT_PRINCIPAL,
		&(struct user_vault_principal){.req = r->req,
			.ok = true,
			.principal = OWNER,
			.role = SPAN("operator"),
			.scopes = scopes,
			.epoch = 1});
	(void)kit_ws_wait(&w->all, "\"event\":\"health\"");
}

/* One of them, the only one with every scope, asks for the run "r". */
static void
ask(struct crowd *w)
{
	static const uint8_t key[4] = {1, 2, 3, 4};
	struct buf frame = {.max = KIB(4)};
	struct edge_core_reply reply = {.final = true, .ok = true, .body = -1};
	const struct edge_gate_turn *turn;
	const struct edge_core_call *call;

	assert_int_equal(
		ws_put(&frame, WS_TEXT,
			SPAN("{\"type\":\"req\",\"id\":\"q\",\"method\":\"chat.send\",\"params\":{"
			     "\"sessionKey\":\"main\",\"message\":\"go\",\"idempotencyKey\":"
			     "\"r\"}}"),
			key),
		0);
	sign_in(w, buf_span(&frame), SCOPE_ALL);
	turn = harness_recv(w->gate, &edge_gate_proto, IPC_SIDE_B, EDGE_GATE_TURN, w->in);
	harness_send(w->gate, &edge_gate_proto, IPC_SIDE_B, EDGE_GATE_TURN_OK,
		&(struct edge_gate_turn_ok){.turn = turn->turn, .ok = true});
	call = harness_wait(w->core, &edge_core_proto, IPC_SIDE_B, EDGE_CORE_CALL, w->in);
	reply.conn = call->conn;
	reply.seq = call->seq;
	send_list(w, EDGE_CORE_REPLY, &reply, &reply.args,
		"{\"runId\":\"r\",\"status\":\"started\"}");
	(void)kit_ws_wait(&w->all, "\"id\":\"q\"");
	buf_clear(&frame);
}

static struct crowd
gather(unsigned n)
{
	struct crowd w = {.in = mem_alloc(1, sizeof(struct ipc_received))};
	struct edge_core_snapshot s = {.body = -1};
	int room = KIB(208);
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
	kit_ws_wrap(&w.all, pair[0]);
	w.end = pair[1];
	w.h = harness_new(
		program, "user", &(struct harness_options){.kind = KIND_USER, .instance = OWNER});
	w.anon = harness_peer(w.h, KIND_ANON, 0);
	w.vault = harness_peer(w.h, KIND_VAULT, 0);
	w.core = harness_peer(w.h, KIND_CORE, 0);
	w.gate = harness_peer(w.h, KIND_GATE, 0);
	harness_start(w.h);
	send_list(&w, EDGE_CORE_SNAPSHOT, &s, &s.args,
		"{\"presence\":[],\"health\":{\"ok\":true},\"startedAtMs\":1,\"sessionDefaults\":{}"
		"}");
	for (unsigned i = 0; i < n; i++) {
		if (i == ASKER)
			ask(&w);
		else
			sign_in(&w, SPAN_EMPTY, SCOPE_READ);
	}
	return w;
}

static void
disperse(struct crowd *w)
{
	close(w->anon);
	close(w->vault);
	close(w->core);
	close(w->gate);
	close(w->end);
	kit_ws_free(&w->all);
	assert_int_equal(harness_free(w->h), 0);
	free(w->in);
}

/* What is sent until it goes on is there all at once. */
static void
stop(struct crowd *w)
{
	assert_int_equal(kill(w->h->pid, SIGSTOP), 0);
	assert_int_equal(waitpid(w->h->pid, NULL, WUNTRACED), w->h->pid);
}

static void
go_on(struct crowd *w)
{
	assert_int_equal(kill(w->h->pid, SIGCONT), 0);
}

/* The next frame is this event. */
static void
comes(struct crowd *w, const char *needle)
{
	const char *text;

	assert_int_equal(kit_ws_next(&w->all, &text, NULL), WS_TEXT);
	if (strstr(text, needle) == NULL)
		fail_msg("no %s in %.200s", needle, text);
}

static void
nothing_more(struct crowd *w)
{
	tell(w, (struct edge_core_event){.number = 9999}, "{\"n\":\"end\"}");
	for (unsigned i = 0; i < CLIENTS; i++)
		comes(w, "\"n\":\"end\"");
}

static void
who_asked_is_told_first_and_everybody_all_in_order(void **state)
{
	struct crowd w = gather(CLIENTS);

	(void)state;
	stop(&w);
	tell(&w, (struct edge_core_event){.number = 1, .run = SPAN("r")}, "{\"n\":\"one\"}");
	tell(&w, (struct edge_core_event){.number = 2, .scopes = SCOPE_PAIRING}, "{\"n\":\"his\"}");
	tell(&w, (struct edge_core_event){.number = 3, .run = SPAN("r")}, "{\"n\":\"two\"}");
	go_on(&w);
	comes(&w, "\"n\":\"one\"},\"seq\":1");
	comes(&w, "\"n\":\"his\"},\"seq\":2");
	comes(&w, "\"n\":\"two\"},\"seq\":3");
	for (unsigned i = 1; i < CLIENTS; i++) {
		comes(&w, "\"n\":\"one\"},\"seq\":1");
		comes(&w, "\"n\":\"two\"},\"seq\":3");
	}
	nothing_more(&w);
	disperse(&w);
}

/* More events than one turn of the loop takes: between them some of the others are told, EDGE_CAST_CONNS, and not all. */
static void
what_arrives_does_not_wait_for_all_to_be_told(void **state)
{
	struct crowd w = gather(CLIENTS);
	const char *text;
	unsigned before = 0;

	(void)state;
	stop(&w);
	for (unsigned i = 0; i < READS; i++)
		tell(&w, (struct edge_core_event){.event = EVENT_TICK, .number = i + 1}, "{}");
	tell(&w, (struct edge_core_event){.number = READS + 1, .run = SPAN("r")},
		"{\"n\":\"one\"}");
	go_on(&w);
	while (kit_ws_next(&w.all, &text, NULL) == WS_TEXT && strstr(text, "\"tick\"") != NULL)
		before++;
	assert_int_equal(before, (EDGE_CAST_CONNS + 1) * READS);
	assert_non_null(strstr(text, "\"n\":\"one\""));
	for (unsigned i = EDGE_CAST_CONNS + 1; i < CLIENTS; i++) {
		for (unsigned n = 0; n < READS; n++)
			comes(&w, "\"tick\"");
		comes(&w, "\"n\":\"one\"");
	}
	for (unsigned i = 0; i < EDGE_CAST_CONNS; i++)
		comes(&w, "\"n\":\"one\"");
	nothing_more(&w);
	disperse(&w);
}

/* EDGE_CAST_HELD_MAX: with the event that passes it everybody is told what waits. */
static void
events_that_wait_have_a_limit(void **state)
{
	struct crowd w = gather(2);
	const unsigned n = EDGE_CAST_HELD_MAX / KIB(8) + 1; /* with their frames a little longer */
	char json[KIB(8) + 32];
	char want[16];

	(void)state;
	stop(&w);
	for (unsigned i = 0; i <= n; i++) {
		(void)snprintf(json, sizeof(json), "{\"n\":%u,\"text\":\"%0*d\"}", i,
			(int)KIB(8) - 100, 0);
		tell(&w, (struct edge_core_event){.number = i + 1}, json);
	}
	go_on(&w);
	for (unsigned client = 0; client < 2; client++) {
		for (unsigned i = 0; i < n; i++) {
			(void)snprintf(want, sizeof(want), "\"n\":%u,", i);
			comes(&w, want);
		}
	}
	(void)snprintf(want, sizeof(want), "\"n\":%u,", n);
	comes(&w, want);
	comes(&w, want);
	disperse(&w);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_asked_is_told_first_and_everybody_all_in_order),
		cmocka_unit_test(what_arrives_does_not_wait_for_all_to_be_told),
		cmocka_unit_test(events_that_wait_have_a_limit),
	};

	if (argc < 2)
		return 2;
	program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
