/* Generated shapes of the messages in proto/tls_anon.def. */
#ifndef PROTO_TLS_ANON_H
#define PROTO_TLS_ANON_H

#define PROTO tls_anon
#define PROTO_UP TLS_ANON
#define PROTO_FILE "proto/tls_anon.def"
#include "proto/gen_header.h"

#endif
