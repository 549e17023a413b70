#include "proto/witness.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"

#define TEXT_MAX 256
#define HASH_MAX 32

struct waiting {
	struct audit_writer_line line;
	uint8_t hash[HASH_MAX];
	uint8_t text[TEXT_MAX];
};

struct witness {
	struct child *child;
	struct waiting ring[WITNESS_WAITING_MAX];
	size_t first;
	size_t n;
};

struct witness *
witness_new(struct child *child)
{
	struct witness *w = mem_alloc(1, sizeof(*w));

	w->child = child;
	return w;
}

void
witness_free(struct witness *w)
{
	free(w);
}

bool
witness_has_room(const struct witness *w)
{
	return w->n < WITNESS_WAITING_MAX;
}

static struct span
keep(uint8_t *to, size_t cap, struct span s)
{
	s = span_sub(s, 0, cap);
	if (s.len > 0)
		memcpy(to, s.ptr, s.len);
	return span_of(to, s.len);
}

static int
wait_for_audit(struct witness *w, const struct audit_writer_line *line)
{
	struct waiting *slot;

	if (!witness_has_room(w)) {
		log_error("audit line lost: too many wait",
			LOG_C("event", audit_event_name(line->event)), LOG_U("run", line->run));
		return ERR_FULL;
	}
	slot = &w->ring[(w->first + w->n++) % WITNESS_WAITING_MAX];
	slot->line = *line;
	slot->line.hash = keep(slot->hash, HASH_MAX, line->hash);
	slot->line.text = keep(slot->text, TEXT_MAX, line->text);
	return 0;
}

int
witness_line(struct witness *w, const struct audit_writer_line *line)
{
	struct ipc_chan *audit = child_peer(w->child, KIND_AUDIT, 0);

	if (w->n == 0 && audit != NULL && audit_writer_line_send(audit, line) == 0)
		return 0;
	return wait_for_audit(w, line);
}

void
witness_flush(struct witness *w)
{
	struct ipc_chan *audit = child_peer(w->child, KIND_AUDIT, 0);

	while (audit != NULL && w->n > 0 &&
		audit_writer_line_send(audit, &w->ring[w->first].line) == 0) {
		w->first = (w->first + 1) % WITNESS_WAITING_MAX;
		w->n--;
	}
}
