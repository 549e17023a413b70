/*
 * tls: handshakes of TLS 1.3 with clients, and their bytes to and from edge/anon and whom it passes them on to; it looks at none of
 * them. tls/key: the private key, which signs handshakes. Between the two goes proto/tls_key.def and nothing else.
 */
#ifndef TLS_TLS_H
#define TLS_TLS_H

#include "base/limits.h"
#include "jail/jail.h"
#include "proto/child.h"
#include "proto/tls_anon.h"
#include "proto/tls_key.h"
#include "tls_key.h"
#include "tls_session.h"
#include "url/addr.h"

#define TLS_LISTEN_MAX 16
/* Their places in memory are aligned to this: the number of a request is the place and a count. */
#define TLS_SLOT_BITS 16

enum tls_phase {
	TLS_P_FIRST, /* not a byte yet */
	TLS_P_SHAKE, /* the handshake */
	TLS_P_RELAY, /* bytes go to and fro */
};

/* Bytes that wait for one side; at most one record. */
struct tls_held {
	uint8_t *ptr;
	size_t from;
	size_t len;
	bool is_over; /* and then the end */
};

struct tls_conn {
	struct tls *tls;
	struct tls_conn *prev; /* those in a handshake, oldest first */
	struct tls_conn *next;
	struct tls_session *session;
	struct ev_fd *watch;
	struct ev_fd *inner_watch;
	int fd;
	int inner; /* our end of the pair; -1 before the handshake is done */
	uint32_t slot;
	uint64_t req; /* of the signature that is awaited; 0: none */
	uint64_t timer;
	enum tls_phase phase;
	bool wants_write;        /* the session cannot go on before the client takes more */
	struct tls_held inward;  /* from the client */
	struct tls_held outward; /* to the client */
};

struct tls {
	struct child *child;
	struct tls_context *context; /* NULL until tls/key has said the certificate */
	struct tls_chain chain;      /* as it comes */
	struct tls_conn *first;      /* in a handshake */
	struct tls_conn *last;
	struct tls_conn *conns[TLS_CONNS_MAX];
	size_t n;
	size_t nshaking;
	size_t nasked; /* signatures that tls/key has not answered */
	size_t max;
	uint32_t next_slot;
	uint64_t next_req;
	struct ev_fd *watches[TLS_LISTEN_MAX];
	int listeners[TLS_LISTEN_MAX];
	size_t nlisteners;
};

/* jail.c */
extern const struct jail_spec tls_jail;
extern const struct jail_spec tls_key_jail;

/* msg.c */
#define TLS_NLINKS 2
extern const struct child_link tls_links[TLS_NLINKS];
#define TLS_KEY_NLINKS 1
extern const struct child_link tls_key_links[TLS_KEY_NLINKS];

/* tls_conn.c */
void tls_listen(struct tls *tls);
/* The answer to a request; an empty one is a refusal. */
void tls_signed(struct tls *tls, uint64_t req, struct span signature);
/* tls/key is gone: what was asked of it will not be answered. */
void tls_key_gone(struct tls *tls);

#endif
