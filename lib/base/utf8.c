#include "base/utf8.h"

#include <string.h>

size_t
utf8_decode(struct span s, uint32_t *cp)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint8_t c;
	size_t n;

	if (s.len == 0)
		return 0;
	c = s.ptr[0];
	n = c < 0x80                ? 1
	    : c >= 0xc2 && c < 0xe0 ? 2
	    : c >= 0xe0 && c < 0xf0 ? 3
	    : c >= 0xf0 && c < 0xf5 ? 4
				    : 0;
	if (n == 0 || s.len < n)
		return 0;
	*cp = n == 1 ? c : c & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((s.ptr[i] & 0xc0) != 0x80)
			return 0;
		*cp = *cp << 6 | (s.ptr[i] & 0x3f);
	}
	if (*cp < least[n] || *cp > 0x10ffff || (*cp >= 0xd800 && *cp < 0xe000))
		return 0;
	return n;
}

bool
utf8_is_valid(struct span s)
{
	size_t at = 0;

	while (at < s.len) {
		uint64_t word;
		uint32_t cp;
		size_t n;

		if (s.len - at >= 8) {
			memcpy(&word, s.ptr + at, 8);
			if ((word & 0x8080808080808080u) == 0) {
				at += 8;
				continue;
			}
		}
		n = utf8_decode(span_of(s.ptr + at, s.len - at), &cp);
		if (n == 0)
			return false;
		at += n;
	}
	return true;
}
