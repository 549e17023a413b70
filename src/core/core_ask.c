#include "core/core.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Statements beyond this wait here until store has answered some: its channel ends when it is overfull. */
#define ASK_QUEUED_MAX (IPC_QUEUE_MAX / 4)

uint64_t
core_ask_req(struct core *core)
{
	return core->next_req++;
}

static void
unlink_ask(struct core_ask *ask)
{
	struct core *core = ask->core;

	if (ask->prev != NULL)
		ask->prev->next = ask->next;
	else
		core->asks = ask->next;
	if (ask->next != NULL)
		ask->next->prev = ask->prev;
	else
		core->asks_last = ask->prev;
}

static void
free_ask(struct core_ask *ask)
{
	unlink_ask(ask);
	if (ask->fd >= 0)
		close(ask->fd);
	free(ask->datagram);
	free(ask);
}

static void
send_ask(struct core_ask *ask, struct ipc_chan *store)
{
	const struct ipc_message *m = ipc_message_find(&core_store_proto, ask->id);
	union {
		uint64_t align;
		uint8_t bytes[IPC_STRUCT_MAX];
	} msg;
	size_t nfds = ask->fd >= 0 ? 1 : 0;
	int rc = ipc_decode(m, span_of(ask->datagram + 2, ask->len - 2), &ask->fd, nfds, msg.bytes);

	if (rc == 0)
		rc = ipc_send(store, ask->id, msg.bytes);
	if (rc < 0)
		log_error("statement not sent", LOG_C("statement", m->name), LOG_E("why", rc));
	ask->sent = true;
}

static void
pump(struct core *core)
{
	struct ipc_chan *store = child_peer(core->child, KIND_STORE, 0);

	if (store == NULL)
		return;
	for (struct core_ask *a = core->asks_last; a != NULL && !a->sent; a = a->prev) {
		if (a->prev != NULL && !a->prev->sent)
			continue;
		for (; a != NULL && ipc_chan_queued(store) < ASK_QUEUED_MAX &&
			ipc_chan_is_open(store);
			a = a->next)
			send_ask(a, store);
		return;
	}
}

struct core_ask *
core_ask(struct core *core, uint16_t id, const void *msg, uint64_t req, core_ask_fn *fn, void *arg,
	bool once)
{
	const struct ipc_message *m = ipc_message_find(&core_store_proto, id);
	uint8_t datagram[IPC_MSG_MAX];
	int fds[IPC_FDS_MAX];
	size_t nfds = 0;
	int len = ipc_encode(m, msg, datagram, fds, &nfds);
	struct core_ask *ask;

	if (len < 0) {
		log_error("statement breaks its table", LOG_C("statement", m->name),
			LOG_E("why", len));
		return NULL;
	}
	ask = mem_alloc(1, sizeof(*ask));
	*ask = (struct core_ask){.core = core,
		.req = req,
		.id = id,
		.once = once,
		.fn = fn,
		.arg = arg,
		.len = (size_t)len,
		.fd = -1};
	ask->datagram = mem_copy(span_of(datagram, (size_t)len));
	if (nfds == 1)
		ask->fd = fcntl(fds[0], F_DUPFD_CLOEXEC, 0);
	ask->prev = core->asks_last;
	if (ask->prev != NULL)
		ask->prev->next = ask;
	else
		core->asks = ask;
	core->asks_last = ask;
	pump(core);
	return ask;
}

int
core_ask_stored(uint16_t id, const void *msg, int64_t *rc)
{
	if (id == CORE_ASK_AGAIN)
		return 0;
	if (id != CORE_STORE_STORED)
		return ERR_PROTO;
	*rc = ((const struct core_store_stored *)msg)->rc;
	return 1;
}

void
core_ask_forget(struct core_ask *ask)
{
	if (ask == NULL)
		return;
	ask->fn = NULL;
	ask->arg = NULL;
}

static bool
is_last(const struct core_ask *ask, uint16_t id)
{
	switch (id) {
	case CORE_STORE_ACCEPTED:
		return ask->id == CORE_STORE_ACCEPT;
	case CORE_STORE_STORED:
	case CORE_STORE_DONE:
	case CORE_STORE_COUNTED:
		return true;
	default:
		return false;
	}
}

int
core_ask_answer(struct core *core, uint64_t req, uint16_t id, const void *msg)
{
	struct core_ask *ask = core->asks;
	bool last;
	int rc = 0;

	while (ask != NULL && ask->req != req)
		ask = ask->next;
	if (ask == NULL || !ask->sent)
		return ERR_PROTO;
	last = is_last(ask, id);
	if (ask->fn != NULL)
		rc = ask->fn(core, ask, id, msg);
	else if (id == CORE_STORE_STORED && ((const struct core_store_stored *)msg)->rc < 0)
		log_error("not stored",
			LOG_C("statement", ipc_message_find(&core_store_proto, ask->id)->name),
			LOG_E("why", ((const struct core_store_stored *)msg)->rc));
	if (last)
		free_ask(ask);
	pump(core);
	return rc;
}

void
core_ask_store_up(struct core *core)
{
	pump(core);
}

void
core_ask_store_gone(struct core *core)
{
	struct core_ask *next;

	for (struct core_ask *a = core->asks; a != NULL; a = a->next)
		a->sent = a->once && a->sent;
	for (struct core_ask *a = core->asks; a != NULL; a = next) {
		core_ask_fn *fn = a->fn;

		next = a->next;
		if (fn != NULL && (!a->once || a->sent))
			(void)fn(core, a, a->once ? CORE_ASK_LOST : CORE_ASK_AGAIN, NULL);
		if (a->once && a->sent)
			free_ask(a);
	}
}
