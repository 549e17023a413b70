/*
 * Attacks on the running gateway from outside. Each is bounded and ends by itself; they come from loopback addresses that are made
 * up for one audit, so that a lock-out meets nobody else.
 */
#ifndef CLI_CHECKS_DEEP_H
#define CLI_CHECKS_DEEP_H

#include <netinet/in.h>

#include "checks/checks.h"
#include "proto/tls_client.h"
#include "ws/ws.h"

#define DEEP_TIMEOUT_MS 1500
#define DEEP_TOTAL_MS 20000     /* no attack begins later */
#define DEEP_ANSWER_MAX MIB(1u) /* bytes of an answer that are read */
#define DEEP_GUESSES_MAX 24     /* wrong credentials of one attack; the gateway allows ten */

struct check_deep {
	const struct cli *cli;
	struct sockaddr_in target;
	char host[64];   /* "127.0.0.1:18789" */
	char origin[80]; /* its own */
	bool tls;        /* its certificate is the state directory's */
	uint8_t fingerprint[TLS_FINGERPRINT_LEN];
	uint32_t net; /* our addresses: 127.a.b.n */
	uint8_t next; /* n of the last one used */
	bool reached;
	int64_t until_ms; /* of the monotonic clock */
	const char *why;  /* not reached */
	unsigned connections;
	unsigned requests;
	unsigned guesses;
	uint64_t proof_id; /* of the request under way; 0: none */
	bool proof_lost;
	char wrong[48]; /* a credential of the right form that is not the right one */
};

/* No attack can be made, or none any more: says so for the row, and returns true. */
bool deep_is_over(struct checks *c, struct check_result *r);

/* Why the owner's credential cannot be used to attack with. */
const char *deep_no_credential(const struct checks *c);

/* An address that no attack has used yet. */
uint8_t deep_source(struct check_deep *d);

/* A connection from it: the fd, or a code. */
int deep_connect(struct check_deep *d, uint8_t source);

struct deep_answer {
	int rc; /* 0, or why there is no whole answer */
	unsigned status;
	struct span head; /* from the status line on, each line ends with CR LF */
	struct span body;
	struct buf in;
};
/* One request on a connection of its own. Clear with deep_answer_clear(). */
void deep_ask(struct check_deep *d, uint8_t source, struct span request, struct deep_answer *a);
void deep_answer_clear(struct deep_answer *a);
/* A field of the head, its name in any case; empty: not there. */
struct span deep_field(const struct deep_answer *a, struct span name);

/* A request: method, path, host (NULL: the right one), further lines (each with CR LF, or ""), body. */
void deep_request_put(struct check_deep *d, struct buf *out, const char *method, const char *path,
	const char *host, const char *lines, const char *body);

struct deep_ws {
	int fd;
	struct ws_decoder decoder;
	struct buf in;
	struct arena arena;
};
/* Upgraded and challenged: 0; ERR_DENIED: the upgrade was refused with *status; or a code. lines: further header lines. */
int deep_ws_open(struct check_deep *d, uint8_t source, const char *path, const char *host,
	const char *lines, struct deep_ws *ws, unsigned *status);
void deep_ws_close(struct deep_ws *ws);
int deep_ws_send(struct deep_ws *ws, struct span text);
/* The next answer ("type":"res"), until the connection ends (ERR_EOF). root lives until the next call. */
int deep_ws_next(struct deep_ws *ws, const struct json_node **root);
/* connect with these scopes (JSON list) and token (empty: none). 0: let in; ERR_DENIED: refused. */
int deep_ws_connect(struct deep_ws *ws, const char *scopes, struct span token);
/* The frame of connect alone. */
void deep_ws_connect_put(struct buf *out, const char *scopes, struct span token);

/* deep_calls.c: a frame that calls the method, with parameters that are well-formed and name nothing that exists. */
void deep_call_put(struct buf *out, unsigned method);

#endif
