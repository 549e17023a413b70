/* Searching in the memory: gate is shown what was found before core is. */
#include "store.h"

#include <ctype.h>

#include "args/args.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "crypto/crypto.h"

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
show(struct store_memory *m, struct ipc_chan *gate, sqlite3_stmt *st)
{
	uint8_t hash[CRYPTO_SHA256_LEN];

	crypto_sha256(store_column_span(st, 2), hash);
	m->found[m->nfound++] = store_column_u64(st, 0);
	return gate_store_recalled_send(gate, &(struct gate_store_recalled){.req = m->gate_req,
						      .run = m->run,
						      .call = m->call,
						      .id = store_column_u64(st, 0),
						      .hash = span_of(hash, sizeof(hash)),
						      .label = store_column_span(st, 1),
						      .version = store_column_u64(st, 3),
						      .mac = store_column_span(st, 4)});
}

static int
find(struct store_memory *m, struct ipc_chan *gate, struct span match, uint64_t limit)
{
	struct store *s = m->store;
	sqlite3_stmt *st =
		store_stmt(s, match.len == 0 ? STORE_SQL_MEMORY_NEWEST : STORE_SQL_MEMORY_FIND);
	int rc;

	store_bind_u64(st, 1, limit);
	if (match.len > 0)
		store_bind_text(st, 2, match);
	while ((rc = store_step(s, st)) == 1 && m->nfound < STORE_FOUND_MAX) {
		rc = show(m, gate, st);
		if (rc < 0)
			break;
	}
	sqlite3_reset(st);
	if (rc < 0 && !s->in_batch)
		s->broken = 0;
	return rc < 0 ? rc : 0;
}

static int
optional(int rc)
{
	return rc == ERR_NOTFOUND ? 0 : rc;
}

int
store_recall_ask(struct store_memory *m, struct ipc_chan *gate)
{
	struct buf match = {.max = KIB(16u)};
	struct span args = buf_span(&m->args);
	struct span query = SPAN_EMPTY;
	uint64_t limit = STORE_FOUND_MAX;
	int rc = optional(args_get_str(args, "query", &query));

	if (rc == 0)
		rc = optional(args_get_u64(args, "limit", 1, STORE_FOUND_MAX, &limit));
	if (rc == 0 && query.len > 0)
		rc = match_expression(query, &match);
	m->phase = STORE_MEMORY_LABELLING;
	if (rc == 0)
		rc = find(m, gate, buf_span(&match), limit);
	buf_clear(&match);
	return rc;
}
