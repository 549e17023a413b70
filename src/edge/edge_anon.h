/* edge/anon: clients that have not signed in. What is kept for each of them, and who handles which phase. */
#ifndef EDGE_EDGE_ANON_H
#define EDGE_EDGE_ANON_H

#include "edge_connect.h"
#include "edge_conn.h"
#include "edge_host.h"
#include "http/http.h"
#include "proto/anon_user.h"
#include "proto/anon_vault.h"
#include "proto/child.h"
#include "proto/routes.h"
#include "ws/ws.h"

enum anon_phase {
	ANON_HTTP,     /* a request's head (and /claim's body) */
	ANON_CONNECT,  /* WebSocket: the connect frame */
	ANON_VERIFY,   /* vault was asked */
	ANON_HANDOVER, /* signed in: its edge/user is being started */
};

/* What a client needs besides once it has asked for something that takes time. */
struct anon_ask {
	uint32_t slot; /* place in anon.asks, part of req */
	uint64_t req;  /* vault's answer bears it */
	bool websocket;
	bool claim;
	bool secure;
	bool keep_alive;
	bool head_only;
	bool has_cookie;
	uint8_t credential; /* enum credential */
	struct addr client;
	struct ws_decoder ws;
	char nonce[40];
	struct arena arena; /* connect's strings */
	struct edge_connect connect;
	struct span cookie; /* in store */
	struct span host;
	struct span user_agent;
	struct buf store;
	uint64_t principal;
	uint8_t ticket[32];
	size_t ticket_len;
};

struct anon_conn {
	struct edge_conn c; /* first */
	struct http_reader reader;
	struct addr peer;
	struct addr local; /* behind tls: the address and port that it came to */
	uint16_t port;     /* 0: not behind tls */
	uint8_t phase;
	bool partial; /* a head has begun: its deadline runs */
	uint64_t born_ms;
	struct anon_ask *ask;
};

struct anon {
	struct child *child;
	struct edge_conns conns;
	struct edge_hosts hosts;
	struct ev_fd *listen_watch[8];
	int listeners[8];
	size_t nlisteners;
	size_t conns_max;
	bool ui;
	bool allow_insecure_auth;
	bool ready;
	struct span base; /* gateway.controlUi.basePath: "" or "/x" */
	uint64_t refused; /* sign-ins since the log was told */
	uint64_t refused_timer;
	struct addr refused_source; /* of the last of them */
	struct anon_conn *asks[EDGE_ANON_CONNS_MAX];
	size_t asks_top; /* places in it that have ever been taken */
	uint32_t next_slot;
	uint64_t next_req;
};

/* edge_anon.c */
extern const struct edge_conn_ops anon_ops;
int anon_setup(struct child *child, struct jail_env *jail_env);
void anon_start(struct child *child);
void anon_peer_up(struct child *child, uint8_t kind, struct ipc_chan *chan);
void anon_peer_gone(struct child *child, uint8_t kind, struct ipc_chan *chan);
void anon_readiness(struct child *child, bool ready);
void anon_refused(struct child *child, uint8_t kind, uint64_t instance, int why);
int anon_on_tls_client(struct ipc_chan *chan, const void *m, void *arg);
/* A connection of a client, accepted or returned; unread bytes are handled at once. NULL: refused and closed. */
struct anon_conn *anon_conn_new(struct anon *anon, int fd, struct span unread);
static inline struct anon *
anon_of(const struct anon_conn *a)
{
	return (struct anon *)(void *)((uint8_t *)a->c.conns - offsetof(struct anon, conns));
}

/* edge_anon_http.c: requests without a credential, and which need one */
void anon_http_bytes(struct anon_conn *a, struct buf *in);

/* edge_anon_ws.c: the upgrade and the connect frame */
void anon_ws_upgrade(struct anon_conn *a, struct buf *in, const struct http_request *req,
	bool secure, enum edge_origin origin);
void anon_ws_bytes(struct anon_conn *a, struct buf *in);
/* Response (id empty: none), close frame, end. */
void anon_ws_refuse(struct anon_conn *a, struct span id, const struct edge_refusal *r);

/* edge_anon_auth.c: questions to vault, and the hand-over */
struct anon_ask *anon_ask_new(struct anon_conn *a, const struct http_request *req, bool secure);
void anon_ask_free(struct anon_conn *a);
/* Asks; the answer comes later, or the connection is refused at once. */
void anon_ask_verify(struct anon_conn *a, uint8_t credential, struct span secret);
void anon_ask_claim(struct anon_conn *a, struct span code);
int anon_on_verdict(struct ipc_chan *chan, const void *m, void *arg);
int anon_on_claimed(struct ipc_chan *chan, const void *m, void *arg);
int anon_on_return(struct ipc_chan *chan, const void *m, void *arg);
/* No answer will come. */
void anon_ask_unavailable(struct anon_conn *a);
void anon_hand_over(struct anon *anon, struct ipc_chan *user);

#endif
