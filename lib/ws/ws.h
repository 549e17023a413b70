/*
 * WebSocket frames, both sides (RFC 6455). No extensions: the reserved bits must be zero. The
 * decoder works inside the caller's receive buffer: payloads are unmasked where they lie, fragments
 * are moved together, nothing is allocated.
 */
#ifndef WS_WS_H
#define WS_WS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/mem.h"

enum ws_role {
	WS_SERVER, /* reads masked frames only, writes unmasked ones */
	WS_CLIENT, /* the other way round */
};

enum ws_opcode {
	WS_CONTINUATION = 0,
	WS_TEXT = 1,
	WS_BINARY = 2,
	WS_CLOSE = 8,
	WS_PING = 9,
	WS_PONG = 10,
};

/* Close codes (RFC 6455, 7.4.1, and the IANA registry). */
enum ws_code {
	WS_CODE_NORMAL = 1000,
	WS_CODE_GOING_AWAY = 1001,
	WS_CODE_PROTOCOL = 1002,
	WS_CODE_UNSUPPORTED = 1003,
	WS_CODE_NONE = 1005, /* a close frame without a code; never sent */
	WS_CODE_INVALID = 1007,
	WS_CODE_POLICY = 1008,
	WS_CODE_TOOBIG = 1009,
	WS_CODE_INTERNAL = 1011,
	WS_CODE_RESTART = 1012,
	WS_CODE_LATER = 1013,
};

#define WS_HEAD_MAX 14     /* bytes of the longest frame header */
#define WS_CONTROL_MAX 125 /* bytes of a control frame's payload */
#define WS_ACCEPT_LEN 28   /* characters of Sec-WebSocket-Accept */
#define WS_REASON_MAX (WS_CONTROL_MAX - 2)

/*
 * The receive buffer's max must be at least this for messages of max bytes: while fragments are
 * collected a control frame may have to fit behind them.
 */
#define WS_BUFFER_MAX(max) ((size_t)(max) + WS_HEAD_MAX + WS_HEAD_MAX + WS_CONTROL_MAX)

struct ws_event {
	enum ws_opcode kind; /* WS_TEXT, WS_BINARY, WS_PING, WS_PONG, WS_CLOSE */
	struct span data;    /* the whole message; for WS_CLOSE the reason, valid UTF-8 */
	uint16_t code;       /* WS_CLOSE: the peer's code, WS_CODE_NONE without one */
};

/* State of one direction of one connection. */
struct ws_decoder {
	enum ws_role role;
	size_t max;      /* bytes of one message; may be raised between messages */
	size_t start;    /* where the message being collected starts in the buffer */
	size_t held;     /* its bytes so far, unmasked */
	size_t checked;  /* of them known to be UTF-8 */
	size_t pos;      /* next byte not looked at */
	uint64_t left;   /* payload bytes still to come of the present frame */
	uint32_t frames; /* frames of the message so far; 0: no message */
	uint16_t code;   /* after ERR_PROTO: the close code to send */
	uint8_t key[4];  /* mask, turned to the next byte */
	uint8_t opcode;  /* of the message */
	bool in_frame;   /* inside a data frame's payload */
	bool fin;        /* which is the message's last one */
	bool closed;     /* the peer's close frame has been seen */
};

void ws_decoder_init(struct ws_decoder *d, enum ws_role role, size_t max);

/*
 * The next event in what is collected in *in. Append received bytes to *in between calls; change
 * nothing else in it: what is used up is dropped by the decoder. ev->data points into *in until the
 * next call or append. 0: *ev. ERR_AGAIN: receive more (the bytes still needed fit into
 * WS_BUFFER_MAX(d->max)). ERR_CLOSED: after a close event, always; what follows it is ignored.
 * ERR_PROTO: send close with d->code (1002 protocol, 1007 not UTF-8, 1008 more than
 * WS_FRAGMENTS_MAX frames, 1009 longer than max: said on seeing the header, before the payload) and
 * end.
 */
int ws_decode(struct ws_decoder *d, struct buf *in, struct ws_event *ev);

/*
 * Writes a frame header for a payload of len bytes to out; returns its length. key: NULL for a
 * server; a client's fresh random mask, to be applied with ws_mask(payload, len, key).
 */
size_t ws_head_format(uint8_t out[WS_HEAD_MAX], enum ws_opcode opcode, bool fin, uint64_t len,
	const uint8_t *key);

/* Exclusive or with the key, repeated from its first byte on: masks and unmasks. */
void ws_mask(uint8_t *p, size_t len, const uint8_t key[4]);

/* Appends a whole unfragmented frame. ERR_TOOBIG (*out as before), ERR_RANGE for a control payload
 * over 125 bytes. */
int ws_put(struct buf *out, enum ws_opcode opcode, struct span payload, const uint8_t *key);

/*
 * Appends a close frame; code WS_CODE_NONE for one without a code (and reason). The reason is cut
 * to WS_REASON_MAX bytes at a character's end. ERR_RANGE for a code that must not be sent,
 * ERR_UTF8, ERR_TOOBIG.
 */
int ws_put_close(struct buf *out, uint16_t code, struct span reason, const uint8_t *key);

/* May the code stand in a close frame? (1000-1003, 1007-1014, 3000-4999) */
bool ws_code_is_valid(uint16_t code);

/* Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455, 4.2.2), no NUL behind it. ERR_RANGE
 * unless the key has 24 characters. */
int ws_accept_key(struct span key, char out[WS_ACCEPT_LEN]);

#endif
