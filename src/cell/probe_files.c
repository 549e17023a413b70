/* Attempts at files: of the host, of the gateway, and the owner's instructions. */
#include "probe.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "proto/tools.h"

#define SCRATCH ".moltbot-probe"

static long
open_read(const char *path)
{
	return probe_close(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
}

/* What was made is removed again. */
static long
open_write(const char *path)
{
	long fd = probe_close(open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));

	if (fd >= 0)
		(void)unlink(path);
	return fd;
}

static const char *
in_proc(const char *name)
{
	static char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%u/%s", probe_world.host_pid, name);
	return path;
}

static const char *
in_state(const char *name)
{
	static char path[sizeof(probe_world.state) + 64];

	(void)snprintf(path, sizeof(path), "%s/%s", probe_world.state, name);
	return path;
}

long
attempt_SHADOW(void)
{
	return open_read("/etc/shadow");
}

long
attempt_PROC_ROOT(void)
{
	/* in a pid namespace of its own, 1 is the cell itself: only a root that holds more than the cell's is an escape */
	if (access("/proc/1/root/root", F_OK) != 0)
		return -1;
	return open_read("/proc/1/root/root");
}

long
attempt_SELF_ROOT(void)
{
	return open_read("/proc/self/root/root");
}

long
attempt_HOST_ROOT_HOME(void)
{
	return open_read("/root");
}

long
attempt_HOST_HOME(void)
{
	return open_read("/home");
}

long
attempt_HOST_VAR(void)
{
	return open_read("/var");
}

long
attempt_HOST_SYS(void)
{
	return open_read("/sys");
}

/* The sandbox, or whatever has its number: a process that is not this cell's. */
long
attempt_HOST_PROCESSES(void)
{
	DIR *dir = opendir("/proc");
	struct dirent *e;
	bool found = false;
	char wanted[16];

	if (dir == NULL)
		return -1;
	(void)snprintf(wanted, sizeof(wanted), "%u", probe_world.host_pid);
	while ((e = readdir(dir)) != NULL)
		if (strcmp(e->d_name, wanted) == 0)
			found = true;
	(void)closedir(dir);
	return found ? 0 : probe_fail(ENODATA);
}

long
attempt_PARENT_PROC(void)
{
	return open_read(in_proc("maps"));
}

long
attempt_PARENT_ENVIRON(void)
{
	return open_read(in_proc("environ"));
}

long
attempt_PARENT_FDS(void)
{
	return open_read(in_proc("fd"));
}

/* Each line ends with the group's path; in a namespace of its own that is the root. */
long
attempt_CGROUP_VIEW(void)
{
	char text[4096];
	int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
	ssize_t n;
	struct span rest;

	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof(text));
	close(fd);
	rest = span_of(text, n > 0 ? (size_t)n : 0);
	while (rest.len > 0) {
		struct span line = span_cut(&rest, '\n');

		(void)span_cut(&line, ':');
		(void)span_cut(&line, ':');
		if (line.len > 1)
			return 0;
	}
	return probe_fail(ENODATA);
}

long
attempt_STATE_DIR(void)
{
	return open_read(probe_world.state);
}

long
attempt_VAULT_KEY(void)
{
	return open_read(in_state("vault.key"));
}

long
attempt_VAULT_BOX(void)
{
	return open_read(in_state("vault.box"));
}

long
attempt_AUDIT_LOG(void)
{
	return probe_close(open(in_state("audit.log"), O_WRONLY | O_APPEND | O_CLOEXEC));
}

long
attempt_OTHER_WORKSPACE(void)
{
	return open_read(in_state("workspace-1"));
}

long
attempt_CONTROL_SOCKET(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%.80s/control.sock", probe_world.state);
	return connect(fd, (struct sockaddr *)&sun, sizeof(sun));
}

long
attempt_WRITE_USR(void)
{
	return open_write("/usr/" SCRATCH);
}

long
attempt_WRITE_ETC(void)
{
	return open_write("/etc/" SCRATCH);
}

long
attempt_WRITE_ROOT(void)
{
	return open_write("/" SCRATCH);
}

long
attempt_DOTDOT(void)
{
	return open_read("../../../../../../../../../../root");
}

long
attempt_SYMLINK(void)
{
	long rc;
	int saved;

	(void)unlink(SCRATCH);
	if (symlink("/etc/shadow", SCRATCH) != 0)
		return 0; /* no attempt was made, which is no proof of anything */
	rc = open_read(SCRATCH);
	saved = errno;
	(void)unlink(SCRATCH);
	errno = saved;
	return rc;
}

long
attempt_HARDLINK(void)
{
	long rc = link("/usr/bin/env", SCRATCH);

	if (rc == 0)
		(void)unlink(SCRATCH);
	return rc;
}

long
attempt_INSTRUCTIONS(void)
{
	for (const char *const *name = tool_instructions; *name != NULL; name++)
		if (probe_close(open(*name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) >= 0)
			return 0;
	return -1;
}

/* Exchanged, not replaced, and changed back: an attempt that works costs the owner nothing. */
long
attempt_INSTRUCTIONS_MOVE(void)
{
	long rc = -1;
	int saved;

	if (probe_close(open(SCRATCH, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) < 0)
		return 0;
	for (const char *const *name = tool_instructions; rc != 0 && *name != NULL; name++) {
		rc = renameat2(AT_FDCWD, SCRATCH, AT_FDCWD, *name, RENAME_EXCHANGE);
		if (rc == 0)
			(void)renameat2(AT_FDCWD, SCRATCH, AT_FDCWD, *name, RENAME_EXCHANGE);
	}
	saved = errno;
	(void)unlink(SCRATCH);
	errno = saved;
	return rc;
}

long
attempt_INSTRUCTIONS_REMOVE(void)
{
	for (const char *const *name = tool_instructions; *name != NULL; name++)
		if (rename(*name, SCRATCH) == 0)
			return rename(SCRATCH, *name);
	return -1;
}

long
attempt_MKNOD(void)
{
	long rc = mknod(SCRATCH, S_IFCHR | 0600, 0x103);

	if (rc == 0)
		(void)unlink(SCRATCH);
	return rc;
}

long
attempt_DEVICE(void)
{
	return open_read("/dev/kmsg");
}
