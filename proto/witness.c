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
	size_t sent;   /* of them, to the present audit */
	uint64_t kept; /* of what the present audit was sent */
};

static struct witness *only;

struct witness *
witness_new(struct child *child)
{
	struct witness *w = mem_alloc(1, sizeof(*w));

	w->child = child;
	only = w;
	return w;
}

void
witness_free(struct witness *w)
{
	if (w == only)
		only = NULL;
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

/* Sends what has not been sent; a socket that is gone is noticed by peer_up of the next one. */
static void
send_on(struct witness *w)
{
	struct ipc_chan *audit = child_peer(w->child, KIND_AUDIT, 0);

	while (audit != NULL && w->sent < w->n &&
		audit_writer_line_send(
			audit, &w->ring[(w->first + w->sent) % WITNESS_WAITING_MAX].line) == 0)
		w->sent++;
}

int
witness_line(struct witness *w, const struct audit_writer_line *line)
{
	int rc = wait_for_audit(w, line);

	if (rc == 0)
		send_on(w);
	return rc;
}

void
witness_flush(struct witness *w)
{
	w->sent = 0;
	w->kept = 0;
	send_on(w);
}

static int
on_kept(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct audit_writer_kept *m = msg;
	uint64_t n;

	(void)chan;
	(void)arg;
	if (only == NULL)
		return 0;
	if (m->count < only->kept || m->count - only->kept > only->sent)
		return ERR_PROTO;
	n = m->count - only->kept;
	only->kept = m->count;
	only->first = (only->first + n) % WITNESS_WAITING_MAX;
	only->n -= n;
	only->sent -= n;
	return 0;
}

const struct ipc_handler witness_rows[WITNESS_ROWS_N] = {{AUDIT_WRITER_KEPT, on_kept}};
