/* The messages that an agent accepts, all from core. */
#include "agent.h"

#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "proto/core_agent.h"

static struct agent *
agent_of(void *arg)
{
	return ((struct child *)arg)->ctx;
}

/* Inline bytes or a sealed body, copied into the arena. */
static int
take_text(struct agent *a, struct span text, int body, struct span *out)
{
	struct span mapped = SPAN_EMPTY;
	int rc = 0;

	if (body >= 0) {
		rc = ipc_body_get(body, IPC_BODY_MAX, &mapped);
		text = mapped;
	}
	if (rc == 0) {
		*out = arena_copy(&a->arena, text);
		if (out->ptr == NULL)
			rc = ERR_TOOBIG;
	}
	ipc_body_free(mapped);
	return rc;
}

static int
on_start(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct core_agent_start *msg = m;
	struct agent *a = agent_of(arg);
	struct span extra = SPAN_EMPTY;

	if (msg->run != a->run)
		return ERR_PROTO;
	a->provider = msg->provider;
	a->thinking = msg->thinking <= THINK_XHIGH ? msg->thinking : THINK_OFF;
	a->model = arena_copy(&a->arena, msg->model);
	a->name = arena_copy(&a->arena, msg->agent_name);
	a->timezone = arena_copy(&a->arena, msg->timezone);
	a->max_tokens = msg->max_tokens;
	a->now_ms = msg->now_ms;
	a->stream = msg->stream;
	for (size_t i = 0; i < msg->tools_allowed.len; i++)
		a->tools |= (uint64_t)msg->tools_allowed.ptr[i] << (8 * i);
	if (args_get_str(msg->options, "extraSystemPrompt", &extra) == 0)
		a->extra_prompt = arena_copy(&a->arena, extra);
	ipc_chan_set_state(chan, IPC_S_IDLE);
	return 0;
}

static int
on_item(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct core_agent_item *msg = m;
	struct agent *a = agent_of(arg);
	struct agent_item *it;
	int rc;

	(void)chan;
	it = agent_item_add(a);
	it->role = msg->role;
	it->kind = msg->kind;
	it->error = msg->error;
	it->name = arena_copy(&a->arena, msg->name);
	it->call_id = arena_copy(&a->arena, msg->call_id);
	it->args = arena_copy(&a->arena, msg->args);
	rc = take_text(a, msg->text, msg->body, &it->text);
	if (rc == 0 && it->kind == ITEM_TOOL_CALL && msg->body >= 0) {
		it->args = it->text; /* arguments that did not fit inline */
		it->text = SPAN_EMPTY;
	}
	if (rc == 0 && it->role == ROLE_SYSTEM) {
		a->extra_prompt = it->text;
		a->nitems--;
	}
	return rc;
}

static int
on_items(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct core_agent_items *msg = m;
	const struct ipc_message *row = ipc_message_find(&core_agent_proto, CORE_AGENT_ITEM);
	struct core_agent_item item;
	struct span data = msg->data;
	int rc;

	while ((rc = ipc_pack_next(&data, row, &item)) == 1) {
		rc = on_item(chan, &item, arg);
		if (rc < 0)
			break;
	}
	return rc;
}

static void
begin(struct ev *ev, void *arg)
{
	(void)ev;
	agent_run(arg);
}

/* The run is straight-line code that turns the loop itself; it begins outside of any handler. */
static int
on_go(struct ipc_chan *chan, const void *m, void *arg)
{
	struct agent *a = agent_of(arg);

	(void)m;
	ipc_chan_set_state(chan, IPC_S_BUSY);
	ev_timer_start(a->child->ev, 0, begin, a);
	return 0;
}

static int
on_model_status(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct core_agent_model_status *msg = m;
	struct agent *a = agent_of(arg);

	(void)chan;
	a->model_status = msg->status;
	a->model_retry_ms = msg->retry_ms;
	a->model_status_seen = true;
	return 0;
}

static int
on_model_chunk(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct core_agent_model_chunk *msg = m;
	struct agent *a = agent_of(arg);

	(void)chan;
	return buf_put(&a->model_data, msg->data);
}

static int
on_model_end(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct core_agent_model_end *msg = m;
	struct agent *a = agent_of(arg);

	(void)chan;
	a->model_rc = msg->rc;
	buf_reset(&a->model_detail);
	buf_put(&a->model_detail, msg->detail);
	a->model_done = true;
	return 0;
}

static int
on_tool_result(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct core_agent_tool_result *msg = m;
	struct agent *a = agent_of(arg);

	(void)chan;
	if (a->tool_done || msg->call != a->next_call)
		return ERR_STATE;
	a->tool_ok = msg->ok;
	a->tool_truncated = msg->truncated;
	a->tool_done = true;
	return take_text(a, msg->text, msg->body, &a->tool_text);
}

static const struct ipc_handler rows[] = {
	{CORE_AGENT_START, on_start},
	{CORE_AGENT_ITEM, on_item},
	{CORE_AGENT_ITEMS, on_items},
	{CORE_AGENT_GO, on_go},
	{CORE_AGENT_MODEL_STATUS, on_model_status},
	{CORE_AGENT_MODEL_CHUNK, on_model_chunk},
	{CORE_AGENT_MODEL_END, on_model_end},
	{CORE_AGENT_TOOL_RESULT, on_tool_result},
};

const struct child_link agent_links[] = {
	{KIND_CORE, &core_agent_proto, IPC_SIDE_B, IPC_FULL_WAIT, rows,
		sizeof(rows) / sizeof(rows[0])},
};
const size_t agent_nlinks = sizeof(agent_links) / sizeof(agent_links[0]);
