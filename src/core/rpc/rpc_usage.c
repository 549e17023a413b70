#include "core/rpc/rpc.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/utc.h"

#define DAYS_DEFAULT 30
#define DAYS_MAX 3650
#define DAY_MS 86400000u

void
rpc_usage_status(struct rpc_call *call)
{
	struct args_out out;
	struct buf b;

	core_args_init(&out, &b);
	args_out_u64(&out, "updatedAt", ev_wall_ms());
	args_out_array(&out, "providers");
	args_out_end(&out);
	rpc_result(call, &out, &b);
}

/* ---- usage.cost ---- */

struct tokens {
	uint64_t in;
	uint64_t out;
	uint64_t runs;
};

struct costs {
	struct core_caller *caller;
	uint64_t days;
	struct tokens all;
	struct buf rows;
	struct args_out out;
};

static void
begin(struct costs *c)
{
	buf_clear(&c->rows);
	core_args_init(&c->out, &c->rows);
	c->all = (struct tokens){0};
	args_out_u64(&c->out, "updatedAt", ev_wall_ms());
	args_out_u64(&c->out, "days", c->days);
	args_out_array(&c->out, "daily");
}

/* No prices are known here: every run is an entry without its cost. */
static void
put_tokens(struct args_out *out, const struct tokens *t)
{
	args_out_u64(out, "input", t->in);
	args_out_u64(out, "output", t->out);
	args_out_u64(out, "cacheRead", 0);
	args_out_u64(out, "cacheWrite", 0);
	args_out_u64(out, "totalTokens", t->in + t->out);
	args_out_u64(out, "totalCost", 0);
	args_out_u64(out, "missingCostEntries", t->runs);
}

static void
put_day(struct costs *c, const struct core_store_usage_day *day)
{
	struct tokens t = {day->tokens_in, day->tokens_out, day->runs};
	char date[48];
	struct tm tm;
	int n;

	if (day->day > UINT32_MAX || utc_split((int64_t)(day->day * (DAY_MS / 1000)), &tm) < 0)
		return;
	n = snprintf(
		date, sizeof(date), "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
	args_out_object(&c->out, NULL);
	args_out_str(&c->out, "date", span_of(date, (size_t)n));
	put_tokens(&c->out, &t);
	args_out_end(&c->out);
	c->all.in += t.in;
	c->all.out += t.out;
	c->all.runs += t.runs;
}

static void
finish(struct costs *c, int64_t rc)
{
	args_out_end(&c->out);
	args_out_object(&c->out, "totals");
	put_tokens(&c->out, &c->all);
	args_out_end(&c->out);
	if (rc < 0 || args_out_done(&c->out) < 0)
		core_reply_error(c->caller, RPC_UNAVAILABLE, "the usage cannot be read");
	else
		core_reply_ok(c->caller, buf_span(&c->rows));
	buf_clear(&c->rows);
	free(c);
}

static int
on_usage(struct core *core, struct core_ask *ask, uint16_t id, const void *m)
{
	struct costs *c = ask->arg;

	(void)core;
	switch (id) {
	case CORE_STORE_USAGE_DAY:
		put_day(c, m);
		return 0;
	case CORE_ASK_AGAIN:
		begin(c);
		return 0;
	case CORE_STORE_DONE:
		finish(c, ((const struct core_store_done *)m)->rc);
		return 0;
	default:
		return ERR_PROTO;
	}
}

void
rpc_usage_cost(struct rpc_call *call)
{
	struct core_store_usage msg = {.req = core_ask_req(call->core)};
	uint64_t days = DAYS_DEFAULT;
	struct args_leaf leaf;
	struct costs *c;

	/* a number, or the same as text */
	if (args_has(call->args, "days") &&
		(args_get(call->args, "days", &leaf) < 0 || leaf.depth != 1 ||
			(leaf.type != ARGS_NUMBER && leaf.type != ARGS_STRING) ||
			span_to_u64(leaf.value, 1, DAYS_MAX, &days) < 0)) {
		rpc_invalid(call, "at /days: must be a number of days from 1 to 3650");
		return;
	}
	msg.since = ev_wall_ms() / DAY_MS - days + 1;
	c = mem_alloc(1, sizeof(*c));
	c->caller = call->caller;
	c->days = days;
	begin(c);
	if (core_ask(call->core, CORE_STORE_USAGE, &msg, msg.req, on_usage, c, false) == NULL)
		finish(c, ERR_RANGE);
}
