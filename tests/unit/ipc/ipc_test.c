/* Tests of lib/ipc over the real message tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/mem.h"
#include "ipc/ipc.h"
#include "proto/child.def.h"
#include "proto/core_agent.h"
#include "proto/core_gate.h"
#include "proto/core_sandbox.h"
#include "proto/core_store.h"
#include "proto/edge_core.h"
#include "proto/ids.h"

#define CAUGHT_MAX 8192

struct side {
	struct ipc_chan *chan;
	unsigned got;
	int ended;
	uint64_t last;
	bool mute; /* answers would wait, more of them than a channel keeps */
};

static int
on_verdict(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct core_gate_verdict *msg = m;
	struct side *s = arg;

	(void)chan;
	s->got++;
	s->last = msg->call;
	return 0;
}

static int
on_judge(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct core_gate_judge *msg = m;
	struct side *s = arg;

	s->got++;
	s->last = msg->call;
	if (s->mute)
		return 0;
	return core_gate_verdict_send(
		chan, &(struct core_gate_verdict){
			      .run = msg->run, .call = msg->call, .verdict = VERDICT_ALLOW});
}

static void
on_end(struct ipc_chan *chan, int why, void *arg)
{
	struct side *s = arg;

	s->ended = why;
	ipc_chan_free(chan);
	s->chan = NULL;
}

static const struct ipc_handler core_handlers[] = {{CORE_GATE_VERDICT, on_verdict}};
static const struct ipc_handler gate_handlers[] = {{CORE_GATE_JUDGE, on_judge}};
static const struct ipc_ops core_ops = {.handlers = core_handlers, .n = 1, .on_end = on_end};
static const struct ipc_ops gate_ops = {.handlers = gate_handlers, .n = 1, .on_end = on_end};

struct pair {
	struct ev *ev;
	struct side core;
	struct side gate;
	int raw; /* core's end as a bare descriptor, when core has no channel */
};

static void
open_pair(struct pair *p, bool bare)
{
	int fds[2];

	*p = (struct pair){.ev = ev_new(), .raw = -1};
	assert_int_equal(ipc_pair(fds), 0);
	if (bare)
		p->raw = fds[0];
	else
		p->core.chan = ipc_chan_new(p->ev, fds[0], &core_gate_proto, IPC_SIDE_A,
			IPC_FULL_END, &core_ops, &p->core);
	p->gate.chan = ipc_chan_new(
		p->ev, fds[1], &core_gate_proto, IPC_SIDE_B, IPC_FULL_END, &gate_ops, &p->gate);
}

static void
close_pair(struct pair *p)
{
	ipc_chan_free(p->core.chan);
	ipc_chan_free(p->gate.chan);
	if (p->raw >= 0)
		close(p->raw);
	ev_free(p->ev);
}

static void
turns(struct pair *p, int n)
{
	for (int i = 0; i < n; i++)
		ev_turn(p->ev, 1);
}

static void
a_question_gets_its_answer(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p, false);
	assert_int_equal(
		core_gate_judge_send(p.core.chan, &(struct core_gate_judge){.run = 1, .call = 77}),
		0);
	turns(&p, 4);
	assert_int_equal(p.gate.got, 1);
	assert_int_equal(p.core.last, 77);
	close_pair(&p);
}

static void
more_than_the_socket_holds_is_queued_in_order(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p, false);
	for (uint64_t i = 1; i <= 5000; i++)
		assert_int_equal(core_gate_judge_send(p.core.chan,
					 &(struct core_gate_judge){.run = 1, .call = i}),
			0);
	for (int i = 0; i < 400 && p.core.got < 5000; i++)
		ev_turn(p.ev, 1);
	assert_int_equal(p.core.got, 5000);
	assert_int_equal(p.core.last, 5000);
	close_pair(&p);
}

static void
a_peer_that_never_reads_ends_its_channel_at_the_queue_limit(void **state)
{
	struct pair p;
	int rc = 0;
	size_t sent = 0;

	(void)state;
	open_pair(&p, false);
	ipc_chan_pause(p.gate.chan, true);
	while (rc == 0 && sent < 1000000) {
		rc = core_gate_judge_send(
			p.core.chan, &(struct core_gate_judge){.run = 1, .call = ++sent});
		assert_true(!ipc_chan_is_open(p.core.chan) ||
			    ipc_chan_queued(p.core.chan) <= IPC_QUEUE_MAX);
	}
	assert_int_equal(rc, ERR_FULL);
	turns(&p, 2);
	assert_int_equal(p.core.ended, ERR_FULL);
	close_pair(&p);
}

/* What waits costs more than its bytes: of the shortest messages there are no more than memory for IPC_QUEUE_MAX bytes holds. */
static void
many_short_messages_that_wait_are_no_more_memory_than_long_ones(void **state)
{
	static const struct ipc_ops nothing = {.on_end = on_end};
	struct side core = {0};
	struct ev *ev = ev_new();
	size_t before, most = 0;
	int fds[2];
	int rc = 0;

	(void)state;
	assert_int_equal(ipc_pair(fds), 0);
	core.chan =
		ipc_chan_new(ev, fds[0], &child_proto, IPC_SIDE_B, IPC_FULL_END, &nothing, &core);
	before = mallinfo2().uordblks;
	for (unsigned n = 0; n < 1000000 && rc == 0; n++) {
		rc = child_panic_send(core.chan, &(struct child_panic){});
		if (rc == 0)
			most = mallinfo2().uordblks - before;
	}
	assert_int_equal(rc, ERR_FULL);
	assert_true(most < IPC_QUEUE_MAX + IPC_QUEUE_MAX / 2);
	ev_turn(ev, 1);
	assert_int_equal(core.ended, ERR_FULL);
	close(fds[1]);
	ev_free(ev);
}

static void
send_raw(int fd, const void *bytes, size_t len)
{
	assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), len);
}

static void
expect_end(const void *bytes, size_t len, int want)
{
	struct pair p;

	open_pair(&p, true);
	send_raw(p.raw, bytes, len);
	turns(&p, 3);
	assert_int_equal(p.gate.got, 0);
	assert_int_equal(p.gate.ended, want);
	close_pair(&p);
}

static void
whatever_breaks_the_table_ends_the_channel(void **state)
{
	uint8_t buf[IPC_MSG_MAX];
	int fds[IPC_FDS_MAX];
	size_t nfds;
	const struct ipc_message *judge = ipc_message_find(&core_gate_proto, CORE_GATE_JUDGE);
	int len = ipc_encode(judge, &(struct core_gate_judge){.run = 1}, buf, fds, &nfds);

	(void)state;
	assert_true(len > 0);
	expect_end("x", 1, ERR_PROTO);               /* no id */
	expect_end("\xff\xff", 2, ERR_PROTO);        /* unknown id */
	expect_end(buf, (size_t)len - 1, ERR_PROTO); /* too short */
	expect_end(buf, (size_t)len + 1, ERR_PROTO); /* something behind the last field */
	for (int n = 2; n < len; n++)
		expect_end(buf, (size_t)n, ERR_PROTO); /* every cut */
	buf[0] = CORE_GATE_VERDICT;
	expect_end(buf, (size_t)len, ERR_PROTO); /* the other direction */
	buf[0] = CORE_GATE_RUN_OPEN;
	expect_end(buf, (size_t)len, ERR_PROTO); /* no row here for it */
}

static int
on_legal(struct ipc_chan *chan, const void *m, void *arg)
{
	struct side *s = arg;

	(void)chan;
	(void)m;
	s->got++;
	return 0;
}

/* The row of a message names the states in which it is legal; in every other it does not reach its handler. */
static void
a_message_out_of_its_state_ends_the_channel(void **state)
{
	static const struct ipc_handler rows[] = {{CORE_AGENT_FINISH, on_legal}};
	static const struct ipc_ops ops = {.handlers = rows, .n = 1, .on_end = on_end};
	static const uint8_t states[] = {IPC_S_NEW, IPC_S_IDLE, IPC_S_BUSY, IPC_S_OVER};
	uint32_t legal = ipc_message_find(&core_agent_proto, CORE_AGENT_FINISH)->states;

	(void)state;
	assert_int_equal(legal, IPC_S_BUSY);
	for (size_t i = 0; i < sizeof(states); i++) {
		struct side core = {0};
		struct ev *ev = ev_new();
		int fds[2];

		assert_int_equal(ipc_pair(fds), 0);
		core.chan = ipc_chan_new(
			ev, fds[0], &core_agent_proto, IPC_SIDE_A, IPC_FULL_END, &ops, &core);
		ipc_chan_set_state(core.chan, states[i]);
		assert_int_equal(
			ipc_sync_send(fds[1], &core_agent_proto, IPC_SIDE_B, CORE_AGENT_FINISH,
				&(struct core_agent_finish){.body = -1}),
			0);
		for (int n = 0; n < 3; n++)
			ev_turn(ev, 1);
		assert_int_equal(core.got, (states[i] & legal) != 0 ? 1 : 0);
		assert_int_equal(core.ended, (states[i] & legal) != 0 ? 0 : ERR_PROTO);
		ipc_chan_free(core.chan);
		close(fds[1]);
		ev_free(ev);
	}
}

static const struct ipc_field whole_fields[] = {{"data", IPC_BYTES, IPC_MSG_MAX}};
static const struct ipc_message whole_rows[] = {
	{"whole", 1, IPC_A_TO_B, IPC_S_ANY, 1000, whole_fields, 1, sizeof(struct span)}};
static const struct ipc_proto whole = {"whole", "a", "b", whole_rows, 1};

/* What the kernel cut off must not make a good message of a datagram that is none. */
static void
a_datagram_larger_than_the_largest_ends_the_channel(void **state)
{
	static const struct ipc_handler rows[] = {{1, on_legal}};
	static const struct ipc_ops ops = {.handlers = rows, .n = 1, .on_end = on_end};
	static const size_t lens[] = {IPC_MSG_MAX, IPC_MSG_MAX + 1, KIB(200)};
	static uint8_t datagram[KIB(200)] = {
		1, 0, (IPC_MSG_MAX - 6) & 0xff, (IPC_MSG_MAX - 6) >> 8};

	(void)state;
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct side b = {0};
		struct ev *ev = ev_new();
		struct ipc_received in;
		int fds[2];

		assert_int_equal(ipc_pair(fds), 0);
		b.chan = ipc_chan_new(ev, fds[1], &whole, IPC_SIDE_B, IPC_FULL_END, &ops, &b);
		send_raw(fds[0], datagram, lens[i]);
		for (int n = 0; n < 3; n++)
			ev_turn(ev, 1);
		assert_int_equal(b.got, i == 0 ? 1 : 0);
		assert_int_equal(b.ended, i == 0 ? 0 : ERR_PROTO);
		ipc_chan_free(b.chan);
		close(fds[0]);
		ev_free(ev);

		assert_int_equal(ipc_pair(fds), 0);
		send_raw(fds[0], datagram, lens[i]);
		assert_int_equal(ipc_sync_recv(fds[1], &whole, IPC_SIDE_B, 1000, &in),
			i == 0 ? 0 : ERR_PROTO);
		close(fds[0]);
		close(fds[1]);
	}
}

static void
an_uninvited_descriptor_ends_the_channel_and_is_closed(void **state)
{
	struct pair p;
	uint8_t buf[IPC_MSG_MAX];
	int fds[IPC_FDS_MAX];
	size_t nfds;
	int pipefd[2];
	char c;
	const struct ipc_message *judge = ipc_message_find(&core_gate_proto, CORE_GATE_JUDGE);
	int len = ipc_encode(judge, &(struct core_gate_judge){.run = 1}, buf, fds, &nfds);
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov = {.iov_base = buf, .iov_len = (size_t)len};
	struct msghdr mh = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control)};
	struct cmsghdr *cm = CMSG_FIRSTHDR(&mh);

	(void)state;
	open_pair(&p, true);
	assert_int_equal(pipe2(pipefd, O_CLOEXEC), 0);
	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cm), &pipefd[1], sizeof(int));
	assert_int_equal(sendmsg(p.raw, &mh, 0), len);
	close(pipefd[1]);
	turns(&p, 3);
	assert_int_equal(p.gate.ended, ERR_PROTO);
	assert_int_equal(read(pipefd[0], &c, 1), 0); /* the last writer is gone */
	close(pipefd[0]);
	close_pair(&p);
}

static int
on_any_prove(struct ipc_chan *chan, const void *m, void *arg)
{
	struct side *s = arg;

	(void)chan;
	(void)m;
	s->got++;
	return 0;
}

/* As fast as can be, so many that even a slow machine sends more than the row's in one second. */
static void
too_many_messages_a_second_end_the_channel(void **state)
{
	static const struct ipc_handler handlers[] = {{CORE_SANDBOX_PROVE, on_any_prove}};
	static const struct ipc_ops to = {.handlers = handlers, .n = 1, .on_end = on_end};
	const struct ipc_message *prove = ipc_message_find(&core_sandbox_proto, CORE_SANDBOX_PROVE);
	struct pair p = {.ev = ev_new(), .raw = -1};
	uint8_t buf[IPC_MSG_MAX];
	int fds[IPC_FDS_MAX];
	size_t nfds;
	int ends[2];
	int len = ipc_encode(prove, &(struct core_sandbox_prove){.req = 1}, buf, fds, &nfds);

	(void)state;
	assert_int_equal(ipc_pair(ends), 0);
	p.raw = ends[0];
	p.gate.chan = ipc_chan_new(
		p.ev, ends[1], &core_sandbox_proto, IPC_SIDE_B, IPC_FULL_END, &to, &p.gate);
	for (unsigned i = 0; i < prove->rate * 500 && p.gate.ended == 0; i++) {
		/* closed already, and its end not yet told? */
		if (send(p.raw, buf, (size_t)len, MSG_NOSIGNAL) != len)
			break;
		ev_turn(p.ev, 0);
	}
	turns(&p, 2);
	assert_int_equal(p.gate.ended, ERR_RATE);
	assert_true(p.gate.got >= prove->rate);
	close_pair(&p);
}

static int
on_prove(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct core_sandbox_prove *msg = m;
	struct side *s = arg;

	(void)chan;
	assert_int_equal(msg->req, s->last + 1);
	s->last = msg->req;
	s->got++;
	return 0;
}

/* Whoever is kept busy by a stranger is not taken for a compromised process. */
static void
what_is_sent_too_fast_waits_and_keeps_its_order(void **state)
{
	static const struct ipc_handler handlers[] = {{CORE_SANDBOX_PROVE, on_prove}};
	static const struct ipc_ops to = {.handlers = handlers, .n = 1, .on_end = on_end};
	static const struct ipc_ops from = {.on_end = on_end};
	struct pair p = {.ev = ev_new(), .raw = -1};
	uint32_t rate = ipc_message_find(&core_sandbox_proto, CORE_SANDBOX_PROVE)->rate;
	int fds[2];

	(void)state;
	assert_int_equal(ipc_pair(fds), 0);
	p.core.chan = ipc_chan_new(
		p.ev, fds[0], &core_sandbox_proto, IPC_SIDE_A, IPC_FULL_END, &from, &p.core);
	p.gate.chan = ipc_chan_new(
		p.ev, fds[1], &core_sandbox_proto, IPC_SIDE_B, IPC_FULL_END, &to, &p.gate);
	for (unsigned i = 1; i <= rate + 5; i++)
		assert_int_equal(core_sandbox_prove_send(
					 p.core.chan, &(struct core_sandbox_prove){.req = i}),
			0);
	assert_true(ipc_chan_queued(p.core.chan) > 0);
	while (p.gate.ended == 0 && p.core.ended == 0 && p.gate.got < rate + 5)
		ev_turn(p.ev, -1);
	assert_int_equal(p.gate.ended, 0);
	assert_int_equal(p.gate.got, rate + 5);
	assert_int_equal(ipc_chan_queued(p.core.chan), 0);
	close_pair(&p);
}

static void
values_of_ours_that_break_the_table_are_not_sent(void **state)
{
	struct pair p;
	uint8_t big[200] = {0};

	(void)state;
	open_pair(&p, false);
	assert_int_equal(core_gate_judge_send(p.core.chan, &(struct core_gate_judge){.effect = 16}),
		ERR_RANGE);
	assert_int_equal(core_gate_judge_send(
				 p.core.chan, &(struct core_gate_judge){.plan = span_of(big, 33)}),
		ERR_TOOBIG);
	assert_int_equal(
		core_gate_verdict_send(p.core.chan, &(struct core_gate_verdict){.verdict = 1}),
		ERR_STATE);
	close_pair(&p);
}

static void
a_body_must_be_sealed_and_small_enough(void **state)
{
	int sealed = ipc_body_seal(SPAN("hello"));
	int open_fd = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct span s;

	(void)state;
	assert_true(sealed >= 0);
	assert_int_equal(ipc_body_get(sealed, 5, &s), 0);
	assert_true(span_eq(s, SPAN("hello")));
	ipc_body_free(s);
	assert_int_equal(ipc_body_get(sealed, 4, &s), ERR_TOOBIG);
	assert_int_equal(write(sealed, "x", 1), -1);
	assert_int_equal(ipc_body_get(open_fd, 100, &s), ERR_PROTO);
	assert_int_equal(ipc_body_get(0, 100, &s), ERR_PROTO);
	close(sealed);
	close(open_fd);
}

/* Copied or mapped, wherever its descriptor's offset stands: 65536 bytes are the longest copy. */
static void
a_body_is_got_whole_whatever_its_length(void **state)
{
	static const size_t lens[] = {1, 16, 4064, 4080, 4096, 65535, 65536, 65537, 200000};
	static uint8_t bytes[200000];
	struct span got[sizeof(lens) / sizeof(lens[0])];
	size_t n = sizeof(lens) / sizeof(lens[0]);

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + i / 251);
	for (unsigned round = 0; round < 40; round++) {
		for (size_t i = 0; i < n; i++) {
			int fd = ipc_body_seal(span_of(bytes, lens[i]));

			assert_int_equal(lseek(fd, 3, SEEK_SET), 3);
			assert_int_equal(ipc_body_get(fd, sizeof(bytes), &got[i]), 0);
			close(fd);
		}
		for (size_t i = 0; i < n; i++) {
			assert_true(span_eq(got[i], span_of(bytes, lens[i])));
			ipc_body_free(got[i]);
		}
	}
}

/* Looked for where the next piece of that size lies: the C library gives out again what was freed last. */
static void
what_a_body_was_copied_to_is_wiped(void **state)
{
	static uint8_t bytes[1000];
	struct span s;
	uint8_t *again;
	int fd;

	(void)state;
	memset(bytes, 'k', sizeof(bytes));
	fd = ipc_body_seal(span_of(bytes, sizeof(bytes)));
	assert_int_equal(ipc_body_get(fd, sizeof(bytes), &s), 0);
	ipc_body_free(s);
	again = malloc(sizeof(bytes));
	assert_non_null(again);
	/* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult) */
	assert_null(memmem(again, sizeof(bytes), "kkkkkkkk", 8));
	free(again);
	close(fd);
}

/* Every message of every pair: zeroed is encodable where no descriptor is required, and decodes to the same. */
static void
every_message_of_every_pair_round_trips(void **state)
{
	(void)state;
	for (unsigned i = 0; i < peer_rows_n; i++) {
		const struct ipc_proto *proto = peer_abouts[i].proto;

		for (size_t k = 0; k < proto->n; k++) {
			const struct ipc_message *m = &proto->messages[k];
			union {
				uint64_t align;
				uint8_t bytes[IPC_STRUCT_MAX];
			} in = {0}, out;
			uint8_t buf[IPC_MSG_MAX];
			int fds[IPC_FDS_MAX];
			size_t nfds;
			int len = ipc_encode(m, in.bytes, buf, fds, &nfds);

			assert_int_equal(m->id, k + 1);
			assert_true(len > 0);
			assert_int_equal(ipc_decode(m, span_of(buf + 2, (size_t)len - 2), fds, nfds,
						 out.bytes),
				0);
		}
	}
}

static void
many_small_messages_travel_in_one(void **state)
{
	const struct ipc_message *row = ipc_message_find(&core_store_proto, CORE_STORE_ITEM);
	static struct ipc_pack pack;
	struct core_store_item item = {.text = SPAN("some words"), .body = -1};
	struct core_store_item got;
	struct span data;
	unsigned n = 0;
	unsigned seen = 0;
	int rc;

	(void)state;
	while ((rc = ipc_pack_put(&pack, row, &item)) == 0)
		item.id = ++n;
	assert_int_equal(rc, ERR_FULL);
	assert_true(n > 100 && pack.len <= IPC_PACK_MAX);
	data = span_of(pack.data, pack.len);
	while ((rc = ipc_pack_next(&data, row, &got)) == 1) {
		assert_true(got.id == seen++);
		assert_true(span_eq(got.text, item.text));
	}
	assert_int_equal(rc, 0);
	assert_int_equal(seen, n);
	for (size_t cut = 1; cut < 80; cut++) { /* of the first one */
		data = span_of(pack.data, cut);
		assert_int_equal(
			ipc_pack_next(&data, row, &got), pack.data[0] + 2u == cut ? 1 : ERR_PROTO);
	}
	data = span_of(pack.data, pack.len);
	assert_int_equal(
		ipc_pack_next(&data, ipc_message_find(&core_store_proto, CORE_STORE_DONE), &got),
		ERR_PROTO);
	pack.data[0]--; /* one byte less than the message has */
	data = span_of(pack.data, pack.len);
	assert_int_equal(ipc_pack_next(&data, row, &got), ERR_PROTO);
	pack.data[0] = pack.data[1] = 0;
	data = span_of(pack.data, pack.len);
	assert_int_equal(ipc_pack_next(&data, row, &got), ERR_PROTO);
	pack.len = 0;
	item.body = 1;
	assert_int_equal(ipc_pack_put(&pack, row, &item), ERR_UNSUPPORTED);
	assert_int_equal(pack.len, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_question_gets_its_answer),
		cmocka_unit_test(more_than_the_socket_holds_is_queued_in_order),
		cmocka_unit_test(a_peer_that_never_reads_ends_its_channel_at_the_queue_limit),
		cmocka_unit_test(many_short_messages_that_wait_are_no_more_memory_than_long_ones),
		cmocka_unit_test(whatever_breaks_the_table_ends_the_channel),
		cmocka_unit_test(a_message_out_of_its_state_ends_the_channel),
		cmocka_unit_test(a_datagram_larger_than_the_largest_ends_the_channel),
		cmocka_unit_test(an_uninvited_descriptor_ends_the_channel_and_is_closed),
		cmocka_unit_test(too_many_messages_a_second_end_the_channel),
		cmocka_unit_test(what_is_sent_too_fast_waits_and_keeps_its_order),
		cmocka_unit_test(values_of_ours_that_break_the_table_are_not_sent),
		cmocka_unit_test(a_body_must_be_sealed_and_small_enough),
		cmocka_unit_test(what_a_body_was_copied_to_is_wiped),
		cmocka_unit_test(a_body_is_got_whole_whatever_its_length),
		cmocka_unit_test(every_message_of_every_pair_round_trips),
		cmocka_unit_test(many_small_messages_travel_in_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
