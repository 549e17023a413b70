/* The real egress, forked from its real zygote; the test plays core, gate, vault, dial, audit and the server on the network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "args/args.h"
#include "base/err.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "label/label.h"
#include "proto/audit_writer.h"
#include "proto/core_egress.h"
#include "proto/egress_dial.h"
#include "proto/egress_vault.h"
#include "proto/executor_gate.h"
#include "proto/warrant.h"
#include "tests/process/harness.h"

#define SECRET "sk-secret-0123456789abcdef"
#define BODY                                                                                       \
	"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":false}"

#define ROW_TAG UINT64_C(0x8123456789abcdef)

static const char *program;
static struct ipc_received in;
static const uint8_t key[WARRANT_KEY_LEN] = {42};

struct world {
	struct harness *zygote;
	int control;
	int core, gate, vault, dial, audit;
	int listener;
	uint16_t port;
	uint64_t counter;
};

static uint64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int
wire(struct world *w, uint8_t kind, uint64_t incarnation)
{
	int fds[2];

	assert_int_equal(ipc_pair(fds), 0);
	harness_send(w->control, &child_proto, IPC_SIDE_A, CHILD_PEER,
		&(struct child_peer){.kind = kind, .incarnation = incarnation, .fd = fds[1]});
	close(fds[1]);
	return fds[0];
}

static void
listen_here(struct world *w)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sa);

	w->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(w->listener, (const struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(w->listener, 8), 0);
	assert_int_equal(getsockname(w->listener, (struct sockaddr *)&sa, &len), 0);
	w->port = ntohs(sa.sin_port);
}

static int
slice_for(const struct world *w)
{
	struct buf b = {.max = 4096};
	struct args_out out;
	int fd;

	args_out_init(&out, &b, false);
	args_out_u64(&out, "row.3.tag", ROW_TAG);
	args_out_cstr(&out, "row.3.scheme", "http");
	args_out_cstr(&out, "row.3.host", "127.0.0.1");
	args_out_u64(&out, "row.3.port", w->port);
	args_out_cstr(&out, "row.3.path", "/v1/chat/completions");
	args_out_cstr(&out, "row.3.envelope", "openai-chat");
	args_out_bool(&out, "row.3.local", true);
	args_out_u64(&out, "row.3.maxTokens", 1000);
	assert_int_equal(args_out_done(&out), 0);
	fd = ipc_body_seal(buf_span(&b));
	buf_clear(&b);
	return fd;
}

static void
world_open(struct world *w)
{
	const uint64_t words[4] = {42, 0, 0, 0};
	int fds[2];
	int slice;

	*w = (struct world){0};
	listen_here(w);
	w->zygote = harness_new(
		program, "zygote", &(struct harness_options){.kind = KIND_EGRESS_ZYGOTE});
	harness_start(w->zygote);
	assert_int_equal(ipc_pair(fds), 0);
	harness_send(w->zygote->control, &child_proto, IPC_SIDE_A, CHILD_FORK,
		&(struct child_fork){.kind = KIND_EGRESS, .instance = 3, .control = fds[1]});
	close(fds[1]);
	w->control = fds[0];
	(void)harness_expect(w->zygote, CHILD_CHILD);
	slice = slice_for(w);
	harness_send(w->control, &child_proto, IPC_SIDE_A, CHILD_HANDLE,
		&(struct child_handle){.what = HANDLE_SLICE, .fd = slice});
	close(slice);
	harness_send(w->control, &child_proto, IPC_SIDE_A, CHILD_HELLO,
		&(struct child_hello){.kind = KIND_EGRESS,
			.instance = 3,
			.incarnation = 9,
			.landlock_max = UINT32_MAX});
	(void)harness_recv(w->control, &child_proto, IPC_SIDE_A, CHILD_READY, &in);
	harness_send(w->control, &child_proto, IPC_SIDE_A, CHILD_KEY,
		&(struct child_key){.kind = KIND_GATE, .incarnation = 1, .k0 = words[0]});
	w->core = wire(w, KIND_CORE, 2);
	w->gate = wire(w, KIND_GATE, 1);
	w->vault = wire(w, KIND_VAULT, 3);
	w->dial = wire(w, KIND_DIAL, 4);
	w->audit = harness_keep(wire(w, KIND_AUDIT, 5));
	harness_send(w->control, &child_proto, IPC_SIDE_A, CHILD_START, &(struct child_start){});
}

static void
world_close(struct world *w)
{
	close(w->core);
	close(w->gate);
	close(w->vault);
	close(w->dial);
	close(w->audit);
	close(w->listener);
	close(w->control);
	assert_int_equal(harness_free(w->zygote), 0);
}

/* What gate would issue for this body to this egress. */
static void
issue(struct world *w, const char *body, uint8_t out[WARRANT_LEN])
{
	uint8_t row[WARRANT_NUMBER_LEN];
	struct warrant want = {.effect = EFFECT_MODEL,
		.executor = KIND_EGRESS,
		.instance = 3,
		.incarnation = 9,
		.run = 1,
		.call = 1,
		.dest_kind = DEST_PROVIDER,
		.counter = ++w->counter,
		.expires_ms = now_ms() + 5000};
	struct span parts[2];

	warrant_number(3, row);
	parts[0] = span_of(row, sizeof(row));
	parts[1] = span_from_cstr(body);
	warrant_dest(DEST_PROVIDER, span_of(row, sizeof(row)), want.dest);
	warrant_plan(0, parts, 2, want.plan);
	warrant_issue(key, &want, out);
}

static void
request_tagged(struct world *w, uint64_t id, const char *body, const uint8_t warrant[WARRANT_LEN],
	uint64_t tag)
{
	int fd = harness_seal(span_from_cstr(body));

	harness_send(w->core, &core_egress_proto, IPC_SIDE_A, CORE_EGRESS_REQUEST,
		&(struct core_egress_request){.id = id,
			.run = 1,
			.call = 1,
			.warrant = span_of(warrant, WARRANT_LEN),
			.row = 3,
			.tag = tag,
			.body = fd});
	close(fd);
}

static void
request(struct world *w, uint64_t id, const char *body, const uint8_t warrant[WARRANT_LEN])
{
	request_tagged(w, id, body, warrant, ROW_TAG);
}

static void
label_and_release(struct world *w, const char *host)
{
	const struct executor_gate_label *l =
		harness_recv(w->gate, &executor_gate_proto, IPC_SIDE_B, EXECUTOR_GATE_LABEL, &in);

	harness_send(w->gate, &executor_gate_proto, IPC_SIDE_B, EXECUTOR_GATE_LABELED,
		&(struct executor_gate_labeled){.run = l->run, .call = l->call});
	const struct egress_vault_release *r =
		harness_recv(w->vault, &egress_vault_proto, IPC_SIDE_B, EGRESS_VAULT_RELEASE, &in);

	assert_int_equal(r->row, 3);
	harness_send(w->vault, &egress_vault_proto, IPC_SIDE_B, EGRESS_VAULT_CREDENTIAL,
		&(struct egress_vault_credential){.req = r->req,
			.ok = true,
			.scheme = SPAN("http"),
			.host = span_from_cstr(host),
			.port = w->port,
			.header = SPAN("Authorization"),
			.prefix = SPAN("Bearer "),
			.value = SPAN(SECRET)});
}

/* dial's part: a connected descriptor; returns the server's end. */
static int
connect_for(struct world *w)
{
	const struct egress_dial_connect *c =
		harness_recv(w->dial, &egress_dial_proto, IPC_SIDE_B, EGRESS_DIAL_CONNECT, &in);
	struct sockaddr_in sa = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(w->port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int server;

	assert_int_equal(connect(fd, (const struct sockaddr *)&sa, sizeof(sa)), 0);
	server = accept(w->listener, NULL, NULL);
	harness_send(w->dial, &egress_dial_proto, IPC_SIDE_B, EGRESS_DIAL_CONNECTED,
		&(struct egress_dial_connected){.req = c->req, .socket = fd});
	close(fd);
	return server;
}

static void
read_request(int server, struct buf *out)
{
	uint8_t tmp[4096];

	while (span_find(buf_span(out), SPAN(BODY)) < 0) {
		struct pollfd p = {.fd = server, .events = POLLIN};
		ssize_t n;

		assert_int_equal(poll(&p, 1, 20000), 1);
		n = read(server, tmp, sizeof(tmp));
		assert_true(n > 0);
		buf_put(out, span_of(tmp, (size_t)n));
	}
}

static void
respond(int server, const char *text)
{
	assert_int_equal(write(server, text, strlen(text)), strlen(text));
}

static const struct core_egress_end *
expect_end(struct world *w)
{
	return harness_wait(w->core, &core_egress_proto, IPC_SIDE_A, CORE_EGRESS_END, &in);
}

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
	issue(&w, BODY, warrant);
	request(&w, 1, BODY, warrant);
	label_and_release(&w, "127.0.0.1");
	server = connect_for(&w);
	read_request(server, &got);
	assert_true(
		span_starts_with(buf_span(&got), SPAN("POST /v1/chat/completions HTTP/1.1\r\n")));
	assert_true(span_find(buf_span(&got), SPAN("Authorization: Bearer " SECRET "\r\n")) > 0);
	respond(server, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
	st = harness_recv(w.core, &core_egress_proto, IPC_SIDE_A, CORE_EGRESS_STATUS, &in);
	assert_int_equal(st->status, 200);
	chunk = harness_recv(w.core, &core_egress_proto, IPC_SIDE_A, CORE_EGRESS_CHUNK, &in);
	assert_true(span_eq(chunk->data, SPAN("hello")));
	assert_int_equal(expect_end(&w)->rc, 0);
	line = harness_recv(w.audit, &audit_writer_proto, IPC_SIDE_B, AUDIT_WRITER_LINE, &in);
	assert_int_equal(line->event, AUDIT_BEGUN);
	line = harness_recv(w.audit, &audit_writer_proto, IPC_SIDE_B, AUDIT_WRITER_LINE, &in);
	assert_int_equal(line->event, AUDIT_EXECUTED);
	/* the connection is used again: no second descriptor is asked for */
	issue(&w, BODY, warrant);
	request(&w, 2, BODY, warrant);
	label_and_release(&w, "127.0.0.1");
	buf_reset(&got);
	read_request(server, &got);
	respond(server, "HTTP/1.1 204 No Content\r\n\r\n");
	assert_int_equal(expect_end(&w)->rc, 0);
	harness_quiet(w.dial, 50);
	close(server);
	buf_clear(&got);
	world_close(&w);
}

/* Nothing is asked of anybody before the line is in the file, and nothing is done when it does not get there. */
static void
no_request_begins_before_its_line_is_kept(void **state)
{
	struct world w;
	uint8_t warrant[WARRANT_LEN];
	const struct audit_writer_line *line;

	(void)state;
	world_open(&w);
	close(w.audit);
	w.audit = wire(&w, KIND_AUDIT, 6);
	issue(&w, BODY, warrant);
	request(&w, 1, BODY, warrant);
	line = harness_recv(w.audit, &audit_writer_proto, IPC_SIDE_B, AUDIT_WRITER_LINE, &in);
	assert_int_equal(line->event, AUDIT_BEGUN);
	harness_quiet(w.gate, 100);
	harness_quiet(w.vault, 0);
	harness_quiet(w.dial, 0);
	harness_send(w.audit, &audit_writer_proto, IPC_SIDE_B, AUDIT_WRITER_KEPT,
		&(struct audit_writer_kept){.count = 1});
	(void)harness_recv(w.gate, &executor_gate_proto, IPC_SIDE_B, EXECUTOR_GATE_LABEL, &in);
	issue(&w, BODY, warrant);
	request(&w, 2, BODY, warrant);
	assert_int_equal(expect_end(&w)->rc, ERR_TIMEOUT);
	harness_quiet(w.gate, 0);
	line = harness_recv(w.audit, &audit_writer_proto, IPC_SIDE_B, AUDIT_WRITER_LINE, &in);
	assert_int_equal(line->event, AUDIT_BEGUN);
	line = harness_recv(w.audit, &audit_writer_proto, IPC_SIDE_B, AUDIT_WRITER_LINE, &in);
	assert_int_equal(line->event, AUDIT_REFUSED);
	assert_int_equal(line->reason, REASON_AUDIT);
	world_close(&w);
}

static void
refused(struct world *w, uint64_t id, const char *body, const uint8_t warrant[WARRANT_LEN],
	uint8_t reason)
{
	const struct audit_writer_line *line;

	request(w, id, body, warrant);
	assert_int_equal(expect_end(w)->rc, ERR_DENIED);
	line = harness_recv(w->audit, &audit_writer_proto, IPC_SIDE_B, AUDIT_WRITER_LINE, &in);
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
	issue(&w, BODY, warrant);
	warrant[WARRANT_LEN - 1] ^= 1;
	refused(&w, 2, BODY, warrant, REASON_WARRANT); /* forged */
	issue(&w, "{}", warrant);
	refused(&w, 3, BODY, warrant, REASON_WARRANT); /* for another body */
	issue(&w, "{\"a\":1}", warrant);
	/* good, but not what this row may ask */
	refused(&w, 4, "{\"a\":1}", warrant, REASON_DESTINATION);
	refused(&w, 5, "{\"a\":1}", warrant, REASON_WARRANT); /* the same again */
	world_close(&w);
}

static void
a_body_may_ask_for_words_only(void **state)
{
	static const char *const bad[] = {
		"[]",
		"not json",
		"{\"model\":\"m\",\"messages\":[],\"tools\":[{\"type\":\"web_search\"}]}",
		"{\"model\":\"m\",\"messages\":[],\"web_search_options\":{}}",
		"{\"model\":\"m\",\"messages\":[],\"plugins\":[]}",
		"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_"
		"url\",\"image_url\":{\"url\":\"http://evil.example/x\"}}]}]}",
		"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"file\"}"
		"]}]}",
		"{\"model\":\"m\",\"messages\":[],\"max_tokens\":1001}",
		"{\"model\":\"m\",\"messages\":[],\"max_completion_tokens\":-1}",
		"{\"model\":\"m\",\"messages\":[],\"messages\":[]}",
	};
	struct world w;
	uint8_t warrant[WARRANT_LEN];

	(void)state;
	world_open(&w);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		issue(&w, bad[i], warrant);
		refused(&w, i + 1, bad[i], warrant, REASON_DESTINATION);
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
	issue(&w, BODY, warrant);
	request(&w, 1, BODY, warrant);
	label_and_release(&w, "evil.example");
	assert_int_equal(expect_end(&w)->rc, ERR_DENIED);
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
	issue(&w, BODY, warrant);
	request(&w, 1, BODY, warrant);
	label_and_release(&w, "127.0.0.1");
	server = connect_for(&w);
	read_request(server, &got);
	respond(server, "HTTP/1.1 307 Temporary\r\nLocation: "
			"http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n");
	st = harness_wait(w.core, &core_egress_proto, IPC_SIDE_A, CORE_EGRESS_STATUS, &in);
	assert_int_equal(st->status, 307);
	(void)expect_end(&w);
	harness_quiet(w.dial, 50);
	issue(&w, BODY, warrant);
	request(&w, 2, BODY, warrant);
	label_and_release(&w, "127.0.0.1");
	buf_reset(&got);
	read_request(server, &got);
	respond(server, "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\nyour key: sk-secret-012");
	usleep(50000); /* in two parts: it straddles */
	respond(server, "3456789abcdef, is it not?                                  ");
	assert_int_equal(expect_end(&w)->rc, ERR_DENIED);
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
	issue(&w, BODY, warrant);
	request(&w, 1, BODY, warrant);
	harness_quiet(w.core, 100);
	w.vault = wire(&w, KIND_VAULT, 13);
	label_and_release(&w, "127.0.0.1");
	harness_quiet(w.core, 100);
	w.dial = wire(&w, KIND_DIAL, 14);
	server = connect_for(&w);
	read_request(server, &got);
	respond(server, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
	assert_int_equal(expect_end(&w)->rc, 0);
	close(server);
	close(w.vault);
	usleep(50000);
	issue(&w, BODY, warrant);
	request(&w, 2, BODY, warrant);
	(void)harness_recv(w.gate, &executor_gate_proto, IPC_SIDE_B, EXECUTOR_GATE_LABEL, &in);
	harness_send(w.gate, &executor_gate_proto, IPC_SIDE_B, EXECUTOR_GATE_LABELED,
		&(struct executor_gate_labeled){.run = 1, .call = 1});
	harness_quiet(w.core, PEER_WAIT_MS / 2);
	assert_int_equal(expect_end(&w)->rc, ERR_NOPEER);
	w.vault = wire(&w, KIND_VAULT, 15);
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
	issue(&w, BODY, warrant);
	request_tagged(&w, 1, BODY, warrant, ROW_TAG ^ 1);
	assert_int_equal(expect_end(&w)->rc, ERR_NOPEER);
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
		cmocka_unit_test(peers_that_start_are_waited_for),
		cmocka_unit_test(a_request_for_another_destination_is_not_ours),
	};

	assert_int_equal(argc, 2);
	program = argv[1];
	if (crypto_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
