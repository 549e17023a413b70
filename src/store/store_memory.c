/*
 * The store is the executor of what the owner's memory keeps and gives back. A call goes through these steps: the warrant, with the
 * plan computed anew from the very bytes that are carried out; a line in the audit log; gate, which gives what is stored its label and
 * lowers the run's by what was found; and only then the row is written, or the text is core's.
 */
#include "store.h"

#include <string.h>

#include "args/args.h"
#include "base/err.h"
#include "base/log.h"
#include "crypto/crypto.h"
#include "proto/tools.h"

/* ---- lines and answers ---- */

static struct audit_writer_line
line_of(const struct store_memory *m, enum audit_event event, enum verdict verdict,
	enum reason reason, int64_t number)
{
	return (struct audit_writer_line){.event = (uint8_t)event,
		.verdict = (uint8_t)verdict,
		.reason = (uint8_t)reason,
		.run = m->run,
		.call = m->call,
		.tool = m->tool,
		.peer = KIND_CORE,
		.number = number,
		.hash = span_of(m->plan, sizeof(m->plan))};
}

static void
write_line(struct store_memory *m, enum audit_event event, enum verdict verdict, enum reason reason,
	int64_t number)
{
	struct audit_writer_line line = line_of(m, event, verdict, reason, number);

	(void)witness_line(m->store->witness, &line);
}

static void
release(struct store_memory *m)
{
	witness_cancel(m->store->witness, m);
	buf_clear(&m->args);
	*m = (struct store_memory){0};
}

static void
answer(struct ipc_chan *core, uint8_t tool, uint64_t req, int rc, uint64_t count)
{
	if (core == NULL)
		return;
	if (tool == TOOL_MEMORY_SAVE)
		(void)core_store_stored_send(
			core, &(struct core_store_stored){.req = req, .rc = rc});
	else
		(void)core_store_done_send(
			core, &(struct core_store_done){.req = req, .rc = rc, .count = count});
}

void
store_memory_end(struct store_memory *m, int rc)
{
	write_line(m, AUDIT_EXECUTED, VERDICT_ALLOW, REASON_ALLOWED, rc);
	answer(m->core, m->tool, m->req, rc, rc < 0 ? 0 : m->nfound);
	release(m);
}

/* ---- storing, when gate has given the label ---- */

static int
put_row(struct store_memory *m, const struct gate_store_sealed *sealed)
{
	struct store *s = m->store;
	sqlite3_stmt *st = store_stmt(s, STORE_SQL_MEMORY_ADD);
	struct span text;
	int rc = args_get_str(buf_span(&m->args), "text", &text);

	if (rc < 0)
		return rc;
	store_bind_u64(st, 1, m->run);
	store_bind_u64(st, 2, m->at);
	store_bind_blob(st, 3, sealed->label);
	store_bind_text(st, 4, text);
	store_bind_u64(st, 5, m->id);
	store_bind_u64(st, 6, sealed->version);
	store_bind_blob(st, 7, sealed->mac);
	rc = store_exec(s, st);
	if (rc < 0)
		return rc;
	st = store_stmt(s, STORE_SQL_MEMORY_INDEX);
	store_bind_u64(st, 1, m->id);
	store_bind_text(st, 2, text);
	return store_exec(s, st);
}

static struct store_memory *
of_gate(struct store *s, uint64_t req, enum store_memory_phase phase)
{
	for (size_t i = 0; i < STORE_MEMORY_CALLS_MAX; i++) {
		if (s->memory[i].phase == phase && s->memory[i].gate_req == req)
			return &s->memory[i];
	}
	return NULL; /* whoever asked is gone */
}

int
store_memory_sealed(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct gate_store_sealed *sealed = msg;
	struct store *s = ((struct child *)arg)->ctx;
	struct store_memory *m = of_gate(s, sealed->req, STORE_MEMORY_SEALING);
	struct store_answer a = {.kind = STORE_ANSWER_MEMORY, .msg.memory = m};
	int rc;

	(void)chan;
	if (m == NULL)
		return 0;
	rc = sealed->rc < 0 ? ERR_DENIED : store_batch_join(s, STORE_SYNC_FIRST);
	m->phase = STORE_MEMORY_STORING;
	if (rc == 0)
		rc = put_row(m, sealed);
	store_batch_answer(s, &a, rc);
	return 0;
}

static int
ask_seal(struct store_memory *m, struct ipc_chan *gate)
{
	struct store *s = m->store;
	uint8_t hash[CRYPTO_SHA256_LEN];
	struct span text;
	sqlite3_stmt *st;
	int rc = args_get_str(buf_span(&m->args), "text", &text);

	if (rc == 0 && text.len == 0)
		rc = ERR_MISSING;
	/* kept, it could not be told again, and would end every search that meets it */
	if (rc == 0 && span_find_byte(text, 0) >= 0)
		rc = ERR_UTF8;
	if (rc == 0 && s->memory_last == 0) {
		st = store_stmt(s, STORE_SQL_MEMORY_LAST);
		rc = store_step(s, st) == 1 ? 0 : ERR_IO;
		if (rc == 0)
			s->memory_last = store_column_u64(st, 0);
		sqlite3_reset(st);
	}
	if (rc < 0)
		return rc;
	m->id = ++s->memory_last;
	m->phase = STORE_MEMORY_SEALING;
	crypto_sha256(text, hash);
	return gate_store_seal_send(gate, &(struct gate_store_seal){.req = m->gate_req,
						  .run = m->run,
						  .call = m->call,
						  .id = m->id,
						  .hash = span_of(hash, sizeof(hash))});
}

/* ---- giving back, when the run's label has fallen ---- */

static int
send_text(struct store_memory *m, uint64_t id)
{
	struct store *s = m->store;
	sqlite3_stmt *st = store_stmt(s, STORE_SQL_MEMORY_GET);
	int rc;

	store_bind_u64(st, 1, id);
	rc = store_step(s, st);
	if (rc == 1)
		rc = core_store_memory_send(m->core, &(struct core_store_memory){.req = m->req,
							     .id = id,
							     .at = store_column_u64(st, 0),
							     .label = store_column_span(st, 1),
							     .text = store_column_span(st, 2)});
	sqlite3_reset(st);
	if (rc < 0 && !s->in_batch)
		s->broken = 0;
	return rc;
}

int
store_memory_recall_ok(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct gate_store_recall_ok *ok = msg;
	struct store *s = ((struct child *)arg)->ctx;
	struct store_memory *m = of_gate(s, ok->req, STORE_MEMORY_LABELLING);
	int rc = 0;

	(void)chan;
	if (m == NULL || ++m->nlabelled < m->nfound)
		return 0;
	for (size_t i = 0; rc == 0 && i < m->nfound; i++)
		rc = send_text(m, m->found[i]);
	store_memory_end(m, rc);
	return 0;
}

/* ---- the beginning ---- */

static void
on_begun(void *arg, int rc)
{
	struct store_memory *m = arg;
	struct ipc_chan *gate = child_peer(m->store->child, KIND_GATE, 0);

	if (rc == 0 && gate == NULL)
		rc = ERR_NOPEER;
	if (rc < 0) {
		write_line(m, AUDIT_REFUSED, VERDICT_DENY, REASON_AUDIT, rc);
		answer(m->core, m->tool, m->req, rc, 0);
		release(m);
		return;
	}
	if (m->tool == TOOL_MEMORY_SAVE)
		rc = ask_seal(m, gate);
	else
		rc = store_recall_ask(m, gate);
	if (rc < 0 || (m->tool == TOOL_MEMORY_SEARCH && m->nfound == 0))
		store_memory_end(m, rc);
}

static int
check_warrant(struct store_memory *m, struct span args, struct span warrant)
{
	struct store *s = m->store;
	struct warrant want = {
		.effect = tool_rows[m->tool].effect,
		.tool = m->tool,
		.executor = KIND_STORE,
		.instance = 0,
		.incarnation = s->child->incarnation,
		.run = m->run,
		.call = m->call,
		.dest_kind = tool_rows[m->tool].dest_kind,
	};

	warrant_dest(want.dest_kind, SPAN("memory"), want.dest);
	warrant_plan(want.tool, &args, 1, want.plan);
	memcpy(m->plan, want.plan, sizeof(m->plan));
	if (!s->has_gate_key || !witness_has_room(s->witness))
		return ERR_NOPEER;
	return warrant_check(s->gate_key, &s->window, warrant, &want, ev_now_ms(s->child->ev));
}

static void
begin(struct store *s, struct store_memory call, struct span args, struct span warrant)
{
	struct store_memory *m = NULL;
	struct audit_writer_line line;
	int rc;

	for (size_t i = 0; i < STORE_MEMORY_CALLS_MAX && m == NULL; i++) {
		if (s->memory[i].phase == STORE_MEMORY_FREE)
			m = &s->memory[i];
	}
	if (m == NULL) {
		answer(call.core, call.tool, call.req, ERR_BUSY, 0);
		return;
	}
	*m = call;
	m->store = s;
	m->phase = STORE_MEMORY_WITNESSING;
	m->gate_req = ++s->memory_req;
	m->args = (struct buf){.max = 8192};
	rc = check_warrant(m, args, warrant);
	if (rc < 0) {
		log_error("no valid warrant: denied", LOG_C("tool", tool_rows[m->tool].name),
			LOG_U("run", m->run), LOG_U("call", m->call), LOG_E("why", rc));
		write_line(m, AUDIT_REFUSED, VERDICT_DENY, REASON_WARRANT, rc);
	} else {
		rc = buf_put(&m->args, args);
	}
	if (rc == 0) {
		line = line_of(m, AUDIT_BEGUN, VERDICT_ALLOW, REASON_ALLOWED, 0);
		rc = witness_line_then(s->witness, &line, on_begun, m);
	}
	if (rc < 0) {
		answer(m->core, m->tool, m->req, rc, 0);
		release(m);
	}
}

int
store_memory_put(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct core_store_memory_put *m = msg;

	begin(((struct child *)arg)->ctx,
		(struct store_memory){.core = chan,
			.tool = TOOL_MEMORY_SAVE,
			.req = m->req,
			.run = m->run,
			.call = m->call,
			.at = m->at},
		m->args, m->warrant);
	return 0;
}

int
store_memory_find(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct core_store_memory_find *m = msg;

	begin(((struct child *)arg)->ctx,
		(struct store_memory){.core = chan,
			.tool = TOOL_MEMORY_SEARCH,
			.req = m->req,
			.run = m->run,
			.call = m->call},
		m->args, m->warrant);
	return 0;
}

/* Without core nobody waits; without gate there is no label, so nothing is stored or told. What is in a commit stays in it. */
void
store_memory_forget(struct store *s, uint8_t kind, const struct ipc_chan *chan)
{
	for (size_t i = 0; i < STORE_MEMORY_CALLS_MAX; i++) {
		struct store_memory *m = &s->memory[i];
		bool at_gate =
			m->phase == STORE_MEMORY_SEALING || m->phase == STORE_MEMORY_LABELLING;

		if (m->phase == STORE_MEMORY_FREE)
			continue;
		if (kind == KIND_CORE && m->core == chan)
			m->core = NULL;
		if ((kind == KIND_CORE && m->phase != STORE_MEMORY_STORING) ||
			(kind == KIND_GATE && at_gate))
			store_memory_end(m, kind == KIND_CORE ? ERR_ABORTED : ERR_NOPEER);
	}
}
