#include "core/core.h"

#include <stdlib.h>

static void
clear_entry(struct core_presence *p)
{
	buf_clear(&p->key);
	buf_clear(&p->host);
	buf_clear(&p->version);
	buf_clear(&p->platform);
	buf_clear(&p->mode);
	buf_clear(&p->device_id);
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
	if (p->host.len > 0)
		args_out_str(out, "host", buf_span(&p->host));
	args_out_str(out, "version", buf_span(&p->version));
	args_out_str(out, "platform", buf_span(&p->platform));
	args_out_str(out, "mode", buf_span(&p->mode));
	args_out_cstr(out, "reason", p->up ? "connect" : "disconnect");
	args_out_u64(out, "ts", p->ts);
	if (p->device_id.len > 0)
		args_out_str(out, "deviceId", buf_span(&p->device_id));
	args_out_str(out, "instanceId", buf_span(&p->key));
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
copy(struct buf *to, struct span s)
{
	buf_init(to, 128);
	(void)buf_put(to, s);
}

void
core_presence_client(struct core *core, uint64_t principal, const struct edge_core_client *msg)
{
	struct core_presence **at = find(core, principal, msg);
	struct core_presence *p = *at;

	if (msg->up && !span_eq(msg->mode, SPAN("cli"))) {
		if (p != NULL)
			drop_at(core, at);
		p = mem_alloc(1, sizeof(*p));
		*p = (struct core_presence){.principal = principal,
			.conn = msg->conn,
			.up = true,
			.ts = ev_wall_ms(),
			.next = core->presence};
		copy(&p->key, msg->key);
		copy(&p->host, msg->display);
		copy(&p->version, msg->version);
		copy(&p->platform, msg->platform);
		copy(&p->mode, msg->mode);
		copy(&p->device_id, msg->device_id);
		core->presence = p;
		core->npresence++;
		core->presence_version++;
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
