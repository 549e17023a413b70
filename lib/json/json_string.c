/* Strings and unquoted keys, decoded in place: what is decoded is never longer than what was
 * written. */
#include "json/json_parse.h"

#include "base/err.h"
#include "base/utf8.h"

/* The first byte from p on that is the quote, a backslash, a control or not ASCII; end when there
 * is none. */
static uint8_t *
skip_plain(uint8_t *p, const uint8_t *end, uint8_t quote)
{
	while (p < end) {
		uint64_t special = json_special_bytes(json_load64(p), quote);

		if (special != 0)
			return p + json_first_byte(special);
		p += 8;
	}
	return p;
}

/* The n hexadecimal digits at p; p goes behind them. */
static int
read_hex(struct json_parser *ps, int n, uint32_t *out)
{
	uint32_t v = 0;

	for (int i = 0; i < n; i++) {
		int d = json_hex_digit(*ps->p);

		if (d < 0)
			return json_fail_found(ps, ps->p, ERR_SYNTAX,
				n == 4 ? "four hexadecimal digits after '\\u'"
				       : "two hexadecimal digits after '\\x'");
		v = v << 4 | (uint32_t)d;
		ps->p++;
	}
	*out = v;
	return 0;
}

/* p behind \u: one code point, from one escape or from two that are a surrogate pair. */
static int
read_unicode_escape(struct json_parser *ps, uint32_t *out)
{
	const uint8_t *at = ps->p - 2;
	uint32_t low = 0;
	int rc = read_hex(ps, 4, out);

	if (rc < 0 || (*out & 0xf800) != 0xd800)
		return rc;
	if (*out < 0xdc00 && ps->p[0] == '\\' && ps->p[1] == 'u') {
		ps->p += 2;
		rc = read_hex(ps, 4, &low);
		if (rc < 0)
			return rc;
		if ((low & 0xfc00) == 0xdc00) {
			*out = 0x10000 + ((*out & 0x3ff) << 10 | (low & 0x3ff));
			return 0;
		}
	}
	return json_fail(
		ps, at, ERR_SYNTAX, "found half of a surrogate pair, expected a whole character");
}

/* A character behind a backslash as RFC 8259 has it; 0 when there is no such escape. */
static uint8_t
plain_escape(uint8_t c)
{
	switch (c) {
	case '"':
	case '\\':
	case '/':
		return c;
	case 'b':
		return '\b';
	case 'f':
		return '\f';
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	default:
		return 0;
	}
}

static void
continue_line(struct json_parser *ps)
{
	if (*ps->p++ == '\r' && *ps->p == '\n')
		ps->p++;
	ps->line++;
	ps->line0 = ps->p;
}

/* p behind the backslash, on something that is no escape of RFC 8259. */
static int
read_json5_escape(struct json_parser *ps, uint8_t **w)
{
	uint8_t c = *ps->p;
	uint32_t cp = 0;
	size_t n;
	int rc;

	if (c == '\n' || c == '\r') {
		continue_line(ps);
		return 0;
	}
	if (c == 'x') {
		ps->p++;
		rc = read_hex(ps, 2, &cp);
		if (rc == 0)
			*w = json_utf8_put(*w, cp);
		return rc;
	}
	if (json_is_digit(c) && (c != '0' || json_is_digit(ps->p[1])))
		return json_fail_found(
			ps, c == '0' ? ps->p + 1 : ps->p, ERR_SYNTAX, "no octal escape");
	if (c == 'v' || c == '0') {
		ps->p++;
		*(*w)++ = c == 'v' ? '\v' : '\0';
		return 0;
	}
	n = utf8_decode(span_of(ps->p, (size_t)(ps->end - ps->p)), &cp);
	if (n == 0)
		return json_fail_found(ps, ps->p, ps->p == ps->end ? ERR_SYNTAX : ERR_UTF8,
			"a character after '\\'");
	ps->p += n;
	ps->line0 += n - 1;
	if (cp != 0x2028 && cp != 0x2029) /* these two continue the line */
		*w = json_utf8_put(*w, cp);
	return 0;
}

/* p on a backslash: goes behind the escape and writes what it means. */
static int
read_escape(struct json_parser *ps, uint8_t **w)
{
	uint8_t c = *++ps->p;
	uint8_t plain = plain_escape(c);
	uint32_t cp = 0;
	int rc;

	if (plain != 0) {
		ps->p++;
		*(*w)++ = plain;
		return 0;
	}
	if (c == 'u') {
		ps->p++;
		rc = read_unicode_escape(ps, &cp);
		if (rc == 0)
			*w = json_utf8_put(*w, cp);
		return rc;
	}
	if (ps->json5)
		return read_json5_escape(ps, w);
	return json_fail_found(ps, ps->p, ERR_SYNTAX, "one of \"\\/bfnrtu after '\\'");
}

/* p on a byte that needs a look: a control, or the first of some that are not ASCII. Goes behind.
 */
static int
check_byte(struct json_parser *ps, struct json_pos start)
{
	bool wide;
	uint32_t cp = 0;
	size_t n;

	if (ps->p == ps->end)
		return json_fail(ps, ps->p, ERR_SYNTAX,
			"found the end of the text, expected the closing quote of the string that "
			"begins at %u:%u",
			start.line, start.col);
	wide = *ps->p >= 0x80;
	while (*ps->p >= 0x80) { /* such characters mostly come together */
		n = utf8_decode(span_of(ps->p, (size_t)(ps->end - ps->p)), &cp);
		if (n == 0)
			return json_fail_found(ps, ps->p, ERR_UTF8, "valid UTF-8");
		ps->p += n;
		ps->line0 += n - 1;
	}
	if (wide)
		return 0;
	if (!ps->json5 || *ps->p == '\n' || *ps->p == '\r')
		return json_fail_found(ps, ps->p, ERR_SYNTAX,
			"an escape for it in the string, or the closing quote");
	ps->p++;
	return 0;
}

int
json_scan_string(struct json_parser *ps, struct span *out)
{
	struct json_pos start = json_place(ps, ps->p);
	uint8_t quote = *ps->p++;
	uint8_t *text = ps->p;
	uint8_t *w = text;   /* decoded up to here */
	uint8_t *run = text; /* not yet moved to w from here on */
	int rc;

	for (;;) {
		ps->p = skip_plain(ps->p, ps->end, quote);
		if (*ps->p == quote && ps->p < ps->end)
			break;
		if (*ps->p != '\\') {
			rc = check_byte(ps, start);
			if (rc < 0)
				return rc;
			continue;
		}
		if (w != run)
			memmove(w, run, (size_t)(ps->p - run));
		w += ps->p - run;
		rc = read_escape(ps, &w);
		if (rc < 0)
			return rc;
		run = ps->p;
	}
	if (w != run)
		memmove(w, run, (size_t)(ps->p - run));
	w += ps->p - run;
	ps->p++;
	*out = span_of(text, (size_t)(w - text));
	return 0;
}

/* The character of a name at p, written out or as \uXXXX. *n is its length; 0 when there is none.
 */
static int
read_name_char(struct json_parser *ps, uint32_t *cp, size_t *n)
{
	uint8_t *at = ps->p;
	int rc;

	*n = 0;
	if (*at != '\\') {
		*n = utf8_decode(span_of(at, (size_t)(ps->end - at)), cp);
		return 0;
	}
	if (at[1] != 'u')
		return json_fail_found(ps, at + 1, ERR_SYNTAX,
			"'u' and four hexadecimal digits after '\\' in a key");
	ps->p += 2;
	rc = read_hex(ps, 4, cp);
	if (rc == 0)
		*n = (size_t)(ps->p - at);
	ps->p = at;
	return rc;
}

int
json_scan_name(struct json_parser *ps, struct span *out)
{
	uint8_t *text = ps->p;
	uint8_t *w = text;
	bool begun = false;

	for (;;) {
		bool escaped = *ps->p == '\\';
		uint32_t cp = 0;
		size_t n;
		int rc = read_name_char(ps, &cp, &n);

		if (rc < 0)
			return rc;
		if (n == 0 || !(begun ? json_may_continue_name(cp) : json_may_begin_name(cp))) {
			if (escaped || !begun)
				return json_fail_found(ps, ps->p, ERR_SYNTAX,
					escaped ? "an escape that means a letter" : "a key");
			break;
		}
		w = json_utf8_put(w, cp);
		ps->p += n;
		ps->line0 += escaped ? 0 : n - 1;
		begun = true;
	}
	*out = span_of(text, (size_t)(w - text));
	return 0;
}
