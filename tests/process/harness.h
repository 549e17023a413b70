/*
 * Drives one real process the way the supervisor does: executes the program with a socketpair as descriptor 3, gives it
 * handles and HELLO, waits for READY, wires peers that the test itself plays, and sees how it ends. Every wait has a
 * limit and fails the running cmocka test when it passes it.
 *
 *   struct harness *h = harness_new(program, NULL, &(struct harness_options){.kind = KIND_CORE});
 *   int store = harness_peer(h, KIND_STORE, 0);
 *   harness_start(h);
 *   harness_recv(store, &core_store_proto, IPC_SIDE_B, CORE_STORE_OPEN_RUNS, &in);
 */
#ifndef TESTS_PROCESS_HARNESS_H
#define TESTS_PROCESS_HARNESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ipc/ipc.h"
#include "proto/child.def.h"
#include "proto/ids.h"

#define HARNESS_WAIT_MS 30000
#define HARNESS_HANDLES_MAX 16

struct harness_handle {
	enum handle what;
	uint64_t number;
	int fd; /* borrowed: the caller closes it */
};

struct harness_options {
	uint8_t kind;
	uint64_t instance;
	uint8_t tier;
	uint32_t flags;    /* enum hello_flags */
	uint32_t uid;      /* that it takes, and its group; 0: ours */
	uint32_t told_uid; /* 0: HELLO says uid; else this, whatever it was jailed as */
	struct span slice; /* argument list; empty: no slice is sent */
	struct harness_handle handles[HARNESS_HANDLES_MAX];
	size_t nhandles;
	/* do not wait for READY (processes that are expected to refuse to start) */
	bool keep_not_ready;
	/* harness_pass makes its time pass */
	bool has_clock;
};

struct harness {
	pid_t pid;
	int control;
	uint64_t incarnations;    /* the last one given to a peer */
	struct clock_page *clock; /* NULL without has_clock */
	struct child_ready ready;
	struct ipc_received in; /* the last message of the control socket */
};

/* Executes program (role: argv[1], or NULL) and, unless keep_not_ready, returns when it is jailed and ready. */
struct harness *harness_new(
	const char *program, const char *role, const struct harness_options *options);
/* Ends the process (EOF on its control socket) and returns its exit status; a signal counts as 128 and its number. */
int harness_free(struct harness *h);

/* The clocks of the process, and of those that it forks, go ms ahead at once; what was to happen until then happens. */
void harness_pass(struct harness *h, uint64_t ms);
/* From now on they stand still, except for harness_pass. */
void harness_freeze(struct harness *h);
/* How often it has synced a file; with has_clock only. */
uint64_t harness_syncs(const struct harness *h);

/* Wires a peer and returns the test's end (the caller closes it). */
int harness_peer(struct harness *h, uint8_t kind, uint64_t instance);
/*
 * Plays audit on this end of audit's socket, which is taken: every line is KEPT at once. What is returned (the caller closes it, which
 * ends the socket, too) gives the lines to a test that reads them; lines that it does not read are dropped.
 */
int harness_keep(int audit);
/* Says that the peer with this incarnation (0: the latest one given out) is gone; the caller has closed its end. */
void harness_peer_gone(struct harness *h, uint8_t kind, uint64_t instance, uint64_t incarnation);
/* A warrant key: both ends of a test know it. */
void harness_key(struct harness *h, uint8_t kind, uint64_t instance, uint64_t incarnation,
	const uint8_t key[32]);
void harness_start(struct harness *h);
/* CENSUS is awaited and answered: two of kind, one of them waiting to be restarted; nothing else. */
void harness_census(struct harness *h, uint8_t kind);
void harness_panic(struct harness *h, bool on);
void harness_drain(struct harness *h);
void harness_refuse(struct harness *h, uint8_t kind, uint64_t instance, int why);

/* Waits for this message of the control socket, skipping others; h->in holds it. */
const void *harness_expect(struct harness *h, uint16_t id);

/* Next message of a peer must be id. side is the test's own. Returns in->msg.bytes. */
const void *harness_recv(int fd, const struct ipc_proto *proto, enum ipc_side side, uint16_t id,
	struct ipc_received *in);
/* The same, skipping messages with other ids (their descriptors leak until the test ends). */
const void *harness_wait(int fd, const struct ipc_proto *proto, enum ipc_side side, uint16_t id,
	struct ipc_received *in);
/* Nothing comes for ms. */
void harness_quiet(int fd, int ms);
/* Until the process waits for something, and so has done what it was sent or could see before: orders what comes by two sockets. */
void harness_settle(struct harness *h);
/* The other end closes fd within HARNESS_WAIT_MS (messages before that are skipped). */
void harness_closed(int fd, const struct ipc_proto *proto, enum ipc_side side);
/* Sends; the test fails when the table refuses it. */
void harness_send(
	int fd, const struct ipc_proto *proto, enum ipc_side side, uint16_t id, const void *msg);
/* Sends bytes as they are: for malformed messages. */
void harness_send_raw(int fd, struct span datagram);

/* A sealed descriptor with these bytes (caller closes), and the bytes behind a received one appended to out. */
int harness_seal(struct span body);
void harness_body(int fd, struct buf *out);

#endif
