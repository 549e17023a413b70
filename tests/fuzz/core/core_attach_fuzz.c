/* Attachments of a message, as a client's JSON: taken in silence, or refused once. */
#include <stdlib.h>

#include "args/args_json.h"
#include "core/rpc/rpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned refusals;

void
rpc_invalid(struct rpc_call *call, const char *what)
{
	(void)call;
	refusals += what[0] != 0;
}

void
core_reply_error(struct core_caller *caller, enum rpc_code code, const char *message)
{
	(void)caller;
	(void)code;
	refusals += message[0] != 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf list = {.max = IPC_BODY_MAX};
	struct rpc_call call = {0};
	bool good;

	refusals = 0;
	if (args_json_parse(&list, span_of(data, size)) == 0) {
		call.args = buf_span(&list);
		good = rpc_attachments_check(&call);
		if (refusals != (good ? 0 : 1))
			abort();
	}
	buf_clear(&list);
	return 0;
}
