/* One HTTP connection of a signed-in principal: between its requests and their routes. */
#ifndef EDGE_EDGE_USER_HTTP_H
#define EDGE_EDGE_USER_HTTP_H

#include "crypto/crypto.h"
#include "edge_http.h"
#include "edge_user.h"
#include "http/body.h"

enum user_http_phase { IN_HEAD, IN_BODY, IN_ANSWER };

/* A chat completion under way. */
struct user_chat {
	char run[CRYPTO_MAC_LEN * 2]; /* run id: our idempotency key */
	char id[64];                  /* "chatcmpl_..." */
	struct buf session;
	struct buf model;
	uint64_t created; /* seconds */
	bool stream;
	bool usage;    /* stream_options.include_usage */
	bool is_begun; /* the stream's head has been sent */
	size_t told;   /* bytes of the answer's text sent so far */
};

struct user_http {
	struct http_reader reader;
	uint8_t phase;
	bool has_credential;
	uint8_t credential
		[CRYPTO_MAC_LEN]; /* keyed hash of what the connection was signed in with */
	bool keep_alive;
	bool expects;
	struct http_body body_reader;
	struct buf body;
	struct buf session_header; /* x-...-session-key */
	struct buf agent_header;   /* x-...-agent-id */
	struct user_chat *chat;
};

/* The answer's common part for the request under way. */
struct edge_answer user_http_answer(const struct user_conn *u, unsigned status);
/* An error, and the end of the request. */
void user_http_fail(struct user_conn *u, unsigned status, const char *type, struct span message);
/* The request under way has been answered. */
void user_http_done(struct user_conn *u);

/* edge_chat_http.c */
void user_chat_start(struct user_conn *u, struct span body);
void user_chat_free(struct user_conn *u);
void user_chat_abort(struct user_conn *u);

#endif
