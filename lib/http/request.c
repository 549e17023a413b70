/* What a complete, well-formed head means, and which meanings are refused. */
#include "http/request.h"

#include "base/err.h"
#include "base/weak.h"
#include "http/chars.h"
#include "http/path.h"

static const struct method_row {
	const char *name;
	enum http_method method; /* 0: known and never allowed */
	bool has_body;           /* its length must be said */
} methods[] = {
	{"GET", HTTP_GET, false},
	{"HEAD", HTTP_HEAD, false},
	{"POST", HTTP_POST, true},
	{"PUT", HTTP_PUT, true},
	{"PATCH", HTTP_PATCH, true},
	{"DELETE", HTTP_DELETE, false},
	{"OPTIONS", HTTP_OPTIONS, false},
	{"CONNECT", 0, false},
	{"TRACE", 0, false},
};

#define METHODS_N (sizeof(methods) / sizeof(methods[0]))

/* Fields that decide about framing, rights or the upgrade: each may be there once. */
enum known {
	KNOWN_HOST,
	KNOWN_CONTENT_LENGTH,
	KNOWN_TRANSFER_ENCODING,
	KNOWN_CONNECTION,
	KNOWN_UPGRADE,
	KNOWN_EXPECT,
	KNOWN_WS_KEY,
	KNOWN_WS_VERSION,
	KNOWN_AUTHORIZATION,
	KNOWN_COOKIE,
	KNOWN_ORIGIN,
	KNOWN_CONTENT_TYPE,
	KNOWN_CONTENT_ENCODING,
	KNOWN_RANGE,
	KNOWN_N,
};

static const struct span known_names[KNOWN_N] = {
	[KNOWN_HOST] = SPAN("host"),
	[KNOWN_CONTENT_LENGTH] = SPAN("content-length"),
	[KNOWN_TRANSFER_ENCODING] = SPAN("transfer-encoding"),
	[KNOWN_CONNECTION] = SPAN("connection"),
	[KNOWN_UPGRADE] = SPAN("upgrade"),
	[KNOWN_EXPECT] = SPAN("expect"),
	[KNOWN_WS_KEY] = SPAN("sec-websocket-key"),
	[KNOWN_WS_VERSION] = SPAN("sec-websocket-version"),
	[KNOWN_AUTHORIZATION] = SPAN("authorization"),
	[KNOWN_COOKIE] = SPAN("cookie"),
	[KNOWN_ORIGIN] = SPAN("origin"),
	[KNOWN_CONTENT_TYPE] = SPAN("content-type"),
	[KNOWN_CONTENT_ENCODING] = SPAN("content-encoding"),
	[KNOWN_RANGE] = SPAN("range"),
};

/* The values of the known fields; .ptr NULL where there is none. */
struct facts {
	struct span v[KNOWN_N];
};

static bool
has(const struct facts *f, enum known k)
{
	return f->v[k].ptr != NULL;
}

const char *
http_method_name(enum http_method method)
{
	for (size_t i = 0; i < METHODS_N; i++) {
		if (method != 0 && methods[i].method == method)
			return methods[i].name;
	}
	return "?";
}

static unsigned
parse_line(struct span line, struct http_request *req, const struct method_row **row)
{
	struct span name = span_cut(&line, ' ');
	struct span version;

	req->target = span_cut(&line, ' ');
	version = line;
	if (!span_starts_with(version, SPAN("HTTP/")) || version.ptr[5] < '0' ||
		version.ptr[5] > '9' || version.ptr[6] != '.' || version.ptr[7] < '0' ||
		version.ptr[7] > '9')
		return 400;
	if (version.ptr[5] != '1' || version.ptr[7] > '1')
		return 505;
	req->minor = version.ptr[7] - '0';
	for (size_t i = 0; i < METHODS_N; i++) {
		if (span_eq(name, span_from_cstr(methods[i].name))) {
			*row = &methods[i];
			req->method = methods[i].method;
			return req->method == 0 ? 405 : 0;
		}
	}
	return 501;
}

static unsigned
note_known(struct facts *f, const struct http_field *field)
{
	for (size_t k = 0; k < KNOWN_N; k++) {
		/* most names differ in length */
		if (field->name.len != known_names[k].len ||
			!span_eq_nocase(field->name, known_names[k]))
			continue;
		if (has(f, (enum known)k) && !WEAK(HTTP_TWICE))
			return 400;
		f->v[k] = field->value;
		return 0;
	}
	return 0;
}

/* lines: field lines, each ended by CRLF, then the empty line; no other CR or LF is in it. */
static unsigned
parse_fields(struct span lines, struct http_request *req, struct facts *f)
{
	unsigned status = 0;

	while (lines.len > 2 && status == 0) {
		struct span line = span_cut(&lines, '\r');
		struct http_field *field = &req->fields[req->fields_n++];

		lines = span_sub(lines, 1, lines.len);
		field->name = span_cut(&line, ':');
		field->value = span_trim(line);
		status = note_known(f, field);
	}
	return status;
}

/* host [":" port]: a name, an IPv4 address or an IPv6 address in brackets. */
static bool
is_authority(struct span s)
{
	ptrdiff_t end;
	struct span host;
	uint64_t port;

	if (s.len == 0 || s.len > HTTP_HOST_MAX)
		return false;
	if (s.ptr[0] == '[') {
		end = span_find_byte(s, ']');
		if (end < 3)
			return false;
		host = span_sub(s, 1, (size_t)end - 1);
		for (size_t i = 0; i < host.len; i++) {
			if (!char_is(host.ptr[i], CHAR_HEX) && host.ptr[i] != ':' &&
				host.ptr[i] != '.')
				return false;
		}
		s = span_sub(s, (size_t)end + 1, s.len);
		if (s.len == 0)
			return true;
		if (s.ptr[0] != ':')
			return false;
		s = span_sub(s, 1, s.len);
	} else {
		host = span_cut(&s, ':');
		if (host.len == 0 || !http_chars_all(host, CHAR_HOST))
			return false;
		if (s.ptr == NULL)
			return true;
	}
	return span_to_u64(s, 1, 65535, &port) == 0;
}

/* absolute-form: cuts scheme and authority off *target; the authority must be the one of Host. */
static unsigned
cut_authority(struct span *target, struct span host)
{
	ptrdiff_t at = span_find(*target, SPAN("://"));
	struct span scheme = span_sub(*target, 0, at < 0 ? 0 : (size_t)at);
	struct span rest;
	ptrdiff_t slash;

	if (!span_eq_nocase(scheme, SPAN("http")) && !span_eq_nocase(scheme, SPAN("https")))
		return 400;
	rest = span_sub(*target, scheme.len + 3, target->len);
	slash = span_find_byte(rest, '/');
	if (slash < 0 || !span_eq_nocase(span_sub(rest, 0, (size_t)slash), host))
		return 400;
	*target = span_sub(rest, (size_t)slash, rest.len);
	return 0;
}

static unsigned
parse_target(struct http_request *req, const struct facts *f)
{
	struct span t = req->target;
	unsigned status;

	req->host = f->v[KNOWN_HOST];
	if (!has(f, KNOWN_HOST) || !is_authority(req->host))
		return 400;
	if (span_eq(t, SPAN("*"))) {
		req->path = t;
		return req->method == HTTP_OPTIONS ? 0 : 400;
	}
	if (t.ptr[0] != '/') {
		status = cut_authority(&t, req->host);
		if (status != 0)
			return status;
	}
	req->path = span_cut(&t, '?');
	req->query = t;
	return http_path_check(req->path) < 0 || http_query_check(req->query) < 0 ? 400 : 0;
}

/* Transfer-Encoding beside "chunked": 501 where chunked is last and could be read by somebody, else
 * 400 (RFC 9112, 6.1). */
static unsigned
refuse_coding(struct span codings)
{
	struct span last = SPAN_EMPTY;

	while (codings.ptr != NULL) {
		if (span_eq_nocase(last, SPAN("chunked")))
			return 400;
		last = span_trim(span_cut(&codings, ','));
	}
	return span_eq_nocase(last, SPAN("chunked")) ? 501 : 400;
}

static unsigned
parse_framing(struct http_request *req, const struct facts *f, const struct method_row *row)
{
	int rc;

	req->has_content_length = has(f, KNOWN_CONTENT_LENGTH);
	if (has(f, KNOWN_TRANSFER_ENCODING)) {
		if ((req->has_content_length && !WEAK(HTTP_FRAMING)) || req->minor == 0)
			return 400;
		if (!span_eq_nocase(f->v[KNOWN_TRANSFER_ENCODING], SPAN("chunked")))
			return refuse_coding(f->v[KNOWN_TRANSFER_ENCODING]);
		req->is_chunked = true;
		return 0;
	}
	if (!req->has_content_length)
		return row->has_body ? 411 : 0;
	rc = span_to_u64(f->v[KNOWN_CONTENT_LENGTH], 0, HTTP_BODY_MAX, &req->content_length);
	if (rc == ERR_RANGE)
		return 413;
	return rc < 0 ? 400 : 0;
}

/* -1 for a malformed list, else whether the field names the token. */
static int
names(const struct facts *f, enum known k, struct span token)
{
	return has(f, k) ? http_list_has(f->v[k], token) : 0;
}

static unsigned
parse_connection(struct http_request *req, const struct facts *f)
{
	int closes = names(f, KNOWN_CONNECTION, SPAN("close"));
	int keeps = names(f, KNOWN_CONNECTION, SPAN("keep-alive"));

	if (closes < 0)
		return 400;
	req->keep_alive = closes == 0 && (req->minor == 1 || keeps == 1);
	if (has(f, KNOWN_EXPECT)) {
		if (!span_eq_nocase(f->v[KNOWN_EXPECT], SPAN("100-continue")))
			return 417;
		req->expects_continue =
			req->minor == 1 && (req->is_chunked || req->content_length > 0);
	}
	return 0;
}

/* 16 bytes in base64: 22 characters, the last of which carries two bits, and "==". */
static bool
is_ws_key(struct span key)
{
	if (key.len != 24 || !span_ends_with(key, SPAN("==")))
		return false;
	for (size_t i = 0; i < 22; i++) {
		uint8_t c = key.ptr[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') &&
			c != '+' && c != '/')
			return false;
	}
	return span_find_byte(SPAN("AQgw"), key.ptr[21]) >= 0;
}

/* RFC 6455, 4.2.1. Another protocol's upgrade is not for us and is ignored (RFC 9110, 7.8). */
static unsigned
parse_upgrade(struct http_request *req, const struct facts *f)
{
	int wanted = names(f, KNOWN_UPGRADE, SPAN("websocket"));

	if (wanted < 0)
		return 400;
	if (wanted == 0 || req->minor == 0)
		return 0;
	if (req->method != HTTP_GET || names(f, KNOWN_CONNECTION, SPAN("upgrade")) != 1 ||
		req->is_chunked || req->content_length > 0)
		return 400;
	if (!has(f, KNOWN_WS_VERSION) || !span_eq(f->v[KNOWN_WS_VERSION], SPAN("13")))
		return 426;
	if (!has(f, KNOWN_WS_KEY) || !is_ws_key(f->v[KNOWN_WS_KEY]))
		return 400;
	req->is_websocket = true;
	req->ws_key = f->v[KNOWN_WS_KEY];
	return 0;
}

unsigned
http_request_parse(struct span head, struct http_request *req)
{
	struct facts facts = {0};
	struct span lines = head;
	struct span line = span_cut(&lines, '\r');
	const struct method_row *row = NULL;
	unsigned status;

	/* fields[] is filled as far as fields_n says */
	req->method = 0;
	req->minor = 0;
	req->path = req->query = req->host = req->ws_key = SPAN_EMPTY;
	req->fields_n = 0;
	req->content_length = 0;
	req->has_content_length = req->is_chunked = req->keep_alive = false;
	req->expects_continue = req->is_websocket = false;
	req->head_len = head.len;
	status = parse_line(line, req, &row);
	if (status == 0)
		status = parse_fields(span_sub(lines, 1, lines.len), req, &facts);
	if (status == 0)
		status = parse_target(req, &facts);
	if (status == 0)
		status = parse_framing(req, &facts, row);
	if (status == 0)
		status = parse_connection(req, &facts);
	if (status == 0)
		status = parse_upgrade(req, &facts);
	return status;
}
