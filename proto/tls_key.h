/* Generated shapes of the messages in proto/tls_key.def. */
#ifndef PROTO_TLS_KEY_H
#define PROTO_TLS_KEY_H

#define PROTO tls_key
#define PROTO_UP TLS_KEY
#define PROTO_FILE "proto/tls_key.def"
#include "proto/gen_header.h"

#endif
