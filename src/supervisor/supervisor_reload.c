/*
 * A changed configuration while the gateway runs: config reads it again, and what it gives each kind of process is compared by
 * its bytes. Processes that can take a new slice get it; others end when they are idle and start anew. With a mistake anywhere
 * nothing changes.
 */
#include "supervisor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/weak.h"
#include "proto/child.def.h"

#define DEBOUNCE_MS 300
#define EVENTS_LEN KIB(16)
/* By then those that drain have ended, and what follows them is up or has ended as well. */
#define TRIAL_MS (RELOAD_DRAIN_MS + 10000)

/* Those that read their slice anew when they get one. core is last: it acts on what the others must know by then. */
static const uint8_t live_kinds[] = {KIND_GATE, KIND_DIAL, KIND_SANDBOX, KIND_USER, KIND_CORE};

static bool
is_live(unsigned kind)
{
	for (size_t i = 0; i < sizeof(live_kinds); i++) {
		if (live_kinds[i] == kind)
			return true;
	}
	return false;
}

/* ---- noticing ---- */

static void
on_settled(struct ev *ev, void *arg)
{
	struct sup *sup = arg;
	struct sup_child *config;

	(void)ev;
	sup->reload_timer = 0;
	if (sup->stopping || !sup->running)
		return;
	if (sup->reloading || supervisor_child_find(sup, KIND_CONFIG, 0) != NULL) {
		supervisor_reload_soon(sup); /* one at a time */
		return;
	}
	supervisor_history_note(sup);
	sup->reloading = true;
	sup->relisten = 0;
	sup->moved = false;
	config = supervisor_child_new(sup, KIND_CONFIG, 0);
	if (config == NULL || supervisor_config_start(sup, config) < 0)
		supervisor_reload_ended(sup, false);
}

void
supervisor_reload_soon(struct sup *sup)
{
	uint64_t delay = sup->values[VALUE_RELOAD_MS];

	ev_timer_cancel(sup->ev, sup->reload_timer);
	sup->reload_timer =
		ev_timer_start(sup->ev, delay == 0 ? DEBOUNCE_MS : delay, on_settled, sup);
}

static void
on_inotify(struct ev *ev, int fd, unsigned events, void *arg)
{
	_Alignas(struct inotify_event) uint8_t bytes[EVENTS_LEN];
	struct sup *sup = arg;
	const char *slash = strrchr(sup->paths.config, '/');
	ssize_t n = read(fd, bytes, sizeof(bytes));
	bool ours = false;

	(void)ev;
	(void)events;
	for (ssize_t at = 0; at + (ssize_t)sizeof(struct inotify_event) <= n;) {
		const struct inotify_event *e = (const void *)(bytes + at);

		at += (ssize_t)(sizeof(*e) + e->len);
		ours = ours || e->wd != sup->folder_watch || (e->mask & IN_Q_OVERFLOW) != 0 ||
		       (e->len > 0 &&
			       strcmp(e->name, slash == NULL ? sup->paths.config : slash + 1) == 0);
	}
	if (ours && sup->values[VALUE_RELOAD_MODE] != RELOAD_OFF)
		supervisor_reload_soon(sup);
}

/* The folder, because an editor puts a new file in the place of the old one. */
int
supervisor_reload_watch(struct sup *sup)
{
	char path[64];
	int folder = supervisor_config_folder(sup);

	if (folder < 0)
		return ERR_NOTFOUND;
	sup->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", folder);
	if (sup->inotify_fd >= 0)
		sup->folder_watch = inotify_add_watch(sup->inotify_fd, path,
			IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE);
	close(folder);
	if (sup->inotify_fd < 0 || sup->folder_watch < 0) {
		log_warn("changes of the configuration are not noticed; SIGHUP makes them known",
			LOG_ERRNO("errno", errno));
		return ERR_SYS;
	}
	ev_fd_add(sup->ev, sup->inotify_fd, EV_READ, on_inotify, sup);
	return 0;
}

/* A file that is included: changes of it are changes of the configuration. */
void
supervisor_reload_watch_file(struct sup *sup, int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (sup->inotify_fd >= 0)
		(void)inotify_add_watch(sup->inotify_fd, path,
			IN_CLOSE_WRITE | IN_MOVE_SELF | IN_DELETE_SELF | IN_ATTRIB);
}

/* ---- what has changed ---- */

static bool
is_same_body(int a, int b)
{
	struct span x = SPAN_EMPTY;
	struct span y = SPAN_EMPTY;
	bool same;

	if (a < 0 || b < 0)
		return a == b;
	same = ipc_body_get(a, IPC_BODY_MAX, &x) == 0 && ipc_body_get(b, IPC_BODY_MAX, &y) == 0 &&
	       span_eq(x, y);
	ipc_body_free(x);
	ipc_body_free(y);
	return same;
}

/* An address is compared with those that are listened at, in their order. */
void
supervisor_reload_listen(struct sup *sup, const char *address, bool v6)
{
	if (sup->relisten < sup->nlisteners && strcmp(sup->addresses[sup->relisten], address) == 0)
		sup->relisten++;
	else if (!v6 || sup->relisten == 0) /* ::1 beside 127.0.0.1 may not have been there */
		sup->moved = true;
}

static void
give_slice(struct sup *sup, unsigned kind)
{
	for (size_t i = 0; i < sup->nchildren; i++) {
		struct sup_child *c = &sup->children[i];

		if (c->kind == kind && c->state == SUP_UP && c->control != NULL)
			(void)child_slice_send(
				c->control, &(struct child_slice){.slice = sup->slices[kind]});
		else if (c->kind == kind && c->state != SUP_FREE && c->state != SUP_WAITING &&
			 c->greeted)
			supervisor_child_kill(sup, c); /* it has the old one */
	}
}

static void
on_drained(struct ev *ev, void *arg)
{
	struct sup_child *c = arg;

	(void)ev;
	c->drain_timer = 0;
	supervisor_child_kill(supervisor_self, c);
}

/* Each is asked to end when it is idle, and made to after a while. */
static void
restart_kind(struct sup *sup, unsigned kind)
{
	for (size_t i = 0; i < sup->nchildren; i++) {
		struct sup_child *c = &sup->children[i];

		if (c->kind != kind || c->state == SUP_FREE || c->state == SUP_WAITING ||
			!c->greeted || c->planned)
			continue;
		c->planned = true;
		if (c->state == SUP_UP && c->control != NULL && !WEAK(RELOAD_DRAIN))
			(void)child_drain_send(c->control, &(struct child_drain){});
		else
			supervisor_child_kill(sup, c);
		c->drain_timer = ev_timer_start(sup->ev, RELOAD_DRAIN_MS, on_drained, c);
	}
}

static void
tell(struct sup *sup, bool ok, bool moved)
{
	struct sup_child *core = supervisor_child_find(sup, KIND_CORE, 0);

	sup->config_state = !ok ? CONFIG_REFUSED : moved ? CONFIG_NEEDS_RESTART : CONFIG_TAKEN;
	if (core != NULL && core->state == SUP_UP && core->control != NULL)
		(void)child_config_state_send(
			core->control, &(struct child_config_state){.state = sup->config_state});
}

/* ---- carrying it out ---- */

static void
drop_next(struct sup *sup)
{
	for (size_t k = 0; k < KIND_N; k++) {
		if (sup->next_slices[k] >= 0)
			close(sup->next_slices[k]);
		sup->next_slices[k] = -1;
	}
}

static void
use_log_level(const struct sup *sup)
{
	log_set_level(sup->values[VALUE_LOG_LEVEL] != 0
			      ? (enum log_level)sup->values[VALUE_LOG_LEVEL]
			      : LOG_INFO);
}

static void
take_values(struct sup *sup)
{
	static const uint8_t fixed[] = {VALUE_UID_BASE, VALUE_TLS};

	if (sup->on_trial == 0)
		memcpy(sup->former_values, sup->values, sizeof(sup->values));
	for (size_t i = 0; i < sizeof(fixed); i++) {
		if (sup->next_values[fixed[i]] != sup->values[fixed[i]])
			sup->moved = true;
		sup->next_values[fixed[i]] = sup->values[fixed[i]];
	}
	memcpy(sup->values, sup->next_values, sizeof(sup->values));
	use_log_level(sup);
}

/* What ran before the first of the changes that are not proven is kept. */
static void
take_slice(struct sup *sup, unsigned kind)
{
	if ((sup->on_trial >> kind & 1) == 0)
		sup->former_slices[kind] = sup->slices[kind];
	else if (sup->slices[kind] >= 0)
		close(sup->slices[kind]);
	sup->on_trial |= 1u << kind;
	sup->slices[kind] = sup->next_slices[kind];
	sup->next_slices[kind] = -1;
}

/* Returns how many kinds of process it concerns. */
static unsigned
take_slices(struct sup *sup, uint64_t mode, bool live)
{
	unsigned n = 0;

	for (unsigned k = 0; k < KIND_N; k++) {
		/* the order of live_kinds for those, of the table for the rest */
		unsigned kind = live && k < sizeof(live_kinds) ? live_kinds[k] : k;
		bool hot = is_live(kind) && mode != RELOAD_RESTART;

		if ((live && k >= sizeof(live_kinds)) || hot != live ||
			is_same_body(sup->slices[kind], sup->next_slices[kind]))
			continue;
		if (!hot && mode == RELOAD_HOT) {
			log_warn("not taken: gateway.reload.mode is hot, and this process would "
				 "have to start anew",
				LOG_C("process", kind_name(kind)));
			continue;
		}
		take_slice(sup, kind);
		n++;
		if (hot)
			give_slice(sup, kind);
		else
			restart_kind(sup, kind);
	}
	return n;
}

static void
on_proven(struct ev *ev, void *arg)
{
	struct sup *sup = arg;

	(void)ev;
	ev_timer_cancel(sup->ev, sup->trial_timer);
	sup->trial_timer = 0;
	for (unsigned k = 0; k < KIND_N; k++) {
		if ((sup->on_trial >> k & 1) != 0 && sup->former_slices[k] >= 0)
			close(sup->former_slices[k]);
	}
	sup->on_trial = 0;
}

/* Is every process that got something new up with it? */
static bool
is_settled(const struct sup *sup)
{
	for (size_t i = 0; i < sup->nchildren; i++) {
		const struct sup_child *c = &sup->children[i];

		if (c->state != SUP_FREE && c->state != SUP_SPARE &&
			(sup->on_trial >> c->kind & 1) != 0 && (c->state != SUP_UP || c->planned))
			return false;
	}
	return true;
}

static void
start_trial(struct sup *sup)
{
	ev_timer_cancel(sup->ev, sup->trial_timer);
	sup->trial_timer = ev_timer_start(sup->ev, TRIAL_MS, on_proven, sup);
}

void
supervisor_reload_failed(struct sup *sup, unsigned kind)
{
	uint32_t kinds = sup->on_trial;

	if (sup->stopping || (kinds >> kind & 1) == 0 || WEAK(RELOAD_BACK))
		return;
	log_error(
		"a process cannot run with the changed configuration: the former one is back, and "
		"the file is not what runs",
		LOG_C("process", kind_name(kind)));
	ev_timer_cancel(sup->ev, sup->trial_timer);
	sup->trial_timer = 0;
	sup->on_trial = 0;
	memcpy(sup->values, sup->former_values, sizeof(sup->values));
	use_log_level(sup);
	for (unsigned k = 0; k < KIND_N; k++) {
		if ((kinds >> k & 1) == 0)
			continue;
		if (sup->slices[k] >= 0)
			close(sup->slices[k]);
		sup->slices[k] = sup->former_slices[k];
		if (!is_live(k))
			restart_kind(sup, k);
	}
	for (size_t i = 0; i < sizeof(live_kinds); i++) {
		if ((kinds >> live_kinds[i] & 1) != 0)
			give_slice(sup, live_kinds[i]);
	}
	supervisor_audit(sup, AUDIT_CONFIG, KIND_CONFIG, 0, ERR_DENIED);
	tell(sup, false, false);
}

void
supervisor_reload_ended(struct sup *sup, bool ok)
{
	uint64_t mode = sup->next_values[VALUE_RELOAD_MODE];
	unsigned n = 0;

	if (!sup->reloading)
		return;
	sup->reloading = false;
	if (!ok) {
		log_error("the configuration has mistakes: the one that runs stays; see "
			  "`moltbot config validate`");
	} else {
		if (sup->on_trial != 0 && is_settled(sup))
			on_proven(sup->ev, sup);
		sup->moved = sup->moved || sup->relisten != sup->nlisteners;
		take_values(sup);
		n = take_slices(sup, mode, false);
		n += take_slices(sup, mode, true);
		if (n > 0)
			start_trial(sup);
		log_info("configuration taken", LOG_U("processes", n));
		if (sup->moved)
			log_warn("the addresses to listen at have changed: restart the gateway to "
				 "use them");
	}
	supervisor_audit(sup, AUDIT_CONFIG, KIND_CONFIG, 0, ok ? (int64_t)n : -1);
	tell(sup, ok, sup->moved);
	drop_next(sup);
}
