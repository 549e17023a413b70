/*
 * dial: the only process that opens connections outward. It resolves a name in a child that is thrown away afterwards, looks at
 * every answer, connects to the literal address, and passes the connected descriptor to the egress that asked.
 *
 *   dial_row.c      the destinations of the configuration
 *   dial_resolve.c  one child a name; what it says comes back as fixed structs
 *   dial_connect.c  one call: its addresses in turn, beside each other after a while
 *   msg.c           one row per message accepted
 */
#ifndef DIAL_DIAL_H
#define DIAL_DIAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/limits.h"
#include "proto/child.h"
#include "proto/egress_dial.h"
#include "url/url.h"

/* ---- destinations ---- */

struct dial_row {
	bool is_set;
	uint64_t tag;   /* which destination this number stands for, as long as it does */
	bool local;     /* the owner wrote this very address down, and it may be a private one */
	struct url url; /* host and port only */
};

/* A host as it stands in a row or a request: a literal address or a name, in canonical form. ERR_SYNTAX, ERR_RANGE. */
int dial_host_parse(struct span host, uint64_t port, struct url *out);

/*
 * May the address be connected to: global ones, and for a local row loopback, private, unique local and carrier-shared
 * addresses. False for no address.
 */
bool dial_may_connect(const struct addr *a, bool local);

/* Every answer must be one that may be connected to: one that is not refuses them all. The index of the first bad one, or -1. */
int dial_first_bad(const struct addr *addrs, size_t n, bool local);

/* ---- resolving ---- */

/* What the child writes, and all that is read of it. */
struct dial_answer {
	int32_t rc; /* 0 or an error code */
	uint32_t n;
	struct addr addrs[DIAL_ANSWERS_MAX];
};

struct dial_resolver;
typedef void dial_resolved_fn(void *arg, const struct dial_answer *answer);

/*
 * Starts a child that resolves host (NUL-terminated) and calls fn once, within DIAL_RESOLVE_MS. ERR_BUSY above
 * DIAL_RESOLVERS_MAX, ERR_SYS. *out is valid until fn is called or it is cancelled.
 */
int dial_resolve_start(struct child *child, const char *host, dial_resolved_fn *fn, void *arg,
	struct dial_resolver **out);
void dial_resolve_cancel(struct dial_resolver *r); /* NULL is legal */

/* ---- connecting ---- */

struct dial_call;

/* One CONNECT or CONNECT_WEB: answered once on chan, unless that goes first. */
void dial_call_start(
	struct child *child, struct ipc_chan *chan, uint64_t req, const struct url *to, bool local);
/* An answer without a call. */
void dial_call_refuse(struct ipc_chan *chan, uint64_t req, int rc, struct span detail);
/* The egress is gone: its calls end, nothing is sent. */
void dial_calls_drop(struct child *child, const struct ipc_chan *chan);

/* ---- the process ---- */

struct dial {
	struct child *child;
	bool has_web;
	uint64_t web_row; /* the only egress that may name a host */
	struct dial_row rows[DIAL_ROWS_MAX];
	struct dial_call *calls;
	size_t ncalls;
	size_t nresolvers;
};

/* Reads row.<n>.host, .port, .scheme, .local and web.row. A row that is not good is a row that does not exist; it is logged. */
void dial_rows_read(struct dial *d);

#define DIAL_NLINKS 1
extern const struct child_link dial_links[DIAL_NLINKS];
extern const struct jail_spec dial_jail;
extern const struct jail_spec dial_resolver_jail;

#endif
