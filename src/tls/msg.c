#include "tls.h"

#include "base/err.h"
#include "base/log.h"

#define ROWS(r) (r), sizeof(r) / sizeof((r)[0])

/* ---- tls ---- */

static bool
say_key(void *arg, uint32_t scheme, struct span content)
{
	struct tls_conn *c = arg;
	struct tls *tls = c->tls;
	struct ipc_chan *chan = child_peer(tls->child, KIND_TLS_KEY, 0);

	/* a flood of clients who do not wait must not become a heap of work that nobody waits for */
	if (chan == NULL || tls->nasked >= TLS_HANDSHAKES_MAX)
		return false;
	c->req = ++tls->next_req << TLS_SLOT_BITS | c->slot;
	if (tls_key_sign_send(chan,
		    &(struct tls_key_sign){.req = c->req, .scheme = scheme, .content = content}) >=
		0) {
		tls->nasked++;
		return true;
	}
	c->req = 0;
	return false;
}

static int
on_cert(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct tls_key_cert *m = msg;
	struct child *child = arg;
	struct tls *tls = child->ctx;
	struct tls_context *context;

	(void)chan;
	if (m->n == 0)
		tls_chain_clear(&tls->chain);
	if (m->n != tls->chain.n || tls->chain.n == TLS_CERTS_MAX)
		return ERR_PROTO;
	tls->chain.der[tls->chain.n] = mem_copy(m->der);
	tls->chain.len[tls->chain.n++] = m->der.len;
	if (!m->last)
		return 0;
	context = tls_context_new(&tls->chain, say_key);
	if (context == NULL)
		return ERR_PROTO; /* tls/key has looked at it */
	tls_context_free(tls->context);
	tls->context = context;
	return 0;
}

static int
on_signature(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct tls_key_signature *m = msg;
	struct child *child = arg;
	struct tls *tls = child->ctx;

	(void)chan;
	if (tls->nasked == 0)
		return ERR_PROTO; /* nothing was asked */
	tls->nasked--;
	tls_signed(tls, m->req, m->signature);
	return 0;
}

static const struct ipc_handler from_key[] = {
	{TLS_KEY_CERT, on_cert},
	{TLS_KEY_SIGNATURE, on_signature},
};

const struct child_link tls_links[TLS_NLINKS] = {
	{KIND_TLS_KEY, &tls_key_proto, IPC_SIDE_A, IPC_FULL_WAIT, ROWS(from_key)},
	{KIND_ANON, &tls_anon_proto, IPC_SIDE_A, IPC_FULL_WAIT, NULL, 0},
};

/* ---- tls/key ---- */

static const struct ipc_handler from_tls[] = {
	{TLS_KEY_SIGN, tls_key_on_sign},
};

const struct child_link tls_key_links[TLS_KEY_NLINKS] = {
	{KIND_TLS, &tls_key_proto, IPC_SIDE_B, IPC_FULL_END, ROWS(from_tls)},
};
