#include "gate/gate.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

void
gate_turn_clear(struct gate_turn *t)
{
	free(t->ids);
	*t = (struct gate_turn){0};
}

struct gate_turn *
gate_turn_find(struct gate *g, uint64_t turn)
{
	uint64_t now = ev_now_ms(g->child->ev);

	for (size_t i = 0; turn != 0 && i < g->nturns; i++) {
		if (g->turns[i].turn == turn)
			return now < g->turns[i].expires_ms ? &g->turns[i] : NULL;
	}
	return NULL;
}

static struct gate_turn *
turn_slot(struct gate *g)
{
	uint64_t now = ev_now_ms(g->child->ev);

	for (size_t i = 0; i < g->nturns; i++) {
		if (g->turns[i].turn == 0 || now >= g->turns[i].expires_ms) {
			gate_turn_clear(&g->turns[i]);
			return &g->turns[i];
		}
	}
	return g->nturns < GATE_TURNS_MAX ? &g->turns[g->nturns++] : NULL;
}

/* Only an owner's credential that may write can speak as the owner; anybody else's turn is a stranger's. */
static uint8_t
most_integrity(uint64_t principal)
{
	switch (PRINCIPAL_KIND(principal)) {
	case PRINCIPAL_CONTROL:
	case PRINCIPAL_TOKEN:
	case PRINCIPAL_BROWSER:
	case PRINCIPAL_DEVICE:
		return (PRINCIPAL_SCOPES(principal) & (SCOPE_WRITE | SCOPE_ADMIN)) != 0
			       ? LABEL_OWNER_TYPED
			       : LABEL_UNTRUSTED;
	default:
		return LABEL_UNTRUSTED;
	}
}

int
gate_turn_add(struct gate *g, uint64_t principal, uint64_t turn, uint8_t integrity)
{
	struct gate_turn *t;

	if (turn == 0 || gate_turn_find(g, turn) != NULL)
		return ERR_EXISTS;
	t = turn_slot(g);
	if (t == NULL)
		return ERR_FULL;
	t->turn = turn;
	t->principal = principal;
	t->integrity =
		integrity < most_integrity(principal) ? integrity : most_integrity(principal);
	t->expires_ms = ev_now_ms(g->child->ev) + GATE_TURN_TTL_MS;
	return 0;
}

void
gate_turn_drop(struct gate *g, uint64_t turn)
{
	struct gate_turn *t = gate_turn_find(g, turn);

	if (t != NULL)
		gate_turn_clear(t);
}

int
gate_turn_add_id(struct gate *g, uint64_t principal, const struct edge_gate_turn_id *m)
{
	struct gate_turn *t = gate_turn_find(g, m->turn);
	struct gate_id *id;

	if (t == NULL || t->principal != principal)
		return ERR_NOTFOUND;
	if (t->integrity != LABEL_OWNER_TYPED)
		return ERR_DENIED;
	if (t->nids == GATE_TURN_IDS_MAX)
		return ERR_FULL;
	if (m->verb == EFFECT_NONE || m->verb >= EFFECT_N || m->kind == DEST_NONE ||
		m->id.len == 0 || m->id.len > GATE_ID_MAX)
		return ERR_RANGE;
	t->ids = mem_grow(t->ids, t->nids + 1, sizeof(*t->ids));
	id = &t->ids[t->nids++];
	*id = (struct gate_id){.verb = m->verb, .kind = m->kind, .len = (uint8_t)m->id.len};
	memcpy(id->id, m->id.ptr, m->id.len);
	return 0;
}
