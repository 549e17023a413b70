/*
 * vault: holds every secret, says whether what somebody presented is good, and releases one credential to the one egress it
 * is bound to. It has its sockets and the descriptor of one sealed file: no way out of its own.
 *
 *   vault_box.c      the sealed file: two slots, written in turn
 *   vault_state.c    what the box holds, as bytes and as a struct
 *   vault_setup.c    the slice, the environment's secrets, the first start
 *   vault_rate.c     how often strangers may ask
 *   vault_verify.c   is a credential good
 *   vault_device.c   paired devices and those that wait
 *   vault_once.c     tickets, one-time links, browser sessions
 *   vault_release.c  credentials for egress, the owner's own look, audit's seed
 *   msg.c            one row per message accepted, and who may send it
 */
#ifndef VAULT_VAULT_H
#define VAULT_VAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/secret.h"
#include "crypto/crypto.h"
#include "crypto/crypto_device.h"
#include "crypto/crypto_encode.h"
#include "proto/anon_vault.h"
#include "proto/audit_vault.h"
#include "proto/child.h"
#include "proto/egress_vault.h"
#include "proto/user_vault.h"
#include "proto/witness.h"

/* A short text of our own keeping. */
struct vault_text {
	uint8_t len;
	uint8_t bytes[128];
};
void vault_text_set(struct vault_text *t, struct span s); /* cut at 128 bytes */
struct span vault_text_get(const struct vault_text *t);

/* ---- how often strangers may ask ---- */

enum vault_class {
	VAULT_CLASS_TOKEN,
	VAULT_CLASS_PASSWORD,
	VAULT_CLASS_COOKIE,
	VAULT_CLASS_CLAIM,
	VAULT_CLASS_N
};

struct vault_bucket {
	uint64_t level; /* thousandths of a try */
	uint64_t at_ms;
};

struct vault_source {
	uint64_t hi; /* canonical: the /64 of IPv6, or 0 */
	uint64_t lo; /* the IPv4 address as mapped, or 0 for IPv6 */
	struct vault_bucket bucket;
	uint32_t fails; /* in a row */
	uint64_t locked_until_ms;
	uint64_t used_ms; /* 0: free */
};

#define VAULT_WAYS 8

struct vault_rate {
	uint8_t key[CRYPTO_KEY_LEN]; /* places of sources cannot be chosen from outside */
	struct vault_bucket all;
	struct vault_bucket class[VAULT_CLASS_N];
	struct vault_source sources[AUTH_SOURCES_MAX];
};

/* *r is all zero: what nobody has knocked at yet is never touched. */
void vault_rate_init(struct vault_rate *r, uint64_t now_ms);
/*
 * Takes one try of this source, of this class and of all strangers together, before anything is compared. NULL when one of
 * them has none left or the source is locked out: *retry_ms says how long.
 */
struct vault_source *vault_rate_take(struct vault_rate *r, uint64_t hi, uint64_t lo,
	enum vault_class class, uint64_t now_ms, uint64_t *retry_ms);
/* The credential was good: the try is given back and the source has a clean record. */
void vault_rate_good(struct vault_rate *r, struct vault_source *s, enum vault_class class);
/* It was not. True when the source is locked out from now on. */
bool vault_rate_bad(struct vault_source *s, uint64_t now_ms);

/* ---- what the box holds ---- */

#define VAULT_TOKEN_LEN 32  /* a device token: hex */
#define VAULT_RANDOM_LEN 32 /* tickets, codes, cookies */
#define VAULT_CODE_LEN 43   /* their text: base64url */

enum vault_role { VAULT_OPERATOR, VAULT_NODE, VAULT_ROLES };

struct vault_device_token {
	bool good; /* false: never made, or revoked */
	char value[VAULT_TOKEN_LEN];
	uint32_t scopes;
	uint64_t at_ms;
};

struct vault_device {
	char id[CRYPTO_DEVICE_ID_LEN];
	uint8_t public_key[CRYPTO_PUBLIC_LEN];
	uint64_t serial; /* of its principal; never used again */
	uint64_t epoch;  /* of its credentials: rises with every revocation */
	uint32_t roles;  /* a bit a role */
	uint32_t scopes;
	uint64_t created_ms;
	uint64_t approved_ms;
	struct vault_text display, platform, client_id, client_mode;
	struct vault_device_token tokens[VAULT_ROLES];
};

struct vault_cookie {
	uint8_t hash[CRYPTO_MAC_LEN];
	uint64_t expires_ms; /* CLOCK_REALTIME */
};

/* A literal of the configuration, kept from the time it was first seen, with where it is bound to. */
struct vault_literal {
	struct vault_text name;
	struct vault_text host;
	struct vault_text header;
	uint32_t port;
	uint8_t scheme; /* enum vault_scheme */
	struct secret value;
};

struct vault_state {
	uint64_t next_serial;
	uint64_t epoch; /* the last one given out */
	uint8_t hash_key[CRYPTO_KEY_LEN];
	struct secret token; /* made at the first start; used when the configuration names none */
	uint64_t audit_epoch;
	bool has_audit_seed;
	uint8_t audit_seed[CRYPTO_SEED_LEN];
	size_t ndevices;
	struct vault_device devices[DEVICES_MAX];
	size_t ncookies;
	struct vault_cookie cookies[VAULT_COOKIES_MAX];
	size_t nliterals;
	struct vault_literal literals[VAULT_SECRETS_MAX];
};

/* Appends; ERR_TOOBIG above out's max. */
int vault_state_encode(const struct vault_state *s, struct buf *out);
/* *s must be zeroed. ERR_SYNTAX: not what encode wrote. */
int vault_state_decode(struct span bytes, struct vault_state *s);

/* ---- the sealed file ---- */

struct vault_box {
	int fd;
	uint8_t key[CRYPTO_KEY_LEN];
	uint64_t generation;
};

/*
 * Takes fd. key: 32 bytes as they are, anything else is a passphrase. Appends the newest content that opens to out and returns
 * 1, or 0 when the file is new. ERR_CRYPTO: there is something, and this key does not open it; ERR_IO; ERR_SYNTAX: another file.
 */
int vault_box_open(struct vault_box *box, int fd, struct span key, struct buf *out);
/* Durable when it returns 0. The former content survives until then. ERR_IO, ERR_TOOBIG. */
int vault_box_write(struct vault_box *box, struct span content);

/* ---- secrets of the configuration ---- */

enum vault_scheme { VAULT_SCHEME_NONE, VAULT_HTTP, VAULT_HTTPS };

struct vault_secret {
	struct vault_text name;
	struct vault_text source; /* "env:NAME", "literal" or empty */
	struct vault_text scheme_text;
	struct vault_text host;
	struct vault_text header;
	struct vault_text prefix;
	bool has_row;
	uint64_t row;
	uint32_t port;
	uint8_t scheme;
	struct span literal; /* borrowed from the slice during setup only */
	struct secret value;
};

/* ---- things good for once ---- */

struct vault_ticket {
	uint8_t value[VAULT_RANDOM_LEN];
	uint64_t principal; /* 0: free */
	uint64_t expires_ms;
	int device; /* index, or -1 */
	enum vault_role role;
};

struct vault_code {
	uint8_t hash[CRYPTO_MAC_LEN];
	uint64_t expires_ms; /* 0: free */
};

struct vault_pending {
	char request_id[CRYPTO_UUID_LEN + 1]; /* empty: free */
	char id[CRYPTO_DEVICE_ID_LEN];
	uint8_t public_key[CRYPTO_PUBLIC_LEN];
	enum vault_role role;
	uint32_t scopes;
	uint64_t expires_ms; /* CLOCK_MONOTONIC */
	uint64_t created_ms;
	struct vault_text display, platform, client_id, client_mode;
};

/* ---- the process ---- */

struct vault {
	struct child *child;
	struct witness *witness;
	struct vault_box box;
	bool password_mode;
	size_t nsecrets;
	struct vault_secret secrets[VAULT_SECRETS_MAX];
	struct vault_state state;
	struct vault_rate rate;
	struct vault_ticket tickets[VAULT_TICKETS_MAX];
	struct vault_code codes[VAULT_CODES_MAX];
	struct vault_pending pending[PAIRING_PENDING_MAX];
};

/* vault_setup.c */
int vault_setup(struct vault *v);
/* Seals the state. On an error the caller undoes what it changed. */
int vault_save(struct vault *v);
/* The secret with this name, or NULL. */
struct vault_secret *vault_secret_find(struct vault *v, struct span name);
/* What a stranger must present: token or password, by the mode. */
struct span vault_owner_secret(struct vault *v);

/* vault_verify.c */
struct vault_answer {
	uint8_t why; /* enum auth_why */
	uint64_t principal;
	int device; /* index, or -1 */
	enum vault_role role;
	const char *request_id; /* with AUTH_PAIRING_REQUIRED */
	uint64_t retry_ms;
};
/* The whole of it: the bucket, the credential, the device. */
struct vault_answer vault_verify(struct vault *v, const struct anon_vault_verify *m);
/* Scope names, comma-separated, as bits; unknown names count for nothing. */
uint32_t vault_scopes_parse(struct span list);

/* vault_device.c */
struct vault_device *vault_device_find(struct vault *v, struct span id);
/* The pending request of this device (an older one is kept), or NULL when too many wait. */
struct vault_pending *vault_pending_put(struct vault *v, const struct anon_vault_verify *m,
	const uint8_t *public_key, enum vault_role role, uint32_t scopes);
/* A token of this device for this role: the one it has, or a new one (sealed). NULL when that failed. */
struct vault_device_token *vault_device_token_ensure(
	struct vault *v, struct vault_device *d, enum vault_role role);
void vault_devices_send(struct vault *v, struct ipc_chan *chan, uint64_t req);
void vault_device_do(struct vault *v, struct ipc_chan *chan, const struct user_vault_device_do *m);
struct span vault_role_name(enum vault_role role);

/* vault_once.c */
int vault_ticket_new(struct vault *v, const struct vault_answer *a,
	uint8_t out[VAULT_RANDOM_LEN]); /* ERR_FULL */
/* The ticket, used up, when it is one for this principal; NULL otherwise (and gone, too). The result is good until the next call. */
const struct vault_ticket *vault_ticket_redeem(
	struct vault *v, struct span value, uint64_t principal);
int vault_code_new(struct vault *v, struct buf *out);
struct vault_answer vault_claim(
	struct vault *v, const struct anon_vault_claim *m, struct buf *cookie);
bool vault_cookie_is_good(struct vault *v, struct span value, bool *expired);

/* vault_release.c */
void vault_release(struct vault *v, struct ipc_chan *chan, const struct egress_vault_release *m);
void vault_show(struct vault *v, struct ipc_chan *chan, const struct user_vault_secret_show *m);
void vault_seed_seal(struct vault *v, struct ipc_chan *chan, const struct audit_vault_seal *m);
void vault_seed_unseal(struct vault *v, struct ipc_chan *chan);

/* msg.c, jail.c */
#define VAULT_NLINKS 5
extern const struct child_link vault_links[VAULT_NLINKS];
extern const struct jail_spec vault_jail;

#endif
