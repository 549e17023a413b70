#include "http/path.h"

#include "base/err.h"
#include "base/utf8.h"
#include "http/chars.h"

/* The byte that "%XX" at the start of s stands for; -1 when it is no escape. */
static int
escape_value(struct span s, bool lower_too)
{
	int hi;
	int lo;

	if (s.len < 3 || s.ptr[0] != '%')
		return -1;
	if (!lower_too && (s.ptr[1] >= 'a' || s.ptr[2] >= 'a'))
		return -1;
	hi = http_hex_value(s.ptr[1]);
	lo = http_hex_value(s.ptr[2]);
	return hi < 0 || lo < 0 ? -1 : hi << 4 | lo;
}

/*
 * The length of the escapes at the start of s that stand for one character, ASCII or not;
 * ERR_SYNTAX, ERR_UTF8. A path may not spell with an escape what it could spell plainly, nor hide a
 * separator or what a second decoding would change.
 */
static int
escaped_char(struct span s)
{
	uint8_t raw[4];
	uint32_t cp;
	size_t n = 0;
	int c = escape_value(s, false);

	if (c < 0)
		return ERR_SYNTAX;
	if (c < 0x80) {
		if (c < 0x20 || c == 0x7f || c == '/' || c == '\\' || c == '%' ||
			char_is((uint8_t)c, CHAR_UNRESERVED))
			return ERR_SYNTAX;
		return 3;
	}
	while (n < sizeof(raw) && (c = escape_value(span_sub(s, 3 * n, 3), false)) >= 0x80)
		raw[n++] = (uint8_t)c;
	n = utf8_decode(span_of(raw, n), &cp);
	if (n == 0)
		return ERR_UTF8;
	/* C1 controls */
	return cp < 0xa0 ? ERR_SYNTAX : (int)(3 * n);
}

static bool
is_dots(struct span segment)
{
	return span_eq(segment, SPAN(".")) || span_eq(segment, SPAN(".."));
}

int
http_path_check(struct span path)
{
	struct span rest = path;

	if (path.len == 0 || path.ptr[0] != '/')
		return ERR_SYNTAX;
	for (size_t i = 0; i < path.len;) {
		int n = 1;

		if (path.ptr[i] == '%')
			n = escaped_char(span_sub(path, i, path.len));
		else if (!char_is(path.ptr[i], CHAR_PATH))
			n = ERR_SYNTAX;
		if (n < 0)
			return n;
		i += (size_t)n;
	}
	span_cut(&rest, '/');
	while (rest.ptr != NULL) {
		struct span segment = span_cut(&rest, '/');

		/* only the last one may be empty: "/", "/a/" */
		if (is_dots(segment) || (segment.len == 0 && rest.ptr != NULL))
			return ERR_SYNTAX;
	}
	return 0;
}

int
http_query_check(struct span query)
{
	for (size_t i = 0; i < query.len; i++) {
		uint8_t c = query.ptr[i];

		if (!char_is(c, CHAR_VISIBLE) || c == '#')
			return ERR_SYNTAX;
		if (c == '%' && escape_value(span_sub(query, i, 3), true) < 0)
			return ERR_SYNTAX;
	}
	return 0;
}

int
http_percent_decode(struct span s, bool plus, uint8_t *dst, size_t cap, struct span *out)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		int c = s.ptr[i];

		if (c == '%') {
			c = escape_value(span_sub(s, i, 3), true);
			i += 2;
		} else if (c == '+' && plus) {
			c = ' ';
		}
		if (c < 0x20 || c == 0x7f)
			return ERR_SYNTAX;
		if (n == cap)
			return ERR_TOOBIG;
		dst[n++] = (uint8_t)c;
	}
	*out = span_of(dst, n);
	return utf8_is_valid(*out) ? 0 : ERR_UTF8;
}

int
http_query_next(struct span *rest, uint8_t *dst, size_t cap, struct span *name, struct span *value)
{
	struct span piece;
	struct span raw_name;
	int rc;

	if (rest->len == 0)
		return 0;
	piece = span_cut(rest, '&');
	raw_name = span_cut(&piece, '=');
	if (raw_name.len == 0)
		return ERR_SYNTAX;
	rc = http_percent_decode(raw_name, true, dst, cap, name);
	if (rc < 0)
		return rc;
	rc = http_percent_decode(piece, true, dst + name->len, cap - name->len, value);
	return rc < 0 ? rc : 1;
}

int
http_query_get(struct span query, struct span name, uint8_t *dst, size_t cap, struct span *value)
{
	struct span n;
	struct span v;
	size_t kept = 0;
	bool found = false;
	int rc;

	while ((rc = http_query_next(&query, dst + kept, cap - kept, &n, &v)) == 1) {
		if (!span_eq(n, name))
			continue;
		if (found)
			return ERR_DUPLICATE;
		found = true;
		*value = v;
		kept = n.len + v.len;
	}
	if (rc < 0)
		return rc;
	return found ? 0 : ERR_MISSING;
}
