#include "args/args_json.h"
#include "base/err.h"
#include "base/log.h"
#include "edge_user.h"

/* ---- core's events ---- */

static int
write_event(struct json_out *o, const struct user *user, const struct edge_core_event *e,
	struct span payload)
{
	int rc;

	edge_frame_event(o, event_rows[e->event].name);
	json_out_key(o, SPAN("payload"));
	rc = args_json_write(o, payload);
	if (rc < 0)
		return rc;
	if (e->number != 0)
		json_out_member_u64(o, "seq", e->number);
	if (e->event == EVENT_PRESENCE || e->event == EVENT_HEALTH)
		user_put_versions(o, user);
	json_out_end_object(o);
	return json_out_finish(o);
}

static int
on_payload(struct user *user, const struct edge_core_event *e, struct span payload)
{
	struct buf text = {.max = IPC_BODY_MAX};
	struct edge_conn *next;
	struct json_out o;
	int rc = 0;

	for (struct edge_conn *c = user->nhttp > 0 ? user->conns.first : NULL; c != NULL;
		c = next) {
		next = c->next;
		if (((struct user_conn *)c)->http != NULL)
			user_http_event((struct user_conn *)c, e, payload);
	}
	if (user->casts.first != NULL) {
		json_out_init(&o, &text, NULL);
		rc = write_event(&o, user, e, payload);
		if (rc == 0)
			user_cast(user, buf_span(&text), e->scopes, e->droppable,
				user_asker_get(user, e->run));
		buf_clear(&text);
	}
	return rc;
}

static void
close_all(struct user *user)
{
	struct edge_conn *next;

	for (struct edge_conn *c = user->conns.first; c != NULL; c = next) {
		next = c->next;
		if (((struct user_conn *)c)->phase == USER_WS)
			user_ws_close((struct user_conn *)c, WS_CODE_RESTART, "service restart");
	}
}

int
user_on_event(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct edge_core_event *e = m;
	struct child *child = arg;
	struct span body;
	int rc;

	(void)chan;
	if (e->event >= EVENT_N)
		return ERR_PROTO;
	if (e->body < 0) {
		rc = on_payload(child->ctx, e, e->args);
	} else {
		rc = ipc_body_get(e->body, IPC_BODY_MAX, &body);
		if (rc < 0)
			return rc;
		rc = on_payload(child->ctx, e, body);
		ipc_body_free(body);
	}
	if (rc == 0 && e->event == EVENT_SHUTDOWN)
		close_all(child->ctx);
	return rc;
}

/* ---- our own ---- */

void
user_event_send(struct user *user, enum event event, struct span payload, bool droppable)
{
	struct buf text = {.max = KIB(64)};

	buf_put_cstr(&text, "{\"type\":\"event\",\"event\":\"");
	buf_put_cstr(&text, event_rows[event].name);
	buf_put_cstr(&text, "\",\"payload\":");
	buf_put(&text, payload);
	buf_put_cstr(&text, "}");
	if (text.err == 0)
		user_cast(user, buf_span(&text), event_rows[event].scope, droppable, NULL);
	buf_clear(&text);
}
