/*
 * Event streams: whole and byte by byte give the same events; an event written by us is read back
 * as it was, but for line ends.
 */
#include <stdlib.h>

#include "base/err.h"
#include "sse/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
put_event(struct buf *out, const struct sse_event *ev)
{
	buf_put_fmt(out, "%zu %zu %zu:", ev->event.len, ev->data.len, ev->id.len);
	buf_put(out, ev->event);
	buf_put(out, ev->data);
	buf_put(out, ev->id);
}

static int
run(struct span in, size_t step, struct buf *out, struct buf *copy)
{
	struct sse_reader r;
	struct sse_event ev;
	int rc = ERR_AGAIN;

	sse_reader_init(&r);
	for (size_t at = 0; at < in.len && rc == ERR_AGAIN; at += step) {
		struct span piece = span_sub(in, at, step);

		while ((rc = sse_reader_read(&r, &piece, &ev)) == 0) {
			put_event(out, &ev);
			if (copy != NULL && span_find_byte(ev.event, 0) < 0 &&
				sse_put(copy, ev.event, ev.id, ev.data) < 0)
				abort();
		}
	}
	sse_reader_clear(&r);
	return rc;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct span in = span_of(data, len);
	struct buf a = {.max = MIB(64u)};
	struct buf b = {.max = MIB(64u)};
	struct buf copy = {.max = MIB(64u)};
	bool has_nul = span_find_byte(in, 0) >= 0;

	if (run(in, len == 0 ? 1 : len, &a, &copy) != run(in, 1, &b, NULL) ||
		!span_eq(buf_span(&a), buf_span(&b)))
		abort();
	buf_reset(&b);
	run(buf_span(&copy), copy.len + 1, &b, NULL);
	/* an id that was taken back is not written, so it is compared only where none is used */
	if (!has_nul && span_find(in, SPAN("id")) < 0 && !span_eq(buf_span(&a), buf_span(&b)))
		abort();
	buf_clear(&a);
	buf_clear(&b);
	buf_clear(&copy);
	return 0;
}
