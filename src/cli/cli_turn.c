#include "cli_turn.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "crypto/crypto_encode.h"
#include "text/text.h"

#define TOOL_ARGS_SHOWN 100 /* bytes of a tool call's arguments */

static int
send_message(struct cli_client *client, struct cli_turn *t, uint64_t *id)
{
	struct buf b = {.max = WS_FRAME_MAX};
	struct json_out o;
	int rc;

	crypto_uuid(t->run);
	json_out_init(&o, &b, NULL);
	(void)json_out_begin_object(&o);
	if (t->session != NULL)
		cli_json_str(&o, "sessionKey", span_from_cstr(t->session));
	cli_json_str(&o, "message", t->message);
	cli_json_str(&o, "idempotencyKey", span_from_cstr(t->run));
	if (t->timeout_ms > 0 && strcmp(t->method, "agent") == 0)
		cli_json_u64(&o, "timeout", (uint64_t)t->timeout_ms / 1000);
	else if (t->timeout_ms > 0)
		cli_json_u64(&o, "timeoutMs", (uint64_t)t->timeout_ms);
	(void)json_out_end_object(&o);
	rc = json_out_finish(&o);
	rc = rc < 0 ? rc : cli_client_send(client, t->method, buf_span(&b), id);
	buf_clear(&b);
	return rc;
}

static void
send_abort(struct cli_client *client, const struct cli_turn *t)
{
	struct buf b = {.max = KIB(4u)};
	struct json_out o;
	uint64_t id;

	json_out_init(&o, &b, NULL);
	(void)json_out_begin_object(&o);
	cli_json_str(&o, "sessionKey", span_from_cstr(t->session == NULL ? "main" : t->session));
	cli_json_str(&o, "runId", span_from_cstr(t->run));
	(void)json_out_end_object(&o);
	if (json_out_finish(&o) == 0)
		(void)cli_client_send(client, "chat.abort", buf_span(&b), &id);
	buf_clear(&b);
}

/* ---- what is shown while it runs ---- */

static void
show_text(struct cli *cli, struct cli_turn *t)
{
	struct span rest = span_sub(buf_span(&t->text), t->shown, SIZE_MAX);

	if (!t->live || rest.len == 0)
		return;
	cli_put_text(cli, rest);
	t->shown = t->text.len;
	t->mid_line = rest.ptr[rest.len - 1] != '\n';
	cli_flush(cli);
}

static void
end_line(struct cli *cli, struct cli_turn *t)
{
	if (t->mid_line)
		cli_put(cli, "\n");
	t->mid_line = false;
}

/* The whole text so far; what was shown must be its beginning, else it is shown anew. */
static void
set_text(struct cli *cli, struct cli_turn *t, struct span text)
{
	if (text.len == 0)
		return;
	if (!span_starts_with(text, span_sub(buf_span(&t->text), 0, t->shown))) {
		end_line(cli, t);
		t->shown = 0;
	}
	buf_reset(&t->text);
	(void)buf_put(&t->text, text);
	show_text(cli, t);
}

static void
show_tool_start(struct cli *cli, struct cli_turn *t, const struct json_node *data)
{
	const struct json_node *args = cli_get(data, "args");
	struct buf b = {.max = MIB(1u)};
	struct json_out o;

	end_line(cli, t);
	cli_put_style(cli, CLI_ACCENT);
	cli_put(cli, "  > ");
	cli_put_safe(cli, cli_get_str(data, "name"));
	cli_put_style(cli, CLI_DIM);
	json_out_init(&o, &b, NULL);
	if (args != NULL && json_out_node(&o, args) == 0) {
		cli_put(cli, " ");
		cli_put_safe(cli, span_sub(buf_span(&b), 0, TOOL_ARGS_SHOWN));
		if (b.len > TOOL_ARGS_SHOWN)
			cli_put(cli, "...");
	}
	buf_clear(&b);
	cli_put_style(cli, CLI_PLAIN);
	cli_put(cli, "\n");
	cli_flush(cli);
}

/* The first line of a result, which is a string or {content: [{text}]}. */
static struct span
result_line(const struct json_node *result)
{
	struct span s = SPAN_EMPTY;

	if (json_node_str(result, &s) < 0)
		s = cli_get_str(json_first(cli_get(result, "content")), "text");
	return span_sub(span_cut(&s, '\n'), 0, TOOL_ARGS_SHOWN);
}

static void
show_tool_result(struct cli *cli, const struct json_node *data)
{
	bool bad = cli_get_bool(data, "isError", false);

	cli_put_style(cli, bad ? CLI_BAD : CLI_GOOD);
	cli_put(cli, bad ? "  ! " : "  = ");
	cli_put_style(cli, CLI_DIM);
	cli_put_safe(cli, result_line(cli_get(data, "result")));
	cli_put_style(cli, CLI_PLAIN);
	cli_put(cli, "\n");
	cli_flush(cli);
}

static void
on_agent_event(struct cli *cli, struct cli_turn *t, const struct json_node *payload)
{
	const struct json_node *data = cli_get(payload, "data");
	struct span stream = cli_get_str(payload, "stream");
	struct span phase = cli_get_str(data, "phase");

	if (span_eq(stream, SPAN("assistant"))) {
		set_text(cli, t, cli_get_str(data, "text"));
	} else if (t->live && span_eq(stream, SPAN("tool")) && span_eq(phase, SPAN("start"))) {
		show_tool_start(cli, t, data);
	} else if (t->live && span_eq(stream, SPAN("tool")) && span_eq(phase, SPAN("result"))) {
		show_tool_result(cli, data);
	}
}

/* ---- how it ends ---- */

static enum cli_turn_end
fail(struct cli_turn *t, struct span why)
{
	snprintf(t->error, sizeof(t->error), "%s",
		why.len > 0 ? cli_safe(why)
			    : "the run failed without a reason; see `moltbot logs`");
	return CLI_TURN_ERROR;
}

/* Is it over; then *end. */
static bool
on_chat_event(struct cli *cli, struct cli_turn *t, const struct json_node *payload,
	enum cli_turn_end *end)
{
	struct span state = cli_get_str(payload, "state");

	if (span_eq(state, SPAN("delta")))
		return false;
	set_text(cli, t, cli_get_str(json_first(cli_get(payload, "message.content")), "text"));
	if (span_eq(state, SPAN("error")))
		*end = fail(t, cli_get_str(payload, "errorMessage"));
	else
		*end = span_eq(state, SPAN("aborted")) ? CLI_TURN_ABORTED : CLI_TURN_DONE;
	return true;
}

static void
take_payloads(struct cli *cli, struct cli_turn *t, const struct json_node *result)
{
	struct buf all = {.max = CLI_MESSAGE_MAX};

	for (const struct json_node *p = json_first(cli_get(result, "payloads")); p != NULL;
		p = p->next) {
		struct span text = cli_get_str(p, "text");

		if (all.len > 0 && text.len > 0)
			(void)buf_put(&all, SPAN("\n"));
		(void)buf_put(&all, text);
	}
	set_text(cli, t, buf_span(&all));
	buf_clear(&all);
}

/* The answer to our request: the first of two, or the last. */
static bool
on_answer(struct cli *cli, struct cli_turn *t, const struct cli_frame *f, enum cli_turn_end *end)
{
	struct span status = cli_get_str(f->payload, "status");

	if (!f->ok) {
		struct span why = cli_get_str(f->error, "message");

		*end = fail(t, why.len > 0 ? why : cli_get_str(f->payload, "summary"));
		return true;
	}
	if (span_eq(status, SPAN("accepted")) || span_eq(status, SPAN("started")) ||
		span_eq(status, SPAN("in_flight")))
		return false;
	t->result = f->payload;
	take_payloads(cli, t, cli_get(f->payload, "result"));
	*end = CLI_TURN_DONE;
	if (span_eq(status, SPAN("error")))
		*end = fail(t, cli_get_str(f->payload, "summary"));
	else if (span_eq(status, SPAN("aborted")) ||
		 cli_get_bool(f->payload, "result.meta.aborted", false) ||
		 cli_get_bool(f->payload, "aborted", false))
		*end = CLI_TURN_ABORTED;
	return true;
}

static bool
on_frame(struct cli *cli, struct cli_turn *t, uint64_t id, const struct cli_frame *f,
	enum cli_turn_end *end)
{
	if (!f->is_event)
		return f->id == id && on_answer(cli, t, f, end);
	if (!span_eq(cli_get_str(f->payload, "runId"), span_from_cstr(t->run)))
		return false;
	if (span_eq(f->event, SPAN("agent")))
		on_agent_event(cli, t, f->payload);
	else if (span_eq(f->event, SPAN("chat")) && strcmp(t->method, "agent") != 0)
		return on_chat_event(cli, t, f->payload, end);
	return false;
}

enum cli_turn_end
cli_turn_run(struct cli *cli, struct cli_client *client, struct cli_turn *t)
{
	/* the gateway ends a run that takes too long; we wait a little longer than that */
	int64_t timeout_ms = t->timeout_ms > 0 ? t->timeout_ms + CLI_TIMEOUT_MS : -1;
	enum cli_turn_end end = CLI_TURN_LOST;
	struct cli_frame frame;
	uint64_t id = 0;
	int rc;

	t->text.max = CLI_MESSAGE_MAX;
	rc = send_message(client, t, &id);
	if (rc == ERR_TOOBIG)
		return fail(t, SPAN("the message is longer than the gateway takes (512 KiB)"));
	while (rc == 0) {
		if (!t->mid_line) /* it would be erased with the line */
			(void)cli_progress_begin("waiting for the answer");
		rc = cli_client_next(client, timeout_ms, &frame);
		if (rc == ERR_ABORTED) {
			rc = 0;
			if (t->interrupted != NULL && t->interrupted())
				send_abort(client, t);
		} else if (rc == 0 && on_frame(cli, t, id, &frame, &end)) {
			cli_progress(NULL);
			end_line(cli, t);
			return end;
		}
	}
	cli_progress(NULL);
	end_line(cli, t);
	snprintf(t->error, sizeof(t->error), "%s",
		rc == ERR_TIMEOUT ? "no answer in time" : "the gateway closed the connection");
	return CLI_TURN_LOST;
}
