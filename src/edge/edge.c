/* Life cycle of edge: edge/anon holds the sockets of strangers, edge/user those of one principal (argv[1] chooses). */
#include "edge.h"

#include <sys/resource.h>

#include "edge_anon.h"
#include "edge_user.h"

static struct child_spec anon_spec = {
	.kind = KIND_ANON,
	.name = "edge/anon",
	.heap = KIB(16u),
	.jail = &edge_anon_jail,
	.links = edge_anon_links,
	.setup = anon_setup,
	.start = anon_start,
	.peer_up = anon_peer_up,
	.peer_gone = anon_peer_gone,
	.refused = anon_refused,
	.readiness = anon_readiness,
};

static struct child_spec user_spec = {
	.kind = KIND_USER,
	.name = "edge/user",
	.heap = KIB(16u),
	.jail = &edge_user_jail,
	.jail_first = true,
	.jail_told = true,
	.links = edge_user_links,
	.setup = user_setup,
	.slice = user_slice,
	.start = user_start,
	.peer_up = user_peer_up,
	.peer_gone = user_peer_gone,
	.refused = user_refused,
	.panic = user_panic,
	.drain = user_drain,
};

/* As many descriptors as it may have: in its jail a process changes no limit. */
static void
raise_nofile(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &r);
	}
}

int
main(int argc, char **argv)
{
	const struct child_spec *const specs[] = {&anon_spec, &user_spec};

	raise_nofile();
	anon_spec.nlinks = edge_anon_nlinks;
	user_spec.nlinks = edge_user_nlinks;
	return child_main(specs, 2, argc, argv);
}
