/* What the files of child.h share; private to them. */
#ifndef PROTO_CHILD_STATE_H
#define PROTO_CHILD_STATE_H

#include "proto/child.h"

struct link_chan {
	struct child *child;
	struct ipc_chan *chan;
	const struct child_link *link;
	struct ipc_ops ops;
	uint64_t instance;
	uint64_t incarnation;
	struct link_chan *next;
};

struct held {
	uint8_t what;
	uint64_t number;
	int fd;
};

struct child_link_state {
	struct ipc_chan *control;
	struct link_chan *peers;
	struct held held[CHILD_HANDLES_MAX];
	size_t nheld;
	bool started;
	int status;
};

/* child_peer.c: what the supervisor says of peers. */
int child_on_peer(struct ipc_chan *control, const void *m, void *arg);
int child_on_peer_gone(struct ipc_chan *control, const void *m, void *arg);

/* child_control.c: every message of the supervisor after HELLO. */
extern const struct ipc_ops child_control_ops;

/* child_handle.c */
int child_handle_take(struct child *child, uint8_t what, uint64_t number, int fd);
void child_handles_close(struct child *child);

#endif
