/*
 * Labels: where a value came from and who may read it. Every value that a run reads carries one;
 * what a run makes carries the join of all it has read. Zeroed memory is the worst label:
 * untrusted, and readable by nobody.
 */
#ifndef LABEL_LABEL_H
#define LABEL_LABEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

enum label_integrity {
	LABEL_UNTRUSTED = 0,
	LABEL_MEMBER = 1,      /* a member of the chat who is not the owner */
	LABEL_OWNER = 2,       /* the owner, but perhaps a quote, a forward, a paste or history */
	LABEL_OWNER_TYPED = 3, /* typed by the owner in this turn */
};

enum label_readers {
	LABEL_SECRET = 0, /* nobody */
	LABEL_READ_OWNER = 1,
	LABEL_CHAT = 2, /* the members of one chat, the owner among them */
	LABEL_PUBLIC = 3,
};

struct label {
	uint8_t integrity;    /* enum label_integrity */
	uint8_t readers_kind; /* enum label_readers */
	uint64_t readers_id;  /* the chat of LABEL_CHAT (any value); 0 for every other kind */
};

#define LABEL_PACKED_LEN 10

/* Known values only, and an id only where the kind has one. */
bool label_is_valid(struct label l);

bool label_is_equal(struct label a, struct label b);

/*
 * The label of what was made from both: the lower integrity, and the readers that both have (of two
 * different chats only the owner is known to be in both). Commutative, associative, idempotent;
 * never raises anything. An invalid label counts as the worst one.
 */
struct label label_join(struct label a, struct label b);

/* Has read what somebody else than the owner wrote. True for an invalid label. */
bool label_is_tainted(struct label l);

/*
 * May a value with the readers of payload go where the readers of destination will see it: every
 * reader of the destination is a reader of the payload. SECRET payloads go nowhere, not even to a
 * destination without readers. False when either is invalid. Integrity plays no part.
 */
bool label_may_flow(struct label payload, struct label destination);

/* Integrity, kind, id in little-endian byte order: for messages and stored rows. */
void label_pack(struct label l, uint8_t out[LABEL_PACKED_LEN]);

/* 0; ERR_SYNTAX for a wrong length, ERR_RANGE for a label that is not valid. *out is the worst
 * label then. */
int label_unpack(struct span s, struct label *out);

#endif
