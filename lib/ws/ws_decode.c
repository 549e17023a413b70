/*
 * The buffer while a message is collected:
 *
 *   | dropped | message so far (start, held) | gap of headers | not looked at (pos) |
 *
 * A message in one frame never moves. Later fragments are moved down to the message's end. What is
 * dropped and the gap are closed only before more bytes are asked for, so that many small messages
 * in one read cost one move.
 */
#include "ws/ws.h"

#include <string.h>

#include "base/err.h"
#include "base/utf8.h"
#include "base/weak.h"

/* A frame header as it stands in the buffer. */
struct head {
	uint64_t len;
	size_t n; /* its own bytes */
	uint8_t opcode;
	bool fin;
	uint8_t key[4];
};

void
ws_decoder_init(struct ws_decoder *d, enum ws_role role, size_t max)
{
	*d = (struct ws_decoder){.role = role, .max = max};
}

static int
fail(struct ws_decoder *d, enum ws_code code)
{
	d->code = (uint16_t)code;
	return ERR_PROTO;
}

/* Closes the gaps; the next event needs more bytes. */
static int
want_more(struct ws_decoder *d, struct buf *in)
{
	size_t rest = in->len - d->pos;

	if (d->start > 0 && d->held > 0)
		memmove(in->ptr, in->ptr + d->start, d->held);
	if (d->pos > d->held && rest > 0)
		memmove(in->ptr + d->held, in->ptr + d->pos, rest);
	d->start = 0;
	d->pos = d->held;
	in->len = d->held + rest;
	return ERR_AGAIN;
}

static bool
is_control(uint8_t opcode)
{
	return opcode >= WS_CLOSE;
}

/* The first two bytes say enough to refuse most of what is wrong. 0 or ERR_PROTO. */
static int
check_first_bytes(struct ws_decoder *d, uint8_t b0, uint8_t b1)
{
	uint8_t opcode = b0 & 0x0f;
	uint8_t len = b1 & 0x7f;
	bool fin = (b0 & 0x80) != 0;
	bool known = opcode <= WS_BINARY || (opcode >= WS_CLOSE && opcode <= WS_PONG);

	if ((b0 & 0x70) != 0 || !known || ((b1 & 0x80) != 0) != (d->role == WS_SERVER))
		return fail(d, WS_CODE_PROTOCOL);
	if (is_control(opcode))
		return fin && len <= WS_CONTROL_MAX ? 0 : fail(d, WS_CODE_PROTOCOL);
	if ((opcode == WS_CONTINUATION) != (d->frames > 0))
		return fail(d, WS_CODE_PROTOCOL);
	return 0;
}

/* 0, ERR_AGAIN (nothing consumed) or ERR_PROTO. */
static int
read_head(struct ws_decoder *d, struct span s, struct head *h)
{
	size_t wide;
	size_t mask = d->role == WS_SERVER ? 4 : 0;

	if (s.len < 2)
		return ERR_AGAIN;
	if (check_first_bytes(d, s.ptr[0], s.ptr[1]) < 0)
		return ERR_PROTO;
	h->opcode = s.ptr[0] & 0x0f;
	h->fin = (s.ptr[0] & 0x80) != 0;
	h->len = s.ptr[1] & 0x7f;
	wide = h->len == 126 ? 2 : h->len == 127 ? 8 : 0;
	h->n = 2 + wide + mask;
	if (s.len < 2 + wide)
		return ERR_AGAIN;
	if (wide > 0) {
		h->len = 0;
		for (size_t i = 0; i < wide; i++)
			h->len = h->len << 8 | s.ptr[2 + i];
		if (h->len < (wide == 2 ? 126u : 65536u) || h->len >> 63 != 0)
			return fail(d, WS_CODE_PROTOCOL);
	}
	if (!is_control(h->opcode) && (d->held > d->max || h->len > d->max - d->held))
		return fail(d, WS_CODE_TOOBIG);
	if (!is_control(h->opcode) && d->frames == WS_FRAGMENTS_MAX && !WEAK(WS_FRAGMENTS))
		return fail(d, WS_CODE_POLICY);
	if (s.len < h->n)
		return ERR_AGAIN;
	memset(h->key, 0, sizeof(h->key));
	if (mask > 0)
		memcpy(h->key, s.ptr + 2 + wide, sizeof(h->key));
	return 0;
}

static int
read_close(struct ws_decoder *d, struct span payload, struct ws_event *ev)
{
	ev->code = WS_CODE_NONE;
	ev->data = SPAN_EMPTY;
	if (payload.len == 1)
		return fail(d, WS_CODE_PROTOCOL);
	if (payload.len >= 2) {
		ev->code = (uint16_t)(payload.ptr[0] << 8 | payload.ptr[1]);
		ev->data = span_sub(payload, 2, payload.len);
		if (!ws_code_is_valid(ev->code))
			return fail(d, WS_CODE_PROTOCOL);
		if (!utf8_is_valid(ev->data))
			return fail(d, WS_CODE_INVALID);
	}
	d->closed = true;
	return 0;
}

static int
read_control(struct ws_decoder *d, struct buf *in, const struct head *h, struct ws_event *ev)
{
	uint8_t *payload = in->ptr + d->pos + h->n;
	size_t len = (size_t)h->len;

	if (in->len - d->pos - h->n < len)
		return ERR_AGAIN;
	ws_mask(payload, len, h->key);
	d->pos += h->n + len;
	ev->kind = (enum ws_opcode)h->opcode;
	ev->data = span_of(payload, len);
	ev->code = 0;
	return ev->kind == WS_CLOSE ? read_close(d, ev->data, ev) : 0;
}

static void
start_frame(struct ws_decoder *d, const struct head *h)
{
	d->pos += h->n;
	if (d->frames == 0) {
		d->opcode = h->opcode;
		d->start = d->pos;
		d->held = 0;
		d->checked = 0;
	}
	d->frames++;
	d->left = h->len;
	d->fin = h->fin;
	d->in_frame = true;
	memcpy(d->key, h->key, sizeof(d->key));
}

/* Length of the ASCII bytes at the start of s, eight at a time. */
static size_t
ascii_len(struct span s)
{
	uint64_t v;
	size_t i = 0;

	for (; s.len - i >= sizeof(v); i += sizeof(v)) {
		memcpy(&v, s.ptr + i, sizeof(v));
		if ((v & 0x8080808080808080u) != 0)
			break;
	}
	while (i < s.len && s.ptr[i] < 0x80)
		i++;
	return i;
}

/* Could s (not a whole character) become one? The lowest or the highest continuation always fits
 * where any does. */
static bool
is_char_start(struct span s)
{
	uint8_t low[4] = {0x80, 0x80, 0x80, 0x80};
	uint8_t high[4] = {0xbf, 0xbf, 0xbf, 0xbf};
	uint32_t cp;

	if (s.len >= sizeof(low))
		return false;
	memcpy(low, s.ptr, s.len);
	memcpy(high, s.ptr, s.len);
	return utf8_decode(span_of(low, sizeof(low)), &cp) > s.len ||
	       utf8_decode(span_of(high, sizeof(high)), &cp) > s.len;
}

/* Looks at the new bytes; the start of a character stays unchecked until the rest is there. */
static bool
check_text(struct ws_decoder *d, const struct buf *in, bool end)
{
	struct span s = span_of(in->ptr + d->start + d->checked, d->held - d->checked);
	uint32_t cp;
	size_t n;

	while (s.len > 0) {
		n = ascii_len(s);
		if (n == 0)
			n = utf8_decode(s, &cp);
		if (n == 0)
			return !end && is_char_start(s);
		d->checked += n;
		s = span_sub(s, n, s.len);
	}
	return true;
}

/* Takes what is there of the present data frame's payload to the message. */
static void
take_payload(struct ws_decoder *d, struct buf *in)
{
	uint8_t key[8];
	uint8_t *to = in->ptr + d->start + d->held;
	uint8_t *from = in->ptr + d->pos;
	size_t n = in->len - d->pos;

	if (n > d->left)
		n = (size_t)d->left;
	if (n == 0)
		return;
	if (d->role == WS_SERVER)
		ws_mask(from, n, d->key);
	if (to != from)
		memmove(to, from, n);
	memcpy(key, d->key, 4);
	memcpy(key + 4, d->key, 4);
	memcpy(d->key, key + (n & 3), 4);
	d->held += n;
	d->pos += n;
	d->left -= n;
}

/* 1: an event is there; 0: look for the next frame; else an error. */
static int
read_payload(struct ws_decoder *d, struct buf *in, struct ws_event *ev)
{
	bool end;

	take_payload(d, in);
	end = d->left == 0 && d->fin;
	if (d->opcode == WS_TEXT && !check_text(d, in, end))
		return fail(d, WS_CODE_INVALID);
	if (d->left > 0)
		return ERR_AGAIN;
	d->in_frame = false;
	if (!end)
		return 0;
	ev->kind = (enum ws_opcode)d->opcode;
	ev->data = span_of(in->ptr + d->start, d->held);
	ev->code = 0;
	d->frames = 0;
	d->start = d->pos;
	d->held = 0;
	return 1;
}

int
ws_decode(struct ws_decoder *d, struct buf *in, struct ws_event *ev)
{
	struct head h;
	int rc;

	while (d->code == 0 && !d->closed) {
		if (!d->in_frame) {
			rc = read_head(d, span_of(in->ptr + d->pos, in->len - d->pos), &h);
			if (rc == 0 && is_control(h.opcode)) {
				rc = read_control(d, in, &h, ev);
				if (rc == 0)
					return 0;
			}
			if (rc < 0)
				return rc == ERR_AGAIN ? want_more(d, in) : rc;
			start_frame(d, &h);
		}
		rc = read_payload(d, in, ev);
		if (rc == 1)
			return 0;
		if (rc < 0)
			return rc == ERR_AGAIN ? want_more(d, in) : rc;
	}
	return d->code != 0 ? ERR_PROTO : ERR_CLOSED;
}
