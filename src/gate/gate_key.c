#include "gate/gate.h"

#include <string.h>

#include "base/err.h"
#include "crypto/crypto.h"

struct gate_executor *
gate_key_find(struct gate_keys *keys, uint8_t kind, uint64_t instance)
{
	for (size_t i = 0; kind != 0 && i < keys->n; i++) {
		if (keys->list[i].kind == kind && keys->list[i].instance == instance)
			return &keys->list[i];
	}
	return NULL;
}

int
gate_key_set(struct gate_keys *keys, uint8_t kind, uint64_t instance, uint64_t incarnation,
	const uint8_t key[WARRANT_KEY_LEN])
{
	struct gate_executor *e = gate_key_find(keys, kind, instance);

	if (e == NULL) {
		if (keys->n == GATE_EXECUTORS_MAX || kind == 0)
			return ERR_FULL;
		e = &keys->list[keys->n++];
	} else if (e->incarnation == incarnation &&
		   crypto_bytes_equal(e->key, key, WARRANT_KEY_LEN)) {
		return 0; /* the counter goes on: under one key no number comes twice */
	}
	*e = (struct gate_executor){.kind = kind, .instance = instance, .incarnation = incarnation};
	memcpy(e->key, key, WARRANT_KEY_LEN);
	return 0;
}

int
gate_key_warrant(
	struct gate_executor *e, struct warrant *w, uint64_t now_ms, uint8_t out[WARRANT_LEN])
{
	if (e->counter == UINT64_MAX)
		return ERR_FULL;
	w->executor = e->kind;
	w->instance = e->instance;
	w->incarnation = e->incarnation;
	w->counter = ++e->counter;
	w->expires_ms = now_ms + WARRANT_TTL_MS;
	warrant_issue(e->key, w, out);
	return 0;
}
