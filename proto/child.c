/* The life of a process: told who it is, set up, jailed, ready; then its loop. */
#include "proto/child_state.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/weak.h"
#include "crypto/crypto.h"
#include "proto/child.def.h"
#include "proto/child_describe.h"

static struct ipc_received received;

static int
read_jail(int control, struct jail_env *env)
{
	const struct child_jail *jail = (const void *)received.msg.bytes;
	int rc = ipc_sync_recv(control, &child_proto, IPC_SIDE_B, -1, &received);

	if (rc < 0 || received.id != CHILD_JAIL)
		return rc < 0 ? rc : ERR_PROTO;
	env->uid = jail->uid;
	env->gid = jail->gid;
	env->parent = (pid_t)jail->parent;
	env->landlock_abi_max = jail->landlock_max == UINT32_MAX ? -1 : (int)jail->landlock_max;
	env->userns = jail->userns;
	return 0;
}

/* Handles come first, HELLO last. */
static int
read_hello(struct child *child, int control, struct jail_env *env)
{
	struct ipc_received *in = &received;
	int rc;

	while ((rc = ipc_sync_recv(control, &child_proto, IPC_SIDE_B, -1, in)) == 0) {
		const struct child_hello *hello = (const void *)in->msg.bytes;

		if (in->id == CHILD_HANDLE) {
			const struct child_handle *h = (const void *)in->msg.bytes;

			rc = child_handle_take(child, h->what, h->number, h->fd);
			if (rc < 0)
				break;
			continue;
		}
		/* who is jailed already cannot become somebody else */
		if (in->id != CHILD_HELLO || hello->kind != child->spec->kind ||
			(child->spec->jail_first && !WEAK(HELLO_UID) &&
				(hello->uid != env->uid || hello->gid != env->gid))) {
			rc = ERR_PROTO;
			break;
		}
		child->instance = hello->instance;
		child->incarnation = hello->incarnation;
		child->tier = (enum jail_tier)hello->tier;
		child->flags = hello->flags;
		child->uid = hello->uid;
		child->gid = hello->gid;
		child->panic = (hello->flags & HELLO_PANIC) != 0;
		child->landlock_max =
			hello->landlock_max == UINT32_MAX ? -1 : (int)hello->landlock_max;
		env->uid = hello->uid;
		env->gid = hello->gid;
		env->parent = (pid_t)hello->parent;
		env->landlock_abi_max = child->landlock_max;
		env->userns = (hello->flags & HELLO_USERNS) != 0;
		break;
	}
	return rc;
}

static int
enter_jail(struct child *child, const struct jail_env *env)
{
	int rc;

	if (child->spec->jail == NULL)
		return 0;
	rc = jail_apply(child->spec->jail, env, &child->jail);
	if (rc < 0)
		log_error("not jailed: ends",
			LOG_C("step", child->jail.step == NULL ? "" : child->jail.step),
			LOG_ERRNO("errno", child->jail.err), LOG_E("why", rc));
	return rc;
}

static int
prepare(struct child *child, int control)
{
	struct jail_env env = JAIL_ENV_INIT;
	int rc = crypto_init();

	env.landlock_abi_max = child->landlock_max;
	if (rc == 0 && child->spec->jail_told)
		rc = read_jail(control, &env);
	if (rc == 0 && child->spec->jail_first)
		rc = enter_jail(child, &env);
	if (rc == 0 && child->spec->jail_first)
		rc = ipc_sync_send(control, &child_proto, IPC_SIDE_B, CHILD_JAILED,
			&(struct child_jailed){
				.layers = child->jail.applied, .missing = child->jail.missing});
	if (rc == 0 && child->spec->ahead != NULL)
		child->spec->ahead();
	if (rc == 0)
		rc = read_hello(child, control, &env);
	if (rc < 0)
		return rc;
	if ((child->flags & HELLO_DEBUG) != 0)
		log_set_level(LOG_DEBUG);
	log_set_json((child->flags & HELLO_JSON) != 0);
	if (child->spec->setup != NULL)
		rc = child->spec->setup(child, &env);
	child_handles_close(child);
	return rc < 0 || child->spec->jail_first ? rc : enter_jail(child, &env);
}

int
child_run(const struct child_spec *spec, int control, int landlock_max)
{
	struct child_link_state state = {0};
	struct child child = {
		.spec = spec, .ev = ev_new(), .landlock_max = landlock_max, .state = &state};
	int rc;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a log at a limit must not end the process that logs */
	log_open(spec->name, 2, fcntl(CHILD_LOG_FD, F_GETFD) >= 0 ? CHILD_LOG_FD : -1);
	rc = prepare(&child, control);
	if (rc < 0) {
		if (rc != ERR_EOF)
			log_error("start failed", LOG_E("why", rc));
		(void)ipc_sync_send(control, &child_proto, IPC_SIDE_B, CHILD_FAILED,
			&(struct child_failed){.why = rc});
		_exit(1); /* what was begun goes with the process */
	}
	state.control = ipc_chan_new(child.ev, control, &child_proto, IPC_SIDE_B, IPC_FULL_END,
		&child_control_ops, &child);
	(void)child_ready_send(state.control,
		&(struct child_ready){.layers = child.jail.applied, .missing = child.jail.missing});
	rc = ev_run(child.ev);
	return rc < 0 ? 1 : state.status;
}

static const struct child_spec *
pick(const struct child_spec *const *specs, size_t n, const char *role)
{
	for (size_t i = 0; role != NULL && i < n; i++) {
		const char *name = kind_name(specs[i]->kind);
		const char *slash = strchr(name, '/');

		if (slash != NULL && strcmp(slash + 1, role) == 0)
			return specs[i];
	}
	return specs[0];
}

int
child_main(const struct child_spec *const *specs, size_t n, int argc, char **argv)
{
	const struct child_spec *spec;

	if (!WEAK(JAIL_DUMPABLE))
		(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	spec = pick(specs, n, argc > 1 ? argv[1] : NULL);
	mem_heap_ahead(spec->heap);
	if (argc > 1 && strcmp(argv[1], "--describe") == 0)
		return child_describe(specs, n);
	return child_run(spec, CHILD_CONTROL_FD, -1);
}
