/*
 * The frame decoder: whole and byte by byte give the same events and the same end. The first byte
 * chooses the role.
 */
#include <stdlib.h>

#include "base/err.h"
#include "ws/ws.h"

#define MSG_MAX 1024

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static unsigned
run(enum ws_role role, struct span in, size_t step, struct buf *out)
{
	struct buf b = {.max = WS_BUFFER_MAX(MSG_MAX) + step};
	struct ws_decoder d;
	struct ws_event ev;
	int rc = ERR_AGAIN;

	ws_decoder_init(&d, role, MSG_MAX);
	for (size_t at = 0; at < in.len && rc == ERR_AGAIN; at += step) {
		if (buf_put(&b, span_sub(in, at, step)) < 0)
			abort();
		while ((rc = ws_decode(&d, &b, &ev)) == 0) {
			if (ev.data.len > MSG_MAX)
				abort();
			buf_put_fmt(out, "%d %d %zu:", (int)ev.kind, ev.code, ev.data.len);
			buf_put(out, ev.data);
		}
		if (rc == ERR_AGAIN && b.len > WS_BUFFER_MAX(MSG_MAX))
			abort();
	}
	buf_clear(&b);
	return rc == ERR_PROTO ? d.code : rc == ERR_CLOSED ? 1 : 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct buf a = {.max = MIB(16u)};
	struct buf b = {.max = MIB(16u)};
	enum ws_role role;
	struct span in;

	if (len < 2)
		return 0;
	role = (data[0] & 1) != 0 ? WS_CLIENT : WS_SERVER;
	in = span_of(data + 1, len - 1);
	if (run(role, in, in.len, &a) != run(role, in, 1, &b) ||
		!span_eq(buf_span(&a), buf_span(&b)))
		abort();
	buf_clear(&a);
	buf_clear(&b);
	return 0;
}
