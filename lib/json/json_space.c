/* White space between tokens; in JSON5 also that of ES5, and comments. */
#include "json/json_parse.h"

#include "base/err.h"
#include "base/utf8.h"

#define EIGHT_SPACES 0x2020202020202020u

/* p stands on LF or CR: counts the line and goes behind it. */
static void
end_line(struct json_parser *ps)
{
	/* of CRLF the LF ends the line */
	if (*ps->p++ == '\r' && ps->p < ps->end && *ps->p == '\n')
		ps->p++;
	ps->line++;
	ps->line0 = ps->p;
}

/* Goes behind the character of several bytes at p. */
static int
skip_wide(struct json_parser *ps, uint32_t *cp)
{
	size_t n = utf8_decode(span_of(ps->p, (size_t)(ps->end - ps->p)), cp);

	if (n == 0)
		return json_fail_found(ps, ps->p, ERR_UTF8, "valid UTF-8");
	ps->p += n;
	ps->line0 += n - 1;
	return 0;
}

/* ES5 7.2 and 7.3, without what the caller has handled: NBSP, BOM, category Zs, LS, PS. */
static bool
is_wide_space(uint32_t cp)
{
	return cp == 0xa0 || cp == 0xfeff || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200a) ||
	       cp == 0x2028 || cp == 0x2029 || cp == 0x202f || cp == 0x205f || cp == 0x3000;
}

static int
skip_line_comment(struct json_parser *ps)
{
	uint32_t cp = 0;
	int rc = 0;

	ps->p += 2;
	while (rc == 0 && ps->p < ps->end && *ps->p != '\n' && *ps->p != '\r' && cp != 0x2028 &&
		cp != 0x2029) {
		if (*ps->p < 0x80)
			ps->p++;
		else
			rc = skip_wide(ps, &cp);
	}
	return rc;
}

static int
skip_block_comment(struct json_parser *ps)
{
	struct json_pos start = json_place(ps, ps->p);
	uint32_t cp;
	int rc = 0;

	ps->p += 2;
	while (rc == 0 && ps->p < ps->end) {
		if (ps->p[0] == '*' && ps->p[1] == '/') {
			ps->p += 2;
			return 0;
		}
		if (*ps->p == '\n' || *ps->p == '\r')
			end_line(ps);
		else if (*ps->p < 0x80)
			ps->p++;
		else
			rc = skip_wide(ps, &cp);
	}
	if (rc == 0)
		rc = json_fail(ps, ps->p, ERR_SYNTAX,
			"found the end of the text, expected '*/' of the comment that begins at "
			"%u:%u",
			start.line, start.col);
	return rc;
}

/* What only JSON5 skips. 1: something was skipped, 0: p stands on a token, or an error. */
static int
skip_json5(struct json_parser *ps)
{
	uint32_t cp;
	size_t n;
	int rc;

	if (*ps->p == '\v' || *ps->p == '\f') {
		ps->p++;
		return 1;
	}
	if (*ps->p == '/' && (ps->p[1] == '/' || ps->p[1] == '*')) {
		rc = ps->p[1] == '/' ? skip_line_comment(ps) : skip_block_comment(ps);
		return rc < 0 ? rc : 1;
	}
	if (*ps->p < 0x80)
		return 0;
	n = utf8_decode(span_of(ps->p, (size_t)(ps->end - ps->p)), &cp);
	if (n == 0 || !is_wide_space(cp))
		return 0;
	ps->p += n;
	ps->line0 += n - 1;
	return 1;
}

int
json_skip_space(struct json_parser *ps)
{
	for (;;) {
		uint8_t c = *ps->p;

		/* most tokens follow one another directly, or after a single space */
		if (c > ' ' && c < 0x80 && c != '/')
			return 0;
		if (c == ' ' || c == '\t') {
			ps->p++;
			while (json_load64(ps->p) == EIGHT_SPACES)
				ps->p += 8;
		} else if (c == '\n' || c == '\r') {
			end_line(ps);
		} else {
			int rc = ps->json5 ? skip_json5(ps) : 0;

			if (rc <= 0)
				return rc;
		}
	}
}
