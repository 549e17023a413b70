/* Generated shapes of the messages in proto/user_vault.def. */
#ifndef PROTO_USER_VAULT_H
#define PROTO_USER_VAULT_H

#define PROTO user_vault
#define PROTO_UP USER_VAULT
#define PROTO_FILE "proto/user_vault.def"
#include "proto/gen_header.h"

#endif
