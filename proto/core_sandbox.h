/* Generated shapes of the messages in proto/core_sandbox.def. */
#ifndef PROTO_CORE_SANDBOX_H
#define PROTO_CORE_SANDBOX_H

#define PROTO core_sandbox
#define PROTO_UP CORE_SANDBOX
#define PROTO_FILE "proto/core_sandbox.def"
#include "proto/gen_header.h"

#endif
