/*
 * moltbot-supervisor: life cycle. Started by `moltbot gateway run`, which has read the environment; arguments are
 * name=value pairs: state, config, libexec, ui, workspace (paths), env, secrets and vaultkey (numbers of memfds), debug, landlock.
 */
#include "supervisor.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "crypto/crypto.h"

int supervisor_jail(void);

static void
on_child(struct ev *ev, int signo, void *arg)
{
	(void)ev;
	(void)signo;
	supervisor_child_reap(arg);
}

static void
on_stop(struct ev *ev, int signo, void *arg)
{
	struct sup *sup = arg;

	(void)ev;
	(void)signo;
	if (sup->stopping)
		ev_stop(sup->ev); /* asked twice: now */
	supervisor_stop(sup, 0);
}

static void
on_reload(struct ev *ev, int signo, void *arg)
{
	(void)ev;
	(void)signo;
	supervisor_reload_soon(arg);
}

/* The first connection to the control socket brings its edge up, which then accepts; until it ends again. */
static void
on_control(struct ev *ev, int fd, unsigned events, void *arg)
{
	struct sup *sup = arg;
	uint64_t principal = PRINCIPAL(PRINCIPAL_CONTROL, SCOPE_ALL, 1);

	(void)ev;
	(void)fd;
	(void)events;
	if (!sup->running || sup->stopping)
		return;
	if (supervisor_child_find(sup, KIND_USER, principal) != NULL ||
		supervisor_child_new(sup, KIND_USER, principal) != NULL)
		ev_fd_set(sup->control_watch, 0);
}

static int
parse_fd(const char *text)
{
	uint64_t fd;

	/* given across exec, so it was open to it; no child of ours may inherit it */
	if (span_to_u64(span_from_cstr(text), 3, 1 << 20, &fd) < 0 ||
		fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0)
		return -1;
	return fcntl((int)fd, F_DUPFD_CLOEXEC, SUP_LOW_FDS + 5);
}

static const char *
value_of(const char *arg, const char *name)
{
	size_t n = strlen(name);

	return strncmp(arg, name, n) == 0 && arg[n] == '=' ? arg + n + 1 : NULL;
}

static int
parse_args(struct sup *sup, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *v;
		uint64_t abi;

		if ((v = value_of(argv[i], "state")) != NULL)
			sup->paths.state = v;
		else if ((v = value_of(argv[i], "config")) != NULL)
			sup->paths.config = v;
		else if ((v = value_of(argv[i], "libexec")) != NULL)
			sup->paths.libexec = v;
		else if ((v = value_of(argv[i], "ui")) != NULL)
			sup->paths.ui = v;
		else if ((v = value_of(argv[i], "workspace")) != NULL)
			sup->paths.workspace = v;
		else if ((v = value_of(argv[i], "env")) != NULL)
			sup->env_fd = parse_fd(v);
		else if ((v = value_of(argv[i], "secrets")) != NULL)
			sup->secrets_fd = parse_fd(v);
		else if ((v = value_of(argv[i], "vaultkey")) != NULL) {
			sup->key_fd = parse_fd(v);
			if (sup->key_fd < 0)
				return ERR_MISSING; /* never the one in the file instead */
		} else if ((v = value_of(argv[i], "landlock")) != NULL &&
			   span_to_u64(span_from_cstr(v), 0, 64, &abi) == 0)
			sup->landlock_max = (int)abi;
#ifdef MOLTBOT_ATTACKER
		else if ((v = value_of(argv[i], "attack")) != NULL)
			sup->attack = v;
		else if ((v = value_of(argv[i], "attempt")) != NULL &&
			 span_to_u64(span_from_cstr(v), 0, 65535, &abi) == 0)
			sup->attempt = (uint32_t)abi;
#endif
		else if (strcmp(argv[i], "debug") == 0)
			log_set_level(LOG_DEBUG);
		else if (strcmp(argv[i], "json") == 0)
			log_set_json(true);
		else
			return ERR_UNKNOWN;
	}
	return sup->paths.state == NULL || sup->paths.config == NULL ||
			       sup->paths.libexec == NULL || sup->paths.ui == NULL
		       ? ERR_MISSING
		       : 0;
}

/* Descriptors 0 to 4 belong to children's births: fill what is free there, so that nothing of ours lands in it. */
static int
reserve_low_fds(struct sup *sup)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	} while (fd >= 0 && fd < SUP_LOW_FDS);
	sup->null_fd = fd;
	return fd < 0 ? ERR_SYS : 0;
}

static void
probe(struct sup *sup)
{
	(void)jail_probe(&sup->caps, sup->landlock_max);
	sup->probed = true;
	supervisor_tier_check(sup);
}

/*
 * Config comes first, as the others wait for its slices. Who may change uids and make namespaces gives each process its jail
 * without asking what the machine offers cells; who may not must know it first, and looks while the others are loaded.
 */
static int
start_children(struct sup *sup)
{
	static const uint8_t kinds[] = {
		KIND_STORE, KIND_VAULT, KIND_CORE, KIND_ANON, KIND_AUDIT, KIND_GATE};
	struct sup_child *config = supervisor_child_new(sup, KIND_CONFIG, 0);
	bool privileged = jail_is_privileged();
	int rc = config == NULL ? ERR_SYS : 0;

	sup->late_pending = true;
	sup->root = privileged;
	if (rc == 0 && privileged)
		rc = supervisor_config_start(sup, config);
	for (size_t i = 0; i < sizeof(kinds) && rc == 0; i++)
		rc = supervisor_child_new(sup, kinds[i], 0) == NULL ? ERR_SYS : 0;
	supervisor_spare_user(sup);
	if (privileged)
		return rc;
	probe(sup);
	sup->root = geteuid() == 0 && sup->caps.setuid;
	return rc < 0 ? rc : supervisor_config_start(sup, config);
}

static void
on_late(struct ev *ev, void *arg)
{
	static const uint8_t kinds[] = {
		KIND_AGENT_ZYGOTE, KIND_EGRESS_ZYGOTE, KIND_DIAL, KIND_SANDBOX};
	struct sup *sup = arg;

	(void)ev;
	sup->late_timer = 0;
	sup->late_pending = false;
	if (!sup->probed && !sup->stopping)
		probe(sup);
	log_info("sandbox", LOG_C("tier", jail_tier_name(sup->caps.tier)));
	supervisor_audit(sup, AUDIT_TIER, KIND_SUPERVISOR, 0, (int64_t)sup->caps.tier);
	for (size_t i = 0; i < sizeof(kinds) && !sup->stopping; i++) {
		if (supervisor_child_new(sup, kinds[i], 0) == NULL)
			supervisor_stop(sup, 1);
	}
	supervisor_pulse_start(sup);
	for (uint64_t i = 1; i < sup->values[VALUE_AGENTS] && i < SUP_WORKSPACES_MAX; i++) {
		if (!sup->stopping)
			(void)supervisor_child_new(sup, KIND_SANDBOX, i);
	}
}

static void
on_spare_user_over(struct ev *ev, void *arg)
{
	(void)ev;
	supervisor_spare_user_end(arg);
}

void
supervisor_start_late(struct sup *sup)
{
	sup->late_timer = ev_timer_start(sup->ev, SUP_LATE_MS, on_late, sup);
	(void)ev_timer_start(sup->ev, SUP_SPARE_USER_MS, on_spare_user_over, sup);
}

static int
prepare(struct sup *sup)
{
	int rc = supervisor_state_open(sup);

	if (rc < 0)
		return rc;
	log_open("supervisor", 2, sup->log_fd);
	rc = supervisor_state_lock(sup);
	if (rc < 0)
		return rc;
	supervisor_cgroup_clear(sup);
	rc = supervisor_control_listen(sup);
	if (rc < 0)
		return rc;
	sup->panic = supervisor_panic_stored(sup);
	return 0;
}

int
main(int argc, char **argv)
{
	static struct sup self; /* what is never used of it is never touched */
	struct sup *sup = &self;
	int rc;

	mem_heap_ahead(KIB(32u));
	supervisor_self = sup;
	log_open("supervisor", 2, -1);
	sup->landlock_max = -1;
	sup->uid_base = 0x6d6f0000; /* "mo": far from people's and services' uids */
	for (size_t i = 0; i < KIND_N; i++)
		sup->slices[i] = sup->next_slices[i] = -1;
	sup->env_fd = sup->secrets_fd = sup->key_fd = sup->inotify_fd = -1;
	rc = supervisor_jail() < 0 || crypto_init() < 0 || reserve_low_fds(sup) < 0
		     ? ERR_SYS
		     : parse_args(sup, argc, argv);
	if (rc < 0) {
		log_error("started the wrong way: use `moltbot gateway run`", LOG_E("why", rc));
		return 64;
	}
	sup->ev = ev_new();
	supervisor_wire_init(sup);
	ev_signal_add(sup->ev, SIGCHLD, on_child, sup);
	ev_signal_add(sup->ev, SIGTERM, on_stop, sup);
	ev_signal_add(sup->ev, SIGINT, on_stop, sup);
	ev_signal_add(sup->ev, SIGHUP, on_reload, sup);
	signal(SIGPIPE, SIG_IGN);
	if (prepare(sup) < 0)
		return 1;
	sup->control_watch = ev_fd_add(sup->ev, sup->control_fd, EV_READ, on_control, sup);
	if (start_children(sup) < 0)
		supervisor_stop(sup, 1);
	(void)supervisor_reload_watch(sup); /* while the children are loaded */
	supervisor_history_note(sup);
	rc = ev_run(sup->ev);
	supervisor_cgroup_clear(sup);
	(void)unlinkat(sup->state_fd, "control.sock", 0);
	if (sup->status == 0)
		log_info("gateway stopped");
	return rc < 0 ? 1 : sup->status;
}
