#include "core/core.h"

#include <stdlib.h>

static void
clear_entry(struct core_presence *p)
{
	buf_clear(&p->key);
	buf_clear(&p->fields);
}

static void
drop_at(struct core *core, struct core_presence **at)
{
	struct core_presence *p = *at;

	*at = p->next;
	clear_entry(p);
	free(p);
	core->npresence--;
}

void
core_presence_clear(struct core *core)
{
	while (core->presence != NULL)
		drop_at(core, &core->presence);
}

/* Clients that left a while ago, and the oldest ones beyond the limit. */
static void
prune(struct core *core)
{
	uint64_t now = ev_wall_ms();
	struct core_presence **at = &core->presence;
	unsigned kept = 0;

	while (*at != NULL) {
		if (kept >= PRESENCE_MAX || (!(*at)->up && now - (*at)->ts > PRESENCE_TTL_MS)) {
			drop_at(core, at);
			continue;
		}
		kept++;
		at = &(*at)->next;
	}
}

static void
put_entry(const struct core_presence *p, struct args_out *out)
{
	args_out_object(out, NULL);
	core_args_graft(out, buf_span(&p->fields));
	if (p->principal != 0)
		args_out_cstr(out, "reason", p->up ? "connect" : "disconnect");
	args_out_u64(out, "ts", p->ts);
	args_out_end(out);
}

void
core_presence_put(struct core *core, struct args_out *out)
{
	prune(core);
	args_out_object(out, NULL);
	args_out_str(out, "host", child_option_str(core->child, "gateway.host", SPAN("gateway")));
	args_out_str(out, "version", core_version(core));
	args_out_cstr(out, "mode", "gateway");
	args_out_cstr(out, "reason", "self");
	args_out_cstr(out, "platform", "linux");
	args_out_u64(out, "ts", ev_wall_ms());
	args_out_end(out);
	for (const struct core_presence *p = core->presence; p != NULL; p = p->next)
		put_entry(p, out);
}

static void
broadcast(struct core *core)
{
	struct args_out out;
	struct buf b;

	core_args_init(&out, &b);
	args_out_array(&out, "presence");
	core_presence_put(core, &out);
	args_out_end(&out);
	if (args_out_done(&out) == 0)
		core_event_send(core, EVENT_PRESENCE, true, SPAN_EMPTY, SPAN_EMPTY, buf_span(&b));
	buf_clear(&b);
}

static struct core_presence **
find(struct core *core, uint64_t principal, const struct edge_core_client *msg)
{
	struct core_presence **at = &core->presence;

	while (*at != NULL &&
		!((*at)->principal == principal &&
			(((*at)->up && (*at)->conn == msg->conn) ||
				(msg->up && msg->key.len > 0 &&
					span_eq_nocase(buf_span(&(*at)->key), msg->key)))))
		at = &(*at)->next;
	return at;
}

static void
put_text(struct args_out *out, const char *name, struct span v)
{
	if (v.len > 0)
		args_out_str(out, name, v);
}

static void
describe(struct buf *fields, const struct edge_core_client *msg)
{
	struct args_out out;

	buf_init(fields, KIB(4));
	args_out_init(&out, fields, false);
	put_text(&out, "host", msg->display.len > 0 ? msg->display : msg->client_id);
	put_text(&out, "ip", msg->source);
	put_text(&out, "version", msg->version);
	put_text(&out, "platform", msg->platform);
	put_text(&out, "deviceFamily", msg->family);
	put_text(&out, "modelIdentifier", msg->model);
	put_text(&out, "mode", msg->mode);
	put_text(&out, "deviceId", msg->device_id);
	args_out_array(&out, "roles");
	args_out_str(&out, NULL, msg->role);
	args_out_end(&out);
	args_out_array(&out, "scopes");
	for (unsigned bit = 1; bit <= SCOPE_ADMIN; bit <<= 1) {
		if ((msg->scopes & bit) != 0)
			args_out_cstr(&out, NULL, scope_name(bit));
	}
	args_out_end(&out);
	put_text(&out, "instanceId", msg->key);
	(void)args_out_done(&out);
}

/* At the head of the list; the one that was at at gives way. */
static struct core_presence *
add(struct core *core, struct core_presence **at, struct span key)
{
	struct core_presence *p = mem_alloc(1, sizeof(*p));

	if (*at != NULL)
		drop_at(core, at);
	*p = (struct core_presence){.ts = ev_wall_ms(), .next = core->presence};
	buf_init(&p->key, 128);
	(void)buf_put(&p->key, key);
	core->presence = p;
	core->npresence++;
	core->presence_version++;
	return p;
}

void
core_presence_client(struct core *core, uint64_t principal, const struct edge_core_client *msg)
{
	struct core_presence **at = find(core, principal, msg);
	struct core_presence *p = *at;

	if (msg->up && !span_eq(msg->mode, SPAN("cli"))) {
		p = add(core, at, msg->key);
		p->principal = principal;
		p->conn = msg->conn;
		p->up = true;
		describe(&p->fields, msg);
		prune(core);
	} else if (!msg->up && p != NULL) {
		p->up = false;
		p->ts = ev_wall_ms();
		core->presence_version++;
		broadcast(core);
	} else {
		return;
	}
	core_snapshot_send(core, NULL);
}

void
core_presence_event(struct core *core, struct span args)
{
	static const char *const names[] = {"deviceId", "instanceId", "host", "ip"};
	struct core_presence **at = &core->presence;
	struct core_presence *p;
	struct span key = SPAN("system");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (args_get_str(args, names[i], &key) == 0)
			break;
	}
	while (*at != NULL &&
		!((*at)->principal == 0 && span_eq_nocase(buf_span(&(*at)->key), key)))
		at = &(*at)->next;
	p = add(core, at, key);
	buf_init(&p->fields, KIB(32));
	(void)buf_put(&p->fields, args);
	prune(core);
	broadcast(core);
	core_snapshot_send(core, NULL);
}

void
core_presence_edge_gone(struct core *core, uint64_t principal)
{
	bool changed = false;

	for (struct core_presence *p = core->presence; p != NULL; p = p->next) {
		if (p->principal != principal || !p->up)
			continue;
		p->up = false;
		p->ts = ev_wall_ms();
		changed = true;
	}
	if (!changed)
		return;
	core->presence_version++;
	broadcast(core);
	core_snapshot_send(core, NULL);
}
