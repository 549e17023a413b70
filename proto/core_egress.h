/* Generated shapes of the messages in proto/core_egress.def. */
#ifndef PROTO_CORE_EGRESS_H
#define PROTO_CORE_EGRESS_H

#define PROTO core_egress
#define PROTO_UP CORE_EGRESS
#define PROTO_FILE "proto/core_egress.def"
#include "proto/gen_header.h"

#endif
