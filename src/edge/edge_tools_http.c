/* POST /tools/invoke: one tool call, in the shape that scripts for the original send. */
#include <stdio.h>

#include "args/args_json.h"
#include "base/err.h"
#include "edge_user_http.h"
#include "label/label.h"

#define JSON_MAX MIB(8)

/* Its run is aborted when the client goes, like a turn's. */
static const struct turn_shape shape = {.id = "tool"};

struct asked {
	struct span tool;
	struct span session;
	const struct json_node *args;
};

/* The words for the client when it is not one. dryRun and action change nothing, as in the original. */
static const char *
read_request(const struct json_node *root, struct asked *a)
{
	const struct json_node *session = json_get(root, SPAN("sessionKey"));

	*a = (struct asked){.session = SPAN("main"), .args = json_get(root, SPAN("args"))};
	if (root->kind != JSON_OBJECT)
		return "expected a JSON object";
	if (json_node_str(json_get(root, SPAN("tool")), &a->tool) < 0 || a->tool.len == 0)
		return "tools.invoke requires body.tool";
	if (a->tool.len > 128)
		return "body.tool is too long";
	if (a->args != NULL && a->args->kind == JSON_NULL)
		a->args = NULL;
	if (a->args != NULL && a->args->kind != JSON_OBJECT)
		return "body.args must be an object";
	if (session != NULL && session->kind != JSON_NULL &&
		json_node_str(session, &a->session) < 0)
		return "body.sessionKey must be a string";
	if (span_trim(a->session).len == 0)
		a->session = SPAN("main");
	return NULL;
}

static void
call(struct user_conn *u, const struct asked *a)
{
	const struct turn_ask ask = {.model = SPAN_EMPTY};
	struct buf list = {.max = IPC_BODY_MAX};
	struct edge_refusal r = {0};
	struct args_out out;
	int rc = 0;

	user_turn_new(u, &shape, &ask);
	(void)buf_put(&u->http->turn->session, a->session);
	args_out_init(&out, &list, false);
	args_out_str(&out, "tool", a->tool);
	args_out_str(&out, "sessionKey", a->session);
	args_out_cstr(&out, "idempotencyKey", u->http->turn->run);
	rc = args_out_done(&out);
	if (rc == 0 && a->args != NULL)
		rc = args_json_put(&list, "args", a->args);
	if (rc < 0)
		user_http_fail(u, 400, "invalid_request_error",
			SPAN("body.args is too large or nested too deeply"));
	else if (user_call_start(u, METHOD_TOOLS_INVOKE, SPAN_EMPTY, &list, LABEL_OWNER, &r) ==
		 NULL)
		user_http_refuse(u, &r);
	buf_clear(&list);
}

void
user_tools_start(struct user_conn *u, struct span body)
{
	struct json_node *root;
	struct arena arena;
	struct asked asked;
	const char *fault = "the body is no JSON";

	arena_init(&arena, body.len * 2 + MIB(12));
	if (json_parse(&arena, body, NULL, &root, NULL) == 0)
		fault = read_request(root, &asked);
	if (fault != NULL)
		user_http_fail(u, 400, "invalid_request_error", span_from_cstr(fault));
	else
		call(u, &asked);
	arena_clear(&arena);
}

/* ---- the answer ---- */

static void
put_error(struct json_out *o, const char *type, struct span message)
{
	json_out_begin_object(o);
	json_out_member_bool(o, "ok", false);
	json_out_key(o, SPAN("error"));
	json_out_begin_object(o);
	json_out_member_str(o, "type", span_from_cstr(type));
	json_out_member_str(o, "message", message);
	json_out_end_object(o);
	json_out_end_object(o);
}

static void
put_result(struct json_out *o, struct span text)
{
	json_out_begin_object(o);
	json_out_member_bool(o, "ok", true);
	json_out_key(o, SPAN("result"));
	json_out_begin_object(o);
	json_out_key(o, SPAN("content"));
	json_out_begin_array(o);
	json_out_begin_object(o);
	json_out_member_str(o, "type", SPAN("text"));
	json_out_member_str(o, "text", text);
	json_out_end_object(o);
	json_out_end_array(o);
	json_out_end_object(o);
	json_out_end_object(o);
}

void
user_tools_reply(struct user_conn *u, const struct edge_core_reply *reply, struct span result)
{
	struct buf text = {.max = RUN_TEXT_MAX + KIB(4)};
	struct buf body = {.max = JSON_MAX};
	struct span type = SPAN_EMPTY;
	unsigned status = 200;
	struct json_out o;

	json_out_init(&o, &body, NULL);
	(void)args_get_str(result, "type", &type);
	if (reply->ok) {
		user_turn_text(&text, result);
		put_result(&o, buf_span(&text));
	} else if (span_eq(type, SPAN("not_found"))) {
		status = 404;
		put_error(&o, "not_found", reply->message);
	} else if (args_has(result, "runId") || reply->code == RPC_INVALID_REQUEST) {
		status = 400;
		put_error(&o, "tool_error", reply->message);
	} else {
		status = 503;
		put_error(&o, "unavailable", reply->message);
	}
	user_http_json(u, status, &o);
	buf_clear(&body);
	buf_clear(&text);
}
