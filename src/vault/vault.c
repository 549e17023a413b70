/* vault's life cycle. What it decides is in vault_verify.c and vault_release.c; what it hears in msg.c. */
#include "vault/vault.h"

#include <sys/mman.h>

#include "base/err.h"

static int
setup(struct child *child, struct jail_env *env)
{
	/* Device tokens and the audit seed lie in the struct itself: a mapping of its own, kept out of core files. */
	struct vault *v =
		mmap(NULL, sizeof(*v), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)env;
	if (v == MAP_FAILED)
		return ERR_NOMEM;
	(void)madvise(v, sizeof(*v), MADV_DONTDUMP);
	v->child = child;
	v->witness = witness_new(child);
	child->ctx = v;
	vault_rate_init(&v->rate, ev_now_ms(child->ev));
	return vault_setup(v);
}

static void
peer_up(struct child *child, uint8_t kind, struct ipc_chan *chan)
{
	struct vault *v = child->ctx;

	(void)chan;
	if (kind == KIND_AUDIT)
		witness_flush(v->witness);
}

static const struct child_spec spec = {
	.kind = KIND_VAULT,
	.name = "vault",
	.jail = &vault_jail,
	.links = vault_links,
	.nlinks = VAULT_NLINKS,
	.setup = setup,
	.peer_up = peer_up,
};

int
main(int argc, char **argv)
{
	const struct child_spec *const specs[] = {&spec};

	return child_main(specs, 1, argc, argv);
}
