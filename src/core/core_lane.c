#include "core/core.h"

#include <stdlib.h>
#include <string.h>

#include "text/ident.h"
#include "base/weak.h"

#define AGENT_PREFIX "agent:"
#define OUR_AGENT "agent:main:"

int
core_session_key(struct span spelling, struct buf *out)
{
	struct buf full = {.max = SESSION_KEY_MAX};
	struct span key = WEAK(SESSION_KEYS) ? SPAN("main") : span_trim(spelling);
	size_t before = out->len;
	int rc;

	if (key.len < sizeof(AGENT_PREFIX) - 1 ||
		!span_eq_nocase(span_sub(key, 0, sizeof(AGENT_PREFIX) - 1), SPAN(AGENT_PREFIX)))
		(void)buf_put(&full, SPAN(OUR_AGENT));
	rc = buf_put(&full, key);
	if (rc == 0)
		rc = key.len == 0 ? ERR_SYNTAX : text_session_key_put(out, buf_span(&full));
	buf_clear(&full);
	if (rc == 0 &&
		!span_starts_with(span_of(out->ptr + before, out->len - before), SPAN(OUR_AGENT))) {
		out->len = before;
		return ERR_NOTFOUND;
	}
	return rc;
}

static unsigned
bucket_of(struct span key)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < key.len; i++)
		h = (uint32_t)((uint64_t)(h ^ key.ptr[i]) * 16777619u);
	return h % CORE_BUCKETS;
}

struct core_session *
core_session_get(struct core *core, struct span key, bool make)
{
	struct core_session **bucket = &core->session_buckets[bucket_of(key)];
	struct core_session *s;

	for (s = *bucket; s != NULL; s = s->next) {
		if (span_eq(span_of(s->key, s->keylen), key))
			return s;
	}
	if (!make)
		return NULL;
	s = mem_alloc(1, sizeof(*s));
	s->key = mem_copy(key);
	s->keylen = key.len;
	s->next = *bucket;
	*bucket = s;
	return s;
}

void
core_session_unused(struct core *core, struct core_session *session)
{
	struct core_session **at =
		&core->session_buckets[bucket_of(span_of(session->key, session->keylen))];

	if (session->nruns > 0)
		return;
	while (*at != NULL && *at != session)
		at = &(*at)->next;
	if (*at != NULL)
		*at = session->next;
	free(session->key);
	free(session);
}

unsigned
core_lane_queued(const struct core *core)
{
	return core->nruns - core->nrunning;
}

void
core_lane_pump(struct core *core)
{
	struct core_run *next;

	if (core->draining || core->child->panic || !core->recovered)
		return;
	for (struct core_run *r = core->runs; r != NULL && core->nrunning < core_runs_at_once(core);
		r = next) {
		next = r->next;
		if (r->phase != PHASE_QUEUED || r->session->busy)
			continue;
		r->session->busy = true;
		core->nrunning++;
		core_run_open(r);
	}
}
