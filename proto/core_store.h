/* Generated shapes of the messages in proto/core_store.def. */
#ifndef PROTO_CORE_STORE_H
#define PROTO_CORE_STORE_H

#define PROTO core_store
#define PROTO_UP CORE_STORE
#define PROTO_FILE "proto/core_store.def"
#include "proto/gen_header.h"

#endif
