/* The state directory: made private, locked, and the only place where the supervisor opens files. */
#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "proto/tools.h"
#include "base/secret.h"
#include "base/weak.h"
#include "crypto/crypto.h"

#define KEY_LEN 32

static int
complain(const char *what, const char *path)
{
	log_error(what, LOG_C("path", path), LOG_ERRNO("errno", errno));
	return ERR_SYS;
}

/* Ours, a plain directory, and nobody else may look in. */
static int
check_private(int fd, const char *path)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return complain("cannot look at the state directory", path);
	if (st.st_uid != geteuid()) {
		log_error("the state directory belongs to somebody else: denied; run as its owner, "
			  "or choose another with MOLTBOT_STATE_DIR",
			LOG_C("path", path), LOG_U("owner", st.st_uid));
		return ERR_DENIED;
	}
	if ((st.st_mode & 077) != 0 && !WEAK(STATE_CHECK)) {
		log_warn("the state directory was open to others: now 0700", LOG_C("path", path));
		if (fchmod(fd, 0700) < 0)
			return complain("cannot make the state directory private", path);
	}
	return 0;
}

int
supervisor_state_open(struct sup *sup)
{
	int rc;

	if (mkdir(sup->paths.state, 0700) < 0 && errno != EEXIST)
		return complain("cannot make the state directory", sup->paths.state);
	sup->state_fd = open(sup->paths.state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (sup->state_fd < 0)
		return complain("cannot open the state directory", sup->paths.state);
	rc = check_private(sup->state_fd, sup->paths.state);
	if (rc < 0)
		return rc;
	if (mkdirat(sup->state_fd, "logs", 0700) < 0 && errno != EEXIST)
		return complain("cannot make the log directory", sup->paths.state);
	sup->log_fd = openat(sup->state_fd, "logs/gateway.log",
		O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (sup->log_fd < 0)
		return complain("cannot open the log file", "logs/gateway.log");
	return 0;
}

/* The lock dies with us, however we end; a former tree may need a moment to notice that its supervisor is gone. */
int
supervisor_state_lock(struct sup *sup)
{
	sup->lock_fd = openat(
		sup->state_fd, "gateway.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (sup->lock_fd < 0)
		return complain("cannot open the lock file", "gateway.lock");
	if (flock(sup->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		log_error("already running: another gateway uses this state directory; stop it "
			  "with `moltbot gateway stop`",
			LOG_C("state", sup->paths.state));
		return ERR_EXISTS;
	}
	return 0;
}

bool
supervisor_panic_stored(const struct sup *sup)
{
	return faccessat(sup->state_fd, "panic", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

void
supervisor_panic_store(struct sup *sup, bool on)
{
	int fd;

	if (!on) {
		(void)unlinkat(sup->state_fd, "panic", 0);
	} else {
		fd = openat(
			sup->state_fd, "panic", O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0)
			(void)complain("cannot store the kill switch", "panic");
		else
			close(fd);
	}
	(void)fsync(sup->state_fd);
}

int
supervisor_file_open(struct sup *sup, const char *name, int flags, uint32_t uid)
{
	int nofollow = WEAK(STATE_CHECK) ? 0 : O_NOFOLLOW;
	int fd = openat(sup->state_fd, name, flags | O_CREAT | O_CLOEXEC | nofollow, 0600);
	struct stat st;

	if (fd < 0)
		return complain("cannot open", name);
	if (fstat(fd, &st) < 0 ||
		(!WEAK(STATE_CHECK) &&
			(!S_ISREG(st.st_mode) || st.st_nlink != 1 || (st.st_mode & 077) != 0))) {
		log_error("refused: not a plain file of ours with mode 0600: denied",
			LOG_C("file", name), LOG_U("mode", st.st_mode & 07777));
		close(fd);
		return ERR_DENIED;
	}
	if (uid != 0 && st.st_uid != uid && fchown(fd, uid, uid) < 0) {
		close(fd);
		return complain("cannot give a file to its process", name);
	}
	return fd;
}

/* A folder of the state directory that belongs to one process. */
int
supervisor_dir_open(struct sup *sup, const char *name, uint32_t uid)
{
	int fd;
	struct stat st;

	if (mkdirat(sup->state_fd, name, 0700) < 0 && errno != EEXIST)
		return complain("cannot make", name);
	fd = openat(sup->state_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0)
		return complain("cannot open", name);
	if (uid != 0 && st.st_uid != uid && fchown(fd, uid, uid) < 0) {
		close(fd);
		return complain("cannot give a folder to its process", name);
	}
	return fd;
}

/*
 * Cells reach the workspace by its group and may make files in it, but nothing that is not theirs may they move or delete
 * (sticky). So the instruction files stay the owner's also where there are no mounts; missing ones are made, empty.
 */
static int
share_workspace(int fd, uint32_t gid)
{
	if (WEAK(WORKSPACE_OWNER))
		return fchown(fd, gid, gid);
	for (const char *const *name = tool_instructions; *name != NULL; name++) {
		int file = openat(fd, *name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

		if (file < 0 && errno != EEXIST)
			return complain("cannot make an instruction file", *name);
		if (file >= 0 && gid != 0 && (fchown(file, 0, gid) < 0 || fchmod(file, 0640) < 0)) {
			close(file);
			return complain("cannot give an instruction file to its readers", *name);
		}
		if (file >= 0)
			close(file);
	}
	if (gid != 0 && (fchown(fd, 0, gid) < 0 || fchmod(fd, 01770) < 0))
		return complain("cannot give the workspace to its cells", "workspace");
	return 0;
}

int
supervisor_workspace_open(struct sup *sup, uint64_t number)
{
	uint32_t gid = sup->root ? sup->uid_base + 64 + (uint32_t)number : 0;
	const char *path =
		number == 0 && sup->paths.workspace != NULL ? sup->paths.workspace : NULL;
	char name[32] = "workspace";
	struct stat st;
	int fd;

	if (path != NULL) {
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			return complain("cannot make the workspace", path);
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 || fstat(fd, &st) < 0)
			return complain("cannot open the workspace", path);
	} else {
		if (number > 0)
			snprintf(name, sizeof(name), "workspace-%u", (unsigned)number);
		fd = supervisor_dir_open(sup, name, 0);
	}
	if (fd >= 0 && share_workspace(fd, gid) < 0) {
		close(fd);
		return ERR_SYS;
	}
	return fd;
}

/* What sandbox keeps of its workspace: not in it, where cells could reach it. */
int
supervisor_labels_open(struct sup *sup, uint64_t number, uint32_t uid)
{
	char name[40];

	snprintf(name, sizeof(name), "workspace-%u.labels", (unsigned)number);
	return supervisor_file_open(sup, name, O_RDWR, uid);
}

/* The key in vault.key, made when there is none. */
static ssize_t
read_key_file(struct sup *sup, uint8_t key[KEY_LEN])
{
	int fd = supervisor_file_open(sup, "vault.key", O_RDWR, 0);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read(fd, key, KEY_LEN);
	if (n == 0) {
		crypto_random(key, KEY_LEN);
		n = write(fd, key, KEY_LEN) == KEY_LEN && fsync(fd) == 0 ? KEY_LEN : -1;
	}
	close(fd);
	if (n != KEY_LEN)
		log_error("vault.key does not hold 32 bytes: denied; restore it from your backup",
			LOG_I("bytes", n));
	return n;
}

/* The key for one purpose, derived from the one that there is, as a memfd. */
int
supervisor_key_open(struct sup *sup, const char *purpose)
{
	uint8_t key[KEY_LEN];
	uint8_t derived[KEY_LEN];
	ssize_t n = sup->key_fd >= 0 ? pread(sup->key_fd, key, sizeof(key), 0)
				     : read_key_file(sup, key);
	int fd = ERR_CRYPTO;

	if (n == KEY_LEN) {
		crypto_derive(key, purpose, SPAN_EMPTY, derived);
		fd = ipc_body_seal(span_of(derived, sizeof(derived)));
	}
	secret_wipe(key, sizeof(key));
	secret_wipe(derived, sizeof(derived));
	return fd;
}

int
supervisor_control_listen(struct sup *sup)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	mode_t mask;
	int rc;

	/* The path may be longer than sun_path: bind below a descriptor of the directory. */
	snprintf(sa.sun_path, sizeof(sa.sun_path), "/proc/self/fd/%d/control.sock", sup->state_fd);
	(void)unlinkat(sup->state_fd, "control.sock", 0);
	sup->control_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sup->control_fd < 0)
		return complain("cannot make the control socket", "control.sock");
	mask = umask(0177);
	rc = bind(sup->control_fd, (const struct sockaddr *)&sa, sizeof(sa));
	umask(mask);
	if (rc < 0 || listen(sup->control_fd, 64) < 0)
		return complain("cannot open the control socket", "control.sock");
	return 0;
}
