/* What a process is given before it is jailed: descriptors, and its slice of the configuration. */
#include "proto/child_state.h"

#include <unistd.h>

#include "args/args.h"
#include "base/err.h"

int
child_handle_take(struct child *child, uint8_t what, uint64_t number, int fd)
{
	struct child_link_state *s = child->state;

	if (s->nheld == CHILD_HANDLES_MAX)
		return ERR_FULL;
	s->held[s->nheld++] = (struct held){.what = what, .number = number, .fd = fd};
	return what == HANDLE_SLICE ? ipc_body_get(fd, IPC_BODY_MAX, &child->slice) : 0;
}

static struct held *
find_held(struct child *child, enum handle what, size_t nth)
{
	for (size_t i = 0; i < child->state->nheld; i++) {
		struct held *h = &child->state->held[i];

		if (h->what == (uint8_t)what && h->fd >= 0 && nth-- == 0)
			return h;
	}
	return NULL;
}

int
child_handle(struct child *child, enum handle what, uint64_t number)
{
	struct held *h;

	for (size_t i = 0; (h = find_held(child, what, i)) != NULL; i++) {
		if (h->number == number)
			return h->fd;
	}
	return -1;
}

int
child_handle_steal(struct child *child, enum handle what, size_t nth, uint64_t *number_out)
{
	struct held *h = find_held(child, what, nth);
	int fd;

	if (h == NULL)
		return -1;
	if (number_out != NULL)
		*number_out = h->number;
	fd = h->fd;
	h->fd = -1;
	return fd;
}

void
child_handles_close(struct child *child)
{
	for (size_t i = 0; i < child->state->nheld; i++) {
		if (child->state->held[i].fd >= 0)
			close(child->state->held[i].fd);
	}
	child->state->nheld = 0;
}

uint64_t
child_option_u64(const struct child *child, const char *name, uint64_t fallback)
{
	uint64_t v;

	return args_get_u64(child->slice, name, 0, UINT64_MAX, &v) == 0 ? v : fallback;
}

bool
child_option_bool(const struct child *child, const char *name, bool fallback)
{
	bool v;

	return args_get_bool(child->slice, name, &v) == 0 ? v : fallback;
}

struct span
child_option_str(const struct child *child, const char *name, struct span fallback)
{
	struct span v;

	return args_get_str(child->slice, name, &v) == 0 ? v : fallback;
}
