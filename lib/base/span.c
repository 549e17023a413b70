#include "base/span.h"

#include <string.h>

#include "base/err.h"

struct span
span_from_cstr(const char *s)
{
	if (s == NULL)
		return SPAN_EMPTY;
	return span_of(s, strlen(s));
}

bool
span_eq(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static uint8_t
fold(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

bool
span_eq_nocase(struct span a, struct span b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		if (fold(a.ptr[i]) != fold(b.ptr[i]))
			return false;
	}
	return true;
}

int
span_cmp(struct span a, struct span b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int rc = n == 0 ? 0 : memcmp(a.ptr, b.ptr, n);

	if (rc != 0)
		return rc;
	return a.len < b.len ? -1 : a.len > b.len;
}

bool
span_starts_with(struct span s, struct span prefix)
{
	return s.len >= prefix.len && span_eq(span_sub(s, 0, prefix.len), prefix);
}

bool
span_ends_with(struct span s, struct span suffix)
{
	return s.len >= suffix.len && span_eq(span_sub(s, s.len - suffix.len, suffix.len), suffix);
}

struct span
span_sub(struct span s, size_t off, size_t len)
{
	if (off >= s.len)
		return SPAN_EMPTY;
	if (len > s.len - off)
		len = s.len - off;
	return span_of(s.ptr + off, len);
}

ptrdiff_t
span_find_byte(struct span s, uint8_t c)
{
	const uint8_t *p = s.len == 0 ? NULL : memchr(s.ptr, c, s.len);

	return p == NULL ? -1 : p - s.ptr;
}

ptrdiff_t
span_find(struct span s, struct span needle)
{
	const uint8_t *p;

	if (needle.len == 0)
		return 0;
	if (needle.len > s.len)
		return -1;
	p = memmem(s.ptr, s.len, needle.ptr, needle.len);
	return p == NULL ? -1 : p - s.ptr;
}

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct span
span_trim(struct span s)
{
	while (s.len > 0 && is_blank(s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

struct span
span_cut(struct span *s, uint8_t sep)
{
	ptrdiff_t at = span_find_byte(*s, sep);
	struct span head = *s;

	if (at < 0) {
		*s = SPAN_EMPTY;
		return head;
	}
	head.len = (size_t)at;
	*s = span_of(s->ptr + at + 1, s->len - (size_t)at - 1);
	return head;
}

int
span_to_u64(struct span s, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (s.len == 0 || s.len > 20 || (s.len > 1 && s.ptr[0] == '0'))
		return ERR_SYNTAX;
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return ERR_SYNTAX;
		if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
			__builtin_add_overflow(v, (uint64_t)(s.ptr[i] - '0'), &v))
			return ERR_RANGE;
	}
	if (v < min || v > max)
		return ERR_RANGE;
	*out = v;
	return 0;
}

int
span_to_i64(struct span s, int64_t min, int64_t max, int64_t *out)
{
	bool neg = s.len > 0 && s.ptr[0] == '-';
	uint64_t u;
	int64_t v;
	int rc;

	rc = span_to_u64(
		neg ? span_sub(s, 1, s.len) : s, 0, (uint64_t)INT64_MAX + (neg ? 1 : 0), &u);
	if (rc < 0)
		return rc;
	if (neg && u == 0)
		return ERR_SYNTAX;
	v = neg ? (int64_t)(0 - u) : (int64_t)u;
	if (v < min || v > max)
		return ERR_RANGE;
	*out = v;
	return 0;
}

int
span_to_cstr(struct span s, char *dst, size_t cap)
{
	if (span_find_byte(s, 0) >= 0)
		return ERR_SYNTAX;
	if (s.len >= cap)
		return ERR_TOOBIG;
	if (s.len > 0)
		memcpy(dst, s.ptr, s.len);
	dst[s.len] = '\0';
	return 0;
}
