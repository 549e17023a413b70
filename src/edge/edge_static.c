#include "edge_static.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "crypto/crypto_encode.h"

#define DEPTH_MAX 8
#define ETAG_BYTES 16

static struct edge_file files[EDGE_UI_FILES_MAX];
static size_t nfiles;
static size_t total;

static const struct {
	const char *ext;
	const char *type;
} types[] = {
	{".html", "text/html; charset=utf-8"},
	{".js", "text/javascript; charset=utf-8"},
	{".mjs", "text/javascript; charset=utf-8"},
	{".css", "text/css; charset=utf-8"},
	{".json", "application/json"},
	{".map", "application/json"},
	{".webmanifest", "application/manifest+json"},
	{".svg", "image/svg+xml"},
	{".png", "image/png"},
	{".jpg", "image/jpeg"},
	{".gif", "image/gif"},
	{".webp", "image/webp"},
	{".ico", "image/x-icon"},
	{".woff2", "font/woff2"},
	{".txt", "text/plain; charset=utf-8"},
};

static struct span
type_of(struct span path)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (span_ends_with(path, span_from_cstr(types[i].ext)))
			return span_from_cstr(types[i].type);
	}
	return SPAN("application/octet-stream");
}

static struct span
etag_of(struct span body)
{
	uint8_t hash[CRYPTO_SHA256_LEN];
	char hex[2 * ETAG_BYTES + 1];
	struct buf b = {.max = 64};

	crypto_sha256(body, hash);
	crypto_hex_encode(span_of(hash, ETAG_BYTES), hex);
	buf_put_fmt(&b, "\"%s\"", hex);
	return buf_span(&b);
}

static int
read_all(int fd, size_t len, uint8_t *out)
{
	size_t at = 0;

	while (at < len) {
		ssize_t n = read(fd, out + at, len - at);

		if (n <= 0)
			return ERR_SYS;
		at += (size_t)n;
	}
	return 0;
}

static int
open_file(int dirfd, const char *name, struct span path)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	int rc = ERR_SYS;

	if (fd < 0)
		return ERR_SYS;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		rc = ERR_TOOBIG;
		if (nfiles < EDGE_UI_FILES_MAX && st.st_size >= 0 &&
			(uint64_t)st.st_size <= EDGE_UI_MAX - total) {
			total += (size_t)st.st_size;
			files[nfiles++] = (struct edge_file){
				.path = span_of(mem_copy(path), path.len),
				.type = type_of(path),
				.body = span_of(NULL, (size_t)st.st_size),
				.fd = fd,
				.modified = st.st_mtime,
			};
			return 0;
		}
	}
	close(fd);
	return rc;
}

static int
read_file(struct edge_file *f)
{
	uint8_t *body = mem_alloc(f->body.len + 1, 1);

	if (read_all(f->fd, f->body.len, body) < 0) {
		free(body);
		(void)lseek(f->fd, 0, SEEK_SET); /* it may be whole at the next request */
		return ERR_SYS;
	}
	close(f->fd);
	f->fd = -1;
	f->body = span_of(body, f->body.len);
	f->etag = etag_of(f->body);
	return 0;
}

struct folder {
	DIR *dir;
	size_t path_len; /* of its path in the walk's buffer */
};

struct walk {
	struct folder stack[DEPTH_MAX];
	size_t depth;
	struct buf path;
};

static int
enter(struct walk *w, int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return ERR_SYS;
	if (w->depth == DEPTH_MAX) {
		close(fd);
		return ERR_TOOBIG;
	}
	w->stack[w->depth] = (struct folder){.dir = fdopendir(fd), .path_len = w->path.len};
	if (w->stack[w->depth].dir == NULL) {
		close(fd);
		return ERR_SYS;
	}
	w->depth++;
	return 0;
}

static int
take_entry(struct walk *w, const struct dirent *e)
{
	struct folder *f = &w->stack[w->depth - 1];
	struct stat st;
	int rc;

	if (e->d_name[0] == '.')
		return 0;
	if (fstatat(dirfd(f->dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return ERR_SYS;
	w->path.len = f->path_len;
	buf_put_u8(&w->path, '/');
	buf_put_cstr(&w->path, e->d_name);
	if (w->path.err < 0)
		return ERR_TOOBIG;
	if (S_ISDIR(st.st_mode))
		return enter(w, dirfd(f->dir), e->d_name);
	rc = S_ISREG(st.st_mode) ? open_file(dirfd(f->dir), e->d_name, buf_span(&w->path)) : 0;
	return rc;
}

static const struct {
	const char *ext;
	const char *name;
} codings[EDGE_CODINGS] = {
	[EDGE_IDENTITY] = {"", ""},
	[EDGE_GZIP] = {".gz", "gzip"},
	[EDGE_BROTLI] = {".br", "br"},
};

struct span
edge_coding_name(enum edge_coding coding)
{
	return span_from_cstr(codings[coding].name);
}

static struct edge_file *
file_of(struct span path)
{
	for (size_t i = 0; i < nfiles; i++) {
		if (span_eq(files[i].path, path))
			return &files[i];
	}
	return NULL;
}

/* One that is older than what it was made of is not of it any more. */
static void
join_variants(void)
{
	for (size_t i = 0; i < nfiles; i++) {
		for (unsigned k = EDGE_IDENTITY + 1; k < EDGE_CODINGS; k++) {
			struct span ext = span_from_cstr(codings[k].ext);
			struct edge_file *whole = NULL;

			if (span_ends_with(files[i].path, ext))
				whole = file_of(
					span_sub(files[i].path, 0, files[i].path.len - ext.len));
			files[i].is_coded = files[i].is_coded || whole != NULL;
			if (whole != NULL && files[i].modified >= whole->modified)
				whole->coded[k] = &files[i];
		}
	}
}

int
edge_static_load(int dirfd)
{
	struct walk w = {.path = {.max = KIB(4)}};
	int rc = enter(&w, dirfd, ".");

	while (rc == 0 && w.depth > 0) {
		const struct dirent *e = readdir(w.stack[w.depth - 1].dir);

		if (e == NULL)
			closedir(w.stack[--w.depth].dir);
		else
			rc = take_entry(&w, e);
	}
	while (w.depth > 0)
		closedir(w.stack[--w.depth].dir);
	buf_clear(&w.path);
	join_variants();
	return rc;
}

static bool
has_extension(struct span path)
{
	for (size_t i = path.len; i > 0 && path.ptr[i - 1] != '/'; i--) {
		if (path.ptr[i - 1] == '.')
			return true;
	}
	return false;
}

static bool
is_read(struct edge_file *f)
{
	return f->fd < 0 || read_file(f) == 0;
}

const struct edge_file *
edge_static_find(struct span path)
{
	struct span want = has_extension(path) ? path : SPAN("/index.html");
	struct edge_file *f = file_of(want);

	return f != NULL && !f->is_coded && is_read(f) ? f : NULL;
}

const struct edge_file *
edge_static_coded(const struct edge_file *file, enum edge_coding coding)
{
	struct edge_file *f = file->coded[coding];

	return f != NULL && is_read(f) ? f : NULL;
}
