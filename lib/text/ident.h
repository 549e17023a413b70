/* Names of people, chats, accounts, agents and sessions: what may decide and what may only be
 * shown. */
#ifndef TEXT_IDENT_H
#define TEXT_IDENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/span.h"

/*
 * A canonical identity on a channel: what a platform itself uses for a person, a chat or a message.
 * The only thing by which senders and destinations are compared. Holds its bytes; unused ones are
 * 0. channel 0 is no identity.
 */
struct text_ident {
	uint8_t channel; /* number of the platform, from 1; the channels' table says which */
	uint8_t kind;    /* person, group, ...: number from 1, the channels' table says which */
	uint8_t account_len;
	uint8_t id_len;
	uint8_t account[IDENT_ACCOUNT_MAX]; /* our account on the platform, as text_is_id() has it
					     */
	uint8_t id[IDENT_ID_MAX];           /* the platform's own id, byte for byte */
};

/*
 * 0; ERR_RANGE: channel or kind 0; ERR_SYNTAX: account is no id or id is empty; ERR_TOOBIG: id
 * above IDENT_ID_MAX. *out is zeroed (no identity) on an error.
 */
int text_ident_set(
	struct text_ident *out, uint8_t channel, struct span account, uint8_t kind, struct span id);

struct span text_ident_account(const struct text_ident *i);
struct span text_ident_id(const struct text_ident *i);

/* The one comparison: every field, byte for byte. No identity equals nothing, not even itself. */
bool text_ident_is_equal(const struct text_ident *a, const struct text_ident *b);

/*
 * A name that a person gave itself. It can be shown and nothing else: there is no comparison and no
 * way back to bytes other than for a reader's eye. Two of them being alike means nothing.
 */
struct display_name {
	struct span untrusted; /* borrowed; only display_name_put() reads it */
};

struct display_name display_name_of(struct span s);

/* Appends at most 64 columns of it with everything escaped that would act on a terminal, or "?" for
 * an empty one. */
void display_name_put(struct buf *out, struct display_name name);

/* An agent's or account's id: [a-z0-9][a-z0-9_-]{0,63}. */
bool text_is_id(struct span s);

/*
 * A session key in canonical form (ASCII letters in lower case) appended to out. 0, or with out
 * unchanged: ERR_SYNTAX (empty, or a byte other than printable ASCII without space, '"', '\\' and
 * '`'; a leading or final ':'), ERR_TOOBIG above SESSION_KEY_MAX or out's max.
 */
int text_session_key_put(struct buf *out, struct span key);

#endif
