/*
 * One control group for all cells of this state directory, where groups can be made: v2 with memory and pids, else v1 memory
 * and pids. Named after the state directory, so that the next start finds and removes what a killed one left.
 */
#include "supervisor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "crypto/crypto.h"

/* HANDLE_CGROUP numbers: 2 is v2; 1 and 3 are v1 memory and pids. Hybrid systems mount v2 at "unified". */
static const struct {
	uint64_t which;
	const char *root;
	const char *needs;
} roots[] = {
	{2, "/sys/fs/cgroup", "cgroup.controllers"},
	{1, "/sys/fs/cgroup/memory", "memory.limit_in_bytes"},
	{3, "/sys/fs/cgroup/pids", "tasks"},
};

static void
group_name(const struct sup *sup, char name[32])
{
	uint8_t hash[32];

	crypto_sha256(span_from_cstr(sup->paths.state), hash);
	snprintf(name, 32, "moltbot-%02x%02x%02x%02x", hash[0], hash[1], hash[2], hash[3]);
}

static int
open_root(size_t i)
{
	int fd = open(roots[i].root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 && faccessat(fd, roots[i].needs, F_OK, 0) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static void
write_text(int dir, const char *file, const char *text)
{
	int fd = openat(dir, file, O_WRONLY | O_CLOEXEC);
	ssize_t ignored;

	if (fd < 0)
		return;
	ignored = write(fd, text, strlen(text));
	(void)ignored;
	close(fd);
}

/* sandbox makes its cells' groups in it. Where that fails cells are limited by rlimits, and the tier's report says so. */
static void
give_group(int group, uint32_t uid)
{
	if (fchown(group, uid, uid) < 0 || fchownat(group, "cgroup.procs", uid, uid, 0) < 0)
		log_debug("control group not given to sandbox", LOG_ERRNO("errno", errno));
}

int
supervisor_cgroup_open(struct sup *sup, uint64_t which, uint32_t uid)
{
	char name[32];
	int group = -1;

	group_name(sup, name);
	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		int root;

		if (roots[i].which != which)
			continue;
		root = open_root(i);
		if (root < 0)
			return -1;
		if (which == 2)
			write_text(root, "cgroup.subtree_control", "+memory +pids");
		(void)mkdirat(root, name, 0755);
		group = openat(root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		close(root);
		if (group >= 0 && which == 2)
			write_text(group, "cgroup.subtree_control", "+memory +pids");
		if (group >= 0 && uid != 0) {
			give_group(group, uid);
		}
	}
	return group;
}

static void
kill_members(int group)
{
	int fd = openat(group, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	char line[32];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		struct span s = span_trim(span_from_cstr(line));
		uint64_t pid;

		if (span_to_u64(s, 2, INT32_MAX, &pid) == 0)
			(void)kill((pid_t)pid, SIGKILL);
	}
	if (f != NULL)
		fclose(f);
}

/* Cells' groups lie directly below ours. */
static void
clear_group(int group)
{
	DIR *d = fdopendir(dup(group));
	struct dirent *e;

	write_text(group, "cgroup.kill", "1");
	while (d != NULL && (e = readdir(d)) != NULL) {
		int sub;

		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		sub = openat(group, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (sub < 0)
			continue;
		kill_members(sub);
		close(sub);
		(void)unlinkat(group, e->d_name, AT_REMOVEDIR);
	}
	if (d != NULL)
		closedir(d);
	kill_members(group);
}

void
supervisor_cgroup_clear(struct sup *sup)
{
	char name[32];

	group_name(sup, name);
	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		int root = open_root(i);
		int group = root < 0 ? -1
				     : openat(root, name,
					       O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

		if (group >= 0) {
			clear_group(group);
			close(group);
			(void)unlinkat(root, name, AT_REMOVEDIR);
		}
		if (root >= 0)
			close(root);
	}
}
