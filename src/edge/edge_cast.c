#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "edge_user.h"

#define PARTS EDGE_CONN_PARTS_MAX
#define PARTS_LEN KIB(64u) /* of several frames that go to a client in one */

struct cast {
	struct cast *next;
	uint64_t number;
	unsigned scopes;
	bool droppable;
	size_t len;
	uint8_t frame[];
};

/* ---- who has been told what: casts.first is the client told longest ago, so none is further behind ---- */

static void
unlink_conn(struct user_casts *casts, struct user_conn *u)
{
	*(u->cast_prev != NULL ? &u->cast_prev->cast_next : &casts->first) = u->cast_next;
	*(u->cast_next != NULL ? &u->cast_next->cast_prev : &casts->last) = u->cast_prev;
	u->cast_next = NULL;
	u->cast_prev = NULL;
}

static void
link_last(struct user_casts *casts, struct user_conn *u)
{
	u->cast_prev = casts->last;
	*(casts->last != NULL ? &casts->last->cast_next : &casts->first) = u;
	casts->last = u;
}

void
user_cast_join(struct user_conn *u)
{
	struct user_casts *casts = &user_of(u)->casts;

	u->is_listening = true;
	u->cast = casts->number;
	link_last(casts, u);
}

static bool
is_behind(const struct user_casts *casts, const struct user_conn *u)
{
	return u != NULL && u->cast < casts->number;
}

/* Frames that everybody has been told. */
static void
forget(struct user_casts *casts)
{
	uint64_t from = casts->first != NULL ? casts->first->cast : casts->number;

	while (casts->oldest != NULL && casts->oldest->number < from) {
		struct cast *cast = casts->oldest;

		casts->oldest = cast->next;
		casts->held -= cast->len;
		free(cast);
	}
	if (casts->oldest == NULL)
		casts->newest = NULL;
}

void
user_cast_leave(struct user_conn *u)
{
	struct user_casts *casts = &user_of(u)->casts;

	if (!u->is_listening)
		return;
	u->is_listening = false;
	unlink_conn(casts, u);
	forget(casts);
}

/* ---- telling one ---- */

static bool
may_see(const struct user_conn *u, unsigned scopes)
{
	return scopes == 0 || (!u->is_node && (u->scopes & (scopes | SCOPE_ADMIN)) != 0);
}

/* A client for which so much waits already gets nothing more. False: it was let go. */
static bool
is_slow(struct user_conn *u, const struct cast *cast, bool *skip)
{
	*skip = edge_conn_waiting(&u->c) > WS_BUFFERED_MAX;
	if (!*skip || cast->droppable)
		return true;
	log_info("slow consumer closed", LOG_U("conn", u->id),
		LOG_U("waiting", edge_conn_waiting(&u->c)));
	user_ws_close(u, WS_CODE_POLICY, "slow consumer");
	return false;
}

/* Some of what u has not been told, from *at on, as one write. False: it is gone. */
static bool
tell_some(struct user_conn *u, const struct cast **at)
{
	struct span parts[PARTS];
	size_t n = 0;
	size_t len = 0;
	bool skip;

	for (; *at != NULL && n < PARTS && len < PARTS_LEN; *at = (*at)->next) {
		if (!may_see(u, (*at)->scopes))
			continue;
		if (!is_slow(u, *at, &skip))
			return false;
		if (skip)
			continue;
		parts[n++] = span_of((*at)->frame, (*at)->len);
		len += (*at)->len;
	}
	if (n > 0 && edge_conn_send_parts(&u->c, parts, n) < 0)
		edge_conn_close(&u->c);
	return !u->c.is_dead;
}

void
user_cast_catch_up(struct user_conn *u)
{
	struct user_casts *casts = &user_of(u)->casts;
	const struct cast *at = casts->oldest;

	if (!u->is_listening || !is_behind(casts, u))
		return;
	while (at != NULL && at->number < u->cast)
		at = at->next;
	u->cast =
		casts->number; /* before anything is sent: what ends the connection sends as well */
	unlink_conn(casts, u);
	link_last(casts, u);
	while (at != NULL && !u->c.is_finishing && tell_some(u, &at))
		continue;
}

/* ---- telling all ---- */

static void
on_round(struct ev *ev, void *arg)
{
	struct user_casts *casts = arg;

	casts->timer = 0;
	for (unsigned n = 0; n < EDGE_CAST_CONNS && is_behind(casts, casts->first); n++)
		user_cast_catch_up(casts->first);
	forget(casts);
	if (is_behind(casts, casts->first))
		casts->timer = ev_timer_start(ev, 0, on_round, casts);
}

static void
add(struct user_casts *casts, struct span json, unsigned scopes, bool droppable)
{
	struct cast *cast = mem_alloc(1, sizeof(*cast) + WS_HEAD_MAX + json.len);

	cast->number = casts->number++;
	cast->scopes = scopes;
	cast->droppable = droppable;
	cast->len = ws_head_format(cast->frame, WS_TEXT, true, json.len, NULL);
	memcpy(cast->frame + cast->len, json.ptr, json.len);
	cast->len += json.len;
	casts->held += cast->len;
	*(casts->newest != NULL ? &casts->newest->next : &casts->oldest) = cast;
	casts->newest = cast;
}

void
user_cast(struct user *user, struct span json, unsigned scopes, bool droppable,
	struct user_conn *first)
{
	struct user_casts *casts = &user->casts;

	if (casts->first == NULL)
		return;
	add(casts, json, scopes, droppable);
	if (first != NULL)
		user_cast_catch_up(first);
	while (casts->held > EDGE_CAST_HELD_MAX && is_behind(casts, casts->first)) {
		user_cast_catch_up(casts->first);
		forget(casts);
	}
	if (is_behind(casts, casts->first) && casts->timer == 0)
		casts->timer = ev_timer_start(user->child->ev, 0, on_round, casts);
}

/* ---- who asked for a run ---- */

static uint64_t
number_of(struct span run)
{
	uint64_t h =
		0xcbf29ce484222325u; /* FNV-1a: two runs with one number only change who is told first */

	for (size_t i = 0; i < run.len; i++)
		h = (h ^ run.ptr[i]) * 0x100000001b3u;
	return h;
}

void
user_asker_put(struct user_conn *u, struct span run)
{
	uint64_t number = number_of(run);

	user_of(u)->askers[number % USER_ASKERS] =
		(struct user_asker){.run = number, .conn = u->id};
}

struct user_conn *
user_asker_get(struct user *user, struct span run)
{
	uint64_t number = number_of(run);
	const struct user_asker *asker = &user->askers[number % USER_ASKERS];

	return run.len > 0 && asker->run == number ? user_conn_find(user, asker->conn) : NULL;
}
