#include "crypto/crypto_encode.h"

#include <sodium.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"

void
crypto_hex_encode(struct span s, char *out)
{
	sodium_bin2hex(out, 2 * s.len + 1, s.ptr, s.len);
}

static int
hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int
crypto_hex_decode(struct span s, uint8_t *out, size_t n)
{
	memset(out, 0, n);
	if (s.len / 2 != n || s.len % 2 != 0)
		return ERR_SYNTAX;
	for (size_t i = 0; i < n; i++) {
		int hi = hex_digit(s.ptr[2 * i]), lo = hex_digit(s.ptr[2 * i + 1]);

		if (hi < 0 || lo < 0) {
			memset(out, 0, n);
			return ERR_SYNTAX;
		}
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return 0;
}

struct alphabet {
	const char *digits; /* 64 */
	bool padded;
};

static const struct alphabet standard = {
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", true};
static const struct alphabet url_safe = {
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", false};

static int
encode(struct buf *out, struct span s, const struct alphabet *a)
{
	size_t tail = s.len % 3, len = s.len / 3 * 4 + (tail == 0 ? 0 : a->padded ? 4 : tail + 1);
	uint8_t *p = s.len < SIZE_MAX / 2 ? buf_room(out, len) : NULL;
	uint32_t acc = 0;
	unsigned bits = 0;
	size_t n = 0;

	if (p == NULL)
		return ERR_TOOBIG;
	for (size_t i = 0; i < s.len; i++) {
		acc = (acc << 8 | s.ptr[i]) & 0xffff;
		for (bits += 8; bits >= 6; bits -= 6)
			p[n++] = (uint8_t)a->digits[acc >> (bits - 6) & 63];
	}
	if (bits > 0)
		p[n++] = (uint8_t)a->digits[acc << (6 - bits) & 63];
	while (n < len)
		p[n++] = '=';
	buf_added(out, len);
	return 0;
}

int
crypto_base64_put(struct buf *out, struct span s)
{
	return encode(out, s, &standard);
}

int
crypto_base64url_put(struct buf *out, struct span s)
{
	return encode(out, s, &url_safe);
}

static int
digit_value(uint8_t c, const struct alphabet *a)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == (uint8_t)a->digits[62] ? 62 : c == (uint8_t)a->digits[63] ? 63 : -1;
}

/* s holds digits only; the spare bits of the last one must be zero (else one value had several
 * texts). */
static int
decode_digits(struct span s, struct buf *out, const struct alphabet *a)
{
	size_t len = s.len / 4 * 3 + s.len % 4 * 3 / 4, n = 0;
	uint8_t *p;
	uint32_t acc = 0;
	unsigned bits = 0;

	if (s.len % 4 == 1)
		return ERR_SYNTAX;
	p = buf_room(out, len);
	if (p == NULL)
		return ERR_TOOBIG;
	for (size_t i = 0; i < s.len; i++) {
		int v = digit_value(s.ptr[i], a);

		if (v < 0)
			return ERR_SYNTAX;
		acc = (acc << 6 | (uint32_t)v) & 0xffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			p[n++] = (uint8_t)(acc >> bits);
		}
	}
	if ((acc & ((1u << bits) - 1)) != 0)
		return ERR_SYNTAX;
	buf_added(out, len);
	return 0;
}

static struct span
without_padding(struct span s)
{
	for (unsigned i = 0; i < 2 && s.len % 4 != 2 && s.len > 0 && s.ptr[s.len - 1] == '='; i++)
		s.len--;
	return s;
}

int
crypto_base64_decode(struct span s, struct buf *out)
{
	if (s.len % 4 != 0)
		return ERR_SYNTAX;
	return decode_digits(without_padding(s), out, &standard);
}

int
crypto_base64url_decode(struct span s, struct buf *out)
{
	return decode_digits(s, out, &url_safe);
}

int
crypto_base64any_decode(struct span s, struct buf *out)
{
	bool url = span_find_byte(s, '-') >= 0 || span_find_byte(s, '_') >= 0;

	if (s.len % 4 == 0)
		s = without_padding(s);
	return decode_digits(s, out, url ? &url_safe : &standard);
}

void
crypto_uuid(char out[CRYPTO_UUID_LEN + 1])
{
	uint8_t r[16];
	char hex[33];
	size_t n = 0;

	crypto_random(r, sizeof(r));
	r[6] = (uint8_t)((r[6] & 0x0f) | 0x40);
	r[8] = (uint8_t)((r[8] & 0x3f) | 0x80);
	crypto_hex_encode(span_of(r, sizeof(r)), hex);
	for (size_t i = 0; i < 32; i++) {
		if (i == 8 || i == 12 || i == 16 || i == 20)
			out[n++] = '-';
		out[n++] = hex[i];
	}
	out[n] = '\0';
}

/* SEQUENCE { SEQUENCE { OID 1.3.101.112 }, BIT STRING of 32 bytes }: RFC 8410 section 4. */
static const uint8_t spki_prefix[] = {
	0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
#define SPKI_LEN (sizeof(spki_prefix) + CRYPTO_PUBLIC_LEN)

/* Takes the next line out of *s, without its LF or CRLF; a last line need not end. */
static struct span
take_line(struct span *s)
{
	struct span line = span_cut(s, '\n');

	if (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	return line;
}

static int
pem_decode(struct span s, struct buf *der)
{
	struct buf text = {.max = CRYPTO_PEM_MAX};
	struct span line;
	int rc = ERR_SYNTAX;

	if (!span_eq(take_line(&s), SPAN("-----BEGIN PUBLIC KEY-----")))
		return ERR_SYNTAX;
	for (;;) {
		line = take_line(&s);
		if (line.len == 0 || line.ptr[0] == '-')
			break;
		buf_put(&text, line);
	}
	if (text.err == 0 && span_eq(line, SPAN("-----END PUBLIC KEY-----")) &&
		span_trim(s).len == 0)
		rc = crypto_base64_decode(buf_span(&text), der);
	buf_clear(&text);
	return rc;
}

int
crypto_public_decode(struct span s, uint8_t pub[CRYPTO_PUBLIC_LEN])
{
	struct buf b = {.max = SPKI_LEN};
	struct span key;
	bool pem = span_starts_with(s, SPAN("-----"));
	int rc = ERR_SYNTAX;

	memset(pub, 0, CRYPTO_PUBLIC_LEN);
	if (s.len > CRYPTO_PEM_MAX)
		return ERR_SYNTAX;
	if ((pem ? pem_decode(s, &b) : crypto_base64any_decode(s, &b)) < 0)
		goto out;
	key = buf_span(&b);
	if (pem && !span_starts_with(key, span_of(spki_prefix, sizeof(spki_prefix))))
		goto out;
	key = span_sub(key, pem ? sizeof(spki_prefix) : 0, key.len);
	if (key.len != CRYPTO_PUBLIC_LEN)
		goto out;
	memcpy(pub, key.ptr, CRYPTO_PUBLIC_LEN);
	rc = 0;
out:
	buf_clear(&b);
	return rc;
}
