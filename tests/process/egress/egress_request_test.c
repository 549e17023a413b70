/* What a request of egress needs, and what it may bring back. */
#include "egress_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <unistd.h>

#include "base/err.h"
#include "crypto/crypto.h"
#include "proto/audit_writer.h"
#include "proto/egress_dial.h"
#include "proto/egress_vault.h"
#include "proto/executor_gate.h"

static void
a_request_goes_out_with_its_credential_and_comes_back(void **state)
{
	struct world w;
	uint8_t warrant[WARRANT_LEN];
	struct buf got = {.max = 65536};
	const struct core_egress_chunk *chunk;
	const struct core_egress_status *st;
	const struct audit_writer_line *line;
	int server;

	(void)state;
	world_open(&w);
	world_issue(&w, BODY, warrant);
	world_request(&w, 1, BODY, warrant);
	world_release(&w, "127.0.0.1");
	server = world_connect(&w);
	world_read(server, &got);
	assert_true(
		span_starts_with(buf_span(&got), SPAN("POST /v1/chat/completions HTTP/1.1\r\n")));
	assert_true(span_find(buf_span(&got), SPAN("Authorization: Bearer " SECRET "\r\n")) > 0);
	world_respond(server, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
	st = harness_recv(w.core, &core_egress_proto, IPC_SIDE_A, CORE_EGRESS_STATUS, &world_in);
	assert_int_equal(st->status, 200);
	chunk = harness_recv(w.core, &core_egress_proto, IPC_SIDE_A, CORE_EGRESS_CHUNK, &world_in);
	assert_true(span_eq(chunk->data, SPAN("hello")));
	assert_int_equal(world_end(&w)->rc, 0);
	line = harness_recv(w.audit, &audit_writer_proto, IPC_SIDE_B, AUDIT_WRITER_LINE, &world_in);
	assert_int_equal(line->event, AUDIT_BEGUN);
	line = harness_recv(w.audit, &audit_writer_proto, IPC_SIDE_B, AUDIT_WRITER_LINE, &world_in);
	assert_int_equal(line->event, AUDIT_EXECUTED);
	/* the connection is used again: no second descriptor is asked for */
	world_issue(&w, BODY, warrant);
	world_request(&w, 2, BODY, warrant);
	world_release(&w, "127.0.0.1");
	buf_reset(&got);
	world_read(server, &got);
	world_respond(server, "HTTP/1.1 204 No Content\r\n\r\n");
	assert_int_equal(world_end(&w)->rc, 0);
	harness_quiet(w.dial, 50);
	close(server);
	buf_clear(&got);
	world_close(&w);
}

/* Nothing leaves before the line is in the file, whatever gate and vault have said, and nothing does when it does not get there. */
static void
no_request_begins_before_its_line_is_kept(void **state)
{
	struct world w;
	uint8_t warrant[WARRANT_LEN];
	const struct audit_writer_line *line;

	(void)state;
	world_open(&w);
	close(w.audit);
	w.audit = world_wire(&w, KIND_AUDIT, 6);
	world_issue(&w, BODY, warrant);
	world_request(&w, 1, BODY, warrant);
	line = harness_recv(w.audit, &audit_writer_proto, IPC_SIDE_B, AUDIT_WRITER_LINE, &world_in);
	assert_int_equal(line->event, AUDIT_BEGUN);
	world_release(&w, "127.0.0.1");
	harness_quiet(w.dial, 100);
	harness_send(w.audit, &audit_writer_proto, IPC_SIDE_B, AUDIT_WRITER_KEPT,
		&(struct audit_writer_kept){.count = 1});
	(void)harness_recv(w.dial, &egress_dial_proto, IPC_SIDE_B, EGRESS_DIAL_CONNECT, &world_in);
	world_issue(&w, BODY, warrant);
	world_request(&w, 2, BODY, warrant);
	world_release(&w, "127.0.0.1");
	assert_int_equal(world_end(&w)->rc, ERR_TIMEOUT);
	harness_quiet(w.dial, 0);
	line = harness_recv(w.audit, &audit_writer_proto, IPC_SIDE_B, AUDIT_WRITER_LINE, &world_in);
	assert_int_equal(line->event, AUDIT_BEGUN);
	line = harness_recv(w.audit, &audit_writer_proto, IPC_SIDE_B, AUDIT_WRITER_LINE, &world_in);
	assert_int_equal(line->event, AUDIT_REFUSED);
	assert_int_equal(line->reason, REASON_AUDIT);
	world_close(&w);
}

static void
say_kept(struct world *w)
{
	harness_send(w->audit, &audit_writer_proto, IPC_SIDE_B, AUDIT_WRITER_KEPT,
		&(struct audit_writer_kept){.count = 1});
}

static void
say_label(struct world *w)
{
	harness_send(w->gate, &executor_gate_proto, IPC_SIDE_B, EXECUTOR_GATE_LABELED,
		&(struct executor_gate_labeled){.run = 1, .call = 1});
}

static void
say_credential(struct world *w)
{
	harness_send(w->vault, &egress_vault_proto, IPC_SIDE_B, EGRESS_VAULT_CREDENTIAL,
		&(struct egress_vault_credential){.req = 1,
			.ok = true,
			.scheme = SPAN("http"),
			.host = SPAN("127.0.0.1"),
			.port = w->port,
			.header = SPAN("Authorization"),
			.prefix = SPAN("Bearer "),
			.value = SPAN(SECRET)});
}

/* In each order: two of the three answers move nothing, the third does. */
static void
nothing_leaves_before_audit_gate_and_vault_have_answered(void **state)
{
	static void (*const say[3])(struct world * w) = {say_kept, say_label, say_credential};

	(void)state;
	for (unsigned last = 0; last < 3; last++) {
		uint8_t warrant[WARRANT_LEN];
		struct world w;

		world_open(&w);
		close(w.audit);
		w.audit = world_wire(&w, KIND_AUDIT, 6);
		world_issue(&w, BODY, warrant);
		world_request(&w, 1, BODY, warrant);
		(void)harness_recv(
			w.audit, &audit_writer_proto, IPC_SIDE_B, AUDIT_WRITER_LINE, &world_in);
		(void)harness_recv(
			w.gate, &executor_gate_proto, IPC_SIDE_B, EXECUTOR_GATE_LABEL, &world_in);
		(void)harness_recv(
			w.vault, &egress_vault_proto, IPC_SIDE_B, EGRESS_VAULT_RELEASE, &world_in);
		for (unsigned i = 0; i < 3; i++) {
			harness_quiet(w.dial, 50);
			say[(last + 1 + i) % 3](&w);
		}
		(void)harness_recv(
			w.dial, &egress_dial_proto, IPC_SIDE_B, EGRESS_DIAL_CONNECT, &world_in);
		world_close(&w);
	}
}

static void
refused(struct world *w, uint64_t id, const char *body, const uint8_t warrant[WARRANT_LEN],
	uint8_t reason)
{
	const struct audit_writer_line *line;

	world_request(w, id, body, warrant);
	assert_int_equal(world_end(w)->rc, ERR_DENIED);
	line = harness_recv(
		w->audit, &audit_writer_proto, IPC_SIDE_B, AUDIT_WRITER_LINE, &world_in);
	assert_int_equal(line->event, AUDIT_REFUSED);
	assert_int_equal(line->reason, reason);
	harness_quiet(w->gate, 20);
	harness_quiet(w->vault, 0);
	harness_quiet(w->dial, 0);
}

static void
no_request_without_a_good_warrant(void **state)
{
	struct world w;
	uint8_t warrant[WARRANT_LEN] = {0};

	(void)state;
	world_open(&w);
	refused(&w, 1, BODY, warrant, REASON_WARRANT); /* none */
	world_issue(&w, BODY, warrant);
	warrant[WARRANT_LEN - 1] ^= 1;
	refused(&w, 2, BODY, warrant, REASON_WARRANT); /* forged */
	world_issue(&w, "{}", warrant);
	refused(&w, 3, BODY, warrant, REASON_WARRANT); /* for another body */
	world_issue(&w, "{\"a\":1}", warrant);
	/* good, but not what this row may ask */
	refused(&w, 4, "{\"a\":1}", warrant, REASON_DESTINATION);
	refused(&w, 5, "{\"a\":1}", warrant, REASON_WARRANT); /* the same again */
	world_close(&w);
}

#define GOOD(more) "{\"model\":\"m\",\"messages\":[],\"max_tokens\":9" more "}"

static void
a_body_may_ask_for_words_only(void **state)
{
	static const char *const bad[] = {
		"[]",
		"not json",
		GOOD(",\"tools\":[{\"type\":\"web_search\"}]"),
		GOOD(",\"web_search_options\":{}"),
		GOOD(",\"plugins\":[]"),
		GOOD(",\"messages\":[]"),
		GOOD(",\"n\":2"),
		GOOD(",\"n\":\"1\""),
		GOOD(",\"max_completion_tokens\":1001"),
		GOOD(",\"max_completion_tokens\":-1"),
		"{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[{"
		"\"type\":\"image_url\",\"image_url\":{\"url\":\"http://evil.example/x\"}}]}]}",
		"{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[{"
		"\"type\":\"file\"}]}]}",
		"{\"model\":\"m\",\"messages\":[],\"max_tokens\":1001}",
		"{\"model\":\"m\",\"messages\":[]}",
		"{\"model\":\"dear\",\"messages\":[],\"max_tokens\":9}",
		"{\"model\":\"other\",\"messages\":[],\"max_tokens\":9}",
		"{\"model\":\"\",\"messages\":[],\"max_tokens\":9}",
		"{\"model\":[\"m\"],\"messages\":[],\"max_tokens\":9}",
		"{\"messages\":[],\"max_tokens\":9}",
	};
	static const char *const good[] = {GOOD(""), GOOD(",\"n\":1"),
		"{\"model\":\"m\",\"messages\":[],\"max_completion_tokens\":1000}"};
	struct world w;
	uint8_t warrant[WARRANT_LEN];

	(void)state;
	world_open(&w);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		world_issue(&w, bad[i], warrant);
		refused(&w, i + 1, bad[i], warrant, REASON_DESTINATION);
	}
	/* a request for one model whose body names another */
	world_model = SPAN("other/m2");
	world_issue(&w, GOOD(""), warrant);
	refused(&w, 50, GOOD(""), warrant, REASON_DESTINATION);
	world_model = SPAN("m");
	/* so what is refused above is refused for what was added to it */
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		world_issue(&w, good[i], warrant);
		world_request(&w, 100 + i, good[i], warrant);
		world_release(&w, "evil.example");
		assert_int_equal(world_end(&w)->rc, ERR_DENIED);
	}
	world_close(&w);
}

static void
a_credential_bound_elsewhere_stays_here(void **state)
{
	struct world w;
	uint8_t warrant[WARRANT_LEN];

	(void)state;
	world_open(&w);
	world_issue(&w, BODY, warrant);
	world_request(&w, 1, BODY, warrant);
	world_release(&w, "evil.example");
	assert_int_equal(world_end(&w)->rc, ERR_DENIED);
	harness_quiet(w.dial, 50);
	world_close(&w);
}

static void
redirects_are_not_followed_and_echoed_credentials_are_cut(void **state)
{
	struct world w;
	uint8_t warrant[WARRANT_LEN];
	struct buf got = {.max = 65536};
	const struct core_egress_status *st;
	int server;

	(void)state;
	world_open(&w);
	world_issue(&w, BODY, warrant);
	world_request(&w, 1, BODY, warrant);
	world_release(&w, "127.0.0.1");
	server = world_connect(&w);
	world_read(server, &got);
	world_respond(server, "HTTP/1.1 307 Temporary\r\nLocation: "
			      "http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n");
	st = harness_wait(w.core, &core_egress_proto, IPC_SIDE_A, CORE_EGRESS_STATUS, &world_in);
	assert_int_equal(st->status, 307);
	(void)world_end(&w);
	harness_quiet(w.dial, 50);
	world_issue(&w, BODY, warrant);
	world_request(&w, 2, BODY, warrant);
	world_release(&w, "127.0.0.1");
	buf_reset(&got);
	world_read(server, &got);
	world_respond(
		server, "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\nyour key: sk-secret-012");
	usleep(50000); /* in two parts: it straddles */
	world_respond(server, "3456789abcdef, is it not?                                  ");
	assert_int_equal(world_end(&w)->rc, ERR_DENIED);
	close(server);
	buf_clear(&got);
	world_close(&w);
}

/* The peers of a new egress may be younger than it is. */
static void
peers_that_start_are_waited_for(void **state)
{
	struct world w;
	struct buf got = {.max = 65536};
	uint8_t warrant[WARRANT_LEN];
	int server;

	(void)state;
	world_open(&w);
	close(w.vault);
	close(w.dial);
	usleep(50000);
	world_issue(&w, BODY, warrant);
	world_request(&w, 1, BODY, warrant);
	harness_quiet(w.core, 100);
	w.vault = world_wire(&w, KIND_VAULT, 13);
	world_release(&w, "127.0.0.1");
	harness_quiet(w.core, 100);
	w.dial = world_wire(&w, KIND_DIAL, 14);
	server = world_connect(&w);
	world_read(server, &got);
	world_respond(
		server, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
	assert_int_equal(world_end(&w)->rc, 0);
	close(server);
	close(w.vault);
	usleep(50000);
	world_issue(&w, BODY, warrant);
	world_request(&w, 2, BODY, warrant);
	(void)harness_recv(
		w.gate, &executor_gate_proto, IPC_SIDE_B, EXECUTOR_GATE_LABEL, &world_in);
	harness_send(w.gate, &executor_gate_proto, IPC_SIDE_B, EXECUTOR_GATE_LABELED,
		&(struct executor_gate_labeled){.run = 1, .call = 1});
	harness_quiet(w.core, PEER_WAIT_MS / 2);
	assert_int_equal(world_end(&w)->rc, ERR_NOPEER);
	w.vault = world_wire(&w, KIND_VAULT, 15);
	harness_quiet(w.vault, 100); /* it is over */
	buf_clear(&got);
	world_close(&w);
}

/* core has read another configuration: by this number it means somebody else. */
static void
a_request_for_another_destination_is_not_ours(void **state)
{
	uint8_t warrant[WARRANT_LEN];
	struct world w;

	(void)state;
	world_open(&w);
	world_issue(&w, BODY, warrant);
	world_request_tagged(&w, 1, BODY, warrant, ROW_TAG ^ 1);
	assert_int_equal(world_end(&w)->rc, ERR_NOPEER);
	harness_quiet(w.dial, 50);
	harness_quiet(w.vault, 50);
	world_close(&w);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_goes_out_with_its_credential_and_comes_back),
		cmocka_unit_test(no_request_without_a_good_warrant),
		cmocka_unit_test(a_body_may_ask_for_words_only),
		cmocka_unit_test(a_credential_bound_elsewhere_stays_here),
		cmocka_unit_test(redirects_are_not_followed_and_echoed_credentials_are_cut),
		cmocka_unit_test(no_request_begins_before_its_line_is_kept),
		cmocka_unit_test(nothing_leaves_before_audit_gate_and_vault_have_answered),
		cmocka_unit_test(peers_that_start_are_waited_for),
		cmocka_unit_test(a_request_for_another_destination_is_not_ours),
	};

	assert_int_equal(argc, 2);
	world_program = argv[1];
	if (crypto_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
