/* One HTTP connection of a signed-in principal: between its requests and their routes. */
#ifndef EDGE_EDGE_USER_HTTP_H
#define EDGE_EDGE_USER_HTTP_H

#include "crypto/crypto.h"
#include "edge_http.h"
#include "edge_turn_ask.h"
#include "edge_user.h"
#include "http/body.h"
#include "proto/routes.h"

enum user_http_phase { IN_HEAD, IN_BODY, IN_ANSWER };

struct user_turn;

/* How the answer of a turn is written: one for each shape of API. Text is what the stream has not been told yet. */
struct turn_shape {
	const char *id;    /* prefix of the answer's id */
	const char *space; /* of its session keys: agent:main:<space>:... */
	/* What the body asks for. 0; ERR_TOOBIG; any other with the words for the client, whose first are there already. */
	int (*read)(struct turn_ask *ask, const struct json_node *root, char *words, size_t cap);
	const char *expected;               /* the first words: of a body that is no such request */
	void (*begin)(struct user_conn *u); /* first events of the stream, behind its head */
	void (*delta)(struct user_conn *u, struct span text);
	void (*end)(struct user_conn *u, struct span whole, struct span result);
	void (*failed)(struct user_conn *u, struct span message); /* in the stream */
	/* without a stream; appends the body. */
	void (*whole)(const struct user_turn *turn, struct json_out *o, struct span text,
		struct span result);
};

/* A turn under way: a call of the method agent. */
struct user_turn {
	const struct turn_shape *shape;
	char run[CRYPTO_MAC_LEN * 2]; /* run id: our idempotency key */
	char id[64];                  /* "chatcmpl_..." */
	char item[64];                /* "msg_..." */
	struct buf session;
	struct buf model;
	uint64_t created; /* seconds */
	bool stream;
	bool usage;       /* stream_options.include_usage */
	bool is_begun;    /* the stream's head has been sent */
	size_t told;      /* bytes of the answer's text sent so far */
	uint64_t events;  /* sent so far */
	uint64_t silence; /* timer: a comment keeps the stream alive */
};

struct user_http {
	struct http_reader reader;
	uint8_t phase;
	uint8_t route; /* enum route */
	bool has_credential;
	uint8_t credential
		[CRYPTO_MAC_LEN]; /* keyed hash of what the connection was signed in with */
	bool keep_alive;
	bool head_only;
	bool expects;
	bool meta; /* the query is meta=1 */
	struct http_body body_reader;
	struct buf body;
	struct buf tail;           /* what stands for the star of the route's path */
	struct buf session_header; /* x-...-session-key */
	struct buf agent_header;   /* x-...-agent-id */
	struct user_turn *turn;
};

/* The answer's common part for the request under way. */
struct edge_answer user_http_answer(const struct user_conn *u, unsigned status);
/* An error, and the end of the request. */
void user_http_fail(struct user_conn *u, unsigned status, const char *type, struct span message);
/* The same for a call that was refused: too many of them, or nobody there; with Retry-After. */
void user_http_refuse(struct user_conn *u, const struct edge_refusal *r);
/* A JSON body with status 200, and the end of the request; an error when the text was not completed. */
void user_http_json(struct user_conn *u, unsigned status, struct json_out *o);
/* The request under way has been answered. */
void user_http_done(struct user_conn *u);

/* edge_turn_http.c: a request that makes the agent take a turn */
/* The request's place among those that can be aborted, without a session yet. */
void user_turn_new(struct user_conn *u, const struct turn_shape *shape, const struct turn_ask *ask);
/* Starts the agent's turn that a body asks for, or answers why not. */
void user_turn_post(struct user_conn *u, const struct turn_shape *shape, struct span body);
void user_turn_free(struct user_conn *u);
void user_turn_abort(struct user_conn *u);
/* One event of the stream; name empty: none. The connection may be gone afterwards. */
void user_turn_event(struct user_conn *u, const char *name, struct span data);
void user_turn_reply(struct user_conn *u, const struct edge_core_reply *reply, struct span result);
/* Appends the text of a result. */
void user_turn_text(struct buf *out, struct span result);
/* The member "usage" of a result's numbers, which that shape calls so. */
void user_turn_put_usage(
	struct json_out *o, struct span result, const char *in_name, const char *out_name);

/* The routes: body is a request's whole body. */
void user_chat_start(struct user_conn *u, struct span body);      /* edge_chat_http.c */
void user_responses_start(struct user_conn *u, struct span body); /* edge_responses_http.c */
void user_models_start(struct user_conn *u, struct span body);    /* edge_models_http.c */
void user_models_reply(
	struct user_conn *u, const struct edge_core_reply *reply, struct span result);
void user_avatar_start(struct user_conn *u, struct span body); /* edge_avatar_http.c */
void user_avatar_reply(
	struct user_conn *u, const struct edge_core_reply *reply, struct span result);
void user_tools_start(struct user_conn *u, struct span body); /* edge_tools_http.c */
void user_tools_reply(struct user_conn *u, const struct edge_core_reply *reply, struct span result);

#endif
