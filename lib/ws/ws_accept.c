/*
 * The handshake's answer. SHA-1 (FIPS 180-4) is here for this one use, in which it protects
 * nothing: the value only shows that the server speaks WebSocket. Nothing else may use it.
 */
#include <string.h>

#include "base/err.h"
#include "ws/ws.h"

#define BLOCK_LEN 64
#define DIGEST_LEN 20
#define KEY_MAX 24

static uint32_t
rol(uint32_t x, unsigned n)
{
	return x << n | x >> (32 - n);
}

static void
sha1_block(uint32_t h[5], const uint8_t block[BLOCK_LEN])
{
	static const uint32_t k[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
	uint32_t w[80];
	uint32_t a = h[0];
	uint32_t b = h[1];
	uint32_t c = h[2];
	uint32_t d = h[3];
	uint32_t e = h[4];

	for (size_t t = 0; t < 16; t++)
		w[t] = (uint32_t)block[4 * t] << 24 | (uint32_t)block[4 * t + 1] << 16 |
		       (uint32_t)block[4 * t + 2] << 8 | block[4 * t + 3];
	for (size_t t = 16; t < 80; t++)
		w[t] = rol(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
	for (size_t t = 0; t < 80; t++) {
		uint32_t f = b ^ c ^ d;

		if (t < 20)
			f = (b & c) | (~b & d);
		else if (t >= 40 && t < 60)
			f = (b & c) | (b & d) | (c & d);
		f += rol(a, 5) + e + w[t] + k[t / 20];
		e = d;
		d = c;
		c = rol(b, 30);
		b = a;
		a = f;
	}
	h[0] += a;
	h[1] += b;
	h[2] += c;
	h[3] += d;
	h[4] += e;
}

/* s: 56 to 119 bytes, so that with padding it is two blocks; a key and the GUID are 60. */
static void
sha1_two_blocks(struct span s, uint8_t out[DIGEST_LEN])
{
	uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
	uint8_t blocks[2 * BLOCK_LEN] = {0};

	memcpy(blocks, s.ptr, s.len);
	blocks[s.len] = 0x80;
	blocks[sizeof(blocks) - 2] = (uint8_t)(8 * s.len >> 8);
	blocks[sizeof(blocks) - 1] = (uint8_t)(8 * s.len);
	sha1_block(h, blocks);
	sha1_block(h, blocks + BLOCK_LEN);
	for (size_t i = 0; i < DIGEST_LEN; i++)
		out[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}

static void
base64_digest(const uint8_t in[DIGEST_LEN], char out[WS_ACCEPT_LEN])
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint8_t padded[DIGEST_LEN + 1] = {0};

	memcpy(padded, in, DIGEST_LEN);
	for (size_t i = 0, o = 0; i < sizeof(padded); i += 3, o += 4) {
		uint32_t v =
			(uint32_t)padded[i] << 16 | (uint32_t)padded[i + 1] << 8 | padded[i + 2];

		for (size_t j = 0; j < 4; j++)
			out[o + j] = digits[v >> (18 - 6 * j) & 63];
	}
	out[WS_ACCEPT_LEN - 1] = '=';
}

int
ws_accept_key(struct span key, char out[WS_ACCEPT_LEN])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	uint8_t text[KEY_MAX + sizeof(guid) - 1];
	uint8_t digest[DIGEST_LEN];

	if (key.len != KEY_MAX)
		return ERR_RANGE;
	memcpy(text, key.ptr, KEY_MAX);
	memcpy(text + KEY_MAX, guid, sizeof(guid) - 1);
	sha1_two_blocks(span_of(text, sizeof(text)), digest);
	base64_digest(digest, out);
	return 0;
}
