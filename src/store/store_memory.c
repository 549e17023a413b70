#include "store.h"

#include <ctype.h>
#include <string.h>

#include "args/args.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/tools.h"

/*
 * The store is the executor of what the owner's memory keeps and gives back: the plan is computed here anew from the very bytes that
 * are carried out, and each warrant is good once.
 */
static int
check_warrant(struct store *s, enum tool tool, uint64_t run, uint64_t call, struct span args,
	struct span warrant)
{
	struct warrant want = {
		.effect = tool_rows[tool].effect,
		.tool = (uint8_t)tool,
		.executor = KIND_STORE,
		.instance = 0,
		.incarnation = s->child->incarnation,
		.run = run,
		.call = call,
		.dest_kind = tool_rows[tool].dest_kind,
	};
	int rc;

	if (!s->has_gate_key)
		return ERR_NOPEER;
	warrant_dest(want.dest_kind, SPAN("memory"), want.dest);
	warrant_plan(want.tool, &args, 1, want.plan);
	rc = warrant_check(s->gate_key, &s->window, warrant, &want, ev_now_ms(s->child->ev));
	if (rc < 0)
		log_error("no valid warrant: denied", LOG_C("tool", tool_rows[tool].name),
			LOG_U("run", run), LOG_U("call", call), LOG_E("why", rc));
	return rc;
}

static int
put_row(struct store *s, const struct core_store_memory_put *m, struct span text)
{
	sqlite3_stmt *st = store_stmt(s, STORE_SQL_MEMORY_ADD);
	int rc;

	store_bind_u64(st, 1, m->run);
	store_bind_u64(st, 2, m->at);
	store_bind_blob(st, 3, m->label);
	store_bind_text(st, 4, text);
	rc = store_exec(s, st);
	if (rc < 0)
		return rc;
	st = store_stmt(s, STORE_SQL_MEMORY_INDEX);
	store_bind_u64(st, 1, (uint64_t)sqlite3_last_insert_rowid(s->db));
	store_bind_text(st, 2, text);
	return store_exec(s, st);
}

int
store_memory_put(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct core_store_memory_put *m = msg;
	struct store *s = ((struct child *)arg)->ctx;
	struct store_answer a = {
		.chan = chan, .kind = STORE_ANSWER_STORED, .msg.stored = {.req = m->req}};
	struct span text;
	int rc = check_warrant(s, TOOL_MEMORY_SAVE, m->run, m->call, m->args, m->warrant);

	if (rc == 0)
		rc = args_get_str(m->args, "text", &text);
	if (rc == 0)
		rc = text.len == 0 ? ERR_MISSING : store_batch_join(s, true);
	if (rc == 0)
		rc = put_row(s, m, text);
	store_batch_answer(s, &a, rc);
	return 0;
}

/* ---- MEMORY_FIND ---- */

static bool
is_word(uint8_t c)
{
	return c >= 0x80 || isalnum(c);
}

/* Any of the words, each in quotes, so that nothing of the query is taken for the search language's own. */
static int
match_expression(struct span query, struct buf *out)
{
	unsigned words = 0;

	for (size_t i = 0; i < query.len && words < STORE_WORDS_MAX;) {
		size_t from = i;

		while (i < query.len && is_word(query.ptr[i]))
			i++;
		if (i > from) {
			buf_put_cstr(out, words++ == 0 ? "\"" : " OR \"");
			buf_put(out, span_sub(query, from, i - from));
			buf_put_cstr(out, "\"");
		} else {
			i++;
		}
	}
	if (words == 0)
		return ERR_MISSING;
	return out->err;
}

static int
send_found(struct store *s, struct ipc_chan *chan, const struct core_store_memory_find *m,
	struct span match, uint64_t limit, uint64_t *count)
{
	sqlite3_stmt *st =
		store_stmt(s, match.len == 0 ? STORE_SQL_MEMORY_NEWEST : STORE_SQL_MEMORY_FIND);
	int rc;

	store_bind_u64(st, 1, limit);
	if (match.len > 0)
		store_bind_text(st, 2, match);
	while ((rc = store_step(s, st)) == 1) {
		rc = core_store_memory_send(chan, &(struct core_store_memory){.req = m->req,
							  .id = store_column_u64(st, 0),
							  .at = store_column_u64(st, 1),
							  .label = store_column_span(st, 2),
							  .text = store_column_span(st, 3)});
		if (rc < 0)
			break;
		(*count)++;
	}
	sqlite3_reset(st);
	if (rc < 0 && !s->in_batch)
		s->broken = 0;
	return rc;
}

static int
optional(int rc)
{
	return rc == ERR_NOTFOUND ? 0 : rc;
}

int
store_memory_find(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct core_store_memory_find *m = msg;
	struct store *s = ((struct child *)arg)->ctx;
	struct buf match = {.max = KIB(16u)};
	struct span query = SPAN_EMPTY;
	uint64_t limit = STORE_FOUND_MAX;
	uint64_t count = 0;
	int rc = check_warrant(s, TOOL_MEMORY_SEARCH, m->run, m->call, m->args, m->warrant);

	if (rc == 0)
		rc = optional(args_get_str(m->args, "query", &query));
	if (rc == 0)
		rc = optional(args_get_u64(m->args, "limit", 1, STORE_FOUND_MAX, &limit));
	if (rc == 0 && query.len > 0)
		rc = match_expression(query, &match);
	if (rc == 0)
		rc = send_found(s, chan, m, buf_span(&match), limit, &count);
	buf_clear(&match);
	(void)core_store_done_send(
		chan, &(struct core_store_done){.req = m->req, .rc = rc, .count = count});
	return 0;
}
