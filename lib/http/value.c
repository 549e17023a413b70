#include "http/value.h"

#include "base/err.h"
#include "http/chars.h"

int
http_cookie_get(struct span cookies, struct span name, struct span *value)
{
	struct span found = SPAN_EMPTY;

	while (cookies.ptr != NULL) {
		struct span pair = span_trim(span_cut(&cookies, ';'));
		struct span n = span_cut(&pair, '=');

		if (pair.ptr == NULL || !span_eq(n, name))
			continue;
		if (found.ptr != NULL)
			return ERR_DUPLICATE;
		found = pair;
	}
	if (found.ptr == NULL)
		return ERR_MISSING;
	if (!http_chars_all(found, CHAR_COOKIE))
		return ERR_SYNTAX;
	*value = found;
	return 0;
}

/* A position: any number of digits; what does not fit in 64 bits is past every file's end. */
static int
position(struct span s, uint64_t *out)
{
	if (s.len == 0)
		return ERR_SYNTAX;
	*out = 0;
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return ERR_SYNTAX;
		if (__builtin_mul_overflow(*out, (uint64_t)10, out) ||
			__builtin_add_overflow(*out, (uint64_t)(s.ptr[i] - '0'), out))
			*out = UINT64_MAX;
	}
	return 0;
}

/* "-n": the last n bytes. */
static int
suffix_range(struct span digits, uint64_t size, struct http_range *out)
{
	uint64_t n;

	if (position(digits, &n) < 0)
		return ERR_SYNTAX;
	if (n == 0 || size == 0)
		return ERR_RANGE;
	*out = (struct http_range){n < size ? size - n : 0, size - 1};
	return 0;
}

int
http_range_parse(struct span value, uint64_t size, struct http_range *out)
{
	struct span unit = span_cut(&value, '=');
	struct span first;
	uint64_t a;
	uint64_t b = UINT64_MAX;

	if (value.ptr == NULL)
		return ERR_SYNTAX;
	if (!span_eq_nocase(unit, SPAN("bytes")) || span_find_byte(value, ',') >= 0)
		return ERR_UNSUPPORTED;
	first = span_cut(&value, '-');
	if (value.ptr == NULL)
		return ERR_SYNTAX;
	if (first.len == 0)
		return suffix_range(value, size, out);
	if (position(first, &a) < 0 || (value.len > 0 && position(value, &b) < 0) || b < a)
		return ERR_SYNTAX;
	if (a >= size)
		return ERR_RANGE;
	*out = (struct http_range){a, b < size ? b : size - 1};
	return 0;
}

/* Cuts one entity tag off *s, its opaque part with the quotes to *tag: [ W/ ] DQUOTE *etagc DQUOTE.
 */
static bool
cut_etag(struct span *s, struct span *tag, bool *weak)
{
	ptrdiff_t end;

	*weak = span_starts_with(*s, SPAN("W/"));
	if (*weak)
		*s = span_sub(*s, 2, s->len);
	if (s->len < 2 || s->ptr[0] != '"')
		return false;
	end = span_find_byte(span_sub(*s, 1, s->len), '"');
	if (end < 0)
		return false;
	*tag = span_sub(*s, 0, (size_t)end + 2);
	*s = span_sub(*s, (size_t)end + 2, s->len);
	for (size_t i = 0; i < tag->len; i++) {
		if (!char_is(tag->ptr[i], CHAR_VISIBLE) && tag->ptr[i] < 0x80)
			return false;
	}
	return true;
}

static bool
is_in(struct span list, struct span etag, bool strong)
{
	struct span s = span_trim(list);
	struct span own;
	struct span tag;
	bool found = false;
	bool weak;

	if (span_eq(s, SPAN("*")))
		return true;
	if (!cut_etag(&etag, &own, &weak) || (strong && weak))
		return false;
	for (;;) {
		if (!cut_etag(&s, &tag, &weak))
			return false;
		found = found || (span_eq(tag, own) && !(strong && weak));
		s = span_trim(s);
		if (s.len == 0)
			return found;
		if (s.ptr[0] != ',')
			return false;
		s = span_trim(span_sub(s, 1, s.len));
	}
}

bool
http_etag_matches(struct span if_none_match, struct span etag)
{
	return is_in(if_none_match, etag, false);
}

bool
http_etag_is_listed(struct span if_match, struct span etag)
{
	return is_in(if_match, etag, true);
}
