#include "edge_turn_ask.h"

#include "base/err.h"
#include "base/limits.h"

void
turn_ask_init(struct turn_ask *ask)
{
	*ask = (struct turn_ask){.rules = {.max = CHAT_MESSAGE_MAX},
		.history = {.max = CHAT_MESSAGE_MAX},
		.prompt = {.max = CHAT_MESSAGE_MAX},
		.model = SPAN("moltbot")};
}

void
turn_ask_clear(struct turn_ask *ask)
{
	buf_clear(&ask->rules);
	buf_clear(&ask->history);
	buf_clear(&ask->prompt);
}

void
turn_ask_put(struct turn_ask *ask, struct span role, struct span text)
{
	bool rules = span_eq(role, SPAN("system")) || span_eq(role, SPAN("developer"));
	struct buf *to = rules ? &ask->rules : &ask->history;

	if (to->len > 0)
		(void)buf_put_cstr(to, "\n\n");
	if (!rules) {
		(void)buf_put(to, role);
		(void)buf_put_cstr(to, ": ");
	}
	(void)buf_put(to, text);
}

struct span
turn_agent_of(struct span model)
{
	static const struct span prefixes[] = {SPAN("moltbot:"), SPAN("moltbot/"),
		SPAN("openclaw:"), SPAN("openclaw/"), SPAN("clawdbot:"), SPAN("clawdbot/"),
		SPAN("agent:")};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (span_starts_with(model, prefixes[i]))
			return span_sub(model, prefixes[i].len, 64);
	}
	return SPAN_EMPTY;
}

bool
turn_ask_is_over(const struct turn_ask *ask)
{
	return ask->rules.err < 0 || ask->history.err < 0 || ask->prompt.err < 0;
}
