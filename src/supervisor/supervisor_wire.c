/* Wiring: one socketpair an edge of peers.def, one warrant key a pair of gate and executor, anew for every incarnation. */
#include "supervisor.h"

#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/secret.h"
#include "crypto/crypto.h"
#include "proto/child.def.h"
#include "proto/config_supervisor.h"
#include "proto/witness.h"

static struct ipc_chan *
own_audit(void *arg)
{
	return ((const struct sup *)arg)->audit;
}

void
supervisor_wire_init(struct sup *sup)
{
	sup->witness = witness_new_at(sup->ev, own_audit, sup);
}

static bool
is_executor(unsigned kind)
{
	return kind == KIND_EGRESS || kind == KIND_SANDBOX || kind == KIND_STORE;
}

static void
send_peer(struct sup_child *to, const struct sup_child *about, unsigned edge, int fd)
{
	(void)child_peer_send(to->control, &(struct child_peer){.kind = about->kind,
						   .instance = about->instance,
						   .incarnation = about->incarnation,
						   .edge = (uint8_t)edge,
						   .fd = fd});
}

static void
send_key(struct sup_child *to, const struct sup_child *about, const uint64_t key[4])
{
	(void)child_key_send(to->control, &(struct child_key){.kind = about->kind,
						  .instance = about->instance,
						  .incarnation = about->incarnation,
						  .k0 = key[0],
						  .k1 = key[1],
						  .k2 = key[2],
						  .k3 = key[3]});
}

/* Keys go before the peers that use them. The executor's incarnation is part of what gate signs. */
static void
wire_key(struct sup_child *a, struct sup_child *b)
{
	struct sup_child *gate = a->kind == KIND_GATE ? a : b;
	struct sup_child *executor = gate == a ? b : a;
	uint64_t key[4];

	if (gate->kind != KIND_GATE || !is_executor(executor->kind))
		return;
	crypto_random(key, sizeof(key));
	send_key(gate, executor, key);
	send_key(executor, gate, key);
	secret_wipe(key, sizeof(key));
}

/* A desk and the edge of the one principal that it was started for. */
static bool
are_strangers(const struct sup_child *a, const struct sup_child *b)
{
	return (a->kind == KIND_DESK || b->kind == KIND_DESK) && a->instance != b->instance;
}

static void
wire_pair(struct sup_child *a, struct sup_child *b)
{
	int fds[2];

	for (unsigned i = 0; i < peer_rows_n; i++) {
		bool forward = peer_rows[i].a == a->kind && peer_rows[i].b == b->kind;

		if (!forward && !(peer_rows[i].b == a->kind && peer_rows[i].a == b->kind))
			continue;
		if (are_strangers(a, b))
			continue;
		if (ipc_pair(fds) < 0) {
			log_error("cannot make a socketpair", LOG_C("a", kind_name(a->kind)),
				LOG_C("b", kind_name(b->kind)));
			continue;
		}
		send_peer(a, b, i + 1, fds[0]);
		send_peer(b, a, i + 1, fds[1]);
		close(fds[0]);
		close(fds[1]);
	}
}

static void
on_own_end(struct ipc_chan *chan, int why, void *arg)
{
	struct ipc_chan **slot = arg;

	(void)why;
	ipc_chan_free(chan);
	*slot = NULL;
}

static const struct ipc_ops audit_ops = {
	.handlers = witness_rows, .n = WITNESS_ROWS_N, .on_end = on_own_end};

/* The supervisor's own edges of the topology. */
static void
wire_self(struct sup *sup, struct sup_child *c)
{
	int fds[2];

	if (c->kind != KIND_AUDIT || ipc_pair(fds) < 0)
		return;
	ipc_chan_free(sup->audit);
	sup->audit = ipc_chan_new(sup->ev, fds[0], &audit_writer_proto, IPC_SIDE_A, IPC_FULL_END,
		&audit_ops, &sup->audit);
	send_peer(c, &(struct sup_child){.kind = KIND_SUPERVISOR}, 0, fds[1]);
	close(fds[1]);
	witness_flush(sup->witness);
}

/* Core comes last: when it has a peer, gate and whoever else is needed for an effect there have it, too. */
static void
wire_with_all(struct sup *sup, struct sup_child *c)
{
	if (c->kind == KIND_DESK)
		supervisor_desk_wire(sup, c); /* before it can be asked anything */
	for (int pass = 0; pass < 3; pass++) {
		for (size_t i = 0; i < sup->nchildren; i++) {
			struct sup_child *other = &sup->children[i];

			if (other == c || other->state != SUP_UP || other->control == NULL)
				continue;
			if (pass == 0)
				wire_key(c, other);
			else if ((other->kind == KIND_CORE) == (pass == 2))
				wire_pair(c, other);
		}
	}
	wire_self(sup, c);
}

void
supervisor_wire_readiness(struct sup *sup, bool anew)
{
	static const uint8_t needed[] = {KIND_CORE, KIND_STORE, KIND_GATE, KIND_AUDIT};
	const struct sup_child *anon = supervisor_child_find(sup, KIND_ANON, 0);
	bool ready = true;

	for (size_t i = 0; i < sizeof(needed); i++) {
		const struct sup_child *c = supervisor_child_find(sup, needed[i], 0);

		ready = ready && c != NULL && c->state == SUP_UP;
	}
	if (!anew && ready == sup->ready)
		return;
	sup->ready = ready;
	if (anon != NULL && anon->state == SUP_UP && anon->control != NULL)
		(void)child_readiness_send(
			anon->control, &(struct child_readiness){.ready = ready});
}

static bool
everybody_is_ready(const struct sup *sup)
{
	for (size_t i = 0; i < sup->nchildren; i++) {
		const struct sup_child *c = &sup->children[i];

		if (c->state != SUP_FREE && process_rows[c->kind].life == LIFE_ALWAYS &&
			c->state != SUP_READY)
			return false;
	}
	return true;
}

/* The first time all are wired before any of them is told to start, so that nobody meets a half-made topology. */
static void
start_all(struct sup *sup)
{
	for (size_t i = 0; i < sup->nchildren; i++) {
		struct sup_child *c = &sup->children[i];

		if (c->state != SUP_READY)
			continue;
		wire_with_all(sup, c);
		c->state = SUP_UP;
	}
	for (size_t i = 0; i < sup->nchildren; i++) {
		if (sup->children[i].state == SUP_UP)
			(void)child_start_send(sup->children[i].control, &(struct child_start){});
	}
	sup->running = true;
	supervisor_wire_readiness(sup, true);
	supervisor_audit(sup, AUDIT_START, KIND_SUPERVISOR, 0, 0);
	for (size_t i = 0; i < sup->nlisteners; i++)
		log_info("listening", LOG_C("address", sup->addresses[i]));
	log_info("gateway ready", LOG_U("pid", getpid()), LOG_C("state", sup->paths.state));
	if (sup->panic)
		log_warn("the kill switch is on: nothing runs until `moltbot gateway resume`");
	supervisor_start_late(sup);
}

void
supervisor_wire_ready(struct sup *sup, struct sup_child *c)
{
	if (c->kind == KIND_CONFIG)
		return; /* its one edge was made at birth */
	if (!sup->running) {
		if (everybody_is_ready(sup))
			start_all(sup);
		return;
	}
	wire_with_all(sup, c);
	c->state = SUP_UP;
	(void)child_start_send(c->control, &(struct child_start){});
	supervisor_wire_readiness(sup, c->kind == KIND_ANON);
	if (process_rows[c->kind].life == LIFE_ALWAYS)
		supervisor_audit(sup, AUDIT_PROCESS_START, c->kind, c->instance, 0);
	supervisor_child_forked_by(sup, c);
	if (c->kind == KIND_AGENT_ZYGOTE || c->kind == KIND_AGENT)
		supervisor_spare_fill(sup);
}

void
supervisor_wire_gone(struct sup *sup, struct sup_child *c)
{
	for (size_t i = 0; i < sup->nchildren; i++) {
		struct sup_child *other = &sup->children[i];

		if (other == c || other->state != SUP_UP || other->control == NULL ||
			are_strangers(c, other))
			continue;
		for (unsigned k = 0; k < peer_rows_n; k++) {
			if ((peer_rows[k].a == c->kind && peer_rows[k].b == other->kind) ||
				(peer_rows[k].b == c->kind && peer_rows[k].a == other->kind)) {
				(void)child_peer_gone_send(
					other->control, &(struct child_peer_gone){.kind = c->kind,
								.instance = c->instance,
								.incarnation = c->incarnation});
				break;
			}
		}
	}
}

void
supervisor_audit(struct sup *sup, uint8_t event, unsigned kind, uint64_t instance, int64_t number)
{
	(void)witness_line(sup->witness, &(struct audit_writer_line){.event = event,
						 .peer = (uint8_t)kind,
						 .instance = instance,
						 .number = number});
}
