/* Who waits for the assistant's picture: it is read once for all of them. core hands it on and does not look at it. */
#include "core/core.h"

void
core_picture_ask(struct core *core, struct core_caller *caller)
{
	struct ipc_chan *sandbox = child_peer(core->child, KIND_SANDBOX, 0);

	if (sandbox == NULL) {
		core_reply_error(caller, RPC_UNAVAILABLE, "the sandbox is not running");
		return;
	}
	if (core->pictures == NULL) {
		core->picture_req = core_ask_req(core);
		(void)core_sandbox_picture_send(
			sandbox, &(struct core_sandbox_picture){.req = core->picture_req});
	}
	core_asker_add(&core->pictures, caller);
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
	while (rc == 0 && (caller = core_asker_take(&core->pictures)) != NULL)
		core_reply_ok(caller, list.span);
	core_text_close(&list);
	return rc; /* not good: whoever waits is answered when the sandbox ends for it */
}

void
core_picture_sandbox_gone(struct core *core)
{
	struct core_caller *caller;

	while ((caller = core_asker_take(&core->pictures)) != NULL)
		core_reply_error(caller, RPC_UNAVAILABLE, "the sandbox ended meanwhile");
}
