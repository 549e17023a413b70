#include "agent_answer.h"

#include <string.h>

#include "args/args_json.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/weak.h"
#include "sse/sse.h"

#define CHUNK_ARENA_MAX (4ul * 1024 * 1024)
#define ERROR_BODY_MAX (64ul * 1024)

const struct agent_format *
agent_format_of(uint8_t provider)
{
	static const struct agent_format *const formats[PROVIDER_N] = {
		[PROVIDER_OPENAI] = &agent_format_openai,
		[PROVIDER_RESPONSES] = &agent_format_responses,
		[PROVIDER_ANTHROPIC] = &agent_format_anthropic,
		[PROVIDER_GEMINI] = &agent_format_gemini,
	};

	return provider < PROVIDER_N ? formats[provider] : NULL;
}

/* ---- what went wrong ---- */

void
agent_answer_fail(
	struct agent_answer *an, enum model_error error, const char *text, struct span detail)
{
	struct agent_turn *t = an->turn;

	if (t->error != MODEL_OK)
		return;
	t->error = (uint8_t)error;
	buf_put_cstr(&t->why, text);
	if (detail.len > 0) {
		buf_put(&t->why, SPAN(" ("));
		buf_put(&t->why, span_sub(detail, 0, 1000));
		buf_put_u8(&t->why, ')');
	}
}

static const char *
text_of(enum model_error error)
{
	static const char *const texts[] = {
		[MODEL_AUTH] = "The provider did not accept the credential. Check the key that the "
			       "configuration names.",
		[MODEL_RATE] = "The provider's rate limit was reached. Try again later.",
		[MODEL_OVERLOADED] = "The provider is overloaded. Try again later.",
		[MODEL_CONTEXT] = "The conversation is too long for this model.",
		[MODEL_REFUSED] = "The provider refused to answer this.",
		[MODEL_NETWORK] = "The model could not be reached.",
		[MODEL_PROTOCOL] = "The provider refused the request.",
	};
	const char *text = error < sizeof(texts) / sizeof(texts[0]) ? texts[error] : NULL;

	return text != NULL ? text : texts[MODEL_PROTOCOL];
}

/* The words of the providers' errors: in type, code or status, else in the message. */
static enum model_error
class_of(struct span word, struct span message)
{
	static const struct {
		struct span word;
		enum model_error error;
	} words[] = {
		{SPAN("authentication_error"), MODEL_AUTH},
		{SPAN("permission_error"), MODEL_AUTH},
		{SPAN("billing_error"), MODEL_AUTH},
		{SPAN("invalid_api_key"), MODEL_AUTH},
		{SPAN("UNAUTHENTICATED"), MODEL_AUTH},
		{SPAN("PERMISSION_DENIED"), MODEL_AUTH},
		{SPAN("rate_limit_error"), MODEL_RATE},
		{SPAN("rate_limit_exceeded"), MODEL_RATE},
		{SPAN("insufficient_quota"), MODEL_RATE},
		{SPAN("RESOURCE_EXHAUSTED"), MODEL_RATE},
		{SPAN("overloaded_error"), MODEL_OVERLOADED},
		{SPAN("api_error"), MODEL_OVERLOADED},
		{SPAN("timeout_error"), MODEL_OVERLOADED},
		{SPAN("server_error"), MODEL_OVERLOADED},
		{SPAN("UNAVAILABLE"), MODEL_OVERLOADED},
		{SPAN("INTERNAL"), MODEL_OVERLOADED},
		{SPAN("DEADLINE_EXCEEDED"), MODEL_OVERLOADED},
		{SPAN("context_length_exceeded"), MODEL_CONTEXT},
		{SPAN("request_too_large"), MODEL_CONTEXT},
		{SPAN("content_policy_violation"), MODEL_REFUSED},
		{SPAN("content_filter"), MODEL_REFUSED},
	};
	static const struct {
		struct span part;
		enum model_error error;
	} parts[] = {
		{SPAN("prompt is too long"), MODEL_CONTEXT},
		{SPAN("context length"), MODEL_CONTEXT},
		{SPAN("context window"), MODEL_CONTEXT},
		{SPAN("maximum number of tokens"), MODEL_CONTEXT},
		{SPAN("API key not valid"), MODEL_AUTH},
		{SPAN("API_KEY_INVALID"), MODEL_AUTH},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (span_eq(word, words[i].word))
			return words[i].error;
	}
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (span_find(message, parts[i].part) >= 0)
			return parts[i].error;
	}
	return MODEL_OK;
}

/* MODEL_OK: its words say nothing that is known. */
static enum model_error
look_at_error(struct arena *arena, const struct json_node *error, struct span *message)
{
	static const char *const members[] = {"code", "type", "status"};
	enum model_error class = MODEL_OK;

	*message = SPAN_EMPTY;
	if (!agent_answer_str(arena, error, message))
		(void)agent_answer_str(arena, json_get(error, SPAN("message")), message);
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]) && class == MODEL_OK; i++) {
		struct span word = SPAN_EMPTY;

		(void)json_node_str(json_get(error, span_from_cstr(members[i])), &word);
		class = class_of(word, *message);
	}
	return class;
}

void
agent_answer_error(struct agent_answer *an, struct arena *arena, const struct json_node *error)
{
	struct span message;
	enum model_error class = look_at_error(arena, error, &message);

	if (class == MODEL_OK)
		agent_answer_fail(
			an, MODEL_PROTOCOL, "The model server reported an error.", message);
	else
		agent_answer_fail(an, class, text_of(class), message);
}

/* ---- its parts ---- */

bool
agent_answer_str(struct arena *arena, const struct json_node *node, struct span *out)
{
	struct buf clean = {.max = EGRESS_BODY_MAX};

	if (json_node_str(node, out) < 0)
		return false;
	if (span_find_byte(*out, 0) < 0)
		return true;
	agent_answer_put_str(&clean, node);
	*out = clean.err < 0 ? SPAN_EMPTY : arena_copy(arena, buf_span(&clean));
	buf_clear(&clean);
	return true;
}

void
agent_answer_put_str(struct buf *b, const struct json_node *node)
{
	struct span s;

	if (json_node_str(node, &s) < 0)
		return;
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == 0)
			buf_put(b, SPAN("\xef\xbf\xbd"));
		else
			buf_put_u8(b, s.ptr[i]);
	}
}

void
agent_answer_put_json(struct buf *b, const struct json_node *node)
{
	struct json_out o;
	struct span s;

	if (node == NULL)
		return;
	if (json_node_str(node, &s) == 0) {
		buf_put(b, s);
		return;
	}
	json_out_init(&o, b, NULL);
	(void)json_out_node(&o, node);
}

void
agent_answer_u64(const struct json_node *node, uint64_t *out)
{
	uint64_t v;

	if (json_node_u64(node, &v) == 0)
		*out = v;
}

void
agent_answer_text(struct agent_answer *an, struct span text)
{
	if (text.len == 0)
		return;
	if (buf_put(&an->turn->text, text) < 0)
		agent_answer_fail(an, MODEL_BUDGET, "The answer was longer than a run may produce.",
			SPAN_EMPTY);
	else
		agent_delta(an->agent, text);
}

static void
pending_init(struct agent_pending *p, uint64_t index)
{
	*p = (struct agent_pending){.index = index,
		.id = {.max = 128},
		.name = {.max = 128},
		.args = {.max = IPC_BODY_MAX},
		.seal = {.max = MODEL_SEAL_MAX}};
}

static void
pending_clear(struct agent_pending *p)
{
	buf_clear(&p->id);
	buf_clear(&p->name);
	buf_clear(&p->args);
	buf_clear(&p->seal);
}

static bool
is_pending_too_long(const struct agent_pending *p)
{
	return p->id.err < 0 || p->name.err < 0 || p->args.err < 0 || p->seal.err < 0;
}

struct agent_pending *
agent_answer_call(struct agent_answer *an, uint64_t index)
{
	for (size_t i = 0; i < an->calls.n; i++) {
		if (an->calls.at[i].index == index)
			return &an->calls.at[i];
	}
	if (an->calls.n == AGENT_CALLS_PER_TURN) {
		agent_answer_fail(an, MODEL_PROTOCOL, "The model asked for too many tools at once.",
			SPAN_EMPTY);
		return NULL;
	}
	pending_init(&an->calls.at[an->calls.n], index);
	return &an->calls.at[an->calls.n++];
}

/* A thought that could not be kept whole is not kept: nobody wants half of one back. */
void
agent_answer_thought(struct agent_answer *an)
{
	struct agent_pending *p = &an->thought;
	struct agent_turn *t = an->turn;
	struct arena *arena = &an->agent->arena;

	if (!is_pending_too_long(p) && (p->args.len > 0 || p->seal.len > 0) &&
		t->nthoughts < AGENT_THOUGHTS_PER_TURN)
		t->thoughts[t->nthoughts++] =
			(struct agent_thought){.id = arena_copy(arena, buf_span(&p->id)),
				.text = arena_copy(arena, buf_span(&p->args)),
				.seal = arena_copy(arena, buf_span(&p->seal))};
	pending_clear(p);
	pending_init(p, 0);
}

/* The calls that came as calls of ours: names looked up, arguments parsed. */
static void
take_calls(struct agent_answer *an)
{
	struct agent *a = an->agent;

	for (size_t i = 0; i < an->calls.n; i++) {
		struct agent_pending *p = &an->calls.at[i];
		struct agent_call *c = &an->turn->calls[an->turn->ncalls];
		struct buf list = {.max = IPC_BODY_MAX};

		if (is_pending_too_long(p)) {
			agent_answer_fail(an, MODEL_PROTOCOL,
				"The model sent a tool call that is too long.", SPAN_EMPTY);
			return;
		}
		if (p->name.len == 0)
			continue;
		c->name = arena_copy(&a->arena, buf_span(&p->name));
		if (p->id.len == 0)
			buf_put_fmt(&p->id, "call_%zu_%zu", a->nitems, i);
		c->id = arena_copy(&a->arena, buf_span(&p->id));
		c->seal = arena_copy(&a->arena, buf_span(&p->seal));
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

/* ---- reading ---- */

/* The error of a document, which may be a list with one; NULL: none. */
static const struct json_node *
error_of(const struct json_node *root)
{
	const struct json_node *error =
		json_get(root->kind == JSON_ARRAY ? json_first(root) : root, SPAN("error"));

	return error != NULL && error->kind != JSON_NULL ? error : NULL;
}

static void
take_document(struct agent_answer *an, struct span text, bool is_whole)
{
	struct arena arena;
	struct json_node *root = NULL;
	const struct json_node *error;

	arena_init(&arena, CHUNK_ARENA_MAX + text.len * 8);
	if (json_parse(&arena, text, NULL, &root, NULL) < 0) {
		agent_answer_fail(an, MODEL_PROTOCOL,
			"The model server sent something that is not JSON.", SPAN_EMPTY);
	} else if ((error = error_of(root)) != NULL) {
		agent_answer_error(an, &arena, error);
	} else {
		an->format->take(an, &arena, root, is_whole);
	}
	arena_clear(&arena);
}

static void
read_stream(struct agent_answer *an)
{
	struct agent *a = an->agent;
	struct sse_reader reader;
	struct sse_event event;

	sse_reader_init(&reader);
	do {
		struct span in = buf_span(&a->model_data);
		size_t n = in.len;

		while (sse_reader_read(&reader, &in, &event) == 0) {
			if (span_eq(event.data, SPAN("[DONE]")))
				an->done = true;
			else if (!an->done && event.data.len > 0)
				take_document(an, event.data, false);
		}
		agent_model_used(a, n);
		if (reader.err < 0)
			agent_answer_fail(an, MODEL_PROTOCOL,
				"The model server sent a line that is too long.", SPAN_EMPTY);
	} while (an->turn->error == MODEL_OK && agent_model_wait(a));
	sse_reader_clear(&reader);
}

static void
read_all(struct agent *a, struct buf *all)
{
	do {
		size_t n = a->model_data.len;

		buf_put(all, buf_span(&a->model_data));
		agent_model_used(a, n);
	} while (agent_model_wait(a));
}

static void
read_whole(struct agent_answer *an)
{
	struct buf all = {.max = EGRESS_BODY_MAX};

	read_all(an->agent, &all);
	take_document(an, buf_span(&all), true);
	an->done = true;
	buf_clear(&all);
}

static bool
is_stream(struct span data)
{
	struct span s = span_trim(data);

	return s.len > 0 && s.ptr[0] != '{' && s.ptr[0] != '[';
}

static enum model_error
class_of_status(uint32_t status)
{
	switch (status) {
	case 401:
	case 402:
	case 403:
		return MODEL_AUTH;
	case 429:
		return MODEL_RATE;
	case 408:
	case 500:
	case 502:
	case 503:
	case 504:
	case 529:
		return MODEL_OVERLOADED;
	case 413:
		return MODEL_CONTEXT;
	default:
		return MODEL_PROTOCOL;
	}
}

/* An answer with another status than 200: what the status means, and where that is nothing in particular, what its words say. */
static void
explain_status(struct agent_answer *an)
{
	struct agent *a = an->agent;
	struct arena arena;
	struct json_node *root = NULL;
	struct buf all = {.max = ERROR_BODY_MAX};
	struct span message = SPAN_EMPTY;
	enum model_error class = class_of_status(a->model_status);

	read_all(a, &all);
	arena_init(&arena, CHUNK_ARENA_MAX);
	if (json_parse(&arena, buf_span(&all), NULL, &root, NULL) == 0) {
		enum model_error said = look_at_error(&arena, error_of(root), &message);

		if (class == MODEL_PROTOCOL && said != MODEL_OK)
			class = said;
	}
	agent_answer_fail(an, class,
		a->model_status == 404
			? "The provider does not know this model or path. Check the model's name "
			  "and baseUrl."
			: text_of(class),
		message);
	arena_clear(&arena);
	buf_clear(&all);
}

static int
put_request(const struct agent *a, const struct agent_format *format, struct buf *body)
{
	struct json_out o;

	json_out_init(&o, body, NULL);
	format->put_request(a, &o);
	return json_out_finish(&o);
}

static void
answer_clear(struct agent_answer *an)
{
	for (size_t i = 0; i < an->calls.n; i++)
		pending_clear(&an->calls.at[i]);
	pending_clear(&an->thought);
}

void
agent_answer_turn(struct agent *a, const struct agent_format *format, struct agent_turn *turn)
{
	struct buf body = {.max = IPC_BODY_MAX};
	struct agent_answer an = {.agent = a, .turn = turn, .format = format};
	int rc = put_request(a, format, &body);

	if (rc == 0)
		rc = agent_model_ask(a, buf_span(&body), body.len / 3 + a->max_tokens);
	buf_clear(&body);
	if (rc < 0) {
		agent_answer_fail(&an, rc == ERR_TOOBIG ? MODEL_CONTEXT : MODEL_NETWORK,
			"The request could not be made: the conversation is too long.", SPAN_EMPTY);
		return;
	}
	pending_init(&an.thought, 0);
	(void)agent_model_wait(a);
	if (a->model_status_seen && a->model_status != 200)
		explain_status(&an);
	else if (a->model_data.len > 0 && is_stream(buf_span(&a->model_data)))
		read_stream(&an);
	else if (a->model_data.len > 0)
		read_whole(&an);
	if (a->model_rc < 0)
		agent_answer_fail(&an, a->model_rc == ERR_DENIED ? MODEL_REFUSED : MODEL_NETWORK,
			"The model could not be reached.", buf_span(&a->model_detail));
	if (!an.done && an.calls.n == 0 && turn->text.len == 0)
		agent_answer_fail(
			&an, MODEL_PROTOCOL, "The model server sent no answer.", SPAN_EMPTY);
	if (turn->error == MODEL_OK)
		take_calls(&an);
	answer_clear(&an);
}

void
agent_answer_ahead(const struct agent_format *format)
{
	struct agent a = {.model = SPAN("m"), .tools = UINT64_MAX};
	struct agent_turn t = {.text = {.max = 4096}, .why = {.max = 4096}};
	struct agent_answer an = {.agent = &a, .turn = &t, .format = format};
	struct buf body = {.max = IPC_BODY_MAX};

	pending_init(&an.thought, 0);
	(void)put_request(&a, format, &body);
	buf_clear(&body);
	take_document(&an, span_from_cstr(format->nothing), true);
	answer_clear(&an);
	buf_clear(&t.text);
	buf_clear(&t.why);
}

/* ---- the conversation ---- */

void
agent_put_args(struct json_out *o, struct span args)
{
	struct buf whole = {.max = IPC_BODY_MAX};
	struct json_out trial;
	bool good;

	json_out_init(&trial, &whole, NULL);
	good = args_json_write(&trial, args) == 0 && json_out_finish(&trial) == 0 &&
	       whole.len > 0 && whole.ptr[0] == '{';
	buf_clear(&whole);
	(void)args_json_write(o, good ? args : SPAN_EMPTY);
}

bool
agent_piece_is_call(const struct agent *a, size_t at)
{
	return a->items[at].kind == ITEM_TOOL_CALL && at + 1 < a->nitems &&
	       a->items[at + 1].kind == ITEM_TOOL_RESULT &&
	       span_eq(a->items[at + 1].call_id, a->items[at].call_id);
}

bool
agent_piece_has_call(const struct agent *a, size_t from, size_t to)
{
	while (from < to && !agent_piece_is_call(a, from))
		from++;
	return from < to;
}

bool
agent_begins_with_user(const struct agent *a)
{
	size_t from = 0;
	size_t to = 0;

	return !agent_piece_next(a, &from, &to) ||
	       (a->items[from].kind == ITEM_TEXT && a->items[from].role != ROLE_ASSISTANT);
}

bool
agent_piece_next(const struct agent *a, size_t *from, size_t *to)
{
	size_t at = *to;

	while (at < a->nitems && a->items[at].kind == ITEM_TOOL_CALL && !agent_piece_is_call(a, at))
		at++;
	*from = at;
	if (at == a->nitems)
		return false;
	if (a->items[at].turn != 0) {
		while (at < a->nitems && a->items[at].turn == a->items[*from].turn)
			at++;
	} else {
		at += agent_piece_is_call(a, at) ? 2 : 1;
	}
	*to = at;
	return true;
}
