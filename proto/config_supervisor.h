/* Generated shapes of the messages in proto/config_supervisor.def. */
#ifndef PROTO_CONFIG_SUPERVISOR_H
#define PROTO_CONFIG_SUPERVISOR_H

#define PROTO config_supervisor
#define PROTO_UP CONFIG_SUPERVISOR
#define PROTO_FILE "proto/config_supervisor.def"
#include "proto/gen_header.h"

#endif
