/* Writers keep their lines until these are in the file; a kill in between loses none of them. */
#include "audit.h"

#include "base/err.h"
#include "proto/audit_writer.h"

int
audit_kept_take(struct audit *a, struct ipc_chan *chan)
{
	struct audit_writer *free_one = NULL;

	for (size_t i = 0; i < AUDIT_WRITERS; i++) {
		struct audit_writer *w = &a->writers[i];

		if (w->chan == chan) {
			w->taken++;
			return 0;
		}
		if (w->chan == NULL && free_one == NULL)
			free_one = w;
	}
	if (free_one == NULL)
		return ERR_FULL;
	*free_one = (struct audit_writer){.chan = chan, .taken = 1};
	return 0;
}

void
audit_kept_tell(struct audit *a)
{
	for (size_t i = 0; i < AUDIT_WRITERS; i++) {
		struct audit_writer *w = &a->writers[i];

		if (w->chan == NULL || w->told == w->taken)
			continue;
		w->told = w->taken;
		(void)audit_writer_kept_send(
			w->chan, &(struct audit_writer_kept){.count = w->taken});
	}
}

void
audit_kept_forget(struct audit *a, const struct ipc_chan *chan)
{
	for (size_t i = 0; i < AUDIT_WRITERS; i++) {
		if (a->writers[i].chan == chan)
			a->writers[i] = (struct audit_writer){0};
	}
}
