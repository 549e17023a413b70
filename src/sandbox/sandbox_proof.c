/*
 * The self-proof, one cell after the other: the attempts of each profile together, then, in the long proof, each bomb alone.
 * An attempt without an answer is an escape.
 */
#include "sandbox.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "args/args.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/weak.h"
#include "proto/audit_writer.h"
#include "proto/probes.h"
#include "proto/tools.h"

struct sandbox_proof {
	bool orphan; /* whoever asked is gone */
	struct sandbox *sandbox;
	uint64_t req;
	uint8_t level, profile;
	uint32_t row;  /* PROBE_ALL: the attempts; else the bomb whose turn it is */
	unsigned part; /* of a bomb that is two calls */
	bool underway; /* there is a cell */
	uint32_t attempts, escaped;
	int listener; /* the abstract socket that attempts look for */
	size_t said;  /* bytes of output of a call */
	bool answered[PROBE_N];
	bool ok;
};

/* Who asked for it; a core that has come since knows nothing of it. */
static struct ipc_chan *
asker(const struct sandbox_proof *p)
{
	return p->orphan ? NULL : child_peer(p->sandbox->child, KIND_CORE, 0);
}

static void
send_probe(struct sandbox_proof *p, uint32_t index, int64_t got)
{
	struct ipc_chan *core = asker(p);
	enum jail_tier tier = p->sandbox->env.tier;
	bool held = probe_is_held(index, tier, got);
	struct buf what_came = {.max = 64}, expected = {.max = 128};

	p->answered[index] = true;
	p->attempts++;
	if (!held)
		p->escaped++;
	probe_put_got(got, &what_came);
	probe_put_expected(index, tier, &expected);
	if (core != NULL)
		(void)core_sandbox_probe_send(
			core, &(struct core_sandbox_probe){.req = p->req,
				      .name = span_from_cstr(probe_rows[index].name),
				      .what = span_from_cstr(probe_rows[index].what),
				      .profile = p->profile,
				      .held = held,
				      .got = buf_span(&what_came),
				      .expected = buf_span(&expected)});
	buf_clear(&what_came);
	buf_clear(&expected);
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
	((struct sandbox_proof *)arg)->said += data.len;
}

static void
on_probe(struct sandbox_cell *cell, uint32_t index, int64_t got, void *arg)
{
	struct sandbox_proof *p = arg;

	(void)cell;
	if (index < PROBE_N && !p->answered[index])
		send_probe(p, index, got);
}

static void
finish(struct sandbox_proof *p)
{
	struct sandbox *s = p->sandbox;
	struct ipc_chan *core = asker(p);

	s->proven = p->ok && p->escaped == 0;
	if (core != NULL)
		(void)core_sandbox_proved_send(core, &(struct core_sandbox_proved){.req = p->req,
							     .ok = s->proven,
							     .tier = (uint8_t)s->env.tier,
							     .attempts = p->attempts,
							     .escaped = p->escaped});
	(void)witness_line(s->witness, &(struct audit_writer_line){.event = AUDIT_PROOF,
					       .verdict = s->proven ? VERDICT_ALLOW : VERDICT_DENY,
					       .instance = s->child->instance,
					       .number = p->escaped});
	if (p->listener >= 0)
		close(p->listener);
	s->proof = NULL;
	free(p);
	if (s->asked_n > 0) {
		struct sandbox_asked next = s->asked[0];

		s->asked_n--;
		for (unsigned i = 0; i < s->asked_n; i++)
			s->asked[i] = s->asked[i + 1];
		sandbox_proof_start(s, next.req, next.level);
	}
	sandbox_picture_next(s);
	sandbox_call_next(s);
}

/* ---- what is judged when its cell is over ---- */

static void
judge_attempts(struct sandbox_proof *p, const struct sandbox_result *result)
{
	if (result->rc != 0 || !result->ok) {
		log_error("self-proof: the cell did not finish", LOG_C("step", result->step),
			LOG_E("why", result->rc), LOG_ERRNO("errno", result->err));
		p->ok = false;
	}
	for (uint32_t i = 0; i < PROBE_N; i++)
		if (!p->answered[i] && probe_rows[i].kind == PROBE_ATTEMPT &&
			probe_applies(i, p->profile, p->sandbox->env.tier))
			send_probe(p, i, PROBE_UNANSWERED);
}

/* A bomb may take its whole cell with it (a control group's memory): nothing else ends one that has started. */
static void
judge_bomb(struct sandbox_proof *p, const struct sandbox_result *result)
{
	if (p->answered[p->row])
		return;
	if (result->rc == ERR_TIMEOUT)
		send_probe(p, p->row, ETIMEDOUT);
	else
		send_probe(p, p->row,
			result->rc == ERR_SYS ? PROBE_KILLED + SIGKILL : PROBE_UNANSWERED);
}

/* Over its time, or a command that failed; and its output within the limit. True: the second call is to follow. */
static bool
judge_call(struct sandbox_proof *p, const struct sandbox_result *result)
{
	const char *second = probe_rows[p->row].commands[1];

	if (second[0] != '\0' && p->part == 0 && result->rc == 0 && result->ok) {
		p->part = 1;
		return true;
	}
	if (p->said > CELL_OUTPUT_MAX)
		send_probe(p, p->row, PROBE_SUCCEEDED);
	else if (result->rc == ERR_TIMEOUT)
		send_probe(p, p->row, ETIMEDOUT);
	else if (result->rc != 0 || (second[0] != '\0' && p->part == 0))
		send_probe(p, p->row, PROBE_UNANSWERED);
	else
		send_probe(p, p->row, result->ok ? PROBE_SUCCEEDED : ECANCELED);
	return false;
}

/* ---- one after the other ---- */

/* To the next cell's worth. False at the end. */
static bool
step(struct sandbox_proof *p)
{
	enum jail_tier tier = p->sandbox->env.tier;

	p->part = 0;
	/* Programs do not run below landlock+uid, so there is nothing to prove for them. */
	if (p->row == PROBE_ALL && p->profile == PROBE_BUILTIN) {
		p->profile = PROBE_PROGRAM;
		for (uint32_t i = 0; i < PROBE_N; i++)
			p->answered[i] = false;
		return tier >= JAIL_TIER_LANDLOCK_UID;
	}
	if (p->level == 0)
		return false;
	for (uint32_t i = p->row == PROBE_ALL ? 0 : p->row + 1; i < PROBE_N; i++) {
		if (probe_rows[i].kind == PROBE_ATTEMPT || !probe_applies(i, p->profile, tier))
			continue;
		p->row = i;
		return true;
	}
	return false;
}

static void
on_end(struct sandbox_cell *cell, const struct sandbox_result *result, void *arg)
{
	struct sandbox_proof *p = arg;
	bool again = false;

	(void)cell;
	p->underway = false;
	if (p->row == PROBE_ALL)
		judge_attempts(p, result);
	else if (probe_rows[p->row].kind == PROBE_BOMB)
		judge_bomb(p, result);
	else
		again = judge_call(p, result);
	if (again || step(p))
		sandbox_proof_next(p->sandbox);
	else
		finish(p);
}

static const struct sandbox_ops proof_ops = {
	.on_init = on_init, .on_output = on_output, .on_probe = on_probe, .on_end = on_end};

static int
run_command(struct sandbox_cell *cell, const char *command)
{
	struct buf list = {.max = 4096}, canonical = {.max = 4096};
	struct args_out out;
	struct span what;
	int rc;

	args_out_init(&out, &list, false);
	args_out_cstr(&out, "command", command);
	rc = args_out_done(&out);
	if (rc == 0)
		rc = tool_args_check(TOOL_SHELL_EXEC, buf_span(&list), &canonical, &what);
	if (rc == 0)
		rc = sandbox_cell_run(
			cell, TOOL_SHELL_EXEC, buf_span(&canonical), -1, PROOF_CALL_MS);
	buf_clear(&list);
	buf_clear(&canonical);
	return rc;
}

static int
start(struct sandbox_proof *p, struct sandbox_cell *cell)
{
	struct sandbox_prove prove = {.profile = p->profile,
		.only = p->row,
		.host_pid = getpid(),
		.workspace = p->sandbox->workspace_path,
		.timeout_ms = PROOF_CELL_MS};

	p->said = 0;
	if (p->row != PROBE_ALL && probe_rows[p->row].kind == PROBE_CALL)
		return run_command(cell, probe_rows[p->row].commands[p->part]);
	return sandbox_cell_prove(cell, &prove);
}

void
sandbox_proof_next(struct sandbox *s)
{
	struct sandbox_proof *p = s->proof;
	struct sandbox_cell *cell;
	const char *why;

	/* where cells share a uid, one at a time */
	if (p == NULL || p->underway ||
		(s->env.tier < JAIL_TIER_USERNS &&
			(sandbox_call_is_running(s) || sandbox_picture_is_running(s))))
		return;
	p->underway = true;
	cell = sandbox_cell_new(&s->proof_env, &proof_ops, p, &why);
	if (cell != NULL && start(p, cell) == 0)
		return;
	log_error("self-proof: no cell", LOG_C("why", why));
	p->ok = false;
	if (cell != NULL)
		sandbox_cell_kill(cell, ERR_SYS);
	else
		finish(p);
}

/* So that an attempt at it can tell "not there" from "not to be reached". */
static int
listen_abstract(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int n = snprintf(
		sun.sun_path + 1, sizeof(sun.sun_path) - 1, "moltbot-probe-%u", (unsigned)getpid());
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 &&
		bind(fd, (struct sockaddr *)&sun,
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) == 0 &&
		listen(fd, 1) == 0)
		return fd;
	log_warn("self-proof: no socket to look for", LOG_ERRNO("errno", errno));
	if (fd >= 0)
		close(fd);
	return ERR_SYS;
}

void
sandbox_proof_start(struct sandbox *s, uint64_t req, uint8_t level)
{
	struct sandbox_proof *p;
	struct ipc_chan *core = child_peer(s->child, KIND_CORE, 0);

	if (s->proof != NULL && s->asked_n < PROOFS_MAX) { /* they wait until the other has ended */
		s->asked[s->asked_n++] = (struct sandbox_asked){.req = req, .level = level};
		return;
	}
	if (s->proof != NULL) { /* core asks for no more than these */
		if (core != NULL)
			(void)core_sandbox_proved_send(
				core, &(struct core_sandbox_proved){
					      .req = req, .tier = (uint8_t)s->env.tier});
		return;
	}
	p = mem_alloc(1, sizeof(*p));
	*p = (struct sandbox_proof){.sandbox = s,
		.req = req,
		.level = level,
		.profile = PROBE_BUILTIN,
		.row = PROBE_ALL,
		.listener = listen_abstract(),
		.ok = true};
	s->proof = p;
	if (WEAK(CELL_PROOF)) { /* from a cell that holds nothing in, attempts would do harm */
		p->attempts = 1;
		finish(p);
		return;
	}
	sandbox_proof_next(s);
}

void
sandbox_proof_forget(struct sandbox *s)
{
	s->asked_n = 0;
	if (s->proof != NULL)
		s->proof->orphan = true;
}
