#include "store.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "crypto/crypto.h"

/*
 * SQLite's own layer makes paths absolute, and looks at every folder on the way, some of which this process may not be able to
 * read. Here a name stays a name, in the directory that is the working directory from the start.
 */
static int
keep_name(sqlite3_vfs *vfs, const char *name, int cap, char *out)
{
	size_t len = strlen(name);

	(void)vfs;
	if (len + 1 > (size_t)cap || memchr(name, '/', len) != NULL)
		return SQLITE_CANTOPEN;
	memcpy(out, name, len + 1);
	return SQLITE_OK;
}

/* The original opens /dev/urandom, which the jail does not have. */
static int
randomness(sqlite3_vfs *vfs, int n, char *out)
{
	(void)vfs;
	crypto_random(out, (size_t)n);
	return n;
}

static void *
no_library(sqlite3_vfs *vfs, const char *name)
{
	(void)vfs;
	(void)name;
	return NULL;
}

int
store_vfs_init(int dirfd)
{
	static sqlite3_vfs vfs;
	const sqlite3_vfs *unix_vfs;

	if (fchdir(dirfd) < 0) {
		log_error("the database's directory cannot be entered", LOG_ERRNO("errno", errno));
		return ERR_SYS;
	}
	sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	if (sqlite3_initialize() != SQLITE_OK || (unix_vfs = sqlite3_vfs_find("unix")) == NULL)
		return ERR_IO;
	vfs = *unix_vfs;
	vfs.zName = "store";
	vfs.pNext = NULL;
	vfs.xFullPathname = keep_name;
	vfs.xRandomness = randomness;
	vfs.xDlOpen = no_library;
	return sqlite3_vfs_register(&vfs, 1) == SQLITE_OK ? 0 : ERR_IO;
}
