#include "egress_kit.h"

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
#include "proto/audit_writer.h"
#include "proto/egress_dial.h"
#include "proto/egress_vault.h"
#include "proto/executor_gate.h"

const char *world_program;
struct ipc_received world_in;
struct span world_model = SPAN("m");
static const uint8_t key[WARRANT_KEY_LEN] = {42};

static uint64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

int
world_wire(struct world *w, uint8_t kind, uint64_t incarnation)
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
	args_out_cstr(&out, "row.3.path", "/v1");
	args_out_u64(&out, "row.3.api", PROVIDER_OPENAI);
	args_out_bool(&out, "row.3.local", true);
	args_out_u64(&out, "row.3.maxTokens", 1000);
	args_out_cstr(&out, "row.3.models", "m\nother/m2");
	assert_int_equal(args_out_done(&out), 0);
	fd = ipc_body_seal(buf_span(&b));
	buf_clear(&b);
	return fd;
}

void
world_open(struct world *w)
{
	const uint64_t words[4] = {42, 0, 0, 0};
	int fds[2];
	int slice;

	*w = (struct world){0};
	listen_here(w);
	w->zygote = harness_new(world_program, "zygote",
		&(struct harness_options){.kind = KIND_EGRESS_ZYGOTE, .has_clock = true});
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
	(void)harness_recv(w->control, &child_proto, IPC_SIDE_A, CHILD_READY, &world_in);
	harness_send(w->control, &child_proto, IPC_SIDE_A, CHILD_KEY,
		&(struct child_key){.kind = KIND_GATE, .incarnation = 1, .k0 = words[0]});
	w->core = world_wire(w, KIND_CORE, 2);
	w->gate = world_wire(w, KIND_GATE, 1);
	w->vault = world_wire(w, KIND_VAULT, 3);
	w->dial = world_wire(w, KIND_DIAL, 4);
	w->audit = harness_keep(world_wire(w, KIND_AUDIT, 5));
	harness_send(w->control, &child_proto, IPC_SIDE_A, CHILD_START, &(struct child_start){});
}

void
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

void
world_issue(struct world *w, const char *body, uint8_t out[WARRANT_LEN])
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
	struct span parts[3];

	warrant_number(3, row);
	parts[0] = span_of(row, sizeof(row));
	parts[1] = world_model;
	parts[2] = span_from_cstr(body);
	warrant_dest(DEST_PROVIDER, span_of(row, sizeof(row)), want.dest);
	warrant_plan(0, parts, 3, want.plan);
	warrant_issue(key, &want, out);
}

void
world_request_tagged(struct world *w, uint64_t id, const char *body,
	const uint8_t warrant[WARRANT_LEN], uint64_t tag)
{
	int fd = harness_seal(span_from_cstr(body));

	harness_send(w->core, &core_egress_proto, IPC_SIDE_A, CORE_EGRESS_REQUEST,
		&(struct core_egress_request){.id = id,
			.run = 1,
			.call = 1,
			.warrant = span_of(warrant, WARRANT_LEN),
			.row = 3,
			.tag = tag,
			.model = world_model,
			.body = fd});
	close(fd);
}

void
world_request(struct world *w, uint64_t id, const char *body, const uint8_t warrant[WARRANT_LEN])
{
	world_request_tagged(w, id, body, warrant, ROW_TAG);
}

void
world_release(struct world *w, const char *host)
{
	const struct executor_gate_label *l = harness_recv(
		w->gate, &executor_gate_proto, IPC_SIDE_B, EXECUTOR_GATE_LABEL, &world_in);

	harness_send(w->gate, &executor_gate_proto, IPC_SIDE_B, EXECUTOR_GATE_LABELED,
		&(struct executor_gate_labeled){.run = l->run, .call = l->call});
	const struct egress_vault_release *r = harness_recv(
		w->vault, &egress_vault_proto, IPC_SIDE_B, EGRESS_VAULT_RELEASE, &world_in);

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

int
world_connect(struct world *w)
{
	const struct egress_dial_connect *c = harness_recv(
		w->dial, &egress_dial_proto, IPC_SIDE_B, EGRESS_DIAL_CONNECT, &world_in);
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

void
world_read(int server, struct buf *out)
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

void
world_respond(int server, const char *text)
{
	assert_int_equal(write(server, text, strlen(text)), strlen(text));
}

const struct core_egress_end *
world_end(struct world *w)
{
	return harness_wait(w->core, &core_egress_proto, IPC_SIDE_A, CORE_EGRESS_END, &world_in);
}
