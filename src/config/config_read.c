#include "config_read.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "proto/config_supervisor.h"

#define CHUNK KIB(8)

int
config_read_fd(int fd, struct buf *out, bool regular)
{
	struct stat st;
	off_t at = 0;

	if (fd < 0)
		return -EBADF;
	if (regular && fstat(fd, &st) < 0)
		return -errno;
	if (regular && !S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	while (out->len < out->max) {
		size_t want = out->max - out->len < CHUNK ? out->max - out->len : CHUNK;
		uint8_t *p = buf_room(out, want);
		ssize_t n = p == NULL ? 0 : pread(fd, p, want, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		buf_added(out, (size_t)n);
		at += n;
	}
	return 0;
}

/* Nothing there, or something that cannot be opened: only the first is the same as no configuration. */
static int
why_closed(struct span path)
{
	struct stat st;
	char text[KIB(4)];

	if (span_to_cstr(path, text, sizeof(text)) < 0)
		return ENAMETOOLONG;
	if (lstat(text, &st) < 0)
		return errno == ENOENT ? 0 : errno;
	return S_ISLNK(st.st_mode) ? ELOOP : EACCES;
}

int
config_read_file(int fd, struct span path, struct buf *out, bool *absent)
{
	int rc;

	*absent = false;
	if (fd >= 0)
		return -config_read_fd(fd, out, true);
	rc = why_closed(path);
	*absent = rc == 0;
	return rc;
}

void
config_source_take(struct config_source *s, int fd, int err)
{
	s->err = fd < 0 ? err : -config_read_fd(fd, &s->text, true);
	s->loaded = true;
}

void
config_source_read(int folder, struct config_source *s)
{
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
			   RESOLVE_NO_XDEV};
	char name[CONFIG_INCLUDE_NAME_MAX + 1];
	int fd = -1;

	if (span_to_cstr(s->name, name, sizeof(name)) == 0)
		fd = (int)syscall(SYS_openat2, folder, name, &how, sizeof(how));
	else
		errno = EINVAL;
	config_source_take(s, fd, errno);
	if (fd >= 0)
		close(fd);
}

int
config_sources_ask(struct ipc_chan *chan, const struct config_sources *s, size_t *asked)
{
	int rc = 0;

	for (; *asked < s->n && rc == 0; (*asked)++)
		rc = config_supervisor_include_send(
			chan, &(struct config_supervisor_include){
				      .file = (uint32_t)*asked, .name = s->rows[*asked].name});
	return rc;
}

int
config_sources_answer(struct config_sources *s, size_t asked, uint32_t file, int fd, int err)
{
	bool all = true;

	if (file >= asked || s->rows[file].loaded)
		return ERR_PROTO;
	config_source_take(&s->rows[file], fd, err);
	for (size_t i = 0; i < asked; i++)
		all = all && s->rows[i].loaded;
	return all;
}

void
config_refuse(struct config *c, const struct config_input *in, int err)
{
	*c = (struct config){.in = in};
	arena_init(&c->arena, CONFIG_ARENA_MAX);
	c->notes = mem_alloc(CONFIG_NOTES_MAX, sizeof(c->notes[0]));
	config_mistake(c, (struct json_pos){0},
		"the file is there and cannot be read (%s); nothing is started without it",
		strerrordesc_np(err) == NULL ? "?" : strerrordesc_np(err));
}

void
config_write_all(int fd, struct span s)
{
	while (s.len > 0) {
		ssize_t n = write(fd, s.ptr, s.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		s = span_sub(s, (size_t)n, s.len);
	}
}
