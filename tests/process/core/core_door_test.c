/* The one door: who may call what, with which parameters, and what happens to a peer that breaks the rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "world.h"

static const unsigned all_scopes[] = {
	0, SCOPE_READ, SCOPE_WRITE, SCOPE_APPROVALS, SCOPE_PAIRING, SCOPE_ADMIN, SCOPE_ALL};
#define NSCOPES (sizeof(all_scopes) / sizeof(all_scopes[0]))

static const char *
missing(unsigned scope)
{
	switch (scope) {
	case SCOPE_READ:
		return "missing scope: operator.read";
	case SCOPE_WRITE:
		return "missing scope: operator.write";
	case SCOPE_APPROVALS:
		return "missing scope: operator.approvals";
	case SCOPE_PAIRING:
		return "missing scope: operator.pairing";
	default:
		return "missing scope: operator.admin";
	}
}

/* The rule once more, written down differently than in the dispatch. */
static bool
may(unsigned have, unsigned need)
{
	unsigned closed = have;

	if ((have & SCOPE_ADMIN) != 0)
		closed = SCOPE_ALL;
	if ((have & SCOPE_WRITE) != 0)
		closed |= SCOPE_READ;
	return need == 0 || (closed & need) == need;
}

/* A parameter that no method has: what is let in is refused for it, and nothing is carried out. */
static void
call_with_stranger(struct world *w, unsigned method, unsigned scopes)
{
	struct buf list = {.max = 256};
	struct args_out out;

	args_out_init(&out, &list, false);
	args_out_cstr(&out, "zz", "1");
	assert_int_equal(args_out_done(&out), 0);
	world_call_list(w, method, scopes, buf_span(&list));
	buf_clear(&list);
}

static void
expect_error(struct world *w, const char *begins)
{
	const struct edge_core_reply *reply = world_reply(w);

	assert_false(reply->ok);
	assert_true(reply->final);
	assert_int_equal(reply->code, RPC_INVALID_REQUEST);
	if (!span_starts_with(reply->message, span_from_cstr(begins)))
		fail_msg("expected %s, got %.*s", begins, (int)reply->message.len,
			reply->message.ptr);
}

/* What is not in this gateway says so, to those who might have called it. */
static void
expect_feature(struct world *w, const struct method_row *row)
{
	const struct edge_core_reply *reply = world_reply(w);
	char text[192];

	(void)snprintf(text, sizeof(text), "not available %s: %s (%s)", row->later ? "yet" : "here",
		row->feature, row->name);
	assert_false(reply->ok);
	assert_int_equal(reply->code, RPC_UNAVAILABLE);
	assert_true(span_eq(reply->message, span_from_cstr(text)));
}

static void
expect_row(struct world *w, unsigned m, unsigned scopes, bool is_control)
{
	char invalid[128];

	call_with_stranger(w, m, scopes);
	if ((method_rows[m].who & WHO_CONTROL) != 0 && !is_control)
		expect_error(w, "unauthorized");
	else if (method_rows[m].who == WHO_NODE)
		expect_error(w, "unauthorized role: operator");
	else if (!may(scopes, method_rows[m].scope))
		expect_error(w, missing(method_rows[m].scope));
	else if (method_rows[m].where == AT_NOWHERE)
		expect_feature(w, &method_rows[m]);
	else {
		(void)snprintf(invalid, sizeof(invalid),
			"invalid %s params: at /zz: unexpected property", method_rows[m].name);
		expect_error(w, invalid);
	}
}

static void
every_method_asks_for_its_scope(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, OWNER);
	for (unsigned m = 0; m < METHOD_N; m++) {
		for (size_t s = 0; s < NSCOPES; s++)
			expect_row(&w, m, all_scopes[s], false);
	}
	world_close(&w);
}

static void
a_call_cannot_widen_what_its_principal_has(void **state)
{
	struct world w;

	(void)state;
	for (size_t s = 0; s < NSCOPES; s++) {
		world_open(&w, PRINCIPAL(PRINCIPAL_DEVICE, all_scopes[s], 3));
		for (unsigned m = 0; m < METHOD_N; m++) {
			call_with_stranger(&w, m, SCOPE_ALL);
			if ((method_rows[m].who & (WHO_CONTROL | WHO_NODE)) != 0)
				expect_error(&w, "unauthorized");
			else if (may(all_scopes[s], method_rows[m].scope) &&
				 method_rows[m].where == AT_NOWHERE)
				expect_feature(&w, &method_rows[m]);
			else if (!may(all_scopes[s], method_rows[m].scope))
				expect_error(&w, missing(method_rows[m].scope));
			else
				expect_error(&w, "invalid ");
		}
		world_close(&w);
	}
}

static void
the_control_socket_may_everything(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, CONTROL);
	for (unsigned m = 0; m < METHOD_N; m++)
		expect_row(&w, m, SCOPE_ALL, true);
	world_close(&w);
}

static void
nodes_and_models_are_no_operators(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, PRINCIPAL(PRINCIPAL_NODE, SCOPE_ALL, 3));
	for (unsigned m = 0; m < METHOD_N; m++) {
		call_with_stranger(&w, m, SCOPE_ALL);
		if (method_rows[m].who == WHO_NODE)
			expect_feature(&w, &method_rows[m]);
		else
			expect_error(&w, "unauthorized role: node");
	}
	world_close(&w);
	world_open(&w, PRINCIPAL(PRINCIPAL_AGENT, SCOPE_ALL, 3));
	for (unsigned m = 0; m < METHOD_N; m++) {
		call_with_stranger(&w, m, SCOPE_ALL);
		expect_error(&w, "unauthorized role: agent");
	}
	world_close(&w);
	world_open(&w, PRINCIPAL(PRINCIPAL_NONE, SCOPE_ALL, 3));
	call_with_stranger(&w, METHOD_HEALTH, SCOPE_ALL);
	expect_error(&w, "unauthorized");
	world_close(&w);
}

static void
a_number_that_is_no_method_is_unknown(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, OWNER);
	call_with_stranger(&w, METHOD_N, SCOPE_ALL);
	expect_error(&w, "unknown method");
	world_close(&w);
}

static void
parameters_are_checked_against_the_table(void **state)
{
	struct world w;
	char key[SESSION_KEY_MAX + 2];

	(void)state;
	world_open(&w, OWNER);
	world_call(&w, METHOD_CHAT_SEND, "sessionKey", "main", "message", "x", NULL);
	expect_error(&w, "invalid chat.send params: at /idempotencyKey: required");
	world_call(&w, METHOD_CHAT_SEND, "sessionKey", "", "message", "x", "idempotencyKey", "k",
		NULL);
	expect_error(&w, "invalid chat.send params: at /sessionKey: must not be empty");
	world_call(&w, METHOD_HEALTH, "probe", "yes", NULL);
	expect_error(&w, "invalid health params: at /probe: must be boolean");
	world_call(&w, METHOD_CHAT_HISTORY, "sessionKey", "main", "limit", "5", NULL);
	expect_error(&w, "invalid chat.history params: at /limit: must be integer");
	memset(key, 'k', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	world_call(&w, METHOD_CHAT_HISTORY, "sessionKey", key, NULL);
	expect_error(&w, "invalid chat.history params: at /sessionKey: is too long");
	world_call(&w, METHOD_CHAT_HISTORY, "sessionKey", "two words", NULL);
	expect_error(&w, "invalid chat.history params");
	world_call(&w, METHOD_CHAT_HISTORY, "sessionKey", "agent:other:main", NULL);
	expect_error(&w, "unknown agent id");
	world_call(&w, METHOD_CHAT_SEND, "sessionKey", "main", "message", " \n", "idempotencyKey",
		"k", NULL);
	expect_error(&w, "message or attachment required");
	world_close(&w);
}

/* A JPEG of as many bytes is an image (which no model here takes), of one more too large. */
static void
an_attachment_has_a_limit(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, OWNER);
	for (unsigned over = 0; over < 2; over++) {
		struct buf text = {.max = MIB(8)};
		struct buf list = {.max = MIB(8)};
		size_t bytes = ATTACHMENT_MAX + over;
		struct args_out out;
		const struct edge_core_reply *reply;

		buf_put_cstr(&text, "/9j/");
		while (text.len < (bytes + 2) / 3 * 4)
			buf_put_cstr(&text, "AAAA");
		for (size_t pad = 0; pad < (3 - bytes % 3) % 3; pad++)
			text.ptr[text.len - 1 - pad] = '=';
		args_out_init(&out, &list, false);
		args_out_cstr(&out, "sessionKey", "main");
		args_out_cstr(&out, "message", "x");
		args_out_cstr(&out, "idempotencyKey", "k");
		args_out_array(&out, "attachments");
		args_out_object(&out, NULL);
		args_out_str(&out, "content", buf_span(&text));
		args_out_end(&out);
		args_out_end(&out);
		assert_int_equal(args_out_done(&out), 0);
		world_call_list(&w, METHOD_CHAT_SEND, SCOPE_ALL, buf_span(&list));
		reply = world_reply(&w);
		assert_int_equal(reply->code, over ? RPC_INVALID_REQUEST : RPC_UNAVAILABLE);
		assert_true(span_find(reply->message, over ? SPAN("larger than 5000000 bytes")
							   : SPAN("takes no images")) >= 0);
		buf_clear(&text);
		buf_clear(&list);
	}
	world_close(&w);
}

static void
what_vault_does_is_delegated(void **state)
{
	struct world w;
	const struct edge_core_reply *reply;

	(void)state;
	world_open(&w, OWNER);
	world_call(&w, METHOD_DEVICE_PAIR_LIST, NULL);
	reply = world_reply(&w);
	assert_true(reply->ok);
	assert_true(reply->delegate);
	world_close(&w);
}

static void
stop_and_resume_go_to_the_supervisor(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, CONTROL);
	world_call(&w, METHOD_RESUME, NULL);
	(void)harness_expect(w.h, CHILD_RESUME);
	harness_quiet(w.edge, 50); /* answered when it is done */
	harness_panic(w.h, false);
	assert_true(world_reply(&w)->ok);
	world_call(&w, METHOD_GATEWAY_STOP, NULL);
	assert_true(world_reply(&w)->ok);
	(void)harness_expect(w.h, CHILD_STOP);
	world_close(&w);
}

static void
lists_have_their_shapes(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, OWNER);
	world_call(&w, METHOD_AGENTS_LIST, NULL);
	assert_true(world_reply(&w)->ok);
	assert_true(span_eq(world_get(&w, "agents.0.id"), SPAN("main")));
	world_call(&w, METHOD_MODELS_LIST, NULL);
	assert_true(world_reply(&w)->ok);
	assert_true(span_eq(world_get(&w, "models.0.id"), SPAN("some-model")));
	world_call(&w, METHOD_STATUS, NULL);
	assert_true(world_reply(&w)->ok);
	assert_true(span_eq(world_get(&w, "sessions.count"), SPAN("42")));
	world_call(&w, METHOD_CHANNELS_STATUS, NULL);
	assert_true(world_reply(&w)->ok);
	world_call(&w, METHOD_NODE_LIST, NULL);
	assert_true(world_reply(&w)->ok);
	world_call(&w, METHOD_AGENT_IDENTITY_GET, NULL);
	assert_true(world_reply(&w)->ok);
	world_call(&w, METHOD_LAST_HEARTBEAT, NULL);
	assert_true(world_reply(&w)->ok);
	world_call(&w, METHOD_PROCESSES, NULL);
	harness_census(w.h, KIND_CONFIG);
	assert_true(world_reply(&w)->ok);
	assert_true(span_eq(world_get(&w, "processes.0.name"), SPAN("supervisor")));
	assert_true(span_eq(world_get(&w, "processes.1.life"), SPAN("once")));
	assert_true(span_eq(world_get(&w, "processes.1.running"), SPAN("1")));
	assert_true(span_eq(world_get(&w, "processes.1.restarting"), SPAN("1")));
	assert_true(span_eq(world_get(&w, "processes.1.crashes"), SPAN("3")));
	assert_true(span_eq(world_get(&w, "processes.2.running"), SPAN("0")));
	/* asked again at once, the supervisor is left alone */
	world_call(&w, METHOD_PROCESSES, NULL);
	assert_true(world_reply(&w)->ok);
	world_close(&w);
}

static void
clients_are_present_until_they_leave(void **state)
{
	struct world w;
	struct edge_core_client client = {.conn = 4,
		.up = true,
		.key = SPAN("abc"),
		.client_id = SPAN("webchat"),
		.mode = SPAN("webchat"),
		.version = SPAN("1"),
		.platform = SPAN("linux")};

	(void)state;
	world_open(&w, OWNER);
	harness_send(w.edge, &edge_core_proto, IPC_SIDE_A, EDGE_CORE_CLIENT, &client);
	world_call(&w, METHOD_SYSTEM_PRESENCE, NULL);
	assert_true(world_reply(&w)->ok);
	assert_true(span_eq(world_get(&w, "0.reason"), SPAN("self")));
	assert_true(span_eq(world_get(&w, "1.instanceId"), SPAN("abc")));
	client.up = false;
	harness_send(w.edge, &edge_core_proto, IPC_SIDE_A, EDGE_CORE_CLIENT, &client);
	(void)world_event(&w, EVENT_PRESENCE);
	assert_true(span_eq(world_get(&w, "presence.1.reason"), SPAN("disconnect")));
	world_close(&w);
}

static void
presence_keeps_its_limit(void **state)
{
	struct world w;
	char path[32];

	(void)state;
	world_open(&w, OWNER);
	for (unsigned i = 0; i < PRESENCE_MAX + 5; i++) {
		char key[16];
		int len = snprintf(key, sizeof(key), "k%u", i);

		harness_send(w.edge, &edge_core_proto, IPC_SIDE_A, EDGE_CORE_CLIENT,
			&(struct edge_core_client){.conn = 10 + i,
				.up = true,
				.key = span_of(key, (size_t)len),
				.mode = SPAN("ui")});
		if (i % 16 == 0)
			(void)harness_wait(
				w.edge, &edge_core_proto, IPC_SIDE_A, EDGE_CORE_SNAPSHOT, &w.in);
	}
	world_call(&w, METHOD_SYSTEM_PRESENCE, NULL);
	assert_true(world_reply(&w)->ok);
	(void)snprintf(path, sizeof(path), "%d.instanceId", PRESENCE_MAX);
	assert_true(world_get(&w, path).len > 0);
	(void)snprintf(path, sizeof(path), "%d.instanceId", PRESENCE_MAX + 1);
	assert_int_equal(world_get(&w, path).len, 0);
	world_close(&w);
}

/* ---- peers that break the rules ---- */

static void
accused(struct world *w, int fd, const struct ipc_proto *proto, enum ipc_side side, unsigned kind)
{
	const struct child_peer_bad *bad = harness_expect(w->h, CHILD_PEER_BAD);

	assert_int_equal(bad->kind, kind);
	harness_closed(fd, proto, side);
}

static void
a_malformed_message_ends_the_channel(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, OWNER);
	harness_send_raw(w.edge, SPAN("\x01\x00short"));
	accused(&w, w.edge, &edge_core_proto, IPC_SIDE_A, KIND_USER);
	harness_send_raw(w.store, SPAN("\xff\xff"));
	accused(&w, w.store, &core_store_proto, IPC_SIDE_B, KIND_STORE);
	harness_send(w.gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_RUN_LABEL,
		&(struct core_gate_run_label){.label = SPAN("short")});
	accused(&w, w.gate, &core_gate_proto, IPC_SIDE_B, KIND_GATE);
	world_close(&w);
}

static void
an_answer_that_nobody_asked_for_is_an_offence(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, OWNER);
	world_stored(&w, 12345, 0);
	accused(&w, w.store, &core_store_proto, IPC_SIDE_B, KIND_STORE);
	world_close(&w);
}

static void
a_body_that_is_not_sealed_is_an_offence(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, OWNER);
	harness_send(w.edge, &edge_core_proto, IPC_SIDE_A, EDGE_CORE_CALL,
		&(struct edge_core_call){.conn = 1,
			.seq = 1,
			.method = METHOD_HEALTH,
			.scopes = SCOPE_ALL,
			.body = w.store});
	accused(&w, w.edge, &edge_core_proto, IPC_SIDE_A, KIND_USER);
	world_close(&w);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_method_asks_for_its_scope),
		cmocka_unit_test(a_call_cannot_widen_what_its_principal_has),
		cmocka_unit_test(the_control_socket_may_everything),
		cmocka_unit_test(nodes_and_models_are_no_operators),
		cmocka_unit_test(a_number_that_is_no_method_is_unknown),
		cmocka_unit_test(parameters_are_checked_against_the_table),
		cmocka_unit_test(an_attachment_has_a_limit),
		cmocka_unit_test(what_vault_does_is_delegated),
		cmocka_unit_test(stop_and_resume_go_to_the_supervisor),
		cmocka_unit_test(lists_have_their_shapes),
		cmocka_unit_test(clients_are_present_until_they_leave),
		cmocka_unit_test(presence_keeps_its_limit),
		cmocka_unit_test(a_malformed_message_ends_the_channel),
		cmocka_unit_test(an_answer_that_nobody_asked_for_is_an_offence),
		cmocka_unit_test(a_body_that_is_not_sealed_is_an_offence),
	};

	if (argc < 2)
		return 2;
	world_program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
