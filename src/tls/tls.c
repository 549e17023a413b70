/* Life cycle of tls and tls/key (argv[1] chooses); the client of the command line has its own. */
#include "tls.h"
#include "tls_client.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define FDS_BESIDES 64 /* descriptors that are no clients */

static struct tls the_tls;

/* A client has two descriptors, and a third until edge/anon has its end. */
#define FDS_EACH 3

/* As many clients as the machine permits. */
static size_t
raise_files(size_t want)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		return FDS_BESIDES;
	if (r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &r);
		(void)getrlimit(RLIMIT_NOFILE, &r);
	}
	if (r.rlim_cur <= (FDS_EACH + 1) * FDS_BESIDES)
		return FDS_BESIDES;
	return (r.rlim_cur - FDS_BESIDES) / FDS_EACH < want
		       ? (size_t)(r.rlim_cur - FDS_BESIDES) / FDS_EACH
		       : want;
}

static int
setup(struct child *child, struct jail_env *env)
{
	struct tls *tls = &the_tls;
	int on = 1;
	int fd;

	(void)env;
	child->ctx = tls;
	tls->child = child;
	tls->max = raise_files(TLS_CONNS_MAX);
	while (tls->nlisteners < TLS_LISTEN_MAX &&
		(fd = child_handle_steal(child, HANDLE_LISTEN, 0, NULL)) >= 0) {
		(void)fcntl(fd, F_SETFL, O_NONBLOCK);
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		tls->listeners[tls->nlisteners++] = fd;
	}
	return tls_session_setup();
}

static void
start(struct child *child)
{
	tls_listen(child->ctx);
}

static void
peer_gone(struct child *child, uint8_t kind, struct ipc_chan *chan)
{
	(void)chan;
	if (kind == KIND_TLS_KEY)
		tls_key_gone(child->ctx);
}

static const struct child_spec tls_spec = {
	.kind = KIND_TLS,
	.name = "tls",
	.jail = &tls_jail,
	.links = tls_links,
	.nlinks = TLS_NLINKS,
	.setup = setup,
	.start = start,
	.peer_gone = peer_gone,
};

static const struct child_spec key_spec = {
	.kind = KIND_TLS_KEY,
	.name = "tls/key",
	.jail = &tls_key_jail,
	.links = tls_key_links,
	.nlinks = TLS_KEY_NLINKS,
	.setup = tls_key_setup,
	.peer_up = tls_key_peer_up,
};

int
main(int argc, char **argv)
{
	const struct child_spec *const specs[] = {&tls_spec, &key_spec};

	if (argc == 4 && span_eq(span_from_cstr(argv[1]), SPAN("client")))
		return tls_client_run(argv[2], argv[3]);
	return child_main(specs, 2, argc, argv);
}
