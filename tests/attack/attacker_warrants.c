#include "attacker_warrants.h"

#include <string.h>

#include <poll.h>
#include <unistd.h>

#include "args/args.h"
#include "base/err.h"
#include "proto/child.def.h"
#include "proto/core_egress.h"
#include "proto/core_gate.h"
#include "proto/core_sandbox.h"
#include "proto/core_store.h"
#include "proto/tools.h"
#include "proto/warrant.h"

#define RUN 0x6174746163ull
#define CALL 77u
#define ANSWER_MS 5000
#define JUDGE_TRIES 20
#define JUDGE_AGAIN_MS 50

static struct ipc_received in;
static uint64_t provider; /* the row whose egress there is */
static uint64_t provider_tag;

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

static int
open_run(int gate)
{
	uint64_t principal = (uint64_t)PRINCIPAL_TOKEN << 56 | (uint64_t)SCOPE_ALL << 48;

	return ask(gate, &core_gate_proto, CORE_GATE_RUN_OPEN,
		       &(struct core_gate_run_open){
			       .run = RUN, .session = 1, .principal = principal},
		       CORE_GATE_RUN_READY) == NULL
		       ? ERR_NOPEER
		       : 0;
}

/* What gate says yes to; an executor that was made a moment ago is perhaps not yet gate's. */
static int
judged(int gate, const struct core_gate_judge *m, uint8_t out[WARRANT_LEN])
{
	for (int i = 0; i < JUDGE_TRIES; i++) {
		const struct core_gate_verdict *verdict =
			ask(gate, &core_gate_proto, CORE_GATE_JUDGE, m, CORE_GATE_VERDICT);

		if (verdict == NULL)
			return ERR_NOPEER;
		if (verdict->warrant.len == WARRANT_LEN) {
			memcpy(out, verdict->warrant.ptr, WARRANT_LEN);
			return 0;
		}
		(void)poll(NULL, 0, JUDGE_AGAIN_MS);
	}
	return ERR_DENIED;
}

/* A real one, for 1+1 at the sandbox: core may have what gate allows it. */
static int
good_warrant(
	const struct attacker_peer *peers, size_t n, struct span args, uint8_t out[WARRANT_LEN])
{
	int gate = socket_of(peers, n, &core_gate_proto);
	uint8_t plan[WARRANT_HASH_LEN];

	if (open_run(gate) < 0)
		return ERR_NOPEER;
	warrant_plan(TOOL_CALCULATOR, &args, 1, plan);
	return judged(gate,
		&(struct core_gate_judge){.run = RUN,
			.call = CALL,
			.effect = EFFECT_PURE,
			.tool = TOOL_CALCULATOR,
			.executor = KIND_SANDBOX,
			.dest_kind = DEST_NONE,
			.plan = span_of(plan, sizeof(plan))},
		out);
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

/* ---- egress ---- */

#define GOOD_BODY                                                                                  \
	SPAN("{\"model\":\"scripted\",\"messages\":[{\"role\":\"user\",\"content\":\"warranted\"}" \
	     "],\"max_tokens\":9}")
/* What no row of this configuration may ask. */
#define DEAR_BODY(model, more)                                                                     \
	SPAN("{\"model\":\"" model                                                                 \
	     "\",\"messages\":[{\"role\":\"user\",\"content\":\"dear\"}]" more "}")
#define OTHER_BODY                                                                                 \
	SPAN("{\"model\":\"scripted\",\"messages\":[{\"role\":\"user\",\"content\":\"stolen\"}],"  \
	     "\"max_tokens\":9}")

/* The socket to the provider's egress, which is made when somebody asks for it. */
static int
egress_of(const struct attacker_peer *peers, size_t n)
{
	int control = socket_of(peers, n, &child_proto);
	int fd = socket_of(peers, n, &core_egress_proto);

	if (fd >= 0)
		return fd;
	if (ipc_sync_send(control, &child_proto, IPC_SIDE_B, CHILD_SPAWN,
		    &(struct child_spawn){.kind = KIND_EGRESS, .instance = provider}) < 0)
		return -1;
	while (ipc_sync_recv(control, &child_proto, IPC_SIDE_B, ANSWER_MS, &in) == 0) {
		const struct child_peer *m = (const void *)in.msg.bytes;

		if (in.id == CHILD_PEER && m->kind == KIND_EGRESS)
			return m->fd;
	}
	return -1;
}

static struct span asked_model = SPAN("scripted");

static int64_t
request(int egress, struct span warrant, uint64_t call, struct span text)
{
	int body = ipc_body_seal(text);
	const struct core_egress_end *end;

	if (body < 0)
		return ATTACKER_NO_ANSWER;
	end = ask(egress, &core_egress_proto, CORE_EGRESS_REQUEST,
		&(struct core_egress_request){.id = 1,
			.run = RUN,
			.call = call,
			.warrant = warrant,
			.row = (uint32_t)provider,
			.tag = provider_tag,
			.model = asked_model,
			.body = body},
		CORE_EGRESS_END);
	close(body);
	return end == NULL ? ATTACKER_NO_ANSWER : end->rc;
}

/* A real one: gate knows nothing of what is in a body. */
static int
good_for_egress(
	const struct attacker_peer *peers, size_t n, struct span body, uint8_t out[WARRANT_LEN])
{
	int gate = socket_of(peers, n, &core_gate_proto);
	uint8_t row[WARRANT_NUMBER_LEN];
	uint8_t plan[WARRANT_HASH_LEN];
	const struct span parts[3] = {span_of(row, sizeof(row)), asked_model, body};

	if (open_run(gate) < 0)
		return ERR_NOPEER;
	warrant_number(provider, row);
	warrant_plan(0, parts, 3, plan);
	return judged(gate,
		&(struct core_gate_judge){.run = RUN,
			.call = CALL,
			.effect = EFFECT_MODEL,
			.executor = KIND_EGRESS,
			.instance = provider,
			.dest_kind = DEST_PROVIDER,
			.dest = span_of(row, sizeof(row)),
			.plan = span_of(plan, sizeof(plan))},
		out);
}

static int64_t
egress_forged(const struct attacker_peer *peers, size_t n)
{
	uint8_t w[WARRANT_LEN];

	memset(w, 0x5a, sizeof(w));
	return request(egress_of(peers, n), span_of(w, sizeof(w)), CALL, GOOD_BODY);
}

static int64_t
egress_missing(const struct attacker_peer *peers, size_t n)
{
	return request(egress_of(peers, n), SPAN_EMPTY, CALL, GOOD_BODY);
}

/* used: once at its place first. The rest says what is changed. */
static int64_t
egress_misused(const struct attacker_peer *peers, size_t n, bool used, uint64_t call,
	struct span body, size_t flip)
{
	uint8_t w[WARRANT_LEN];
	int egress = egress_of(peers, n);

	if (egress < 0 || good_for_egress(peers, n, GOOD_BODY, w) < 0)
		return ATTACKER_NO_ANSWER;
	if (used && request(egress, span_of(w, sizeof(w)), CALL, GOOD_BODY) != 0)
		return ATTACKER_NO_ANSWER;
	if (flip < WARRANT_LEN)
		w[flip] ^= 1;
	return request(egress, span_of(w, sizeof(w)), call, body);
}

static int64_t
egress_replayed(const struct attacker_peer *peers, size_t n)
{
	return egress_misused(peers, n, true, CALL, GOOD_BODY, WARRANT_LEN);
}

static int64_t
egress_other_body(const struct attacker_peer *peers, size_t n)
{
	return egress_misused(peers, n, false, CALL, OTHER_BODY, WARRANT_LEN);
}

static int64_t
egress_other_call(const struct attacker_peer *peers, size_t n)
{
	return egress_misused(peers, n, false, CALL + 1, GOOD_BODY, WARRANT_LEN);
}

static int64_t
egress_changed(const struct attacker_peer *peers, size_t n)
{
	return egress_misused(peers, n, false, CALL, GOOD_BODY, WARRANT_LEN - 1);
}

static int64_t
egress_of_sandbox(const struct attacker_peer *peers, size_t n)
{
	uint8_t w[WARRANT_LEN];
	struct buf b = {0};

	if (good_warrant(peers, n, arguments(&b, "expression", "1+1"), w) < 0)
		return ATTACKER_NO_ANSWER;
	return request(egress_of(peers, n), span_of(w, sizeof(w)), CALL, GOOD_BODY);
}

/* The row's number is the same, and the warrant good: what it was for when core asked is another destination. */
static int64_t
egress_former_row(const struct attacker_peer *peers, size_t n)
{
	provider_tag ^= 1;
	return egress_misused(peers, n, false, CALL, GOOD_BODY, WARRANT_LEN);
}

/* A warrant is for a plan; what a body may ask is the row's. */
static int64_t
egress_dear(const struct attacker_peer *peers, size_t n, struct span body)
{
	uint8_t w[WARRANT_LEN];
	int egress = egress_of(peers, n);

	if (egress < 0 || good_for_egress(peers, n, body, w) < 0)
		return ATTACKER_NO_ANSWER;
	return request(egress, span_of(w, sizeof(w)), CALL, body);
}

static int64_t
dear_model(const struct attacker_peer *peers, size_t n)
{
	asked_model = SPAN("the dearest");
	return egress_dear(peers, n, DEAR_BODY("the dearest", ",\"max_tokens\":9"));
}

static int64_t
dear_answers(const struct attacker_peer *peers, size_t n)
{
	return egress_dear(peers, n, DEAR_BODY("scripted", ",\"max_tokens\":9,\"n\":100"));
}

static int64_t
dear_length(const struct attacker_peer *peers, size_t n)
{
	return egress_dear(peers, n, DEAR_BODY("scripted", ""));
}

void
attacker_frauds_at(uint64_t row, uint64_t tag)
{
	provider = row;
	provider_tag = tag;
}

/* Those for a run that gate knows first. */
const struct attacker_fraud attacker_frauds[] = {
	{"sandbox: a warrant used twice", replayed},
	{"sandbox: a warrant for other arguments", other_arguments},
	{"sandbox: a warrant for another call", other_call},
	{"sandbox: a warrant with one bit changed", changed},
	{"store: sandbox's warrant", other_executor},
	{"egress: a warrant used twice", egress_replayed},
	{"egress: a warrant for another body", egress_other_body},
	{"egress: a warrant for another call", egress_other_call},
	{"egress: a warrant with one bit changed", egress_changed},
	{"egress: sandbox's warrant", egress_of_sandbox},
	{"sandbox: a made-up warrant", forged},
	{"sandbox: no warrant", missing},
	{"store: a made-up warrant", forged_store},
	{"egress: a made-up warrant", egress_forged},
	{"egress: no warrant", egress_missing},
	{"egress: a warrant for what the row was before", egress_former_row},
	{"envelope: a model that nobody configured", dear_model},
	{"envelope: a hundred answers", dear_answers},
	{"envelope: no limit of tokens", dear_length},
};
const size_t attacker_nfrauds = sizeof(attacker_frauds) / sizeof(attacker_frauds[0]);
