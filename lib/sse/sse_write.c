#include "sse/sse.h"

#include "base/err.h"

static bool
is_one_line(struct span s)
{
	return span_find_byte(s, '\n') < 0 && span_find_byte(s, '\r') < 0 &&
	       span_find_byte(s, 0) < 0;
}

static void
put_line(struct buf *out, const char *name, struct span value)
{
	buf_put_cstr(out, name);
	buf_put(out, SPAN(": "));
	buf_put(out, value);
	buf_put_u8(out, '\n');
}

static void
put_data(struct buf *out, struct span data)
{
	size_t from = 0;

	for (size_t i = 0; i < data.len; i++) {
		if (data.ptr[i] != '\n' && data.ptr[i] != '\r')
			continue;
		put_line(out, "data", span_sub(data, from, i - from));
		if (data.ptr[i] == '\r' && i + 1 < data.len && data.ptr[i + 1] == '\n')
			i++;
		from = i + 1;
	}
	put_line(out, "data", span_sub(data, from, data.len));
}

static int
finish(struct buf *out, size_t start)
{
	int rc = out->err;

	if (rc < 0) {
		out->len = start;
		out->err = 0;
	}
	return rc;
}

int
sse_put(struct buf *out, struct span event, struct span id, struct span data)
{
	size_t start = out->len;

	if (out->err < 0)
		return out->err;
	if (!is_one_line(event) || !is_one_line(id))
		return ERR_SYNTAX;
	if (event.len > 0)
		put_line(out, "event", event);
	if (id.len > 0)
		put_line(out, "id", id);
	put_data(out, data);
	buf_put_u8(out, '\n');
	return finish(out, start);
}

int
sse_put_comment(struct buf *out, struct span text)
{
	size_t start = out->len;

	if (out->err < 0)
		return out->err;
	if (!is_one_line(text))
		return ERR_SYNTAX;
	buf_put(out, SPAN(": "));
	buf_put(out, text);
	buf_put(out, SPAN("\n\n"));
	return finish(out, start);
}
