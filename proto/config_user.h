/* Generated shapes of the messages in proto/config_user.def. */
#ifndef PROTO_CONFIG_USER_H
#define PROTO_CONFIG_USER_H

#define PROTO config_user
#define PROTO_UP CONFIG_USER
#define PROTO_FILE "proto/config_user.def"
#include "proto/gen_header.h"

#endif
