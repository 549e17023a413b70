#include "text/utf8.h"

#include "base/utf8.h"

struct range {
	uint32_t first, last;
};

static const struct range zero[] = {
#define ZERO(a, b) {a, b},
#define WIDE(a, b)
#include "text/text_width.def"
#undef ZERO
#undef WIDE
};

static const struct range wide[] = {
#define ZERO(a, b)
#define WIDE(a, b) {a, b},
#include "text/text_width.def"
#undef ZERO
#undef WIDE
};

static bool
is_in(uint32_t cp, const struct range *r, size_t n)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (cp > r[mid].last)
			low = mid + 1;
		else if (cp < r[mid].first)
			high = mid;
		else
			return true;
	}
	return false;
}

unsigned
text_width_of(uint32_t cp)
{
	if (cp < 0x300)
		return cp >= 0x20 && (cp < 0x7f || cp >= 0xa0);
	if (is_in(cp, zero, sizeof(zero) / sizeof(zero[0])))
		return 0;
	return is_in(cp, wide, sizeof(wide) / sizeof(wide[0])) ? 2 : 1;
}

/* The width of the first character and its length in bytes. */
static unsigned
first_width(struct span s, size_t *len)
{
	uint32_t cp;
	size_t n = utf8_decode(s, &cp);

	*len = n > 0 ? n : 1;
	return n > 0 ? text_width_of(cp) : 1;
}

size_t
text_width(struct span s)
{
	size_t width = 0, n;

	for (; s.len > 0; s = span_sub(s, n, s.len))
		width += first_width(s, &n);
	return width;
}

struct span
text_width_truncate(struct span s, size_t columns)
{
	size_t width = 0, at = 0, n;

	while (at < s.len) {
		width += first_width(span_sub(s, at, 4), &n);
		if (width > columns)
			break;
		at += n;
	}
	return span_sub(s, 0, at);
}
