/* The real egress, forked from its real zygote; the test plays core, gate, vault, dial, audit and the server on the network. */
#ifndef TESTS_PROCESS_EGRESS_KIT_H
#define TESTS_PROCESS_EGRESS_KIT_H

#include "base/mem.h"
#include "proto/core_egress.h"
#include "proto/warrant.h"
#include "tests/process/harness.h"

#define SECRET "sk-secret-0123456789abcdef"
#define BODY                                                                                       \
	"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":false," \
	"\"max_tokens\":1000}"

#define ROW_TAG UINT64_C(0x8123456789abcdef)

extern const char *world_program;
extern struct ipc_received world_in; /* the last message */

struct world {
	struct harness *zygote;
	int control;
	int core, gate, vault, dial, audit;
	int listener;
	uint16_t port;
	uint64_t counter;
};

/* Up, with every peer; every audit line is kept. */
void world_open(struct world *w);
void world_close(struct world *w);
int world_wire(struct world *w, uint8_t kind, uint64_t incarnation);

/* The model that requests are for; "m" until a test says otherwise. */
extern struct span world_model;

/* What gate would issue for this body to this egress. */
void world_issue(struct world *w, const char *body, uint8_t out[WARRANT_LEN]);
void world_request_tagged(struct world *w, uint64_t id, const char *body,
	const uint8_t warrant[WARRANT_LEN], uint64_t tag);
void world_request(
	struct world *w, uint64_t id, const char *body, const uint8_t warrant[WARRANT_LEN]);
/* gate has its label, and vault releases the credential for this host. */
void world_release(struct world *w, const char *host);
/* dial's part: a connected descriptor; returns the server's end. */
int world_connect(struct world *w);
void world_read(int server, struct buf *out);
void world_respond(int server, const char *text);
const struct core_egress_end *world_end(struct world *w);

#endif
