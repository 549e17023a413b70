/* Generated shapes of the messages in proto/executor_gate.def. */
#ifndef PROTO_EXECUTOR_GATE_H
#define PROTO_EXECUTOR_GATE_H

#define PROTO executor_gate
#define PROTO_UP EXECUTOR_GATE
#define PROTO_FILE "proto/executor_gate.def"
#include "proto/gen_header.h"

#endif
