#include "sse/sse.h"

#include <string.h>

#include "base/err.h"

void
sse_reader_init(struct sse_reader *r)
{
	*r = (struct sse_reader){0};
	buf_init(&r->line, SSE_LINE_MAX);
	buf_init(&r->data, SSE_EVENT_MAX);
	buf_init(&r->event, SSE_NAME_MAX);
	buf_init(&r->id, SSE_NAME_MAX);
}

void
sse_reader_clear(struct sse_reader *r)
{
	buf_clear(&r->line);
	buf_clear(&r->data);
	buf_clear(&r->event);
	buf_clear(&r->id);
}

/* Index of the first CR or LF, or -1. */
static ptrdiff_t
find_end(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '\n' || s.ptr[i] == '\r')
			return (ptrdiff_t)i;
	}
	return -1;
}

static void
set_retry(struct sse_reader *r, struct span value)
{
	uint64_t v = 0;

	for (size_t i = 0; i < value.len; i++) {
		if (value.ptr[i] < '0' || value.ptr[i] > '9')
			return;
		v = v * 10 + (uint64_t)(value.ptr[i] - '0');
		if (v > UINT32_MAX)
			v = UINT32_MAX;
	}
	if (value.len == 0)
		return;
	r->retry_ms = v;
	r->has_retry = true;
}

static int
take_field(struct sse_reader *r, struct span name, struct span value)
{
	int rc = 0;

	if (span_eq(name, SPAN("data"))) {
		if (r->has_data)
			buf_put_u8(&r->data, '\n');
		rc = buf_put(&r->data, value);
		r->has_data = true;
	} else if (span_eq(name, SPAN("event"))) {
		buf_reset(&r->event);
		rc = buf_put(&r->event, value);
	} else if (span_eq(name, SPAN("id"))) {
		if (span_find_byte(value, 0) >= 0)
			return 0;
		buf_reset(&r->id);
		rc = buf_put(&r->id, value);
	} else if (span_eq(name, SPAN("retry"))) {
		set_retry(r, value);
	}
	return rc;
}

/* The empty line. 1: an event is ready; 0: there was no data, the type is forgotten. */
static int
dispatch(struct sse_reader *r, struct sse_event *ev)
{
	if (!r->has_data) {
		buf_reset(&r->event);
		return 0;
	}
	ev->event = r->event.len > 0 ? buf_span(&r->event) : SPAN("message");
	ev->data = buf_span(&r->data);
	ev->id = buf_span(&r->id);
	r->is_sent = true;
	return 1;
}

/* 1: an event is ready; 0: go on; else an error. */
static int
take_line(struct sse_reader *r, struct span line, struct sse_event *ev)
{
	struct span name;

	if (!r->has_started && span_starts_with(line, SPAN("\xef\xbb\xbf")))
		line = span_sub(line, 3, line.len);
	r->has_started = true;
	if (line.len == 0)
		return dispatch(r, ev);
	name = span_cut(&line, ':');
	if (name.len == 0)
		return 0;
	if (line.len > 0 && line.ptr[0] == ' ')
		line = span_sub(line, 1, line.len);
	return take_field(r, name, line);
}

/* Takes one line, whole or its part that is there. 1, 0 or an error as take_line; ERR_AGAIN without
 * its end. */
static int
read_line(struct sse_reader *r, struct span *in, struct sse_event *ev)
{
	ptrdiff_t end = find_end(*in);
	struct span part = end < 0 ? *in : span_of(in->ptr, (size_t)end);
	int rc;

	if (end < 0) {
		*in = SPAN_EMPTY;
		rc = buf_put(&r->line, part);
		return rc < 0 ? rc : ERR_AGAIN;
	}
	r->after_cr = in->ptr[end] == '\r';
	*in = span_sub(*in, (size_t)end + 1, in->len);
	if (part.len > SSE_LINE_MAX)
		return ERR_TOOBIG;
	if (r->line.len == 0)
		return take_line(r, part, ev);
	if (buf_put(&r->line, part) < 0)
		return ERR_TOOBIG;
	rc = take_line(r, buf_span(&r->line), ev);
	buf_reset(&r->line);
	return rc;
}

int
sse_reader_read(struct sse_reader *r, struct span *in, struct sse_event *ev)
{
	int rc = r->err;

	if (r->is_sent) {
		buf_reset(&r->data);
		buf_reset(&r->event);
		r->has_data = false;
		r->is_sent = false;
	}
	while (rc == 0) {
		if (in->len == 0)
			return ERR_AGAIN;
		if (r->after_cr && in->ptr[0] == '\n')
			*in = span_sub(*in, 1, in->len);
		r->after_cr = false;
		if (in->len == 0)
			return ERR_AGAIN;
		rc = read_line(r, in, ev);
	}
	if (rc < 0 && rc != ERR_AGAIN)
		r->err = rc;
	return rc == 1 ? 0 : rc;
}
