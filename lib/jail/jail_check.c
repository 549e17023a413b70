#include "jail/jail.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"

#define PROC_STATUS_MAX 4096

static const char *const ns_names[JAIL_NS_N] = {"user", "mnt", "pid", "net", "ipc", "uts"};

static ssize_t
read_all(const char *path, char *text, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = 0;
	int saved;

	if (fd < 0)
		return ERR_SYS;
	while (len < cap && (n = read(fd, text + len, cap - len)) > 0)
		len += (size_t)n;
	saved = errno;
	close(fd);
	errno = saved;
	return n < 0 ? ERR_SYS : (ssize_t)len;
}

/* The first number behind "\nname:" in base 10 or 16. */
static bool
status_field(struct span text, const char *name, unsigned base, uint64_t *out)
{
	ptrdiff_t at = span_find(text, span_from_cstr(name));
	uint64_t v = 0;
	bool any = false;

	if (at < 0)
		return false;
	for (size_t i = (size_t)at + span_from_cstr(name).len; i < text.len && text.ptr[i] != '\n';
		i++) {
		unsigned c = text.ptr[i];
		unsigned digit;

		if (c >= '0' && c <= '9')
			digit = c - '0';
		else if (base == 16 && c >= 'a' && c <= 'f')
			digit = c - 'a' + 10;
		else if (any)
			break;
		else
			continue;
		v = v * base + digit;
		any = true;
	}
	*out = v;
	return any;
}

/* "NSpid:" has one number for each pid namespace, from ours inwards. */
static int
pid_depth(struct span text)
{
	ptrdiff_t at = span_find(text, SPAN("\nNSpid:"));
	int n = 0;

	if (at < 0)
		return 0;
	for (size_t i = (size_t)at + 7; i < text.len && text.ptr[i] != '\n'; i++)
		if (text.ptr[i] > ' ' && text.ptr[i - 1] <= ' ')
			n++;
	return n;
}

static void
count_fds(const char *dir, struct jail_facts *out)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	out->fds = -1;
	if (d == NULL)
		return;
	out->fds = 0;
	while ((e = readdir(d)) != NULL) {
		uint64_t n;

		if (span_to_u64(span_from_cstr(e->d_name), 0, UINT32_MAX, &n) < 0)
			continue;
		if (out->pid == getpid() && (int)n == dirfd(d))
			continue;
		out->fds++;
		if (n < 64)
			out->fd_mask |= 1ull << n;
	}
	closedir(d);
}

int
jail_facts_get(pid_t pid, struct jail_facts *out)
{
	char path[64];
	char text[PROC_STATUS_MAX];
	ssize_t len;
	uint64_t v;

	*out = (struct jail_facts){.pid = pid == 0 ? getpid() : pid, .dumpable = -1, .filters = -1};
	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)out->pid);
	len = read_all(path, text, sizeof(text));
	if (len < 0)
		return ERR_SYS;
	struct span s = span_of(text, (size_t)len);

	if (!status_field(s, "\nUid:", 10, &v))
		return ERR_SYS;
	out->uid = out->euid = (uid_t)v;
	out->seccomp = status_field(s, "\nSeccomp:", 10, &v) ? (int)v : -1;
	out->filters = status_field(s, "\nSeccomp_filters:", 10, &v) ? (int)v : -1;
	out->no_new_privs = status_field(s, "\nNoNewPrivs:", 10, &v) && v == 1;
	out->cap_eff = status_field(s, "\nCapEff:", 16, &v) ? v : UINT64_MAX;
	out->cap_prm = status_field(s, "\nCapPrm:", 16, &v) ? v : UINT64_MAX;
	out->cap_bnd = status_field(s, "\nCapBnd:", 16, &v) ? v : UINT64_MAX;
	out->pid_depth = pid_depth(s);
	for (int i = 0; i < JAIL_NS_N; i++) {
		struct stat st;

		(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)out->pid, ns_names[i]);
		out->ns[i] = stat(path, &st) == 0 ? st.st_ino : 0;
	}
	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)out->pid);
	count_fds(path, out);
	if (out->pid == getpid())
		out->dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
	return 0;
}

void
jail_facts_self(struct jail_facts *out)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
	struct __user_cap_data_struct data[2];

	*out = (struct jail_facts){
		.pid = getpid(), .uid = getuid(), .euid = geteuid(), .filters = -1};
	out->seccomp = prctl(PR_GET_SECCOMP, 0, 0, 0, 0);
	out->no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
	out->dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
	out->cap_eff = out->cap_prm = UINT64_MAX;
	if (syscall(__NR_capget, &head, data) == 0) {
		out->cap_eff = data[0].effective | (uint64_t)data[1].effective << 32;
		out->cap_prm = data[0].permitted | (uint64_t)data[1].permitted << 32;
	}
	for (int fd = 0; fd < 64; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			continue;
		out->fd_mask |= 1ull << fd;
		out->fds++;
	}
}

static bool
ns_differs(const struct jail_facts *f, const struct jail_facts *other, int ns)
{
	return other != NULL && f->ns[ns] != 0 && other->ns[ns] != 0 && f->ns[ns] != other->ns[ns];
}

static bool
layer_shows(const struct jail_facts *f, const struct jail_expect *e, unsigned layer)
{
	switch (layer) {
	case JAIL_L_NNP:
		return f->no_new_privs;
	case JAIL_L_SECCOMP:
		return f->seccomp == 2;
	case JAIL_L_CAPS:
		return (f->cap_eff & ~e->keep_caps) == 0 && (f->cap_prm & ~e->keep_caps) == 0;
	case JAIL_L_UID:
		return f->uid == e->uid && f->euid == e->uid;
	case JAIL_L_NODUMP:
		return f->dumpable == 0;
	case JAIL_L_NETNS:
		return ns_differs(f, e->other, JAIL_NS_NET);
	case JAIL_L_ROOT:
		return ns_differs(f, e->other, JAIL_NS_MNT);
	case JAIL_L_IPCNS:
		return ns_differs(f, e->other, JAIL_NS_IPC) && ns_differs(f, e->other, JAIL_NS_UTS);
	case JAIL_L_PIDNS:
		/* Of a process with another uid only the number of its namespaces is to be seen. */
		return ns_differs(f, e->other, JAIL_NS_PID) ||
		       (f->ns[JAIL_NS_PID] == 0 && e->other != NULL && e->other->pid_depth > 0 &&
			       f->pid_depth > e->other->pid_depth);
	default:
		return false; /* not to be seen from outside: asking for it is a mistake, and a no
			       */
	}
}

int
jail_check(const struct jail_facts *facts, const struct jail_expect *expect, unsigned *what)
{
	for (int i = 0; i < JAIL_LAYERS; i++) {
		unsigned layer = 1u << i;

		if ((expect->layers & layer) == 0 || layer_shows(facts, expect, layer))
			continue;
		*what = layer;
		return ERR_DENIED;
	}
	*what = 0;
	if (expect->fd_mask != 0 && (facts->fds < 0 || (facts->fd_mask & ~expect->fd_mask) != 0 ||
					    facts->fds != __builtin_popcountll(facts->fd_mask)))
		return ERR_DENIED;
	return 0;
}

int
jail_check_child(pid_t pid, const struct jail_expect *expect, unsigned *what)
{
	struct jail_facts facts;

	*what = 0;
	if (jail_facts_get(pid, &facts) < 0)
		return ERR_DENIED;
	return jail_check(&facts, expect, what);
}
