/* The tool loop: a provider's turn, the calls it asks for, the next turn, until there is an answer or a budget is used up. */
#include "agent_answer.h"

#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/weak.h"
#include "proto/core_agent.h"

#define INLINE_MAX 12288

struct agent_item *
agent_item_add(struct agent *a)
{
	if (a->nitems == a->capitems) {
		a->capitems = a->capitems == 0 ? 64 : a->capitems * 2;
		a->items = mem_grow(a->items, a->capitems, sizeof(*a->items));
	}
	a->items[a->nitems] = (struct agent_item){0};
	return &a->items[a->nitems++];
}

static struct ipc_chan *
core(const struct agent *a)
{
	return child_peer(a->child, KIND_CORE, 0);
}

/* A send that waits while the socket is full: this is straight-line code. */
static int
wait_room(struct agent *a, int rc)
{
	if (rc == ERR_AGAIN && !a->gone)
		(void)ev_turn(a->child->ev, 10);
	return rc;
}

static bool
turn_loop(struct agent *a)
{
	return !a->gone && ev_turn(a->child->ev, -1) == 0 && !a->gone;
}

/* Text goes out in messages of whole code points. */
void
agent_delta(struct agent *a, struct span text)
{
	while (text.len > 0 && core(a) != NULL) {
		size_t n = text.len < INLINE_MAX ? text.len : INLINE_MAX;
		struct core_agent_delta msg;

		while (n < text.len && n > 0 && (text.ptr[n] & 0xc0) == 0x80)
			n--;
		msg = (struct core_agent_delta){.text = span_sub(text, 0, n)};
		while (wait_room(a, core_agent_delta_send(core(a), &msg)) == ERR_AGAIN &&
			core(a) != NULL)
			continue;
		text = span_sub(text, n, text.len);
	}
}

int
agent_model_ask(struct agent *a, struct span body, uint64_t tokens)
{
	struct core_agent_model_call msg = {.call = ++a->next_call,
		.tokens = tokens,
		.stream = a->stream,
		.body = ipc_body_seal(body)};
	int rc;

	if (msg.body < 0)
		return msg.body;
	a->model_done = false;
	a->model_status_seen = false;
	a->model_status = 0;
	a->model_rc = 0;
	buf_reset(&a->model_data);
	rc = core(a) == NULL ? ERR_CLOSED : core_agent_model_call_send(core(a), &msg);
	close(msg.body);
	return rc;
}

bool
agent_model_wait(struct agent *a)
{
	size_t had = a->model_data.len;

	while (a->model_data.len == had && !a->model_done) {
		if (!turn_loop(a))
			return false;
	}
	return a->model_data.len > had || !a->model_done;
}

void
agent_model_used(struct agent *a, size_t n)
{
	buf_consume(&a->model_data, n);
	a->model_unacked += n;
	if (a->model_unacked >= IPC_CREDIT_BYTES / 4 && core(a) != NULL) {
		(void)core_agent_credit_send(
			core(a), &(struct core_agent_credit){.bytes = a->model_unacked});
		a->model_unacked = 0;
	}
}

/* Everything that goes in a message of its own when it is short, in a sealed body when it is long. */
static int
body_for(struct span text, struct span *inline_text)
{
	if (text.len <= INLINE_MAX) {
		*inline_text = text;
		return -1;
	}
	*inline_text = SPAN_EMPTY;
	return ipc_body_seal(text);
}

static void
close_body(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void finish(struct agent *a, uint8_t outcome, uint8_t error, struct span text);

/* Carries one call out and adds call and result to the conversation. */
static bool
do_call(struct agent *a, const struct agent_call *call)
{
	struct core_agent_tool_call msg = {.call = ++a->next_call,
		.call_id = call->id,
		.tool = call->tool,
		.name = call->name};
	struct agent_item *it = agent_item_add(a);

	*it = (struct agent_item){.role = ROLE_ASSISTANT,
		.kind = ITEM_TOOL_CALL,
		.turn = a->turns,
		.name = call->name,
		.call_id = call->id,
		.args = call->args,
		.seal = call->seal};
	a->tool_done = false;
	if (call->wrong != NULL) {
		a->tool_ok = false;
		a->tool_text = span_from_cstr(call->wrong);
	} else {
		msg.body = body_for(call->args, &msg.args);
		if (core(a) == NULL || core_agent_tool_call_send(core(a), &msg) < 0) {
			close_body(msg.body);
			/* whoever waits for this run must hear of its end */
			finish(a, RUN_FAILED, MODEL_PROTOCOL,
				SPAN("The model sent a tool call that cannot be carried out."));
			return false;
		}
		close_body(msg.body);
		while (!a->tool_done) {
			if (!turn_loop(a))
				return false;
		}
	}
	it = agent_item_add(a);
	*it = (struct agent_item){.role = ROLE_TOOL,
		.kind = ITEM_TOOL_RESULT,
		.turn = a->turns,
		.name = call->name,
		.call_id = call->id,
		.error = !a->tool_ok,
		.text = a->tool_text};
	return true;
}

/* What the assistant said before a call stays in the transcript. */
static void
note(struct agent *a, struct span text)
{
	struct core_agent_note msg = {0};
	struct agent_item *it;

	if (text.len == 0 || core(a) == NULL)
		return;
	it = agent_item_add(a);
	*it = (struct agent_item){.role = ROLE_ASSISTANT,
		.kind = ITEM_TEXT,
		.turn = a->turns,
		.text = arena_copy(&a->arena, text)};
	msg.body = body_for(text, &msg.text);
	(void)core_agent_note_send(core(a), &msg);
	close_body(msg.body);
}

static void
finish(struct agent *a, uint8_t outcome, uint8_t error, struct span text)
{
	struct core_agent_finish msg = {.outcome = outcome,
		.error = error,
		.tokens_in = a->tokens_in,
		.tokens_out = a->tokens_out,
		.model = span_sub(a->model, 0, 128)};

	if (core(a) == NULL)
		return;
	msg.body = body_for(text, &msg.text);
	if (core_agent_finish_send(core(a), &msg) < 0 && core(a) != NULL) {
		close_body(msg.body);
		msg.outcome = RUN_FAILED;
		msg.error = MODEL_PROTOCOL;
		msg.model = SPAN_EMPTY;
		msg.text = SPAN("The answer could not be delivered.");
		msg.body = -1;
		(void)core_agent_finish_send(core(a), &msg);
	}
	close_body(msg.body);
}

/* What the model thought before its calls goes back with them, in this run only. */
static void
keep_thoughts(struct agent *a, const struct agent_turn *t)
{
	for (size_t i = 0; i < t->nthoughts; i++) {
		struct agent_item *it = agent_item_add(a);

		*it = (struct agent_item){.role = ROLE_ASSISTANT,
			.kind = AGENT_THOUGHT,
			.turn = a->turns,
			.call_id = t->thoughts[i].id,
			.text = t->thoughts[i].text,
			.seal = t->thoughts[i].seal};
	}
}

static void
turn_clear(struct agent_turn *t)
{
	buf_clear(&t->text);
	buf_clear(&t->why);
}

/* One turn and its calls. True: another turn is needed. */
static bool
step(struct agent *a, const struct agent_format *format, unsigned *calls)
{
	struct agent_turn t = {.text = {.max = RUN_TEXT_MAX}, .why = {.max = 4096}};
	bool more = false;

	a->turns++;
	if (format != NULL)
		agent_answer_turn(a, format, &t);
	else
		agent_offline_turn(a, &t);
	a->tokens_in += t.tokens_in;
	a->tokens_out += t.tokens_out;
	if (t.error != MODEL_OK) {
		finish(a, RUN_FAILED, t.error, buf_span(&t.why));
	} else if (t.ncalls == 0) {
		finish(a, RUN_DONE, MODEL_OK, buf_span(&t.text));
	} else {
		keep_thoughts(a, &t);
		note(a, buf_span(&t.text));
		more = true;
		for (size_t i = 0; i < t.ncalls && more; i++) {
			if (++*calls > RUN_TOOL_CALLS_MAX && !WEAK(BUDGET)) {
				finish(a, RUN_FAILED, MODEL_BUDGET,
					SPAN("The run was stopped: it used up its budget of tool "
					     "calls."));
				more = false;
			} else {
				more = do_call(a, &t.calls[i]);
			}
		}
	}
	turn_clear(&t);
	return more;
}

void
agent_run(struct agent *a)
{
	const struct agent_format *format = agent_format_of(a->provider);
	unsigned calls = 0;

	while (step(a, format, &calls)) {
		if (a->turns >= RUN_MODEL_CALLS_MAX && !WEAK(BUDGET)) {
			finish(a, RUN_FAILED, MODEL_BUDGET,
				SPAN("The run was stopped: it used up its budget of model "
				     "requests."));
			break;
		}
	}
	/* core ends us when it has the answer; until then messages still go out */
}
