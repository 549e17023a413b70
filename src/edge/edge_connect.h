/* The first frame of a WebSocket client: parsed strictly, checked as far as no secret is needed for it. */
#ifndef EDGE_EDGE_CONNECT_H
#define EDGE_EDGE_CONNECT_H

#include "base/mem.h"
#include "edge_frame.h"

/* All spans live in the arena. */
struct edge_connect {
	struct span req; /* the request's id */
	struct span client_id, client_mode, client_version, platform, display, device_family, model,
		instance_id;
	struct span role;   /* "operator" when absent */
	struct span scopes; /* as sent, joined by commas */
	struct span user_agent;
	struct span token, password;
	int64_t min_protocol, max_protocol;
	bool has_device;
	struct span device_id, public_key, signature, nonce;
	bool nonce_sent;
	uint64_t signed_at;
};

/*
 * 0, or how it ends: ERR_SYNTAX no JSON (close 1000 without words), ERR_TYPE no request frame (r->close and message, but no
 * response), ERR_DENIED a refusal to be sent for out->req. All else: refused likewise.
 */
int edge_connect_parse(
	struct arena *arena, struct span text, struct edge_connect *out, struct edge_refusal *r);

struct edge_connect_door {
	struct span nonce;        /* this socket's challenge */
	bool has_cookie;          /* a session cookie with our own Origin came with the upgrade */
	bool allow_insecure_auth; /* gateway.controlUi.allowInsecureAuth */
	bool control;             /* the control socket: no credential is asked for */
	uint64_t now_ms;          /* wall clock */
};
/* Protocol, role, device present, device's id, time and nonce: 0 or ERR_DENIED. */
int edge_connect_check(
	const struct edge_connect *c, const struct edge_connect_door *door, struct edge_refusal *r);

/* What vault's answer means for this client. */
struct edge_verdict {
	unsigned why;        /* enum auth_why */
	unsigned credential; /* enum credential: what was presented */
	struct span request_id;
	uint64_t retry_ms;
};
void edge_connect_refused(
	const struct edge_connect *c, const struct edge_verdict *v, struct edge_refusal *r);

/* Is it one of the Control UI's names? */
bool edge_connect_is_ui(struct span client_id);

#endif
