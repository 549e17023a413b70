/* Generated shapes of the messages in proto/anon_vault.def. */
#ifndef PROTO_ANON_VAULT_H
#define PROTO_ANON_VAULT_H

#define PROTO anon_vault
#define PROTO_UP ANON_VAULT
#define PROTO_FILE "proto/anon_vault.def"
#include "proto/gen_header.h"

#endif
