/*
 * One client's socket and what waits on it: reading into a buffer shared by the process, keeping only what could not be
 * used, writing at once and keeping only what the socket did not take. An idle connection holds no buffer.
 *
 * A connection that is closed stays readable as memory until the next turn of the loop, so that callers may look at
 * is_dead after anything that may close it.
 */
#ifndef EDGE_EDGE_CONN_H
#define EDGE_EDGE_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "ev/ev.h"

struct edge_conns;

struct edge_conn {
	struct edge_conns *conns;
	struct edge_conn *next; /* towards the latest activity */
	struct edge_conn *prev;
	struct ev_fd *watch;
	struct buf in;        /* read and not used; no memory when empty */
	struct buf out;       /* waiting for the socket; no memory when empty */
	struct span tail;     /* bytes of the process's own that follow out (static files) */
	uint64_t deadline_ms; /* 0: none */
	uint64_t more;        /* timer: bytes() is called again after the others had their turn */
	size_t held;          /* memory counted in conns->held */
	size_t extra;         /* what the owner holds for it besides */
	int fd;
	uint32_t events; /* what the watch asks for */
	bool is_dead;
	bool is_finishing; /* closes once everything is sent; input is thrown away */
	bool is_shut;      /* and our side is closed already */
	bool at_eof;       /* the client has closed its side */
};

struct edge_conn_ops {
	/*
	 * More bytes than at the last call are in *in: take what can be used from its front. What stays is kept. Called again
	 * after edge_conn_resume. Never called with an empty *in.
	 */
	void (*bytes)(struct edge_conn *conn, struct buf *in);
	/* How many unused bytes may be held now; 0: do not read. */
	size_t (*window)(struct edge_conn *conn);
	void (*eof)(
		struct edge_conn *conn); /* the client closed its side; answers may still be sent */
	void (*drained)(
		struct edge_conn *conn); /* all that waited has been sent; NULL: nothing to do */
	void (*late)(struct edge_conn *conn); /* its deadline has passed */
	void (*gone)(struct edge_conn
			*conn); /* it is closed: free what hangs on it, but not the connection */
};

struct edge_conns {
	struct ev *ev;
	const struct edge_conn_ops *ops;
	struct edge_conn *first; /* longest without activity */
	struct edge_conn *last;
	struct edge_conn *dead;
	size_t n;
	size_t held; /* bytes of all buffers */
	uint64_t sweep;
	size_t in_max; /* of one connection's buffers */
	size_t out_max;
};

void edge_conns_init(struct edge_conns *conns, struct ev *ev, const struct edge_conn_ops *ops,
	size_t in_max, size_t out_max);

/* conn: zeroed memory of the caller's, whose first member it is; freed by the connection's end. Takes fd. */
void edge_conn_init(struct edge_conn *conn, struct edge_conns *conns, int fd);

/* Sends, or keeps for later. ERR_TOOBIG: the client does not read; nothing of bytes was kept and the caller must close. */
int edge_conn_send(struct edge_conn *conn, struct span bytes);
/* Two spans as one; the second is not copied: it must outlive the connection. */
int edge_conn_send_file(struct edge_conn *conn, struct span head, struct span file);

/* Up to EDGE_CONN_PARTS_MAX spans as one. */
#define EDGE_CONN_PARTS_MAX 16
int edge_conn_send_parts(struct edge_conn *conn, const struct span *parts, size_t n);

/* Hands kept bytes to bytes() again and reads on, when the window permits. */
void edge_conn_resume(struct edge_conn *conn);
/* From bytes(), which leaves the rest for later: it is called again once the others had their turn; no reading until then. */
void edge_conn_yield(struct edge_conn *conn);
/* Changes what the loop watches after window() may have changed. */
void edge_conn_watch(struct edge_conn *conn);

/* Closes after everything has been sent and the client has had EDGE_LINGER_MS to read it. */
void edge_conn_finish(struct edge_conn *conn);
/* Closes now. */
void edge_conn_close(struct edge_conn *conn);
/* Gives up the socket without closing it for the other side: the caller has passed it on. */
void edge_conn_abandon(struct edge_conn *conn);

/* Bytes that wait for the socket. */
size_t edge_conn_waiting(const struct edge_conn *conn);
/* Counts conn's memory anew after the owner changed extra. */
void edge_conn_account(struct edge_conn *conn);

#endif
