/* Generated shapes of the messages in proto/edge_core.def. */
#ifndef PROTO_EDGE_CORE_H
#define PROTO_EDGE_CORE_H

#define PROTO edge_core
#define PROTO_UP EDGE_CORE
#define PROTO_FILE "proto/edge_core.def"
#include "proto/gen_header.h"

#endif
