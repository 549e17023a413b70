#include <stdio.h>
#include <stdlib.h>

#include "args/args_json.h"
#include "base/err.h"
#include "base/log.h"
#include "base/secret.h"
#include "crypto/crypto_encode.h"
#include "edge_user.h"

/*
 * How long hello-ok waits for core's snapshot. Core may stand still; then the client is greeted without it, and what needs nobody
 * but the supervisor still works: the owner is not kept waiting for the kill switch.
 */
#define GREET_OWNER_MS 2000
#define GREET_MS (EDGE_HANDSHAKE_MS / 2)

void
user_greet_free(struct user_conn *u)
{
	if (u->greet == NULL)
		return;
	if (u->greet->store.ptr != NULL)
		secret_wipe(u->greet->store.ptr, u->greet->store.len);
	buf_clear(&u->greet->store);
	arena_clear(&u->greet->arena);
	free(u->greet);
	u->greet = NULL;
}

void
user_put_versions(struct json_out *o, const struct user *user)
{
	json_out_key(o, SPAN("stateVersion"));
	json_out_begin_object(o);
	json_out_member_u64(o, "presence", user->presence_version);
	json_out_member_u64(o, "health", user->health_version);
	json_out_end_object(o);
}

void
user_put_scopes(struct args_out *out, const char *key, unsigned scopes)
{
	args_out_array(out, key);
	for (unsigned bit = 1; bit <= SCOPE_ADMIN; bit <<= 1) {
		if ((scopes & bit) != 0)
			args_out_cstr(out, NULL, scope_name(bit));
	}
	args_out_end(out);
}

/*
 * What the client asked for: a connection has no more than that, even when its credential does. An operator who names nothing
 * asks for everything (protocol 3); over plain HTTP nobody asks.
 */
unsigned
user_scopes_asked(const struct user_conn *u)
{
	struct span list = u->greet->scopes;
	unsigned asked = 0;

	if (list.len == 0)
		return SCOPE_ALL;
	while (list.len > 0) {
		struct span one = span_cut(&list, ',');

		asked |= scope_find((const char *)one.ptr, (unsigned)one.len);
	}
	return asked;
}

static void
put_features(struct json_out *o)
{
	json_out_key(o, SPAN("features"));
	json_out_begin_object(o);
	json_out_key(o, SPAN("methods"));
	json_out_begin_array(o);
	for (unsigned i = 0; i < METHOD_N; i++) {
		if ((method_rows[i].flags & METHOD_HIDDEN) == 0)
			json_out_str(o, span_from_cstr(method_rows[i].name));
	}
	json_out_end_array(o);
	json_out_key(o, SPAN("events"));
	json_out_begin_array(o);
	for (unsigned i = 0; i < EVENT_N; i++)
		json_out_str(o, span_from_cstr(event_rows[i].name));
	json_out_end_array(o);
	json_out_end_object(o);
}

/* Members that clients rely on stand there even when core has not said them. */
static void
put_snapshot(struct json_out *o, const struct user *user)
{
	static const char *const copied[] = {"configPath", "stateDir", "sessionDefaults"};
	struct span list = buf_span(&user->snapshot);
	uint64_t since;

	json_out_key(o, SPAN("snapshot"));
	json_out_begin_object(o);
	json_out_key(o, SPAN("presence"));
	if (args_json_write_member(o, list, "presence") == ERR_NOTFOUND) {
		json_out_begin_array(o);
		json_out_end_array(o);
	}
	json_out_key(o, SPAN("health"));
	if (args_json_write_member(o, list, "health") == ERR_NOTFOUND) {
		json_out_begin_object(o);
		json_out_end_object(o);
	}
	user_put_versions(o, user);
	if (args_get_u64(list, "startedAtMs", 0, UINT64_MAX, &since) == 0)
		json_out_member_u64(o, "uptimeMs", ev_wall_ms() > since ? ev_wall_ms() - since : 0);
	else if (args_get_u64(list, "uptimeMs", 0, UINT64_MAX, &since) == 0)
		json_out_member_u64(o, "uptimeMs", since);
	for (size_t i = 0; i < sizeof(copied) / sizeof(copied[0]); i++) {
		if (!args_has(list, copied[i]))
			continue;
		json_out_key(o, span_from_cstr(copied[i]));
		(void)args_json_write_member(o, list, copied[i]);
	}
	json_out_end_object(o);
}

static void
put_server(struct json_out *o, const struct user *user)
{
	char conn[CRYPTO_UUID_LEN + 1];

	crypto_uuid(conn);
	json_out_key(o, SPAN("server"));
	json_out_begin_object(o);
	json_out_member_str(o, "version",
		child_option_str(user->child, "version",
			child_option_str(user->child, "gateway.version", SPAN("dev"))));
	json_out_member_str(
		o, "host", child_option_str(user->child, "gateway.host", SPAN("gateway")));
	json_out_member_str(o, "connId", span_from_cstr(conn));
	json_out_end_object(o);
}

static void
put_auth(struct json_out *o, const struct user_conn *u)
{
	const struct user_greet *g = u->greet;

	if (!g->device || g->device_token.len == 0)
		return;
	json_out_key(o, SPAN("auth"));
	json_out_begin_object(o);
	json_out_member_str(o, "deviceToken", g->device_token);
	json_out_member_str(o, "role", g->role);
	json_out_key(o, SPAN("scopes"));
	json_out_begin_array(o);
	for (unsigned bit = 1; bit <= SCOPE_ADMIN; bit <<= 1) {
		if ((u->scopes & bit) != 0)
			json_out_str(o, span_from_cstr(scope_name(bit)));
	}
	json_out_end_array(o);
	json_out_member_u64(o, "issuedAtMs", g->issued_at);
	json_out_end_object(o);
}

static void
put_policy(struct json_out *o)
{
	json_out_key(o, SPAN("policy"));
	json_out_begin_object(o);
	json_out_member_u64(o, "maxPayload", WS_FRAME_MAX);
	json_out_member_u64(o, "maxBufferedBytes", WS_BUFFERED_MAX);
	json_out_member_u64(o, "tickIntervalMs", EDGE_TICK_MS);
	json_out_end_object(o);
}

static void
send_hello(struct user_conn *u)
{
	struct buf text = {.max = IPC_BODY_MAX};
	struct json_out o;

	json_out_init(&o, &text, NULL);
	edge_frame_res(&o, u->greet->connect_id, true);
	json_out_key(&o, SPAN("payload"));
	json_out_begin_object(&o);
	json_out_member_str(&o, "type", SPAN("hello-ok"));
	json_out_member_u64(&o, "protocol", 3);
	put_server(&o, user_of(u));
	put_features(&o);
	put_snapshot(&o, user_of(u));
	put_auth(&o, u);
	put_policy(&o);
	json_out_end_object(&o);
	json_out_end_object(&o);
	if (json_out_finish(&o) < 0) {
		log_error("hello-ok: core's snapshot is no document", LOG_U("conn", u->id));
		edge_conn_close(&u->c);
	} else {
		user_ws_send(u, buf_span(&text));
	}
	if (text.ptr != NULL)
		secret_wipe(text.ptr, text.len); /* it may hold a device token */
	buf_clear(&text);
}

/* Clients expect a health event after hello-ok without asking. */
static void
send_health(struct user_conn *u)
{
	struct user *user = user_of(u);
	struct buf text = {.max = IPC_BODY_MAX};
	struct json_out o;

	if (u->c.is_dead || !args_has(buf_span(&user->snapshot), "health"))
		return;
	json_out_init(&o, &text, NULL);
	edge_frame_event(&o, event_rows[EVENT_HEALTH].name);
	json_out_key(&o, SPAN("payload"));
	(void)args_json_write_member(&o, buf_span(&user->snapshot), "health");
	user_put_versions(&o, user);
	json_out_end_object(&o);
	if (json_out_finish(&o) == 0)
		user_ws_send(u, buf_span(&text));
	buf_clear(&text);
}

static void
announce(struct user_conn *u)
{
	struct ipc_chan *core = child_peer(user_of(u)->child, KIND_CORE, 0);
	const struct user_greet *g = u->greet;
	char key[16];
	struct edge_core_client m = {.conn = u->id,
		.up = true,
		.key = g->device_id,
		.client_id = g->client_id,
		.mode = g->client_mode,
		.version = g->client_version,
		.platform = g->platform,
		.display = g->display,
		.source = g->source,
		.device_id = g->device_id,
		.family = g->family,
		.model = g->model,
		.role = g->role,
		.scopes = u->scopes};

	(void)snprintf(key, sizeof(key), "conn-%u", u->id & 0x3fffu);
	if (m.key.len == 0)
		m.key = g->instance_id.len > 0 ? g->instance_id : span_from_cstr(key);
	if (core != NULL && edge_core_client_send(core, &m) == 0)
		u->is_announced = true;
}

static void
greet(struct user_conn *u)
{
	send_hello(u);
	if (u->c.is_dead)
		return;
	u->phase = USER_WS;
	user_cast_join(u);
	u->c.deadline_ms = 0;
	ws_decoder_init(&u->ws, WS_SERVER, WS_FRAME_MAX);
	announce(u);
	send_health(u);
	user_greet_free(u);
}

static void
greet_all(struct user *user)
{
	struct edge_conn *next;

	for (struct edge_conn *c = user->conns.first; c != NULL; c = next) {
		next = c->next;
		if (((struct user_conn *)c)->phase != USER_GREET)
			continue;
		greet((struct user_conn *)c);
		edge_conn_resume(c);
	}
}

static void
on_greet_late(struct ev *ev, void *arg)
{
	struct user *user = arg;

	(void)ev;
	user->greet_timer = 0;
	greet_all(user);
}

void
user_greet(struct user_conn *u)
{
	struct user *user = user_of(u);

	u->phase = USER_GREET;
	if (user->has_snapshot)
		greet(u);
	else if (user->greet_timer == 0)
		user->greet_timer = ev_timer_start(user->child->ev,
			user->is_control ? GREET_OWNER_MS : GREET_MS, on_greet_late, user);
}

static int
keep_snapshot(struct user *user, const struct edge_core_snapshot *s)
{
	struct span body;
	int rc;

	buf_clear(&user->snapshot);
	if (s->body < 0)
		return buf_put(&user->snapshot, s->args);
	rc = ipc_body_get(s->body, IPC_BODY_MAX, &body);
	if (rc < 0)
		return rc;
	rc = buf_put(&user->snapshot, body);
	ipc_body_free(body);
	return rc;
}

int
user_on_snapshot(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct edge_core_snapshot *s = m;
	struct child *child = arg;
	struct user *user = child->ctx;
	int rc = keep_snapshot(user, s);

	(void)chan;
	if (rc < 0)
		return rc;
	user->presence_version = s->presence_version;
	user->health_version = s->health_version;
	user->has_snapshot = true;
	ev_timer_cancel(user->child->ev, user->greet_timer);
	user->greet_timer = 0;
	greet_all(user);
	return 0;
}
