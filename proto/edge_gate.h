/* Generated shapes of the messages in proto/edge_gate.def. */
#ifndef PROTO_EDGE_GATE_H
#define PROTO_EDGE_GATE_H

#define PROTO edge_gate
#define PROTO_UP EDGE_GATE
#define PROTO_FILE "proto/edge_gate.def"
#include "proto/gen_header.h"

#endif
