/*
 * The store: sessions, runs, transcripts, memory and gate's rows in one SQLite database. It is asked by core and gate, answers
 * after the commit that makes the answer true, and decides nothing.
 */
#include "store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"

#define STORE_PREPARE_MS 50

/* The files must belong to the uid that the jail is going to change to, and its rights must be enough to open them. */
static int
become(uint32_t uid, uint32_t gid)
{
	if (gid != 0 && setegid(gid) < 0)
		return ERR_SYS;
	return uid != 0 && seteuid(uid) < 0 ? ERR_SYS : 0;
}

static int
come_back(const struct child *child)
{
	if (child->uid != 0 && seteuid(0) < 0)
		return ERR_SYS;
	return child->gid != 0 && setegid(0) < 0 ? ERR_SYS : 0;
}

static int
setup(struct child *child, struct jail_env *env)
{
	struct store *s = mem_alloc(1, sizeof(*s));
	int dir = child_handle(child, HANDLE_STATE_DIR, 0);
	int rc;

	(void)env;
	child->ctx = s;
	s->child = child;
	s->witness = witness_new(child);
	s->answers = mem_alloc(STORE_BATCH_MAX, sizeof(*s->answers));
	umask(077);
	rc = store_vfs_init(dir);
	if (rc == 0)
		rc = become(child->uid, child->gid);
	if (rc == 0)
		rc = store_db_open(s);
	if (come_back(child) < 0)
		return ERR_SYS;
	return rc;
}

static void
on_started(struct ev *ev, void *arg)
{
	struct store *s = arg;

	(void)ev;
	if (store_db_prepare(s) < 0)
		child_stop(s->child);
}

/* A start does not wait for what a turn needs; a database in which that cannot be done is found before one comes. */
static void
start(struct child *child)
{
	(void)ev_timer_start(child->ev, STORE_PREPARE_MS, on_started, child->ctx);
}

static void
key(struct child *child, uint8_t kind, uint64_t instance, uint64_t incarnation,
	const uint8_t bytes[WARRANT_KEY_LEN])
{
	struct store *s = child->ctx;

	(void)instance;
	(void)incarnation;
	if (kind != KIND_GATE)
		return;
	memcpy(s->gate_key, bytes, sizeof(s->gate_key));
	s->window = (struct warrant_window){0};
	s->has_gate_key = true;
}

static void
peer_up(struct child *child, uint8_t kind, struct ipc_chan *chan)
{
	struct store *s = child->ctx;

	(void)chan;
	if (kind == KIND_AUDIT)
		witness_flush(s->witness);
}

static void
peer_gone(struct child *child, uint8_t kind, struct ipc_chan *chan)
{
	struct store *s = child->ctx;

	store_memory_forget(s, kind, chan);
	store_batch_forget(s, chan);
	store_read_forget(s, chan);
}

static void
drain(struct child *child)
{
	struct store *s = child->ctx;

	store_batch_commit(s);
	store_db_checkpoint(s);
	child_stop(child);
}

static const struct child_spec *
spec(void)
{
	static struct child_spec row = {
		.kind = KIND_STORE,
		.name = "store",
		.heap = KIB(640u), /* a third for tables of its own, the rest for SQLite */
		.jail = &store_jail,
		.links = store_links,
		.setup = setup,
		.start = start,
		.peer_up = peer_up,
		.peer_gone = peer_gone,
		.key = key,
		.drain = drain,
	};

	row.nlinks = store_links_n;
	return &row;
}

int
main(int argc, char **argv)
{
	const struct child_spec *specs[] = {spec()};

	return child_main(specs, 1, argc, argv);
}
