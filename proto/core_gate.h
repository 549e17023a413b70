/* Generated shapes of the messages in proto/core_gate.def. */
#ifndef PROTO_CORE_GATE_H
#define PROTO_CORE_GATE_H

#define PROTO core_gate
#define PROTO_UP CORE_GATE
#define PROTO_FILE "proto/core_gate.def"
#include "proto/gen_header.h"

#endif
