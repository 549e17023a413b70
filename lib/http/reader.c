/*
 * The incremental half: walks each byte of the head once and refuses what no request may contain,
 * so that nothing malformed is waited for. What the fields mean is request.c's, once the head is
 * complete.
 */
#include "http/http.h"

#include <assert.h>

#include "base/err.h"
#include "http/chars.h"
#include "http/request.h"

#define METHOD_MAX 16
#define VERSION_LEN 8

static_assert(
	METHOD_MAX + HTTP_TARGET_MAX + VERSION_LEN + 4 < HTTP_HEAD_MAX, "414 comes before 431");
static_assert(HTTP_HEAD_MAX <= UINT16_MAX, "http_reader.mark");
static_assert(HTTP_HEADERS_MAX < UINT8_MAX, "http_reader.fields_n");

enum state {
	IN_METHOD,
	IN_TARGET,
	IN_VERSION,
	IN_LINE_LF,
	IN_FIELD,
	IN_NAME,
	IN_VALUE,
	IN_END_LF,
	IN_DONE
};

/* The class of characters that leave a state as it is. */
static const uint8_t run_class[IN_DONE + 1] = {
	[IN_TARGET] = CHAR_VISIBLE, [IN_NAME] = CHAR_TOKEN, [IN_VALUE] = CHAR_VALUE};

static unsigned
enter(struct http_reader *rd, enum state state)
{
	rd->state = (uint8_t)state;
	rd->mark = (uint16_t)(rd->off + 1);
	return 0;
}

/* One byte of the request line: 0 or the status to answer. */
static unsigned
step_line(struct http_reader *rd, uint8_t c)
{
	uint32_t len = rd->off - rd->mark;

	switch (rd->state) {
	case IN_METHOD:
		if (c == ' ' && len > 0)
			return enter(rd, IN_TARGET);
		if (!char_is(c, CHAR_TOKEN))
			return 400;
		return len < METHOD_MAX ? 0 : 501;
	case IN_TARGET:
		return c == ' ' && len > 0 ? enter(rd, IN_VERSION) : 400;
	default: /* IN_VERSION */
		if (c == '\r' && len == VERSION_LEN)
			return enter(rd, IN_LINE_LF);
		return char_is(c, CHAR_VISIBLE) && len < VERSION_LEN ? 0 : 400;
	}
}

/* One byte behind the request line. */
static unsigned
step_field(struct http_reader *rd, uint8_t c)
{
	switch (rd->state) {
	case IN_LINE_LF:
		return c == '\n' ? enter(rd, IN_FIELD) : 400;
	case IN_FIELD:
		if (c == '\r')
			return enter(rd, IN_END_LF);
		if (!char_is(c, CHAR_TOKEN))
			return 400;
		if (rd->fields_n == HTTP_HEADERS_MAX)
			return 431;
		rd->fields_n++;
		return enter(rd, IN_NAME);
	case IN_NAME:
		return c == ':' ? enter(rd, IN_VALUE) : 400;
	case IN_VALUE:
		return c == '\r' ? enter(rd, IN_LINE_LF) : 400;
	case IN_END_LF:
		return c == '\n' ? enter(rd, IN_DONE) : 400;
	default:
		return 400;
	}
}

int
http_reader_read(struct http_reader *rd, struct span in, struct http_request *req, unsigned *status)
{
	uint32_t end = in.len < HTTP_HEAD_MAX ? (uint32_t)in.len : HTTP_HEAD_MAX;

	*status = 0;
	while (rd->off < end && rd->state != IN_DONE && *status == 0) {
		while (rd->off < end && char_is(in.ptr[rd->off], run_class[rd->state]))
			rd->off++;
		if (rd->state == IN_TARGET && rd->off - rd->mark > HTTP_TARGET_MAX)
			*status = 414;
		else if (rd->off < end) {
			*status = rd->state <= IN_VERSION ? step_line(rd, in.ptr[rd->off])
							  : step_field(rd, in.ptr[rd->off]);
			rd->off++;
		}
	}
	if (*status == 0 && rd->state == IN_DONE)
		*status = http_request_parse(span_sub(in, 0, rd->off), req);
	else if (*status == 0 && rd->off < HTTP_HEAD_MAX)
		return ERR_AGAIN;
	else if (*status == 0)
		*status = 431;
	return *status == 0 ? 0 : ERR_PROTO;
}
