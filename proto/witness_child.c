#include "proto/child.h"
#include "proto/witness.h"

static struct ipc_chan *
audit_of(void *arg)
{
	return child_peer(arg, KIND_AUDIT, 0);
}

struct witness *
witness_new(struct child *child)
{
	return witness_new_at(child->ev, audit_of, child);
}
