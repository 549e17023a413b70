#include "text/utf8.h"

#include <string.h>

#include "base/err.h"
#include "base/utf8.h"

/* Could these 1 to 3 bytes be the start of a sequence? Tried with the lowest and highest bytes that
 * may follow. */
static bool
may_begin(const uint8_t *held, size_t n)
{
	uint8_t low[4] = {0x80, 0x80, 0x80, 0x80}, high[4] = {0xbf, 0xbf, 0xbf, 0xbf};
	uint32_t cp;

	memcpy(low, held, n);
	memcpy(high, held, n);
	for (size_t len = n + 1; len <= 4; len++) {
		if (utf8_decode(span_of(low, len), &cp) == len ||
			utf8_decode(span_of(high, len), &cp) == len)
			return true;
	}
	return false;
}

static int
fail(struct text_utf8 *u)
{
	u->bad = true;
	return ERR_UTF8;
}

/* Adds a byte to the begun sequence. */
static int
put_byte(struct text_utf8 *u, uint8_t c)
{
	uint32_t cp;

	u->held[u->nheld++] = c;
	if (utf8_decode(span_of(u->held, u->nheld), &cp) == u->nheld) {
		u->nheld = 0;
		return 0;
	}
	return u->nheld < 4 && may_begin(u->held, u->nheld) ? 0 : fail(u);
}

int
text_utf8_put(struct text_utf8 *u, struct span s)
{
	size_t i = 0, n;
	uint32_t cp;

	if (u->bad)
		return ERR_UTF8;
	while (i < s.len) {
		n = u->nheld == 0 ? utf8_decode(span_sub(s, i, 4), &cp) : 0;
		if (n > 0) {
			i += n;
			continue;
		}
		if (put_byte(u, s.ptr[i++]) < 0)
			return ERR_UTF8;
	}
	return 0;
}

int
text_utf8_finish(const struct text_utf8 *u)
{
	return u->bad || u->nheld > 0 ? ERR_UTF8 : 0;
}

struct span
text_utf8_truncate(struct span s, size_t n)
{
	if (s.len <= n)
		return s;
	for (unsigned back = 0; back < 3 && n > 0 && (s.ptr[n] & 0xc0) == 0x80; back++)
		n--;
	return span_sub(s, 0, n);
}

size_t
text_utf8_count(struct span s)
{
	size_t count = 0;
	uint32_t cp;

	for (; s.len > 0; count++) {
		size_t n = utf8_decode(s, &cp);

		s = span_sub(s, n > 0 ? n : 1, s.len);
	}
	return count;
}
