/* `moltbot-<p> --describe`: the jail and the accepted messages of a program, as JSON, for `moltbot topology`. */
#ifndef PROTO_CHILD_DESCRIBE_H
#define PROTO_CHILD_DESCRIBE_H

#include "proto/child.h"

/* Prints one JSON array with an object a spec to standard output; returns the exit status. */
int child_describe(const struct child_spec *const *specs, size_t n);

#endif
