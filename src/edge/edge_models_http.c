/* GET /v1/models: the agents under the names that the other routes take as a model. */
#include "base/err.h"
#include "edge_user_http.h"
#include "label/label.h"

#define JSON_MAX KIB(256)
#define OWNER "moltbot"

void
user_models_start(struct user_conn *u, struct span body)
{
	struct edge_refusal r = {0};
	struct buf args = {.max = 64};
	struct args_out out;

	(void)body;
	args_out_init(&out, &args, false);
	(void)args_out_done(&out);
	if (user_call_start(u, METHOD_AGENTS_LIST, SPAN_EMPTY, &args, LABEL_OWNER, &r) == NULL)
		user_http_refuse(u, &r);
	buf_clear(&args);
}

static void
put_model(struct json_out *o, struct span agent)
{
	struct buf name = {.max = 128};

	(void)buf_put_cstr(&name, OWNER ":");
	(void)buf_put(&name, agent);
	json_out_begin_object(o);
	json_out_member_str(o, "id", buf_span(&name));
	json_out_member_str(o, "object", SPAN("model"));
	json_out_member_u64(o, "created", 0);
	json_out_member_str(o, "owned_by", SPAN(OWNER));
	json_out_end_object(o);
	buf_clear(&name);
}

/* agents[*].id, one after the other. */
static bool
next_agent(struct span *list, struct span *id)
{
	struct args_leaf leaf;

	while (args_next(list, &leaf) > 0) {
		if (leaf.depth == 3 && leaf.type == ARGS_STRING && leaf.path[1].is_index &&
			span_eq(leaf.path[0].key, SPAN("agents")) &&
			span_eq(leaf.path[2].key, SPAN("id"))) {
			*id = leaf.value;
			return true;
		}
	}
	return false;
}

static void
put_list(struct json_out *o, struct span result)
{
	struct span id;

	json_out_begin_object(o);
	json_out_member_str(o, "object", SPAN("list"));
	json_out_key(o, SPAN("data"));
	json_out_begin_array(o);
	while (next_agent(&result, &id))
		put_model(o, id);
	json_out_end_array(o);
	json_out_end_object(o);
}

/* The model of the path: by any of the names that a request may give it. False: there is no such agent. */
static bool
put_one(struct json_out *o, struct span name, struct span result)
{
	struct span wanted = turn_agent_of(name);
	struct span id;

	while (next_agent(&result, &id)) {
		if (!span_eq(id, wanted))
			continue;
		put_model(o, id);
		return true;
	}
	return false;
}

void
user_models_reply(struct user_conn *u, const struct edge_core_reply *reply, struct span result)
{
	struct buf body = {.max = JSON_MAX};
	struct json_out o;
	bool found = true;

	json_out_init(&o, &body, NULL);
	if (!reply->ok)
		user_http_fail(u, reply->code == RPC_INVALID_REQUEST ? 403 : 503, "api_error",
			reply->message);
	else if (u->http->route == ROUTE_MODELS)
		put_list(&o, result);
	else
		found = put_one(&o, buf_span(&u->http->tail), result);
	if (!found)
		user_http_fail(u, 404, "invalid_request_error", SPAN("no such model"));
	else if (reply->ok)
		user_http_json(u, 200, &o);
	buf_clear(&body);
}
