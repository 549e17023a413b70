#include "core/core.h"

#include <stdlib.h>
#include <unistd.h>

#define SNAPSHOT_INLINE 12288u
#define TOUCHED_MS 500

/* ---- what store says ---- */

static void refreshed(struct core *core);

static int
on_counted(struct core *core, struct core_ask *ask, uint16_t id, const void *m)
{
	(void)ask;
	if (id == CORE_ASK_AGAIN)
		return 0;
	if (id != CORE_STORE_COUNTED)
		return ERR_PROTO;
	core->count_sessions = ((const struct core_store_counted *)m)->sessions;
	refreshed(core);
	return 0;
}

static void
clear_recent(struct core_recent *rows, unsigned *n)
{
	for (unsigned i = 0; i < *n; i++)
		free(rows[i].key);
	*n = 0;
}

/* What was asked for takes the place of what is shown. */
static void
take_recent(struct core *core)
{
	clear_recent(core->recent, &core->recent_n);
	for (unsigned i = 0; i < core->coming_n; i++)
		core->recent[i] = core->coming[i];
	core->recent_n = core->coming_n;
	core->coming_n = 0;
}

static int
on_recent(struct core *core, struct core_ask *ask, uint16_t id, const void *m)
{
	const struct core_store_session *row = m;

	(void)ask;
	switch (id) {
	case CORE_STORE_SESSION:
		if (core->coming_n < CORE_RECENT)
			core->coming[core->coming_n++] =
				(struct core_recent){.key = mem_copy(row->key),
					.keylen = row->key.len,
					.updated = row->updated,
					.tokens_in = row->tokens_in,
					.tokens_out = row->tokens_out};
		return 0;
	case CORE_ASK_AGAIN:
		clear_recent(core->coming, &core->coming_n);
		return 0;
	case CORE_STORE_DONE:
		take_recent(core);
		refreshed(core);
		return 0;
	default:
		return ERR_PROTO;
	}
}

static void
refresh(struct core *core, bool told)
{
	struct core_store_counts counts = {.req = core_ask_req(core)};
	struct core_store_sessions recent = {.req = core_ask_req(core), .limit = CORE_RECENT};

	core->refresh_told = told || (core->refreshing > 0 && core->refresh_told);
	if (core->refreshing > 0)
		return;
	core->refreshing = 2;
	core->refresh_started = ev_now_ms(core->ev);
	clear_recent(core->coming, &core->coming_n);
	(void)core_ask(core, CORE_STORE_COUNTS, &counts, counts.req, on_counted, core, false);
	(void)core_ask(core, CORE_STORE_SESSIONS, &recent, recent.req, on_recent, core, false);
}

void
core_health_refresh(struct core *core)
{
	refresh(core, true);
}

static void
on_touched(struct ev *ev, void *arg)
{
	struct core *core = arg;

	(void)ev;
	core->touched_timer = 0;
	refresh(core, false);
}

/* Health and status have the numbers a moment later; that alone is no news for clients, and many changes are one. */
void
core_health_touch(struct core *core)
{
	if (core->touched_timer == 0)
		core->touched_timer = ev_timer_start(core->ev, TOUCHED_MS, on_touched, core);
}

static void
on_health_timer(struct ev *ev, void *arg)
{
	struct core *core = arg;

	core->health_timer = ev_timer_start(ev, HEALTH_REFRESH_MS, on_health_timer, core);
	core_health_refresh(core);
}

void
core_health_start(struct core *core)
{
	on_health_timer(core->ev, core);
}

/* ---- the summary ---- */

static void
put_recent(struct core *core, struct args_out *out)
{
	uint64_t now = ev_wall_ms();

	args_out_array(out, "recent");
	for (unsigned i = 0; i < core->recent_n; i++) {
		const struct core_recent *r = &core->recent[i];

		args_out_object(out, NULL);
		args_out_str(out, "key", span_of(r->key, r->keylen));
		args_out_u64(out, "updatedAt", r->updated);
		args_out_u64(out, "age", now > r->updated ? now - r->updated : 0);
		args_out_end(out);
	}
	args_out_end(out);
}

static void
put_sessions(struct core *core, struct args_out *out)
{
	args_out_object(out, "sessions");
	args_out_cstr(out, "path", "store");
	args_out_u64(out, "count", core->count_sessions);
	put_recent(core, out);
	args_out_end(out);
}

/* What became of the last text of the configuration, in the order of enum config_state. */
static const char *const config_states[] = {"taken", "refused", "needs a restart"};

static void
put_agents(struct core *core, struct args_out *out)
{
	args_out_array(out, "agents");
	args_out_object(out, NULL);
	args_out_cstr(out, "agentId", "main");
	args_out_str(out, "name", core_agent_name(core));
	args_out_bool(out, "isDefault", true);
	args_out_object(out, "heartbeat");
	args_out_bool(out, "enabled", false);
	args_out_cstr(out, "every", "disabled");
	args_out_null(out, "everyMs");
	args_out_end(out);
	put_sessions(core, out);
	args_out_end(out);
	args_out_end(out);
}

void
core_health_sandbox_put(const struct core *core, struct args_out *out)
{
	args_out_object(out, "sandbox");
	args_out_bool(out, "ready", core->tier_known);
	if (core->tier_known) {
		struct buf layers = {.max = 1024};

		args_out_cstr(out, "tier", jail_tier_name((enum jail_tier)core->tier));
		jail_print_layers(core->missing, &layers);
		args_out_str(out, "missing", span_trim(buf_span(&layers)));
		args_out_str(out, "why", buf_span(&core->tier_why));
		buf_clear(&layers);
	}
	args_out_cstr(out, "proof",
		core->proof_passed ? "passed"
		: core->proof_done ? "failed"
				   : "pending");
	args_out_end(out);
}

void
core_health_put(struct core *core, struct args_out *out)
{
	args_out_bool(out, "ok", true);
	args_out_u64(out, "ts", ev_wall_ms());
	args_out_u64(out, "durationMs", core->health_took_ms);
	args_out_object(out, "channels");
	args_out_end(out);
	args_out_array(out, "channelOrder");
	args_out_end(out);
	args_out_object(out, "channelLabels");
	args_out_end(out);
	args_out_u64(out, "heartbeatSeconds", 0);
	args_out_cstr(out, "defaultAgentId", "main");
	put_agents(core, out);
	put_sessions(core, out);
	args_out_bool(out, "stopped", core->child->panic);
	args_out_cstr(out, "config", config_states[core->config_state % 3]);
	core_health_sandbox_put(core, out);
}

/* Built anew when something changed, kept until then: `health` is asked tens of thousands of times a second. */
struct span
core_health_snapshot(struct core *core)
{
	struct args_out out;

	if (core->health.len == 0) {
		core_args_init(&out, &core->health);
		core_health_put(core, &out);
		if (args_out_done(&out) < 0)
			buf_clear(&core->health);
	}
	return buf_span(&core->health);
}

void
core_health_changed(struct core *core)
{
	buf_clear(&core->health);
	core->health_version++;
	core_event_send(
		core, EVENT_HEALTH, false, SPAN_EMPTY, SPAN_EMPTY, core_health_snapshot(core));
	core_snapshot_send(core, NULL);
}

static void
refreshed(struct core *core)
{
	if (core->refreshing == 0 || --core->refreshing > 0)
		return;
	core->health_took_ms = ev_now_ms(core->ev) - core->refresh_started;
	if (core->refresh_told)
		core_health_changed(core);
	else
		buf_clear(&core->health);
}

/* ---- what hello-ok shows ---- */

static void
put_defaults(struct args_out *out)
{
	args_out_object(out, "sessionDefaults");
	args_out_cstr(out, "defaultAgentId", "main");
	args_out_cstr(out, "mainKey", "main");
	args_out_cstr(out, "mainSessionKey", "agent:main:main");
	args_out_cstr(out, "scope", "per-sender");
	args_out_end(out);
}

static void
put_snapshot(struct core *core, struct args_out *out)
{
	struct span path;

	args_out_array(out, "presence");
	core_presence_put(core, out);
	args_out_end(out);
	args_out_object(out, "health");
	core_args_graft(out, core_health_snapshot(core));
	args_out_end(out);
	args_out_object(out, "stateVersion");
	args_out_u64(out, "presence", core->presence_version);
	args_out_u64(out, "health", core->health_version);
	args_out_end(out);
	args_out_u64(out, "startedAtMs", core->started_ms);
	path = child_option_str(core->child, "config.path", SPAN_EMPTY);
	if (path.len > 0)
		args_out_str(out, "configPath", path);
	path = child_option_str(core->child, "state.dir", SPAN_EMPTY);
	if (path.len > 0)
		args_out_str(out, "stateDir", path);
	put_defaults(out);
}

static void
send_snapshot(struct child *child, struct ipc_chan *edge, void *arg)
{
	(void)child;
	(void)edge_core_snapshot_send(edge, arg);
}

void
core_snapshot_send(struct core *core, struct ipc_chan *edge)
{
	struct edge_core_snapshot msg = {.presence_version = core->presence_version,
		.health_version = core->health_version,
		.body = -1};
	struct args_out out;
	struct buf b;

	core_args_init(&out, &b);
	put_snapshot(core, &out);
	if (args_out_done(&out) == 0) {
		msg.args = core_text_split(buf_span(&b), SNAPSHOT_INLINE, &msg.body);
		if (edge != NULL)
			send_snapshot(core->child, edge, &msg);
		else
			child_peers(core->child, KIND_USER, send_snapshot, &msg);
	}
	if (msg.body >= 0)
		close(msg.body);
	buf_clear(&b);
}
