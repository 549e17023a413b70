/* TLS of the gateway itself: tls has the listeners then, and tls/key a key of ours or the owner's, in files that only he reads. */
#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/weak.h"
#include "proto/config_supervisor.h"

enum { CERT, KEY };

static const char *const names[] = {"gateway.tls.certPath", "gateway.tls.keyPath"};

int
supervisor_on_tls_file(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct config_supervisor_tls_file *msg = m;
	struct sup *sup = arg;
	char path[TLS_PATH_MAX + 1];

	(void)chan;
	if (msg->what > KEY || span_to_cstr(msg->path, path, sizeof(path)) < 0)
		return ERR_RANGE;
	if (!sup->reloading)
		memcpy(sup->tls_files[msg->what], path, sizeof(path));
	else if (strcmp(sup->tls_files[msg->what], path) != 0)
		sup->moved = true;
	return 0;
}

/* A plain file of the gateway's user or of root; nobody else may write it, or read it when it is the key. -1: said why. */
static int
open_file(const struct sup *sup, unsigned what)
{
	const char *path = sup->tls_files[what];
	mode_t others = what == KEY ? 077 : 022;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		log_error("TLS: a file cannot be opened", LOG_C("option", names[what]),
			LOG_C("path", path), LOG_ERRNO("errno", errno));
	} else if (!S_ISREG(st.st_mode) || (st.st_uid != geteuid() && st.st_uid != 0) ||
		   ((st.st_mode & others) != 0 && !WEAK(STATE_CHECK))) {
		log_error(what == KEY
				  ? "TLS: refused: the key must be a plain file of the gateway's "
				    "user that nobody else may read: chmod 600"
				  : "TLS: refused: the certificate must be a plain file that "
				    "nobody else may write: chmod 644",
			LOG_C("option", names[what]), LOG_C("path", path),
			LOG_U("mode", st.st_mode & 07777), LOG_U("owner", st.st_uid));
	} else {
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

void
supervisor_tls_handles(
	struct sup *sup, uint32_t uid, void (*give)(void *arg, uint8_t what, int fd), void *arg)
{
	give(arg, HANDLE_TLS_SHOW, supervisor_file_open(sup, "tls-cert.pem", O_RDWR, uid));
	if (sup->values[VALUE_TLS] == TLS_FILES) {
		give(arg, HANDLE_TLS_CERT, open_file(sup, CERT));
		give(arg, HANDLE_TLS_KEY, open_file(sup, KEY));
		return;
	}
	give(arg, HANDLE_BOX, supervisor_file_open(sup, "tls.box", O_RDWR, uid));
	give(arg, HANDLE_BOX_KEY, supervisor_key_open(sup, "tls box"));
}

/* Before any process is greeted, so that what cannot be read is a mistake of the configuration. */
int
supervisor_tls_start(struct sup *sup)
{
	if (sup->values[VALUE_TLS] == TLS_OFF)
		return 0;
	for (unsigned what = CERT; sup->values[VALUE_TLS] == TLS_FILES && what <= KEY; what++) {
		int fd = open_file(sup, what);

		if (fd < 0)
			return ERR_DENIED;
		close(fd);
	}
	return supervisor_child_new(sup, KIND_TLS_KEY, 0) == NULL ||
			       supervisor_child_new(sup, KIND_TLS, 0) == NULL
		       ? ERR_SYS
		       : 0;
}
