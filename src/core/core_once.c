/* Answers that a repetition of the request gets again: those that no run and no row of the store stands for. */
#include "core/core.h"

void
core_once_clear(struct core *core)
{
	for (unsigned i = 0; i < core->nonce; i++) {
		buf_clear(&core->once[i].key);
		buf_clear(&core->once[i].result);
	}
	core->nonce = 0;
}

static void
drop_oldest(struct core *core, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		buf_clear(&core->once[i].key);
		buf_clear(&core->once[i].result);
	}
	for (unsigned i = n; i < core->nonce; i++)
		core->once[i - n] = core->once[i];
	core->nonce -= n;
}

/* They stand in the order in which they came. */
static void
prune(struct core *core, uint64_t now)
{
	unsigned n = 0;

	while (n < core->nonce && now - core->once[n].at >= DEDUPE_TTL_MS)
		n++;
	if (n > 0)
		drop_oldest(core, n);
}

struct span
core_once_find(struct core *core, uint64_t principal, struct span key)
{
	prune(core, ev_now_ms(core->ev));
	for (unsigned i = 0; i < core->nonce; i++) {
		if (core->once[i].principal == principal &&
			span_eq(buf_span(&core->once[i].key), key))
			return buf_span(&core->once[i].result);
	}
	return SPAN_EMPTY;
}

void
core_once_keep(struct core *core, uint64_t principal, struct span key, struct span result)
{
	struct core_once *o;

	prune(core, ev_now_ms(core->ev));
	if (core->nonce == DEDUPE_MAX)
		drop_oldest(core, 1);
	o = &core->once[core->nonce++];
	*o = (struct core_once){.principal = principal, .at = ev_now_ms(core->ev)};
	buf_init(&o->key, IDEM_KEY_MAX);
	buf_init(&o->result, KIB(16));
	(void)buf_put(&o->key, key);
	(void)buf_put(&o->result, result);
}
