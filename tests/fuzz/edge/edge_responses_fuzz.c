/* Requests of /v1/responses: whatever comes, there is a prompt within its limit, or words that say why not. */
#include <stdlib.h>

#include "base/err.h"
#include "base/limits.h"
#include "edge_turn_ask.h"

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
	struct turn_ask ask;
	struct json_node *root;
	struct arena arena;
	char words[160] = "";

	arena_init(&arena, MIB(8));
	turn_ask_init(&ask);
	if (json_parse(&arena, span_of(data, size), NULL, &root, NULL) == 0) {
		int rc = responses_read(&ask, root, words, sizeof(words));

		check(rc == 0 || rc == ERR_SYNTAX || rc == ERR_TOOBIG);
		check(rc != ERR_SYNTAX || words[0] != 0);
		if (rc == 0) {
			check(ask.prompt.len > 0 && ask.prompt.len <= CHAT_MESSAGE_MAX);
			check(ask.history.len <= CHAT_MESSAGE_MAX);
			check(ask.rules.len <= CHAT_MESSAGE_MAX);
		}
		check(turn_agent_of(ask.model).len <= 64);
	}
	turn_ask_clear(&ask);
	arena_clear(&arena);
	return 0;
}
