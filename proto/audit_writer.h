/* Generated shapes of the messages in proto/audit_writer.def. */
#ifndef PROTO_AUDIT_WRITER_H
#define PROTO_AUDIT_WRITER_H

#define PROTO audit_writer
#define PROTO_UP AUDIT_WRITER
#define PROTO_FILE "proto/audit_writer.def"
#include "proto/gen_header.h"

#endif
