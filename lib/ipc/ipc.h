/*
 * Messages between processes: SOCK_SEQPACKET socketpairs, one datagram a message, at most IPC_MSG_MAX bytes, fields
 * described by a table (proto/<a>_<b>.def), one codec for all of them. No native structs on the wire, no pointers, no
 * generic call.
 *
 * Wire form: u16 message id, then the fields in the order of the table, integers little-endian: u8 and bool one byte,
 * u32 four, u64 and i64 eight; str, bytes and args a u32 length and the bytes; fd one byte 0 or 1 (present), the
 * descriptors travelling beside the datagram in the same order. Nothing may follow the last field.
 *
 * Anything else than that, an unknown id, an id of the other direction, one that the receiver has no row for, one that is not
 * legal in the channel's state, or more of them a second than the table says means that the peer is compromised: the
 * channel ends with ERR_PROTO (ERR_RATE), and whoever owns it tells the supervisor. ipc_send keeps well within that rate by itself:
 * what comes too early waits, so that no stranger can make an honest process look compromised by keeping it busy.
 */
#ifndef IPC_IPC_H
#define IPC_IPC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/span.h"
#include "ev/ev.h"

enum ipc_type { IPC_U8, IPC_U32, IPC_U64, IPC_I64, IPC_BOOL, IPC_STR, IPC_BYTES, IPC_ARGS, IPC_FD };

/* Names lie in the tables: without pointers the linker changes nothing in them, and every process shares their pages. */
#define IPC_NAME_MAX 24

struct ipc_field {
	char name[IPC_NAME_MAX];
	enum ipc_type type;
	/* integers: largest value (0: no limit); str, bytes, args: most bytes; fd: 1 = must be present */
	uint64_t max;
};

/* States in which a message is legal: a mask over the channel's state, which its owner sets. */
#define IPC_S_ANY 0xffu
#define IPC_S_NEW 0x01u  /* before the first message of the dialogue */
#define IPC_S_IDLE 0x02u /* nothing under way */
#define IPC_S_BUSY 0x04u /* a request is under way */
#define IPC_S_OVER 0x08u /* the last message of the dialogue has come */

enum ipc_dir { IPC_A_TO_B, IPC_B_TO_A };

struct ipc_message {
	char name[IPC_NAME_MAX];
	uint16_t id;
	enum ipc_dir dir;
	uint8_t states;
	/* most a second that a receiver takes; ipc_send sends half of them at once, and a quarter a second */
	uint32_t rate;
	const struct ipc_field *fields;
	size_t nfields;
	size_t size; /* of the struct */
};

struct ipc_proto {
	const char *name; /* "edge_core" */
	const char *a;    /* "edge" */
	const char *b;    /* "core" */
	const struct ipc_message *messages;
	size_t n;
};

#define IPC_STRUCT_MAX 1024 /* bytes of the largest message struct; checked at compile time */

/*
 * Encodes the struct at msg into buf (cap IPC_MSG_MAX); descriptors, borrowed, into fds[*nfds]. Returns the length, or
 * ERR_TOOBIG, ERR_RANGE, ERR_UTF8, ERR_MISSING: a value of ours that breaks the table.
 */
int ipc_encode(const struct ipc_message *m, const void *msg, uint8_t *buf, int fds[IPC_FDS_MAX],
	size_t *nfds);

/*
 * Decodes datagram (without its id) into the struct at msg, at least m->size bytes. Spans borrow from datagram. Descriptors
 * are taken from fds in order; all must be used. 0 or ERR_PROTO; then the caller still owns every fd.
 */
int ipc_decode(
	const struct ipc_message *m, struct span datagram, const int *fds, size_t nfds, void *msg);

const struct ipc_message *ipc_message_find(const struct ipc_proto *proto, uint16_t id);

/* The message as text for traces: names, numbers, lengths of bytes; never the bytes themselves. */
struct buf;
void ipc_trace(struct buf *out, const struct ipc_message *m, const void *msg);

/* ---- channels of processes with an event loop ---- */

struct ipc_chan;
enum ipc_side { IPC_SIDE_A, IPC_SIDE_B };

/* What a send does when the socket is full and IPC_QUEUE_MAX bytes already wait. */
enum ipc_full {
	IPC_FULL_END,  /* the channel ends: the peer does not keep up with what it asked for */
	IPC_FULL_DROP, /* this message is dropped and ERR_FULL returned: it is only news */
	IPC_FULL_WAIT, /* ERR_AGAIN: the sender keeps it and is told by on_room */
};

/*
 * One row per message that this side accepts. The handler borrows msg (a struct of the row's type) until it returns; fds
 * in it are closed afterwards unless taken with ipc_fd_steal. A negative return ends the channel with that code.
 */
struct ipc_handler {
	uint16_t id;
	int (*fn)(struct ipc_chan *chan, const void *msg, void *arg);
};

struct ipc_ops {
	const struct ipc_handler *handlers;
	size_t n;
	/*
	 * The channel has ended: ERR_EOF when the peer closed, ERR_PROTO or ERR_RATE when it broke the rules, ERR_FULL, or a
	 * handler's code. Called once, from the loop; the owner frees the channel here or later.
	 */
	void (*on_end)(struct ipc_chan *chan, int why, void *arg);
	/* after IPC_FULL_WAIT said ERR_AGAIN; may be NULL */
	void (*on_room)(struct ipc_chan *chan, void *arg);
};

/* Takes fd (sets it non-blocking). ops must outlive the channel. */
struct ipc_chan *ipc_chan_new(struct ev *ev, int fd, const struct ipc_proto *proto,
	enum ipc_side side, enum ipc_full full, const struct ipc_ops *ops, void *arg);
/* Closes and frees; legal inside the channel's own handler and on NULL. on_end is not called. */
void ipc_chan_free(struct ipc_chan *chan);

void ipc_chan_set_state(struct ipc_chan *chan, uint8_t state); /* IPC_S_NEW at first */
uint8_t ipc_chan_state(const struct ipc_chan *chan);
void ipc_chan_set_arg(struct ipc_chan *chan, void *arg);
/* A number of the owner's choice (for example the peer's instance). */
void ipc_chan_set_tag(struct ipc_chan *chan, uint64_t tag);
uint64_t ipc_chan_tag(const struct ipc_chan *chan);
size_t ipc_chan_queued(
	const struct ipc_chan *chan); /* bytes that wait, each message with what it costs to keep */
bool ipc_chan_is_open(const struct ipc_chan *chan);
#ifdef MOLTBOT_ATTACKER
/* attacker builds: to send what the codec would refuse */
int ipc_chan_fd(const struct ipc_chan *chan);
#endif
/* Stops and goes on reading (flow control towards the peer). */
void ipc_chan_pause(struct ipc_chan *chan, bool paused);
/* What a peer that has ended left behind is handled now, and its end: chan may be freed by its on_end. */
void ipc_chan_drain(struct ipc_chan *chan);

/*
 * Sends, or queues while the socket is full or the rate of that message does not allow it yet; order is kept. Descriptors stay the caller's. 0, ERR_CLOSED, ERR_FULL or ERR_AGAIN by the
 * rule above, or what ipc_encode says. The typed <proto>_<message>_send functions of proto/ are the way to call it.
 */
int ipc_send(struct ipc_chan *chan, uint16_t id, const void *msg);

/*
 * Many small messages of one kind in one: a bytes field of that one, IPC_PACK_MAX long, holds for each its length in two bytes and
 * what ipc_encode made of it.
 */
#define IPC_PACK_MAX 15000u
struct ipc_pack {
	size_t len; /* 0: empty */
	uint8_t data[IPC_PACK_MAX];
};
/* 0; ERR_FULL when it does not fit any more, ERR_UNSUPPORTED when it has a descriptor, or what ipc_encode says. */
int ipc_pack_put(struct ipc_pack *pack, const struct ipc_message *m, const void *msg);
/* Takes the first off data and decodes it, spans borrowing from it. 1, 0 at the end, ERR_PROTO. */
int ipc_pack_next(struct span *data, const struct ipc_message *m, void *msg);

/* Inside a handler: the descriptor is now the caller's. */
int ipc_fd_steal(struct ipc_chan *chan, int fd);

/* ---- blocking use: agent, cells, short-lived helpers ---- */

/* One message out; waits for room. 0 or ERR_CLOSED, ERR_SYS, or what ipc_encode says. */
int ipc_sync_send(
	int fd, const struct ipc_proto *proto, enum ipc_side side, uint16_t id, const void *msg);

/*
 * One message in, decoded into a buffer that the next call reuses. timeout_ms -1: no limit. The caller owns received fds
 * that are in the struct. 0, ERR_TIMEOUT, ERR_EOF, ERR_PROTO.
 */
struct ipc_received {
	uint16_t id;
	union {
		uint64_t align;
		uint8_t bytes[IPC_STRUCT_MAX];
	} msg;
	uint8_t datagram[IPC_MSG_MAX];
};
int ipc_sync_recv(int fd, const struct ipc_proto *proto, enum ipc_side side, int timeout_ms,
	struct ipc_received *in);

/* A CLOEXEC SOCK_SEQPACKET pair with socket buffers that hold a full message. ERR_SYS. */
int ipc_pair(int fds[2]);

/* ---- bodies over IPC_MSG_MAX: sealed memfds ---- */

/* A new memfd holding body, sealed against every change (WRITE, GROW, SHRINK, SEAL). The fd or ERR_SYS, ERR_TOOBIG. */
int ipc_body_seal(struct span body);

/*
 * A received body after checking that it is a memfd with all four seals and at most max bytes: copied up to 64 KiB, mapped (private,
 * read-only) beyond. The fd may be closed afterwards. ERR_PROTO when it is not such a body, ERR_TOOBIG. It ends with
 * ipc_body_free, which wants the span as it was got and wipes what it was copied to.
 */
int ipc_body_get(int fd, size_t max, struct span *out);
void ipc_body_free(struct span body);

#endif
