/*
 * OpenAI-compatible chat completions (platform.openai.com/docs/api-reference/chat): the request, and the answer as an event
 * stream of chunks or as one document, whichever the server sends.
 */
#include "../agent.h"

#include <string.h>

#include "args/args_json.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/weak.h"
#include "json/json.h"
#include "json/json_out.h"
#include "sse/sse.h"

#define CHUNK_ARENA_MAX (4ul * 1024 * 1024)

struct pending_call {
	struct buf id;
	struct buf name;
	struct buf args;
};

/* One answer as it comes in. */
struct answer {
	struct agent *agent;
	struct agent_turn *turn;
	struct pending_call calls[AGENT_CALLS_PER_TURN];
	size_t ncalls;
	bool done;
	int err;
};

/* ---- the request ---- */

static void
put_text_message(struct json_out *o, const char *role, struct span text)
{
	json_out_begin_object(o);
	json_out_key(o, SPAN("role"));
	json_out_str(o, span_from_cstr(role));
	json_out_key(o, SPAN("content"));
	json_out_str(o, text);
	json_out_end_object(o);
}

static void
put_call(struct json_out *o, const struct agent_item *it)
{
	struct buf args = {.max = IPC_BODY_MAX};
	struct json_out inner;

	json_out_init(&inner, &args, NULL);
	if (args_json_write(&inner, it->args) < 0) {
		buf_reset(&args);
		buf_put(&args, SPAN("{}"));
	}
	json_out_begin_object(o);
	json_out_key(o, SPAN("id"));
	json_out_str(o, it->call_id);
	json_out_key(o, SPAN("type"));
	json_out_str(o, SPAN("function"));
	json_out_key(o, SPAN("function"));
	json_out_begin_object(o);
	json_out_key(o, SPAN("name"));
	json_out_str(o, it->name);
	json_out_key(o, SPAN("arguments"));
	json_out_str(o, buf_span(&args));
	json_out_end_object(o);
	json_out_end_object(o);
	buf_clear(&args);
}

/* Calls and results are kept one by one; the protocol wants a call beside its text, and its result next. */
static void
put_tool_call_message(struct json_out *o, const struct agent_item *it)
{
	json_out_begin_object(o);
	json_out_key(o, SPAN("role"));
	json_out_str(o, SPAN("assistant"));
	json_out_key(o, SPAN("content"));
	json_out_null(o);
	json_out_key(o, SPAN("tool_calls"));
	json_out_begin_array(o);
	put_call(o, it);
	json_out_end_array(o);
	json_out_end_object(o);
}

static void
put_result(struct json_out *o, const struct agent_item *it)
{
	json_out_begin_object(o);
	json_out_key(o, SPAN("role"));
	json_out_str(o, SPAN("tool"));
	json_out_key(o, SPAN("tool_call_id"));
	json_out_str(o, it->call_id);
	json_out_key(o, SPAN("content"));
	json_out_str(o, it->text);
	json_out_end_object(o);
}

static bool
has_result(const struct agent *a, size_t at)
{
	return at + 1 < a->nitems && a->items[at + 1].kind == ITEM_TOOL_RESULT &&
	       span_eq(a->items[at + 1].call_id, a->items[at].call_id);
}

static void
put_messages(const struct agent *a, struct json_out *o)
{
	struct buf prompt = {.max = IPC_BODY_MAX};

	agent_prompt_put(a, &prompt);
	json_out_begin_array(o);
	put_text_message(o, "system", buf_span(&prompt));
	for (size_t i = 0; i < a->nitems; i++) {
		const struct agent_item *it = &a->items[i];

		if (it->kind == ITEM_TEXT) {
			put_text_message(o,
				it->role == ROLE_USER        ? "user"
				: it->role == ROLE_ASSISTANT ? "assistant"
							     : "system",
				it->text);
		} else if (it->kind == ITEM_TOOL_CALL && has_result(a, i)) {
			put_tool_call_message(o, it);
			put_result(o, &a->items[++i]);
		}
		/* a call without its result (the run was interrupted there) is left out: servers refuse it */
	}
	json_out_end_array(o);
	buf_clear(&prompt);
}

static int
put_request(const struct agent *a, struct buf *out)
{
	struct json_out o;

	json_out_init(&o, out, NULL);
	json_out_begin_object(&o);
	json_out_key(&o, SPAN("model"));
	json_out_str(&o, a->model);
	json_out_key(&o, SPAN("messages"));
	put_messages(a, &o);
	if (a->tools != 0) {
		json_out_key(&o, SPAN("tools"));
		agent_tools_put_openai(a, &o);
	}
	if (a->max_tokens > 0) {
		json_out_key(&o, SPAN("max_tokens"));
		json_out_u64(&o, a->max_tokens);
	}
	json_out_key(&o, SPAN("stream"));
	json_out_bool(&o, a->stream);
	if (a->stream) {
		json_out_key(&o, SPAN("stream_options"));
		json_out_begin_object(&o);
		json_out_key(&o, SPAN("include_usage"));
		json_out_bool(&o, true);
		json_out_end_object(&o);
	}
	json_out_end_object(&o);
	return json_out_finish(&o);
}

/* ---- the answer ---- */

static void
fail(struct agent_turn *t, uint8_t error, const char *text, struct span detail)
{
	if (t->error != MODEL_OK)
		return;
	t->error = error;
	buf_put_cstr(&t->why, text);
	if (detail.len > 0) {
		buf_put(&t->why, SPAN(" ("));
		buf_put(&t->why, span_sub(detail, 0, 1000));
		buf_put_u8(&t->why, ')');
	}
}

static void
take_usage(struct answer *an, const struct json_node *usage)
{
	uint64_t v;

	if (json_node_u64(json_get(usage, SPAN("prompt_tokens")), &v) == 0)
		an->turn->tokens_in = v;
	if (json_node_u64(json_get(usage, SPAN("completion_tokens")), &v) == 0)
		an->turn->tokens_out = v;
}

static struct pending_call *
call_at(struct answer *an, uint64_t index)
{
	if (index >= AGENT_CALLS_PER_TURN)
		return NULL;
	while (an->ncalls <= index) {
		an->calls[an->ncalls].id.max = 128;
		an->calls[an->ncalls].name.max = 128;
		an->calls[an->ncalls].args.max = IPC_BODY_MAX;
		an->ncalls++;
	}
	return &an->calls[index];
}

/* A string of the model's JSON as text of ours: a NUL, which no message carries, becomes U+FFFD. */
static bool
take_str(struct arena *arena, const struct json_node *node, struct span *out)
{
	struct buf clean = {.max = EGRESS_BODY_MAX};

	if (json_node_str(node, out) < 0)
		return false;
	if (span_find_byte(*out, 0) < 0)
		return true;
	for (size_t i = 0; i < out->len; i++)
		buf_put(&clean, out->ptr[i] == 0 ? SPAN("\xef\xbf\xbd") : span_of(out->ptr + i, 1));
	*out = clean.err < 0 ? SPAN_EMPTY : arena_copy(arena, buf_span(&clean));
	buf_clear(&clean);
	return true;
}

static void
take_calls(struct arena *arena, struct answer *an, const struct json_node *calls)
{
	uint64_t n = 0;

	for (const struct json_node *c = json_first(calls); c != NULL; c = c->next, n++) {
		const struct json_node *f = json_get(c, SPAN("function"));
		uint64_t index = n;
		struct pending_call *p;
		struct span s;

		(void)json_node_u64(json_get(c, SPAN("index")), &index);
		p = call_at(an, index);
		if (p == NULL) {
			fail(an->turn, MODEL_PROTOCOL,
				"The model asked for too many tools at once.", SPAN_EMPTY);
			return;
		}
		if (take_str(arena, json_get(c, SPAN("id")), &s) && p->id.len == 0)
			buf_put(&p->id, s);
		if (take_str(arena, json_get(f, SPAN("name")), &s))
			buf_put(&p->name, s);
		if (json_node_str(json_get(f, SPAN("arguments")), &s) == 0)
			buf_put(&p->args, s);
		if (p->id.err < 0 || p->name.err < 0 || p->args.err < 0)
			fail(an->turn, MODEL_PROTOCOL,
				"The model sent a tool call that is too long.", SPAN_EMPTY);
	}
}

/* One chunk (delta) or the whole document (message): the same members below choices[0]. */
static void
take_document(struct answer *an, struct span text)
{
	struct arena arena;
	struct json_node *root = NULL;
	const struct json_node *choice;
	const struct json_node *part;
	struct span s;

	arena_init(&arena, CHUNK_ARENA_MAX + text.len * 8);
	if (json_parse(&arena, text, NULL, &root, NULL) < 0) {
		fail(an->turn, MODEL_PROTOCOL, "The model server sent something that is not JSON.",
			SPAN_EMPTY);
		arena_clear(&arena);
		return;
	}
	if (take_str(&arena, json_get(json_get(root, SPAN("error")), SPAN("message")), &s))
		fail(an->turn, MODEL_PROTOCOL, "The model server reported an error.", s);
	choice = json_first(json_get(root, SPAN("choices")));
	part = json_get(choice, SPAN("delta"));
	if (part == NULL)
		part = json_get(choice, SPAN("message"));
	if (take_str(&arena, json_get(part, SPAN("content")), &s) && s.len > 0) {
		if (buf_put(&an->turn->text, s) < 0)
			fail(an->turn, MODEL_BUDGET,
				"The answer was longer than a run may produce.", SPAN_EMPTY);
		else
			agent_delta(an->agent, s);
	}
	take_calls(&arena, an, json_get(part, SPAN("tool_calls")));
	take_usage(an, json_get(root, SPAN("usage")));
	arena_clear(&arena);
}

static void
read_stream(struct agent *a, struct answer *an)
{
	struct sse_reader reader;
	struct sse_event event;

	sse_reader_init(&reader);
	do {
		struct span in = buf_span(&a->model_data);
		size_t n = in.len;

		while (sse_reader_read(&reader, &in, &event) == 0) {
			if (span_eq(event.data, SPAN("[DONE]")))
				an->done = true;
			else if (!an->done)
				take_document(an, event.data);
		}
		agent_model_used(a, n);
		if (reader.err < 0)
			fail(an->turn, MODEL_PROTOCOL,
				"The model server sent a line that is too long.", SPAN_EMPTY);
	} while (an->turn->error == MODEL_OK && agent_model_wait(a));
	sse_reader_clear(&reader);
}

static void
read_whole(struct agent *a, struct answer *an)
{
	struct buf all = {.max = EGRESS_BODY_MAX};

	do {
		size_t n = a->model_data.len;

		buf_put(&all, buf_span(&a->model_data));
		agent_model_used(a, n);
	} while (agent_model_wait(a));
	take_document(an, buf_span(&all));
	an->done = true;
	buf_clear(&all);
}

static bool
is_stream(struct span data)
{
	struct span s = span_trim(data);

	return s.len > 0 && s.ptr[0] != '{';
}

static void
explain_status(struct agent *a, struct agent_turn *t)
{
	uint32_t st = a->model_status;
	struct answer an = {.agent = a, .turn = t};
	struct agent_turn inner = {.text = {.max = 4096}, .why = {.max = 4096}};
	struct buf all = {.max = 65536};
	struct span detail;

	do {
		size_t n = a->model_data.len;

		buf_put(&all, buf_span(&a->model_data));
		agent_model_used(a, n);
	} while (agent_model_wait(a));
	an.turn = &inner;
	take_document(&an, buf_span(&all));
	detail = buf_span(&inner.why);
	if (st == 401 || st == 403)
		fail(t, MODEL_AUTH,
			"The provider did not accept the credential. Check the key that the "
			"configuration names.",
			detail);
	else if (st == 429)
		fail(t, MODEL_RATE, "The provider's rate limit was reached. Try again later.",
			detail);
	else if (st == 503 || st == 529 || st == 502 || st == 504)
		fail(t, MODEL_OVERLOADED, "The provider is overloaded. Try again later.", detail);
	else if (st == 404)
		fail(t, MODEL_PROTOCOL,
			"The provider does not know this model or path. Check the model's name and "
			"baseUrl.",
			detail);
	else
		fail(t,
			span_find(buf_span(&all), SPAN("context_length")) >= 0 ? MODEL_CONTEXT
									       : MODEL_PROTOCOL,
			"The provider refused the request.", detail);
	buf_clear(&all);
	buf_clear(&inner.text);
	buf_clear(&inner.why);
}

/* The pending calls as calls of ours: names looked up, arguments parsed. */
static void
take_turn_calls(struct agent *a, struct answer *an)
{
	for (size_t i = 0; i < an->ncalls; i++) {
		struct pending_call *p = &an->calls[i];
		struct agent_call *c = &an->turn->calls[an->turn->ncalls];
		struct buf list = {.max = IPC_BODY_MAX};

		if (p->name.len == 0)
			continue;
		c->name = arena_copy(&a->arena, buf_span(&p->name));
		if (p->id.len == 0)
			buf_put_fmt(&p->id, "call_%zu_%zu", a->nitems, i);
		c->id = arena_copy(&a->arena, buf_span(&p->id));
		c->tool = (uint8_t)tool_find_alias(c->name);
		if (!agent_tool_is_shown(a, c->tool) && c->tool == TOOL_NONE && !WEAK(AGENT_DOOR))
			c->wrong = "denied: there is no such tool";
		if (p->args.len > 0 && args_json_parse(&list, buf_span(&p->args)) < 0)
			c->wrong = "error: the arguments are not a JSON object that can be used";
		c->args = arena_copy(&a->arena, buf_span(&list));
		buf_clear(&list);
		an->turn->ncalls++;
	}
}

static void
answer_clear(struct answer *an)
{
	for (size_t i = 0; i < an->ncalls; i++) {
		buf_clear(&an->calls[i].id);
		buf_clear(&an->calls[i].name);
		buf_clear(&an->calls[i].args);
	}
}

static void
turn(struct agent *a, struct agent_turn *t)
{
	struct buf body = {.max = IPC_BODY_MAX};
	struct answer an = {.agent = a, .turn = t};
	int rc = put_request(a, &body);

	if (rc == 0)
		rc = agent_model_ask(a, buf_span(&body), body.len / 3 + a->max_tokens);
	buf_clear(&body);
	if (rc < 0) {
		fail(t, rc == ERR_TOOBIG ? MODEL_CONTEXT : MODEL_NETWORK,
			"The request could not be made: the conversation is too long.", SPAN_EMPTY);
		return;
	}
	(void)agent_model_wait(a);
	if (a->model_status_seen && a->model_status != 200)
		explain_status(a, t);
	else if (a->model_data.len > 0 && is_stream(buf_span(&a->model_data)))
		read_stream(a, &an);
	else if (a->model_data.len > 0)
		read_whole(a, &an);
	if (t->error == MODEL_OK && a->model_rc < 0)
		fail(t, a->model_rc == ERR_DENIED ? MODEL_REFUSED : MODEL_NETWORK,
			"The model could not be reached.", buf_span(&a->model_detail));
	if (t->error == MODEL_OK && !an.done && an.ncalls == 0 && t->text.len == 0)
		fail(t, MODEL_PROTOCOL, "The model server sent no answer.", SPAN_EMPTY);
	if (t->error == MODEL_OK)
		take_turn_calls(a, &an);
	answer_clear(&an);
}

/* A request and an answer with nothing in them. */
static void
ahead(void)
{
	struct agent a = {.model = SPAN("m"), .tools = UINT64_MAX};
	struct agent_turn t = {.text = {.max = 4096}, .why = {.max = 4096}};
	struct answer an = {.agent = &a, .turn = &t};
	struct buf body = {.max = IPC_BODY_MAX};

	(void)put_request(&a, &body);
	buf_clear(&body);
	take_document(&an, SPAN("{\"choices\":[{\"message\":{\"content\":\"\"}}],\"usage\":{}}"));
	answer_clear(&an);
	buf_clear(&t.text);
	buf_clear(&t.why);
}

const struct agent_provider agent_provider_openai = {
	.name = "openai", .turn = turn, .ahead = ahead};
