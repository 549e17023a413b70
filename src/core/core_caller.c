#include "core/core.h"

#include <stdlib.h>
#include <unistd.h>

#define REPLY_INLINE 12288u
#define REPLY_MESSAGE_MAX 1024u

struct core_caller *
core_caller_new(struct core *core, uint64_t principal, uint32_t conn, uint64_t seq)
{
	struct core_caller *c = mem_alloc(1, sizeof(*c));

	c->core = core;
	c->principal = principal;
	c->conn = conn;
	c->seq = seq;
	c->next = core->callers;
	if (c->next != NULL)
		c->next->prev = c;
	core->callers = c;
	return c;
}

void
core_caller_free(struct core_caller *caller)
{
	if (caller == NULL)
		return;
	if (caller->prev != NULL)
		caller->prev->next = caller->next;
	else
		caller->core->callers = caller->next;
	if (caller->next != NULL)
		caller->next->prev = caller->prev;
	free(caller);
}

void
core_callers_drop(struct core *core, uint64_t principal, const uint32_t *conn)
{
	for (struct core_caller *c = core->callers; c != NULL; c = c->next) {
		if (c->principal == principal && (conn == NULL || c->conn == *conn))
			c->gone = true;
	}
}

static void
send_reply(struct core_caller *caller, struct edge_core_reply *reply, struct span result)
{
	struct ipc_chan *edge =
		caller->gone ? NULL : child_peer(caller->core->child, KIND_USER, caller->principal);
	int rc;

	if (edge == NULL)
		return;
	reply->conn = caller->conn;
	reply->seq = caller->seq;
	reply->args = core_text_split(result, REPLY_INLINE, &reply->body);
	rc = edge_core_reply_send(edge, reply);
	if (rc < 0)
		log_warn("answer not delivered", LOG_E("why", rc), LOG_U("conn", reply->conn));
	if (reply->body >= 0)
		close(reply->body);
}

void
core_reply_ok(struct core_caller *caller, struct span result)
{
	send_reply(caller, &(struct edge_core_reply){.final = true, .ok = true}, result);
	core_caller_free(caller);
}

void
core_reply_first(struct core_caller *caller, struct span result)
{
	send_reply(caller, &(struct edge_core_reply){.ok = true}, result);
}

void
core_reply_delegate(struct core_caller *caller)
{
	send_reply(caller, &(struct edge_core_reply){.final = true, .ok = true, .delegate = true},
		SPAN_EMPTY);
	core_caller_free(caller);
}

void
core_reply_error(struct core_caller *caller, enum rpc_code code, const char *message)
{
	core_reply_error_with(caller, code, span_from_cstr(message), SPAN_EMPTY);
}

/* A cut may fall into a character: step back to where one begins. */
static struct span
clip(struct span s, size_t max)
{
	size_t n = s.len < max ? s.len : max;

	while (n < s.len && n > 0 && (s.ptr[n] & 0xc0) == 0x80)
		n--;
	return span_sub(s, 0, n);
}

void
core_reply_error_with(
	struct core_caller *caller, enum rpc_code code, struct span message, struct span result)
{
	send_reply(caller,
		&(struct edge_core_reply){.final = true,
			.code = (uint8_t)code,
			.message = clip(message, REPLY_MESSAGE_MAX)},
		result);
	core_caller_free(caller);
}

void
core_asker_add(struct core_asker **list, struct core_caller *caller)
{
	struct core_asker *a = mem_alloc(1, sizeof(*a));

	*a = (struct core_asker){.caller = caller, .next = *list};
	*list = a;
}

struct core_caller *
core_asker_take(struct core_asker **list)
{
	struct core_asker *a = *list;
	struct core_caller *caller = a == NULL ? NULL : a->caller;

	if (a != NULL)
		*list = a->next;
	free(a);
	return caller;
}
