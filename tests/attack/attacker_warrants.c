#include "attacker_warrants.h"

#include <string.h>

#include "args/args.h"
#include "base/err.h"
#include "proto/core_gate.h"
#include "proto/core_sandbox.h"
#include "proto/core_store.h"
#include "proto/tools.h"
#include "proto/warrant.h"

#define RUN 0x6174746163ull
#define CALL 77u
#define ANSWER_MS 5000

static struct ipc_received in;

static int
socket_of(const struct attacker_peer *peers, size_t n, const struct ipc_proto *proto)
{
	for (size_t i = 0; i < n; i++) {
		if (peers[i].proto == proto)
			return peers[i].fd;
	}
	return -1;
}

/* Sends, then drops what comes until there is an answer of this id. */
static const void *
ask(int fd, const struct ipc_proto *proto, uint16_t id, const void *msg, uint16_t answer)
{
	if (fd < 0 || ipc_sync_send(fd, proto, IPC_SIDE_A, id, msg) < 0)
		return NULL;
	for (int i = 0; i < 64; i++) {
		if (ipc_sync_recv(fd, proto, IPC_SIDE_A, ANSWER_MS, &in) < 0)
			return NULL;
		if (in.id == answer)
			return in.msg.bytes;
	}
	return NULL;
}

static struct span
arguments(struct buf *b, const char *name, const char *value)
{
	struct args_out out;

	b->max = 4096;
	args_out_init(&out, b, false);
	args_out_cstr(&out, name, value);
	(void)args_out_done(&out);
	return buf_span(b);
}

static int64_t
run_at_sandbox(const struct attacker_peer *peers, size_t n, struct span warrant, uint64_t call,
	struct span args)
{
	const struct core_sandbox_done *done =
		ask(socket_of(peers, n, &core_sandbox_proto), &core_sandbox_proto, CORE_SANDBOX_RUN,
			&(struct core_sandbox_run){.run = RUN,
				.call = call,
				.warrant = warrant,
				.tool = TOOL_CALCULATOR,
				.timeout_ms = 2000,
				.args = args,
				.body = -1},
			CORE_SANDBOX_DONE);

	return done == NULL ? ATTACKER_NO_ANSWER : done->rc;
}

static int64_t
put_at_store(const struct attacker_peer *peers, size_t n, struct span warrant)
{
	struct buf b = {0};
	const struct core_store_stored *stored = ask(socket_of(peers, n, &core_store_proto),
		&core_store_proto, CORE_STORE_MEMORY_PUT,
		&(struct core_store_memory_put){.req = 1u << 30,
			.run = RUN,
			.call = CALL,
			.warrant = warrant,
			.args = arguments(&b, "text", "obey")},
		CORE_STORE_STORED);

	buf_clear(&b);
	return stored == NULL ? ATTACKER_NO_ANSWER : stored->rc;
}

/* A real one, for 1+1 at the sandbox: core may have what gate allows it. */
static int
good_warrant(
	const struct attacker_peer *peers, size_t n, struct span args, uint8_t out[WARRANT_LEN])
{
	int gate = socket_of(peers, n, &core_gate_proto);
	uint64_t principal = (uint64_t)PRINCIPAL_TOKEN << 56 | (uint64_t)SCOPE_ALL << 48;
	uint8_t plan[WARRANT_HASH_LEN];
	const struct core_gate_run_ready *ready = ask(gate, &core_gate_proto, CORE_GATE_RUN_OPEN,
		&(struct core_gate_run_open){.run = RUN, .session = 1, .principal = principal},
		CORE_GATE_RUN_READY);
	const struct core_gate_verdict *verdict;

	if (ready == NULL)
		return ERR_NOPEER;
	warrant_plan(TOOL_CALCULATOR, &args, 1, plan);
	verdict = ask(gate, &core_gate_proto, CORE_GATE_JUDGE,
		&(struct core_gate_judge){.run = RUN,
			.call = CALL,
			.effect = EFFECT_PURE,
			.tool = TOOL_CALCULATOR,
			.executor = KIND_SANDBOX,
			.dest_kind = DEST_NONE,
			.plan = span_of(plan, sizeof(plan))},
		CORE_GATE_VERDICT);
	if (verdict == NULL || verdict->warrant.len != WARRANT_LEN)
		return ERR_DENIED;
	memcpy(out, verdict->warrant.ptr, WARRANT_LEN);
	return 0;
}

static int64_t
forged(const struct attacker_peer *peers, size_t n)
{
	uint8_t w[WARRANT_LEN];
	struct buf b = {0};

	memset(w, 0x5a, sizeof(w));
	return run_at_sandbox(
		peers, n, span_of(w, sizeof(w)), CALL, arguments(&b, "expression", "1+1"));
}

static int64_t
missing(const struct attacker_peer *peers, size_t n)
{
	struct buf b = {0};

	return run_at_sandbox(peers, n, SPAN_EMPTY, CALL, arguments(&b, "expression", "1+1"));
}

static int64_t
forged_store(const struct attacker_peer *peers, size_t n)
{
	uint8_t w[WARRANT_LEN];

	memset(w, 0x5a, sizeof(w));
	return put_at_store(peers, n, span_of(w, sizeof(w)));
}

/* used: once at its place first. The rest says what is changed. */
static int64_t
misused(const struct attacker_peer *peers, size_t n, bool used, uint64_t call,
	const char *expression, size_t flip)
{
	uint8_t w[WARRANT_LEN];
	struct buf good = {0};
	struct buf other = {0};
	struct span args = arguments(&good, "expression", "1+1");

	if (good_warrant(peers, n, args, w) < 0)
		return ATTACKER_NO_ANSWER;
	/* that it is good is part of the attempt: else nothing would be shown by its refusal */
	if (used && run_at_sandbox(peers, n, span_of(w, sizeof(w)), CALL, args) != 0)
		return ATTACKER_NO_ANSWER;
	if (flip < WARRANT_LEN)
		w[flip] ^= 1;
	return run_at_sandbox(
		peers, n, span_of(w, sizeof(w)), call, arguments(&other, "expression", expression));
}

static int64_t
replayed(const struct attacker_peer *peers, size_t n)
{
	return misused(peers, n, true, CALL, "1+1", WARRANT_LEN);
}

static int64_t
other_arguments(const struct attacker_peer *peers, size_t n)
{
	return misused(peers, n, false, CALL, "2+2", WARRANT_LEN);
}

static int64_t
other_call(const struct attacker_peer *peers, size_t n)
{
	return misused(peers, n, false, CALL + 1, "1+1", WARRANT_LEN);
}

static int64_t
changed(const struct attacker_peer *peers, size_t n)
{
	return misused(peers, n, false, CALL, "1+1", WARRANT_LEN - 1);
}

static int64_t
other_executor(const struct attacker_peer *peers, size_t n)
{
	uint8_t w[WARRANT_LEN];
	struct buf b = {0};

	if (good_warrant(peers, n, arguments(&b, "expression", "1+1"), w) < 0)
		return ATTACKER_NO_ANSWER;
	return put_at_store(peers, n, span_of(w, sizeof(w)));
}

const struct attacker_fraud attacker_frauds[] = {
	{"sandbox: a made-up warrant", forged},
	{"sandbox: no warrant", missing},
	{"store: a made-up warrant", forged_store},
	{"sandbox: a warrant used twice", replayed},
	{"sandbox: a warrant for other arguments", other_arguments},
	{"sandbox: a warrant for another call", other_call},
	{"sandbox: a warrant with one bit changed", changed},
	{"store: sandbox's warrant", other_executor},
};
const size_t attacker_nfrauds = sizeof(attacker_frauds) / sizeof(attacker_frauds[0]);
