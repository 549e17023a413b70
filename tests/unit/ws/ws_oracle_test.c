/*
 * Random sequences of frames, valid and damaged, through ours and wslay: the same messages and the
 * same close code. Where ours is stricter or newer on purpose the generator keeps away: codes 1012
 * to 1014 and more fragments than WS_FRAGMENTS_MAX; and which of two faults in one sequence is seen
 * first may differ, so each sequence has at most one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <wslay/wslay.h>

#include "base/err.h"
#include "ws/ws.h"

#define MSG_MAX 4096
#define ROUNDS 20000

static uint64_t seed = 0x9e3779b97f4a7c15u;

/* xorshift64*: the same sequences in every run */
static uint32_t
rnd(uint32_t below)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (uint32_t)((seed * 0x2545f4914f6cdd1du) >> 33) % below;
}

static void
put_frame(struct buf *b, unsigned b0, struct span payload, bool masked)
{
	uint8_t head[WS_HEAD_MAX];
	uint8_t key[4] = {
		(uint8_t)rnd(256), (uint8_t)rnd(256), (uint8_t)rnd(256), (uint8_t)rnd(256)};
	size_t n = ws_head_format(head, WS_CONTINUATION, false, payload.len, masked ? key : NULL);
	size_t at;

	head[0] = (uint8_t)b0;
	buf_put(b, span_of(head, n));
	at = b->len;
	buf_put(b, payload);
	if (masked)
		ws_mask(b->ptr + at, payload.len, key);
}

static void
random_payload(struct buf *p, bool text, size_t max)
{
	static const char *const pieces[] = {
		"a", "hello world, hello world", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
	size_t want = rnd(4) == 0 ? rnd((uint32_t)max) : rnd(130);

	buf_reset(p);
	while (p->len < want && p->len + 32 < max) {
		if (text)
			buf_put_cstr(p, pieces[rnd(5)]);
		else
			buf_put_u8(p, (uint8_t)rnd(256));
	}
}

static void
put_control(struct buf *b, bool masked)
{
	uint8_t p[125];
	size_t len = rnd(126);

	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)rnd(256);
	put_frame(b, 0x80 | (rnd(2) == 0 ? WS_PING : WS_PONG), span_of(p, len), masked);
}

static void
put_message(struct buf *b, bool masked)
{
	struct buf p = {.max = MSG_MAX};
	bool text = rnd(2) == 0;
	unsigned opcode = text ? WS_TEXT : WS_BINARY;
	struct span rest;

	random_payload(&p, text, MSG_MAX);
	rest = buf_span(&p);
	while (rnd(3) == 0) {
		size_t n = rnd((uint32_t)rest.len + 1);

		put_frame(b, opcode, span_sub(rest, 0, n), masked);
		rest = span_sub(rest, n, rest.len);
		opcode = WS_CONTINUATION;
		if (rnd(4) == 0)
			put_control(b, masked);
	}
	put_frame(b, 0x80 | opcode, rest, masked);
	buf_clear(&p);
}

static void
put_close(struct buf *b, bool masked)
{
	uint8_t p[2];
	unsigned code = rnd(3) == 0 ? 900 + rnd(120) : rnd(2) == 0 ? 1000 : 2990 + rnd(2030);

	if (code >= 1012 && code <= 1014)
		code = 1011;
	p[0] = (uint8_t)(code >> 8);
	p[1] = (uint8_t)code;
	put_frame(b, 0x80 | WS_CLOSE, span_of(p, rnd(5) == 0 ? 0 : 2), masked);
}

static void
record(struct buf *out, unsigned kind, unsigned code, struct span data)
{
	buf_put_fmt(out, "%u %u %zu:", kind, code, data.len);
	buf_put(out, data);
	buf_put_u8(out, '\n');
}

static unsigned
run_ours(struct buf *out, enum ws_role role, struct span in)
{
	struct buf b = {.max = MIB(4u)};
	struct ws_decoder d;
	struct ws_event ev;
	int rc;

	ws_decoder_init(&d, role, MSG_MAX);
	buf_put(&b, in);
	while ((rc = ws_decode(&d, &b, &ev)) == 0)
		record(out, ev.kind, ev.kind == WS_CLOSE && ev.code != WS_CODE_NONE ? ev.code : 0,
			ev.data);
	buf_clear(&b);
	return rc == ERR_PROTO ? d.code : 0;
}

/* What wslay is fed and what it made of it. */
struct oracle {
	struct span in;
	struct buf *out;
	struct buf sent;
};

static ssize_t
oracle_recv(wslay_event_context_ptr ctx, uint8_t *p, size_t len, int flags, void *arg)
{
	struct oracle *o = arg;

	(void)flags;
	if (o->in.len == 0) {
		wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	if (len > o->in.len)
		len = o->in.len;
	memcpy(p, o->in.ptr, len);
	o->in = span_sub(o->in, len, o->in.len);
	return (ssize_t)len;
}

static ssize_t
oracle_send(wslay_event_context_ptr ctx, const uint8_t *p, size_t len, int flags, void *arg)
{
	struct oracle *o = arg;

	(void)ctx;
	(void)flags;
	buf_put(&o->sent, span_of(p, len));
	return (ssize_t)len;
}

static int
oracle_mask(wslay_event_context_ptr ctx, uint8_t *p, size_t len, void *arg)
{
	(void)ctx;
	(void)arg;
	memset(p, 0, len);
	return 0;
}

static void
oracle_msg(wslay_event_context_ptr ctx, const struct wslay_event_on_msg_recv_arg *m, void *arg)
{
	struct oracle *o = arg;
	struct span data = span_of(m->msg, m->msg_length);

	(void)ctx;
	if (m->opcode == WSLAY_CONNECTION_CLOSE)
		data = span_sub(data, 2, data.len);
	record(o->out, m->opcode, m->opcode == WSLAY_CONNECTION_CLOSE ? m->status_code : 0, data);
}

/* The close code in what wslay wanted to send, when it did so of itself. */
static unsigned
run_oracle(struct buf *out, enum ws_role role, struct span in)
{
	static const struct wslay_event_callbacks callbacks = {.recv_callback = oracle_recv,
		.send_callback = oracle_send,
		.genmask_callback = oracle_mask,
		.on_msg_recv_callback = oracle_msg};
	struct oracle o = {.in = in, .out = out, .sent = {.max = MIB(4u)}};
	wslay_event_context_ptr ctx;
	unsigned code = 0;
	int rc;

	rc = role == WS_SERVER ? wslay_event_context_server_init(&ctx, &callbacks, &o)
			       : wslay_event_context_client_init(&ctx, &callbacks, &o);
	assert_int_equal(rc, 0);
	wslay_event_config_set_max_recv_msg_length(ctx, MSG_MAX);
	do
		rc = wslay_event_recv(ctx);
	while (rc == 0 && o.in.len > 0 && wslay_event_get_read_enabled(ctx) != 0);
	if (rc == WSLAY_ERR_CALLBACK_FAILURE) {
		/* so it reports faults of a single frame's header; the callbacks here never fail */
		code = WS_CODE_PROTOCOL;
	} else if (wslay_event_get_close_received(ctx) == 0 &&
		   wslay_event_get_read_enabled(ctx) == 0) {
		assert_int_equal(rc, 0);
		wslay_event_send(ctx);
		code = wslay_event_get_status_code_sent(ctx);
	}
	wslay_event_context_free(ctx);
	buf_clear(&o.sent);
	return code;
}

/* One fault in the last frame or none. */
static void
put_fault(struct buf *b, bool masked)
{
	static const unsigned bad_first[] = {
		0x83, 0x87, 0x8b, 0x8f, 0xc1, 0xa2, 0x91, 0x09, 0x0a, 0x08, 0x80, 0x00};
	struct buf big = {.max = 2 * MSG_MAX};

	switch (rnd(6)) {
	case 0:
		put_frame(b, bad_first[rnd(12)], SPAN("x"), masked);
		break;
	case 1:
		put_frame(b, 0x81, SPAN("ab\xff"), masked);
		break;
	case 2:
		put_frame(b, 0x81, SPAN("ab\xe2\x82"), masked);
		break;
	case 3:
		while (big.len <= MSG_MAX)
			buf_put_u8(&big, 'x');
		put_frame(b, 0x82, buf_span(&big), masked);
		break;
	case 4:
		put_frame(b, 0x01, SPAN("ab"), masked);
		put_frame(b, 0x82, SPAN("cd"), masked);
		break;
	default:
		put_frame(b, 0x88, SPAN("\x03\xe8\xff"), masked);
	}
	buf_clear(&big);
}

static struct {
	unsigned code;
	unsigned seen;
} verdicts[] = {{0, 0}, {WS_CODE_PROTOCOL, 0}, {WS_CODE_INVALID, 0}, {WS_CODE_TOOBIG, 0}};

static void
print_tail(const char *what, struct span s)
{
	s = span_sub(s, s.len < 40 ? 0 : s.len - 40, 40);
	print_error("%s ...", what);
	for (size_t i = 0; i < s.len; i++)
		print_error(" %02x", s.ptr[i]);
	print_error("\n");
}

static void
compare(enum ws_role role, struct span in, uint32_t round, bool is_flipped)
{
	struct buf ours = {.max = MIB(4u)};
	struct buf theirs = {.max = MIB(4u)};
	unsigned our_code = run_ours(&ours, role, in);
	unsigned their_code = run_oracle(&theirs, role, in);

	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
		verdicts[i].seen += verdicts[i].code == our_code;
	/* a flipped bit may make two faults of one frame; either code is right */
	if (is_flipped && our_code != 0 && their_code != 0)
		their_code = our_code;
	/* wslay takes a close frame of one byte for one without a code */
	if (is_flipped && our_code == WS_CODE_PROTOCOL &&
		span_ends_with(buf_span(&theirs), SPAN("8 0 0:\n"))) {
		theirs.len -= SPAN("8 0 0:\n").len;
		their_code = WS_CODE_PROTOCOL;
	}
	if (our_code != their_code || !span_eq(buf_span(&ours), buf_span(&theirs))) {
		print_tail("input", in);
		print_tail("ours", buf_span(&ours));
		print_tail("theirs", buf_span(&theirs));
		fail_msg("round %u: ours %u, wslay %u", round, our_code, their_code);
	}
	buf_clear(&ours);
	buf_clear(&theirs);
}

static void
valid_and_damaged_sequences_get_the_same_verdict(void **state)
{
	struct buf b = {.max = MIB(4u)};

	(void)state;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		enum ws_role role = rnd(2) == 0 ? WS_SERVER : WS_CLIENT;
		bool masked = role == WS_SERVER;
		bool is_flipped;

		buf_reset(&b);
		for (uint32_t n = rnd(6); n > 0; n--) {
			if (rnd(4) == 0)
				put_control(&b, masked);
			else
				put_message(&b, masked);
		}
		switch (rnd(4)) {
		case 0:
			put_fault(&b, masked);
			break;
		case 1:
			put_close(&b, masked);
			break;
		case 2:
			put_frame(&b, 0x81, SPAN("x"), !masked);
			break;
		default:
			break;
		}
		is_flipped = b.len > 0 && rnd(4) == 0;
		if (is_flipped) {
			b.ptr[rnd((uint32_t)b.len)] ^= (uint8_t)(1u << rnd(8));
			/* complete every frame: which of the two sees a fault earlier is no verdict
			 */
			for (size_t i = 0; i < 2 * MSG_MAX; i++)
				buf_put_u8(&b, 'A');
		}
		compare(role, buf_span(&b), round, is_flipped);
	}
	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
		assert_true(verdicts[i].seen > ROUNDS / 100);
	buf_clear(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_and_damaged_sequences_get_the_same_verdict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
