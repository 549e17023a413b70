#include "audit.h"

#include <errno.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"

static const uint8_t writers[] = {
	KIND_GATE, KIND_VAULT, KIND_EGRESS, KIND_SANDBOX, KIND_STORE, KIND_SUPERVISOR};

static void
pause_one(struct child *child, struct ipc_chan *chan, void *arg)
{
	/* vault's other channel brings the key that writers may be waiting for */
	if (chan != child_peer(child, KIND_VAULT, 0))
		ipc_chan_pause(chan, *(const bool *)arg);
}

void
audit_file_pace(struct audit *a)
{
	bool pause = !audit_epoch_has_begun(a) || a->out.len > AUDIT_BUFFER_MAX / 2;

	for (size_t i = 0; i < sizeof(writers); i++)
		child_peers(a->child, writers[i], pause_one, &pause);
	a->is_paused = pause;
}

static void
on_write(struct ev *ev, void *arg)
{
	struct audit *a = arg;

	(void)ev;
	a->write_timer = 0;
	(void)audit_file_flush(a);
}

static void
on_sync(struct ev *ev, void *arg)
{
	struct audit *a = arg;

	(void)ev;
	a->sync_timer = 0;
	audit_file_sync(a);
}

void
audit_file_touch(struct audit *a)
{
	if (a->write_timer == 0)
		a->write_timer = ev_timer_start(a->child->ev, 0, on_write, a);
	if (a->out.len > AUDIT_BUFFER_MAX / 2 && !a->is_paused)
		audit_file_pace(a);
}

static void
say_ailing(struct audit *a, int no)
{
	if (!a->is_ailing)
		log_error("audit lines cannot be written, and nothing that must be written down is "
			  "done until they can: "
			  "free room on the disk of the state directory",
			LOG_ERRNO("errno", no), LOG_U("waiting", a->out.len));
	a->is_ailing = true;
}

bool
audit_file_flush(struct audit *a)
{
	while (a->out.len > 0) {
		ssize_t n = write(a->fd, a->out.ptr, a->out.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			say_ailing(a, n < 0 ? errno : ENOSPC);
			if (a->write_timer == 0)
				a->write_timer =
					ev_timer_start(a->child->ev, AUDIT_RETRY_MS, on_write, a);
			return false;
		}
		buf_consume(&a->out, (size_t)n);
		a->is_late = true;
	}
	if (a->is_ailing)
		log_info("audit lines are written again");
	a->is_ailing = false;
	audit_kept_tell(a);
	if (a->is_paused)
		audit_file_pace(a);
	if (a->is_late && a->sync_timer == 0)
		a->sync_timer = ev_timer_start(a->child->ev, AUDIT_SYNC_MS, on_sync, a);
	return true;
}

void
audit_file_sync(struct audit *a)
{
	if (!audit_file_flush(a) || !a->is_late)
		return;
	if (fdatasync(a->fd) < 0) {
		log_error("the audit log does not reach the disk: ends, the next start reads what "
			  "did",
			LOG_ERRNO("errno", errno));
		_exit(1);
	}
	a->is_late = false;
}
