/* moltbot.processes: the table of all kinds, what there is of each by the supervisor's count, and which are core's peers. */
#include "core/rpc/rpc.h"

#define FRESH_MS 250 /* the supervisor is not asked more often */

static void
count_one(struct child *child, struct ipc_chan *chan, void *arg)
{
	(void)child;
	(void)chan;
	(*(unsigned *)arg)++;
}

static void
put_connected(struct core *core, struct args_out *out, unsigned kind)
{
	bool is_peer = false;
	unsigned n = 0;

	for (unsigned i = 0; i < CORE_NLINKS; i++)
		is_peer = is_peer || core_links[i].kind == kind;
	if (!is_peer)
		return;
	child_peers(core->child, (uint8_t)kind, count_one, &n);
	args_out_u64(out, "connected", n);
}

static void
put_counts(struct args_out *out, const struct child_census_row *c, uint64_t counted_at)
{
	args_out_u64(out, "running", c->up);
	args_out_u64(out, "starting", c->starting);
	args_out_u64(out, "restarting", c->waiting);
	args_out_u64(out, "crashes", c->crashes);
	if (c->crashes > 0)
		args_out_u64(out, "lastCrashAt", counted_at - c->crashed_ago_ms);
	if (c->age_ms > 0)
		args_out_u64(out, "since", counted_at - c->age_ms);
}

static void
answer(struct core *core, struct core_caller *caller)
{
	static const char *const lives[] = {"always", "asked", "once", "own"};
	struct args_out out;
	struct buf b;

	core_args_init(&out, &b);
	args_out_array(&out, "processes");
	for (unsigned k = 0; k < KIND_N; k++) {
		args_out_object(&out, NULL);
		args_out_cstr(&out, "name", process_rows[k].name);
		args_out_cstr(&out, "instances", process_abouts[k].instances);
		args_out_cstr(&out, "life", lives[process_rows[k].life]);
		args_out_cstr(&out, "holds", process_abouts[k].holds);
		args_out_cstr(&out, "may", process_abouts[k].may);
		args_out_cstr(&out, "takeover", process_abouts[k].takeover);
		put_connected(core, &out, k);
		put_counts(&out, &core->census[k], core->census_wall);
		args_out_end(&out);
	}
	args_out_end(&out);
	if (args_out_done(&out) < 0)
		core_reply_error(caller, RPC_UNAVAILABLE, "the table is over its limit");
	else
		core_reply_ok(caller, buf_span(&b));
	buf_clear(&b);
}

void
rpc_processes(struct rpc_call *call)
{
	struct core *core = call->core;
	bool is_asked = core->census_waits != NULL;

	if (core->census_at != 0 && ev_now_ms(core->ev) - core->census_at < FRESH_MS) {
		answer(core, call->caller);
		return;
	}
	core_asker_add(&core->census_waits, call->caller);
	if (!is_asked)
		child_census(core->child);
}

int
core_census_row(struct core *core, const struct child_census_row *row)
{
	struct core_caller *caller;

	if (row->kind >= KIND_N || core->census_waits == NULL)
		return ERR_PROTO;
	core->census[row->kind] = *row;
	if (!row->last)
		return 0;
	core->census_at = ev_now_ms(core->ev);
	core->census_wall = ev_wall_ms();
	while ((caller = core_asker_take(&core->census_waits)) != NULL)
		answer(core, caller);
	return 0;
}
