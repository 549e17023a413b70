#include "url/url.h"

#include <string.h>

#include "base/err.h"
#include "base/utf8.h"
#include "url/punycode.h"

#define LABEL_MAX 63

static const struct {
	const char *name;
	uint16_t port;
	bool plain, ws;
} schemes[] = {
	[URL_NONE] = {"", 0, true, false},
	[URL_HTTP] = {"http", 80, true, false},
	[URL_HTTPS] = {"https", 443, false, false},
	[URL_WS] = {"ws", 80, true, true},
	[URL_WSS] = {"wss", 443, false, true},
};

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool
is_alpha(uint8_t c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static int
hex_value(uint8_t c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
is_among(uint8_t c, const char *set)
{
	return c != 0 && memchr(set, c, strlen(set)) != NULL;
}

/* What holds for every byte of a URL, wherever it stands. */
static bool
has_plain_bytes(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] <= 0x20 || s.ptr[i] == 0x7f || s.ptr[i] == '\\')
			return false;
	}
	return utf8_is_valid(s);
}

static int
take_scheme(struct span *s, unsigned flags, enum url_scheme *out)
{
	ptrdiff_t colon = span_find_byte(*s, ':');

	if (colon < 0)
		return ERR_SYNTAX;
	for (unsigned i = URL_HTTP; i <= URL_WSS; i++) {
		if (!span_eq_nocase(
			    span_sub(*s, 0, (size_t)colon), span_from_cstr(schemes[i].name)))
			continue;
		if ((schemes[i].ws && !(flags & URL_ALLOW_WS)) ||
			(schemes[i].plain && (flags & URL_REFUSE_PLAIN)))
			return ERR_UNSUPPORTED;
		*s = span_sub(*s, (size_t)colon + 1, s->len);
		if (!span_starts_with(*s, SPAN("//")))
			return ERR_SYNTAX;
		*s = span_sub(*s, 2, s->len);
		*out = (enum url_scheme)i;
		return 0;
	}
	return ERR_UNSUPPORTED;
}

/* s up to the first byte of set, which stays in *s. */
static struct span
take_until(struct span *s, const char *set)
{
	size_t n = 0;
	struct span head;

	while (n < s->len && !is_among(s->ptr[n], set))
		n++;
	head = span_sub(*s, 0, n);
	*s = span_sub(*s, n, s->len);
	return head;
}

static bool
is_label(struct span l)
{
	if (l.len == 0 || l.len > LABEL_MAX || l.ptr[0] == '-' || l.ptr[l.len - 1] == '-')
		return false;
	for (size_t i = 0; i < l.len; i++) {
		if (!is_digit(l.ptr[i]) && !is_alpha(l.ptr[i]) && l.ptr[i] != '-')
			return false;
	}
	if (span_eq_nocase(span_sub(l, 0, 4), SPAN("xn--")))
		return punycode_is_valid(span_sub(l, 4, l.len));
	return true;
}

/* Readers of addresses take a last label of digits, or of 0x and hex digits, for a number. */
static bool
is_number(struct span l)
{
	bool hex = span_eq_nocase(span_sub(l, 0, 2), SPAN("0x"));

	for (size_t i = hex ? 2 : 0; i < l.len; i++) {
		if (hex ? hex_value(l.ptr[i]) < 0 : !is_digit(l.ptr[i]))
			return false;
	}
	return l.len > 0;
}

static int
set_name(struct span host, struct url *u)
{
	struct span rest = host, label;

	if (host.len == 0 || host.len > URL_HOST_MAX)
		return ERR_SYNTAX;
	do {
		label = span_cut(&rest, '.');
		if (!is_label(label))
			return ERR_SYNTAX;
	} while (rest.ptr != NULL);
	if (is_number(label)) {
		if (addr_parse_v4(host, &u->addr) < 0)
			return ERR_SYNTAX;
		u->kind = URL_HOST_V4;
		addr_format(&u->addr, u->host);
		return 0;
	}
	for (size_t i = 0; i < host.len; i++)
		u->host[i] = (char)(is_alpha(host.ptr[i]) ? host.ptr[i] | 0x20 : host.ptr[i]);
	u->kind = URL_HOST_NAME;
	return 0;
}

static int
set_port(struct span s, struct url *u)
{
	uint64_t port = 0;
	int rc;

	if (s.len == 0) {
		u->port = schemes[u->scheme].port;
		return 0;
	}
	if (s.ptr[0] != ':')
		return ERR_SYNTAX;
	rc = span_to_u64(span_sub(s, 1, s.len), 1, 65535, &port);
	u->port = (uint16_t)port;
	return rc;
}

static int
set_authority(struct span s, struct url *u)
{
	struct span host;
	ptrdiff_t end;
	int rc;

	if (span_starts_with(s, SPAN("["))) {
		end = span_find_byte(s, ']');
		if (end < 0 || addr_parse_v6(span_sub(s, 1, (size_t)end - 1), &u->addr) < 0)
			return ERR_SYNTAX;
		u->kind = URL_HOST_V6;
		addr_format(&u->addr, u->host);
		return set_port(span_sub(s, (size_t)end + 1, s.len), u);
	}
	host = take_until(&s, ":");
	rc = set_name(host, u);
	return rc < 0 ? rc : set_port(s, u);
}

static int
target_put(struct url *u, uint8_t c)
{
	if (u->target_len >= URL_MAX)
		return ERR_TOOBIG;
	u->target[u->target_len++] = (char)c;
	return 0;
}

static int
target_put_encoded(struct url *u, uint8_t c)
{
	static const char digits[] = "0123456789ABCDEF";

	if (URL_MAX - u->target_len < 3)
		return ERR_TOOBIG;
	u->target[u->target_len++] = '%';
	u->target[u->target_len++] = digits[c >> 4];
	u->target[u->target_len++] = digits[c & 15];
	return 0;
}

static bool
is_unreserved(uint8_t c)
{
	return is_digit(c) || is_alpha(c) || is_among(c, "-._~");
}

/* Bytes of a path or query in canonical form; also lets through the sub-delims, ':', '@' and the
 * given others. */
static int
put_canonical(struct url *u, struct span s, const char *others)
{
	int rc = 0;

	for (size_t i = 0; i < s.len && rc == 0; i++) {
		uint8_t c = s.ptr[i];
		int hi, lo;

		if (c != '%') {
			rc = is_unreserved(c) || is_among(c, "!$&'()*+,;=:@") || is_among(c, others)
				     ? target_put(u, c)
				     : target_put_encoded(u, c);
			continue;
		}
		hi = i + 1 < s.len ? hex_value(s.ptr[i + 1]) : -1;
		lo = i + 2 < s.len ? hex_value(s.ptr[i + 2]) : -1;
		if (hi < 0 || lo < 0 || (hi | lo) == 0)
			return ERR_SYNTAX;
		c = (uint8_t)(hi << 4 | lo);
		rc = is_unreserved(c) ? target_put(u, c) : target_put_encoded(u, c);
		i += 2;
	}
	return rc;
}

/* Back to behind the '/' before the last segment; the first '/' stays. */
static void
drop_segment(struct url *u)
{
	if (u->target_len > 1)
		u->target_len--;
	while (u->target_len > 1 && u->target[u->target_len - 1] != '/')
		u->target_len--;
}

/* Segment by segment; "." and ".." (RFC 3986 section 5.2.4) are recognised after decoding. */
static int
set_path(struct span s, struct url *u)
{
	int rc = target_put(u, '/');

	if (s.len > 0)
		s = span_sub(s, 1, s.len);
	while (rc == 0 && s.ptr != NULL) {
		bool last = span_find_byte(s, '/') < 0;
		size_t start = u->target_len;
		struct span segment;

		rc = put_canonical(u, span_cut(&s, '/'), "");
		if (rc < 0)
			break;
		segment = span_of(u->target + start, u->target_len - start);
		if (span_eq(segment, SPAN(".")) || span_eq(segment, SPAN(".."))) {
			bool up = segment.len == 2;

			u->target_len = (uint16_t)start;
			if (up)
				drop_segment(u);
		} else if (!last) {
			rc = target_put(u, '/');
		}
	}
	u->path_len = u->target_len;
	return rc;
}

static int
parse(struct span s, unsigned flags, struct url *u)
{
	struct span part;
	int rc;

	if (s.len > URL_MAX)
		return ERR_TOOBIG;
	if (!has_plain_bytes(s))
		return ERR_SYNTAX;
	rc = take_scheme(&s, flags, &u->scheme);
	if (rc < 0)
		return rc;
	rc = set_authority(take_until(&s, "/?#"), u);
	if (rc < 0)
		return rc;
	part = take_until(&s, "?#");
	rc = set_path(part, u);
	if (rc < 0 || s.len == 0 || s.ptr[0] == '#')
		return rc;
	part = take_until(&s, "#");
	rc = target_put(u, '?');
	return rc < 0 ? rc : put_canonical(u, span_sub(part, 1, part.len), "/?");
}

int
url_parse(struct span s, unsigned flags, struct url *out)
{
	int rc;

	memset(out, 0, sizeof(*out));
	rc = parse(s, flags, out);
	if (rc < 0)
		memset(out, 0, sizeof(*out));
	else /* what removed dot segments left behind */
		memset(out->target + out->target_len, 0, URL_MAX - out->target_len);
	return rc;
}

int
url_parse_origin(struct span s, struct url *out)
{
	struct buf text = {.max = URL_MAX};
	int rc = url_parse(s, URL_ALLOW_WS, out);

	if (rc == 0)
		rc = url_origin_put(&text, out);
	if (rc == 0 && !span_eq(buf_span(&text), s))
		rc = ERR_SYNTAX;
	if (rc < 0)
		memset(out, 0, sizeof(*out));
	buf_clear(&text);
	return rc;
}

bool
url_is_same_origin(const struct url *a, const struct url *b)
{
	return a->scheme != URL_NONE && a->scheme == b->scheme && a->kind == b->kind &&
	       a->port == b->port && span_eq(url_host(a), url_host(b));
}

struct span
url_host(const struct url *u)
{
	return span_from_cstr(u->host);
}

struct span
url_path(const struct url *u)
{
	return span_of(u->target, u->path_len);
}

struct span
url_query(const struct url *u)
{
	if (u->path_len == u->target_len)
		return SPAN_EMPTY;
	return span_sub(url_target(u), u->path_len + 1u, u->target_len);
}

struct span
url_target(const struct url *u)
{
	return span_of(u->target, u->target_len);
}

int
url_authority_put(struct buf *out, const struct url *u)
{
	if (u->kind == URL_HOST_V6)
		buf_put_u8(out, '[');
	buf_put(out, url_host(u));
	if (u->kind == URL_HOST_V6)
		buf_put_u8(out, ']');
	if (u->port != schemes[u->scheme].port) {
		buf_put_u8(out, ':');
		buf_put_u64_dec(out, u->port);
	}
	return out->err;
}

int
url_origin_put(struct buf *out, const struct url *u)
{
	buf_put_cstr(out, schemes[u->scheme].name);
	buf_put(out, SPAN("://"));
	return url_authority_put(out, u);
}

int
url_put(struct buf *out, const struct url *u)
{
	url_origin_put(out, u);
	buf_put(out, url_target(u));
	return out->err;
}
