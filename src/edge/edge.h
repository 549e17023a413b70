/* The two kinds of this program, put together in edge.c: their jails, and the peers whose messages they accept. */
#ifndef EDGE_EDGE_H
#define EDGE_EDGE_H

#include "proto/child.h"

extern const struct jail_spec edge_anon_jail;
extern const struct jail_spec edge_user_jail;

extern const struct child_link edge_anon_links[];
extern const size_t edge_anon_nlinks;
extern const struct child_link edge_user_links[];
extern const size_t edge_user_nlinks;

#endif
