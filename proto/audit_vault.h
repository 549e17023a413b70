/* Generated shapes of the messages in proto/audit_vault.def. */
#ifndef PROTO_AUDIT_VAULT_H
#define PROTO_AUDIT_VAULT_H

#define PROTO audit_vault
#define PROTO_UP AUDIT_VAULT
#define PROTO_FILE "proto/audit_vault.def"
#include "proto/gen_header.h"

#endif
