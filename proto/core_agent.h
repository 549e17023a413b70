/* Generated shapes of the messages in proto/core_agent.def. */
#ifndef PROTO_CORE_AGENT_H
#define PROTO_CORE_AGENT_H

#define PROTO core_agent
#define PROTO_UP CORE_AGENT
#define PROTO_FILE "proto/core_agent.def"
#include "proto/gen_header.h"

#endif
