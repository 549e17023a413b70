#include "url/punycode.h"

#include <stdint.h>

enum { BASE = 36, TMIN = 1, TMAX = 26, SKEW = 38, DAMP = 700, BIAS = 72, FIRST = 0x80 };

static uint32_t
adapt(uint32_t delta, uint32_t points, bool first)
{
	uint32_t k = 0;

	delta = first ? delta / DAMP : delta / 2;
	delta += delta / points;
	for (; delta > (BASE - TMIN) * TMAX / 2; k += BASE)
		delta /= BASE - TMIN;
	return k + (BASE - TMIN + 1) * delta / (delta + SKEW);
}

static int
digit_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0' + 26;
	c |= 0x20;
	return c >= 'a' && c <= 'z' ? c - 'a' : -1;
}

/* One variable-length number (section 3.3), added to *i. */
static bool
take_delta(struct span *s, uint32_t bias, uint32_t *i)
{
	uint32_t w = 1;

	for (uint32_t k = BASE;; k += BASE) {
		uint32_t t = k <= bias + TMIN ? TMIN : k >= bias + TMAX ? TMAX : k - bias, add;
		int v = s->len > 0 ? digit_value(s->ptr[0]) : -1;

		if (v < 0)
			return false;
		*s = span_sub(*s, 1, s->len);
		if (__builtin_mul_overflow((uint32_t)v, w, &add) ||
			__builtin_add_overflow(*i, add, i))
			return false;
		if ((uint32_t)v < t)
			return true;
		if (__builtin_mul_overflow(w, BASE - t, &w))
			return false;
	}
}

bool
punycode_is_valid(struct span s)
{
	uint32_t n = FIRST, i = 0, bias = BIAS, points = 0, old;

	for (size_t at = s.len; at-- > 0;) {
		if (s.ptr[at] == '-') {
			if (at ==
				0) /* a delimiter without the basic code points that it delimits */
				return false;
			points = (uint32_t)at;
			s = span_sub(s, at + 1, s.len);
			break;
		}
	}
	if (s.len == 0)
		return false;
	while (s.len > 0) {
		old = i;
		if (!take_delta(&s, bias, &i))
			return false;
		points++;
		bias = adapt(i - old, points, old == 0);
		if (__builtin_add_overflow(n, i / points, &n) || n > 0x10ffff ||
			(n >= 0xd800 && n < 0xe000))
			return false;
		i = i % points + 1;
	}
	return true;
}
