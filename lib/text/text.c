#include "text/text.h"

#include "base/err.h"
#include "base/limits.h"

int
text_lower_put(struct buf *out, struct span s)
{
	uint8_t *p = buf_room(out, s.len);

	if (p == NULL)
		return ERR_TOOBIG;
	for (size_t i = 0; i < s.len; i++)
		p[i] = text_lower(s.ptr[i]);
	buf_added(out, s.len);
	return 0;
}

static unsigned
least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned
text_edit_distance(struct span a, struct span b, unsigned max)
{
	unsigned rows[3][EDIT_DISTANCE_MAX + 1];
	unsigned *before = rows[0], *last = rows[1], *now = rows[2], *spare;

	if (a.len > EDIT_DISTANCE_MAX || b.len > EDIT_DISTANCE_MAX)
		return max + 1;
	for (unsigned j = 0; j <= b.len; j++)
		last[j] = before[j] = j;
	for (unsigned i = 1; i <= a.len; i++) {
		uint8_t ca = text_lower(a.ptr[i - 1]);

		now[0] = i;
		for (unsigned j = 1; j <= b.len; j++) {
			uint8_t cb = text_lower(b.ptr[j - 1]);

			now[j] = least(least(last[j], now[j - 1]) + 1, last[j - 1] + (ca != cb));
			if (i > 1 && j > 1 && ca == text_lower(b.ptr[j - 2]) &&
				cb == text_lower(a.ptr[i - 2]))
				now[j] = least(now[j], before[j - 2] + 1);
		}
		spare = before;
		before = last;
		last = now;
		now = spare;
	}
	return last[b.len] <= max ? last[b.len] : max + 1;
}

ptrdiff_t
text_nearest(struct span typed, const char *const *candidates, size_t n)
{
	unsigned limit = typed.len < 3 ? 1
				       : (unsigned)least((unsigned)(typed.len < EDIT_DISTANCE_MAX
									    ? typed.len
									    : EDIT_DISTANCE_MAX) /
								 3,
						 8);
	unsigned best = limit + 1;
	ptrdiff_t found = -1;

	for (size_t i = 0; i < n; i++) {
		unsigned d = text_edit_distance(typed, span_from_cstr(candidates[i]), limit);

		if (d < best) {
			best = d;
			found = (ptrdiff_t)i;
		}
	}
	return found;
}
