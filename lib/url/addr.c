#include "url/addr.h"

#include <netinet/in.h>
#include <string.h>

#include "base/err.h"

static int
parse_four(struct span s, uint8_t out[4])
{
	for (unsigned i = 0; i < 4; i++) {
		uint64_t v = 0;

		if (i == 3 && span_find_byte(s, '.') >= 0)
			return ERR_SYNTAX;
		if (span_to_u64(span_cut(&s, '.'), 0, 255, &v) < 0)
			return ERR_SYNTAX;
		out[i] = (uint8_t)v;
	}
	return 0;
}

int
addr_parse_v4(struct span s, struct addr *out)
{
	struct addr a = {.family = 4};

	*out = (struct addr){0};
	if (parse_four(s, a.bytes) < 0)
		return ERR_SYNTAX;
	*out = a;
	return 0;
}

/* One to four hex digits at the start of *s, which it leaves behind them. */
static int
take_group(struct span *s, unsigned *out)
{
	size_t n = 0;

	*out = 0;
	for (; n < s->len && n < 5; n++) {
		uint8_t c = s->ptr[n];

		if (c >= '0' && c <= '9')
			*out = *out << 4 | (c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			*out = *out << 4 | ((c | 0x20u) - 'a' + 10);
		else
			break;
	}
	*s = span_sub(*s, n, s->len);
	return n >= 1 && n <= 4 ? 0 : ERR_SYNTAX;
}

/* The groups of an IPv6 literal as they come; gap is the number of groups before "::" or -1. */
struct groups {
	uint8_t bytes[16];
	unsigned n;
	int gap;
};

/* One step: a group with the colon behind it, or the dotted quad that ends the literal. */
static int
take_step(struct span *s, struct groups *g)
{
	struct span before = *s;
	unsigned v;

	if (g->n >= 8 || take_group(s, &v) < 0)
		return ERR_SYNTAX;
	if (s->len > 0 && s->ptr[0] == '.') {
		*s = SPAN_EMPTY;
		if (g->n > 6 || parse_four(before, g->bytes + 2 * (size_t)g->n) < 0)
			return ERR_SYNTAX;
		g->n += 2;
		return 0;
	}
	g->bytes[2 * g->n] = (uint8_t)(v >> 8);
	g->bytes[2 * g->n + 1] = (uint8_t)v;
	g->n++;
	if (s->len == 0)
		return 0;
	if (s->ptr[0] != ':' || s->len == 1)
		return ERR_SYNTAX;
	*s = span_sub(*s, 1, s->len);
	if (s->ptr[0] == ':') {
		if (g->gap >= 0)
			return ERR_SYNTAX;
		g->gap = (int)g->n;
		*s = span_sub(*s, 1, s->len);
	}
	return 0;
}

int
addr_parse_v6(struct span s, struct addr *out)
{
	struct groups g = {.gap = -1};
	size_t head, tail;

	*out = (struct addr){0};
	if (s.len < 2)
		return ERR_SYNTAX;
	if (span_starts_with(s, SPAN("::"))) {
		g.gap = 0;
		s = span_sub(s, 2, s.len);
	}
	while (s.len > 0) {
		if (take_step(&s, &g) < 0)
			return ERR_SYNTAX;
	}
	if (g.gap < 0 ? g.n != 8 : g.n > 7)
		return ERR_SYNTAX;
	head = g.gap < 0 ? 16 : 2 * (size_t)g.gap;
	tail = 2 * (size_t)g.n - (g.gap < 0 ? 16 : head);
	out->family = 6;
	memcpy(out->bytes, g.bytes, head);
	memcpy(out->bytes + 16 - tail, g.bytes + head, tail);
	return 0;
}

int
addr_parse(struct span s, struct addr *out)
{
	return span_find_byte(s, ':') >= 0 ? addr_parse_v6(s, out) : addr_parse_v4(s, out);
}

static size_t
put_number(char *out, unsigned v, unsigned base)
{
	char digits[8];
	size_t n = 0, len;

	do {
		digits[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v > 0);
	for (len = 0; n > 0; len++)
		out[len] = digits[--n];
	return len;
}

static size_t
put_four(char *out, const uint8_t *bytes)
{
	size_t len = 0;

	for (unsigned i = 0; i < 4; i++) {
		if (i > 0)
			out[len++] = '.';
		len += put_number(out + len, bytes[i], 10);
	}
	return len;
}

/* The first longest run of at least two zero groups (RFC 5952 section 4.2). */
static void
find_gap(const unsigned *groups, unsigned *at, unsigned *n)
{
	*at = 8;
	*n = 1;
	for (unsigned i = 0; i < 8; i++) {
		unsigned run = 0;

		while (i + run < 8 && groups[i + run] == 0)
			run++;
		if (run > *n) {
			*at = i;
			*n = run;
		}
	}
}

static size_t
put_groups(char *out, const uint8_t *bytes)
{
	unsigned groups[8], at, n, i;
	size_t len = 0;

	for (i = 0; i < 8; i++)
		groups[i] = (unsigned)bytes[2 * i] << 8 | bytes[2 * i + 1];
	find_gap(groups, &at, &n);
	for (i = 0; i < 8; i++) {
		if (i == at) {
			out[len++] = ':';
			if (i + n == 8)
				out[len++] = ':';
			i += n - 1;
			continue;
		}
		if (i > 0)
			out[len++] = ':';
		len += put_number(out + len, groups[i], 16);
	}
	return len;
}

size_t
addr_format(const struct addr *a, char out[ADDR_TEXT_MAX])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	size_t len = 0;

	if (a->family == 4) {
		len = put_four(out, a->bytes);
	} else if (a->family == 6 && memcmp(a->bytes, mapped, sizeof(mapped)) == 0) {
		memcpy(out, "::ffff:", 7);
		len = 7 + put_four(out + 7, a->bytes + 12);
	} else if (a->family == 6) {
		len = put_groups(out, a->bytes);
	}
	out[len] = '\0';
	return len;
}

bool
addr_is_equal(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

struct addr
addr_from_socket(const struct sockaddr_storage *ss, uint16_t *port)
{
	struct addr a = {0};

	if (ss->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)ss;

		a.family = 4;
		memcpy(a.bytes, &in->sin_addr, 4);
		*port = ntohs(in->sin_port);
	} else if (ss->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)ss;
		bool mapped = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);

		a.family = mapped ? 4 : 6;
		memcpy(a.bytes, in6->sin6_addr.s6_addr + (mapped ? 12 : 0), mapped ? 4 : 16);
		*port = ntohs(in6->sin6_port);
	}
	return a;
}
