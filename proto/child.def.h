/* Generated shapes of the messages in proto/child.def. Only the supervisor and proto/child.c use them. */
#ifndef PROTO_CHILD_DEF_H
#define PROTO_CHILD_DEF_H

#define PROTO child
#define PROTO_UP CHILD
#define PROTO_FILE "proto/child.def"
#include "proto/gen_header.h"

#endif
