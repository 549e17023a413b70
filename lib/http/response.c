#include "http/response.h"

#include <string.h>

#include "base/err.h"
#include "base/utc.h"

static const struct {
	unsigned status;
	const char *reason;
} reasons[] = {
	{100, "Continue"},
	{101, "Switching Protocols"},
	{200, "OK"},
	{201, "Created"},
	{202, "Accepted"},
	{204, "No Content"},
	{206, "Partial Content"},
	{301, "Moved Permanently"},
	{302, "Found"},
	{303, "See Other"},
	{304, "Not Modified"},
	{307, "Temporary Redirect"},
	{308, "Permanent Redirect"},
	{400, "Bad Request"},
	{401, "Unauthorized"},
	{403, "Forbidden"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{406, "Not Acceptable"},
	{408, "Request Timeout"},
	{409, "Conflict"},
	{410, "Gone"},
	{411, "Length Required"},
	{412, "Precondition Failed"},
	{413, "Content Too Large"},
	{414, "URI Too Long"},
	{415, "Unsupported Media Type"},
	{416, "Range Not Satisfiable"},
	{417, "Expectation Failed"},
	{421, "Misdirected Request"},
	{422, "Unprocessable Content"},
	{426, "Upgrade Required"},
	{429, "Too Many Requests"},
	{431, "Request Header Fields Too Large"},
	{500, "Internal Server Error"},
	{501, "Not Implemented"},
	{502, "Bad Gateway"},
	{503, "Service Unavailable"},
	{504, "Gateway Timeout"},
	{505, "HTTP Version Not Supported"},
};

const char *
http_reason(unsigned status)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].status == status)
			return reasons[i].reason;
	}
	return NULL;
}

static void
put_field(struct buf *b, struct span name, struct span value)
{
	buf_put(b, name);
	buf_put(b, SPAN(": "));
	buf_put(b, value);
	buf_put(b, SPAN("\r\n"));
}

/* After an error the buffer is what it was: a half response must never leave. */
static int
finish(struct buf *b, size_t start)
{
	int rc = b->err;

	if (rc < 0) {
		b->len = start;
		b->err = 0;
	}
	return rc;
}

static int
check_fields(const struct http_field *fields, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!http_is_token(fields[i].name) || !http_is_value(fields[i].value) ||
			span_eq_nocase(fields[i].name, SPAN("content-length")) ||
			span_eq_nocase(fields[i].name, SPAN("transfer-encoding")))
			return ERR_SYNTAX;
	}
	return 0;
}

int
http_response_head(
	struct buf *b, unsigned status, const struct http_field *fields, size_t n, int64_t length)
{
	bool bodyless = status < 200 || status == 204 || status == 304;
	const char *reason = http_reason(status);
	size_t start = b->len;
	int rc;

	if (b->err < 0)
		return b->err;
	if (reason == NULL || length < HTTP_LEN_NONE || bodyless != (length == HTTP_LEN_NONE))
		return ERR_RANGE;
	rc = check_fields(fields, n);
	if (rc < 0)
		return rc;
	buf_put(b, SPAN("HTTP/1.1 "));
	buf_put_u64_dec(b, status);
	buf_put_u8(b, ' ');
	buf_put_cstr(b, reason);
	buf_put(b, SPAN("\r\n"));
	for (size_t i = 0; i < n; i++)
		put_field(b, fields[i].name, fields[i].value);
	if (length == HTTP_LEN_CHUNKED) {
		put_field(b, SPAN("Transfer-Encoding"), SPAN("chunked"));
	} else if (length >= 0) {
		buf_put(b, SPAN("Content-Length: "));
		buf_put_u64_dec(b, (uint64_t)length);
		buf_put(b, SPAN("\r\n"));
	}
	buf_put(b, SPAN("\r\n"));
	return finish(b, start);
}

int
http_chunk_put(struct buf *b, struct span data)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t size[2 * sizeof(data.len)];
	size_t at = sizeof(size);
	size_t start = b->len;

	if (b->err < 0 || data.len == 0)
		return b->err;
	for (size_t n = data.len; n > 0; n >>= 4)
		size[--at] = (uint8_t)digits[n & 15];
	buf_put(b, span_of(size + at, sizeof(size) - at));
	buf_put(b, SPAN("\r\n"));
	buf_put(b, data);
	buf_put(b, SPAN("\r\n"));
	return finish(b, start);
}

int
http_chunk_end(struct buf *b)
{
	size_t start = b->len;

	if (b->err < 0)
		return b->err;
	buf_put(b, SPAN("0\r\n\r\n"));
	return finish(b, start);
}

int
http_date_format(time_t t, char out[HTTP_DATE_LEN + 1])
{
	/* tables of our own: strftime's names depend on the locale */
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	char text[96];
	struct tm tm;
	int n;

	if (utc_split(t, &tm) < 0)
		return ERR_RANGE;
	n = snprintf(text, sizeof(text), "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
		days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900,
		tm.tm_hour, tm.tm_min, tm.tm_sec);
	if (n != HTTP_DATE_LEN)
		return ERR_RANGE;
	memcpy(out, text, HTTP_DATE_LEN + 1);
	return 0;
}
