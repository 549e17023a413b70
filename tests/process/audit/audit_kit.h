/* What the tests of audit share: a file, the real audit on it with its peers played by the test, lines, and waits. */
#ifndef TESTS_PROCESS_AUDIT_KIT_H
#define TESTS_PROCESS_AUDIT_KIT_H

#include "auditlog/auditlog.h"
#include "crypto/crypto.h"
#include "harness.h"

extern const char *kit_program;

struct kit {
	struct harness *h;
	char path[64];
	int fd;
	int vault;
	int gate;
	int egress;
	bool has_seed;
	bool has_clock; /* of the next launch */
	bool deaf;      /* vault keeps what it is given and does not answer */
	uint64_t epoch;
	uint8_t seed[CRYPTO_SEED_LEN];
	struct ipc_received in;
};

/* A new file, and its end: for cmocka. */
int kit_fresh(void **state);
int kit_gone(void **state);

/* Peers are there, and START has not come. */
void kit_launch(struct kit *k);
void kit_start_without_vault(struct kit *k);
/* Up, with a key. */
void kit_start(struct kit *k);
/* Plays vault for one request; false when none comes within ms. */
bool kit_serve_vault(struct kit *k, int ms);
void kit_stop(struct kit *k);     /* drained; must end with 0 */
void kit_cut_down(struct kit *k); /* SIGKILL */
void kit_close_peers(struct kit *k);

/* One line of a writer. */
void kit_line(int fd, uint8_t event, uint8_t verdict, uint64_t run, uint64_t call);
int kit_verify(const struct kit *k, struct auditlog_report *r);
/* Until the file has at least n bytes; its size. */
off_t kit_wait_size(const struct kit *k, off_t n);
/* Until it has at least n lines that are in order; their number. */
uint64_t kit_wait_lines(const struct kit *k, uint64_t n);

#endif
