/*
 * The labels of what is remembered. Store keeps the text and asks gate for the label, MAC and version of its row; gate sees the
 * text's hash only. When something is recalled store shows gate each row before core gets a text, and the run's label falls by
 * what gate once wrote, or, where the row is not what gate wrote, as far as it can. Core has no part in it.
 */
#include "gate/gate.h"

#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/weak.h"

#define VERSION 1 /* a memory is never changed */
#define HASH_LEN 32
#define VALUE_LEN (LABEL_PACKED_LEN + HASH_LEN)

static void
value_of(struct span label, struct span hash, uint8_t out[VALUE_LEN])
{
	memcpy(out, label.ptr, LABEL_PACKED_LEN);
	memcpy(out + LABEL_PACKED_LEN, hash.ptr, HASH_LEN);
}

int
gate_memory_seal(struct gate *g, struct ipc_chan *store, const struct gate_store_seal *m)
{
	struct gate_run *run = gate_run_find(g, m->run);
	struct gate_store_sealed answer = {.req = m->req, .rc = ERR_DENIED};
	uint8_t label[LABEL_PACKED_LEN];
	uint8_t value[VALUE_LEN];
	uint8_t mac[CRYPTO_MAC_LEN];
	struct gate_store_put row = {.table = GATE_MEMORY, .key = m->id, .version = VERSION};

	if (m->hash.len != HASH_LEN)
		return ERR_PROTO;
	/* once for the one call that was allowed */
	if (run != NULL && run->state == GATE_RUN_OPEN && m->call != 0 &&
		run->remember == m->call) {
		run->remember = 0;
		label_pack(run->label, label);
		value_of(span_of(label, sizeof(label)), m->hash, value);
		row.value = span_of(value, sizeof(value));
		gate_row_mac(g->row_key, &row, mac);
		answer.rc = 0;
		answer.label = span_of(label, sizeof(label));
		answer.version = VERSION;
		answer.mac = span_of(mac, sizeof(mac));
	} else {
		log_error("a memory without a verdict: not sealed", LOG_U("run", m->run),
			LOG_U("call", m->call));
	}
	(void)gate_store_sealed_send(store, &answer);
	return 0;
}

static struct label
label_of(const struct gate *g, const struct gate_store_recalled *m)
{
	struct label label;
	uint8_t value[VALUE_LEN];
	struct gate_store_row row = {.key = m->id, .version = m->version, .mac = m->mac};

	if (m->label.len == LABEL_PACKED_LEN && label_unpack(m->label, &label) == 0) {
		value_of(m->label, m->hash, value);
		row.value = span_of(value, sizeof(value));
		if (WEAK(MEMORY_LABEL) || gate_row_is_good(g->has_row_key ? g->row_key : NULL,
						  GATE_MEMORY, m->id, &row))
			return label;
	}
	log_warn("a memory is not as it was written: it counts as untrusted", LOG_U("id", m->id),
		LOG_U("run", m->run));
	return gate_label_doubtful;
}

int
gate_memory_recalled(struct gate *g, struct ipc_chan *store, const struct gate_store_recalled *m)
{
	if (m->hash.len != HASH_LEN)
		return ERR_PROTO;
	return gate_run_result(g, &(struct gate_result){.from = store,
					  .kind = KIND_STORE,
					  .run = m->run,
					  .call = m->call,
					  .req = m->req,
					  .label = label_of(g, m)});
}
