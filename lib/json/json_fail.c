/* Where and why a parse failed, in words that are safe to print. */
#include "json/json_parse.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"
#include "base/utf8.h"

#define WORD_MAX 20 /* bytes of a word shown in a message */

struct json_pos
json_place(const struct json_parser *ps, const uint8_t *at)
{
	return (struct json_pos){
		.off = (uint32_t)(at - ps->base),
		.line = ps->line,
		.col = (uint32_t)(at - ps->line0) + 1,
	};
}

void
json_put_printable(char *dst, size_t cap, struct span s)
{
	size_t len = 0;

	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.ptr[i];
		bool plain = c >= 0x20 && c < 0x7f && c != '\\' && c != '"';

		/* room for the longest escape, the dots and the NUL */
		if (cap - len < 4 + 3 + 1) {
			memcpy(dst + len, "...", 3);
			len += 3;
			break;
		}
		if (plain)
			dst[len++] = (char)c;
		else
			len += (size_t)snprintf(dst + len, cap - len, "\\x%02x", c);
	}
	dst[len] = '\0';
}

static bool
is_word(uint8_t c)
{
	return json_is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static void
describe(const struct json_parser *ps, const uint8_t *at, char *dst, size_t cap)
{
	size_t left = (size_t)(ps->end - at);
	size_t n = 0;
	uint32_t cp;

	while (n < left && n < WORD_MAX && is_word(at[n]))
		n++;
	if (left == 0)
		snprintf(dst, cap, "the end of the text");
	else if (n > 0)
		snprintf(dst, cap, "'%.*s%s'", (int)n, (const char *)at,
			n < left && is_word(at[n]) ? "..." : "");
	else if (*at == '\n' || *at == '\r')
		snprintf(dst, cap, "a line break");
	else if (utf8_decode(span_of(at, left), &cp) == 0)
		snprintf(dst, cap, "the byte 0x%02X, which is not UTF-8", *at);
	else if (cp == 0xfeff)
		snprintf(dst, cap, "a byte order mark (U+FEFF)");
	else if (cp > 0x20 && cp < 0x7f)
		snprintf(dst, cap, "'%c'", (char)cp);
	else
		snprintf(dst, cap, "U+%04X", cp);
}

int
json_fail_found(struct json_parser *ps, const uint8_t *at, int code, const char *expected)
{
	char found[64];

	describe(ps, at, found, sizeof(found));
	return json_fail(ps, at, code, "found %s, expected %s", found, expected);
}

int
json_fail(struct json_parser *ps, const uint8_t *at, int code, const char *fmt, ...)
{
	va_list ap;

	if (ps->err == NULL)
		return code;
	ps->err->code = code;
	ps->err->at =
		at == NULL ? (struct json_pos){.off = 0, .line = 1, .col = 1} : json_place(ps, at);
	va_start(ap, fmt);
	vsnprintf(ps->err->msg, sizeof(ps->err->msg), fmt, ap);
	va_end(ap);
	return code;
}
