/* Numbers: their grammar, their values, and how those of JSON5 are written in RFC 8259. */
#include "json/json_parse.h"

#include <locale.h>
#include <math.h>

#include "base/err.h"

/* What a number's text means: sign, and either digits in base 16 or 10 up to the exponent. */
struct parts {
	bool negative;
	bool special; /* Infinity or NaN */
	bool hex;
	const uint8_t *p;
	const uint8_t *end;
};

static bool
begins_with(const uint8_t *p, const uint8_t *end, struct span word)
{
	return (size_t)(end - p) >= word.len && memcmp(p, word.ptr, word.len) == 0;
}

static const uint8_t *
skip_digits(const uint8_t *p, const uint8_t *end)
{
	while (p < end && json_is_digit(*p))
		p++;
	return p;
}

static const uint8_t *
skip_hex(const uint8_t *p, const uint8_t *end)
{
	while (p < end && json_hex_digit(*p) >= 0)
		p++;
	return p;
}

static int
refuse(const uint8_t *at, const char *what, const uint8_t **stop, const char **expected)
{
	*stop = at;
	*expected = what;
	return ERR_SYNTAX;
}

/* Behind the sign: integer part, fraction, exponent. */
static int
scan_decimal(const uint8_t *p, const uint8_t *end, bool json5, const uint8_t **stop,
	const char **expected)
{
	const uint8_t *whole = p;
	const uint8_t *part;
	bool has_whole;

	p = skip_digits(p, end);
	has_whole = p > whole;
	if (!has_whole && !(json5 && p < end && *p == '.'))
		return refuse(p, "a digit", stop, expected);
	if (p - whole > 1 && *whole == '0')
		return refuse(whole + 1, "no digit after a leading zero", stop, expected);
	if (p < end && *p == '.') {
		part = ++p;
		p = skip_digits(p, end);
		if (p == part && !(json5 && has_whole))
			return refuse(p, "a digit after the decimal point", stop, expected);
	}
	if (p < end && (*p | 0x20) == 'e') {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		part = p;
		p = skip_digits(p, end);
		if (p == part)
			return refuse(p, "a digit of the exponent", stop, expected);
	}
	*stop = p;
	return 0;
}

int
json_number_scan(const uint8_t *p, const uint8_t *end, bool json5, const uint8_t **stop,
	const char **expected)
{
	const uint8_t *digits;

	*expected = NULL;
	if (p < end && (*p == '-' || (json5 && *p == '+')))
		p++;
	if (!json5)
		return scan_decimal(p, end, false, stop, expected);
	if (begins_with(p, end, SPAN("Infinity"))) {
		*stop = p + 8;
		return 0;
	}
	if (begins_with(p, end, SPAN("NaN"))) {
		*stop = p + 3;
		return 0;
	}
	if (end - p < 2 || p[0] != '0' || (p[1] | 0x20) != 'x')
		return scan_decimal(p, end, true, stop, expected);
	digits = p + 2;
	*stop = skip_hex(digits, end);
	return *stop > digits ? 0 : refuse(digits, "a hexadecimal digit", stop, expected);
}

static struct parts
take_apart(struct span text)
{
	struct parts n = {.p = text.ptr, .end = text.ptr + text.len};

	if (n.p < n.end && (*n.p == '-' || *n.p == '+'))
		n.negative = *n.p++ == '-';
	n.special = n.p < n.end && (*n.p == 'I' || *n.p == 'N');
	n.hex = n.end - n.p > 2 && (n.p[1] | 0x20) == 'x';
	if (n.hex)
		n.p += 2;
	return n;
}

static int
hex_value(const struct parts *n, uint64_t *out)
{
	uint64_t v = 0;

	for (const uint8_t *p = n->p; p < n->end; p++) {
		if (v >> 60 != 0)
			return ERR_RANGE;
		v = v << 4 | (uint64_t)json_hex_digit(*p);
	}
	*out = v;
	return 0;
}

/* The exponent at p (behind the e), held within what can matter for a text of JSON_TEXT_MAX bytes.
 */
static int64_t
exponent_value(const uint8_t *p, const uint8_t *end)
{
	bool negative = p < end && *p == '-';
	int64_t v = 0;

	if (p < end && (*p == '-' || *p == '+'))
		p++;
	for (; p < end; p++) {
		if (v < (int64_t)1 << 40)
			v = v * 10 + (*p - '0');
	}
	return negative ? -v : v;
}

/* v * 10^n + add; false when that is over 64 bits. */
static bool
shift_in(uint64_t *v, int64_t n, uint64_t add)
{
	if (*v == 0)
		n = 0;
	for (; n > 0; n--) {
		if (__builtin_mul_overflow(*v, (uint64_t)10, v))
			return false;
	}
	return !__builtin_add_overflow(*v, add, v);
}

/*
 * The exact value of a decimal number, when it is an integer. Zeros are held back until a digit
 * follows, so that 100000000000000000000e-10 and 1.50e1 are seen as the integers they are.
 */
static int
decimal_value(const struct parts *n, uint64_t *out)
{
	const uint8_t *p = n->p;
	uint64_t v = 0;
	int64_t zeros = 0; /* held back */
	int64_t scale = 0; /* the value is v * 10^(zeros + scale) */
	bool fits = true;
	bool in_fraction = false;
	bool is_zero = true;

	for (; p < n->end && (*p | 0x20) != 'e'; p++) {
		if (*p == '.') {
			in_fraction = true;
			continue;
		}
		scale -= in_fraction ? 1 : 0;
		zeros++;
		if (*p == '0')
			continue;
		is_zero = false;
		fits = fits && shift_in(&v, zeros, (uint64_t)(*p - '0'));
		zeros = 0;
	}
	*out = 0;
	if (is_zero)
		return 0;
	if (p < n->end)
		scale += exponent_value(p + 1, n->end);
	scale += zeros;
	if (scale < 0)
		return ERR_TYPE;
	if (!fits || !shift_in(&v, scale, 0))
		return ERR_RANGE;
	*out = v;
	return 0;
}

static int
integer_value(const struct json_node *node, bool *negative, uint64_t *out)
{
	struct parts n;

	if (node == NULL)
		return ERR_MISSING;
	if (node->kind != JSON_NUMBER)
		return ERR_TYPE;
	n = take_apart(node->v.text);
	*negative = n.negative;
	if (n.special)
		return ERR_RANGE;
	return n.hex ? hex_value(&n, out) : decimal_value(&n, out);
}

int
json_node_u64(const struct json_node *n, uint64_t *out)
{
	bool negative;
	uint64_t v;
	int rc = integer_value(n, &negative, &v);

	if (rc < 0)
		return rc;
	if (negative && v != 0)
		return ERR_RANGE;
	*out = v;
	return 0;
}

int
json_node_i64(const struct json_node *n, int64_t *out)
{
	bool negative;
	uint64_t v;
	int rc = integer_value(n, &negative, &v);

	if (rc < 0)
		return rc;
	if (v > (uint64_t)INT64_MAX + (negative ? 1 : 0))
		return ERR_RANGE;
	*out = negative ? (int64_t)(0 - v) : (int64_t)v;
	return 0;
}

static bool
has_digit_but_zero(const struct parts *n)
{
	for (const uint8_t *p = n->p; p < n->end && (n->hex || (*p | 0x20) != 'e'); p++) {
		if (*p != '0' && *p != '.')
			return true;
	}
	return false;
}

int
json_node_double(const struct json_node *node, double *out)
{
	struct parts n;
	locale_t c;
	double v;

	if (node == NULL)
		return ERR_MISSING;
	if (node->kind != JSON_NUMBER)
		return ERR_TYPE;
	n = take_apart(node->v.text);
	if (n.special)
		return ERR_RANGE;
	/*
	 * The text is followed by what ended it in the document, or by the zeros behind the
	 * document; neither goes on with a number, so strtod stops there. In the C locale the
	 * decimal point is a point whatever else is set.
	 */
	c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	if (c == (locale_t)0)
		return ERR_NOMEM;
	v = strtod_l((const char *)(n.hex ? n.p - 2 : n.p), NULL, c);
	freelocale(c);
	if (!isfinite(v) || (v == 0 && has_digit_but_zero(&n)))
		return ERR_RANGE;
	*out = n.negative ? -v : v;
	return 0;
}

int
json_number_put(struct buf *out, struct span text)
{
	struct parts n = take_apart(text);
	const uint8_t *point;
	uint64_t v;

	if (n.special)
		return ERR_RANGE;
	if (n.negative)
		buf_put_u8(out, '-');
	if (n.hex) {
		int rc = hex_value(&n, &v);

		return rc < 0 ? rc : buf_put_u64_dec(out, v);
	}
	point = skip_digits(n.p, n.end);
	if (point == n.p)
		buf_put_u8(out, '0');
	buf_put(out, span_of(n.p, (size_t)(point - n.p)));
	/* a point without a digit behind it goes */
	if (point < n.end && *point == '.' && (point + 1 == n.end || !json_is_digit(point[1])))
		point++;
	return buf_put(out, span_of(point, (size_t)(n.end - point)));
}
