/* The connect frame of strangers: whatever comes, it is refused with words or all its fields are within their limits. */
#include <stdlib.h>

#include "base/err.h"
#include "edge_connect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool ok)
{
	if (!ok)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct edge_connect c;
	struct edge_refusal r = {0};
	struct arena arena;
	int rc;

	arena_init(&arena, KIB(160));
	rc = edge_connect_parse(&arena, span_of(data, size), &c, &r);
	check(rc == 0 || rc == ERR_SYNTAX || rc == ERR_TYPE || rc == ERR_DENIED);
	if (rc == ERR_DENIED)
		check(c.req.len > 0 && c.req.len <= 256 && r.message[0] != 0 && r.close != 0);
	if (rc == 0) {
		check(c.client_id.len > 0 && c.client_id.len <= 64 && c.role.len > 0 &&
			c.scopes.len <= 512);
		check(c.device_id.len <= 128 && c.public_key.len <= 512 && c.signature.len <= 128 &&
			c.nonce.len <= 64);
		check(c.token.len <= 4096 && c.password.len <= 4096);
		rc = edge_connect_check(
			&c, &(struct edge_connect_door){.nonce = SPAN("n"), .now_ms = 1}, &r);
		check(rc == 0 || rc == ERR_DENIED);
		edge_connect_refused(&c, &(struct edge_verdict){.why = size % 16}, &r);
		check(r.message[0] != 0);
	}
	arena_clear(&arena);
	return 0;
}
