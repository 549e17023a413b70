#include "core/core.h"

/*
 * Runs without a final answer, oldest first. One whose effect was under way is reported, the others start again in their
 * lanes; a new message of the same session waits behind them, as it would have.
 */
static int
on_open_runs(struct core *core, struct core_ask *ask, uint16_t id, const void *m)
{
	(void)ask;
	switch (id) {
	case CORE_STORE_RUN:
		core_run_recover(core, m);
		return 0;
	case CORE_ASK_AGAIN: /* those that are known already are not taken twice */
		return 0;
	case CORE_STORE_DONE:
		core->recovered = true;
		if (core->nruns > 0)
			log_info("runs taken up again", LOG_U("runs", core->nruns));
		if (core->child->panic)
			core_run_abort_all(core, "stop");
		core_lane_pump(core);
		return 0;
	default:
		return ERR_PROTO;
	}
}

void
core_recover_start(struct core *core)
{
	struct core_store_open_runs msg = {.req = core_ask_req(core)};

	(void)core_ask(core, CORE_STORE_OPEN_RUNS, &msg, msg.req, on_open_runs, core, false);
}
