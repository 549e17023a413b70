#include "ws/ws.h"

#include <string.h>

#include "base/err.h"
#include "base/utf8.h"

#define FIN_BIT 0x80u
#define MASK_BIT 0x80u

void
ws_mask(uint8_t *p, size_t len, const uint8_t key[4])
{
	uint64_t wide;
	uint64_t v;
	size_t i = 0;

	memcpy(&wide, key, 4);
	memcpy((uint8_t *)&wide + 4, key, 4);
	for (; len - i >= sizeof(v); i += sizeof(v)) {
		memcpy(&v, p + i, sizeof(v));
		v ^= wide;
		memcpy(p + i, &v, sizeof(v));
	}
	for (; i < len; i++)
		p[i] ^= key[i & 3];
}

size_t
ws_head_format(
	uint8_t out[WS_HEAD_MAX], enum ws_opcode opcode, bool fin, uint64_t len, const uint8_t *key)
{
	unsigned mask = key != NULL ? MASK_BIT : 0;
	size_t wide = len < 126 ? 0 : len <= UINT16_MAX ? 2 : 8;
	size_t n = 2;

	out[0] = (uint8_t)((fin ? FIN_BIT : 0) | (unsigned)opcode);
	out[1] = (uint8_t)(mask | (wide == 0 ? (unsigned)len : wide == 2 ? 126u : 127u));
	for (size_t i = wide; i > 0; i--)
		out[n++] = (uint8_t)(len >> (8 * (i - 1)));
	if (key != NULL) {
		memcpy(out + n, key, 4);
		n += 4;
	}
	return n;
}

int
ws_put(struct buf *out, enum ws_opcode opcode, struct span payload, const uint8_t *key)
{
	uint8_t head[WS_HEAD_MAX];
	size_t start = out->len;
	size_t n;

	if (opcode >= WS_CLOSE && payload.len > WS_CONTROL_MAX)
		return ERR_RANGE;
	if (out->err < 0)
		return out->err;
	n = ws_head_format(head, opcode, true, payload.len, key);
	buf_put(out, span_of(head, n));
	if (buf_put(out, payload) < 0) {
		out->len = start;
		out->err = 0;
		return ERR_TOOBIG;
	}
	if (key != NULL)
		ws_mask(out->ptr + start + n, payload.len, key);
	return 0;
}

bool
ws_code_is_valid(uint16_t code)
{
	return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
	       (code >= 3000 && code <= 4999);
}

int
ws_put_close(struct buf *out, uint16_t code, struct span reason, const uint8_t *key)
{
	uint8_t payload[WS_CONTROL_MAX];
	size_t len = reason.len;

	if (code == WS_CODE_NONE)
		return reason.len > 0 ? ERR_RANGE : ws_put(out, WS_CLOSE, SPAN_EMPTY, key);
	if (!ws_code_is_valid(code))
		return ERR_RANGE;
	if (!utf8_is_valid(reason))
		return ERR_UTF8;
	if (len > WS_REASON_MAX) {
		len = WS_REASON_MAX;
		while (len > 0 && (reason.ptr[len] & 0xc0) == 0x80)
			len--;
	}
	payload[0] = (uint8_t)(code >> 8);
	payload[1] = (uint8_t)code;
	if (len > 0)
		memcpy(payload + 2, reason.ptr, len);
	return ws_put(out, WS_CLOSE, span_of(payload, len + 2), key);
}
