/* Answers of HTTP: the security fields that every one carries, the date, JSON errors. */
#ifndef EDGE_EDGE_HTTP_H
#define EDGE_EDGE_HTTP_H

#include "edge_conn.h"
#include "http/http.h"
#include "http/response.h"

struct edge_answer {
	unsigned status;
	struct span type; /* Content-Type; empty: none */
	struct span body;
	bool head_only; /* HEAD: the length without the body */
	bool keep_alive;
	bool lasts;                      /* HSTS: HTTPS alone from now on (edge_host_lasts) */
	bool is_static;                  /* may be cached (revalidated); else no-store */
	int64_t length;                  /* HTTP_LEN_CHUNKED for a stream; 0: body.len */
	const struct http_field *fields; /* further ones */
	size_t nfields;
};

/* Appends the head. ERR_TOOBIG, ERR_SYNTAX. */
int edge_http_head(struct buf *out, const struct edge_answer *a);

/* Sends it all; closes the connection afterwards unless keep_alive. */
void edge_http_send(struct edge_conn *conn, const struct edge_answer *a);

/* {"error":{"message":...,"type":...}} */
void edge_http_error(struct edge_conn *conn, unsigned status, const char *type, struct span message,
	const struct edge_answer *like);

/*
 * Does a path belong to routes that need a credential (default: every route below these prefixes does)? misspelt: in
 * other letters only; such a path is nobody's.
 */
bool edge_http_is_api(struct span path);
bool edge_http_is_api_misspelt(struct span path);

/* What Authorization: Bearer or the session cookie presents; CRED_NONE with an empty *secret. */
unsigned edge_http_credential(const struct http_request *req, struct span *secret);

#define EDGE_COOKIE "moltbot_session"

#endif
