#include "core/core.h"

#include <stdlib.h>

struct core_proof {
	uint64_t req;
	struct core_caller *
		/* NULL: the one at start, which decides whether tools that execute are on */
		caller;
	struct args_out out;
	struct buf result;
	struct core_proof *next;
};

void
core_prove_start(struct core *core, unsigned level, struct core_caller *caller)
{
	struct ipc_chan *sandbox = child_peer(core->child, KIND_SANDBOX, 0);
	struct core_proof **at = &core->proofs;
	struct core_proof *p;
	unsigned n = 0;

	if (sandbox == NULL) {
		if (caller != NULL)
			core_reply_error(caller, RPC_UNAVAILABLE, "the sandbox is not running");
		return;
	}
	for (p = core->proofs; p != NULL; p = p->next)
		n++;
	if (caller != NULL && n >= PROOFS_MAX) {
		core_reply_error(caller, RPC_UNAVAILABLE,
			"a self-proof is under way and another one waits: try again later");
		return;
	}
	p = mem_alloc(1, sizeof(*p));
	p->req = core_ask_req(core);
	p->caller = caller;
	core_args_init(&p->out, &p->result);
	args_out_array(&p->out, "probes");
	while (*at != NULL)
		at = &(*at)->next;
	*at = p;
	(void)core_sandbox_prove_send(
		sandbox, &(struct core_sandbox_prove){.req = p->req, .level = (uint8_t)level});
}

static struct core_proof **
find(struct core *core, uint64_t req)
{
	struct core_proof **at = &core->proofs;

	while (*at != NULL && (*at)->req != req)
		at = &(*at)->next;
	return at;
}

static void
drop(struct core_proof **at)
{
	struct core_proof *p = *at;

	*at = p->next;
	core_caller_free(p->caller);
	buf_clear(&p->result);
	free(p);
}

int
core_prove_probe(struct core *core, const struct core_sandbox_probe *msg)
{
	struct core_proof *p = *find(core, msg->req);

	if (p == NULL)
		return ERR_PROTO;
	/* a cell that did not finish is one line, of sandbox; and a gateway that stops ends them all */
	if (!msg->held && !core->draining && !span_eq(msg->got, SPAN("no answer")))
		log_error("self-proof: an attempt was not held", LOG_S("probe", msg->name),
			LOG_S("got", msg->got));
	args_out_object(&p->out, NULL);
	args_out_str(&p->out, "name", msg->name);
	args_out_str(&p->out, "what", msg->what);
	args_out_u64(&p->out, "profile", msg->profile);
	args_out_bool(&p->out, "held", msg->held);
	args_out_str(&p->out, "got", msg->got);
	args_out_str(&p->out, "expected", msg->expected);
	args_out_end(&p->out);
	return 0;
}

static void
decide(struct core *core, const struct core_sandbox_proved *msg)
{
	core->proof_done = true;
	core->proof_passed = msg->ok && msg->escaped == 0 && msg->attempts > 0;
	if (core->proof_passed)
		log_info("self-proof passed: tools that execute are on",
			LOG_U("attempts", msg->attempts));
	else if (!core->draining)
		log_error("self-proof failed: tools that execute stay off",
			LOG_U("attempts", msg->attempts), LOG_U("escaped", msg->escaped));
	core_health_changed(core);
	core_tool_proved(core);
}

/* Every proof decides: one that fails later turns the tools off again. */
int
core_prove_done(struct core *core, const struct core_sandbox_proved *msg)
{
	struct core_proof **at = find(core, msg->req);
	struct core_proof *p = *at;

	if (p == NULL)
		return ERR_PROTO;
	args_out_end(&p->out);
	args_out_bool(&p->out, "ok", msg->ok);
	args_out_cstr(&p->out, "tier", jail_tier_name((enum jail_tier)msg->tier));
	args_out_u64(&p->out, "attempts", msg->attempts);
	args_out_u64(&p->out, "escaped", msg->escaped);
	if (p->caller != NULL && args_out_done(&p->out) == 0) {
		core_reply_ok(p->caller, buf_span(&p->result));
		p->caller = NULL;
	}
	drop(at);
	decide(core, msg);
	return 0;
}

void
core_prove_sandbox_up(struct core *core, struct ipc_chan *sandbox)
{
	if (ipc_chan_tag(sandbox) == 0)
		core_prove_start(core, 0, NULL);
}

/* A new sandbox has to prove itself again. */
void
core_prove_sandbox_gone(struct core *core)
{
	while (core->proofs != NULL) {
		if (core->proofs->caller != NULL) {
			core_reply_error(core->proofs->caller, RPC_UNAVAILABLE,
				"the sandbox ended during the proof");
			core->proofs->caller = NULL;
		}
		drop(&core->proofs);
	}
	core->tier_known = false;
	core->proof_passed = false;
	core->proof_done = false;
	core->tools = 0;
	core_health_changed(core);
}

void
core_prove_tier(struct core *core, const struct core_sandbox_tier *msg)
{
	core->tier_known = true;
	core->tier = msg->tier;
	core->layers = msg->layers;
	core->missing = msg->missing;
	core->tools = 0;
	for (size_t i = 0; i < msg->tools.len && i < 8; i++)
		core->tools |= (uint64_t)msg->tools.ptr[i] << (8 * i);
	buf_clear(&core->tier_why);
	buf_init(&core->tier_why, 256);
	(void)buf_put(&core->tier_why, msg->why);
	core_health_changed(core);
	core_tool_proved(core);
}
