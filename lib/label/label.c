#include "label/label.h"

#include "base/err.h"

bool
label_is_valid(struct label l)
{
	return l.integrity <= LABEL_OWNER_TYPED && l.readers_kind <= LABEL_PUBLIC &&
	       (l.readers_kind == LABEL_CHAT || l.readers_id == 0);
}

bool
label_is_equal(struct label a, struct label b)
{
	return a.integrity == b.integrity && a.readers_kind == b.readers_kind &&
	       a.readers_id == b.readers_id;
}

static struct label
with_readers_of(struct label l, struct label from)
{
	l.readers_kind = from.readers_kind;
	l.readers_id = from.readers_id;
	return l;
}

struct label
label_join(struct label a, struct label b)
{
	struct label j = {0};

	if (!label_is_valid(a) || !label_is_valid(b))
		return j;
	j.integrity = a.integrity < b.integrity ? a.integrity : b.integrity;
	if (a.readers_kind == LABEL_CHAT && b.readers_kind == LABEL_CHAT &&
		a.readers_id != b.readers_id) {
		j.readers_kind = LABEL_READ_OWNER;
		return j;
	}
	/* Every other pair is ordered: SECRET < OWNER < CHAT < PUBLIC, each set within the next. */
	return with_readers_of(j, a.readers_kind < b.readers_kind ? a : b);
}

bool
label_is_tainted(struct label l)
{
	return !label_is_valid(l) || l.integrity < LABEL_OWNER;
}

bool
label_may_flow(struct label payload, struct label destination)
{
	if (!label_is_valid(payload) || !label_is_valid(destination) ||
		payload.readers_kind == LABEL_SECRET)
		return false;
	if (payload.readers_kind == LABEL_CHAT && destination.readers_kind == LABEL_CHAT)
		return payload.readers_id == destination.readers_id;
	return destination.readers_kind <= payload.readers_kind;
}

void
label_pack(struct label l, uint8_t out[LABEL_PACKED_LEN])
{
	out[0] = l.integrity;
	out[1] = l.readers_kind;
	for (unsigned i = 0; i < 8; i++)
		out[2 + i] = (uint8_t)(l.readers_id >> (8 * i));
}

int
label_unpack(struct span s, struct label *out)
{
	struct label l = {0};

	*out = l;
	if (s.len != LABEL_PACKED_LEN)
		return ERR_SYNTAX;
	l.integrity = s.ptr[0];
	l.readers_kind = s.ptr[1];
	for (unsigned i = 0; i < 8; i++)
		l.readers_id |= (uint64_t)s.ptr[2 + i] << (8 * i);
	if (!label_is_valid(l))
		return ERR_RANGE;
	*out = l;
	return 0;
}
