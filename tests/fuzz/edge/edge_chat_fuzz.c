/* The body of /v1/chat/completions: refused with words, or texts within their limits. The file is taken in: its reader is private. */
#include "../../../src/edge/edge_chat_http.c" /* NOLINT(bugprone-suspicious-include) */

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

void
user_turn_post(struct user_conn *u, const struct turn_shape *s, struct span body)
{
	(void)u;
	(void)s;
	(void)body;
}

void
user_turn_event(struct user_conn *u, const char *name, struct span data)
{
	(void)u;
	(void)name;
	(void)data;
}

void
user_turn_put_usage(struct json_out *o, struct span result, const char *in, const char *out)
{
	(void)o;
	(void)result;
	(void)in;
	(void)out;
}

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
		int rc = shape.read(&ask, root, words, sizeof(words));

		check(rc == 0 || rc == ERR_SYNTAX || rc == ERR_MISSING || rc == ERR_TOOBIG);
		check(rc != ERR_MISSING || words[0] != 0);
		if (rc == 0 && !turn_ask_is_over(&ask)) {
			check(ask.prompt.len > 0 && ask.prompt.len <= CHAT_MESSAGE_MAX);
			check(ask.history.len <= CHAT_MESSAGE_MAX);
			check(ask.rules.len <= CHAT_MESSAGE_MAX);
		}
	}
	turn_ask_clear(&ask);
	arena_clear(&arena);
	return 0;
}
