/*
 * moltbot-cell outside PROFILE STATE: the attempts once more, where nothing holds them, so that "held" inside means something.
 * Started by `moltbot doctor --prove` with the rights of whoever types that; it serves nobody and stays for nothing. What
 * could do harm is done in a mount namespace of its own, with arguments that mean nothing, or not at all (bombs).
 */
#include "probe.h"

#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "proto/tools.h"

#define MARK_FD 60

/* What the attempts are to find: a socket, a segment, a descriptor, the owner's instructions. */
static int
furnish(int *segment)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int n = snprintf(sun.sun_path + 1, sizeof(sun.sun_path) - 1, "moltbot-probe-%u",
		probe_world.host_pid);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && (bind(fd, (struct sockaddr *)&sun,
				(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
					    (size_t)n)) != 0 ||
			       listen(fd, 1) != 0))
		close(fd);
	*segment = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
	return dup2(null, MARK_FD) == MARK_FD ? 0 : -1;
}

static void
clear_folder(const char *dir)
{
	for (const char *const *name = tool_instructions; *name != NULL; name++)
		(void)unlink(*name);
	if (chdir("/") == 0)
		(void)rmdir(dir);
}

/* Mounts made here are seen by nobody else; who may not do this may not mount either. */
static void
leave_the_mounts(void)
{
	if (unshare(CLONE_NEWNS) == 0)
		(void)mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

/* An attempt that waits for ever is no answer. */
static int
limit_time(const void *arg)
{
	(void)arg;
	(void)alarm(5);
	return 0;
}

int
probe_outside(int argc, char **argv)
{
	char dir[] = "/tmp/moltbot-probe.XXXXXX";
	uint64_t profile;
	int segment = -1;

	if (argc != 4 || span_to_u64(span_from_cstr(argv[2]), 0, 1, &profile) < 0 ||
		span_to_cstr(
			span_from_cstr(argv[3]), probe_world.state, sizeof(probe_world.state)) < 0)
		return 2;
	leave_the_mounts();
	if (mkdtemp(dir) == NULL || chdir(dir) != 0)
		return 1;
	probe_world.outside = true;
	probe_world.host_pid = (uint32_t)getpid();
	probe_world.fds = 7;
	if (furnish(&segment) == 0)
		for (unsigned i = 0; i < PROBE_N; i++)
			if (probe_rows[i].kind == PROBE_ATTEMPT &&
				probe_applies(i, (unsigned)profile, JAIL_TIER_FULL))
				(void)printf("%s %d\n", probe_rows[i].name,
					(int)probe_try(i, limit_time, NULL));
	if (segment >= 0)
		(void)shmctl(segment, IPC_RMID, NULL);
	clear_folder(dir);
	return fflush(stdout) == 0 ? 0 : 1;
}
