/* The frames of protocol 3 that this program writes: responses and events as one JSON text each. */
#ifndef EDGE_EDGE_FRAME_H
#define EDGE_EDGE_FRAME_H

#include "json/json.h"
#include "json/json_out.h"
#include "proto/ids.h"

/* What a refused request says. Members that are empty or 0 are left out. */
struct edge_refusal {
	unsigned code;  /* enum rpc_code */
	uint16_t close; /* close code, 0: stays open */
	char message[256];
	struct span request_id; /* details.requestId */
	unsigned expected;      /* details.expectedProtocol */
	uint64_t retry_ms;      /* retryable, retryAfterMs */
	bool limited;           /* gateway.rateLimit */
};

/* message: printf-like; cut when too long. */
void edge_refuse(struct edge_refusal *r, unsigned code, uint16_t close, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Begins {"type":"res","id":id,"ok":ok; the caller adds members and ends the object. */
void edge_frame_res(struct json_out *o, struct span id, bool ok);
/* Appends a whole refusal to buf. */
void edge_frame_refusal(struct buf *buf, struct span id, const struct edge_refusal *r);
/* Begins {"type":"event","event":name. */
void edge_frame_event(struct json_out *o, const char *name);

/* Fields of a closed object. */
enum edge_type {
	EDGE_ANY,
	EDGE_STR,
	EDGE_STR1 /* not empty */,
	EDGE_INT1 /* from 1 */,
	EDGE_INT,
	EDGE_STRS /* list of strings */,
	EDGE_FLAGS /* name to boolean */,
	EDGE_OBJECT
};
struct edge_field {
	const char *name;
	enum edge_type type;
	bool required;
};
/*
 * Checks obj against rows; where: its path ("" for the root). 0, or ERR_SYNTAX with the words for the client in message
 * ("at /client/id: must be string").
 */
int edge_object_check(const struct json_node *obj, const char *where, const struct edge_field *rows,
	size_t n, char *message, size_t cap);

#endif
