#include "gate/gate.h"

#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "crypto/crypto.h"

#define RETRY_MS 1000

/* ---- is it ours ---- */

static void
mac_of(const uint8_t *key, uint8_t table, uint64_t row_key, uint64_t version, struct span value,
	uint8_t mac[CRYPTO_MAC_LEN])
{
	uint8_t k[WARRANT_NUMBER_LEN];
	uint8_t v[WARRANT_NUMBER_LEN];
	const struct span parts[] = {
		span_of(&table, 1), span_of(k, sizeof(k)), span_of(v, sizeof(v)), value};

	warrant_number(row_key, k);
	warrant_number(version, v);
	crypto_mac(key, "gate row 1", parts, sizeof(parts) / sizeof(parts[0]), mac);
}

void
gate_row_mac(const uint8_t key[CRYPTO_KEY_LEN], const struct gate_store_put *row,
	uint8_t mac[CRYPTO_MAC_LEN])
{
	mac_of(key, row->table, row->key, row->version, row->value, mac);
}

bool
gate_row_is_good(
	const uint8_t *key, uint8_t table, uint64_t row_key, const struct gate_store_row *row)
{
	uint8_t mac[CRYPTO_MAC_LEN];

	if (key == NULL || row->key != row_key || row->mac.len != sizeof(mac))
		return false;
	mac_of(key, table, row_key, row->version, row->value, mac);
	return crypto_bytes_equal(mac, row->mac.ptr, sizeof(mac));
}

/* ---- store ---- */

static void
retry(struct ev *ev, void *arg)
{
	struct gate *g = arg;

	(void)ev;
	g->retry_timer = 0;
	gate_row_resume(g);
}

static void
retry_later(struct gate *g)
{
	if (g->retry_timer == 0)
		g->retry_timer = ev_timer_start(g->child->ev, RETRY_MS, retry, g);
}

static void
send_get(struct gate *g, const struct gate_row *row)
{
	struct ipc_chan *store = child_peer(g->child, KIND_STORE, 0);

	if (store != NULL)
		(void)gate_store_get_send(
			store, &(struct gate_store_get){
				       .req = row->get_req, .table = row->table, .key = row->key});
}

void
gate_row_fetch(struct gate *g, struct gate_row *row)
{
	row->get_req = ++g->next_req;
	send_get(g, row);
}

static size_t
value_of(const struct gate_row *row, uint8_t out[GATE_VALUE_MAX])
{
	const void *owner = row; /* the row is the first member of either */

	return row->table == GATE_SESSION_LABELS ? gate_session_value(owner, out)
						 : gate_run_value(owner, out);
}

static void
send_put(struct gate *g, const struct gate_row *row, struct span value)
{
	struct ipc_chan *store = child_peer(g->child, KIND_STORE, 0);
	struct gate_store_put m = {.req = row->put_req,
		.table = row->table,
		.key = row->key,
		.version = row->version,
		.value = value,
		.durable = row->lowered};
	uint8_t mac[CRYPTO_MAC_LEN];

	if (store == NULL)
		return;
	gate_row_mac(g->row_key, &m, mac);
	m.mac = span_of(mac, sizeof(mac));
	(void)gate_store_put_send(store, &m);
}

void
gate_row_put(struct gate *g, struct gate_row *row, bool lowered)
{
	uint8_t value[GATE_VALUE_MAX];
	size_t len = value_of(row, value);

	row->version++;
	row->put_req = ++g->next_req;
	row->lowered |= lowered;
	send_put(g, row, span_of(value, len));
}

void
gate_row_delete(struct gate *g, struct gate_row *row)
{
	row->version++;
	row->put_req = ++g->next_req;
	send_put(g, row, SPAN_EMPTY);
	row->put_req = 0;
}

static void
resume(struct gate *g, struct gate_row *row)
{
	if (row->get_req != 0)
		send_get(g, row);
	else if (row->put_req != 0)
		gate_row_put(g, row, false);
}

void
gate_row_resume(struct gate *g)
{
	for (size_t i = 0; i < g->nsessions; i++) {
		if (g->sessions[i].session != 0)
			resume(g, &g->sessions[i].row);
	}
	for (size_t i = 0; i < g->nruns; i++) {
		if (g->runs[i].state != GATE_RUN_FREE)
			resume(g, &g->runs[i].row);
	}
}

/* The same answer may come twice after store's restart: the second one finds no row that waits for it. */
void
gate_row_got(struct gate *g, const struct gate_store_row *m)
{
	for (size_t i = 0; m->req != 0 && i < g->nsessions; i++) {
		if (g->sessions[i].session != 0 && g->sessions[i].row.get_req == m->req) {
			g->sessions[i].row.get_req = 0;
			gate_session_fetched(g, &g->sessions[i], m);
			return;
		}
	}
	for (size_t i = 0; m->req != 0 && i < g->nruns; i++) {
		if (g->runs[i].state != GATE_RUN_FREE && g->runs[i].row.get_req == m->req) {
			g->runs[i].row.get_req = 0;
			gate_run_fetched(g, &g->runs[i], m);
			return;
		}
	}
}

static struct gate_row *
row_put(struct gate *g, uint64_t req)
{
	for (size_t i = 0; i < g->nsessions; i++) {
		if (g->sessions[i].session != 0 && g->sessions[i].row.put_req == req)
			return &g->sessions[i].row;
	}
	for (size_t i = 0; i < g->nruns; i++) {
		if (g->runs[i].state != GATE_RUN_FREE && g->runs[i].row.put_req == req)
			return &g->runs[i].row;
	}
	return NULL;
}

void
gate_row_stored(struct gate *g, const struct gate_store_stored *m)
{
	struct gate_row *row = m->req == 0 ? NULL : row_put(g, m->req);
	int64_t rc = m->rc;

	if (row == NULL)
		return;
	if (rc >= 0 && row->lowered && row->table == GATE_SESSION_LABELS)
		rc = gate_seen_put(g, row->key, row->version);
	if (rc < 0) {
		log_error("a label could not be stored: results wait", LOG_U("table", row->table),
			LOG_U("key", row->key), LOG_E("why", rc));
		retry_later(g);
		return;
	}
	row->put_req = 0;
	row->lowered = false;
	gate_run_stored(g);
}
