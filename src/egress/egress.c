/* egress: life cycle of the zygote and of the processes it forks, one a destination row. */
#include "egress.h"

#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "proto/zygote.h"

static struct egress self;

static int
setup_egress(struct child *child, struct jail_env *env)
{
	int rc;

	(void)env;
	child->ctx = &self;
	self.child = child;
	self.witness = witness_new(child);
	rc = egress_row_read(child, child->instance, &self.row);
	return rc < 0 ? rc : egress_curl_init(&self);
}

static void
on_key(struct child *child, uint8_t kind, uint64_t instance, uint64_t incarnation,
	const uint8_t key[WARRANT_KEY_LEN])
{
	struct egress *e = child->ctx;

	(void)instance;
	(void)incarnation;
	if (kind != KIND_GATE)
		return;
	for (size_t i = 0; i < WARRANT_KEY_LEN; i++)
		e->key[i] = key[i];
	e->window = (struct warrant_window){0};
	e->has_key = true;
}

static void
on_peer_up(struct child *child, uint8_t kind, struct ipc_chan *chan)
{
	struct egress *e = child->ctx;

	(void)chan;
	if (kind == KIND_AUDIT)
		witness_flush(e->witness);
	egress_request_peer_up(e, kind);
}

static void
on_peer_gone(struct child *child, uint8_t kind, struct ipc_chan *chan)
{
	struct egress *e = child->ctx;

	(void)chan;
	if (kind == KIND_CORE)
		egress_request_abort_all(e, ERR_ABORTED, "");
	else if (kind == KIND_GATE) {
		e->has_key = false;
		egress_request_abort_all(e, ERR_NOPEER, "the policy process restarted");
	} else if (kind == KIND_DIAL || kind == KIND_VAULT) {
		for (size_t i = 0; i < EGRESS_REQUESTS_MAX; i++) {
			struct egress_request *r = &e->requests[i];

			if (kind == KIND_DIAL ? r->phase == EGRESS_DIALLING
					      : egress_request_is_asked(r, EGRESS_ASK_CREDENTIAL))
				egress_request_end(r, ERR_NOPEER,
					"a process that the request needs restarted");
		}
	}
}

static void
on_panic(struct child *child, bool on)
{
	if (on)
		egress_request_abort_all(child->ctx, ERR_ABORTED, "stopped");
}

/* What is under way is finished; the row may be another one afterwards. */
static void
on_drain(struct child *child)
{
	struct egress *e = child->ctx;

	e->leaving = true;
	egress_leave(e);
}

static const struct child_spec egress_spec = {
	.kind = KIND_EGRESS,
	.name = "egress",
	.jail = &egress_jail,
	.nlinks = 5,
	.links = egress_links,
	.setup = setup_egress,
	.peer_up = on_peer_up,
	.peer_gone = on_peer_gone,
	.key = on_key,
	.drain = on_drain,
	.panic = on_panic,
};

/* ---- zygote ---- */

static int
setup_zygote(struct child *child, struct jail_env *env)
{
	(void)child;
	(void)env;
	tzset(); /* the C library reads its file for libssl's and libcurl's first date: not later, in the jail */
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return ERR_SYS;
	return egress_tls_load() ? 0 : ERR_NOMEM;
}

static void
on_fork(struct child *child, uint8_t kind, uint64_t instance, int control)
{
	if (kind == KIND_EGRESS)
		zygote_fork(child, &egress_spec, instance, control);
	else
		close(control);
}

static const struct child_spec zygote_spec = {
	.kind = KIND_EGRESS_ZYGOTE,
	.name = "egress/zygote",
	.jail = &egress_zygote_jail,
	.setup = setup_zygote,
	.start = zygote_start,
	.fork = on_fork,
};

int
main(int argc, char **argv)
{
	static const struct child_spec *const specs[] = {&egress_spec, &zygote_spec};

	return child_main(specs, 2, argc, argv);
}
