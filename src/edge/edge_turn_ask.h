/* What a client's request over HTTP says to the agent, whatever its shape. */
#ifndef EDGE_EDGE_TURN_ASK_H
#define EDGE_EDGE_TURN_ASK_H

#include "base/mem.h"
#include "json/json.h"

struct turn_ask {
	struct buf rules; /* what the client calls system or developer messages, or instructions */
	struct buf history;
	struct buf prompt;
	struct span agent; /* empty: main */
	struct span model;
	struct span user;
	bool stream;
	bool usage; /* stream_options.include_usage */
};

void turn_ask_init(struct turn_ask *ask);
void turn_ask_clear(struct turn_ask *ask);
/* Appends a message to the history, or to the rules when its role is system or developer. */
void turn_ask_put(struct turn_ask *ask, struct span role, struct span text);
/* Has any of the texts passed CHAT_MESSAGE_MAX? */
bool turn_ask_is_over(const struct turn_ask *ask);

/* "moltbot:main", "openclaw/main", "agent:main": the agent in a model's name; empty: none. */
struct span turn_agent_of(struct span model);

/*
 * A request of /v1/responses (edge_responses_read.c). Spans in *ask borrow from root. 0; ERR_SYNTAX with the words for the
 * client in message; ERR_TOOBIG.
 */
int responses_read(struct turn_ask *ask, const struct json_node *root, char *message, size_t cap);

#endif
