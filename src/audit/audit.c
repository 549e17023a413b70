/*
 * The audit log: gate, vault, egress, sandbox, store and supervisor each write their own lines, so an effect has two witnesses. Lines are
 * chained by hashes and signed with a key that is replaced and wiped; `moltbot audit verify` proves the file.
 */
#include "audit.h"

#include <sys/file.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/secret.h"

static void
mark_restart(struct audit *a)
{
	log_warn("the audit log did not end with a signature: the process before was killed; "
		 "marked in the log",
		LOG_U("unsigned_lines", a->found.unsigned_lines),
		LOG_U("torn_bytes", a->found.torn));
	(void)auditlog_put_mark(&a->found, ev_wall_ms(), &a->out);
	a->unsigned_lines = a->found.unsigned_lines + 1;
}

/*
 * The audit of a gateway that was killed may be in the middle of its last write: what it leaves is read only when it is gone.
 */
static int
lock(int fd)
{
	for (unsigned waited = 0; waited < AUDIT_LOCK_MS; waited += 10) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		usleep(10000);
	}
	log_error("another process writes the audit log: is a second gateway running on this state "
		  "directory?");
	return ERR_BUSY;
}

static int
setup(struct child *child, struct jail_env *env)
{
	struct audit *a = mem_alloc(1, sizeof(*a));
	int rc;

	(void)env;
	child->ctx = a;
	a->child = child;
	a->out = (struct buf){.max = AUDIT_BUFFER_MAX};
	a->fd = child_handle_steal(child, HANDLE_AUDIT_FILE, 0, NULL);
	rc = a->fd < 0 ? ERR_MISSING : lock(a->fd);
	if (rc == 0)
		rc = auditlog_tail_read(a->fd, &a->found);
	if (rc == 0 && lseek(a->fd, 0, SEEK_END) < 0)
		rc = ERR_IO;
	if (rc < 0)
		log_error("the audit log cannot be read", LOG_E("why", rc));
	/* now: peers are wired before START, and a line of theirs must not come between the end found and its mark */
	else if (auditlog_tail_needs_mark(&a->found))
		mark_restart(a);
	return rc;
}

static void
start(struct child *child)
{
	struct audit *a = child->ctx;

	audit_file_touch(a);
	audit_file_pace(a);
}

static void
peer_gone(struct child *child, uint8_t kind, struct ipc_chan *chan)
{
	(void)kind;
	audit_kept_forget(child->ctx, chan);
}

static void
peer_up(struct child *child, uint8_t kind, struct ipc_chan *chan)
{
	struct audit *a = child->ctx;

	if (kind == KIND_VAULT && chan == child_peer(child, KIND_VAULT, 0))
		audit_epoch_ask(a);
	audit_file_pace(a);
}

static void
end(struct ev *ev, void *arg)
{
	struct audit *a = arg;

	(void)ev;
	audit_epoch_sign(a);
	audit_file_sync(a);
	secret_wipe(a->key, sizeof(a->key));
	child_stop(a->child);
}

/* What others wrote before they were told to stop is still in their sockets. */
static void
drain(struct child *child)
{
	(void)ev_timer_start(child->ev, AUDIT_SYNC_MS, end, child->ctx);
}

int
main(int argc, char **argv)
{
	const struct child_spec spec = {
		.kind = KIND_AUDIT,
		.name = "audit",
		.jail = &audit_jail,
		.links = audit_links,
		.nlinks = audit_links_n,
		.setup = setup,
		.start = start,
		.peer_up = peer_up,
		.peer_gone = peer_gone,
		.drain = drain,
	};
	const struct child_spec *specs[] = {&spec};

	return child_main(specs, 1, argc, argv);
}
