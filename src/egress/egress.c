/* egress: life cycle of the zygote and of the processes it forks, one a destination row. */
#include "egress.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"

static struct egress self;

static int
setup_egress(struct child *child, struct jail_env *env)
{
	int rc;

	(void)env;
	child->ctx = &self;
	self.child = child;
	rc = egress_row_read(child, child->instance, &self.row);
	return rc < 0 ? rc : egress_curl_init(&self);
}

static void
on_key(struct child *child, uint8_t kind, uint64_t instance, uint64_t incarnation, const uint8_t key[WARRANT_KEY_LEN])
{
	struct egress *e = child->ctx;

	(void)instance;
	(void)incarnation;
	if (kind != KIND_GATE)
		return;
	for (size_t i = 0; i < WARRANT_KEY_LEN; i++)
		e->key[i] = key[i];
	e->window = (struct warrant_window){0};
	e->has_key = true;
}

static void
on_peer_gone(struct child *child, uint8_t kind, struct ipc_chan *chan)
{
	struct egress *e = child->ctx;

	(void)chan;
	if (kind == KIND_CORE)
		egress_request_abort_all(e, ERR_ABORTED, "");
	else if (kind == KIND_GATE) {
		e->has_key = false;
		egress_request_abort_all(e, ERR_NOPEER, "the policy process restarted");
	} else if (kind == KIND_DIAL || kind == KIND_VAULT) {
		for (size_t i = 0; i < EGRESS_REQUESTS_MAX; i++) {
			struct egress_request *r = &e->requests[i];

			if (r->phase == (kind == KIND_DIAL ? EGRESS_DIALLING : EGRESS_CREDENTIAL))
				egress_request_end(r, ERR_NOPEER, "a process that the request needs restarted");
		}
	}
}

static void
on_panic(struct child *child, bool on)
{
	if (on)
		egress_request_abort_all(child->ctx, ERR_ABORTED, "stopped");
}

static const struct child_spec egress_spec = {
	.kind = KIND_EGRESS,
	.name = "egress",
	.jail = &egress_jail,
	.nlinks = 5,
	.links = egress_links,
	.setup = setup_egress,
	.peer_gone = on_peer_gone,
	.key = on_key,
	.panic = on_panic,
};

/* ---- zygote ---- */

static int
setup_zygote(struct child *child, struct jail_env *env)
{
	(void)child;
	(void)env;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return ERR_SYS;
	return egress_tls_load();
}

static void
on_sigchld(struct ev *ev, int signo, void *arg)
{
	(void)ev;
	(void)signo;
	(void)arg;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		continue;
}

static void
start_zygote(struct child *child)
{
	(void)ev_signal_add(child->ev, SIGCHLD, on_sigchld, NULL);
}

/* The child waits until the supervisor has its pidfd; then it is a process like any other. */
static void
on_fork(struct child *child, uint8_t kind, uint64_t instance, int control)
{
	int gate[2];
	pid_t pid;
	int pidfd;
	char go = 0;

	if (kind != KIND_EGRESS || pipe2(gate, O_CLOEXEC) < 0) {
		close(control);
		return;
	}
	pid = fork();
	if (pid == 0) {
		sigset_t none;

		close(gate[1]);
		if (read(gate[0], &go, 1) != 1)
			_exit(0);
		close(gate[0]);
		child_forget(child, control);
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		_exit(child_run(&egress_spec, CHILD_CONTROL_FD));
	}
	close(gate[0]);
	close(control);
	pidfd = pid < 0 ? -1 : pidfd_open(pid, 0);
	if (pidfd >= 0) {
		child_announce(child, KIND_EGRESS, instance, pidfd);
		if (write(gate[1], &go, 1) != 1)
			log_warn("a forked egress was gone at once", LOG_U("row", instance));
		close(pidfd);
	} else {
		log_error("cannot fork an egress", LOG_ERRNO("errno", errno));
	}
	close(gate[1]);
}

static const struct child_spec zygote_spec = {
	.kind = KIND_EGRESS_ZYGOTE,
	.name = "egress/zygote",
	.jail = &egress_zygote_jail,
	.setup = setup_zygote,
	.start = start_zygote,
	.fork = on_fork,
};

int
main(int argc, char **argv)
{
	static const struct child_spec *const specs[] = {&egress_spec, &zygote_spec};

	return child_main(specs, 2, argc, argv);
}
