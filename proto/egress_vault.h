/* Generated shapes of the messages in proto/egress_vault.def. */
#ifndef PROTO_EGRESS_VAULT_H
#define PROTO_EGRESS_VAULT_H

#define PROTO egress_vault
#define PROTO_UP EGRESS_VAULT
#define PROTO_FILE "proto/egress_vault.def"
#include "proto/gen_header.h"

#endif
