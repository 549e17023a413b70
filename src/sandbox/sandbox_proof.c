#include "sandbox.h"

#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/weak.h"
#include "proto/audit_writer.h"
#include "proto/probes.h"

/* Both profiles one after the other, each in a cell made for it; then PROVED. An attempt without an answer is an escape. */
struct sandbox_proof {
	struct sandbox *sandbox;
	uint64_t req;
	uint8_t level, profile;
	uint32_t attempts, escaped;
	bool answered[PROBE_N];
	bool ok;
};

static void
send_probe(struct sandbox_proof *p, uint32_t index, bool held, int64_t got)
{
	struct ipc_chan *core = child_peer(p->sandbox->child, KIND_CORE, 0);
	char text[64];

	p->attempts++;
	if (!held)
		p->escaped++;
	(void)snprintf(text, sizeof(text), "%s",
		got == PROBE_SUCCEEDED    ? "it worked"
		: got == PROBE_UNANSWERED ? "no answer"
					  : strerrordesc_np((int)got));
	if (core != NULL)
		(void)core_sandbox_probe_send(
			core, &(struct core_sandbox_probe){.req = p->req,
				      .name = span_from_cstr(probe_rows[index].name),
				      .what = span_from_cstr(probe_rows[index].what),
				      .profile = p->profile,
				      .held = held,
				      .paired = PROBE_UNPAIRED,
				      .got = span_from_cstr(text),
				      .expected = span_from_cstr(probe_rows[index].expected)});
}

static void
on_init(struct sandbox_cell *cell, pid_t pid, int pidfd, void *arg)
{
	struct sandbox_proof *p = arg;

	(void)cell;
	(void)pid;
	child_announce(p->sandbox->child, KIND_CELL, ++p->sandbox->next_key, pidfd);
}

static void
on_output(struct sandbox_cell *cell, struct span data, void *arg)
{
	(void)cell;
	(void)data;
	(void)arg;
}

static void
on_probe(struct sandbox_cell *cell, uint32_t index, int64_t got, void *arg)
{
	struct sandbox_proof *p = arg;

	(void)cell;
	if (index >= PROBE_N || p->answered[index])
		return;
	p->answered[index] = true;
	send_probe(p, index, probe_is_held(index, got), got);
}

static void prove_profile(struct sandbox_proof *p);

static void
finish(struct sandbox_proof *p)
{
	struct sandbox *s = p->sandbox;
	struct ipc_chan *core = child_peer(s->child, KIND_CORE, 0);

	if (core != NULL)
		(void)core_sandbox_proved_send(core, &(struct core_sandbox_proved){.req = p->req,
							     .ok = p->ok && p->escaped == 0,
							     .tier = (uint8_t)s->env.tier,
							     .attempts = p->attempts,
							     .escaped = p->escaped});
	(void)witness_line(s->witness,
		&(struct audit_writer_line){.event = AUDIT_PROOF,
			.verdict = p->ok && p->escaped == 0 ? VERDICT_ALLOW : VERDICT_DENY,
			.instance = s->child->instance,
			.number = p->escaped});
	s->proof = NULL;
	free(p);
}

static void
on_end(struct sandbox_cell *cell, const struct sandbox_result *result, void *arg)
{
	struct sandbox_proof *p = arg;

	(void)cell;
	if (result->rc != 0 || !result->ok) {
		log_error("self-proof: the cell did not finish", LOG_C("step", result->step),
			LOG_E("why", result->rc));
		p->ok = false;
	}
	for (uint32_t i = 0; i < PROBE_N; i++)
		if (!p->answered[i] && probe_applies(i, p->profile, p->sandbox->env.tier))
			send_probe(p, i, false, PROBE_UNANSWERED);
	/* Programs do not run below landlock+uid, so there is nothing to prove for them. */
	if (p->profile == PROBE_BUILTIN && p->sandbox->env.tier >= JAIL_TIER_LANDLOCK_UID) {
		p->profile = PROBE_PROGRAM;
		prove_profile(p);
		return;
	}
	finish(p);
}

static const struct sandbox_ops proof_ops = {
	.on_init = on_init, .on_output = on_output, .on_probe = on_probe, .on_end = on_end};

static void
prove_profile(struct sandbox_proof *p)
{
	struct sandbox_cell *cell;
	const char *step;

	for (uint32_t i = 0; i < PROBE_N; i++)
		p->answered[i] = false;
	cell = sandbox_cell_new(&p->sandbox->env, &proof_ops, p, &step);
	if (cell == NULL || sandbox_cell_prove(cell, p->level, p->profile) < 0) {
		log_error("self-proof: no cell", LOG_C("why", step));
		p->ok = false;
		if (cell != NULL)
			sandbox_cell_kill(cell, ERR_SYS);
		else
			finish(p);
	}
}

void
sandbox_proof_start(struct sandbox *s, uint64_t req, uint8_t level)
{
	struct sandbox_proof *p;
	struct ipc_chan *core = child_peer(s->child, KIND_CORE, 0);

	if (s->proof != NULL) {
		if (core != NULL)
			(void)core_sandbox_proved_send(
				core, &(struct core_sandbox_proved){
					      .req = req, .tier = (uint8_t)s->env.tier});
		return;
	}
	p = mem_alloc(1, sizeof(*p));
	*p = (struct sandbox_proof){
		.sandbox = s, .req = req, .level = level, .profile = PROBE_BUILTIN, .ok = true};
	s->proof = p;
	if (WEAK(CELL_PROOF)) { /* from a cell that holds nothing in, attempts would do harm */
		p->attempts = 1;
		finish(p);
		return;
	}
	prove_profile(p);
}
