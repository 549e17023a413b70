/* dial's life cycle. What it connects to is in dial_row.c and dial_connect.c; what it hears in msg.c. */
#include "dial/dial.h"

#include "base/mem.h"

static int
setup(struct child *child, struct jail_env *env)
{
	struct dial *d = mem_alloc(1, sizeof(*d));

	(void)env;
	d->child = child;
	child->ctx = d;
	dial_rows_read(d);
	return 0;
}

static int
slice(struct child *child)
{
	dial_rows_read(child->ctx);
	return 0;
}

static void
peer_gone(struct child *child, uint8_t kind, struct ipc_chan *chan)
{
	(void)kind;
	dial_calls_drop(child, chan);
}

static const struct child_spec spec = {
	.kind = KIND_DIAL,
	.name = "dial",
	.jail = &dial_jail,
	.links = dial_links,
	.nlinks = DIAL_NLINKS,
	.setup = setup,
	.slice = slice,
	.peer_gone = peer_gone,
};

int
main(int argc, char **argv)
{
	const struct child_spec *const specs[] = {&spec};

	return child_main(specs, 1, argc, argv);
}
