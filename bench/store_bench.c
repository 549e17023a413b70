/*
 * The store through its socket: turns (accept and final answer, both durable) a second, by how many are under way at once; with 64
 * stored sessions, with as many in use that were made one after the other like these, and 100,000 stored, with as many of these
 * that lie far from one another, and with all of them in use at random; memory of the process. No more messages a second than
 * core may send: the store would accuse it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "crypto/crypto.h"
#include "store_kit.h"

#define SESSIONS 100000u
#define SECONDS 3.0
#define AT_ONCE 64u
#define MOST_PER_S 15000.0 /* below the rate of ACCEPT in core_store.def */

static uint64_t run_number;

static double
now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Which sessions are in use. */
struct use {
	uint64_t first;
	uint64_t n;
	uint64_t stride;
};

static void
accept_one(struct kit *k, const struct use *use)
{
	char key[32];

	snprintf(key, sizeof(key), "agent:main:%llu",
		(unsigned long long)(use->first + crypto_random_u64() % use->n * use->stride));
	kit_send_accept(
		k, ++run_number, key, "", "What is the weather like in the town where I was born?");
}

static void
finish_one(struct kit *k, uint64_t run)
{
	harness_send(k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_FINISH,
		&(struct core_store_finish){.req = run,
			.run = run,
			.state = RUN_DONE,
			.at = run,
			.label = SPAN("0123456789"),
			.model = SPAN("model"),
			.text = SPAN(
				"I do not know where you were born. Tell me, and I will look."),
			.body = -1});
}

/* Waits while more than the permitted number of them has been sent since from. */
static void
pace(double from, uint64_t sent)
{
	while ((double)sent > 1000 + MOST_PER_S * (now_s() - from))
		usleep(1000);
}

/* Turns a second with so many under way. */
static double
measure(struct kit *k, unsigned at_once, const struct use *use)
{
	double from = now_s();
	uint64_t turns = 0;

	for (unsigned i = 0; i < at_once; i++)
		accept_one(k, use);
	for (unsigned open = at_once; open > 0;) {
		if (ipc_sync_recv(k->core, &core_store_proto, IPC_SIDE_A, HARNESS_WAIT_MS, &k->in) <
			0)
			exit(1);
		if (k->in.id == CORE_STORE_ACCEPTED) {
			finish_one(k,
				((const struct core_store_accepted *)(const void *)k->in.msg.bytes)
					->run);
			continue;
		}
		turns++;
		pace(from, turns);
		if (now_s() - from < SECONDS)
			accept_one(k, use);
		else
			open--;
	}
	return (double)turns / (now_s() - from);
}

static void
fill(struct kit *k)
{
	double from = now_s();
	char key[32];

	for (unsigned sent = 0, got = 0; got < SESSIONS;) {
		pace(from, got);
		for (; sent < SESSIONS && sent - got < 256; sent++) {
			snprintf(key, sizeof(key), "agent:main:%u", sent);
			kit_send_accept(k, ++run_number, key, "", "hello");
		}
		if (ipc_sync_recv(k->core, &core_store_proto, IPC_SIDE_A, HARNESS_WAIT_MS, &k->in) <
			0)
			exit(1);
		if (k->in.id == CORE_STORE_ACCEPTED) {
			finish_one(k,
				((const struct core_store_accepted *)(const void *)k->in.msg.bytes)
					->run);
			continue;
		}
		got++;
	}
}

static double
pss_mb(pid_t pid)
{
	char path[64];
	char text[4096] = {0};
	const char *at;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	f = fopen(path, "re");
	if (f == NULL || fread(text, 1, sizeof(text) - 1, f) == 0)
		exit(1);
	fclose(f);
	at = strstr(text, "\nPss:");
	return at == NULL ? 0 : (double)strtoull(at + 5, NULL, 10) / 1024;
}

int
main(void)
{
	const char *build = getenv("MOLTBOT_BUILD");
	char program[512];
	const struct use together = {0, AT_ONCE, 1};
	const struct use newest = {SESSIONS - AT_ONCE, AT_ONCE, 1};
	const struct use far = {0, AT_ONCE, SESSIONS / AT_ONCE};
	double apart;
	double many;
	double few;
	struct kit k;

	snprintf(program, sizeof(program), "%s/src/store/moltbot-store",
		build == NULL ? "build" : build);
	kit_program = program;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (crypto_init() < 0)
		return 1;
	kit_dir(&k);
	kit_start(&k);
	printf("store: memory at the start (PSS)\t%.2f\tMB\t5\t3\n", pss_mb(k.h->pid));
	printf("store: durable turns, 1 at once\t%.0f\t/s\t-\t-\n",
		measure(&k, 1, &(struct use){0, 1, 1}));
	printf("store: durable turns, 8 at once\t%.0f\t/s\t200\t800\n",
		measure(&k, 8, &(struct use){0, 8, 1}));
	few = measure(&k, AT_ONCE, &together);
	printf("store: durable turns, 64 at once\t%.0f\t/s\t200\t800\n", few);
	fill(&k);
	many = measure(&k, AT_ONCE, &newest);
	printf("store: the same, 100,000 stored sessions\t%.0f\t/s\t200\t800\n", many);
	printf("store: a turn with 100,000 stored sessions\t%.2f\tx\t1.1\t1\n", few / many);
	apart = measure(&k, AT_ONCE, &far);
	printf("store: the same 100,000, those in use far from one another\t%.0f\t/s\t200\t800\n",
		apart);
	printf("store: a turn far from the one before\t%.2f\tx\t-\t-\n", few / apart);
	printf("store: durable turns, 64 at once, 100,000 sessions in use\t%.0f\t/s\t200\t800\n",
		measure(&k, AT_ONCE, &(struct use){0, SESSIONS, 1}));
	printf("store: memory with 100,000 sessions (PSS)\t%.2f\tMB\t6\t4\n", pss_mb(k.h->pid));
	kit_stop(&k);
	kit_remove(&k);
	return 0;
}
