/* Chunked bodies: whole and byte by byte give the same verdict, the same body and the same end. */
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "http/body.h"

#define BODY_MAX 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int
run(struct span in, size_t step, struct buf *out, size_t *used)
{
	static const struct http_request req = {.is_chunked = true};
	struct http_body b;
	struct span data;
	int rc = ERR_AGAIN;

	*used = 0;
	http_body_init(&b, &req, BODY_MAX);
	while (rc == ERR_AGAIN && *used < in.len) {
		struct span piece = span_sub(in, *used, step);
		size_t n = piece.len;

		while ((rc = http_body_read(&b, &piece, &data)) == 0)
			buf_put(out, data);
		*used += n - piece.len;
	}
	return rc;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct buf a = {.max = BODY_MAX};
	struct buf b = {.max = BODY_MAX};
	size_t used_a;
	size_t used_b;
	int rc = run(span_of(data, len), len == 0 ? 1 : len, &a, &used_a);

	if (rc != run(span_of(data, len), 1, &b, &used_b) || a.err < 0 || used_a != used_b ||
		!span_eq(buf_span(&a), buf_span(&b)))
		abort();
	buf_clear(&a);
	buf_clear(&b);
	return 0;
}
