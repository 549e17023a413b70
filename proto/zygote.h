/*
 * Zygotes: a process that has loaded what its children need, and no secret, forks one child a request of the supervisor. The
 * child waits until the supervisor holds its pidfd; then it closes everything of the zygote's and is a process like any other.
 */
#ifndef PROTO_ZYGOTE_H
#define PROTO_ZYGOTE_H

#include "proto/child.h"

/* In spec->start of a zygote: reaps its children. */
void zygote_start(struct child *child);

/* In spec->fork: takes control; the new process runs spec and exits. Errors are logged; the supervisor sees the end of control. */
void zygote_fork(
	struct child *child, const struct child_spec *spec, uint64_t instance, int control);

#endif
