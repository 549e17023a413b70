/* edge/user: the clients of one principal after they have signed in, and the control socket's clients. */
#ifndef EDGE_EDGE_USER_H
#define EDGE_EDGE_USER_H

#include "args/args.h"
#include "edge_conn.h"
#include "edge_connect.h"
#include "edge_frame.h"
#include "proto/anon_user.h"
#include "proto/child.h"
#include "proto/edge_core.h"
#include "proto/edge_gate.h"
#include "proto/routes.h"
#include "proto/user_vault.h"
#include "ws/ws.h"

enum user_phase {
	USER_REDEEM,  /* vault is asked whether the ticket is good */
	USER_UPGRADE, /* control socket: the upgrade's head */
	USER_CONNECT, /* control socket: the connect frame */
	USER_GREET,   /* hello-ok waits for core's snapshot */
	USER_WS,
	USER_HTTP,
};

/* What a client said about itself; kept until hello-ok has been sent. */
struct user_greet {
	struct buf store;
	struct arena arena; /* control socket: connect's strings */
	char nonce[40];
	struct span connect_id, client_id, client_mode, client_version, platform, display, family,
		model, instance_id, role, scopes, user_agent, source;
	struct span device_id, device_token;
	uint64_t issued_at;
	bool device;
};

struct user_conn;

/* One call under way: from the client's request to the last answer. */
struct user_call {
	struct user_call *next;
	uint64_t seq;  /* ours: in CALL and REPLY, and the req of vault's questions */
	uint64_t turn; /* METHOD_TURN: registered at gate under this number; 0: none */
	unsigned method;
	bool is_sent;    /* core has it */
	bool needs_desk; /* no desk has been asked yet */
	bool is_asked;   /* vault has it */
	bool is_silent;  /* nobody waits for the answer */
	struct buf id;   /* the client's; empty for HTTP */
	struct buf args; /* until it is sent; of methods that vault carries out until the answer */
	struct buf rows; /* vault's answers so far (device.pair.list) */
	struct buf more; /* and its second list */
};

struct user_http; /* edge_user_http.c */

struct user_conn {
	struct edge_conn c; /* first */
	uint32_t id;        /* place in user.by_id and a generation */
	uint8_t phase;
	bool is_announced; /* core knows of it (presence) */
	bool is_node;
	bool is_secure; /* HTTPS, whoever ends it */
	bool lasts;     /* its answers say so */
	uint8_t door;   /* enum door */
	uint32_t scopes;
	uint64_t epoch;    /* of the credential */
	uint64_t req;      /* of the question to vault */
	uint64_t not_json; /* frames ignored */
	struct ws_decoder ws;
	struct user_greet *greet;
	struct user_call *calls;
	size_t ncalls;
	struct user_http *http;
	struct user_conn *cast_next; /* of those that events go to: towards the one told last */
	struct user_conn *cast_prev;
	uint64_t cast; /* the first frame that it has not been told */
	bool is_listening;
};

struct cast;

/* Frames for all, until all have been told. */
struct user_casts {
	struct cast *oldest;
	struct cast *newest;
	uint64_t number;         /* of the next frame */
	size_t held;             /* bytes of the frames */
	struct user_conn *first; /* told longest ago */
	struct user_conn *last;
	uint64_t timer;
};

/* Places by the number of the run; a later run may take the place of an earlier one, whose client is then told with the others. */
#define USER_ASKERS 256
struct user_asker {
	uint64_t run;
	uint32_t conn;
};

struct user {
	struct child *child;
	struct edge_conns conns;
	struct user_conn *by_id[EDGE_CONNS_MAX];
	uint32_t next_slot;
	uint32_t generation;
	uint64_t next_seq;
	uint64_t reap; /* timer */
	bool is_control;
	int log_fd; /* the gateway's log, to read; -1: not for this principal */
	int listener;
	struct ev_fd *listen_watch;
	uint64_t control_uid;
	bool behind_tls;
	bool route_off[ROUTE_N]; /* switched off by its option */
	uint64_t rate_max;       /* calls a minute of METHOD_WORK methods; 0: no limit */
	uint64_t rate_level;     /* thousandths */
	uint64_t rate_at_ms;
	bool panic_asked;  /* the supervisor has not answered yet */
	bool desk_wanted;  /* one is being started, or is at work */
	uint64_t desk_seq; /* the call that it was asked, until it answers */
	uint64_t presence_version;
	uint64_t health_version;
	bool has_snapshot;
	uint64_t greet_timer; /* somebody is to be greeted without a snapshot when it is over */
	struct buf snapshot;
	size_t nhttp; /* connections that speak HTTP */
	struct user_casts casts;
	struct user_asker askers[USER_ASKERS];
};

static inline struct user *
user_of(const struct user_conn *u)
{
	return (struct user *)(void *)((uint8_t *)u->c.conns - offsetof(struct user, conns));
}

/* edge_user.c */
int user_setup(struct child *child, struct jail_env *jail_env);
int user_slice(struct child *child); /* what the configuration says */
void user_start(struct child *child);
void user_peer_gone(struct child *child, uint8_t kind, struct ipc_chan *chan);
void user_drain(struct child *child);
struct user_conn *user_conn_find(struct user *user, uint32_t id);
int user_on_handover(struct ipc_chan *chan, const void *m, void *arg);
int user_on_principal(struct ipc_chan *chan, const void *m, void *arg);
int user_on_revoked(struct ipc_chan *chan, const void *m, void *arg);

/* edge_ws.c: frames in and out */
void user_ws_bytes(struct user_conn *u, struct buf *in);
/* Sends a text frame; a client that does not read is closed. */
void user_ws_send(struct user_conn *u, struct span json);
void user_ws_refuse(struct user_conn *u, struct span id, const struct edge_refusal *r);
void user_ws_close(struct user_conn *u, uint16_t code, const char *reason);
void user_control_bytes(struct user_conn *u, struct buf *in);

/* edge_hello.c */
void user_greet_free(struct user_conn *u);
/* hello-ok now, or when the snapshot comes. The caller resumes the connection. */
void user_greet(struct user_conn *u);
int user_on_snapshot(struct ipc_chan *chan, const void *m, void *arg);
/* Scopes that the client asked for, as bits. */
unsigned user_scopes_asked(const struct user_conn *u);
/* Puts {"presence":n,"health":n} under the key stateVersion. */
void user_put_versions(struct json_out *o, const struct user *user);

/* edge_params.c */
/*
 * Decodes a request's params (NULL: none) against the method's table into an argument list. 0 or ERR_SYNTAX with the words
 * behind "invalid <method> params: ".
 */
int user_params_take(struct buf *list, const struct method_row *row, const struct json_node *params,
	char *message, size_t cap);

/* edge_call.c */
/*
 * Starts a call; args is taken over. NULL with *r filled when it is refused at once. integrity: for methods that register a turn.
 */
struct user_call *user_call_start(struct user_conn *u, unsigned method, struct span id,
	struct buf *args, uint8_t integrity, struct edge_refusal *r);
void user_call_free(struct user_conn *u, struct user_call *call);
void user_calls_free(struct user_conn *u);
struct user_call *user_call_find(struct user *user, uint64_t seq, struct user_conn **owner);
/* The answer of a call of ours. result: an argument list. */
void user_call_answer(struct user_conn *u, struct user_call *call, struct span result);
void user_call_fail(struct user_conn *u, struct user_call *call, const struct edge_refusal *r);
/* core has ended: the calls of u that it may have had fail with r. */
void user_calls_lost(struct user_conn *u, const struct edge_refusal *r);
void user_panic(struct child *child, bool on); /* the kill switch: who asked for it is answered */
int user_on_reply(struct ipc_chan *chan, const void *m, void *arg);
int user_on_turn_ok(struct ipc_chan *chan, const void *m, void *arg);

/* edge_vault_ops.c: what vault carries out once core's dispatch has allowed it */
void user_vault_do(struct user_conn *u, struct user_call *call);
/* vault has ended: the calls of u that it was asked fail with r. */
void user_vault_gone(struct user_conn *u, const struct edge_refusal *r);
int user_on_pairing(struct ipc_chan *chan, const void *m, void *arg);
int user_on_device(struct ipc_chan *chan, const void *m, void *arg);
int user_on_device_did(struct ipc_chan *chan, const void *m, void *arg);
int user_on_claim_code(struct ipc_chan *chan, const void *m, void *arg);
int user_on_secret_shown(struct ipc_chan *chan, const void *m, void *arg);
void user_put_scopes(struct args_out *out, const char *key, unsigned scopes);

/* edge_logs.c: logs.tail, from the descriptor of the log that this process was given */
void user_logs_tail(struct user_conn *u, struct user_call *call);

/* edge_desk.c: what a desk carries out once core's dispatch has allowed it */
void user_desk_do(struct user_conn *u, struct user_call *call);
void user_desk_gone(struct user *user);
void user_peer_up(struct child *child, uint8_t kind, struct ipc_chan *chan);
void user_refused(struct child *child, uint8_t kind, uint64_t instance, int why);
int user_on_desk_answer(struct ipc_chan *chan, const void *m, void *arg);

/* edge_events.c */
int user_on_event(struct ipc_chan *chan, const void *m, void *arg);
/* An event of our own to this principal's clients. payload: JSON. */
void user_event_send(struct user *user, enum event event, struct span payload, bool droppable);

/*
 * edge_cast.c: one frame for many. The client that asked for a run is told at once, the others EDGE_CAST_CONNS in a turn of the
 * loop, each all that it has not been told in one write. For each the frames stay in their order, and before what is sent to it alone.
 */
void user_cast_join(struct user_conn *u);
void user_cast_leave(struct user_conn *u); /* legal when it has not joined */
/* json: copied. scopes: one of them is needed to see it (0: none). first: told at once; NULL: nobody. */
void user_cast(struct user *user, struct span json, unsigned scopes, bool droppable,
	struct user_conn *first);
/* What u has not been told goes out now; it may be closed then. */
void user_cast_catch_up(struct user_conn *u);
void user_asker_put(struct user_conn *u, struct span run);
/* NULL: gone, or forgotten. */
struct user_conn *user_asker_get(struct user *user, struct span run);

/* edge_user_http.c: requests; edge_turn_http.c: turns and their events */
void user_http_new(struct user_conn *u);
void user_http_free(struct user_conn *u);
void user_http_bytes(struct user_conn *u, struct buf *in);
size_t user_http_window(const struct user_conn *u);
/* The client is gone or has closed its side: what it asked for is aborted. */
void user_http_gone(struct user_conn *u);
void user_http_reply(struct user_conn *u, struct user_call *call,
	const struct edge_core_reply *reply, struct span result);
void user_http_event(struct user_conn *u, const struct edge_core_event *event, struct span payload);

#endif
