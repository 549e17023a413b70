/* Generated shapes of the messages in proto/gate_store.def. */
#ifndef PROTO_GATE_STORE_H
#define PROTO_GATE_STORE_H

#define PROTO gate_store
#define PROTO_UP GATE_STORE
#define PROTO_FILE "proto/gate_store.def"
#include "proto/gen_header.h"

#endif
