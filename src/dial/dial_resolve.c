#include "dial/dial.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"

struct dial_resolver {
	struct dial *dial;
	pid_t pid;
	int fd;
	struct ev_fd *watch;
	uint64_t timer;
	dial_resolved_fn *fn;
	void *arg;
};

/* ---- in the child ---- */

static int
add(struct dial_answer *out, const struct sockaddr *sa)
{
	struct addr a = {0};

	if (sa->sa_family == AF_INET) {
		a.family = 4;
		memcpy(a.bytes, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		a.family = 6;
		memcpy(a.bytes, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
	} else {
		return 0;
	}
	if (out->n == DIAL_ANSWERS_MAX)
		return ERR_TOOBIG;
	out->addrs[out->n++] = a;
	return 0;
}

static int
code_of(int gai)
{
	switch (gai) {
	case EAI_NONAME:
	case EAI_NODATA:
		return ERR_NOTFOUND;
	case EAI_AGAIN:
		return ERR_TIMEOUT;
	default:
		return ERR_SYS;
	}
}

/* The file may have been replaced since the jail was made, and then it is outside of it: dial has to start again. */
static bool
has_lost_resolv_conf(void)
{
	int fd = open("/etc/resolv.conf", O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd < 0 && errno == EACCES;
}

static void
resolve(const char *host, struct dial_answer *out)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;
	int rc;

	if (has_lost_resolv_conf()) {
		out->rc = ERR_STATE;
		return;
	}
	rc = getaddrinfo(host, NULL, &hints, &list);
	if (rc != 0) {
		out->rc = code_of(rc);
		return;
	}
	for (const struct addrinfo *ai = list; ai != NULL && out->rc == 0; ai = ai->ai_next)
		out->rc = add(out, ai->ai_addr);
}

static void
child_main_resolve(struct child *child, const char *host, int fd, pid_t parent)
{
	struct jail_env env = JAIL_ENV_INIT;
	struct jail_report report;
	struct dial_answer answer = {0};

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		_exit(1);
	if (fd > 3)
		(void)close_range(3, (unsigned)fd - 1, 0);
	(void)close_range((unsigned)fd + 1, ~0u, 0);
	(void)clearenv();
	env.landlock_abi_max = child->landlock_max;
	if (jail_apply(&dial_resolver_jail, &env, &report) < 0)
		answer.rc = ERR_SYS;
	else
		resolve(host, &answer);
	_exit(write(fd, &answer, sizeof(answer)) == (ssize_t)sizeof(answer) ? 0 : 1);
}

/* ---- in dial ---- */

static void
resolver_free(struct dial_resolver *r)
{
	ev_timer_cancel(r->dial->child->ev, r->timer);
	ev_fd_del(r->watch);
	close(r->fd);
	(void)kill(r->pid, SIGKILL);
	while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR) {
	}
	r->dial->nresolvers--;
	free(r);
}

static bool
is_answer(const struct dial_answer *a)
{
	if (a->rc > 0 || a->n > DIAL_ANSWERS_MAX || (a->rc == 0 && a->n == 0))
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (a->addrs[i].family != 4 && a->addrs[i].family != 6)
			return false;
	}
	return true;
}

static void
finish(struct dial_resolver *r, const struct dial_answer *answer)
{
	dial_resolved_fn *fn = r->fn;
	void *arg = r->arg;
	struct child *child = r->dial->child;

	resolver_free(r);
	if (answer->rc == ERR_STATE) {
		log_warn("resolv.conf was replaced: dial starts again to see the new one");
		child_stop(child);
	}
	fn(arg, answer);
}

static void
on_answer(struct ev *ev, int fd, unsigned events, void *arg)
{
	struct dial_answer answer;
	ssize_t n = read(fd, &answer, sizeof(answer));

	(void)ev;
	(void)events;
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n != (ssize_t)sizeof(answer) || !is_answer(&answer))
		answer = (struct dial_answer){.rc = ERR_SYS};
	finish(arg, &answer);
}

static void
on_late(struct ev *ev, void *arg)
{
	struct dial_resolver *r = arg;

	(void)ev;
	r->timer = 0;
	finish(r, &(struct dial_answer){.rc = ERR_TIMEOUT});
}

int
dial_resolve_start(struct child *child, const char *host, dial_resolved_fn *fn, void *arg,
	struct dial_resolver **out)
{
	struct dial *d = child->ctx;
	struct dial_resolver *r;
	pid_t parent = getpid();
	int fds[2];
	pid_t pid;

	if (d->nresolvers == DIAL_RESOLVERS_MAX)
		return ERR_BUSY;
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return ERR_SYS;
	pid = fork();
	if (pid == 0)
		child_main_resolve(child, host, fds[1], parent);
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return ERR_SYS;
	}
	r = mem_alloc(1, sizeof(*r));
	*r = (struct dial_resolver){.dial = d, .pid = pid, .fd = fds[0], .fn = fn, .arg = arg};
	r->watch = ev_fd_add(child->ev, r->fd, EV_READ, on_answer, r);
	r->timer = ev_timer_start(child->ev, DIAL_RESOLVE_MS, on_late, r);
	d->nresolvers++;
	*out = r;
	return 0;
}

void
dial_resolve_cancel(struct dial_resolver *r)
{
	if (r != NULL)
		resolver_free(r);
}
