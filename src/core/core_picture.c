/* Who waits for the assistant's picture: it is read once for all of them. core hands it on and does not look at it. */
#include "core/core.h"

#include <stdlib.h>

struct core_picture {
	struct core_caller *caller;
	struct core_picture *next;
};

void
core_picture_ask(struct core *core, struct core_caller *caller)
{
	struct ipc_chan *sandbox = child_peer(core->child, KIND_SANDBOX, 0);
	struct core_picture *p;

	if (sandbox == NULL) {
		core_reply_error(caller, RPC_UNAVAILABLE, "the sandbox is not running");
		return;
	}
	if (core->pictures == NULL) {
		core->picture_req = core_ask_req(core);
		(void)core_sandbox_picture_send(
			sandbox, &(struct core_sandbox_picture){.req = core->picture_req});
	}
	p = mem_alloc(1, sizeof(*p));
	*p = (struct core_picture){.caller = caller, .next = core->pictures};
	core->pictures = p;
}

/* The caller of one of them, which is freed; NULL: there is none. */
static struct core_caller *
steal_caller(struct core *core)
{
	struct core_picture *p = core->pictures;
	struct core_caller *caller = p == NULL ? NULL : p->caller;

	if (p != NULL)
		core->pictures = p->next;
	free(p);
	return caller;
}

int
core_picture_is(struct core *core, const struct core_sandbox_picture_is *msg)
{
	struct core_caller *caller;
	struct core_text list;
	int rc;

	if (core->pictures == NULL || msg->req != core->picture_req)
		return ERR_PROTO;
	rc = core_text_open(&list, SPAN_EMPTY, msg->list, AVATAR_MAX * 3);
	if (rc < 0)
		return rc;
	rc = args_check(list.span);
	while (rc == 0 && (caller = steal_caller(core)) != NULL)
		core_reply_ok(caller, list.span);
	core_text_close(&list);
	return rc; /* not good: whoever waits is answered when the sandbox ends for it */
}

void
core_picture_sandbox_gone(struct core *core)
{
	struct core_caller *caller;

	while ((caller = steal_caller(core)) != NULL)
		core_reply_error(caller, RPC_UNAVAILABLE, "the sandbox ended meanwhile");
}
