#include "sandbox_launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"

enum { V2, V1_MEMORY, V1_PIDS, PARENTS };
_Static_assert(PARENTS == SANDBOX_CGROUPS, "one descriptor a parent");

static int
put(int parent, const char *name, const char *file, const char *text)
{
	char path[96];
	size_t len = span_from_cstr(text).len;
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", name, file);
	fd = openat(parent, path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return ERR_SYS;
	n = write(fd, text, len);
	close(fd);
	return n == (ssize_t)len ? 0 : ERR_SYS;
}

void
sandbox_cgroup_make(struct sandbox_cgroup *g, const struct sandbox_env *env, uint64_t number)
{
	static const char *const memory_files[] = {"memory.max", "memory.limit_in_bytes", NULL};
	static const char *const pids_files[] = {"pids.max", NULL, "pids.max"};
	char memory[32];
	char pids[32];

	*g = (struct sandbox_cgroup){
		.parents = {env->cgroup_v2, env->cgroup_memory, env->cgroup_pids}};
	(void)snprintf(g->name, sizeof(g->name), "cell-%d-%llu", (int)getpid(),
		(unsigned long long)number);
	(void)snprintf(memory, sizeof(memory), "%llu", (unsigned long long)env->limits.memory);
	(void)snprintf(pids, sizeof(pids), "%u", (unsigned)env->limits.pids);
	for (int i = 0; i < PARENTS; i++) {
		if (g->parents[i] < 0 || mkdirat(g->parents[i], g->name, 0755) != 0)
			continue;
		g->made |= 1u << i;
		if (memory_files[i] != NULL &&
			put(g->parents[i], g->name, memory_files[i], memory) == 0)
			g->memory = true;
		if (pids_files[i] != NULL && put(g->parents[i], g->name, pids_files[i], pids) == 0)
			g->pids = true;
	}
	if (g->made & 1u << V2) {
		(void)put(g->parents[V2], g->name, "memory.swap.max", "0");
		(void)put(g->parents[V2], g->name, "memory.oom.group", "1");
	}
}

int
sandbox_cgroup_open(const struct sandbox_cgroup *g, int fds[SANDBOX_CGROUPS])
{
	char path[96];
	bool failed = false;

	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", g->name);
	for (int i = 0; i < PARENTS; i++) {
		fds[i] = -1;
		if (!(g->made & 1u << i))
			continue;
		fds[i] = openat(g->parents[i], path, O_WRONLY | O_CLOEXEC);
		failed |= fds[i] < 0;
	}
	for (int i = 0; i < PARENTS && failed; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
	return failed ? ERR_SYS : 0;
}

/* Version 1 has no file for it: the list is read until it is empty. */
static void
kill_listed(int parent, const char *name)
{
	char path[96];
	char text[4096];

	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", name);
	for (int i = 0; i < 20; i++) {
		int fd = openat(parent, path, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));
		struct span rest;

		if (fd >= 0)
			close(fd);
		if (n <= 0)
			return;
		rest = span_of(text, (size_t)n);
		while (rest.len > 0) {
			uint64_t pid;

			if (span_to_u64(span_cut(&rest, '\n'), 1, INT32_MAX, &pid) == 0)
				(void)kill((pid_t)pid, SIGKILL);
		}
	}
}

void
sandbox_cgroup_kill(struct sandbox_cgroup *g)
{
	if ((g->made & 1u << V2) && put(g->parents[V2], g->name, "cgroup.kill", "1") == 0)
		return;
	for (int i = 0; i < PARENTS; i++)
		if (g->made & 1u << i)
			kill_listed(g->parents[i], g->name);
}

void
sandbox_cgroup_remove(struct sandbox_cgroup *g)
{
	for (int i = 0; i < PARENTS; i++) {
		if (!(g->made & 1u << i))
			continue;
		for (int tries = 0; tries < 50;
			tries++) { /* its dead leave it a moment after they were waited for */
			if (unlinkat(g->parents[i], g->name, AT_REMOVEDIR) == 0 || errno != EBUSY)
				break;
			(void)usleep(200);
		}
	}
	g->made = 0;
}
