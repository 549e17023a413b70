/* gate's life cycle. What it does is in gate_judge.c and gate_run.c; what it hears in msg.c. */
#include "gate/gate.h"

#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "crypto/crypto.h"

/* Without a key that outlives us, what we store now cannot be told from a forgery later: it will count as doubtful. */
static int
read_row_key(struct child *child, struct gate *g)
{
	int fd = child_handle(child, HANDLE_BOX_KEY, 0);
	uint8_t more;

	crypto_random(g->row_key, sizeof(g->row_key));
	if (fd < 0) {
		log_warn("no key for stored labels: after a restart every session counts as "
			 "untrusted");
		return 0;
	}
	if (pread(fd, g->row_key, sizeof(g->row_key), 0) != sizeof(g->row_key) ||
		pread(fd, &more, 1, sizeof(g->row_key)) != 0) {
		log_error("the key for stored labels is not 32 bytes");
		return ERR_SYNTAX;
	}
	g->has_row_key = true;
	return 0;
}

static int
setup(struct child *child, struct jail_env *env)
{
	struct gate *g = mem_alloc(1, sizeof(*g));
	int rc;

	(void)env;
	g->child = child;
	g->witness = witness_new(child);
	g->seen_fd = child_handle_steal(child, HANDLE_LABELS, 0, NULL);
	if (g->seen_fd < 0)
		log_warn("no file for the versions of labels: every session counts as untrusted");
	child->ctx = g;
	if (child->slice.len == 0) {
		log_error("no policy was given: ends");
		return ERR_MISSING;
	}
	rc = gate_policy_read(child->slice, &g->policy);
	if (rc < 0) {
		log_error("the policy cannot be read: ends", LOG_E("why", rc));
		return rc;
	}
	return read_row_key(child, g);
}

/* A policy that cannot be read must not leave the old one in force: the process ends. */
static int
slice(struct child *child)
{
	struct gate *g = child->ctx;
	struct gate_policy policy;
	int rc = gate_policy_read(child->slice, &policy);

	if (rc == 0)
		g->policy = policy;
	return rc;
}

static void
peer_up(struct child *child, uint8_t kind, struct ipc_chan *chan)
{
	struct gate *g = child->ctx;

	(void)chan;
	if (kind == KIND_AUDIT)
		witness_flush(g->witness);
	if (kind == KIND_STORE)
		gate_row_resume(g);
	gate_verdict_executor_up(g, kind);
}

static void
peer_gone(struct child *child, uint8_t kind, struct ipc_chan *chan)
{
	struct gate *g = child->ctx;

	if (kind == KIND_CORE) {
		gate_verdict_drop(g);
		gate_run_close_all(g);
	}
	if (kind == KIND_EGRESS || kind == KIND_SANDBOX || kind == KIND_STORE)
		gate_acks_drop(g, chan, 0);
}

static void
key(struct child *child, uint8_t kind, uint64_t instance, uint64_t incarnation,
	const uint8_t k[WARRANT_KEY_LEN])
{
	struct gate *g = child->ctx;

	if (gate_key_set(&g->keys, kind, instance, incarnation, k) < 0)
		log_error("too many executors: this one gets no warrant",
			LOG_C("kind", kind_name(kind)), LOG_U("instance", instance));
}

static const struct child_spec *const specs[] = {&(const struct child_spec){
	.kind = KIND_GATE,
	.name = "gate",
	.jail = &gate_jail,
	.links = gate_links,
	.nlinks = GATE_NLINKS,
	.setup = setup,
	.slice = slice,
	.peer_up = peer_up,
	.peer_gone = peer_gone,
	.key = key,
}};

int
main(int argc, char **argv)
{
	return child_main(specs, 1, argc, argv);
}
