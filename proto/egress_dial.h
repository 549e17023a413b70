/* Generated shapes of the messages in proto/egress_dial.def. */
#ifndef PROTO_EGRESS_DIAL_H
#define PROTO_EGRESS_DIAL_H

#define PROTO egress_dial
#define PROTO_UP EGRESS_DIAL
#define PROTO_FILE "proto/egress_dial.def"
#include "proto/gen_header.h"

#endif
