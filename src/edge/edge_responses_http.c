/* POST /v1/responses: OpenAI's newer shape of a turn, and its named events. */
#include "edge_user_http.h"

#define JSON_MAX MIB(4)

/* ---- objects ---- */

static void
put_part(struct json_out *o, struct span text)
{
	json_out_begin_object(o);
	json_out_member_str(o, "type", SPAN("output_text"));
	json_out_member_str(o, "text", text);
	json_out_key(o, SPAN("annotations"));
	json_out_begin_array(o);
	json_out_end_array(o);
	json_out_end_object(o);
}

/* text NULL: a message that has only begun. */
static void
put_item(struct json_out *o, const struct user_turn *turn, const struct span *text)
{
	json_out_begin_object(o);
	json_out_member_str(o, "type", SPAN("message"));
	json_out_member_str(o, "id", span_from_cstr(turn->item));
	json_out_member_str(o, "role", SPAN("assistant"));
	json_out_key(o, SPAN("content"));
	json_out_begin_array(o);
	if (text != NULL)
		put_part(o, *text);
	json_out_end_array(o);
	json_out_member_str(o, "status", text != NULL ? SPAN("completed") : SPAN("in_progress"));
	json_out_end_object(o);
}

static void
begin_response(struct json_out *o, const struct user_turn *turn, const char *status)
{
	json_out_begin_object(o);
	json_out_member_str(o, "id", span_from_cstr(turn->id));
	json_out_member_str(o, "object", SPAN("response"));
	json_out_member_u64(o, "created_at", turn->created);
	json_out_member_str(o, "status", span_from_cstr(status));
	json_out_member_str(o, "model", buf_span(&turn->model));
	json_out_key(o, SPAN("output"));
	json_out_begin_array(o);
}

static void
put_whole(const struct user_turn *turn, struct json_out *o, struct span text, struct span result)
{
	begin_response(o, turn, "completed");
	put_item(o, turn, &text);
	json_out_end_array(o);
	user_turn_put_usage(o, result, "input_tokens", "output_tokens");
	json_out_end_object(o);
}

/* ---- events ---- */

struct named {
	struct buf json;
	struct json_out o;
	const char *type;
};

/* Begins {"type":type,"sequence_number":n. False: the client is gone. */
static bool
event_begin(struct user_conn *u, struct named *e, const char *type)
{
	if (u->c.is_dead || u->http->turn == NULL)
		return false;
	e->json = (struct buf){.max = JSON_MAX};
	e->type = type;
	json_out_init(&e->o, &e->json, NULL);
	json_out_begin_object(&e->o);
	json_out_member_str(&e->o, "type", span_from_cstr(type));
	json_out_member_u64(&e->o, "sequence_number", u->http->turn->events);
	return true;
}

static void
event_end(struct user_conn *u, struct named *e)
{
	json_out_end_object(&e->o);
	if (json_out_finish(&e->o) == 0)
		user_turn_event(u, e->type, buf_span(&e->json));
	buf_clear(&e->json);
}

/* Where in the response an event belongs: there is one item with one part. */
static void
put_place(struct named *e, const struct user_turn *turn, bool part)
{
	if (part)
		json_out_member_str(&e->o, "item_id", span_from_cstr(turn->item));
	json_out_member_u64(&e->o, "output_index", 0);
	if (part)
		json_out_member_u64(&e->o, "content_index", 0);
}

static void
send_state(struct user_conn *u, const char *type)
{
	struct named e;

	if (!event_begin(u, &e, type))
		return;
	json_out_key(&e.o, SPAN("response"));
	begin_response(&e.o, u->http->turn, "in_progress");
	json_out_end_array(&e.o);
	user_turn_put_usage(&e.o, SPAN_EMPTY, "input_tokens", "output_tokens");
	json_out_end_object(&e.o);
	event_end(u, &e);
}

static void
send_item(struct user_conn *u, const char *type, const struct span *text)
{
	struct named e;

	if (!event_begin(u, &e, type))
		return;
	put_place(&e, u->http->turn, false);
	json_out_key(&e.o, SPAN("item"));
	put_item(&e.o, u->http->turn, text);
	event_end(u, &e);
}

static void
send_part(struct user_conn *u, const char *type, struct span text)
{
	struct named e;

	if (!event_begin(u, &e, type))
		return;
	put_place(&e, u->http->turn, true);
	json_out_key(&e.o, SPAN("part"));
	put_part(&e.o, text);
	event_end(u, &e);
}

static void
send_text(struct user_conn *u, const char *type, const char *key, struct span text)
{
	struct named e;

	if (!event_begin(u, &e, type))
		return;
	put_place(&e, u->http->turn, true);
	json_out_member_str(&e.o, key, text);
	event_end(u, &e);
}

static void
begin(struct user_conn *u)
{
	send_state(u, "response.created");
	send_state(u, "response.in_progress");
	send_item(u, "response.output_item.added", NULL);
	send_part(u, "response.content_part.added", SPAN_EMPTY);
}

static void
delta(struct user_conn *u, struct span text)
{
	send_text(u, "response.output_text.delta", "delta", text);
}

static void
end(struct user_conn *u, struct span whole, struct span result)
{
	struct named e;

	send_text(u, "response.output_text.done", "text", whole);
	send_part(u, "response.content_part.done", whole);
	send_item(u, "response.output_item.done", &whole);
	if (!event_begin(u, &e, "response.completed"))
		return;
	json_out_key(&e.o, SPAN("response"));
	put_whole(u->http->turn, &e.o, whole, result);
	event_end(u, &e);
}

static void
failed(struct user_conn *u, struct span message)
{
	struct named e;

	if (!event_begin(u, &e, "response.failed"))
		return;
	json_out_key(&e.o, SPAN("response"));
	begin_response(&e.o, u->http->turn, "failed");
	json_out_end_array(&e.o);
	json_out_key(&e.o, SPAN("error"));
	json_out_begin_object(&e.o);
	json_out_member_str(&e.o, "code", SPAN("api_error"));
	json_out_member_str(&e.o, "message", message);
	json_out_end_object(&e.o);
	user_turn_put_usage(&e.o, SPAN_EMPTY, "input_tokens", "output_tokens");
	json_out_end_object(&e.o);
	event_end(u, &e);
	user_turn_event(u, "", SPAN("[DONE]"));
}

static const struct turn_shape shape = {.id = "resp",
	.space = "openresponses",
	.read = responses_read,
	.expected = "expected a JSON object with `input`",
	.begin = begin,
	.delta = delta,
	.end = end,
	.failed = failed,
	.whole = put_whole};

void
user_responses_start(struct user_conn *u, struct span body)
{
	user_turn_post(u, &shape, body);
}
