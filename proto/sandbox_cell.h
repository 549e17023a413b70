/* Generated shapes of the messages in proto/sandbox_cell.def. */
#ifndef PROTO_SANDBOX_CELL_H
#define PROTO_SANDBOX_CELL_H

#define PROTO sandbox_cell
#define PROTO_UP SANDBOX_CELL
#define PROTO_FILE "proto/sandbox_cell.def"
#include "proto/gen_header.h"

#endif
