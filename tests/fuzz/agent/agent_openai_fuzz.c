/*
 * What a model server answers: first byte 0 for an answer with an error's status, else a good one; second byte how many bytes come
 * at once. Calls that it makes have arguments that are a list.
 */
#include <stdint.h>
#include <stdlib.h>

#include "agent.h"
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
	struct agent a = {.model_data = {.max = MIB(32u)},
		.model_detail = {.max = KIB(4u)},
		.tools = UINT64_MAX,
		.stream = true,
		.model_status_seen = true};
	struct agent_turn turn = {.text = {.max = RUN_TEXT_MAX}, .why = {.max = KIB(4u)}};

	if (size < 2)
		return 0;
	a.model_status = data[0] == 0 ? 429 : 200;
	piece = data[1] + 1u;
	coming = span_of(data + 2, size - 2);
	agent_provider_openai.turn(&a, &turn);
	if (turn.ncalls > AGENT_CALLS_PER_TURN)
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
