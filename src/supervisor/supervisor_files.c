/* The configuration's folder: what is beneath it, opened for config, which has no file system. */
#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_LEN 1024

int
supervisor_config_folder(const struct sup *sup)
{
	char folder[PATH_LEN];
	char *slash;

	snprintf(folder, sizeof(folder), "%s", sup->paths.config);
	slash = strrchr(folder, '/');
	if (slash != NULL)
		slash[slash == folder ? 1 : 0] = '\0';
	return open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* A state directory may be the same folder: keys, box and log do not end like this. */
static bool
is_config_name(struct span name)
{
	return (name.len > 5 && span_eq(span_sub(name, name.len - 5, 5), SPAN(".json"))) ||
	       (name.len > 6 && span_eq(span_sub(name, name.len - 6, 6), SPAN(".json5")));
}

/* A folder's descriptor would be a way to everything beneath it. */
static int
only_file(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return -EISDIR;
}

int
supervisor_include_open(const struct sup *sup, struct span name)
{
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
			   RESOLVE_NO_XDEV};
	char text[CONFIG_INCLUDE_NAME_MAX + 1];
	int folder;
	int fd;

	if (!is_config_name(name) || span_to_cstr(name, text, sizeof(text)) < 0)
		return -EINVAL;
	folder = supervisor_config_folder(sup);
	if (folder < 0)
		return -errno;
	fd = (int)syscall(SYS_openat2, folder, text, &how, sizeof(how));
	if (fd < 0)
		fd = -errno;
	close(folder);
	return fd < 0 ? fd : only_file(fd);
}
