#include "args/args_json.h"
#include "base/err.h"
#include "base/log.h"
#include "edge_user.h"

/* ---- to every client of this principal ---- */

struct cast {
	struct buf frame; /* head and text, written once for all */
	unsigned scopes;
	bool droppable;
};

static bool
may_see(const struct user_conn *u, unsigned scopes)
{
	return scopes == 0 || (!u->is_node && (u->scopes & (scopes | SCOPE_ADMIN)) != 0);
}

static void
cast_to(struct user_conn *u, const struct cast *cast)
{
	if (u->phase != USER_WS || u->c.is_finishing || !may_see(u, cast->scopes))
		return;
	if (edge_conn_waiting(&u->c) > WS_BUFFERED_MAX) {
		if (!cast->droppable) {
			log_info("slow consumer closed", LOG_U("conn", u->id),
				LOG_U("waiting", edge_conn_waiting(&u->c)));
			user_ws_close(u, WS_CODE_POLICY, "slow consumer");
		}
		return;
	}
	if (edge_conn_send(&u->c, buf_span(&cast->frame)) < 0)
		edge_conn_close(&u->c);
}

static void
cast_all(struct user *user, const struct cast *cast)
{
	struct edge_conn *next;

	for (struct edge_conn *c = user->conns.first; c != NULL; c = next) {
		next = c->next;
		cast_to((struct user_conn *)c, cast);
	}
}

static bool
has_listener(const struct user *user)
{
	for (const struct edge_conn *c = user->conns.first; c != NULL; c = c->next) {
		if (((const struct user_conn *)c)->phase == USER_WS)
			return true;
	}
	return false;
}

static void
frame_text(struct cast *cast, struct span json)
{
	uint8_t head[WS_HEAD_MAX];
	size_t n = ws_head_format(head, WS_TEXT, true, json.len, NULL);

	buf_init(&cast->frame, n + json.len);
	(void)buf_put(&cast->frame, span_of(head, n));
	(void)buf_put(&cast->frame, json);
}

static void
cast_json(struct user *user, struct span json, unsigned scopes, bool droppable)
{
	struct cast cast = {.scopes = scopes, .droppable = droppable};

	frame_text(&cast, json);
	cast_all(user, &cast);
	buf_clear(&cast.frame);
}

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

	for (struct edge_conn *c = user->conns.first; c != NULL; c = next) {
		next = c->next;
		if (((struct user_conn *)c)->http != NULL)
			user_http_event((struct user_conn *)c, e, payload);
	}
	if (has_listener(user)) {
		json_out_init(&o, &text, NULL);
		rc = write_event(&o, user, e, payload);
		if (rc == 0)
			cast_json(user, buf_span(&text), e->scopes, e->droppable);
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
		ipc_body_unmap(body);
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
		cast_json(user, buf_span(&text), event_rows[event].scope, droppable);
	buf_clear(&text);
}
