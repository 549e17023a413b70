/*
 * GET /avatar/<agent>: its picture; with ?meta=1 where it is. Nothing of the workspace is read here: the bytes come with the
 * type that sandbox found them to be.
 */
#include "base/err.h"
#include "crypto/crypto_encode.h"
#include "edge_user_http.h"
#include "label/label.h"

void
user_avatar_start(struct user_conn *u, struct span body)
{
	struct edge_refusal r = {0};
	struct buf args = {.max = 256};
	struct args_out out;

	(void)body;
	args_out_init(&out, &args, false);
	args_out_str(&out, "agentId", buf_span(&u->http->tail));
	if (args_out_done(&out) < 0)
		user_http_fail(u, 404, "not_found", SPAN("Not Found"));
	else if (user_call_start(u, u->http->meta ? METHOD_AGENT_IDENTITY_GET : METHOD_AVATAR,
			 SPAN_EMPTY, &args, LABEL_OWNER, &r) == NULL)
		user_http_refuse(u, &r);
	buf_clear(&args);
}

/* Letters are no picture. */
static void
answer_meta(struct user_conn *u, struct span result)
{
	struct buf body = {.max = KIB(4)};
	struct span avatar = SPAN_EMPTY;
	struct json_out o;

	(void)args_get_str(result, "avatar", &avatar);
	json_out_init(&o, &body, NULL);
	json_out_begin_object(&o);
	if (span_find_byte(avatar, '/') >= 0) {
		json_out_member_str(&o, "avatarUrl", avatar);
	} else {
		json_out_key(&o, SPAN("avatarUrl"));
		json_out_null(&o);
	}
	json_out_end_object(&o);
	user_http_json(u, 200, &o);
	buf_clear(&body);
}

static void
answer_picture(struct user_conn *u, struct span type, struct span data)
{
	struct buf bytes = {.max = AVATAR_MAX};
	struct edge_answer answer = user_http_answer(u, 200);

	if (crypto_base64_decode(data, &bytes) < 0) {
		user_http_fail(u, 500, "api_error", SPAN("the picture came damaged"));
	} else {
		answer.type = type;
		answer.body = buf_span(&bytes);
		edge_http_send(&u->c, &answer);
		if (!u->c.is_dead)
			user_http_done(u);
	}
	buf_clear(&bytes);
}

void
user_avatar_reply(struct user_conn *u, const struct edge_core_reply *reply, struct span result)
{
	struct span type;
	struct span data;

	if (!reply->ok && reply->code == RPC_UNAVAILABLE)
		user_http_fail(u, 503, "unavailable", reply->message);
	else if (reply->ok && u->http->meta)
		answer_meta(u, result);
	else if (reply->ok && args_get_str(result, "mimeType", &type) == 0 &&
		 args_get_str(result, "data", &data) == 0)
		answer_picture(u, type, data);
	else
		user_http_fail(u, 404, "not_found", SPAN("Not Found"));
}
