/*
 * One answer of a model as it comes in, whatever the provider's format: text goes on at once, calls are gathered piece by piece, and
 * what goes wrong is kept with its class. A format (providers/<name>.c) says how a request is written and what a document of the
 * answer means; the rest of a turn is here.
 */
#ifndef AGENT_AGENT_ANSWER_H
#define AGENT_AGENT_ANSWER_H

#include "agent.h"
#include "json/json.h"
#include "json/json_out.h"

/* A call that is still coming in. */
struct agent_pending {
	uint64_t index; /* the provider's number of it */
	struct buf id;
	struct buf name;
	struct buf args; /* JSON */
	struct buf seal; /* see agent_item.seal */
};

struct agent_answer {
	struct agent *agent;
	struct agent_turn *turn;
	const struct agent_format *format;
	struct {
		struct agent_pending at[AGENT_CALLS_PER_TURN];
		size_t n;
	} calls;
	struct agent_pending thought; /* the one that is coming in; args is its text */
	bool done;                    /* the provider has said that it is all */
};

struct agent_format {
	const char *name;
	/* The whole request. The writer keeps the first error. */
	void (*put_request)(const struct agent *a, struct json_out *o);
	/* One document: of an event of the stream, or the whole answer when is_whole. Strings live as long as arena. */
	void (*take)(struct agent_answer *an, struct arena *arena, const struct json_node *root,
		bool is_whole);
	const char *nothing; /* an answer with nothing in it */
};

extern const struct agent_format agent_format_openai;
extern const struct agent_format agent_format_responses;
extern const struct agent_format agent_format_anthropic;
extern const struct agent_format agent_format_gemini;

/* By enum provider; NULL for one without a network. */
const struct agent_format *agent_format_of(uint8_t provider);

/* Asks, reads, and fills turn: text, calls, tokens, or the error. */
void agent_answer_turn(struct agent *a, const struct agent_format *format, struct agent_turn *turn);
/* Goes once through a format's code: the memory that a turn touches is then there before one waits for it. */
void agent_answer_ahead(const struct agent_format *format);

/* ---- for formats ---- */

/* The first one stays. detail: the provider's words, or empty. */
void agent_answer_fail(
	struct agent_answer *an, enum model_error error, const char *text, struct span detail);
/* An error object of any provider ({type, code, status, message}), or a string: its class, and its words. */
void agent_answer_error(
	struct agent_answer *an, struct arena *arena, const struct json_node *error);
/* A part of the text. */
void agent_answer_text(struct agent_answer *an, struct span text);
/* The call of that number, a new one if need be. NULL: too many of them, which has been said. */
struct agent_pending *agent_answer_call(struct agent_answer *an, uint64_t index);
/* A thought that is complete. */
void agent_answer_thought(struct agent_answer *an);
/* A string as text of ours: a NUL, which no message carries, becomes U+FFFD. False: no string. */
bool agent_answer_str(struct arena *arena, const struct json_node *node, struct span *out);
/* The same into a buf behind what it has; nothing when it is no string. */
void agent_answer_put_str(struct buf *b, const struct json_node *node);
/* JSON that comes as a string of it, in pieces, or as the value itself. */
void agent_answer_put_json(struct buf *b, const struct json_node *node);
/* *out is left as it is when it is no number. */
void agent_answer_u64(const struct json_node *node, uint64_t *out);

/* The arguments of a call as a JSON object, whatever they are. */
void agent_put_args(struct json_out *o, struct span args);

/*
 * The conversation in pieces: [*from, *to) is the next one, and either one text or all of one turn of the model that had calls:
 * thoughts, text, and calls each followed by its result. Calls without a result are left out by agent_piece_is_call().
 */
bool agent_piece_next(const struct agent *a, size_t *from, size_t *to);
bool agent_piece_has_call(const struct agent *a, size_t from, size_t to);
/* Is the first thing that is shown something the user said; some providers take nothing else. */
bool agent_begins_with_user(const struct agent *a);
/* Is item at one of a piece's calls, which have their result behind them. */
bool agent_piece_is_call(const struct agent *a, size_t at);

#endif
