/*
 * What a model server answers: the first byte chooses the format (1 to 4), and 0 or 5 to 7 an answer with an error's status; the
 * second says how many bytes come at once. Calls that it makes have arguments that are a list, and what goes wrong has words.
 */
#include <stdint.h>
#include <stdlib.h>

#include "agent_answer.h"
#include "base/err.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The loop around the provider, played: data comes in pieces. */
static struct span coming;
static size_t piece;

void
agent_delta(struct agent *a, struct span text)
{
	(void)a;
	if (text.len > MIB(1u))
		abort();
}

int
agent_model_ask(struct agent *a, struct span body, uint64_t tokens)
{
	(void)a;
	(void)tokens;
	return body.len > 0 ? 0 : ERR_SYNTAX;
}

bool
agent_model_wait(struct agent *a)
{
	struct span now = span_sub(coming, 0, piece);

	if (now.len == 0)
		return false;
	coming = span_sub(coming, now.len, coming.len);
	return buf_put(&a->model_data, now) == 0;
}

void
agent_model_used(struct agent *a, size_t n)
{
	buf_consume(&a->model_data, n);
}

void
agent_prompt_put(const struct agent *a, struct buf *out)
{
	(void)a;
	(void)buf_put_cstr(out, "prompt");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct {
		const struct agent_format *format;
		uint32_t status;
	} ways[8] = {
		{&agent_format_openai, 429},
		{&agent_format_openai, 200},
		{&agent_format_responses, 200},
		{&agent_format_anthropic, 200},
		{&agent_format_gemini, 200},
		{&agent_format_responses, 500},
		{&agent_format_anthropic, 400},
		{&agent_format_gemini, 403},
	};
	struct agent a = {.model_data = {.max = MIB(32u)},
		.model_detail = {.max = KIB(4u)},
		.arena = {.max = MIB(64u)},
		.tools = UINT64_MAX,
		.stream = true,
		.model_status_seen = true};
	struct agent_turn turn = {.text = {.max = RUN_TEXT_MAX}, .why = {.max = KIB(4u)}};

	if (size < 2)
		return 0;
	a.model_status = ways[data[0] & 7].status;
	piece = data[1] + 1u;
	coming = span_of(data + 2, size - 2);
	agent_answer_turn(&a, ways[data[0] & 7].format, &turn);
	if (turn.ncalls > AGENT_CALLS_PER_TURN || turn.nthoughts > AGENT_THOUGHTS_PER_TURN)
		abort();
	if (turn.error != MODEL_OK && turn.why.len == 0)
		abort();
	for (size_t i = 0; i < turn.ncalls; i++)
		if (turn.calls[i].wrong == NULL && args_check(turn.calls[i].args) != 0)
			abort();
	buf_clear(&turn.text);
	buf_clear(&turn.why);
	buf_clear(&a.model_data);
	buf_clear(&a.model_detail);
	arena_clear(&a.arena);
	return 0;
}
