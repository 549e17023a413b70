/* The peers of a process: a channel for each, by a row of its links. */
#include "proto/child_state.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/child.def.h"

static void
unlink_chan(struct child *child, struct link_chan *gone)
{
	struct link_chan **at = &child->state->peers;

	while (*at != NULL && *at != gone)
		at = &(*at)->next;
	if (*at != NULL)
		*at = gone->next;
}

static void
drop_peer(struct link_chan *lc)
{
	struct child *child = lc->child;

	unlink_chan(child, lc);
	if (child->spec->peer_gone != NULL)
		child->spec->peer_gone(child, lc->link->kind, lc->chan);
	ipc_chan_free(lc->chan);
	free(lc);
}

static struct link_chan *
link_of(struct child *child, const struct ipc_chan *chan)
{
	for (struct link_chan *lc = child->state->peers; lc != NULL; lc = lc->next) {
		if (lc->chan == chan)
			return lc;
	}
	return NULL;
}

void
child_accuse(struct child *child, struct ipc_chan *chan, int why)
{
	struct link_chan *lc = link_of(child, chan);

	if (lc == NULL)
		return;
	log_error("peer accused: denied", LOG_C("peer", kind_name(lc->link->kind)),
		LOG_U("instance", lc->instance), LOG_E("why", why));
	(void)child_peer_bad_send(
		child->state->control, &(struct child_peer_bad){.kind = lc->link->kind,
					       .instance = lc->instance,
					       .incarnation = lc->incarnation,
					       .why = why});
}

static void
on_peer_end(struct ipc_chan *chan, int why, void *arg)
{
	struct child *child = arg;
	struct link_chan *lc = link_of(child, chan);

	if (why != ERR_EOF && why != ERR_CLOSED)
		child_accuse(child, chan, why);
	if (lc != NULL)
		drop_peer(lc);
}

static void
on_peer_room(struct ipc_chan *chan, void *arg)
{
	struct child *child = arg;
	struct link_chan *lc = link_of(child, chan);

	if (lc != NULL && child->spec->room != NULL)
		child->spec->room(child, lc->link->kind, chan);
}

/* edge: a row of peers.def, counted from 1; 0: the first row of that kind. */
static const struct child_link *
find_link(const struct child_spec *spec, unsigned kind, unsigned edge)
{
	if (edge > peer_rows_n)
		return NULL;
	for (size_t i = 0; i < spec->nlinks; i++) {
		if (spec->links[i].kind == kind &&
			(edge == 0 ||
				strcmp(spec->links[i].proto->name, peer_rows[edge - 1].proto) == 0))
			return &spec->links[i];
	}
	return NULL;
}

static struct link_chan *
find_peer(struct child *child, const struct child_link *link, uint64_t instance)
{
	for (struct link_chan *lc = child->state->peers; lc != NULL; lc = lc->next) {
		if (lc->link == link && lc->instance == instance)
			return lc;
	}
	return NULL;
}

/* Its process has ended: the last that it said still counts. */
static void
end_peer(struct child *child, const struct child_link *link, struct link_chan *lc)
{
	uint64_t instance = lc->instance;
	uint64_t incarnation = lc->incarnation;

	ipc_chan_drain(lc->chan);
	lc = find_peer(child, link, instance);
	if (lc != NULL && lc->incarnation == incarnation)
		drop_peer(lc);
}

int
child_on_peer(struct ipc_chan *control, const void *m, void *arg)
{
	const struct child_peer *msg = m;
	struct child *child = arg;
	const struct child_link *link = find_link(child->spec, msg->kind, msg->edge);
	struct link_chan *lc;

	if (link == NULL) {
		log_error("peer offered that is not in the table",
			LOG_C("kind", kind_name(msg->kind)));
		return 0;
	}
	lc = find_peer(child, link, msg->instance);
	if (lc != NULL)
		end_peer(child, link, lc);
	lc = mem_alloc(1, sizeof(*lc));
	lc->child = child;
	lc->link = link;
	lc->instance = msg->instance;
	lc->incarnation = msg->incarnation;
	lc->ops = (struct ipc_ops){.handlers = link->handlers,
		.n = link->nhandlers,
		.on_end = on_peer_end,
		.on_room = on_peer_room};
	lc->chan = ipc_chan_new(child->ev, ipc_fd_steal(control, msg->fd), link->proto, link->side,
		link->full, &lc->ops, child);
	ipc_chan_set_tag(lc->chan, msg->instance);
	lc->next = child->state->peers;
	child->state->peers = lc;
	if (child->spec->peer_up != NULL)
		child->spec->peer_up(child, msg->kind, lc->chan);
	return 0;
}

int
child_on_peer_gone(struct ipc_chan *control, const void *m, void *arg)
{
	const struct child_peer_gone *msg = m;
	struct child *child = arg;

	(void)control;
	for (size_t i = 0; i < child->spec->nlinks; i++) {
		const struct child_link *link = &child->spec->links[i];
		struct link_chan *lc =
			link->kind == msg->kind ? find_peer(child, link, msg->instance) : NULL;

		if (lc != NULL && lc->incarnation == msg->incarnation)
			end_peer(child, link, lc);
	}
	return 0;
}

struct ipc_chan *
child_peer(struct child *child, uint8_t kind, uint64_t instance)
{
	const struct child_link *link = find_link(child->spec, kind, 0);
	struct link_chan *lc = link == NULL ? NULL : find_peer(child, link, instance);

	return lc != NULL && ipc_chan_is_open(lc->chan) ? lc->chan : NULL;
}

void
child_peers(struct child *child, uint8_t kind,
	void (*fn)(struct child *child, struct ipc_chan *chan, void *arg), void *arg)
{
	struct link_chan *next;

	for (struct link_chan *lc = child->state->peers; lc != NULL; lc = next) {
		next = lc->next;
		if (lc->link->kind == kind && ipc_chan_is_open(lc->chan))
			fn(child, lc->chan, arg);
	}
}
