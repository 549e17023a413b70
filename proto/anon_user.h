/* Generated shapes of the messages in proto/anon_user.def. */
#ifndef PROTO_ANON_USER_H
#define PROTO_ANON_USER_H

#define PROTO anon_user
#define PROTO_UP ANON_USER
#define PROTO_FILE "proto/anon_user.def"
#include "proto/gen_header.h"

#endif
