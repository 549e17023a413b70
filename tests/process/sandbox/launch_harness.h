/* Runs one call in a real cell and collects what it says. Shared by the launcher's tests, attacks and bench. */
#ifndef LAUNCH_HARNESS_H
#define LAUNCH_HARNESS_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "args/args.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "proto/tools.h"
#include "sandbox_launch.h"

/* One of its own a test: where there are no namespaces a cell ends all that has its uid. */
#define CELLS_UID ((uid_t)(61000 + getpid() % 4000))

struct launch {
	struct sandbox_env env;
	char dir[64];
	struct buf out;
	struct sandbox_result result;
	bool ended;
	pid_t init;
	struct sandbox_cell *cell;
};

static inline void
launch_on_init(struct sandbox_cell *cell, pid_t pid, int pidfd, void *arg)
{
	(void)cell;
	(void)pidfd;
	((struct launch *)arg)->init = pid;
}

static inline void
launch_on_output(struct sandbox_cell *cell, struct span data, void *arg)
{
	(void)cell;
	(void)buf_put(&((struct launch *)arg)->out, data);
}

static inline void
launch_on_end(struct sandbox_cell *cell, const struct sandbox_result *result, void *arg)
{
	struct launch *l = arg;

	(void)cell;
	l->result = *result;
	l->ended = true;
	l->cell = NULL;
}

static const struct sandbox_ops launch_ops = {
	.on_init = launch_on_init, .on_output = launch_on_output, .on_end = launch_on_end};

/* As the supervisor gives it to root's cells: theirs by group, the instruction files the owner's. */
static inline int
launch_share(const struct launch *l, gid_t gid)
{
	for (const char *const *name = tool_instructions; *name != NULL; name++) {
		int fd = openat(l->env.workspace, *name, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);

		if (fd < 0 || fchown(fd, 0, gid) != 0)
			return -1;
		close(fd);
	}
	return fchown(l->env.workspace, 0, gid) == 0 && fchmod(l->env.workspace, 01770) == 0 ? 0
											     : -1;
}

/* A workspace of its own, a tier, as the user we are (root: cells get CELLS_UID). 0, or -1. */
static inline int
launch_open(struct launch *l, const char *program, enum jail_tier tier)
{
	*l = (struct launch){.out = {.max = MIB(4u)}};
	(void)snprintf(l->dir, sizeof(l->dir), "/tmp/launch.XXXXXX");
	if (mkdtemp(l->dir) == NULL)
		return -1;
	l->env = (struct sandbox_env){.ev = ev_new(),
		.tier = tier,
		.landlock_max = -1,
		.workspace = open(l->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		.program = open(program, O_PATH | O_CLOEXEC),
		.cgroup_v2 = -1,
		.cgroup_memory = -1,
		.cgroup_pids = -1,
		.limits = SANDBOX_LIMITS_MOST};
	if (geteuid() == 0) {
		l->env.uid = l->env.gid = CELLS_UID;
		if (launch_share(l, l->env.gid) != 0)
			return -1;
	}
	if (l->env.workspace < 0 || l->env.program < 0)
		return -1;
	return jail_facts_get(0, &l->env.self);
}

static inline void
launch_rm(const char *dir)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)execl("/bin/rm", "rm", "-rf", dir, (char *)NULL);
		_exit(1);
	}
	(void)waitpid(pid, NULL, 0);
}

static inline void
launch_close(struct launch *l)
{
	ev_free(l->env.ev);
	close(l->env.workspace);
	close(l->env.program);
	buf_clear(&l->out);
	launch_rm(l->dir);
}

/* How many processes run under this uid. */
static inline unsigned
launch_processes_of(uid_t uid)
{
	DIR *dir = opendir("/proc");
	struct dirent *e;
	unsigned n = 0;

	while (dir != NULL && (e = readdir(dir)) != NULL) {
		struct stat st;
		char path[300];

		if (e->d_name[0] < '0' || e->d_name[0] > '9')
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%s", e->d_name);
		n += stat(path, &st) == 0 && st.st_uid == uid;
	}
	if (dir != NULL)
		(void)closedir(dir);
	return n;
}

static inline int
launch_new(struct launch *l)
{
	const char *step = NULL;

	buf_reset(&l->out);
	l->ended = false;
	l->init = 0;
	l->cell = sandbox_cell_new(&l->env, &launch_ops, l, &step);
	if (l->cell == NULL)
		(void)fprintf(stderr, "no cell: %s\n", step);
	return l->cell == NULL ? -1 : 0;
}

static inline void
launch_wait(struct launch *l)
{
	while (!l->ended)
		(void)ev_turn(l->env.ev, 1000);
}

/* One call with string arguments: name, value, ..., NULL. The result's rc. */
static inline int
launch_call_args(struct launch *l, unsigned tool, struct span args, uint32_t timeout_ms)
{
	struct buf list = {.max = MIB(2u)};
	struct span what;
	int body = -1;
	int rc = tool_args_check(tool, args, &list, &what);

	if (rc == 0 && list.len > 12000)
		body = ipc_body_seal(buf_span(&list));
	if (rc == 0 && launch_new(l) == 0) {
		rc = sandbox_cell_run(l->cell, (uint8_t)tool,
			body >= 0 ? SPAN_EMPTY : buf_span(&list), body, timeout_ms);
		if (rc == 0) {
			launch_wait(l);
			rc = l->result.rc;
		}
	} else if (rc == 0) {
		rc = ERR_SYS;
	}
	if (body >= 0)
		close(body);
	buf_clear(&list);
	return rc;
}

static inline int
launch_call(struct launch *l, unsigned tool, const char *name, struct span value, const char *name2,
	struct span value2)
{
	struct buf list = {.max = MIB(2u)};
	struct args_out out;
	int rc;

	args_out_init(&out, &list, false);
	if (name != NULL)
		args_out_str(&out, name, value);
	if (name2 != NULL)
		args_out_str(&out, name2, value2);
	rc = args_out_done(&out);
	if (rc == 0)
		rc = launch_call_args(l, tool, buf_span(&list), 10000);
	buf_clear(&list);
	return rc;
}

static inline int
launch_shell(struct launch *l, const char *command)
{
	return launch_call(
		l, TOOL_SHELL_EXEC, "command", span_from_cstr(command), NULL, SPAN_EMPTY);
}

#endif
