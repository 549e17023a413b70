#include "core/core.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crypto/crypto.h"

#define SHUTDOWN_MS 300

static struct core *
core_of(const struct child *child)
{
	return child->ctx;
}

static int
setup(struct child *child, struct jail_env *env)
{
	struct core *core = mem_alloc(1, sizeof(*core));

	(void)env;
	tzset(); /* the C library reads its file at the first local time: not later, in the jail */
	child->ctx = core;
	core->child = child;
	core->ev = child->ev;
	core->started_ms = ev_wall_ms();
	core->presence_version = 1;
	core->health_version = 1;
	/* Numbers that an earlier core may have used must not come again: a random start, far from the end. */
	core->next_req = crypto_random_u64() >> 1;
	core->next_call = crypto_random_u64() >> 1;
	return 0;
}

static void
start(struct child *child)
{
	core_recover_start(core_of(child));
	core_health_start(core_of(child));
	core_event_tick_start(core_of(child));
}

static void
peer_up(struct child *child, uint8_t kind, struct ipc_chan *chan)
{
	struct core *core = core_of(child);

	switch (kind) {
	case KIND_USER:
		core_snapshot_send(core, chan);
		break;
	case KIND_STORE:
		core_ask_store_up(core);
		break;
	case KIND_GATE:
		core_run_gate_up(core);
		break;
	case KIND_AGENT:
		core_run_agent_up(core, chan);
		break;
	case KIND_EGRESS:
		core_model_egress_up(core, chan);
		break;
	case KIND_SANDBOX:
		core_prove_sandbox_up(core, chan);
		break;
	default:
		break;
	}
}

static void
peer_gone(struct child *child, uint8_t kind, struct ipc_chan *chan)
{
	struct core *core = core_of(child);

	switch (kind) {
	case KIND_USER:
		core_callers_drop(core, ipc_chan_tag(chan), NULL);
		core_presence_edge_gone(core, ipc_chan_tag(chan));
		break;
	case KIND_STORE:
		core_ask_store_gone(core);
		break;
	case KIND_GATE:
		core_run_gate_gone(core);
		break;
	case KIND_AGENT:
		core_run_agent_gone(core, ipc_chan_tag(chan));
		break;
	case KIND_EGRESS:
		core_model_egress_gone(core, ipc_chan_tag(chan));
		break;
	case KIND_SANDBOX:
		core_tool_sandbox_gone(core);
		core_prove_sandbox_gone(core);
		core_picture_sandbox_gone(core);
		break;
	default:
		break;
	}
}

static void
refused(struct child *child, uint8_t kind, uint64_t instance, int why)
{
	if (kind == KIND_AGENT)
		core_run_agent_refused(core_of(child), instance, why);
	else if (kind == KIND_EGRESS)
		core_model_egress_refused(core_of(child), instance, why);
}

static void
panic(struct child *child, bool on)
{
	struct core *core = core_of(child);

	log_warn(on ? "kill switch on: every run is aborted" : "kill switch off");
	if (on)
		core_run_abort_all(core, "stop");
	else
		core_resumed(core);
	core_health_refresh(core);
}

/* Values are looked up in the slice when they are needed. */
static int
slice(struct child *child)
{
	core_health_refresh(core_of(child));
	return 0;
}

static void
config_state(struct child *child, uint8_t state)
{
	struct core *core = core_of(child);

	core->config_state = state;
	core_health_refresh(core);
}

static int
census(struct child *child, const struct child_census_row *row)
{
	return core_census_row(core_of(child), row);
}

static void
on_shutdown(struct ev *ev, void *arg)
{
	struct core *core = arg;

	(void)ev;
	child_stop(core->child);
}

/* Runs are left as they are: the next start takes them up again from store. */
static void
drain(struct child *child)
{
	struct core *core = core_of(child);
	struct args_out out;
	struct buf b;

	if (core->draining)
		return;
	core->draining = true;
	core_args_init(&out, &b);
	args_out_cstr(&out, "reason", "service restart");
	args_out_null(&out, "restartExpectedMs");
	if (args_out_done(&out) == 0)
		core_event_send(core, EVENT_SHUTDOWN, false, SPAN_EMPTY, SPAN_EMPTY, buf_span(&b));
	buf_clear(&b);
	core->shutdown_timer = ev_timer_start(core->ev, SHUTDOWN_MS, on_shutdown, core);
}

static const struct child_spec spec = {
	.kind = KIND_CORE,
	.name = "core",
	.heap = KIB(24u),
	.jail = &core_jail,
	.links = core_links,
	.nlinks = CORE_NLINKS,
	.setup = setup,
	.start = start,
	.peer_up = peer_up,
	.peer_gone = peer_gone,
	.refused = refused,
	.panic = panic,
	.slice = slice,
	.config_state = config_state,
	.census = census,
	.drain = drain,
};

int
main(int argc, char **argv)
{
	const struct child_spec *const specs[] = {&spec};

	return child_main(specs, 1, argc, argv);
}
